#pragma once

// Random, well-conditioned mixtures with rows drawn near their components, and their densities by plain loops.

#include "numeric/random.hpp"

#include <gaussmix/mixture.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

namespace problems {

using namespace gaussmix;
using Doubles = std::vector<double>;
using Real = long double;

inline constexpr double inf = std::numeric_limits<double>::infinity();
inline constexpr CovarianceType all_types[] = {CovarianceType::full,      CovarianceType::tied,
                                               CovarianceType::diag,      CovarianceType::spherical,
                                               CovarianceType::tied_diag, CovarianceType::tied_spherical};

/// Unit roundoff.
template <class T>
inline constexpr double unit = std::numeric_limits<T>::epsilon() / 2;

inline bool has_matrices(CovarianceType type) { return type == CovarianceType::full || type == CovarianceType::tied; }

inline bool is_spherical(CovarianceType type) {
  return type == CovarianceType::spherical || type == CovarianceType::tied_spherical;
}

/// How many values the covariances have.
inline Index covariance_size(CovarianceType type, Index k, Index d) {
  Index size = 1;
  for (const Index dim : covariance_shape(type, k, d)) size *= dim;
  return size;
}

inline std::size_t at(Index i) { return static_cast<std::size_t>(i); }

/// Uniform in [−size, size].
inline double symmetric(detail::Random& random, double size) { return size * (2 * random.uniform() - 1); }

/// Parameters of a mixture and rows near its components.
struct Problem {
  Index k, d, n;
  CovarianceType type;
  Doubles weights, means, covariances;
  Doubles x;  ///< (n, d), row-major; row i lies near component i mod k

  Mixture mixture(bool allow_singular = false) const {
    return {weights, MatrixView<const double>(means.data(), k, d), covariances, type, allow_singular};
  }
  MatrixView<const double> rows() const { return {x.data(), n, d}; }
  MatrixView<const double> rows(Index begin, Index end) const { return {x.data() + begin * d, end - begin, d}; }
  const double* row(Index i) const { return x.data() + i * d; }
};

/// I + A Aᵀ / d with entries of A in [−1, 1]: eigenvalues in [1, 1 + d], in practice below 3.
inline Doubles random_covariance(Index d, detail::Random& random) {
  Doubles a(at(d * d)), sigma(at(d * d));
  for (double& value : a) value = symmetric(random, 1);
  for (Index i = 0; i < d; ++i)
    for (Index j = 0; j <= i; ++j) {
      double sum = i == j ? 1.0 : 0.0;
      for (Index m = 0; m < d; ++m) sum += a[at(i * d + m)] * a[at(j * d + m)] / static_cast<double>(d);
      sigma[at(i * d + j)] = sigma[at(j * d + i)] = sum;
    }
  return sigma;
}

inline Doubles random_covariances(Index k, Index d, CovarianceType type, detail::Random& random) {
  Doubles out;
  if (type == CovarianceType::tied) return random_covariance(d, random);
  if (type == CovarianceType::full)
    for (Index c = 0; c < k; ++c) {
      const Doubles sigma = random_covariance(d, random);
      out.insert(out.end(), sigma.begin(), sigma.end());
    }
  else
    for (Index i = 0; i < covariance_size(type, k, d); ++i) out.push_back(0.5 + random.uniform());
  return out;
}

/// Means in [−spread, spread]ᵈ; rows within 2 of their component's mean in each feature.
inline Problem random_problem(Index k, Index d, Index n, CovarianceType type, std::uint64_t seed, double spread = 3) {
  detail::Random random(seed);
  Problem p{k, d, n, type, {}, {}, {}, {}};
  double sum = 0;
  for (Index c = 0; c < k; ++c) sum += p.weights.emplace_back(0.5 + random.uniform());
  for (double& weight : p.weights) weight /= sum;
  for (Index i = 0; i < k * d; ++i) p.means.push_back(symmetric(random, spread));
  p.covariances = random_covariances(k, d, type, random);
  for (Index i = 0; i < n; ++i)
    for (Index j = 0; j < d; ++j) p.x.push_back(p.means[at(i % k * d + j)] + symmetric(random, 2));
  return p;
}

/// log p of one component and how far a careful evaluation may be off.
struct Density {
  Real log_p;
  Real bound;  ///< in units of roundoff: 64 · [½(|v|ᵀ|Σ||v| + 2|v|ᵀ|d| + Σ|Σ⁻¹ ∘ Σ| + 2 Σ|log L_jj| + D log 2π)]
};

/// N(x | μ_k, Σ_k) of a regular mixture by plain loops.
class Reference {
 public:
  explicit Reference(const Mixture& mixture) : mixture_(mixture), k_(mixture.n_components()), d_(mixture.n_features()) {
    for (Index c = 0; c < k_; ++c) add_component(c);
  }

  Real sigma(Index c, Index i, Index j) const {
    const VectorView<const double> s = mixture_.covariances();
    switch (mixture_.covariance_type()) {
      case CovarianceType::full: return s[(c * d_ + i) * d_ + j];
      case CovarianceType::tied: return s[i * d_ + j];
      case CovarianceType::diag: return i == j ? s[c * d_ + i] : 0;
      case CovarianceType::spherical: return i == j ? s[c] : 0;
      case CovarianceType::tied_diag: return i == j ? s[i] : 0;
      case CovarianceType::tied_spherical: return i == j ? s[0] : 0;
    }
    return 0;
  }

