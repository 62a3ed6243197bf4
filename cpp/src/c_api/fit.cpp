#include "c_api/mixture.hpp"
#include "c_api/prior.hpp"

#include <gaussmix/fit.hpp>

#include <functional>

using namespace gaussmix;
using c_api::guarded;
using c_api::live;
using c_api::required;

struct gaussmix_fit_result : c_api::Handle<FitResult, 0x474D582046495454> {  // "GMX FITT"
  using Handle::Handle;
};

static_assert(static_cast<int>(Acceleration::none) == GAUSSMIX_ACCELERATION_NONE &&
              static_cast<int>(Acceleration::squarem) == GAUSSMIX_ACCELERATION_SQUAREM &&
              static_cast<int>(Search::none) == GAUSSMIX_SEARCH_NONE &&
              static_cast<int>(Search::split_merge) == GAUSSMIX_SEARCH_SPLIT_MERGE &&
              static_cast<int>(Stopping::change) == GAUSSMIX_STOPPING_CHANGE &&
              static_cast<int>(Stopping::projected) == GAUSSMIX_STOPPING_PROJECTED);

namespace {

/// Null is empty.
template <class T>
VectorView<const T> optional_vector(const T* data, Index size) {
  return data == nullptr ? VectorView<const T>() : VectorView<const T>(data, size);
}

MatrixView<const double> optional_matrix(const double* data, Index rows, Index cols) {
  return data == nullptr ? MatrixView<const double>() : MatrixView<const double>(data, rows, cols);
}

/// Values in the layout of `type`.
Index n_covariances(CovarianceType type, Index k, Index d) {
  Index product = 1;
  for (const Index dim : covariance_shape(type, k, d))
    product = detail::checked_product(product, dim, "covariances_init");
  return product;
}

void set_start(FitOptions& out, const gaussmix_fit_options& given, const Samples& x, Index k) {
  if (given.mixture_init != nullptr) out.mixture_init = live(given.mixture_init, "mixture_init").value;
  out.weights_init = optional_vector(given.weights_init, k);
  out.means_init = optional_matrix(given.means_init, k, x.cols());
  out.responsibilities_init = optional_matrix(given.responsibilities_init, x.rows(), k);
  out.labels_init = optional_vector(given.labels_init, x.rows());
  if (given.covariances_init == nullptr && given.precisions_init == nullptr) return;
  const Index size = n_covariances(out.covariance_type, k, x.cols());
  out.covariances_init = optional_vector(given.covariances_init, size);
  out.precisions_init = optional_vector(given.precisions_init, size);
}

std::function<bool(const FitProgress&)> callback_argument(const gaussmix_fit_options& given) {
  if (given.callback == nullptr) return {};
  return [callback = given.callback, context = given.context](const FitProgress& p) {
    const gaussmix_mixture mixture(p.mixture);
    const gaussmix_fit_progress progress = {sizeof progress,     p.start,  p.n_iter, p.mean_log_likelihood, p.change,
                                            p.converged ? 1 : 0, &mixture, 0};
    return callback(&progress, context) != 0;
  };
}

FitOptions options_argument(const gaussmix_fit_options& given, const Samples& x, Index k) {
  FitOptions out;
  out.covariance_type = static_cast<CovarianceType>(given.covariance_type);
  out.init = static_cast<Init>(given.init);
  out.n_init = given.n_init;
  out.max_iter = given.max_iter;
  out.on_degenerate = static_cast<OnDegenerate>(given.on_degenerate);
  out.allow_singular = given.allow_singular != 0;
  out.tol = given.tol;
  out.deadline = given.deadline;
  out.accelerate = static_cast<Acceleration>(given.accelerate);
  out.stopping = static_cast<Stopping>(given.stopping);
  out.search = static_cast<Search>(given.search);
  out.short_iter = given.short_iter;
  out.reg_covar = given.reg_covar;
  out.seed = given.seed;
  set_start(out, given, x, k);
  out.callback = callback_argument(given);
  if (given.prior != nullptr) {
    if (!x.reader()) detail::check_input("X", detail::elements_of(x));  // says how long the prior's arrays are
    out.prior = c_api::prior_argument(given.prior, out.covariance_type, x.cols());
  }
  return out;
}

std::int64_t size_of(const std::vector<Index>& list) { return static_cast<std::int64_t>(list.size()); }

}  // namespace

