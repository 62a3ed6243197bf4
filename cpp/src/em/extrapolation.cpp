#include "em/extrapolation.hpp"

#include "base/subscript.hpp"
#include "model/mixture_data.hpp"
#include "numeric/linalg.hpp"

#include <gaussmix/error.hpp>

#include <algorithm>
#include <cmath>
#include <memory>
#include <utility>

namespace gaussmix::detail {
namespace {

/// The coordinates of a mixture, one after another: log π_k, (μ_kj − origin_kj) / s_j, and of each covariance L_ij /
/// s_i with log(L_jj / s_j) on the diagonal, or the logs of its standard deviations.
class Coordinates {
 public:
  /// @param origin  of the means, near which differences of means lose no digits
  Coordinates(const std::vector<double>& variances, const Mixture& origin) : origin_(origin.data().means) {
    for (const double variance : variances) scale_.push_back(variance > 0.0 ? std::sqrt(variance) : 1.0);
  }

  /// Nothing where a weight is 0 or a covariance has no factor.
  std::optional<std::vector<double>> of(const Mixture& mixture) const {
    const MixtureData& m = mixture.data();
    std::vector<double> out = m.log_weight;
    for (Index i = 0; i < m.k * m.d; ++i) out.push_back((m.means[at(i)] - origin_[at(i)]) / scale_[at(i % m.d)]);
    for (Index c = 0; c < m.layout.count(m.k); ++c)
      if (!append_covariance(m, c, out)) return std::nullopt;
    if (!std::all_of(out.begin(), out.end(), [](double v) { return std::isfinite(v); })) return std::nullopt;
    return out;
  }

  /// The inverse of `of`, with weights that sum to 1; where it is not in range, what makes a Mixture says so.
  Parameters parameters(const std::vector<double>& coordinates, const MixtureData& like) const {
    const double* next = coordinates.data();
    Parameters out;
    const double largest = *std::max_element(next, next + like.k);
    double sum = 0.0;
    for (Index k = 0; k < like.k; ++k) sum += out.weights.emplace_back(std::exp(*next++ - largest));
    for (double& weight : out.weights) weight /= sum;
    for (Index i = 0; i < like.k * like.d; ++i) out.means.push_back(origin_[at(i)] + *next++ * scale_[at(i % like.d)]);
    out.covariances.resize(like.covariances.size());
    for (Index c = 0; c < like.layout.count(like.k); ++c)
      next = read_covariance(next, like, out.covariances.data() + like.layout.offset(c, like.d));
    return out;
  }

 private:
  bool append_covariance(const MixtureData& m, Index c, std::vector<double>& out) const {
    const double* sigma = m.covariances.data() + m.layout.offset(c, m.d);
    if (!m.layout.is_matrix()) {
      for (Index j = 0; j < m.layout.values_each(m.d); ++j) out.push_back(0.5 * std::log(sigma[j]));
      return true;
    }
    std::vector<double> l(at(m.d * m.d)), inverse(l.size());
    if (!cholesky_inverse(sigma, m.d, l.data(), inverse.data())) return false;
    for (Index i = 0; i < m.d; ++i)
      for (Index j = 0; j <= i; ++j) {
        const double scaled = l[at(i * m.d + j)] / scale_[at(i)];
        out.push_back(i == j ? std::log(scaled) : scaled);
      }
    return true;
  }

  /// Σ = L Lᵀ.
  const double* read_covariance(const double* next, const MixtureData& m, double* sigma) const {
    if (!m.layout.is_matrix()) {
      for (Index j = 0; j < m.layout.values_each(m.d); ++j) sigma[j] = std::exp(2.0 * *next++);
      return next;
    }
    std::vector<double> l(at(m.d * m.d));
    for (Index i = 0; i < m.d; ++i)
      for (Index j = 0; j <= i; ++j, ++next) l[at(i * m.d + j)] = (i == j ? std::exp(*next) : *next) * scale_[at(i)];
    for (Index i = 0; i < m.d; ++i)
      for (Index j = 0; j <= i; ++j) {
        double sum = 0.0;
        for (Index r = 0; r <= j; ++r) sum += l[at(i * m.d + r)] * l[at(j * m.d + r)];
        sigma[i * m.d + j] = sigma[j * m.d + i] = sum;
      }
    return next;
  }

  std::vector<double> origin_;
  std::vector<double> scale_;
};

}  // namespace

/// θ' = θ₀ + 2 a r + a² v with r = θ₁ − θ₀, v = (θ₂ − θ₁) − r and a = ‖r‖ / ‖v‖ (Varadhan & Roland 2008, scheme S3), 1
/// < a ≤ the longest step.
Extrapolation extrapolate(const Mixture& theta0, const Mixture& theta1, const Mixture& theta2,
                          const std::vector<double>& feature_variances, double longest, const Execution& execution) {
  const Coordinates coordinates(feature_variances, theta0);
  const auto x0 = coordinates.of(theta0), x1 = coordinates.of(theta1), x2 = coordinates.of(theta2);
  if (!x0 || !x1 || !x2) return {std::nullopt, false};
  double rr = 0.0, vv = 0.0;
  for (std::size_t i = 0; i < x0->size(); ++i) {
    const double r = (*x1)[i] - (*x0)[i], v = ((*x2)[i] - (*x1)[i]) - r;
    rr += r * r;
    vv += v * v;
  }
  if (!(rr > vv)) return {std::nullopt, false};  // shorter than EM's step, or at the end of it
  const bool is_longest = !(rr < longest * longest * vv);
  const double a = is_longest ? longest : std::sqrt(rr / vv);
  std::vector<double> x = *x0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double r = (*x1)[i] - (*x0)[i], v = ((*x2)[i] - (*x1)[i]) - r;
    x[i] += 2.0 * a * r + a * a * v;
  }
  const MixtureData& like = theta2.data();
  try {
    return {Mixture(std::make_shared<const MixtureData>(coordinates.parameters(x, like), like.k, like.d, like.type,
                                                        like.allow_singular, ParameterNames{}, execution),
                    theta2.shared_names()),
            is_longest};
  } catch (const Interrupted&) {
    throw;
  } catch (const Error&) {  // out of range, or singular
    return {std::nullopt, is_longest};
  }
}

}  // namespace gaussmix::detail
