// The verbs that pass over X under a mixture. One template binds them all.

#include "bindings.hpp"
#include "numpy.hpp"
#include "tables.hpp"

#include <gaussmix/mixture.hpp>

namespace gaussmix::bindings {

namespace {

constexpr const char* x_doc = R"doc(
Parameters
----------
X : array_like, (N, D)
    Real and finite; N may be 0. float32 is evaluated in float32, every other dtype in float64. Native, aligned arrays of these
    two are read in place, whatever their strides; anything else is converted block by block.
)doc";

constexpr const char* weight_doc = R"doc(sample_weight : array_like, (N,), or None
    Finite and ≥ 0; None means 1 everywhere. A row of weight 0 is absent.
)doc";

constexpr const char* threads_doc = R"doc(num_threads : int or None
    In [1, 1024]; None means `get_num_threads`. Every number gives the same bits.
)doc";

constexpr const char* errors_doc = R"doc(
Raises
------
InvalidArgumentError
    For an array of the wrong shape and for the first value of X that is not finite.
TypeError
    For complex, object, sparse or masked arrays and for arguments of the wrong type.
)doc";

constexpr const char* unequal_ranks_doc = R"doc(NumericalError
    When the components' supports differ in rank: their densities then have no common measure.
)doc";

/// A docstring: signature, meaning, parameters, what is returned, errors.
std::string verb_doc(const std::string& signature, const std::string& meaning, const std::string& more_parameters,
                     const std::string& returns, bool mixes = true) {
  return signature + "\n--\n\n" + meaning + "\n" + x_doc + more_parameters + threads_doc + "\nReturns\n-------\n" +
         returns + "\n" + errors_doc + (mixes ? unequal_ranks_doc : "");
}

std::string out_doc(const char* shape, const char* dtype) {
  return std::string("out : ndarray, ") + shape + ", or None\n    Where to write, of dtype " + dtype +
         ", with any strides; it must not share memory with X.\n";
}

std::string row_result(const char* shape) {
  return std::string("ndarray, ") + shape + "\n    float32 where X is, else float64; `out` if given.";
}

/// A verb that writes floats, for both element types of its output.
template <template <class> class View>
struct Verb {
  void (*float32)(const Mixture&, const Samples&, View<float>, const Execution&);
  void (*float64)(const Mixture&, const Samples&, View<double>, const Execution&);
};

/// The shape of a result by row: (N,) for vectors, (N, K) for matrices.
Shape result_shape(const Verb<VectorView>&, const SampleArray& x, const Mixture&) { return {x.samples.rows()}; }
Shape result_shape(const Verb<MatrixView>&, const SampleArray& x, const Mixture& mixture) {
  return {x.samples.rows(), mixture.n_components()};
}

void view(const py::array& array, VectorView<float>& view) { view = vector_view<float>(array); }
void view(const py::array& array, VectorView<double>& view) { view = vector_view<double>(array); }
void view(const py::array& array, MatrixView<float>& view) { view = matrix_view<float>(array); }
void view(const py::array& array, MatrixView<double>& view) { view = matrix_view<double>(array); }

/// Whether all rows are scored in some microseconds: other threads of Python are better served when they wait.
bool is_brief(const Mixture& mixture, const SampleArray& x) {
  const auto k = static_cast<double>(mixture.n_components()), d = static_cast<double>(mixture.n_features());
  return static_cast<double>(x.samples.rows()) * k * d * (d + 8.0) < 32768.0;
}

template <class F>
void run(const Mixture& mixture, const SampleArray& x, F&& f) {
  is_brief(mixture, x) ? f() : without_gil(f);
}

template <class View>
void write(void (*verb)(const Mixture&, const Samples&, View, const Execution&), const Mixture& mixture,
           const SampleArray& x, const py::array& result, const Execution& execution) {
  View out;
  view(result, out);
  run(mixture, x, [&] { verb(mixture, x.samples, out, execution); });
}

template <template <class> class View>
void bind_verb(py::class_<Mixture>& cls, const char* name, Verb<View> verb, const std::string& doc) {
  const auto call = [verb](const Mixture& self, py::handle x_argument, py::handle out, py::handle num_threads) {
    check_columns(self, x_argument);
    const SampleArray x = sample_array(x_argument);
    const Execution execution = execution_argument(num_threads);
    const py::array result = float_output(out, result_shape(verb, x, self), x);
    if (result.itemsize() == sizeof(float)) {
      write(verb.float32, self, x, result, execution);
    } else {
      write(verb.float64, self, x, result, execution);
    }
    return result;
  };
  cls.def(name, call, py::arg("X"), py::kw_only(), py::arg("out") = py::none(), py::arg("num_threads") = py::none(),
          doc.c_str());
}

void bind_predict(py::class_<Mixture>& cls, const std::string& doc) {
  const auto call = [](const Mixture& self, py::handle x_argument, py::handle out, py::handle num_threads) {
    check_columns(self, x_argument);
    const SampleArray x = sample_array(x_argument);
    const Execution execution = execution_argument(num_threads);
    const py::array result = int64_output(out, {x.samples.rows()}, x);
    const VectorView<Index> labels = vector_view<Index>(result);
    run(self, x, [&] { predict(self, x.samples, labels, execution); });
    return result;
  };
  cls.def("predict", call, py::arg("X"), py::kw_only(), py::arg("out") = py::none(),
          py::arg("num_threads") = py::none(), doc.c_str());
}

