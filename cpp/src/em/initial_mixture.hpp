#pragma once

#include "em/fit_problem.hpp"

namespace gaussmix::detail {

/// The mixture that EM starts from: given whole, or estimated by an M-step from the shares that labels,
/// responsibilities or `init` give every row, with the parameters that are given in place of those estimated.
/// @throws NumericalError  when a component of the start degenerates under the policy of the options
Mixture initial_mixture(const FitProblem& problem, std::uint64_t seed, MaximizeReport& report);

}  // namespace gaussmix::detail
