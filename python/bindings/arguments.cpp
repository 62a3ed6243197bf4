#include "arguments.hpp"

#include <gaussmix/error.hpp>

#include <limits>

namespace gaussmix::bindings {

namespace {

[[noreturn]] void throw_type(const char* name, const char* rule, py::handle value) {
  throw py::type_error(std::string(name) + " must be " + rule + ", but is " + described(value));
}

[[noreturn]] void throw_value(const char* name, const char* rule, py::handle value) {
  throw InvalidArgument(std::string(name) + " must be " + rule + ", but is " + std::string(py::str(value)));
}

/// value.__index__() as a Python int.
py::int_ python_int(py::handle value, const char* name, const char* rule) {
  if (PyBool_Check(value.ptr()) || !PyIndex_Check(value.ptr())) throw_type(name, rule, value);
  PyObject* number = PyNumber_Index(value.ptr());
  if (number != nullptr) return py::reinterpret_steal<py::int_>(number);
  if (PyErr_ExceptionMatches(PyExc_TypeError) == 0) throw py::error_already_set();
  PyErr_Clear();  // an array has __index__, which refuses all but scalars
  throw_type(name, rule, value);
}

bool is_instance(py::handle value, const char* module, const char* type) {
  return py::isinstance(value, py::module_::import(module).attr(type));
}

std::uint64_t seed_from_int(py::handle random_state) {
  const py::int_ number = python_int(random_state, "random_state", "None, an int, a Generator or a RandomState");
  const unsigned long long seed = PyLong_AsUnsignedLongLong(number.ptr());
  if (PyErr_Occurred() != nullptr) {
    PyErr_Clear();
    throw_value("random_state", "in [0, 2**64)", number);
  }
  return seed;
}

/// Called on the calling thread, without the GIL, at least every 0.1 s of work. Signals are the main thread's. Others do not ask
/// for the GIL, which they would never get when the interpreter ends, and keep what they have locked.
bool raise_pending_signal() {
  if (!is_main_thread()) return ends_elsewhere();
  return ask_python([] {
    if (call_python(PyErr_CheckSignals) != 0) throw py::error_already_set();
    return false;
  });
}

/// Text is one name, a set has no order, and of a dict only the keys would be seen.
bool may_hold_names(py::handle value) {
  return py::isinstance<py::iterable>(value) && !PyUnicode_Check(value.ptr()) && !PyAnySet_Check(value.ptr()) &&
         !PyDict_Check(value.ptr());
}

}  // namespace

std::string described(py::handle value) {
  constexpr std::size_t longest = 60;
  std::string text = py::repr(value);
  if (text.size() > longest) text = "an object";
  return text + " (" + Py_TYPE(value.ptr())->tp_name + ")";
}

Index integer_argument(py::handle value, const char* name) {
  const py::int_ number = python_int(value, name, "an int");
  int overflow = 0;
  const long long result = PyLong_AsLongLongAndOverflow(number.ptr(), &overflow);
  if (overflow != 0) throw_value(name, "within 64 bits", number);
  return result;
}

int int_argument(py::handle value, const char* name) {
  const Index result = integer_argument(value, name);
  if (result < std::numeric_limits<int>::min() || result > std::numeric_limits<int>::max()) {
    throw_value(name, "within 32 bits", value);
  }
  return static_cast<int>(result);
}

double real_argument(py::handle value, const char* name) {
  if (PyFloat_CheckExact(value.ptr())) return PyFloat_AS_DOUBLE(value.ptr());
  if (PyBool_Check(value.ptr()) || !is_instance(value, "numbers", "Real")) throw_type(name, "a real number", value);
  const double result = PyFloat_AsDouble(value.ptr());
  if (PyErr_Occurred() == nullptr) return result;
  if (PyErr_ExceptionMatches(PyExc_OverflowError) == 0) throw py::error_already_set();
  PyErr_Clear();
  throw_value(name, "within the range of float64", value);
}

bool flag_argument(py::handle value, const char* name) {
  if (!PyBool_Check(value.ptr()) && !is_instance(value, "numpy", "bool_")) throw_type(name, "a bool", value);
  return PyObject_IsTrue(value.ptr()) == 1;
}

std::string text_argument(py::handle value, const char* name) {
  if (!PyUnicode_Check(value.ptr())) throw_type(name, "a str", value);
  Py_ssize_t size = 0;
  if (const char* text = PyUnicode_AsUTF8AndSize(value.ptr(), &size)) return {text, static_cast<std::size_t>(size)};
  PyErr_Clear();  // a half of a surrogate pair
  throw InvalidArgument(std::string(name) + " must be text that UTF-8 can encode, but is " + described(value));
}

std::uint64_t seed_argument(py::handle random_state) {
  if (random_state.is_none()) {
    return py::cast<std::uint64_t>(py::module_::import("secrets").attr("randbits")(64));
  }
  if (is_instance(random_state, "numpy.random", "Generator") ||
      is_instance(random_state, "numpy.random", "RandomState")) {
    const py::object bytes = random_state.attr("bytes")(8);
    return py::cast<std::uint64_t>(py::type::of(py::int_()).attr("from_bytes")(bytes, "little"));
  }
  return seed_from_int(random_state);
}

int num_threads_argument(py::handle value, int least) {
  if (value.is_none()) return 0;
  const Index number = integer_argument(value, "num_threads");
  if (number < least || number > max_num_threads) {
    const std::string rule = "None or in [" + std::to_string(least) + ", " + std::to_string(max_num_threads) + "]";
    throw_value("num_threads", rule.c_str(), value);
  }
  return static_cast<int>(number);
}

Execution execution_argument(py::handle num_threads) {
  Execution execution;
  execution.stop = raise_pending_signal;
  execution.num_threads = num_threads_argument(num_threads, 1);
  return execution;
}

std::vector<std::string> feature_names_argument(py::handle value) {
  std::vector<std::string> names;
  if (value.is_none()) return names;
  if (!may_hold_names(value))
    throw py::type_error("feature_names must be a sequence of str, but is " + described(value));
  for (const py::handle name : value)
    names.push_back(text_argument(name, ("feature_names[" + std::to_string(names.size()) + "]").c_str()));
  if (names.empty()) throw InvalidArgument("feature_names must have a name for each feature, but has none");
  return names;
}

py::object names_or_none(const std::vector<std::string>& names) {
  if (names.empty()) return py::none();
  py::tuple out(names.size());
  for (std::size_t j = 0; j < names.size(); ++j) out[j] = names[j];
  return std::move(out);
}

}  // namespace gaussmix::bindings
