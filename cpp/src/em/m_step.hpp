#pragma once

#include "em/sufficient_statistics.hpp"

#include <gaussmix/mixture.hpp>
#include <gaussmix/threads.hpp>

namespace gaussmix::detail {

/// The M-step (Bishop 2006, eqs. 9.24–9.26): π_k = n_k / Σ n, μ_k = pivot_k + δ_k, Σ_k of the covariance model, each as
/// the prior, if there is one, moves it, and what the policy makes of components for which that is no mixture. The sums
/// are made under `previous`, which an empty component under OnDegenerate::floor goes back to (null: there is none, and
/// it raises).
/// @throws DegenerateComponent for one that the policy does not go on with; otherwise as Statistics::maximize
Mixture m_step(const SufficientStatistics& data, CovarianceType type, const Mixture* previous,
               const MaximizeOptions& options, MaximizeReport& report, const Execution& execution);

}  // namespace gaussmix::detail
