#include <gaussmix/em.hpp>

#include "base/message.hpp"
#include "em/fit_report.hpp"
#include "em/m_step.hpp"
#include "em/prior.hpp"
#include "model/mixture_data.hpp"

#include <gaussmix/error.hpp>

#include <cmath>
#include <limits>
#include <string>
#include <utility>

namespace gaussmix {
namespace {

/// An enumeration's value must have a name.
void check_options(const EMOptions& o) {
  detail::check_non_negative(o.tol, "tol");
  detail::check_non_negative(o.reg_covar, "reg_covar");
  if (o.max_iter < 0) detail::throw_invalid("max_iter must be at least 0, but is " + std::to_string(o.max_iter));
  if (*to_string(o.on_degenerate) == '\0')
    detail::throw_invalid("on_degenerate must be one of its enumeration, but is " +
                          std::to_string(static_cast<int>(o.on_degenerate)));
}

}  // namespace

EM::EM(Mixture start, const EMOptions& options)
    : mixture_(std::move(start)), options_(options), numbers_(detail::numbers_of_start(mixture_.n_components())) {
  check_options(options_);
  detail::check_prior(options_.prior, mixture_.data().layout, mixture_.n_features(), options_.allow_singular);
}

FitProgress EM::step(const Statistics& statistics, const Execution& execution) {
  if (statistics.mixture() != mixture_)
    detail::throw_invalid("statistics must be made under the mixture of this EM, but are made under another one");
  if (!(statistics.total_weight() > 0.0))
    detail::throw_invalid("statistics must hold rows of positive weight, but their total weight is " +
                          detail::format(statistics.total_weight()));
  const double prior = options_.prior ? detail::log_density(*options_.prior, mixture_.data()) : 0.0;
  const double mean = (statistics.log_likelihood() + prior) / statistics.total_weight();
  if (!std::isfinite(mean))
    throw NumericalError("the mean log-likelihood must stay finite, but is " + detail::format(mean) + " in iteration " +
                         std::to_string(n_iter() + 1) +
                         ": a row lies off the support of every component, or so far from all that its density is 0");
  MaximizeReport treated;
  Mixture next = detail::m_step(statistics.sums(), mixture_.covariance_type(), &mixture_,
                                {options_.reg_covar, options_.on_degenerate, options_.allow_singular, options_.prior},
                                treated, execution);
  const double change = trace_.empty() ? std::numeric_limits<double>::infinity() : mean - trace_.back();
  trace_.push_back(mean);
  detail::add_step(treated, numbers_, report_);
  converged_ = std::abs(change) < options_.tol && treated.dropped.empty() && treated.reseeded.empty();
  mixture_ = std::move(next);
  return {0, n_iter(), mean, change, converged_, mixture_};
}

}  // namespace gaussmix
