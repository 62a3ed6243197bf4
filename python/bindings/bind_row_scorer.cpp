#include "bindings.hpp"
#include "numpy.hpp"
#include "tables.hpp"

#include <gaussmix/mixture.hpp>

#include <mutex>
#include <optional>

namespace gaussmix::bindings {

namespace {

constexpr const char* row_scorer_doc = R"doc(
Scores one row at a time: for services. Made by `Mixture.row_scorer`.

It gives the same bits as the verbs of Mixture on a float64 row. It holds its own scratch: threads that share one take
turns, so give each its own.
)doc";

constexpr const char* new_doc = R"doc(row_scorer(self)
--

A `RowScorer` of this mixture, which scores one row in about a microsecond.

Raises
------
NumericalError
    When the components' supports differ in rank: their densities then have no common measure.
)doc";

constexpr const char* log_prob_doc = R"doc(log_prob(self, x)
--

log p(x) of one row, in nats.

Parameters
----------
x : array_like, (D,)
    Real and finite; a Series has the labels that the mixture's features have, where they have names.

Returns
-------
float

Raises
------
InvalidArgumentError
    When x is not of shape (D,) or not finite, or its labels are not the feature names.
)doc";

constexpr const char* responsibilities_doc = R"doc(responsibilities(self, x)
--

γ(z_k) = p(z_k = 1 | x) of one row.

Parameters
----------
x : array_like, (D,)
    Real and finite; a Series has the labels that the mixture's features have, where they have names.

Returns
-------
ndarray, (K,), float64

Raises
------
InvalidArgumentError
    When x is not of shape (D,) or not finite, or its labels are not the feature names.
)doc";

constexpr const char* predict_doc = R"doc(predict(self, x)
--

The component with the largest log-joint, the first of equals.

Parameters
----------
x : array_like, (D,)
    Real and finite; a Series has the labels that the mixture's features have, where they have names.

Returns
-------
int

Raises
------
InvalidArgumentError
    When x is not of shape (D,) or not finite, or its labels are not the feature names.
)doc";

/// The scorer's scratch is not for two threads at once. With a GIL the lock is never waited for.
struct LockedRowScorer {
  explicit LockedRowScorer(const Mixture& mixture) : scorer(mixture), feature_names(mixture.feature_names()) {}
  RowScorer scorer;
  std::vector<std::string> feature_names;
  std::mutex mutex;
};

py::array row_array(py::handle x) {
  py::array array = float64_array(x, "x");
  check_ndim(array, "x", 1, "(n_features,)");
  return array;
}

/// The values of an array of NumPy's own class and its own float64, (D,), which then need no further look: most rows of
/// most callers.
std::optional<VectorView<const double>> plain_row(py::handle x) {
  static const PyObject* const float64 = py::dtype::of<double>().release().ptr();
  if (Py_TYPE(x.ptr()) != py::detail::npy_api::get().PyArray_Type_) return std::nullopt;
  const py::detail::PyArray_Proxy& array = *py::detail::array_proxy(x.ptr());
  constexpr auto size = static_cast<py::ssize_t>(sizeof(double));
  if (array.descr != float64 || py::reinterpret_borrow<py::array>(x).ndim() != 1 || array.strides[0] % size != 0 ||
      (array.flags & py::detail::npy_api::NPY_ARRAY_ALIGNED_) == 0)
    return std::nullopt;
  return VectorView<const double>(reinterpret_cast<const double*>(array.data), array.dimensions[0],
                                  array.strides[0] / size);
}

/// f(scorer, x): with the GIL held, since releasing it costs about as much as the work.
template <class F>
auto score(LockedRowScorer& self, py::handle x, F&& f) {
  if (const std::optional<VectorView<const double>> row = plain_row(x)) {
    const std::lock_guard<std::mutex> lock(self.mutex);
    return f(self.scorer, *row);
  }
  check_labels(self.feature_names, x);
  const py::array row = row_array(x);
  const std::lock_guard<std::mutex> lock(self.mutex);
  return f(self.scorer, vector_view<const double>(row));
}

double log_prob_of(LockedRowScorer& self, py::handle x) {
  return score(self, x, [](RowScorer& scorer, VectorView<const double> row) { return scorer.log_prob(row); });
}

Index predict_of(LockedRowScorer& self, py::handle x) {
  return score(self, x, [](RowScorer& scorer, VectorView<const double> row) { return scorer.predict(row); });
}

py::array responsibilities_of(LockedRowScorer& self, py::handle x) {
  const py::array result = empty_array(py::dtype::of<double>(), {self.scorer.n_components()});
  const auto out = vector_view<double>(result);
  score(self, x, [out](RowScorer& scorer, VectorView<const double> row) { scorer.responsibilities(row, out); });
  return result;
}

}  // namespace

void bind_row_scorer(py::module_& m) {
  py::class_<LockedRowScorer>(m, "RowScorer", row_scorer_doc)
      .def_property_readonly(
          "n_components", [](const LockedRowScorer& self) { return self.scorer.n_components(); }, "K.")
      .def_property_readonly(
          "n_features", [](const LockedRowScorer& self) { return self.scorer.n_features(); }, "D.")
      .def("log_prob", &log_prob_of, py::arg("x"), log_prob_doc)
      .def("responsibilities", &responsibilities_of, py::arg("x"), responsibilities_doc)
      .def("predict", &predict_of, py::arg("x"), predict_doc);
  const py::object mixture = m.attr("Mixture");
  mixture.attr("row_scorer") =
      py::cpp_function([](const Mixture& self) { return std::make_unique<LockedRowScorer>(self); },
                       py::name("row_scorer"), py::is_method(mixture), new_doc);
}

}  // namespace gaussmix::bindings
