// The extension gaussmix._core: one bind_<noun> per concept.

#include "bindings.hpp"

namespace py = pybind11;
using namespace gaussmix::bindings;

// Shared values are immutable or locked, so the module needs no GIL of its own.
PYBIND11_MODULE(_core, m, py::mod_gil_not_used()) {
  // Docstrings begin with a signature that `inspect` reads; pybind11's would say `object` everywhere.
  py::options options;
  options.disable_function_signatures();

  // Classes and errors belong to the package that people import: they print, and are pickled, as gaussmix.Mixture.
  const py::object name = m.attr("__name__");
  m.attr("__name__") = "gaussmix";
  bind_errors(m);
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
