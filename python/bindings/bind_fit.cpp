#include "bindings.hpp"
#include "fit_report.hpp"
#include "numpy.hpp"
#include "prior.hpp"
#include "tables.hpp"
#include "warnings.hpp"

#include <gaussmix/error.hpp>
#include <gaussmix/fit.hpp>

namespace gaussmix::bindings {

namespace {

constexpr const char* progress_doc = "What a fit tells its callback after each iteration.";

/// A parameter that may be None, checked for its shape; kept while the fit runs. `source` receives the type it came in.
std::optional<py::array> optional_array(const py::kwargs& options, const char* name, const Shape& shape,
                                        FloatType* source = nullptr) {
  const py::object value = options[name];
  if (value.is_none()) return std::nullopt;
  py::array array = float64_array(value, name, true, source);
  check_shape(array, name, shape);
  return array;
}

VectorView<const double> flat_view(const std::optional<py::array>& array) {
  if (!array) return {};
  return {static_cast<const double*>(array->data()), array->size()};
}

MatrixView<const double> optional_matrix_view(const std::optional<py::array>& array) {
  return array ? matrix_view<const double>(*array) : MatrixView<const double>();
}

/// The given initial values, kept alive while the fit reads them.
struct InitialValues {
  SourceTypes source;
  std::optional<py::array> weights, means, covariances, precisions, responsibilities, labels;

  InitialValues(const py::kwargs& given, CovarianceType type, Index n, Index d, Index k)
      : weights(optional_array(given, "weights_init", {k}, &source.weights)),
        means(optional_array(given, "means_init", {k, d})),
        covariances(optional_array(given, "covariances_init", shape_of_covariances(type, k, d), &source.covariances)),
        precisions(optional_array(given, "precisions_init", shape_of_covariances(type, k, d), &source.covariances)),
        responsibilities(optional_array(given, "responsibilities_init", {n, k}, &source.responsibilities)) {
    const py::object given_labels = given["labels_init"];
    if (given_labels.is_none()) return;
    labels = int64_array(given_labels, "labels_init");
    check_shape(*labels, "labels_init", {n});
  }

