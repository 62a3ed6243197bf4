#include "bindings.hpp"
#include "files.hpp"
#include "locked_statistics.hpp"
#include "numpy.hpp"
#include "prior.hpp"
#include "tables.hpp"
#include "warnings.hpp"

#include <memory>
#include <optional>

namespace gaussmix::bindings {

namespace {

constexpr const char* statistics_doc = R"doc(
The sums that EM needs of the data under a given mixture.

Per component the total responsibility n_k, the weighted mean and the scatter about that mean, all in float64,
together with Σ_i w_i log p(x_i). Additive: data may be accumulated in any pieces, on any machines, and merged.
Threads that share one take turns. Source: Bishop, Pattern Recognition and Machine Learning, 2006, eqs. 9.24-9.27.
)doc";

constexpr const char* init_doc = R"doc(__init__(self, mixture)
--

Parameters
----------
mixture : Mixture
    Supplies the responsibilities. The sums begin empty.
)doc";

constexpr const char* accumulate_doc = R"doc(accumulate(self, X, sample_weight=None, *, num_threads=None)
--

Add one E-step over X to the sums. On any error they stay as they were.

Parameters
----------
X : array_like, (N, D)
    Real and finite; N may be 0, which adds nothing. Read in place where it is a native, aligned float32 or float64 array of any strides.
sample_weight : array_like, (N,), or None
    Finite and ≥ 0; None means 1 everywhere. A row of weight 0 is absent.
num_threads : int or None
    In [1, 1024]; None means `get_num_threads`. Every number gives the same bits.

Raises
------
InvalidArgumentError
    For wrong shapes, values that are not finite, negative weights.
NumericalError
    When the mixture's components differ in rank.
)doc";

constexpr const char* merge_doc = R"doc(merge(self, other)
--

Add the sums of other data.

Parameters
----------
other : Statistics
    Its mixture may differ in the parameters, not in K, D or covariance type.

Raises
------
InvalidArgumentError
    When it differs in these.
)doc";

constexpr const char* scale_doc = R"doc(scale(self, factor)
--

Multiply all sums by `factor`, as if every row had been given that weight; for forgetting, in streams.

Parameters
----------
factor : float
    Finite and ≥ 0.

Raises
------
InvalidArgumentError
    For any other number.
)doc";

constexpr const char* maximize_doc =
    R"doc(maximize(self, *, reg_covar=0.0, on_degenerate="raise", allow_singular=False, prior=None, num_threads=None)
--

The M-step: π_k = n_k / Σ n, μ_k and Σ_k the weighted mean and covariance, or the mode under a prior.

Parameters
----------
reg_covar : float
    Added to every variance, in squared units of X; finite and ≥ 0.
on_degenerate : {"raise", "floor", "drop", "reseed", "keep"}
    What to do with a component that is empty (n_k ≤ 2⁻⁵³ Σ n) or collapsed, its covariance singular (unless
    `allow_singular`) or, for "floor", below its bound. "raise": NumericalError. "floor": keep Σ_k ⪰ 1e-6 × the
    covariance of all the data (diag: of each feature's variance; spherical: of their mean), the exact maximizer under
    that bound, so EM stays monotone; an empty component keeps its mean and covariance, and in the start, where it has
    none, is a NumericalError. A feature in which all the data are constant is given the variance 1e-6 × the mean
    variance of the others, in every component; where features are linearly dependent, 1e-2 × its diagonal is added to the
    covariance of the data; with `allow_singular` such directions stay without variance. "drop": go on without the component. "reseed": put it beside the heaviest one, which it halves. "keep": go on with it as scikit-learn
    does, collapsed with what `reg_covar` leaves it, a NumericalError where that is singular still, and empty with its mean
    and covariance.
allow_singular : bool
    Keep singular covariances, as a mixture that allows them.
prior : Prior
    Take the maximum a posteriori under it; None: the maximum likelihood. Not together with `allow_singular`.
num_threads : int or None
    In [1, 1024]; None means `get_num_threads`. Every number gives the same bits.

Returns
-------
Mixture

Warns
-----
DegenerateWarning
    When components were floored, dropped or reseeded, by their numbers in `mixture`, or "floor" met constant features.
ScaleWarning
    When `reg_covar` is more than 1e-2 of the variance of a feature.

Raises
------
NumericalError
    When there is no weight at all, or as `on_degenerate` says.
InvalidArgumentError
    For a `reg_covar` or an `on_degenerate` that breaks the rules above.
)doc";

constexpr const char* save_doc = R"doc(save(self, path, *, mixture=True)
--

Save the sums, for `load` here or in C++ or C. Any reader of safetensors reads the file, too.

Parameters
----------
path : str, bytes or os.PathLike
    Of a regular file, old or new; links are followed. Whoever opens it at any time finds the old file or the new one.
