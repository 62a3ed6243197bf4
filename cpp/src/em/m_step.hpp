#pragma once

#include "em/sufficient_statistics.hpp"

#include <gaussmix/mixture.hpp>
#include <gaussmix/threads.hpp>

namespace gaussmix::detail {

/// The M-step of sums made under `previous`, which an empty component under OnDegenerate::floor goes back to (null: there is
/// none, and it raises), on the threads of `execution`. @throws as Statistics::maximize
Mixture m_step(const SufficientStatistics& sums, CovarianceType type, const Mixture* previous,
               const MaximizeOptions& options, MaximizeReport& report, const Execution& execution);

}  // namespace gaussmix::detail
