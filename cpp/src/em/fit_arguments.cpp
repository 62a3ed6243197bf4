#include "em/fit_arguments.hpp"

#include "base/enum_names.hpp"
#include "base/memory.hpp"
#include "base/message.hpp"
#include "data/samples.hpp"
#include "em/prior.hpp"
#include "model/covariance_type.hpp"
#include "model/tolerance.hpp"

#include <gaussmix/error.hpp>

#include <algorithm>
#include <cmath>
#include <vector>

namespace gaussmix::detail {
namespace {

std::string shape(Index rows, Index cols) { return "(" + std::to_string(rows) + ", " + std::to_string(cols) + ")"; }

void check_numbers(const FitProblem& p) {
  if (p.k < 1) throw_invalid("n_components must be at least 1, but is " + std::to_string(p.k));
  if (p.options.n_init < 1) throw_invalid("n_init must be at least 1, but is " + std::to_string(p.options.n_init));
  if (p.options.max_iter < 0)
    throw_invalid("max_iter must be at least 0, but is " + std::to_string(p.options.max_iter));
  if (p.options.short_iter < 0)
    throw_invalid("short_iter must be at least 0, but is " + std::to_string(p.options.short_iter));
  check_non_negative(p.options.tol, "tol");
  check_non_negative(p.options.reg_covar, "reg_covar");
  check_non_negative(p.options.deadline, "deadline");
  check_samples(p.x, 0, 1);
  if (p.k > p.n())
    throw_invalid("n_components must be at most the number of rows of X, " + std::to_string(p.n()) + ", but is " +
                  std::to_string(p.k));
  const Index positive = check_sample_weight(p.weight, p.n());
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

void check_responsibilities(const FitProblem& p) {
  const MatrixView<const double>& r = p.options.responsibilities_init;
  if (r.rows() == 0) return;
  if (r.rows() != p.n() || r.cols() != p.k)
    throw_invalid("responsibilities_init must have shape " + shape(p.n(), p.k) + ", but has shape " +
                  shape(r.rows(), r.cols()));
  check_input("responsibilities_init", r);
  const Tolerance tolerance = sum_tolerance(p.options.source.responsibilities, p.k);
  std::vector<bool> seen(static_cast<std::size_t>(p.k));
  for (Index i = 0; i < r.rows(); ++i) {
    double sum = 0.0;
    for (Index k = 0; k < p.k; ++k) {
      if (r(i, k) > 0.0 && (p.weight.empty() || p.weight[i] > 0.0)) seen[static_cast<std::size_t>(k)] = true;
      if (!(r(i, k) >= 0.0 && r(i, k) <= 1.0 + tolerance.value))
        throw_invalid("responsibilities_init[" + std::to_string(i) + ", " + std::to_string(k) +
                      "] must be in [0, 1], but is " + format(r(i, k)));
      sum += r(i, k);
    }
    if (!(sum > 0.0 && std::abs(sum - 1.0) <= tolerance.value))
      throw_invalid("responsibilities_init[" + std::to_string(i) + "] must sum to 1 within " + tolerance.text +
                    ", but sums to " + format(sum));
  }
  require_all_seen(seen, "responsibilities_init");
}

void check_labels(const FitProblem& p) {
  const VectorView<const Index>& labels = p.options.labels_init;
  if (labels.empty()) return;
  if (labels.size() != p.n())
    throw_invalid("labels_init must have " + std::to_string(p.n()) + " values (rows of X), but has " +
                  std::to_string(labels.size()));
  check_input("labels_init", labels);
  std::vector<bool> seen(static_cast<std::size_t>(p.k));
  for (Index i = 0; i < labels.size(); ++i) {
    if (labels[i] < 0 || labels[i] >= p.k)
      throw_invalid("labels_init[" + std::to_string(i) + "] must be in [0, " + std::to_string(p.k) + "), but is " +
                    std::to_string(labels[i]));
    if (p.weight.empty() || p.weight[i] > 0.0) seen[static_cast<std::size_t>(labels[i])] = true;
  }
  require_all_seen(seen, "labels_init");
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
  const auto refuse = [](const char* name, const char* given, const char* kept) {
    if (std::string(given) != kept)
      throw_invalid(std::string(name) + " must be '" + kept +
                    "' when max_iter is 0, as there are no iterations, but is '" + given + "'");
  };
  refuse("accelerate", to_string(o.accelerate), to_string(defaults.accelerate));
  refuse("stopping", to_string(o.stopping), to_string(defaults.stopping));
  refuse("search", to_string(o.search), to_string(defaults.search));
  if (o.callback) throw_invalid("callback must not be given when max_iter is 0, as nothing would call it");
  if (o.deadline > 0.0) throw_invalid("deadline must not be given when max_iter is 0, as nothing would be cut short");
  if (o.tol != defaults.tol)
    throw_invalid("tol must be " + format(defaults.tol) +
                  " when max_iter is 0, as no change would be compared with it, but is " + format(o.tol));
  if (o.allow_singular && o.mixture_init && !o.mixture_init->allow_singular())
    throw_invalid(
        "allow_singular must be false when max_iter is 0 and the mixture given does not allow it, but is true");
  if (!o.covariances_given()) return;  // the start has an M-step of its own
  if (o.prior)
    throw_invalid(
        "prior must not be given when max_iter is 0 and the covariances are given, as none would be estimated");
  const std::string rule = " when max_iter is 0 and the covariances are given, as none would be estimated, but is ";
  if (o.reg_covar != defaults.reg_covar)
    throw_invalid("reg_covar must be " + format(defaults.reg_covar) + rule + format(o.reg_covar));
  if (o.on_degenerate != defaults.on_degenerate)
    throw_invalid(std::string("on_degenerate must be '") + to_string(defaults.on_degenerate) + "'" + rule + "'" +
                  to_string(o.on_degenerate) + "'");
}

/// An argument that would have no effect beside another is an error.
void check_combinations(const FitProblem& p) {
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
  if (o.short_iter > 0 && o.n_init == 1)
    throw_invalid("short_iter must be 0 when n_init is 1, as a short run chooses among starts, but is " +
                  std::to_string(o.short_iter));
  if (o.max_iter == 0) check_without_iterations(o);
  if (o.short_iter > 0 && o.short_iter >= o.max_iter)
    throw_invalid("short_iter must be below max_iter, " + std::to_string(o.max_iter) +
                  ", or every start would run to its end, but is " + std::to_string(o.short_iter));
  if (o.n_init > 1 && o.start_is_given())
    throw_invalid("n_init must be 1 when the start is given, as every start would be the same, but is " +
                  std::to_string(o.n_init));
  if (o.seed != 0 && o.start_is_given())
    throw_invalid("seed must be 0 when the start is given, as nothing would be drawn, but is " +
                  std::to_string(o.seed));
}

void check_mixture_init(const FitProblem& p) {
  if (!p.options.mixture_init) return;
  const Mixture& start = *p.options.mixture_init;
  if (start.n_components() != p.k)
    throw_invalid("n_components must be that of init, " + std::to_string(start.n_components()) + ", but is " +
                  std::to_string(p.k));
  check_samples(p.x, start.n_features());
  const VectorView<const Index> rank = start.rank();
  for (Index k = 0; k < p.k; ++k)
    if (rank[k] < p.d() && !p.options.allow_singular)
      throw_invalid("init must be positive definite unless allow_singular, but component " + std::to_string(k) +
                    " has rank " + std::to_string(rank[k]) + " of " + std::to_string(p.d()));
  if (start.covariance_type() != p.options.covariance_type)
    throw_invalid(std::string("covariance_type must be that of init, '") + to_string(start.covariance_type()) +
                  "', but is '" + to_string(p.options.covariance_type) + "'");
}

void check_means_init(const FitProblem& p) {
  const MatrixView<const double>& means = p.options.means_init;
  if (means.rows() == 0) return;
  if (means.rows() != p.k || means.cols() != p.d())
    throw_invalid("means_init must have shape " + shape(p.k, p.d()) + ", but has shape " +
                  shape(means.rows(), means.cols()));
  check_input("means_init", means);
  check_finite(means, "means_init");
}

void check_enumerations(const FitOptions& o) {
  check_enumerator(o.covariance_type, "covariance_type");
  check_enumerator(o.init, "init");
  check_enumerator(o.on_degenerate, "on_degenerate");
  check_enumerator(o.accelerate, "accelerate");
  check_enumerator(o.stopping, "stopping");
  check_enumerator(o.search, "search");
}

}  // namespace

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

void check_fit_arguments(const FitProblem& p) {
  check_enumerations(p.options);
  check_numbers(p);
  check_prior(p.options.prior, layout_of(p.options.covariance_type), p.d(), p.options.allow_singular);
  check_combinations(p);
  check_mixture_init(p);
  check_means_init(p);
  check_responsibilities(p);
  check_labels(p);
}

}  // namespace gaussmix::detail
