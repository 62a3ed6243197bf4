#include "far_row.hpp"

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

/// z_j = x_j − μ_j and |x_j| + |μ_j|, features in `order`.
struct Difference {
  std::vector<Wide> z;
  std::vector<Wide> size;
};

Difference difference(const MixtureData& m, Index k, const double* x, const std::vector<Index>& order) {
  Difference out;
  for (Index i = 0; i < m.d; ++i) {
    const Index j = order.empty() ? i : order[static_cast<std::size_t>(i)];
    const Wide mean = m.means[static_cast<std::size_t>(k * m.d + j)];
    out.z.push_back(Wide(x[j]) - mean);
    out.size.push_back(std::abs(Wide(x[j])) + std::abs(mean));
  }
  return out;
}

/// ‖L⁻¹(x − μ)‖²; +inf off the support.
Wide matrix_distance(const CovarianceFactor& factor, Index d, Difference diff) {
  const auto at = [](Index i) { return static_cast<std::size_t>(i); };
  const Index r = factor.rank;
  Wide q = 0;
  for (Index i = 0; i < r; ++i) {
    Wide y = 0;
    for (Index j = 0; j <= i; ++j) y += Wide(factor.inverse[at(i * r + j)]) * diff.z[at(j)];
    q += y * y;
  }
  if (r == d) return q;
  for (Index i = 0; i < d; ++i) {
    diff.z[at(i)] *= Wide(factor.inv_scale[at(i)]);
    diff.size[at(i)] = diff.size[at(i)] * Wide(factor.inv_scale[at(i)]) + 1;
  }
  for (Index i = r; i < d; ++i) {
    Wide residual = diff.z[at(i)], size = diff.size[at(i)];
    for (Index j = 0; j < r; ++j) {
      const Wide a = factor.residual[at((i - r) * r + j)];
      residual -= a * diff.z[at(j)];
      size += std::abs(a) * diff.size[at(j)];
    }
    if (!(std::abs(residual) <= support_tolerance * size)) return infinity;
  }
  return q;
}

/// Σ ((x_j − μ_j) / σ_j)²; +inf off the support.
Wide variance_distance(const MixtureData& m, Index k, const Difference& diff) {
  Wide q = 0;
  for (Index j = 0; j < m.d; ++j) {
    const auto at = static_cast<std::size_t>(j);
    const Wide inv_std = m.inv_std[static_cast<std::size_t>(k * m.d + j)];
    if (inv_std == 0 && !(std::abs(diff.z[at]) <= support_tolerance * diff.size[at])) return infinity;
    const Wide y = diff.z[at] * inv_std;
    q += y * y;
  }
  return q;
}

Wide distance(const MixtureData& m, Index k, const double* x) {
  if (m.factors.empty()) return variance_distance(m, k, difference(m, k, x, {}));
  const CovarianceFactor& factor = m.factor(k);
  return matrix_distance(factor, m.d, difference(m, k, x, factor.order));
}

/// t_a − t_b for t = constant − q / 2, where q may be so large that t alone would lose the constant: π and the normaliser decide
/// between equal distances. Both finite.
Wide ahead(Wide q_a, Wide constant_a, Wide q_b, Wide constant_b) { return (q_b - q_a) / 2 + (constant_a - constant_b); }

}  // namespace

FarRow evaluate_far_row(const MixtureData& m, const double* x) {
  const auto n = static_cast<std::size_t>(m.k);
  FarRow out;
  std::vector<Wide> q(n), constant(n);
  std::size_t best = n;
  for (std::size_t k = 0; k < n; ++k) {
    q[k] = distance(m, static_cast<Index>(k), x);
    constant[k] = Wide(m.log_norm[k]) + Wide(m.log_weight[k]);
    out.log_normal.push_back(Wide(m.log_norm[k]) - q[k] / 2);
    out.log_joint.push_back(constant[k] - q[k] / 2);
    if (out.log_joint[k] == -infinity) continue;
    if (best == n || ahead(q[k], constant[k], q[best], constant[best]) > 0) best = k;
  }
  if (best == n) {  // off every support
    out.log_p = -infinity;
    out.log_gamma.assign(m.log_weight.begin(), m.log_weight.end());
    out.gamma = m.weights;
    return out;
  }
  std::vector<Wide> behind(n, -infinity);  // log γ_k − log γ_best
  Wide sum = 0;
  for (std::size_t k = 0; k < n; ++k) {
    if (out.log_joint[k] != -infinity) behind[k] = ahead(q[k], constant[k], q[best], constant[best]);
    sum += std::exp(behind[k]);
  }
  for (std::size_t k = 0; k < n; ++k) {
    out.log_gamma.push_back(static_cast<double>(behind[k] - std::log(sum)));
    out.gamma.push_back(static_cast<double>(std::exp(behind[k]) / sum));
  }
  out.log_p = out.log_joint[best] + std::log(sum);
  return out;
}

}  // namespace gaussmix::detail
