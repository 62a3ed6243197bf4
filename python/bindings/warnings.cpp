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
PyObject* scale = nullptr;

PyObject* new_warning(py::module_& m, const char* name, const char* doc) {
  const std::string qualified = std::string("gaussmix.") + name;
  PyObject* type = PyErr_NewExceptionWithDoc(qualified.c_str(), doc, PyExc_UserWarning, nullptr);
  if (type == nullptr) throw py::error_already_set();
  m.attr(name) = py::handle(type);
  return type;
}

/// As Python writes it.
std::string number(double value) { return py::str(py::float_(value)); }

/// "component 3" or "components 0, 3, 4", of at most 20 numbers.
std::string named(std::string noun, const std::vector<Index>& numbers) {
  constexpr std::size_t most = 20;
  std::string text = noun + (numbers.size() == 1 ? " " : "s ");
  for (std::size_t i = 0; i < std::min(numbers.size(), most); ++i)
    text += (i == 0 ? "" : ", ") + std::to_string(numbers[i]);
  if (numbers.size() > most) text += " and " + std::to_string(numbers.size() - most) + " more";
  return text;
}

}  // namespace

py::handle convergence_warning() { return convergence; }
py::handle degenerate_warning() { return degenerate; }
py::handle scale_warning() { return scale; }

std::string convergence_text(int max_iter, double tol) {
  return "EM stopped at max_iter = " + std::to_string(max_iter) +
         " before the mean log-likelihood changed by less than tol = " + number(tol) +
         "; raise max_iter or tol, or go on from the mixture";
}

std::string deadline_text(double deadline) {
  return "The fit ended at its deadline of " + number(deadline) + " s, before it converged.";
}

std::string degenerate_text(const MaximizeReport& treated) {
  std::string text;
  const auto add = [&text](const std::vector<Index>& components, const char* what) {
    if (components.empty()) return;
    text += (text.empty() ? "" : "; ") + named("component", components) + (components.size() == 1 ? " was" : " were") +
            " empty or collapsing and " + what;
  };
  add(treated.floored, "kept at the floor, 1e-6 of the data's covariance");
  add(treated.dropped, "dropped");
  add(treated.kept, "kept with what reg_covar leaves");
  add(treated.reseeded, "put beside the heaviest one");
  if (!text.empty()) text += ": use fewer components, or choose another start or on_degenerate";
  if (const std::vector<Index>& constant = treated.constant_features; !constant.empty())
    text += (text.empty() ? "" : "; ") + named("feature", constant) + " of X " + (constant.size() == 1 ? "is" : "are") +
            " constant, and went on with 1e-6 of the mean variance of the others: " + "drop " +
            (constant.size() == 1 ? "it" : "them") + ", or choose another on_degenerate";
  return text;
}

std::string scale_text(const MaximizeReport& treated, double reg_covar) {
  if (treated.blurred_features.empty()) return {};
  return "reg_covar = " + number(reg_covar) + " is more than 1e-2 of the variance of " +
         named("feature", treated.blurred_features) + " of X and blurs the components: scale X, or lower reg_covar";
}

void warn(py::handle category, const std::string& text) {
  if (!text.empty() && PyErr_WarnEx(category.ptr(), text.c_str(), 1) < 0) throw py::error_already_set();
}

void bind_warnings(py::module_& m) {
  convergence = new_warning(m, "ConvergenceWarning", "EM stopped at `max_iter` or at its deadline.");
  degenerate =
      new_warning(m, "DegenerateWarning",
                  "Components were empty or collapsing, or features constant, and `on_degenerate` said how to go on.");
  scale = new_warning(m, "ScaleWarning", "`reg_covar` is large beside the variance of a feature.");
}

}  // namespace gaussmix::bindings
