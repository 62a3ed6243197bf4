#pragma once

// Python scalars to C++ values. Every error names the argument, the rule and the value met: TypeError for a wrong type,
// InvalidArgument for a wrong value.

#include "gil.hpp"

#include <gaussmix/threads.hpp>
#include <gaussmix/views.hpp>

#include <pybind11/pybind11.h>

#include <cstdint>
#include <string>
#include <vector>

namespace gaussmix::bindings {

/// "2.5 (float)": a value and its type as messages show them, cut to one readable line.
std::string described(py::handle value);

/// An int or NumPy integer within 64 bits; a bool is not one, nor is 2.0.
Index integer_argument(py::handle value, const char* name);
/// The same, within the range of a C++ int.
int int_argument(py::handle value, const char* name);
/// A float, int or other real number; not a bool.
double real_argument(py::handle value, const char* name);
/// True or False, Python's or NumPy's.
bool flag_argument(py::handle value, const char* name);
std::string text_argument(py::handle value, const char* name);

/// The names of features, or none for None; not a str, a set or a dict.
std::vector<std::string> feature_names_argument(py::handle value);
/// A tuple of str; None for no names.
py::object names_or_none(const std::vector<std::string>& names);

/// The seed that `random_state` stands for: an int in [0, 2⁶⁴) is the seed; a numpy.random Generator or RandomState is
/// asked for 8 bytes, so that it moves on; None asks the operating system.
std::uint64_t seed_argument(py::handle random_state);

/// None as 0, or an int in [least, max_num_threads].
int num_threads_argument(py::handle value, int least);

/// How a call of Python's runs: on `num_threads` (None or in [1, max_num_threads]), stopped by a signal handler that raises.
Execution execution_argument(py::handle num_threads);

}  // namespace gaussmix::bindings
