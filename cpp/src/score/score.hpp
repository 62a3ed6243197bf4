#pragma once

#include "simd/kernel_table.hpp"

#include <gaussmix/mixture.hpp>

namespace gaussmix::detail {

/// The public log_likelihood by these kernels.
double log_likelihood(const Mixture& mixture, const Samples& x, VectorView<const double> sample_weight,
                      const Execution& execution, const simd::KernelTable& kernels);

}  // namespace gaussmix::detail
