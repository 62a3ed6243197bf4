#include "simd/kernels/kernels.inl.hpp"

namespace gaussmix::simd {

extern constexpr KernelTable kernels_avx512{"avx512",
                                            avx512::features,
                                            avx512::kernels<double>(),
                                            avx512::kernels<float>(),
                                            avx512::row_kernels<double>(),
                                            avx512::row_kernels<float>()};

}  // namespace gaussmix::simd
