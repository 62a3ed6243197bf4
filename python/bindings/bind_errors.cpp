#include "bindings.hpp"

#include <gaussmix/error.hpp>

#include <string>
#include <string_view>

namespace gaussmix::bindings {

namespace py = pybind11;

namespace {

// Created once and never freed: the translator may run as long as the process does.
PyObject* gaussmix_error = nullptr;
PyObject* invalid_argument_error = nullptr;
PyObject* numerical_error = nullptr;
PyObject* format_error = nullptr;

PyObject* new_error(py::module_& m, const char* name, const char* doc, py::handle bases) {
  const std::string qualified = std::string("gaussmix.") + name;
  PyObject* type = PyErr_NewExceptionWithDoc(qualified.c_str(), doc, bases.ptr(), nullptr);
  if (type == nullptr) throw py::error_already_set();
  m.attr(name) = py::handle(type);
  return type;
}

/// Messages may name a path, which need not be UTF-8.
void set_error(PyObject* type, const Error& error) {
  const std::string_view text = error.what();
  PyObject* message = PyUnicode_DecodeUTF8(text.data(), static_cast<Py_ssize_t>(text.size()), "backslashreplace");
  if (message == nullptr) return;  // the error of that is set
  PyErr_SetObject(type, message);
  Py_DECREF(message);
}

void translate(std::exception_ptr thrown) {
  try {
    if (thrown) std::rethrow_exception(thrown);
  } catch (const InvalidArgument& error) {
    set_error(invalid_argument_error, error);
  } catch (const NumericalError& error) {
    set_error(numerical_error, error);
  } catch (const FormatError& error) {
    set_error(format_error, error);
  } catch (const Error& error) {
    set_error(gaussmix_error, error);
  }
}

}  // namespace

void bind_errors(py::module_& m) {
  gaussmix_error = new_error(m, "GaussmixError", "What every error of gaussmix derives from.", PyExc_Exception);
  const py::tuple bases = py::make_tuple(py::handle(gaussmix_error), py::handle(PyExc_ValueError));
  invalid_argument_error =
      new_error(m, "InvalidArgumentError", "An argument breaks a documented rule: shape, range, finiteness.", bases);
  numerical_error =
      new_error(m, "NumericalError",
                "What is asked for has no finite answer: a singular covariance, a collapsed component.", bases);
  format_error =
      new_error(m, "FormatError", "Bytes that gaussmix did not write: truncated, corrupt, of another version.", bases);
  py::register_local_exception_translator(translate);
}

}  // namespace gaussmix::bindings
