#pragma once

#include "em/sufficient_statistics.hpp"
#include "simd/dispatch.hpp"

#include <gaussmix/mixture.hpp>
#include <gaussmix/threads.hpp>

#include <cstdint>
#include <functional>

namespace gaussmix::detail {

/// One E-step over X under `mixture`, whose means must be the pivots of `sums`: adds everything to `sums`, in one read of X.
/// With `whole`, no component is excluded from a row however little it weighs there. `labels` (empty, or N, −1 where unknown)
/// are likely components, which the next pass is the quicker for; those that this pass finds are written. `kernels` do all of it,
/// on every thread.
/// @throws InvalidArgument naming the first value of X that is not finite; `sums` is then unchanged
void accumulate_expectation(const Mixture& mixture, const Samples& x, VectorView<const double> sample_weight,
                            bool whole, const Execution& execution, SufficientStatistics& sums,
                            VectorView<std::int32_t> labels = {},
                            const simd::KernelTable& kernels = simd::active_kernels());

/// Writes the responsibilities of rows [begin, end), (end − begin, K) row-major. Called from several threads at once.
using Assignment = std::function<void(Index begin, Index end, double* out)>;

/// The same with given responsibilities instead of an E-step; adds no log-likelihood.
void accumulate_assignment(const Assignment& assignment, const Samples& x, VectorView<const double> sample_weight,
                           const Execution& execution, SufficientStatistics& sums,
                           const simd::KernelTable& kernels = simd::active_kernels());

}  // namespace gaussmix::detail