gaussmix_status gaussmix_fit_options_defaults(gaussmix_fit_options* options, std::size_t struct_size) {
  return guarded([&] {
    required(options, "options");
    c_api::check_struct_size(struct_size, c_api::least_size<gaussmix_fit_options>, "options");
    const FitOptions defaults;
    gaussmix_fit_options out = {};
    out.covariance_type = static_cast<std::int32_t>(defaults.covariance_type);
    out.init = static_cast<std::int32_t>(defaults.init);
    out.n_init = defaults.n_init;
    out.max_iter = defaults.max_iter;
    out.on_degenerate = static_cast<std::int32_t>(defaults.on_degenerate);
    out.allow_singular = defaults.allow_singular ? 1 : 0;
    out.tol = defaults.tol;
    out.reg_covar = defaults.reg_covar;
    out.seed = defaults.seed;
    out.accelerate = static_cast<std::int32_t>(defaults.accelerate);
    out.stopping = static_cast<std::int32_t>(defaults.stopping);
    out.search = static_cast<std::int32_t>(defaults.search);
    out.short_iter = defaults.short_iter;
    options->struct_size = struct_size;
    c_api::output(options, "options", out);
  });
}

gaussmix_status gaussmix_fit(const gaussmix_samples* x, std::int64_t n_components, const gaussmix_fit_options* options,
                             const double* sample_weight, std::int64_t sample_weight_stride,
                             const gaussmix_execution* execution, gaussmix_fit_result** result) {
  return c_api::create(result, "result", [&] {
    const Samples rows = c_api::samples_argument(x);
    FitOptions asked;
    if (options != nullptr) asked = options_argument(c_api::input(options, "options"), rows, n_components);
    return fit(rows, n_components, asked, c_api::weight_argument(sample_weight, sample_weight_stride, rows),
               c_api::execution_argument(execution));
  });
}

gaussmix_status gaussmix_fit_result_free(gaussmix_fit_result* result) { return c_api::destroy(result, "result"); }

gaussmix_status gaussmix_fit_result_mixture(const gaussmix_fit_result* result, gaussmix_mixture** mixture) {
  return c_api::create(mixture, "mixture", [&] { return live(result, "result").value.mixture; });
}

gaussmix_status gaussmix_fit_result_summary(const gaussmix_fit_result* result, gaussmix_fit_summary* summary) {
  return guarded([&] {
    const FitResult& r = live(result, "result").value;
    const FitReport& report = r.report;
    gaussmix_fit_summary values = {};
    values.struct_size = sizeof values;
    values.log_likelihood = r.log_likelihood;
    values.converged = r.converged ? 1 : 0;
    values.n_iter = r.n_iter;
    values.n_floored = report.n_floored;
    values.n_dropped = report.n_dropped;
    values.n_reseeded = report.n_reseeded;
    values.init_seconds = report.init_seconds;
    values.em_seconds = report.em_seconds;
    values.closing_seconds = report.closing_seconds;
    values.n_failed_starts = report.n_failed_starts;
    values.n_rejected = report.n_rejected;
    values.n_moves = report.n_moves;
    values.n_moves_tried = report.n_moves_tried;
    values.ended_by_deadline = report.ended_by_deadline ? 1 : 0;
    values.n_floored_components = size_of(report.floored);
    values.n_dropped_components = size_of(report.dropped);
    values.n_reseeded_components = size_of(report.reseeded);
    values.floored = report.floored.data();
    values.dropped = report.dropped.data();
    values.reseeded = report.reseeded.data();
    values.n_constant_features = size_of(report.constant_features);
    values.constant_features = report.constant_features.data();
    values.n_blurred_features = size_of(report.blurred_features);
    values.blurred_features = report.blurred_features.data();
    values.n_kept = report.n_kept;
    values.n_kept_components = size_of(report.kept);
    values.kept = report.kept.data();
    c_api::output(summary, "summary", values);
  });
}

gaussmix_status gaussmix_fit_result_trace(const gaussmix_fit_result* result, const double** trace,
                                          std::int64_t* n_iter) {
  return guarded([&] {
    const std::vector<double>& values = live(result, "result").value.trace;
    const double*& out = required(trace, "trace");
    required(n_iter, "n_iter") = static_cast<std::int64_t>(values.size());
    out = values.data();
  });
}
