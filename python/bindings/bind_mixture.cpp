#include "bindings.hpp"
#include "numpy.hpp"

#include <gaussmix/mixture.hpp>
#include <gaussmix/sample.hpp>

#include <gaussmix/error.hpp>

namespace gaussmix::bindings {

namespace {

constexpr const char* mixture_doc = R"doc(
A Gaussian mixture p(x) = Σ_k π_k N(x | μ_k, Σ_k), ready to score.

Immutable, so any number of threads may use it. Two mixtures are equal when their structure, `allow_singular` and all
their parameters are. Source: Bishop, Pattern Recognition and Machine Learning, 2006, eq. 9.7.
)doc";

constexpr const char* init_doc =
    R"doc(__init__(self, weights, means, covariances, covariance_type="full", *, allow_singular=False, feature_names=None)
--

Parameters
----------
weights : array_like, (K,)
    π, each in [0, 1], their sum within 1e-8 of 1 (float32: 4·K·2⁻²⁴); divided by it only when it is off by more than
    4·K·2⁻⁵³. A component of weight 0 is legal.
means : array_like, (K, D)
    μ, in the units of X.
covariances : array_like
    Σ, in squared units of X: (K, D, D) for "full", (D, D) for "tied", (K, D) for "diag", (K,) for "spherical",
    (D,) for "tied_diag", (1,) for "tied_spherical". Matrices symmetric within 1e-8 relative (float32: 2⁻¹²); they are
    then symmetrized.
covariance_type : {"full", "tied", "diag", "spherical", "tied_diag", "tied_spherical"}
allow_singular : bool
    Take positive semi-definite covariances as well: the density on their support, −inf off it.
feature_names : sequence of str, (D,), or None
    What the columns of X are. Tables whose columns differ are then refused; arrays are taken as they come.

Raises
------
InvalidArgumentError
    For a wrong shape, a value that is not finite, a weight out of range, asymmetry.
NumericalError
    For an indefinite covariance, and for a singular one unless `allow_singular`; decided by a diagonally pivoted
    Cholesky factorization of Σ scaled to unit diagonal, where a pivot ≤ 8·D·2⁻⁵³ is zero and one below −8·D·2⁻⁵³ means
    indefinite.
)doc";

constexpr const char* sample_doc = R"doc(sample(self, n_samples, random_state=None, *, num_threads=None)
--

Draw rows by ancestral sampling: z ~ π, then x ~ N(μ_z, Σ_z) (Bishop 2006, section 8.1.2).

Row i depends on the seed and i alone, so a seed gives the same rows on every platform and for any thread count, and a
longer draw begins with the shorter one.

Parameters
----------
n_samples : int
    N, at least 0.
random_state : None, int in [0, 2**64), numpy.random.Generator or numpy.random.RandomState
    The seed; a generator is asked for one and moves on; None asks the operating system.
num_threads : int or None
    In [1, 1024]; None means `get_num_threads`.

Returns
-------
X : ndarray, (N, D), float64
z : ndarray, (N,), int64
    The component of each row.

Raises
------
InvalidArgumentError
    When `n_samples` is below 0 or `random_state` out of range.
)doc";

constexpr const char* with_names_doc = R"doc(with_feature_names(self, feature_names)
--

This mixture under other names of its features.

Parameters
----------
feature_names : sequence of str, (D,), or None
    None for none.

Returns
-------
Mixture
    Equal to this one: names change no number.

Raises
------
InvalidArgumentError
    For another number of names.
)doc";

CovarianceType covariance_type_argument(py::handle value) {
  return covariance_type_from_string(text_argument(value, "covariance_type"));
}

Mixture new_mixture(py::handle weights, py::handle means, py::handle covariances, py::handle covariance_type,
                    py::handle allow_singular, py::handle feature_names) {
  const CovarianceType type = covariance_type_argument(covariance_type);
  SourceTypes source;
  const py::array pi = float64_array(weights, "weights", false, &source.weights);
  const py::array mu = float64_array(means, "means");
  const py::array sigma = float64_array(covariances, "covariances", true, &source.covariances);
  check_ndim(pi, "weights", 1, "(n_components,)");
  check_ndim(mu, "means", 2, "(n_components, n_features)");
  check_shape(sigma, "covariances", shape_of_covariances(type, mu.shape(0), mu.shape(1)));
  const VectorView<const double> values(static_cast<const double*>(sigma.data()), sigma.size());
  const bool singular = flag_argument(allow_singular, "allow_singular");
  const auto weight_values = vector_view<const double>(pi);
  const auto mean_values = matrix_view<const double>(mu);
  const Execution execution = execution_argument(py::none());
  std::vector<std::string> names = feature_names_argument(feature_names);
  return without_gil([&] {
    return Mixture(weight_values, mean_values, values, type, singular, execution, source)
        .with_feature_names(std::move(names));
  });
}

py::array weights_of(const py::object& self) {
  const Mixture& mixture = py::cast<const Mixture&>(self);
  return read_only(mixture.weights().data(), {mixture.n_components()}, self);
}

py::array means_of(const py::object& self) {
  const Mixture& mixture = py::cast<const Mixture&>(self);
  return read_only(mixture.means().data(), {mixture.n_components(), mixture.n_features()}, self);
}

py::array covariances_of(const py::object& self) {
  const Mixture& mixture = py::cast<const Mixture&>(self);
  const Shape shape = shape_of_covariances(mixture.covariance_type(), mixture.n_components(), mixture.n_features());
  return read_only(mixture.covariances().data(), shape, self);
}

