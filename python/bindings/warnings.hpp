#pragma once

// What a call says where it ends with less than was asked for.

#include <gaussmix/fit.hpp>

#include <pybind11/pybind11.h>

#include <string>

namespace gaussmix::bindings {

/// gaussmix.ConvergenceWarning, gaussmix.DegenerateWarning and gaussmix.ScaleWarning.
pybind11::handle convergence_warning();
pybind11::handle degenerate_warning();
pybind11::handle scale_warning();

/// That EM stopped at max_iter, and what to do.
std::string convergence_text(int max_iter, double tol);

/// That EM stopped at its deadline of so many seconds.
std::string deadline_text(double deadline);

/// Which components and features were treated, why and how; empty where none were.
std::string degenerate_text(const MaximizeReport& treated);

/// Which features reg_covar blurs, and what to do; empty where it blurs none.
std::string scale_text(const MaximizeReport& treated, double reg_covar);

/// Warns with a text that is not empty, in the name of the line of Python that called. @throws py::error_already_set where
/// warnings are errors
void warn(pybind11::handle category, const std::string& text);

}  // namespace gaussmix::bindings