mixture : bool
    Whether the mixture is saved with its sums. False keeps a digest of it alone, which `load` compares with the mixture
    that it is then given: down to a third of the bytes, and quick where everyone has the mixture.

Raises
------
OSError
    When the system refuses; the old file is then as it was.
InvalidArgumentError
    For a path that names no regular file, or feature names above 16 MiB.
)doc";

constexpr const char* load_doc = R"doc(load(path, *, mixture=None)
--

The statistics in a file that `save` wrote, also that of version 0.1.

Parameters
----------
path : str, bytes or os.PathLike
    Safe for files from a stranger: sizes are checked before anything is allocated, then the checksum, then the meaning.
mixture : Mixture or None
    The one that the sums were made under, bit for bit. Needed for sums saved without it; those saved with it may have
    it too, and then share its parameters.

Returns
-------
Statistics

Raises
------
FormatError
    For a corrupt, truncated or foreign file, for another mixture, and for none where the file has none.
OSError
    When the system refuses.
)doc";

constexpr const char* to_bytes_doc = R"doc(to_bytes(self, *, mixture=True)
--

The bytes that `save` writes.

Parameters
----------
mixture : bool
    As in `save`.

Returns
-------
bytes
)doc";

constexpr const char* from_bytes_doc = R"doc(from_bytes(data, *, mixture=None)
--

The statistics that `to_bytes` wrote, also those of version 0.1.

Parameters
----------
data : bytes-like
    Safe for bytes from a stranger, as in `load`.
mixture : Mixture or None
    As in `load`.

Returns
-------
Statistics

Raises
------
FormatError
    For corrupt, truncated or foreign bytes, for another mixture, and for none where the bytes have none.
)doc";

using Holder = std::unique_ptr<LockedStatistics>;

Holder hold(Statistics sums) { return std::make_unique<LockedStatistics>(std::move(sums)); }

void accumulate(LockedStatistics& self, py::handle x_argument, py::handle sample_weight, py::handle num_threads) {
  if (is_table(x_argument)) check_columns(self.use([](const Statistics& sums) { return sums.mixture(); }), x_argument);
  const SampleArray x = sample_array(x_argument);
  const Execution execution = execution_argument(num_threads);
  const auto weight = sample_weight_array(sample_weight, x.samples.rows());
  const auto weights = weight_view(weight);
  self.use([&](Statistics& sums) { sums.accumulate(x.samples, weights, execution); });
}

void merge(LockedStatistics& self, LockedStatistics& other) {
  const Statistics added = other.copy();
  self.use([&](Statistics& sums) { sums.merge(added); });
}

Holder add(LockedStatistics& self, LockedStatistics& other) {
  Statistics sum = self.copy();
  sum.merge(other.copy());
  return hold(std::move(sum));
}

void scale(LockedStatistics& self, py::handle factor) {
  const double value = real_argument(factor, "factor");
  self.use([value](Statistics& sums) { sums.scale(value); });
}

Mixture maximize(LockedStatistics& self, py::handle reg_covar, py::handle on_degenerate, py::handle allow_singular,
                 py::handle prior, py::handle num_threads) {
  MaximizeOptions options;
  options.reg_covar = real_argument(reg_covar, "reg_covar");
  options.on_degenerate = on_degenerate_from_string(text_argument(on_degenerate, "on_degenerate"));
  options.allow_singular = flag_argument(allow_singular, "allow_singular");
  if (!prior.is_none()) {
    const Mixture mixture = self.use([](const Statistics& sums) { return sums.mixture(); });
    options.prior = prior_argument(prior, mixture.covariance_type(), mixture.n_features());
  }
  const Execution execution = execution_argument(num_threads);
  MaximizeReport treated;
  Mixture found = self.use([&](const Statistics& sums) { return sums.maximize(options, &treated, execution); });
  warn(degenerate_warning(), degenerate_text(treated));
  warn(scale_warning(), scale_text(treated, options.reg_covar));
  return found;
}

bool equal(LockedStatistics& self, LockedStatistics& other) {
  const Statistics right = other.copy();
  return self.use([&](const Statistics& left) { return left == right; });
}

py::array component_weights(LockedStatistics& self) {
  std::vector<double> weights = self.use([](const Statistics& sums) {
    const VectorView<const double> n = sums.component_weights();
    std::vector<double> values;
    for (Index k = 0; k < n.size(); ++k) values.push_back(n[k]);
    return values;
  });
  const Shape shape{static_cast<py::ssize_t>(weights.size())};
  return owned_array(std::move(weights), shape);
}

