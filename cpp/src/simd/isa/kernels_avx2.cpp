#include "simd/kernels/kernels.inl.hpp"

namespace gaussmix::simd {

extern constexpr KernelTable kernels_avx2{"avx2",
                                          avx2::features,
                                          avx2::kernels<double>(),
                                          avx2::kernels<float>(),
                                          avx2::row_kernels<double>(),
                                          avx2::row_kernels<float>()};

}  // namespace gaussmix::simd