  void set(FitOptions& options) const {
    options.source = source;
    options.weights_init = flat_view(weights);
    options.means_init = optional_matrix_view(means);
    options.covariances_init = flat_view(covariances);
    options.precisions_init = flat_view(precisions);
    options.responsibilities_init = optional_matrix_view(responsibilities);
    if (labels) options.labels_init = vector_view<const Index>(*labels);
  }
};

void set_start(FitOptions& options, py::handle init) {
  if (py::isinstance<Mixture>(init)) {
    options.mixture_init = py::cast<const Mixture&>(init);
  } else if (PyUnicode_Check(init.ptr())) {
    options.init = init_from_string(text_argument(init, "init"));
  } else {
    throw py::type_error("init must be a str or a Mixture, but is " + described(init));
  }
}

/// The core calls it on the calling thread, without the GIL. `callable` is borrowed from the arguments, which outlive
/// the fit, as are the names of X's columns. `stopped` becomes whether it has ended the fit.
std::function<bool(const FitProgress&)> callback_argument(py::handle callable, bool& stopped,
                                                          const std::vector<std::string>& names) {
  if (callable.is_none()) return {};
  if (PyCallable_Check(callable.ptr()) == 0) {
    throw py::type_error("callback must be None or callable, but is " + described(callable));
  }
  return [callable, &stopped, &names](FitProgress progress) {
    if (!names.empty()) progress.mixture = progress.mixture.with_feature_names(names);
    return stopped = ask_python([&] { return is_true(callable, py::make_tuple(progress)); });
  };
}

/// Seconds; None is 0, no deadline.
double deadline_argument(py::handle given) {
  if (given.is_none()) return 0.0;
  const double seconds = real_argument(given, "deadline");
  if (!(seconds > 0.0)) throw InvalidArgument("deadline must be above 0 seconds, but is " + described(given));
  return seconds;
}

FitOptions options_argument(const py::kwargs& given, CovarianceType type, Index n_features, bool& stopped,
                            const std::vector<std::string>& names) {
  FitOptions options;
  options.covariance_type = type;
  set_start(options, given["init"]);
  options.n_init = int_argument(given["n_init"], "n_init");
  options.short_iter = int_argument(given["short_iter"], "short_iter");
  options.tol = real_argument(given["tol"], "tol");
  options.max_iter = int_argument(given["max_iter"], "max_iter");
  options.reg_covar = real_argument(given["reg_covar"], "reg_covar");
  options.on_degenerate = on_degenerate_from_string(text_argument(given["on_degenerate"], "on_degenerate"));
  options.allow_singular = flag_argument(given["allow_singular"], "allow_singular");
  options.accelerate = acceleration_from_string(text_argument(given["accelerate"], "accelerate"));
  options.stopping = stopping_from_string(text_argument(given["stopping"], "stopping"));
  options.search = search_from_string(text_argument(given["search"], "search"));
  options.prior = prior_argument(given["prior"], type, n_features);
  options.callback = callback_argument(given["callback"], stopped, names);
  options.deadline = deadline_argument(given["deadline"]);
  return options;
}

/// A start that is given draws nothing.
std::uint64_t seed_of_start(const FitOptions& options, py::handle random_state) {
  if (!options.start_is_given()) return seed_argument(random_state);
  if (random_state.is_none()) return 0;
  throw InvalidArgument("random_state must be None when the start is given, as nothing would be drawn, but is " +
                        described(random_state));
}

py::tuple tuple_of(const std::vector<Index>& values) {
  py::tuple items(values.size());
  for (std::size_t i = 0; i < values.size(); ++i) items[i] = values[i];
  return items;
}

}  // namespace

py::dict report_fields(const FitReport& report) {
  using namespace py::literals;
  return py::dict(
      "n_floored"_a = report.n_floored, "n_dropped"_a = report.n_dropped, "n_reseeded"_a = report.n_reseeded,
      "n_kept"_a = report.n_kept, "floored"_a = tuple_of(report.floored), "dropped"_a = tuple_of(report.dropped),
      "reseeded"_a = tuple_of(report.reseeded), "kept"_a = tuple_of(report.kept),
      "constant_features"_a = tuple_of(report.constant_features),
      "blurred_features"_a = tuple_of(report.blurred_features), "n_failed_starts"_a = report.n_failed_starts,
      "n_rejected"_a = report.n_rejected, "n_moves"_a = report.n_moves, "n_moves_tried"_a = report.n_moves_tried,
      "ended_by_deadline"_a = report.ended_by_deadline, "init_seconds"_a = report.init_seconds,
      "em_seconds"_a = report.em_seconds, "closing_seconds"_a = report.closing_seconds);
}

namespace {

/// (category, text) for each warning that is due; `stopped` says whether the callback ended the fit.
py::list warnings_of(const FitResult& result, const FitOptions& options, bool stopped) {
  py::list due;
  const FitReport& report = result.report;
  const MaximizeReport treated{report.floored,           report.dropped,          report.reseeded,
                               report.constant_features, report.blurred_features, report.kept};
  const auto add = [&due](py::handle category, const std::string& text) {
    if (!text.empty()) due.append(py::make_tuple(category, text));
  };
  add(degenerate_warning(), degenerate_text(treated));
  add(scale_warning(), scale_text(treated, options.reg_covar));
  if (!result.converged && report.ended_by_deadline)
    add(convergence_warning(), deadline_text(options.deadline));
  else if (!result.converged && !stopped && options.max_iter > 0)
    add(convergence_warning(), convergence_text(options.max_iter, options.tol));
  return due;
}

py::dict fields_of(FitResult result, py::list warnings) {
  using namespace py::literals;
  const Shape iterations{static_cast<py::ssize_t>(result.trace.size())};
  return py::dict("mixture"_a = std::move(result.mixture), "log_likelihood"_a = result.log_likelihood,
                  "converged"_a = result.converged, "n_iter"_a = result.n_iter,
                  "trace"_a = owned_array(std::move(result.trace), iterations),
                  "report"_a = report_fields(result.report), "warnings"_a = std::move(warnings));
}

py::dict run(py::handle x_argument, py::handle n_components, py::handle covariance_type, const py::kwargs& given) {
  const std::vector<std::string> names = column_names(x_argument);
  const SampleArray x = sample_array(x_argument);
  const Index n = x.samples.rows(), d = x.samples.cols();
  const Index k = integer_argument(n_components, "n_components");
  const CovarianceType type = covariance_type_from_string(text_argument(covariance_type, "covariance_type"));
  bool stopped = false;
  FitOptions options = options_argument(given, type, d, stopped, names);
  if (options.mixture_init) check_columns(*options.mixture_init, x_argument);
  const InitialValues initial(given, type, n, d, k);
  initial.set(options);
  const auto weight = sample_weight_array(given["sample_weight"], n);
  const auto weights = weight_view(weight);
  const Execution execution = execution_argument(given["num_threads"]);
  options.seed = seed_of_start(options, given["random_state"]);
  FitResult result = without_gil([&] { return fit(x.samples, k, options, weights, execution); });
  if (!names.empty()) result.mixture = result.mixture.with_feature_names(names);
  py::list warnings = warnings_of(result, options, stopped);
  return fields_of(std::move(result), std::move(warnings));
}

}  // namespace

void bind_fit(py::module_& m) {
  py::class_<FitProgress>(m, "FitProgress", progress_doc)
      .def_readonly("start", &FitProgress::start, "Which of the `n_init` starts, from 0.")
      .def_readonly("n_iter", &FitProgress::n_iter, "Iterations done in this start, from 1.")
      .def_readonly("mean_log_likelihood", &FitProgress::mean_log_likelihood,
                    "Of the mixture before this iteration's M-step, in nats per unit of weight.")
      .def_readonly("change", &FitProgress::change, "Its change since the iteration before; inf in the first.")
      .def_readonly("converged", &FitProgress::converged,
                    "Whether the start ends here: the change is below `tol`, and no component was dropped or reseeded.")
      .def_readonly("rejected", &FitProgress::rejected,
                    "Of `EM.step`: whether an accelerated point was no better; all else is as it was before it.")
      .def_readonly("mixture", &FitProgress::mixture, "After this iteration's M-step; it may be kept or saved.");
  m.def("fit", &run, py::arg("X"), py::arg("n_components"), py::arg("covariance_type"),
        "fit(X, n_components, covariance_type, **options)\n--\n\nThe fields of gaussmix.FitResult, as a dict, and "
        "beside them \"warnings\", a list of (category, text); takes all options of gaussmix.fit.");
}

}  // namespace gaussmix::bindings
