#include "base/message.hpp"
#include "data/block_loader.hpp"
#include "data/samples.hpp"
#include "em/e_step.hpp"
#include "model/mixture_data.hpp"
#include "numeric/linalg.hpp"
#include "start/start.hpp"

#include <gaussmix/error.hpp>
#include <gaussmix/fit.hpp>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>
#include <numeric>

namespace gaussmix {
namespace {

using Sums = Statistics::Sums;
using detail::throw_invalid;

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

std::string shape(Index rows, Index cols) { return "(" + std::to_string(rows) + ", " + std::to_string(cols) + ")"; }

/// Everything of one call: the data, what was asked, and how to run.
struct Problem {
  const Samples& x;
  Index k;
  const FitOptions& options;
  VectorView<const double> weight;
  const Execution& execution;

  Index n() const { return x.rows(); }
  Index d() const { return x.cols(); }
  MaximizeOptions maximize_options() const {
    return {options.reg_covar, options.on_degenerate, options.allow_singular};
  }
};

// ---- arguments --------------------------------------------------------------------------------------------------------

void check_numbers(const Problem& p) {
  if (p.k < 1) throw_invalid("n_components must be at least 1, but is " + std::to_string(p.k));
  if (p.options.n_init < 1) throw_invalid("n_init must be at least 1, but is " + std::to_string(p.options.n_init));
  if (p.options.max_iter < 0)
    throw_invalid("max_iter must be at least 0, but is " + std::to_string(p.options.max_iter));
  detail::check_non_negative(p.options.tol, "tol");
  detail::check_non_negative(p.options.reg_covar, "reg_covar");
  detail::check_samples(p.x, 0);
  if (p.k > p.n())
    throw_invalid("n_components must be at most the number of rows of X, " + std::to_string(p.n()) + ", but is " +
                  std::to_string(p.k));
  const Index positive = detail::check_sample_weight(p.weight, p.n());
  if (p.k > positive)
    throw_invalid("sample_weight must have at least n_components = " + std::to_string(p.k) +
                  " positive values, but has " + std::to_string(positive));
}

void require_all_seen(const std::vector<bool>& seen, const std::string& name) {
  const auto missing = std::find(seen.begin(), seen.end(), false);
  if (missing != seen.end())
    throw_invalid(name + " must have a row of positive weight for every component, but component " +
                  std::to_string(missing - seen.begin()) + " has none");
}

void check_responsibilities(const Problem& p) {
  const MatrixView<const double>& r = p.options.responsibilities_init;
  if (r.rows() == 0) return;
  if (r.rows() != p.n() || r.cols() != p.k)
    throw_invalid("responsibilities_init must have shape " + shape(p.n(), p.k) + ", but has shape " +
                  shape(r.rows(), r.cols()));
  detail::check_data("responsibilities_init", r.data(), r.rows());
  std::vector<bool> seen(static_cast<std::size_t>(p.k));
  for (Index i = 0; i < r.rows(); ++i) {
    double sum = 0.0;
    for (Index k = 0; k < p.k; ++k) {
      if (r(i, k) > 0.0 && (p.weight.empty() || p.weight[i] > 0.0)) seen[static_cast<std::size_t>(k)] = true;
      if (!(r(i, k) >= 0.0 && r(i, k) <= 1.0 + 1e-8))
        throw_invalid("responsibilities_init[" + std::to_string(i) + ", " + std::to_string(k) +
                      "] must be in [0, 1], but is " + detail::format(r(i, k)));
      sum += r(i, k);
    }
    if (!(std::abs(sum - 1.0) <= 1e-8))
      throw_invalid("responsibilities_init[" + std::to_string(i) + "] must sum to 1 within 1e-8, but sums to " +
                    detail::format(sum));
  }
  require_all_seen(seen, "responsibilities_init");
}

void check_labels(const Problem& p) {
  const VectorView<const Index>& labels = p.options.labels_init;
  if (labels.empty()) return;
  if (labels.size() != p.n())
    throw_invalid("labels_init must have " + std::to_string(p.n()) + " values (rows of X), but has " +
                  std::to_string(labels.size()));
  detail::check_data("labels_init", labels.data(), labels.size());
  std::vector<bool> seen(static_cast<std::size_t>(p.k));
  for (Index i = 0; i < labels.size(); ++i) {
    if (labels[i] < 0 || labels[i] >= p.k)
      throw_invalid("labels_init[" + std::to_string(i) + "] must be in [0, " + std::to_string(p.k) + "), but is " +
                    std::to_string(labels[i]));
    if (p.weight.empty() || p.weight[i] > 0.0) seen[static_cast<std::size_t>(labels[i])] = true;
  }
  require_all_seen(seen, "labels_init");
}

/// The initial values that are given, in words; empty when none are.
std::string given_parameters(const FitOptions& o) {
  std::string names;
  const auto add = [&names](bool given, const char* name) {
    if (given) names += (names.empty() ? "" : ", ") + std::string(name);
  };
  add(!o.weights_init.empty(), "weights_init");
  add(o.means_init.rows() > 0, "means_init");
  add(!o.covariances_init.empty(), "covariances_init");
  add(!o.precisions_init.empty(), "precisions_init");
  return names;
}

std::string given_rows(const FitOptions& o) {
  return !o.labels_init.empty() ? "labels_init" : o.responsibilities_init.rows() > 0 ? "responsibilities_init" : "";
}

/// What only iterations ask for is an error without them.
void check_without_iterations(const FitOptions& o) {
  const FitOptions defaults;
  if (o.n_init > 1)
    throw_invalid("n_init must be 1 when max_iter is 0, as nothing tells the starts apart, but is " +
                  std::to_string(o.n_init));
  if (o.callback) throw_invalid("callback must not be given when max_iter is 0, as nothing would call it");
  if (o.tol != defaults.tol)
    throw_invalid("tol must be " + detail::format(defaults.tol) +
                  " when max_iter is 0, as no change would be compared with it, but is " + detail::format(o.tol));
  if (o.allow_singular && o.mixture_init && !o.mixture_init->allow_singular())
    throw_invalid(
        "allow_singular must be false when max_iter is 0 and the mixture given does not allow it, but is true");
  if (!o.covariances_given()) return;  // the start has an M-step of its own
  const std::string rule = " when max_iter is 0 and the covariances are given, as none would be estimated, but is ";
  if (o.reg_covar != defaults.reg_covar)
    throw_invalid("reg_covar must be " + detail::format(defaults.reg_covar) + rule + detail::format(o.reg_covar));
  if (o.on_degenerate != defaults.on_degenerate)
    throw_invalid(std::string("on_degenerate must be '") + to_string(defaults.on_degenerate) + "'" + rule + "'" +
                  to_string(o.on_degenerate) + "'");
}

/// An argument that would have no effect beside another is an error.
void check_combinations(const Problem& p) {
  const FitOptions& o = p.options;
  const auto refuse = [](const std::string& what, const std::string& beside) {
    throw_invalid(what + " must not be given together with " + beside + ", beside which it has no effect");
  };
  const std::string rows = given_rows(o), parameters = given_parameters(o);
  if (!o.covariances_init.empty() && !o.precisions_init.empty()) refuse("covariances_init", "precisions_init");
  if (!o.labels_init.empty() && o.responsibilities_init.rows() > 0) refuse("labels_init", "responsibilities_init");
  if (!rows.empty() && !o.mixture_init && o.all_parameters_given()) refuse(rows, parameters);
  if (o.mixture_init && !(rows + parameters).empty())
    refuse(parameters.empty() ? rows : parameters, "a mixture as init");
  if (o.init != Init::kmeans && o.start_is_given())
    refuse(std::string("init='") + to_string(o.init) + "'", o.mixture_init ? "a mixture"
                                                            : rows.empty() ? parameters
                                                                           : rows);
  if (o.max_iter == 0) check_without_iterations(o);
  if (o.n_init > 1 && o.start_is_given())
    throw_invalid("n_init must be 1 when the start is given, as every start would be the same, but is " +
                  std::to_string(o.n_init));
  if (o.end_start && o.start_is_given())
    throw_invalid("end_start must not be given when the start is given, as nothing would ask it");
  if (o.seed != 0 && o.start_is_given())
    throw_invalid("seed must be 0 when the start is given, as nothing would be drawn, but is " +
                  std::to_string(o.seed));
}

void check_mixture_init(const Problem& p) {
  if (!p.options.mixture_init) return;
  const Mixture& start = *p.options.mixture_init;
  if (start.n_components() != p.k)
    throw_invalid("n_components must be that of init, " + std::to_string(start.n_components()) + ", but is " +
                  std::to_string(p.k));
  detail::check_samples(p.x, start.n_features());
  const VectorView<const Index> rank = start.rank();
  for (Index k = 0; k < p.k; ++k)
    if (rank[k] < p.d() && !p.options.allow_singular)
      throw_invalid("init must be positive definite unless allow_singular, but component " + std::to_string(k) +
                    " has rank " + std::to_string(rank[k]) + " of " + std::to_string(p.d()));
  if (start.covariance_type() != p.options.covariance_type)
    throw_invalid(std::string("covariance_type must be that of init, '") + to_string(start.covariance_type()) +
                  "', but is '" + to_string(p.options.covariance_type) + "'");
}

void check_means_init(const Problem& p) {
  const MatrixView<const double>& means = p.options.means_init;
  if (means.rows() == 0) return;
  if (means.rows() != p.k || means.cols() != p.d())
    throw_invalid("means_init must have shape " + shape(p.k, p.d()) + ", but has shape " +
                  shape(means.rows(), means.cols()));
  detail::check_data("means_init", means.data(), means.rows());
  detail::check_finite(means, "means_init");
}

/// A value outside its enumeration has no name.
void check_enumerations(const FitOptions& o) {
  const auto check = [](const char* text, int code, const char* name) {
    if (*text == '\0')
      throw_invalid(std::string(name) + " must be one of its enumeration, but is " + std::to_string(code));
  };
  check(to_string(o.covariance_type), static_cast<int>(o.covariance_type), "covariance_type");
  check(to_string(o.init), static_cast<int>(o.init), "init");
  check(to_string(o.on_degenerate), static_cast<int>(o.on_degenerate), "on_degenerate");
}

void check(const Problem& p) {
  check_enumerations(p.options);
  check_numbers(p);
  check_combinations(p);
  check_mixture_init(p);
  check_means_init(p);
  check_responsibilities(p);
  check_labels(p);
}

// ---- the start --------------------------------------------------------------------------------------------------------

/// The mixture that precisions_init would make if they were covariances: it has the checks of shape, symmetry and definiteness.
Mixture mixture_of_precisions(const Problem& p) {
  const std::vector<double> weights(static_cast<std::size_t>(p.k), 1.0 / static_cast<double>(p.k));
  const std::vector<double> means(static_cast<std::size_t>(p.k * p.d()));
  return Mixture(std::make_shared<const detail::MixtureData>(
      weights, MatrixView<const double>(means.data(), p.k, p.d()), p.options.precisions_init, p.options.covariance_type,
      false, detail::ParameterNames{"weights", "means", "precisions_init"}));
}

/// Σ from precisions_init in the layout of the covariance type.
std::vector<double> covariances_from_precisions(const Problem& p) {
  const Mixture checked = mixture_of_precisions(p);
  const VectorView<const double> precisions = checked.covariances();
  std::vector<double> out(static_cast<std::size_t>(precisions.size()));
  const CovarianceType type = p.options.covariance_type;
  if (type == CovarianceType::diag || type == CovarianceType::spherical) {
    std::transform(precisions.data(), precisions.data() + precisions.size(), out.begin(),
                   [](double v) { return 1.0 / v; });
    return out;
  }
  const auto size = static_cast<std::size_t>(p.d() * p.d());
  for (std::size_t at = 0; at < out.size(); at += size)
    if (!detail::spd_inverse(precisions.data() + at, p.d(), out.data() + at))
      throw NumericalError("precisions_init must have an inverse in range, but that of component " +
                           std::to_string(at / size) + " has none");
  return out;
}

/// Where the start's means are measured from: the first row of X for every component.
std::vector<double> first_row(const Problem& p) {
  std::vector<double> row(static_cast<std::size_t>(p.d()));
  detail::read_rows(p.x, 0, 1, row.data());
  std::vector<double> pivots;
  for (Index k = 0; k < p.k; ++k) pivots.insert(pivots.end(), row.begin(), row.end());
  return pivots;
}

/// The responsibilities that the start gives each row.
detail::Assignment make_assignment(const Problem& p, std::uint64_t seed) {
  const FitOptions& o = p.options;
  const Index k = p.k;
  const auto one_hot = [k](auto label_of) -> detail::Assignment {
    return [k, label_of](Index begin, Index end, double* out) {
      std::fill(out, out + (end - begin) * k, 0.0);
      for (Index i = begin; i < end; ++i) out[(i - begin) * k + label_of(i)] = 1.0;
    };
  };
  if (!o.labels_init.empty()) return one_hot([labels = o.labels_init](Index i) { return labels[i]; });
  if (o.responsibilities_init.rows() > 0)
    return [k, r = o.responsibilities_init](Index begin, Index end, double* out) {
      for (Index i = begin; i < end; ++i)
        for (Index c = 0; c < k; ++c) *out++ = r(i, c);
    };
  if (o.init == Init::random)
    return
        [seed, k](Index begin, Index end, double* out) { detail::random_responsibilities(seed, begin, end, k, out); };
  auto labels = std::make_shared<const std::vector<std::int32_t>>(
      detail::start_labels(p.x, k, o.init, seed, p.weight, p.execution, o.end_start));
  return one_hot([labels](Index i) { return static_cast<Index>((*labels)[static_cast<std::size_t>(i)]); });
}

/// π and μ of sums whose covariances nobody asks for, with `covariances`.
Mixture assemble_start(const Problem& p, VectorView<const double> weights, MatrixView<const double> means,
                       VectorView<const double> covariances) {
  const FitOptions& o = p.options;
  const detail::ParameterNames names{"weights_init", "means_init",
                                     o.precisions_init.empty() ? "covariances_init" : "the inverse of precisions_init"};
  return Mixture(std::make_shared<const detail::MixtureData>(o.weights_init.empty() ? weights : o.weights_init,
                                                             o.means_init.rows() == 0 ? means : o.means_init,
                                                             covariances, o.covariance_type, o.allow_singular, names));
}

/// The start whose covariances are given: only the weights and means of the rows' shares are wanted.
Mixture start_with_covariances(const Problem& p, const Sums& sums, VectorView<const double> covariances) {
  const double total = std::accumulate(sums.weight.begin(), sums.weight.end(), 0.0);
  std::vector<double> weights, means;
  for (const double n : sums.weight) weights.push_back(n / total);
  for (std::size_t i = 0; i < sums.pivot.size(); ++i) means.push_back(sums.pivot[i] + sums.delta[i]);
  return assemble_start(p, weights, {means.data(), p.k, p.d()}, covariances);
}

Mixture start(const Problem& p, std::uint64_t seed, MaximizeReport& treated) {
  const FitOptions& o = p.options;
  if (o.mixture_init) return *o.mixture_init;
  std::vector<double> inverted;
  if (!o.precisions_init.empty()) inverted = covariances_from_precisions(p);
  const VectorView<const double> covariances =
      inverted.empty() ? o.covariances_init : VectorView<const double>(inverted);
  if (o.all_parameters_given()) return assemble_start(p, {}, {}, covariances);
  const std::vector<double> pivots = first_row(p);
  Sums sums(p.k, p.d(), o.covariance_type, pivots.data());
  detail::accumulate_assignment(make_assignment(p, seed), p.x, p.weight, p.execution, sums);
  if (!covariances.empty()) return start_with_covariances(p, sums, covariances);
  const Mixture estimate = detail::maximize(sums, o.covariance_type, nullptr, p.maximize_options(), treated);
  const std::string given = given_parameters(o);
  if (given.empty()) return estimate;
  if (estimate.n_components() != p.k)
    throw NumericalError("on_degenerate='drop' must not meet a collapsed component in the start when " + given +
                         " is given, but " + std::to_string(p.k - estimate.n_components()) + " collapsed");
  return assemble_start(p, estimate.weights(), estimate.means(), estimate.covariances());
}

// ---- EM ---------------------------------------------------------------------------------------------------------------

struct Run {
  Mixture mixture;
  bool converged = false;
  bool stopped = false;
  std::vector<double> trace;
  FitReport report;
};

/// One E-step over all data. In float32 a component that the exclusion rule left no weight in any row gets a pass with nothing
/// excluded: what the rule leaves out there, 2⁻²⁴ / K of a row, may be more than nothing. In float64 it is empty by definition.
Sums expectation(const Problem& p, const Mixture& mixture, std::vector<std::int32_t>& labels) {
  mixture.data().require_common_measure();
  const auto pass = [&](bool whole) {
    Sums sums(mixture.n_components(), mixture.n_features(), mixture.covariance_type(), mixture.means().data());
    detail::accumulate_expectation(mixture, p.x, p.weight, whole, p.execution, sums,
                                   {labels.data(), static_cast<Index>(labels.size())});
    return sums;
  };
  Sums sums = pass(false);
  for (Index k = 0; k < mixture.n_components() && p.x.single_precision(); ++k)
    if (sums.weight[static_cast<std::size_t>(k)] == 0.0 && mixture.weights()[k] > 0.0) return pass(true);
  return sums;
}

void count(const MaximizeReport& treated, FitReport& report) {
  report.n_floored += static_cast<Index>(treated.floored.size());
  report.n_dropped += static_cast<Index>(treated.dropped.size());
  report.n_reseeded += static_cast<Index>(treated.reseeded.size());
}

Run expectation_maximization(const Problem& p, Mixture mixture, int start_index) {
  Run run{std::move(mixture), false, false, {}, {}};
  double previous = -std::numeric_limits<double>::infinity();
  std::vector<std::int32_t> labels(static_cast<std::size_t>(p.n()), -1);  // likely components, from pass to pass
  for (int i = 1; i <= p.options.max_iter && !run.converged && !run.stopped; ++i) {
    const Sums sums = expectation(p, run.mixture, labels);
    const double mean = sums.log_likelihood / sums.total_weight;
    if (!std::isfinite(mean))
      throw NumericalError("the mean log-likelihood must stay finite, but is " + detail::format(mean) +
                           " in iteration " + std::to_string(i) +
                           ": a row lies off the support of every component, or so far from all that its density is 0");
    MaximizeReport treated;
    run.mixture = detail::maximize(sums, p.options.covariance_type, &run.mixture, p.maximize_options(), treated);
    count(treated, run.report);
    if (!treated.dropped.empty()) std::fill(labels.begin(), labels.end(), -1);
    run.trace.push_back(mean);
    const double change = mean - previous;
    previous = mean;
    run.converged = std::abs(change) < p.options.tol && treated.dropped.empty() && treated.reseeded.empty();
    if (p.options.callback)
      run.stopped = p.options.callback(
          {start_index, i, mean, i > 1 ? change : std::numeric_limits<double>::infinity(), run.mixture});
  }
  return run;
}

/// Sample weights whose sums, times squares of X, stay in range: scaled by a power of two where they are extreme.
class ScaledWeights {
 public:
  explicit ScaledWeights(VectorView<const double> weights) : view_(weights) {
    double largest = 0.0;
    for (Index i = 0; i < weights.size(); ++i) largest = std::max(largest, weights[i]);
    if (largest == 0.0 || std::abs(std::ilogb(largest)) <= 64) return;
    exponent_ = std::ilogb(largest);
    for (Index i = 0; i < weights.size(); ++i) scaled_.push_back(std::ldexp(weights[i], -exponent_));
    view_ = scaled_;
  }
  VectorView<const double> view() const noexcept { return view_; }
  double unscaled(double sum) const noexcept { return std::ldexp(sum, exponent_); }

