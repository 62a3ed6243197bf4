#include "em/sufficient_statistics.hpp"

#include "base/subscript.hpp"
#include "em/covariance_model.hpp"

#include <algorithm>
#include <cmath>

namespace gaussmix::detail {

SufficientStatistics::SufficientStatistics(Index n_components, Index n_features, CovarianceType type,
                                           const double* pivots)
    : SufficientStatistics(n_components, n_features, covariance_model(type).scatter(), pivots) {}

SufficientStatistics::SufficientStatistics(Index n_components, Index n_features, ScatterShape shape,
                                           const double* pivots)
    : k(n_components),
      d(n_features),
      full(shape.full),
      pooled(shape.pooled),
      pivot(pivots, pivots + n_components * n_features),
      weight(static_cast<std::size_t>(n_components)),
      delta(pivot.size()),
      scatter(static_cast<std::size_t>((pooled ? 1 : k) * scatter_size())) {}

void SufficientStatistics::add(Index component, double n, const double* shift, const double* s) {
  if (!(n > 0.0)) return;
  double& own = weight[at(component)];
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

// Of pivots that differ, δ' about this pivot is (pivot' − pivot) + δ'.
void SufficientStatistics::merge(const SufficientStatistics& other) {
  std::vector<double> shift(static_cast<std::size_t>(d));
  for (Index c = 0; c < k; ++c) {
    for (Index j = 0; j < d; ++j) {
      const auto i = static_cast<std::size_t>(c * d + j);
      shift[at(j)] = (other.pivot[i] - pivot[i]) + other.delta[i];
    }
    add(c, other.weight[at(c)], shift.data(), pooled ? nullptr : other.scatter_of(c));
  }
  if (pooled)
    for (std::size_t i = 0; i < scatter.size(); ++i) scatter[i] += other.scatter[i];
  log_likelihood += other.log_likelihood;
  total_weight += other.total_weight;
}

void SufficientStatistics::scale(double factor) {
  for (double& value : weight) value *= factor;
  for (double& value : scatter) value *= factor;
  for (Index i = 0; i < k * d; ++i)
    if (weight[at(i / d)] == 0.0) delta[at(i)] = 0.0;
  log_likelihood = factor == 0.0 ? 0.0 : log_likelihood * factor;
  total_weight *= factor;
}

bool SufficientStatistics::finite() const noexcept {
  const auto is_finite = [](double value) { return std::isfinite(value); };
  for (const std::vector<double>* values : {&weight, &delta, &scatter})
    if (!std::all_of(values->begin(), values->end(), is_finite)) return false;
  return is_finite(total_weight);
}

SufficientStatistics SufficientStatistics::empty_copy() const {
  return {k, d, ScatterShape{full, pooled}, pivot.data()};
}

bool operator==(const SufficientStatistics& a, const SufficientStatistics& b) noexcept {
  return a.full == b.full && a.pooled == b.pooled && a.pivot == b.pivot && a.weight == b.weight && a.delta == b.delta &&
         a.scatter == b.scatter && a.log_likelihood == b.log_likelihood && a.total_weight == b.total_weight;
}

}  // namespace gaussmix::detail