  template <class T>
  Density density(Index c, const T* x) const {
    const Component& own = components_[at(c)];
    std::vector<Real> diff(at(d_)), v(at(d_));
    for (Index j = 0; j < d_; ++j) diff[at(j)] = static_cast<Real>(x[j]) - mixture_.means()(c, j);
    Real q = 0, size = own.size;
    for (Index i = 0; i < d_; ++i)
      for (Index j = 0; j < d_; ++j) v[at(i)] += own.precision[at(i * d_ + j)] * diff[at(j)];
    for (Index i = 0; i < d_; ++i) {
      q += diff[at(i)] * v[at(i)];
      size += 2 * std::abs(v[at(i)] * diff[at(i)]);
      for (Index j = 0; j < d_; ++j) size += std::abs(v[at(i)] * sigma(c, i, j) * v[at(j)]);
    }
    return {-q / 2 - own.log_sqrt_det - static_cast<Real>(d_) * log_2pi / 2, 32 * size};
  }

 private:
  static constexpr Real log_2pi = 1.837877066409345483560659472811235279L;
  struct Component {
    std::vector<Real> precision;
    Real log_sqrt_det;
    Real size;  ///< the part of the bound that no x changes
  };

  void add_component(Index c) {
    std::vector<Real> l(at(d_ * d_)), inverse(at(d_ * d_));
    const auto entry = [this](std::vector<Real>& m, Index i, Index j) -> Real& { return m[at(i * d_ + j)]; };
    for (Index j = 0; j < d_; ++j)
      for (Index i = j; i < d_; ++i) {
        Real sum = sigma(c, i, j);
        for (Index m = 0; m < j; ++m) sum -= entry(l, i, m) * entry(l, j, m);
        entry(l, i, j) = i == j ? std::sqrt(sum) : sum / entry(l, j, j);
      }
    for (Index j = 0; j < d_; ++j)
      for (Index i = j; i < d_; ++i) {
        Real sum = i == j ? 1 : 0;
        for (Index m = j; m < i; ++m) sum -= entry(l, i, m) * entry(inverse, m, j);
        entry(inverse, i, j) = sum / entry(l, i, i);
      }
    Component out{std::vector<Real>(at(d_ * d_)), 0, static_cast<Real>(d_) * log_2pi};
    for (Index i = 0; i < d_; ++i) {
      out.log_sqrt_det += std::log(entry(l, i, i));
      out.size += 2 * std::abs(std::log(entry(l, i, i)));
      for (Index j = 0; j < d_; ++j) {
        Real& p = entry(out.precision, i, j);
        for (Index m = std::max(i, j); m < d_; ++m) p += entry(inverse, m, i) * entry(inverse, m, j);
        out.size += std::abs(p * sigma(c, i, j));
      }
    }
    components_.push_back(std::move(out));
  }

  Mixture mixture_;
  Index k_, d_;
  std::vector<Component> components_;
};

/// All that a mixture says of one row, and the errors that a careful evaluation in T may make.
struct RowReference {
  std::vector<Real> log_normal, log_normal_error, log_joint, log_joint_error, gamma, gamma_error;
  Real log_p = 0, log_p_error = 0;
};

/// Errors to first order: δ log p = Σ γ_k δ_k, δγ_k / γ_k = δ_k − δ log p; K + 8 roundings for exp, the sum, log
/// and the quotient, and what lies below the smallest exponential.
template <class T>
RowReference row_reference(const Mixture& mixture, const Reference& reference, const T* x) {
  constexpr Real u = unit<T>;
  RowReference out;
  Real largest = -std::numeric_limits<Real>::infinity(), sum = 0;
  for (Index c = 0; c < mixture.n_components(); ++c) {
    const Density density = reference.density(c, x);
    const Real log_weight = std::log(static_cast<Real>(mixture.weights()[c]));
    out.log_normal.push_back(density.log_p);
    out.log_normal_error.push_back(u * density.bound);
    out.log_joint.push_back(density.log_p + log_weight);
    out.log_joint_error.push_back(
        u * (density.bound + 2 * (log_weight < 0 ? -log_weight : 0) + 2 * std::abs(density.log_p)));
    largest = std::max(largest, out.log_joint.back());
  }
  for (const Real t : out.log_joint) sum += std::exp(t - largest);
  out.log_p = largest + std::log(sum);
  const Real roundings = u * static_cast<Real>(mixture.n_components() + 8);
  for (std::size_t c = 0; c < out.log_joint.size(); ++c) {
    out.gamma.push_back(std::exp(out.log_joint[c] - out.log_p));
    if (out.gamma[c] > 0) out.log_p_error += out.gamma[c] * out.log_joint_error[c];
  }
  const Real mixed = out.log_p_error + roundings;
  out.log_p_error = mixed + 2 * u * std::abs(out.log_p);
  for (std::size_t c = 0; c < out.log_joint.size(); ++c)
    out.gamma_error.push_back(
        out.gamma[c] > 0 ? out.gamma[c] * (out.log_joint_error[c] + mixed) + 4 * std::numeric_limits<T>::min() : 0);
  return out;
}

}  // namespace problems
