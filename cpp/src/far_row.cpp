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
    diff.size[at(i)] *= Wide(factor.inv_scale[at(i)]);
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

}  // namespace

FarRow evaluate_far_row(const MixtureData& m, const double* x) {
  FarRow out;
  for (Index k = 0; k < m.k; ++k) {
    const auto at = static_cast<std::size_t>(k);
    out.log_normal.push_back(Wide(m.log_norm[at]) - distance(m, k, x) / 2);
    out.log_joint.push_back(out.log_normal.back() + Wide(m.log_weight[at]));
  }
  const Wide largest = *std::max_element(out.log_joint.begin(), out.log_joint.end());
  const bool off_every_support = largest == -infinity;
  Wide sum = 0;
  for (const Wide t : out.log_joint) sum += off_every_support ? 0 : std::exp(t - largest);
  out.log_p = off_every_support ? -infinity : largest + std::log(sum);
  for (std::size_t k = 0; k < out.log_joint.size(); ++k) {
    const Wide log_gamma = off_every_support ? Wide(m.log_weight[k]) : (out.log_joint[k] - largest) - std::log(sum);
    out.log_gamma.push_back(static_cast<double>(log_gamma));
    out.gamma.push_back(off_every_support ? m.weights[k] : static_cast<double>(std::exp(out.log_joint[k] - largest) / sum));
  }
  return out;
}

}  // namespace gaussmix::detail