 private:
  VectorView<const double> view_;
  std::vector<double> scaled_;
  int exponent_ = 0;
};

}  // namespace

FitResult fit(const Samples& x, Index n_components, const FitOptions& options, VectorView<const double> sample_weight,
              const Execution& execution) {
  check({x, n_components, options, sample_weight, execution});
  const ScaledWeights weights(sample_weight);
  const Problem p{x, n_components, options, weights.view(), execution};
  std::optional<Run> best;
  FitReport seconds;
  for (int i = 0; i < options.n_init; ++i) {
    const auto begin = std::chrono::steady_clock::now();
    // Odd constant of the golden ratio: distinct, well spread seeds.
    MaximizeReport treated;
    Mixture first = start(p, options.seed + static_cast<std::uint64_t>(i) * 0x9E3779B97F4A7C15u, treated);
    seconds.init_seconds += seconds_since(begin);
    const auto em_begin = std::chrono::steady_clock::now();
    Run run = expectation_maximization(p, std::move(first), i);
    seconds.em_seconds += seconds_since(em_begin);
    count(treated, run.report);
    const bool stopped = run.stopped;
    if (!best || (!run.trace.empty() && run.trace.back() > best->trace.back())) best = std::move(run);
    if (stopped) break;
  }
  const auto closing = std::chrono::steady_clock::now();
  const double total = weights.unscaled(log_likelihood(best->mixture, x, p.weight, execution));
  best->report.init_seconds = seconds.init_seconds;
  best->report.em_seconds = seconds.em_seconds;
  best->report.closing_seconds = seconds_since(closing);
  const auto n_iter = static_cast<int>(best->trace.size());
  return {std::move(best->mixture), total, best->converged, n_iter, std::move(best->trace), best->report};
}

}  // namespace gaussmix
