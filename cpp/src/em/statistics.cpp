#include "base/message.hpp"
#include "data/samples.hpp"
#include "em/e_step.hpp"
#include "model/mixture_data.hpp"

#include <gaussmix/error.hpp>
#include <gaussmix/statistics.hpp>

#include <algorithm>
#include <cmath>

namespace gaussmix {

Statistics::Sums::Sums(Index n_components, Index n_features, CovarianceType type, const double* pivots)
    : Sums(n_components, n_features, detail::layout_of(type).is_matrix(),
           detail::layout_of(type).is_matrix() && detail::layout_of(type).shared, pivots) {}

Statistics::Sums::Sums(Index n_components, Index n_features, bool whole_matrices, bool one_for_all,
                       const double* pivots)
    : k(n_components),
      d(n_features),
      full(whole_matrices),
      pooled(one_for_all),
      pivot(pivots, pivots + n_components * n_features),
      weight(static_cast<std::size_t>(n_components)),
      delta(pivot.size()),
      scatter(static_cast<std::size_t>((pooled ? 1 : k) * scatter_size())) {}

void Statistics::Sums::add(Index component, double n, const double* shift, const double* s) {
  if (!(n > 0.0)) return;
  double& own = weight[static_cast<std::size_t>(component)];
  double* mean = delta.data() + component * d;
  double* out = scatter_of(component);
  const double sum = own + n;
  const double fraction = n / sum;        // of the new mean
  const double between = own * fraction;  // own · n / (own + n)
  for (Index i = 0; i < d; ++i) {
    const double spread = own > 0.0 ? between * (shift[i] - mean[i]) : 0.0;
    if (full)
      for (Index j = 0; j <= i; ++j) out[i * d + j] += spread * (shift[j] - mean[j]) + (s ? s[i * d + j] : 0.0);
    else
      out[i] += spread * (shift[i] - mean[i]) + (s ? s[i] : 0.0);
  }
  for (Index i = 0; i < d; ++i) mean[i] = own > 0.0 ? mean[i] + fraction * (shift[i] - mean[i]) : shift[i];
  own = sum;
}

void Statistics::Sums::merge(const Sums& other) {
  std::vector<double> shift(static_cast<std::size_t>(d));
  for (Index c = 0; c < k; ++c) {
    for (Index j = 0; j < d; ++j) {
      const auto at = static_cast<std::size_t>(c * d + j);
      shift[static_cast<std::size_t>(j)] = (other.pivot[at] - pivot[at]) + other.delta[at];
    }
    add(c, other.weight[static_cast<std::size_t>(c)], shift.data(), pooled ? nullptr : other.scatter_of(c));
  }
  if (pooled)
    for (std::size_t i = 0; i < scatter.size(); ++i) scatter[i] += other.scatter[i];
  log_likelihood += other.log_likelihood;
  total_weight += other.total_weight;
}

void Statistics::Sums::scale(double factor) {
  for (double& value : weight) value *= factor;
  for (double& value : scatter) value *= factor;
  for (Index i = 0; i < k * d; ++i)
    if (weight[static_cast<std::size_t>(i / d)] == 0.0) delta[static_cast<std::size_t>(i)] = 0.0;
  log_likelihood = factor == 0.0 ? 0.0 : log_likelihood * factor;
  total_weight *= factor;
}

bool Statistics::Sums::finite() const noexcept {
  const auto is_finite = [](double value) { return std::isfinite(value); };
  for (const std::vector<double>* values : {&weight, &delta, &scatter})
    if (!std::all_of(values->begin(), values->end(), is_finite)) return false;
  return is_finite(total_weight);
}

Statistics::Sums Statistics::Sums::empty_copy() const { return {k, d, full, pooled, pivot.data()}; }

bool operator==(const Statistics::Sums& a, const Statistics::Sums& b) noexcept {
  return a.full == b.full && a.pooled == b.pooled && a.pivot == b.pivot && a.weight == b.weight && a.delta == b.delta &&
         a.scatter == b.scatter && a.log_likelihood == b.log_likelihood && a.total_weight == b.total_weight;
}

Statistics::Statistics(const Mixture& mixture)
    : mixture_(mixture),
      sums_(std::make_unique<Sums>(mixture.n_components(), mixture.n_features(), mixture.covariance_type(),
                                   mixture.means().data())) {}
Statistics::~Statistics() = default;
Statistics::Statistics(const Statistics& other)
    : mixture_(other.mixture_), sums_(std::make_unique<Sums>(*other.sums_)) {}
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
  Sums merged = *sums_;
  merged.merge(*other.sums_);
  if (!merged.finite()) detail::throw_invalid("other must leave sums within the range of float64, but does not");
  *sums_ = std::move(merged);
}

void Statistics::scale(double factor) {
  detail::check_non_negative(factor, "factor");
  Sums scaled = *sums_;
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
