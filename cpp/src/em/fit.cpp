#include "base/enum_names.hpp"
#include "data/samples.hpp"
#include "em/degeneracy.hpp"
#include "em/e_step.hpp"
#include "em/fit_arguments.hpp"
#include "em/fit_report.hpp"
#include "em/initial_mixture.hpp"
#include "em/run.hpp"
#include "em/split_merge.hpp"
#include "em/weak_components.hpp"
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
using detail::Run;

constexpr detail::EnumName<Acceleration> accelerations[] = {{Acceleration::none, "none"},
                                                            {Acceleration::squarem, "squarem"}};
constexpr detail::EnumName<Search> searches[] = {{Search::none, "none"}, {Search::split_merge, "split_merge"}};
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

/// The first mixture of one of the n_init starts; adds to the seconds of `spent`.
Run begin(const FitProblem& p, int index, FitReport& spent) {
  // The odd constant of the golden ratio gives distinct, well spread seeds.
  const std::uint64_t seed = p.options.seed + static_cast<std::uint64_t>(index) * 0x9E3779B97F4A7C15u;
  const Stopwatch watch(spent.init_seconds);
  MaximizeReport initial;
  Mixture first = detail::initial_mixture(p, seed, initial);
  Run run{EM(std::move(first), detail::em_options(p.options)), {}, detail::numbers_of_start(p.k), false, false};
  detail::add_step(initial, run.numbers, run.before);
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

/// The sums over all the data, of one component.
detail::SufficientStatistics sums_of_all(const FitProblem& p) {
  std::vector<double> pivot(static_cast<std::size_t>(p.d()));
  detail::read_rows(p.x, 0, 1, pivot.data());
  detail::SufficientStatistics sums(1, p.d(), p.options.covariance_type, pivot.data());
  const auto all = [](Index begin, Index end, double* out) { std::fill_n(out, end - begin, 1.0); };
  detail::accumulate_assignment(all, p.x, p.weight, p.execution, sums, p.kernels);
  detail::settle(p.constant, sums);
  return sums;
}

/// The starts of a fit: which of them is the best, and which failed.
class Starts {
 public:
  /// @param weak  null, or what short runs are judged by
  Starts(const FitProblem& p, const detail::WeakComponents* weak) : p_(p), weak_(weak) {}

  /// Makes each of the n_init starts and runs it to its end, or as far as a short run goes, and the best of those on.
  /// Stopped where the callback or the deadline ended any of them.
  Run best(FitReport& spent) {
    for (int i = 0; i < p_.options.n_init && !stopped_; ++i) {
      try {
        Run run = begin(p_, i, spent);
        const Stopwatch watch(spent.em_seconds);
        if (is_short())
          detail::go_on(p_, i, p_.options.short_iter, {}, run);
        else
          detail::go_on(p_, i, p_.options.max_iter, p_.options.callback, run);
        stopped_ = run.stopped;
        spent.ended_by_deadline = run.by_deadline;
        keep(std::move(run), i);
      } catch (const NumericalError& error) {
        if (p_.options.n_init == 1) throw NumericalError(error.what());
        failed_.add(error);
        stopped_ = p_.deadline.has_passed();
      }
    }
    if (is_short()) finish(spent);
    if (kept_.empty()) failed_.throw_all();
    spent.n_failed_starts = failed_.count();
    kept_.front().run.stopped = kept_.front().run.stopped || stopped_;
    return std::move(kept_.front().run);
  }

 private:
  struct Kept {
    Run run;
    int index;
    Index n_weak;
  };

  bool is_short() const { return p_.options.short_iter > 0; }

  /// The better one first, of equals the earlier one; of short runs all, as one may fail yet, and those with the fewest
  /// weak components first.
  void keep(Run&& run, int index) {
    const Index n_weak = is_short() ? weak_->count(run.em.result()) : 0;
    const double level = detail::level(run);
    const auto place = std::find_if(kept_.begin(), kept_.end(), [&](const Kept& other) {
      return n_weak != other.n_weak ? n_weak < other.n_weak : level > detail::level(other.run);
    });
    kept_.insert(place, {std::move(run), index, n_weak});
    if (!is_short() && kept_.size() > 1) kept_.pop_back();
  }

  /// Goes on from the best short run, or the next where that fails.
  void finish(FitReport& spent) {
    const Stopwatch watch(spent.em_seconds);
    while (!kept_.empty() && !stopped_) {
      Kept& best = kept_.front();
      try {
        detail::go_on(p_, best.index, p_.options.max_iter, p_.options.callback, best.run);
        spent.ended_by_deadline = best.run.by_deadline;
        return;
      } catch (const NumericalError& error) {
        failed_.add(error);
        kept_.erase(kept_.begin());
        stopped_ = !kept_.empty() && p_.deadline.has_passed();
      }
    }
  }

  const FitProblem& p_;
  const detail::WeakComponents* weak_;
  FailedStarts failed_;
  std::vector<Kept> kept_;  ///< without an error so far, best first
  bool stopped_ = false;    ///< by the callback or the deadline
};

}  // namespace

const char* to_string(Acceleration acceleration) noexcept { return detail::name_of(acceleration, accelerations); }

Acceleration acceleration_from_string(const std::string& name) {
  return detail::value_named(name, accelerations, "accelerate");
}

const char* to_string(Search search) noexcept { return detail::name_of(search, searches); }

Search search_from_string(const std::string& name) { return detail::value_named(name, searches, "search"); }

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
  const bool is_search = options.search == Search::split_merge || options.short_iter > 0;
  std::optional<detail::SufficientStatistics> whole;
  std::optional<detail::WeakComponents> weak;
  if (is_search) weak.emplace(p, whole.emplace(sums_of_all(p)));
  FitReport spent;
  Run best = Starts(p, weak ? &*weak : nullptr).best(spent);
  if (options.search == Search::split_merge && !best.stopped) {
    const Stopwatch watch(spent.em_seconds);
    detail::split_and_merge(p, *whole, *weak, best, spent);
    spent.ended_by_deadline = best.by_deadline;
  } else if (options.search == Search::split_merge && deadline.has_passed()) {
    spent.ended_by_deadline = true;
  }
  const double total = [&] {
    const Stopwatch watch(spent.closing_seconds);
    return weights.unscaled(detail::log_likelihood(best.em.result(), x, p.weight, execution, p.kernels));
  }();
  FitReport report = detail::report_of(best);
  report.n_failed_starts = spent.n_failed_starts;
  report.n_moves = spent.n_moves;
  report.n_moves_tried = spent.n_moves_tried;
  report.ended_by_deadline = spent.ended_by_deadline;
  report.init_seconds = spent.init_seconds;
  report.em_seconds = spent.em_seconds;
  report.closing_seconds = spent.closing_seconds;
  const EM& em = best.em;
  return {em.result(), total, em.converged(), em.n_iter(), em.trace(), report};
}

}  // namespace gaussmix
