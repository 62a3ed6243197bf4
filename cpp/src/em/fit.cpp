#include "base/message.hpp"
#include "em/degenerate_component.hpp"
#include "em/e_step.hpp"
#include "em/fit_arguments.hpp"
#include "em/initial_mixture.hpp"
#include "model/mixture_data.hpp"
#include "score/score.hpp"

#include <gaussmix/error.hpp>
#include <gaussmix/fit.hpp>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>
#include <optional>
#include <string>
#include <vector>

namespace gaussmix {
namespace {

using Sums = Statistics::Sums;
using detail::FitProblem;

/// Adds the seconds that it lives to `total`.
class Stopwatch {
 public:
  explicit Stopwatch(double& total) : total_(total) {}
  ~Stopwatch() { total_ += std::chrono::duration<double>(std::chrono::steady_clock::now() - begin_).count(); }
  Stopwatch(const Stopwatch&) = delete;
  Stopwatch& operator=(const Stopwatch&) = delete;

 private:
  double& total_;
  std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
};

struct Run {
  Mixture mixture;
  bool converged = false;
  bool stopped = false;
  std::vector<double> trace;
  FitReport report;
};

/// One E-step over all data. In float32 a component that the exclusion rule left no weight in any row gets a pass with nothing
/// excluded: what the rule leaves out there, 2⁻²⁴ / K of a row, may be more than nothing. In float64 it is empty by definition.
Sums expectation(const FitProblem& p, const Mixture& mixture, std::vector<std::int32_t>& labels) {
  mixture.data().require_common_measure();
  const auto pass = [&](bool whole) {
    Sums sums(mixture.n_components(), mixture.n_features(), mixture.covariance_type(), mixture.means().data());
    detail::accumulate_expectation(mixture, p.x, p.weight, whole, p.execution, sums,
                                   {labels.data(), static_cast<Index>(labels.size())}, p.kernels);
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

Run expectation_maximization(const FitProblem& p, Mixture mixture, int start_index) {
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

/// One of the n_init starts, to its end; adds to the seconds of `spent`.
Run run_start(const FitProblem& p, int index, FitReport& spent) {
  // The odd constant of the golden ratio gives distinct, well spread seeds.
  const std::uint64_t seed = p.options.seed + static_cast<std::uint64_t>(index) * 0x9E3779B97F4A7C15u;
  MaximizeReport treated;
  Mixture first = [&] {
    const Stopwatch watch(spent.init_seconds);
    return detail::initial_mixture(p, seed, treated);
  }();
  const Stopwatch watch(spent.em_seconds);
  Run run = expectation_maximization(p, std::move(first), index);
  count(treated, run.report);
  return run;
}

/// The starts that ended in a NumericalError, by what met them.
class FailedStarts {
 public:
  void add(const NumericalError& error) {
    if (count() == 0) first_ = error.what();
    using Kind = detail::DegenerateComponent::Kind;
    const auto* component = dynamic_cast<const detail::DegenerateComponent*>(&error);
    ++(!component ? other_ : component->kind() == Kind::empty ? empty_ : collapsed_);
  }
  Index count() const noexcept { return empty_ + collapsed_ + other_; }
  [[noreturn]] void throw_all() const {
    std::string kinds;
    const auto name = [&kinds](Index n, const char* what) {
      if (n > 0) kinds += (kinds.empty() ? "" : ", ") + std::to_string(n) + what;
    };
    name(empty_, " with an empty component");
    name(collapsed_, " with a collapsed component");
    name(other_, " otherwise");
    throw NumericalError("all " + std::to_string(count()) + " starts failed (" + kinds + "); the first: " + first_);
  }

 private:
  Index empty_ = 0, collapsed_ = 0, other_ = 0;
  std::string first_;
};

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
  const simd::KernelTable& kernels = simd::active_kernels();
  detail::check_fit_arguments({x, n_components, options, sample_weight, execution, kernels});
  const ScaledWeights weights(sample_weight);
  const FitProblem p{x, n_components, options, weights.view(), execution, kernels};
  std::optional<Run> best;
  FitReport spent;
  FailedStarts failed;
  for (int i = 0; i < options.n_init; ++i) {
    try {
      Run run = run_start(p, i, spent);
      const bool stopped = run.stopped;
      if (!best || (!run.trace.empty() && run.trace.back() > best->trace.back())) best = std::move(run);
      if (stopped) break;
    } catch (const NumericalError& error) {
      if (options.n_init == 1) throw NumericalError(error.what());
      failed.add(error);
    }
  }
  if (!best) failed.throw_all();
  const double total = [&] {
    const Stopwatch watch(spent.closing_seconds);
    return weights.unscaled(detail::log_likelihood(best->mixture, x, p.weight, execution, p.kernels));
  }();
  best->report.n_failed_starts = failed.count();
  best->report.init_seconds = spent.init_seconds;
  best->report.em_seconds = spent.em_seconds;
  best->report.closing_seconds = spent.closing_seconds;
  const auto n_iter = static_cast<int>(best->trace.size());
  return {std::move(best->mixture), total, best->converged, n_iter, std::move(best->trace), best->report};
}

}  // namespace gaussmix
