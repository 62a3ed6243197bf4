#include "simd/kernels/kernels.inl.hpp"

namespace gaussmix::simd {

extern constexpr KernelTable kernels_baseline{"baseline",
                                              baseline::features,
                                              baseline::kernels<double>(),
                                              baseline::kernels<float>(),
                                              baseline::row_kernels<double>(),
                                              baseline::row_kernels<float>()};

}  // namespace gaussmix::simd
