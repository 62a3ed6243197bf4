#pragma once

#include "em/sufficient_statistics.hpp"
#include "simd/dispatch.hpp"

#include <gaussmix/mixture.hpp>
#include <gaussmix/threads.hpp>

#include <cstdint>
#include <functional>

namespace gaussmix::detail {

/// One E-step over X under `mixture` (Bishop 2006, eqs. 9.13 and 9.14), whose means must be the pivots of `sums`: adds
/// everything to `sums`, in one read of X.
/// @param whole    no component is excluded from a row, however little it weighs there
/// @param labels   empty, or the likely component of each row, (N,), −1 where unknown. Those that this pass finds are
///                 written, and make the next pass faster; no result depends on them
/// @param kernels  do all of it, on every thread
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
