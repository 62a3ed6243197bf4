#include "base/message.hpp"
#include "data/samples.hpp"
#include "em/e_step.hpp"
#include "em/sufficient_statistics.hpp"
#include "model/mixture_data.hpp"

#include <gaussmix/error.hpp>
#include <gaussmix/statistics.hpp>

namespace gaussmix {

Statistics::Statistics(const Mixture& mixture)
    : mixture_(mixture),
      sums_(std::make_unique<detail::SufficientStatistics>(mixture.n_components(), mixture.n_features(),
                                                           mixture.covariance_type(), mixture.means().data())) {}
Statistics::Statistics(const Mixture& mixture, std::unique_ptr<detail::SufficientStatistics> sums) noexcept
    : mixture_(mixture), sums_(std::move(sums)) {}
Statistics::~Statistics() = default;
Statistics::Statistics(const Statistics& other)
    : mixture_(other.mixture_),
      sums_(other.sums_ ? std::make_unique<detail::SufficientStatistics>(*other.sums_) : nullptr) {}
Statistics::Statistics(Statistics&&) noexcept = default;
Statistics& Statistics::operator=(const Statistics& other) { return *this = Statistics(other); }
Statistics& Statistics::operator=(Statistics&&) noexcept = default;

void Statistics::accumulate(const Samples& x, VectorView<const double> sample_weight, const Execution& execution) {
  detail::check_samples(x, mixture_.n_features());
  detail::check_sample_weight(sample_weight, x.rows());
  mixture_.data().require_common_measure();
  detail::accumulate_expectation(mixture_, x, sample_weight, false, execution, *sums_);
}

void Statistics::merge(const Statistics& other) {
  const Mixture& theirs = other.mixture_;
  const auto require_equal = [](const char* what, Index own, Index found) {
    if (own != found)
      detail::throw_invalid(std::string("other must have ") + what + " " + std::to_string(own) + ", but has " +
                            std::to_string(found));
  };
  require_equal("n_components", mixture_.n_components(), theirs.n_components());
  require_equal("n_features", mixture_.n_features(), theirs.n_features());
  if (theirs.covariance_type() != mixture_.covariance_type())
    detail::throw_invalid(std::string("other must have covariance_type '") + to_string(mixture_.covariance_type()) +
                          "', but has '" + to_string(theirs.covariance_type()) + "'");
  detail::SufficientStatistics merged = *sums_;
  merged.merge(*other.sums_);
  if (!merged.finite()) detail::throw_invalid("other must leave sums within the range of float64, but does not");
  *sums_ = std::move(merged);
}

void Statistics::scale(double factor) {
  detail::check_non_negative(factor, "factor");
  detail::SufficientStatistics scaled = *sums_;
  scaled.scale(factor);
  if (!scaled.finite())
    detail::throw_invalid("factor must leave sums within the range of float64, but is " + detail::format(factor));
  *sums_ = std::move(scaled);
}

const Mixture& Statistics::mixture() const noexcept { return mixture_; }
double Statistics::log_likelihood() const noexcept { return sums_->log_likelihood; }
double Statistics::total_weight() const noexcept { return sums_->total_weight; }
VectorView<const double> Statistics::component_weights() const noexcept { return sums_->weight; }

bool operator==(const Statistics& a, const Statistics& b) noexcept {
  return a.mixture_ == b.mixture_ && *a.sums_ == *b.sums_;
}

}  // namespace gaussmix
