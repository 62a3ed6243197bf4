// The extension gaussmix._core: one bind_<noun> per concept.

#include "bindings.hpp"
#include "gil.hpp"

namespace py = pybind11;
using namespace gaussmix::bindings;

namespace {

/// Sets an ImportError in any other. The extension's types and errors, and the GIL that its calls take back, are one interpreter's.
bool in_main_interpreter() {
  if (PyInterpreterState_Get() == PyInterpreterState_Main()) return true;
  PyErr_SetString(PyExc_ImportError,
                  "gaussmix works in the main interpreter alone, but this is a sub-interpreter: use processes instead");
  return false;
}

}  // namespace

PYBIND11_MODULE(bindings, m) {
  if (!in_main_interpreter()) throw py::error_already_set();  // Python 3.13 runs what is below in the main one

  // Docstrings begin with a signature that `inspect` reads; pybind11's would say `object` everywhere.
  py::options options;
  options.disable_function_signatures();

  // Classes and errors belong to the package that people import: they print, and are pickled, as gaussmix.Mixture.
  const py::object name = m.attr("__name__");
  m.attr("__name__") = "gaussmix";
  find_main_thread();
  bind_errors(m);
  bind_warnings(m);
  bind_runtime(m);
  bind_samples(m);
  bind_mixture(m);
  bind_row_scorer(m);
  bind_statistics(m);
  bind_init(m);
  bind_fit(m);
  bind_em(m);
  bind_pickles(m);
  m.attr("__name__") = name;
}

// The entry that imports look for. pybind11's own, which the macro makes, would wait for ever in a sub-interpreter of Python 3.11.
extern "C" PYBIND11_EXPORT PyObject* PyInit__core() { return in_main_interpreter() ? PyInit_bindings() : nullptr; }
