#include <gaussmix/em.hpp>

#include "base/enum_names.hpp"
#include "base/message.hpp"
#include "em/covariance_floor.hpp"
#include "em/extrapolation.hpp"
#include "em/fit_report.hpp"
#include "em/m_step.hpp"
#include "em/prior.hpp"
#include "model/mixture_data.hpp"

#include <gaussmix/error.hpp>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <utility>
#include <vector>

namespace gaussmix {
namespace {

/// The longest step of acceleration grows by this factor where it was taken and led up, and falls by it where it did
/// not; never below the least (Varadhan & Roland 2008, section 3.2).
constexpr double growth_of_steps = 4.0, least_longest_step = 2.0;

/// A change of a mean of log-densities within this share of it says nothing.
constexpr double rounding_of_mean = 0x1p-50;

void check_options(const EMOptions& o) {
  detail::check_non_negative(o.tol, "tol");
  detail::check_non_negative(o.reg_covar, "reg_covar");
  if (o.max_iter < 0) detail::throw_invalid("max_iter must be at least 0, but is " + std::to_string(o.max_iter));
  detail::check_enumerator(o.on_degenerate, "on_degenerate");
  detail::check_enumerator(o.accelerate, "accelerate");
  detail::check_enumerator(o.stopping, "stopping");
}

}  // namespace

EM::EM(Mixture start, const EMOptions& options)
    : mixture_(std::move(start)), options_(options), numbers_(detail::numbers_of_start(mixture_.n_components())) {
  check_options(options_);
  detail::check_prior(options_.prior, mixture_.data().layout, mixture_.n_features(), options_.allow_singular);
  for (Index k = 0; k < mixture_.n_components() && options_.prior; ++k)
    if (mixture_.rank()[k] < mixture_.n_features())
      detail::throw_invalid("mixture must be positive definite beside a prior, but component " + std::to_string(k) +
                            " has rank " + std::to_string(mixture_.rank()[k]) + " of " +
                            std::to_string(mixture_.n_features()));
}

FitProgress EM::step(const Statistics& statistics, const Execution& execution) {
  if (statistics.mixture() != mixture_)
    detail::throw_invalid("statistics must be made under the mixture of this EM, but are made under another one");
  if (!(statistics.total_weight() > 0.0))
    detail::throw_invalid("statistics must hold rows of positive weight, but their total weight is " +
                          detail::format(statistics.total_weight()));
  const double mean = detail::penalized_mean(statistics, options_.prior);
  if (fallback_ && !(mean >= trace_.back())) return reject();
  if (!std::isfinite(mean))
    throw NumericalError("the mean log-likelihood must stay finite, but is " + detail::format(mean) + " in iteration " +
                         std::to_string(n_iter() + 1) +
                         ": a row lies off the support of every component, or so far from all that its density is 0");
  MaximizeReport treated;
  Mixture next = detail::m_step(statistics.sums(), mixture_.covariance_type(), &mixture_,
                                {options_.reg_covar, options_.on_degenerate, options_.allow_singular, options_.prior},
                                treated, execution);
  const bool is_smooth = treated.floored.empty() && treated.dropped.empty() && treated.reseeded.empty();
  detail::Extrapolation beyond{};
  if (start_ && is_smooth && n_iter() + 1 < options_.max_iter) beyond = look_beyond(statistics, next, execution);

  FitReport report = report_;
  std::vector<Index> numbers = numbers_;
  detail::add_step(treated, numbers, report);
  if (trace_.size() == trace_.capacity()) trace_.reserve(2 * trace_.size() + 1);

  // From here on nothing throws.
  const double change = trace_.empty() ? std::numeric_limits<double>::infinity() : mean - trace_.back();
  const bool was_accelerated = fallback_.has_value();
  trace_.push_back(mean);
  report_ = std::move(report);
  numbers_ = std::move(numbers);
  n_plain_ = was_accelerated ? 1 : n_plain_ + 1;
  converged_ = treated.dropped.empty() && treated.reseeded.empty() && has_converged();
  if (was_accelerated && took_longest_) longest_step_ *= growth_of_steps;
  fallback_.reset();
  start_.reset();
  if (beyond.mixture && !converged_) {
    took_longest_ = beyond.is_longest;
    fallback_ = std::move(next);
    mixture_ = std::move(*beyond.mixture);
  } else {
    if (options_.accelerate == Acceleration::squarem && is_smooth && !was_accelerated) start_ = std::move(mixture_);
    mixture_ = std::move(next);
  }
  return {0, n_iter(), mean, change, converged_, result(), false};
}

/// The accelerated point is no step: the mixture is again what it was made beyond, and steps are shorter from here on.
FitProgress EM::reject() {
  mixture_ = std::move(*fallback_);
  fallback_.reset();
  longest_step_ = std::max(longest_step_ / growth_of_steps, least_longest_step);
  ++report_.n_rejected;
  return {0, n_iter(), trace_.back(), trace_.back() - trace_[trace_.size() - 2], false, mixture_, true};
}

/// By the last values of the trace l that follow one another by M-steps; rounding of l is no change.
bool EM::has_converged() const {
  const std::size_t n = trace_.size();
  if (n_plain_ < 2) return false;
  const double change = trace_[n - 1] - trace_[n - 2];
  const bool is_small = std::abs(change) < options_.tol;
  if (options_.stopping == Stopping::change || !is_small) return is_small;
  if (std::abs(change) < rounding_of_mean * std::abs(trace_[n - 1])) return true;
  if (n_plain_ < 3) return false;
  // A leap leaves steps behind it that fall fast before the slow ones show: it must have gained little itself.
  if (n > n_plain_ && trace_[n - n_plain_] - trace_[n - n_plain_ - 1] >= options_.tol) return false;
  // Where changes fall in the ratio a, what is left is change · (a + a² + …) (Böhning et al. 1994).
  const double a = change / (trace_[n - 2] - trace_[n - 3]);
  const double rest = std::abs(change) * a / (1.0 - a);
  return a >= 0.0 && a < 1.0 && rest < options_.tol;
}

/// The point beyond θ₀ = start_, θ₁ = mixture_ and θ₂ = `next`; none where the policy of `floor` would raise its
/// covariances.
detail::Extrapolation EM::look_beyond(const Statistics& statistics, const Mixture& next,
                                      const Execution& execution) const {
  const detail::SufficientStatistics& sums = statistics.sums();
  detail::Extrapolation found =
      detail::extrapolate(*start_, mixture_, next, detail::feature_variances(sums), longest_step_, execution);
  if (found.mixture && options_.on_degenerate == OnDegenerate::floor && !detail::is_proper(options_.prior)) {
    const detail::MixtureData& m = found.mixture->data();
    const detail::CovarianceFloor floor(sums, m.layout, options_.reg_covar, options_.allow_singular);
    std::vector<double> sigma(static_cast<std::size_t>(m.layout.values_each(m.d)));
    for (Index c = 0; c < m.layout.count(m.k); ++c) {
      std::copy_n(m.covariances.data() + m.layout.offset(c, m.d), sigma.size(), sigma.data());
      if (floor.raise(sigma.data())) return {};
    }
  }
  return found;
}

}  // namespace gaussmix