using Sum = double (*)(const Mixture&, const Samples&, VectorView<const double>, const Execution&);

void bind_sum(py::class_<Mixture>& cls, const char* name, Sum sum, const std::string& doc) {
  const auto call = [sum](const Mixture& self, py::handle x_argument, py::handle sample_weight,
                          py::handle num_threads) {
    check_columns(self, x_argument);
    const SampleArray x = sample_array(x_argument);
    const Execution execution = execution_argument(num_threads);
    const auto weight = sample_weight_array(sample_weight, x.samples.rows());
    const auto weights = weight_view(weight);
    return without_gil([&] { return sum(self, x.samples, weights, execution); });
  };
  cls.def(name, call, py::arg("X"), py::arg("sample_weight") = py::none(), py::kw_only(),
          py::arg("num_threads") = py::none(), doc.c_str());
}

void bind_verbs_by_component(py::class_<Mixture>& mixture) {
  const std::string out = out_doc("(N, K)", "float32 or float64");
  const std::string returns = row_result("(N, K)");
  bind_verb<MatrixView>(mixture, "component_log_prob", {component_log_prob<float>, component_log_prob<double>},
                        verb_doc("component_log_prob(self, X, *, out=None, num_threads=None)",
                                 "log N(x_i | μ_k, Σ_k) = log p(x_i | z_k = 1); Bishop 2006, eq. 2.43.\n\nDefined for "
                                 "components of unequal rank too.",
                                 out, returns, false));
  bind_verb<MatrixView>(mixture, "log_joint", {log_joint<float>, log_joint<double>},
                        verb_doc("log_joint(self, X, *, out=None, num_threads=None)",
                                 "log p(x_i, z_k = 1) = log π_k + log N(x_i | μ_k, Σ_k).", out, returns));
  bind_verb<MatrixView>(mixture, "log_responsibilities", {log_responsibilities<float>, log_responsibilities<double>},
                        verb_doc("log_responsibilities(self, X, *, out=None, num_threads=None)",
                                 "log γ(z_ik) = log p(z_k = 1 | x_i).", out, returns));
  bind_verb<MatrixView>(
      mixture, "responsibilities", {responsibilities<float>, responsibilities<double>},
      verb_doc("responsibilities(self, X, *, out=None, num_threads=None)",
               "γ(z_ik) = p(z_k = 1 | x_i); Bishop 2006, eq. 9.13.\n\nEach row sums to 1 within 4·K·u, u the unit "
               "roundoff of "
               "the result, for every finite x, also where\nall densities underflow. Off every support γ = π.",
               out, returns));
}

void bind_verbs_by_row(py::class_<Mixture>& mixture) {
  bind_verb<VectorView>(
      mixture, "log_prob", {log_prob<float>, log_prob<double>},
      verb_doc("log_prob(self, X, *, out=None, num_threads=None)",
               "log p(x_i) = log Σ_k p(x_i, z_k = 1), in nats; Bishop 2006, eq. 9.7.\n\nComponents whose log N lies "
               "more than "
               "log(K / u) below the row's largest log-joint add nothing that could be\nrepresented and are left out.",
               out_doc("(N,)", "float32 or float64"), row_result("(N,)")));
  bind_predict(mixture, verb_doc("predict(self, X, *, out=None, num_threads=None)",
                                 "The component with the largest log-joint, the first of equals.",
                                 out_doc("(N,)", "int64"), "ndarray, (N,), int64\n    `out` if given."));
}

void bind_sums(py::class_<Mixture>& mixture) {
  bind_sum(mixture, "log_likelihood", log_likelihood,
           verb_doc("log_likelihood(self, X, sample_weight=None, *, num_threads=None)",
                    "ℓ = Σ_i w_i log p(x_i), in nats, summed pairwise in float64; Bishop 2006, eq. 9.14.", weight_doc,
                    "float\n    −inf when a row of positive weight has density 0, 0 without rows."));
  bind_sum(mixture, "aic", aic,
           verb_doc("aic(self, X, sample_weight=None, *, num_threads=None)",
                    "Akaike's criterion −2 ℓ + 2 p with p = `n_parameters`: lower is better.", weight_doc, "float"));
  bind_sum(
      mixture, "bic", bic,
      verb_doc(
          "bic(self, X, sample_weight=None, *, num_threads=None)",
          "Schwarz's criterion −2 ℓ + p log n with p = `n_parameters` and n = Σ_i w_i, which must be > 0: lower is "
          "better.",
          weight_doc, "float"));
}

}  // namespace

void bind_score(py::class_<Mixture>& mixture) {
  bind_verbs_by_component(mixture);
  bind_verbs_by_row(mixture);
  bind_sums(mixture);
}

}  // namespace gaussmix::bindings