py::array rank_of(const py::object& self) {
  const Mixture& mixture = py::cast<const Mixture&>(self);
  return read_only(mixture.rank().data(), {mixture.n_components()}, self);
}

py::tuple parameters_of(const py::object& self) {
  const Mixture& mixture = py::cast<const Mixture&>(self);
  const py::object names = names_or_none(mixture.feature_names());
  return py::make_tuple(weights_of(self), means_of(self), covariances_of(self), to_string(mixture.covariance_type()),
                        mixture.allow_singular(), names);
}

Mixture from_parameters(const py::tuple& state) {
  if (state.size() != 5 && state.size() != 6)  // pickles of old have no names
    throw FormatError("the state of a Mixture must have 5 or 6 items, but has " + std::to_string(state.size()));
  const py::object names = state.size() == 6 ? py::object(state[5]) : py::none();
  return new_mixture(state[0], state[1], state[2], state[3], state[4], names);
}

std::string repr(const Mixture& mixture) {
  return "Mixture(n_components=" + std::to_string(mixture.n_components()) +
         ", n_features=" + std::to_string(mixture.n_features()) + ", covariance_type='" +
         to_string(mixture.covariance_type()) + "'" + (mixture.allow_singular() ? ", allow_singular=True)" : ")");
}

py::tuple draw(const Mixture& mixture, py::handle n_samples, py::handle random_state, py::handle num_threads) {
  const Index rows = integer_argument(n_samples, "n_samples");
  if (rows < 0) throw InvalidArgument("n_samples must be at least 0, but is " + std::to_string(rows));
  const Execution execution = execution_argument(num_threads);
  const std::uint64_t seed = seed_argument(random_state);
  const py::array x = empty_array(py::dtype::of<double>(), {rows, mixture.n_features()});
  const py::array z = empty_array(py::dtype::of<Index>(), {rows});
  const auto x_view = matrix_view<double>(x);
  const auto z_view = vector_view<Index>(z);
  without_gil([&] { sample(mixture, seed, x_view, z_view, execution); });
  return py::make_tuple(x, z);
}

void bind_properties(py::class_<Mixture>& mixture) {
  mixture.def_property_readonly("weights", &weights_of, "π: ndarray, (K,), float64, read-only.")
      .def_property_readonly("means", &means_of, "μ: ndarray, (K, D), float64, read-only.")
      .def_property_readonly(
          "covariances", &covariances_of,
          "Σ: ndarray, float64, read-only; (K, D, D), (D, D), (K, D), (K,), (D,) or (1,) by `covariance_type`.")
      .def_property_readonly(
          "covariance_type", [](const Mixture& self) { return to_string(self.covariance_type()); },
          "One of \"full\", \"tied\", \"diag\", \"spherical\", \"tied_diag\" and \"tied_spherical\".")
      .def_property_readonly("n_components", &Mixture::n_components, "K.")
      .def_property_readonly("n_features", &Mixture::n_features, "D.")
      .def_property_readonly("n_parameters", &Mixture::n_parameters,
                             "Free parameters: K − 1 weights, K·D means, and the covariances of this type.")
      .def_property_readonly("rank", &rank_of, "Rank of each Σ_k: ndarray, (K,), int64, read-only; D unless singular.")
      .def_property_readonly("allow_singular", &Mixture::allow_singular, "Whether a Σ_k may be singular.")
      .def_property_readonly(
          "feature_names", [](const Mixture& self) { return names_or_none(self.feature_names()); },
          "The names of the features: tuple of str, (D,), or None. A table whose columns differ is refused.")
      .def(
          "with_feature_names",
          [](const Mixture& self, py::handle names) { return self.with_feature_names(feature_names_argument(names)); },
          py::arg("feature_names"), with_names_doc);
}

py::tuple names_of_covariance_types() {
  py::list names;
  for (const CovarianceType type : covariance_types()) names.append(to_string(type));
  return py::tuple(names);
}

py::tuple dims_of(const std::string& covariance_type, Index n_components, Index n_features) {
  py::list sizes;
  for (const Index size : covariance_shape(covariance_type_from_string(covariance_type), n_components, n_features))
    sizes.append(size);
  return py::tuple(sizes);
}

}  // namespace

void bind_mixture(py::module_& m) {
  m.def("covariance_types", &names_of_covariance_types, "covariance_types()\n--\n\nThe names of all covariance types.");
  m.def("covariance_shape", &dims_of, py::arg("covariance_type"), py::arg("n_components"), py::arg("n_features"),
        "covariance_shape(covariance_type, n_components, n_features)\n--\n\nThe shape of the covariances.");
  py::class_<Mixture> mixture(m, "Mixture", mixture_doc);
  mixture.def(py::init(&new_mixture), py::arg("weights"), py::arg("means"), py::arg("covariances"),
              py::arg("covariance_type") = "full", py::kw_only(), py::arg("allow_singular") = false,
              py::arg("feature_names") = py::none(), init_doc);
  bind_properties(mixture);
  bind_score(mixture);
  bind_model_file(m, mixture);
  mixture.def("sample", &draw, py::arg("n_samples"), py::arg("random_state") = py::none(), py::kw_only(),
              py::arg("num_threads") = py::none(), sample_doc);
  mixture.def(
             "__eq__", [](const Mixture& self, const Mixture& other) { return self == other; }, py::is_operator())
      .def("__copy__", [](const py::object& self) { return self; })
      .def(
          "__deepcopy__", [](const py::object& self, py::handle) { return self; }, py::arg("memo"))
      .def("__repr__", &repr)
      .def(py::pickle(&parameters_of, &from_parameters));
}

}  // namespace gaussmix::bindings
