#include "em/prior.hpp"

#include "base/message.hpp"
#include "base/subscript.hpp"
#include "model/mixture_data.hpp"
#include "model/tolerance.hpp"
#include "numeric/linalg.hpp"

#include <gaussmix/error.hpp>

#include <algorithm>
#include <cmath>
#include <string>

namespace gaussmix::detail {
namespace {

constexpr double log_pi = 1.1447298858494001741434273513530587;
constexpr double log_2 = 0.69314718055994530941723212145817657;

/// Whether Σ has a density of its own.
bool has_scale(const Prior& prior) { return !prior.scale.empty(); }

void check_size(const std::vector<double>& values, const char* name, Index size) {
  if (static_cast<Index>(values.size()) != size)
    throw_invalid(std::string(name) + " must have " + std::to_string(size) + " values, but has " +
                  std::to_string(values.size()));
  check_finite(VectorView<const double>(values), name);
}

void check_scale(const std::vector<double>& scale, const CovarianceLayout& layout, Index d) {
  check_size(scale, "prior.scale", layout.values_each(d));
  if (!layout.is_matrix()) {
    for (std::size_t j = 0; j < scale.size(); ++j)
      if (!(scale[j] > 0.0))
        throw_invalid("prior.scale[" + std::to_string(j) + "] must be above 0, but is " + format(scale[j]));
    return;
  }
  const double tolerance = symmetry_tolerance(FloatType::float64).value;
  for (Index i = 0; i < d; ++i)
    for (Index j = 0; j < i; ++j)
      if (!(std::abs(scale[at(i * d + j)] - scale[at(j * d + i)]) <=
            tolerance * std::sqrt(std::abs(scale[at(i * d + i)])) * std::sqrt(std::abs(scale[at(j * d + j)]))))
        throw_invalid("prior.scale must be symmetric, but [" + std::to_string(i) + ", " + std::to_string(j) + "] is " +
                      format(scale[at(i * d + j)]) + " and [" + std::to_string(j) + ", " + std::to_string(i) + "] is " +
                      format(scale[at(j * d + i)]));
  std::vector<double> l(scale.size()), inverse(scale.size());
  if (!cholesky_inverse(scale.data(), d, l.data(), inverse.data()))
    throw_invalid("prior.scale must be positive definite, but is not");
}

/// The sum over a covariance's exponents: the density of Σ under ν is as |Σ|^(−order/2) of matrices, as σ^(−order) of
/// each variance.
double order_of(const Prior& prior, const CovarianceLayout& layout, Index d) {
  return prior.degrees_of_freedom + (layout.is_matrix() ? static_cast<double>(d) + 1.0 : 2.0);
}

/// ‖L_k⁻¹ v‖² of each column v of `columns`, (D, n) row-major, summed.
double squared_norm(const ComponentTerms& t, Index k, const double* columns, Index n) {
  double sum = 0.0;
  for (Index column = 0; column < n; ++column)
    for (Index i = 0; i < t.d; ++i) {
      double z = 0.0;
      if (t.layout.is_matrix())
        for (Index j = 0; j <= i; ++j) z += t.factor(k).inverse(i, j) * columns[j * n + column];
      else
        z = t.inv_std[at(k * t.d + i)] * columns[i * n + column];
      sum += z * z;
    }
  return sum;
}

/// log |Σ_k|.
double log_determinant(const ComponentTerms& t, Index k) {
  return -2.0 * t.log_norm[at(k)] - static_cast<double>(t.d) * (log_2 + log_pi);
}

/// log Γ(Kα) − K log Γ(α) + (α − 1) Σ_k log π_k (Bishop 2006, eq. 2.38).
double log_dirichlet(double alpha, const ComponentTerms& t) {
  if (alpha == 1.0) return std::lgamma(static_cast<double>(t.k));
  const double k = static_cast<double>(t.k);
  double sum = std::lgamma(k * alpha) - k * std::lgamma(alpha);
  for (const double log_weight : t.log_weight) sum += (alpha - 1.0) * log_weight;
  return sum;
}

/// log N(μ_k | m, Σ_k / κ).
double log_normal(const Prior& prior, const ComponentTerms& t, Index k) {
  std::vector<double> shift(at(t.d));
  for (Index j = 0; j < t.d; ++j) shift[at(j)] = t.means[at(k * t.d + j)] - prior.mean[at(j)];
  return t.log_norm[at(k)] + 0.5 * static_cast<double>(t.d) * std::log(prior.mean_precision) -
         0.5 * prior.mean_precision * squared_norm(t, k, shift.data(), 1);
}

/// Of matrices, with log Γ_D(ν/2) = D (D − 1)/4 · log π + Σ_j log Γ((ν − j)/2), j = 0 … D − 1 (Bishop 2006, eqs. 2.155,
/// B.79–81, for Σ = Λ⁻¹):
///     ν/2 log |Λ| − ν D/2 log 2 − log Γ_D(ν/2) − (ν + D + 1)/2 log |Σ| − ½ tr(Λ Σ⁻¹).
double log_inverse_wishart(const Prior& prior, const ComponentTerms& t, Index k) {
  const double nu = prior.degrees_of_freedom, d = static_cast<double>(t.d);
  std::vector<double> l(prior.scale.size()), inverse(prior.scale.size());
  cholesky_inverse(prior.scale.data(), t.d, l.data(), inverse.data());
  double log_scale = 0.0, log_gamma = 0.25 * d * (d - 1.0) * log_pi;
  for (Index j = 0; j < t.d; ++j) {
    log_scale += 2.0 * std::log(l[at(j * t.d + j)]);
    log_gamma += std::lgamma(0.5 * (nu - static_cast<double>(j)));
  }
  return 0.5 * nu * log_scale - 0.5 * nu * d * log_2 - log_gamma -
         0.5 * order_of(prior, t.layout, t.d) * log_determinant(t, k) - 0.5 * squared_norm(t, k, l.data(), t.d);
}

/// Of variances: Σ_j [ν/2 log(Λ_j/2) − log Γ(ν/2) − (ν/2 + 1) log σ²_j − Λ_j / (2 σ²_j)] (Bishop 2006, eq. 2.146, for
/// 1/σ²).
double log_inverse_gamma(const Prior& prior, const ComponentTerms& t, Index k) {
  const double nu = prior.degrees_of_freedom;
  double sum = 0.0;
  for (Index j = 0; j < t.layout.values_each(t.d); ++j) {
    const double scale = prior.scale[at(j)], variance = t.variance(k, j);
    sum += 0.5 * nu * std::log(0.5 * scale) - std::lgamma(0.5 * nu) -
           0.5 * order_of(prior, t.layout, t.d) * std::log(variance) - 0.5 * scale / variance;
  }
  return sum;
}

}  // namespace

void check_prior(const std::optional<Prior>& prior, const CovarianceLayout& layout, Index d, bool allow_singular) {
  if (!prior) return;
  const auto check = [](bool holds, const char* rule, double value) {
    if (!holds || !std::isfinite(value)) throw_invalid(std::string("prior.") + rule + ", but is " + format(value));
  };
  check(prior->weight_concentration >= 1.0, "weight_concentration must be ≥ 1 and finite", prior->weight_concentration);
  check(prior->mean_precision >= 0.0, "mean_precision must be ≥ 0 and finite", prior->mean_precision);
  check_size(prior->mean, "prior.mean", prior->mean_precision > 0.0 ? d : 0);
  if (has_scale(*prior)) {
    const double least = layout.is_matrix() ? static_cast<double>(d) - 1.0 : 0.0;
    check(prior->degrees_of_freedom > least,
          layout.is_matrix() ? "degrees_of_freedom must be above n_features - 1 and finite"
                             : "degrees_of_freedom must be above 0 and finite",
          prior->degrees_of_freedom);
    check_scale(prior->scale, layout, d);
  } else {
    check(prior->degrees_of_freedom == 0.0, "degrees_of_freedom must be 0 without prior.scale",
          prior->degrees_of_freedom);
  }
  if (allow_singular)
    throw_invalid("prior must not be given together with allow_singular, under which it has no density");
}

/// δ' = (n_k δ + κ (m − pivot)) / (n_k + κ), S' = S + Λ + κ n_k / (n_k + κ) · (x̄_k − m)(x̄_k − m)ᵀ.
SufficientStatistics with_pseudo_data(const SufficientStatistics& sums, const Prior& prior,
                                      const CovarianceLayout& layout) {
  SufficientStatistics out = sums;
  std::vector<double> shift(at(sums.d));
  for (Index k = 0; k < sums.k; ++k) {
    if (prior.mean_precision > 0.0) {
      for (Index j = 0; j < sums.d; ++j) shift[at(j)] = prior.mean[at(j)] - sums.pivot[at(k * sums.d + j)];
      out.add(k, prior.mean_precision, shift.data(), nullptr);
    }
  }
  out.weight = sums.weight;
  if (!has_scale(prior)) return out;
  const double d = static_cast<double>(sums.d);
  for (Index k = 0; k < layout.count(sums.k); ++k)
    for (Index i = 0; i < out.scatter_size(); ++i)
      out.scatter_of(k)[i] += layout.shape == CovarianceShape::spherical ? prior.scale[0] / d : prior.scale[at(i)];
  return out;
}

/// The mode of Σ is S' / (n + c) with n of the rows and c = ν + D + 1 of matrices, ν + 2 of a variance, (ν + 2)/D of
/// one for all features, and 1 for each mean whose density Σ scales (Fraley & Raftery 2007, table 3).
double pseudo_weight(const Prior& prior, const CovarianceLayout& layout, Index k, Index d) {
  const double sharing = layout.shared ? static_cast<double>(k) : 1.0;
  double c = prior.mean_precision > 0.0 ? sharing : 0.0;
  if (has_scale(prior))
    c += order_of(prior, layout, d) / (layout.shape == CovarianceShape::spherical ? static_cast<double>(d) : 1.0);
  return c;
}

bool is_proper(const std::optional<Prior>& prior) { return prior && has_scale(*prior); }

double log_density(const Prior& prior, const ComponentTerms& terms) {
  double sum = log_dirichlet(prior.weight_concentration, terms);
  for (Index k = 0; k < terms.k && prior.mean_precision > 0.0; ++k) sum += log_normal(prior, terms, k);
  for (Index k = 0; k < terms.layout.count(terms.k) && has_scale(prior); ++k)
    sum += terms.layout.is_matrix() ? log_inverse_wishart(prior, terms, k) : log_inverse_gamma(prior, terms, k);
  return sum;
}

double penalized_mean(const Statistics& statistics, const std::optional<Prior>& prior) {
  const double log_prior = prior ? log_density(*prior, statistics.mixture().data()) : 0.0;
  return (statistics.log_likelihood() + log_prior) / statistics.total_weight();
}

}  // namespace gaussmix::detail
