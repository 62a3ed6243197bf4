#pragma once

#include <gaussmix/fit.hpp>
#include <gaussmix/mixture.hpp>
#include <gaussmix/prior.hpp>
#include <gaussmix/statistics.hpp>
#include <gaussmix/threads.hpp>

#include <optional>
#include <vector>

namespace gaussmix {

namespace detail {
struct Extrapolation;
}

/// Options of EM; they mean what they mean in fit().
struct EMOptions {
  double tol = 1e-3;       ///< done when the mean log-likelihood changes, or is to change, by less; ≥ 0
  int max_iter = 100;      ///< done after so many steps; ≥ 0
  double reg_covar = 0.0;  ///< added to every variance; ≥ 0
  OnDegenerate on_degenerate = OnDegenerate::floor;
  bool allow_singular = false;
  std::optional<Prior> prior = std::nullopt;
  Acceleration accelerate = Acceleration::none;
  Stopping stopping = Stopping::change;
};

/// Expectation-maximization between two passes over the data (Bishop 2006, section 9.2.2): the mixture so far, the
/// stopping rule, the policy for degenerate components and the trace. It knows no rows, so they may come from anywhere:
/// @code
///   gaussmix::EM em(start);  // a Mixture
///   while (!em.done()) {
///     gaussmix::Statistics statistics(em.mixture());
///     for (const gaussmix::Samples& piece : pieces) statistics.accumulate(piece);
///     em.step(statistics);
///   }
/// @endcode
/// fit() is this over one X. A copy goes on by itself, like any value.
class GAUSSMIX_API EM {
 public:
  /// @param start  what the first pass is made under
  /// @throws InvalidArgument for options that break the rules above
  explicit EM(Mixture start, const EMOptions& options = {});

  const Mixture& mixture() const noexcept { return mixture_; }  ///< what the next pass is to be made under
  const EMOptions& options() const noexcept { return options_; }
  bool done() const noexcept { return converged_ || n_iter() >= options_.max_iter; }
  /// The best so far, which a fit ends with: mixture(), but before the likelihood of an accelerated point is known the
  /// last one that a step has made.
  const Mixture& result() const noexcept { return fallback_ ? *fallback_ : mixture_; }
  /// Whether the last step changed the mean log-likelihood by less than tol, and neither dropped nor reseeded a
  /// component; with Stopping::projected, what is left of it too.
  bool converged() const noexcept { return converged_; }
  int n_iter() const noexcept { return static_cast<int>(trace_.size()); }  ///< M-steps so far
  /// The mean log-likelihood before each M-step, with a prior plus its log-density per unit of weight, (n_iter,): it
  /// never falls by more than rounding where reg_covar is 0 and no component is dropped, reseeded or kept.
  const std::vector<double>& trace() const noexcept { return trace_; }
  const FitReport& report() const noexcept { return report_; }  ///< counts and lists over all steps; no seconds

  /// The M-step over the sums of a whole pass (Bishop 2006, eqs. 9.24 to 9.27), and the decision whether it was the
  /// last one. A step after done() goes on. An accelerated point that is not better than the one before is no step: the
  /// mixture becomes what it was made beyond, and n_iter and trace stay. On any error everything stays as it was.
  /// @param statistics  made under mixture(): of all data, merged from whatever pieces
  /// @returns what a callback of fit() is told; its start is 0
  /// @throws InvalidArgument  for statistics that were made under another mixture or hold no weight
  /// @throws NumericalError   when their log-likelihood is not finite; otherwise as Statistics::maximize
  FitProgress step(const Statistics& statistics, const Execution& execution = {});

 private:
  FitProgress reject();
  bool has_converged() const;
  detail::Extrapolation look_beyond(const Statistics& statistics, const Mixture& next,
                                    const Execution& execution) const;

  Mixture mixture_;
  EMOptions options_;
  bool converged_ = false;
  std::vector<double> trace_;
  FitReport report_;
  std::vector<Index> numbers_;       ///< of the components of mixture_ in the start
  std::size_t n_plain_ = 0;          ///< values at the end of the trace, each of the M-step after the one before
  std::optional<Mixture> start_;     ///< θ₀, while mixture_ is θ₁ = M(θ₀) and is to be accelerated
  std::optional<Mixture> fallback_;  ///< θ₂ = M(θ₁), while mixture_ is the accelerated point
  double longest_step_ = 4.0;        ///< of acceleration; 1 is EM's own
  bool took_longest_ = false;        ///< to the accelerated point
};

}  // namespace gaussmix
