#include "score/extended_range.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace gaussmix::detail {
namespace {

using Wide = long double;
static_assert(std::numeric_limits<Wide>::max_exponent >= 4 * std::numeric_limits<double>::max_exponent,
              "a squared distance of any two float64 points in any float64 scale must be representable");

constexpr Wide infinity = std::numeric_limits<Wide>::infinity();
constexpr Wide support_tolerance = 64.0L * 0x1p-53L;

}  // namespace

ExtendedRangeRow::ExtendedRangeRow(const ComponentTerms& mixture) : mixture_(mixture) {
  const auto k = static_cast<std::size_t>(mixture.k), d = static_cast<std::size_t>(mixture.d);
  for (auto* values : {&log_normal_, &log_joint_, &q_, &constant_, &behind_}) values->resize(k);
  for (auto* values : {&log_gamma_, &gamma_}) values->resize(k);
  for (auto* values : {&z_, &size_}) values->resize(d);
}

/// z_j = x_j − μ_j and the size |x_j| + |μ_j| of its terms, for features in `order`.
void ExtendedRangeRow::load(Index component, const double* x, const std::vector<Index>& order) {
  for (std::size_t i = 0; i < z_.size(); ++i) {
    const std::size_t j = order.empty() ? i : static_cast<std::size_t>(order[i]);
    const Wide mean = mixture_.means[static_cast<std::size_t>(component) * z_.size() + j];
    z_[i] = Wide(x[j]) - mean;
    size_[i] = std::abs(Wide(x[j])) + std::abs(mean);
  }
}

/// ‖L⁻¹(x − μ)‖²; +inf off the support, by the rule of off_support_lanes: |z₂ − M z₁| ≤ 64u (size₂ + |M| size₁) in
/// scaled features. Scales z and size where Σ is singular.
Wide ExtendedRangeRow::matrix_distance(const CovarianceFactor& factor) {
  const std::size_t r = static_cast<std::size_t>(factor.rank), d = z_.size();
  Wide q = 0;
  for (std::size_t i = 0; i < r; ++i) {
    Wide y = 0;
    for (std::size_t j = 0; j <= i; ++j)
      y += Wide(factor.inverse(static_cast<Index>(i), static_cast<Index>(j))) * z_[j];
    q += y * y;
  }
  if (r == d) return q;
  for (std::size_t i = 0; i < d; ++i) {
    z_[i] *= Wide(factor.inv_scale[i]);
    size_[i] = size_[i] * Wide(factor.inv_scale[i]) + 1;
  }
  for (std::size_t i = r; i < d; ++i) {
    Wide residual = z_[i], size = size_[i];
    for (std::size_t j = 0; j < r; ++j) {
      const Wide a = factor.residual[(i - r) * r + j];
      residual -= a * z_[j];
      size += std::abs(a) * size_[j];
    }
    if (!(std::abs(residual) <= support_tolerance * size)) return infinity;
  }
  return q;
}

/// Σ ((x_j − μ_j) / σ_j)²; +inf off the support.
Wide ExtendedRangeRow::variance_distance(Index component) const {
  const double* inv_std = mixture_.inv_std.data() + component * mixture_.d;
  Wide q = 0;
  for (std::size_t j = 0; j < z_.size(); ++j) {
    if (inv_std[j] == 0 && !(std::abs(z_[j]) <= support_tolerance * size_[j])) return infinity;
    const Wide y = z_[j] * Wide(inv_std[j]);
    q += y * y;
  }
  return q;
}

Wide ExtendedRangeRow::distance(Index component, const double* x) {
  static const std::vector<Index> as_they_come;
  if (mixture_.factors.empty()) {
    load(component, x, as_they_come);
    return variance_distance(component);
  }
  const CovarianceFactor& factor = mixture_.factor(component);
  load(component, x, factor.order);
  return matrix_distance(factor);
}

/// t_a − t_b = (q_b − q_a) / 2 + (constant_a − constant_b) for finite log-joints t = constant − q / 2. Where q is so
/// large that t would lose the constant, this keeps it: between equal distances π and the normalization decide.
Wide ExtendedRangeRow::ahead(std::size_t a, std::size_t b) const {
  return (q_[b] - q_[a]) / 2 + (constant_[a] - constant_[b]);
}

// With b the component of the largest log-joint and a_k = t_k − t_b ≤ 0: γ_k = exp(a_k) / Σ_l exp(a_l) and
// log p = t_b + log Σ_l exp(a_l).
void ExtendedRangeRow::evaluate(const double* x) {
  const ComponentTerms& m = mixture_;
  const std::size_t n = q_.size();
  std::size_t best = n;
  for (std::size_t k = 0; k < n; ++k) {
    q_[k] = distance(static_cast<Index>(k), x);
    constant_[k] = Wide(m.log_norm[k]) + Wide(m.log_weight[k]);
    log_normal_[k] = Wide(m.log_norm[k]) - q_[k] / 2;
    log_joint_[k] = constant_[k] - q_[k] / 2;
    if (log_joint_[k] == -infinity) continue;
    if (best == n || ahead(k, best) > 0) best = k;
  }
  if (best == n) {  // off every support
    log_p_ = -infinity;
    log_gamma_ = m.log_weight;
    gamma_ = m.weights;
    return;
  }
  Wide sum = 0;
  for (std::size_t k = 0; k < n; ++k) {
    behind_[k] = log_joint_[k] == -infinity ? -infinity : ahead(k, best);
    sum += std::exp(behind_[k]);
  }
  for (std::size_t k = 0; k < n; ++k) {
    log_gamma_[k] = static_cast<double>(behind_[k] - std::log(sum));
    gamma_[k] = static_cast<double>(std::exp(behind_[k]) / sum);
  }
  log_p_ = log_joint_[best] + std::log(sum);
}

Index ExtendedRangeRow::label() const noexcept {
  return std::max_element(log_gamma_.begin(), log_gamma_.end()) - log_gamma_.begin();
}

}  // namespace gaussmix::detail