/// The mixture of sums that are read; none for None.
std::optional<Mixture> mixture_argument(py::handle value) {
  if (value.is_none()) return std::nullopt;
  if (!py::isinstance<Mixture>(value))
    throw py::type_error("mixture must be a Mixture or None, but is " + described(value));
  return py::cast<const Mixture&>(value);
}

void save(LockedStatistics& self, py::handle path, py::handle mixture) {
  const std::string name = path_argument(path);
  const bool with_mixture = flag_argument(mixture, "mixture");
  const Statistics sums = self.copy();
  with_os_errors(path, [&] { sums.save(name, with_mixture); });
}

Holder load(py::handle path, py::handle mixture) {
  const std::string name = path_argument(path);
  const std::optional<Mixture> given = mixture_argument(mixture);
  const Execution execution = execution_argument(py::none());
  return hold(with_os_errors(
      path, [&] { return given ? Statistics::load(name, *given, execution) : Statistics::load(name, execution); }));
}

py::bytes to_bytes(LockedStatistics& self, py::handle mixture) {
  const bool with_mixture = flag_argument(mixture, "mixture");
  return python_bytes(self.use([with_mixture](const Statistics& sums) { return sums.to_bytes(with_mixture); }));
}

Holder from_bytes(py::handle data, py::handle mixture) {
  const BytesArgument bytes(data);
  const std::optional<Mixture> given = mixture_argument(mixture);
  const Execution execution = execution_argument(py::none());
  return hold(without_gil([&] {
    return given ? Statistics::from_bytes(bytes.view(), *given, execution)
                 : Statistics::from_bytes(bytes.view(), execution);
  }));
}

std::string repr(LockedStatistics& self) {
  return self.use([](const Statistics& sums) {
    const Mixture& mixture = sums.mixture();
    return "Statistics(n_components=" + std::to_string(mixture.n_components()) +
           ", n_features=" + std::to_string(mixture.n_features()) + ", covariance_type='" +
           to_string(mixture.covariance_type()) + "')";
  });
}

template <double (Statistics::*sum)() const noexcept>
double value_of(LockedStatistics& self) {
  return self.use([](const Statistics& sums) { return (sums.*sum)(); });
}

void bind_properties(py::class_<LockedStatistics>& statistics) {
  statistics
      .def_property_readonly(
          "mixture",
          [](LockedStatistics& self) { return self.use([](const Statistics& sums) { return sums.mixture(); }); },
          "The mixture that the sums were made under.")
      .def_property_readonly("log_likelihood", &value_of<&Statistics::log_likelihood>,
                             "Σ_i w_i log p(x_i) under `mixture`, in nats.")
      .def_property_readonly("total_weight", &value_of<&Statistics::total_weight>, "Σ_i w_i.")
      .def_property_readonly("component_weights", &component_weights,
                             "n_k = Σ_i w_i γ(z_ik): a new ndarray, (K,), float64.");
}

}  // namespace

void bind_statistics(py::module_& m) {
  py::class_<LockedStatistics> statistics(m, "Statistics", statistics_doc);
  statistics
      .def(py::init([](const Mixture& mixture) { return hold(Statistics(mixture)); }), py::arg("mixture"), init_doc)
      .def("accumulate", &accumulate, py::arg("X"), py::arg("sample_weight") = py::none(), py::kw_only(),
           py::arg("num_threads") = py::none(), accumulate_doc)
      .def("merge", &merge, py::arg("other"), merge_doc)
      .def("scale", &scale, py::arg("factor"), scale_doc)
      .def("maximize", &maximize, py::kw_only(), py::arg("reg_covar") = 0.0, py::arg("on_degenerate") = "raise",
           py::arg("allow_singular") = false, py::arg("prior") = py::none(), py::arg("num_threads") = py::none(),
           maximize_doc)
      .def("save", &save, py::arg("path"), py::kw_only(), py::arg("mixture") = true, save_doc)
      .def_static("load", &load, py::arg("path"), py::kw_only(), py::arg("mixture") = py::none(), load_doc)
      .def("to_bytes", &to_bytes, py::kw_only(), py::arg("mixture") = true, to_bytes_doc)
      .def_static("from_bytes", &from_bytes, py::arg("data"), py::kw_only(), py::arg("mixture") = py::none(),
                  from_bytes_doc)
      .def("__add__", &add, py::is_operator())
      .def("__eq__", &equal, py::is_operator())
      .def("__copy__", [](LockedStatistics& self) { return hold(self.copy()); })
      .def(
          "__deepcopy__", [](LockedStatistics& self, py::handle) { return hold(self.copy()); }, py::arg("memo"))
      .def("__repr__", &repr)
      .def(py::pickle([](LockedStatistics& self) { return to_bytes(self, py::bool_(true)); },
                      [](py::handle state) { return from_bytes(state, py::none()); }));
  bind_properties(statistics);
}

}  // namespace gaussmix::bindings
