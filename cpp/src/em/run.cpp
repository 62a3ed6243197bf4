#include "em/run.hpp"

#include "em/e_step.hpp"
#include "em/fit_report.hpp"
#include "em/prior.hpp"
#include "model/mixture_data.hpp"

#include <algorithm>
#include <cstdint>
#include <limits>

namespace gaussmix::detail {
namespace {

/// One E-step over all data. In float32 a component that the exclusion rule left no weight in any row gets a pass with
/// nothing excluded: what the rule leaves out there, 2⁻²⁴ / K of a row, may be more than nothing. In float64 it is
/// empty by definition.
Statistics expectation(const FitProblem& p, const Mixture& mixture, std::vector<std::int32_t>& labels) {
  mixture.data().require_common_measure();
  const auto pass = [&](bool whole) {
    Statistics statistics(mixture);
    accumulate_expectation(mixture, p.x, p.weight, whole, p.execution, statistics.sums(),
                           {labels.data(), static_cast<Index>(labels.size())}, p.kernels);
    settle(p.constant, statistics.sums());
    return statistics;
  };
  Statistics statistics = pass(false);
  for (Index k = 0; k < mixture.n_components() && p.x.single_precision(); ++k)
    if (statistics.component_weights()[k] == 0.0 && mixture.weights()[k] > 0.0) return pass(true);
  return statistics;
}

}  // namespace

EMOptions em_options(const FitOptions& o) {
  return {o.tol, o.max_iter, o.reg_covar, o.on_degenerate, o.allow_singular, o.prior, o.accelerate, o.stopping};
}

void go_on(const FitProblem& p, int start, int n_iter, const std::function<bool(const FitProgress&)>& callback,
           Run& run) {
  std::vector<std::int32_t> labels(static_cast<std::size_t>(p.n()), -1);  // likely components, from pass to pass
  while (!run.em.done() && !run.stopped && run.em.n_iter() < n_iter) {
    const Index n_components = run.em.mixture().n_components();
    FitProgress progress = run.em.step(expectation(p, run.em.mixture(), labels), p.execution);
    if (run.em.mixture().n_components() != n_components) std::fill(labels.begin(), labels.end(), -1);
    progress.start = start;
    const bool by_callback = !progress.rejected && callback && callback(progress);
    const bool by_deadline = p.deadline.has_passed();
    run.by_deadline = by_deadline && !by_callback && !run.em.done();
    run.stopped = by_callback || by_deadline;
  }
}

double mean_log_likelihood(const FitProblem& p, const Mixture& mixture) {
  std::vector<std::int32_t> labels(static_cast<std::size_t>(p.n()), -1);
  return penalized_mean(expectation(p, mixture, labels), p.options.prior);
}

double level(const Run& run) {
  return run.em.trace().empty() ? -std::numeric_limits<double>::infinity() : run.em.trace().back();
}

FitReport report_of(const Run& run) {
  FitReport report = run.before;
  add_steps(run.em.report(), run.numbers, report);
  return report;
}

}  // namespace gaussmix::detail
