#include "warnings.hpp"

#include "bindings.hpp"
#include "numpy.hpp"

#include <algorithm>
#include <vector>

namespace gaussmix::bindings {

namespace {

// Created once and never freed, as the errors are.
PyObject* convergence = nullptr;
PyObject* degenerate = nullptr;

PyObject* new_warning(py::module_& m, const char* name, const char* doc) {
  const std::string qualified = std::string("gaussmix.") + name;
  PyObject* type = PyErr_NewExceptionWithDoc(qualified.c_str(), doc, PyExc_UserWarning, nullptr);
  if (type == nullptr) throw py::error_already_set();
  m.attr(name) = py::handle(type);
  return type;
}

/// "component 3 was" or "components 0, 3, 4 were", of at most 20 numbers.
std::string named(const std::vector<Index>& components) {
  constexpr std::size_t most = 20;
  std::string text = components.size() == 1 ? "component " : "components ";
  for (std::size_t i = 0; i < std::min(components.size(), most); ++i)
    text += (i == 0 ? "" : ", ") + std::to_string(components[i]);
  if (components.size() > most) text += " and " + std::to_string(components.size() - most) + " more";
  return text + (components.size() == 1 ? " was" : " were");
}

}  // namespace

py::handle convergence_warning() { return convergence; }
py::handle degenerate_warning() { return degenerate; }

std::string convergence_text(int max_iter, double tol) {
  return "EM stopped at max_iter = " + std::to_string(max_iter) +
         " before the mean log-likelihood changed by less than tol = " + std::string(py::str(py::float_(tol))) +
         "; raise max_iter or tol, or go on from the mixture";
}

std::string degenerate_text(const MaximizeReport& treated) {
  std::string text;
  const auto add = [&text](const std::vector<Index>& components, const char* what) {
    if (!components.empty())
      text += (text.empty() ? "" : "; ") + named(components) + " empty or collapsing and " + what;
  };
  add(treated.floored, "kept at the floor, 1e-6 of the data's covariance");
  add(treated.dropped, "dropped");
  add(treated.reseeded, "put beside the heaviest one");
  return text.empty() ? text : text + ": use fewer components, or choose another start or on_degenerate";
}

void warn(py::handle category, const std::string& text) {
  if (!text.empty() && PyErr_WarnEx(category.ptr(), text.c_str(), 1) < 0) throw py::error_already_set();
}

void bind_warnings(py::module_& m) {
  convergence = new_warning(m, "ConvergenceWarning", "EM stopped at `max_iter` or at its deadline.");
  degenerate = new_warning(m, "DegenerateWarning",
                           "Components were empty or collapsing, and `on_degenerate` said how to go on.");
}

}  // namespace gaussmix::bindings
