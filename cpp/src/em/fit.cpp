#include "base/enum_names.hpp"
#include "data/samples.hpp"
#include "em/degeneracy.hpp"
#include "em/e_step.hpp"
#include "em/fit_arguments.hpp"
#include "em/fit_report.hpp"
#include "em/initial_mixture.hpp"
#include "model/mixture_data.hpp"
#include "score/score.hpp"

#include <gaussmix/em.hpp>
#include <gaussmix/error.hpp>
#include <gaussmix/fit.hpp>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <optional>
#include <string>
#include <vector>

namespace gaussmix {
namespace {

using detail::FitProblem;

constexpr detail::EnumName<Acceleration> accelerations[] = {{Acceleration::none, "none"},
                                                            {Acceleration::squarem, "squarem"}};
constexpr detail::EnumName<Stopping> stoppings[] = {{Stopping::change, "change"}, {Stopping::projected, "projected"}};

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

/// One of the starts, as far as it went.
struct Run {
  EM em;
  bool stopped = false;      ///< by the callback or the deadline, before or as it was done
  bool by_deadline = false;  ///< before it was done
  MaximizeReport initial;    ///< of the M-step that made the first mixture
};

/// One E-step over all data. In float32 a component that the exclusion rule left no weight in any row gets a pass with
/// nothing excluded: what the rule leaves out there, 2⁻²⁴ / K of a row, may be more than nothing. In float64 it is
/// empty by definition.
Statistics expectation(const FitProblem& p, const Mixture& mixture, std::vector<std::int32_t>& labels) {
  mixture.data().require_common_measure();
  const auto pass = [&](bool whole) {
    Statistics statistics(mixture);
    detail::accumulate_expectation(mixture, p.x, p.weight, whole, p.execution, statistics.sums(),
                                   {labels.data(), static_cast<Index>(labels.size())}, p.kernels);
    detail::settle(p.constant, statistics.sums());
    return statistics;
  };
  Statistics statistics = pass(false);
  for (Index k = 0; k < mixture.n_components() && p.x.single_precision(); ++k)
    if (statistics.component_weights()[k] == 0.0 && mixture.weights()[k] > 0.0) return pass(true);
  return statistics;
}

EMOptions em_options(const FitOptions& o) {
  return {o.tol, o.max_iter, o.reg_covar, o.on_degenerate, o.allow_singular, o.prior, o.accelerate, o.stopping};
}

/// EM over X until it is done, or the callback or the deadline ends it.
void run_to_end(const FitProblem& p, int start_index, Run& run) {
  std::vector<std::int32_t> labels(static_cast<std::size_t>(p.n()), -1);  // likely components, from pass to pass
  while (!run.em.done() && !run.stopped) {
    const Index n_components = run.em.mixture().n_components();
    FitProgress progress = run.em.step(expectation(p, run.em.mixture(), labels), p.execution);
    if (run.em.mixture().n_components() != n_components) std::fill(labels.begin(), labels.end(), -1);
    progress.start = start_index;
    const bool by_callback = !progress.rejected && p.options.callback && p.options.callback(progress);
    const bool by_deadline = p.deadline.has_passed();
    run.by_deadline = by_deadline && !by_callback && !run.em.done();
    run.stopped = by_callback || by_deadline;
  }
}

/// One of the n_init starts, to its end; adds to the seconds of `spent`.
Run run_start(const FitProblem& p, int index, FitReport& spent) {
  // The odd constant of the golden ratio gives distinct, well spread seeds.
  const std::uint64_t seed = p.options.seed + static_cast<std::uint64_t>(index) * 0x9E3779B97F4A7C15u;
  MaximizeReport initial;
  Mixture first = [&] {
    const Stopwatch watch(spent.init_seconds);
    return detail::initial_mixture(p, seed, initial);
  }();
  const Stopwatch watch(spent.em_seconds);
  Run run{EM(std::move(first), em_options(p.options)), false, false, std::move(initial)};
  run_to_end(p, index, run);
  return run;
}

/// Whether the trace of `a` ends above that of `b`.
bool ends_better(const Run& a, const Run& b) {
  return !a.em.trace().empty() && a.em.trace().back() > b.em.trace().back();
}

/// Counts and lists of the M-step that made the first of K components and of all steps after it.
FitReport report_of(const Run& run, Index k) {
  FitReport report;
  std::vector<Index> numbers = detail::numbers_of_start(k);
  detail::add_step(run.initial, numbers, report);
  detail::add_steps(run.em.report(), numbers, report);
  return report;
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
/// Beside a prior, which weighs so many rows, they are taken as they come.
class ScaledWeights {
 public:
  ScaledWeights(VectorView<const double> weights, bool has_prior) : view_(weights) {
    if (has_prior) return;
    double largest = 0.0;
    for (Index i = 0; i < weights.size(); ++i) largest = std::max(largest, weights[i]);
    if (largest == 0.0 || std::abs(std::ilogb(largest)) <= 64) return;
    exponent_ = std::ilogb(largest);
    for (Index i = 0; i < weights.size(); ++i) scaled_.push_back(detail::scaled_weight<double>(weights[i], exponent_));
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

const char* to_string(Acceleration acceleration) noexcept { return detail::name_of(acceleration, accelerations); }

Acceleration acceleration_from_string(const std::string& name) {
  return detail::value_named(name, accelerations, "accelerate");
}

const char* to_string(Stopping stopping) noexcept { return detail::name_of(stopping, stoppings); }

Stopping stopping_from_string(const std::string& name) { return detail::value_named(name, stoppings, "stopping"); }

FitResult fit(const Samples& x, Index n_components, const FitOptions& options, VectorView<const double> sample_weight,
              const Execution& execution) {
  const simd::KernelTable& kernels = simd::active_kernels();
  const detail::Deadline deadline(options.deadline);
  detail::check_fit_arguments({x, n_components, options, sample_weight, execution, kernels, deadline});
  const ScaledWeights weights(sample_weight, options.prior.has_value());
  const FitProblem p{x,         n_components, options,  weights.view(),
                     execution, kernels,      deadline, detail::constant_features(x, weights.view(), execution)};
  std::optional<Run> best;
  FitReport spent;
  FailedStarts failed;
  bool ended_by_deadline = false;
  for (int i = 0; i < options.n_init; ++i) {
    try {
      Run run = run_start(p, i, spent);
      const bool stopped = run.stopped;
      ended_by_deadline = run.by_deadline;
      if (!best || ends_better(run, *best)) best = std::move(run);
      if (stopped) break;
    } catch (const NumericalError& error) {
      if (options.n_init == 1) throw NumericalError(error.what());
      failed.add(error);
      if (deadline.has_passed()) break;
    }
  }
  if (!best) failed.throw_all();
  const double total = [&] {
    const Stopwatch watch(spent.closing_seconds);
    return weights.unscaled(detail::log_likelihood(best->em.result(), x, p.weight, execution, p.kernels));
  }();
  FitReport report = report_of(*best, n_components);
  report.n_failed_starts = failed.count();
  report.ended_by_deadline = ended_by_deadline;
  report.init_seconds = spent.init_seconds;
  report.em_seconds = spent.em_seconds;
  report.closing_seconds = spent.closing_seconds;
  const EM& em = best->em;
  return {em.result(), total, em.converged(), em.n_iter(), em.trace(), report};
}

}  // namespace gaussmix
