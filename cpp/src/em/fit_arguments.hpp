#pragma once

#include "em/fit_problem.hpp"

#include <string>

namespace gaussmix::detail {

/// Every rule of the arguments of fit(). @throws InvalidArgument naming the first that is broken
void check_fit_arguments(const FitProblem& problem);

/// The initial values that are given, in words; empty when none are.
std::string given_parameters(const FitOptions& options);

}  // namespace gaussmix::detail
