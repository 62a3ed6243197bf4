#include "em/covariance_floor.hpp"

#include "base/subscript.hpp"
#include "em/covariance_model.hpp"
#include "numeric/linalg.hpp"
#include "numeric/pivoted_cholesky.hpp"

#include <gaussmix/error.hpp>

#include <algorithm>
#include <cmath>
#include <numeric>

namespace gaussmix::detail {
namespace {

/// The share of its own variance that a feature is given in T beyond what others explain, where features depend on each
/// other. CovarianceFloor says why.
constexpr double independent_share = 1e-2;

/// The scatter of all the data about their mean μ, within the components and between them,
///   S = Σ_k [S_k + n_k (μ_k − μ)(μ_k − μ)ᵀ],
/// merged pairwise (Chan, Golub & LeVeque 1983); a matrix, or its diagonal alone.
SufficientStatistics scatter_of_all(const SufficientStatistics& sums, bool full) {
  const Index d = sums.d;
  SufficientStatistics whole(1, d, ScatterShape{full, false}, sums.pivot.data());
  std::vector<double> diagonal(at(d));
  const auto within = [&](const double* scatter) {
    if (full == sums.full) return scatter;
    for (Index j = 0; j < d; ++j) diagonal[at(j)] = scatter[j * d + j];
    return static_cast<const double*>(diagonal.data());
  };
  std::vector<double> shift(at(d));
  for (Index k = 0; k < sums.k; ++k) {
    for (Index j = 0; j < d; ++j)
      shift[at(j)] = (sums.pivot[at(k * d + j)] - sums.pivot[at(j)]) + sums.delta[at(k * d + j)];
    whole.add(0, sums.weight[at(k)], shift.data(), sums.pooled ? nullptr : within(sums.scatter_of(k)));
  }
  if (!sums.pooled) return whole;
  const double* pooled = within(sums.scatter.data());
  for (std::size_t i = 0; i < whole.scatter.size(); ++i) whole.scatter[i] += pooled[i];
  return whole;
}

/// The largest magnitude among the terms of the differences that the scatter of feature j is made of.
double size_of_terms(const SufficientStatistics& sums, Index j) {
  double size = std::abs(sums.pivot[at(j)]);
  for (Index k = 0; k < sums.k; ++k)
    if (sums.weight[at(k)] > 0.0)
      size = std::max(size, std::abs(sums.pivot[at(k * sums.d + j)]) + std::abs(sums.delta[at(k * sums.d + j)]));
  return size;
}

bool is_positive_definite(const double* sigma, Index d) {
  return pivoted_cholesky(sigma, d).kind == PivotedCholesky::Kind::positive_definite;
}

double total_weight(const SufficientStatistics& sums) {
  return std::accumulate(sums.weight.begin(), sums.weight.end(), 0.0);
}

}  // namespace

std::vector<double> feature_variances(const SufficientStatistics& sums) {
  // A shift is a sum of three terms: it is off by 4u of the largest one, its square root of a variance by as much.
  constexpr double rounding = 16.0 * 0x1p-53;
  const double n = total_weight(sums);
  std::vector<double> variances = scatter_of_all(sums, false).scatter;
  for (Index j = 0; j < sums.d; ++j) {
    double& variance = variances[at(j)];
    variance /= n;
    if (!(std::sqrt(std::max(variance, 0.0)) > rounding * size_of_terms(sums, j))) variance = 0.0;
  }
  return variances;
}

std::vector<double> covariance_of_all(const SufficientStatistics& sums, const CovarianceLayout& layout) {
  std::vector<double> total(at(layout.values_each(sums.d)));
  divide_scatter(scatter_of_all(sums, sums.full).scatter.data(), total_weight(sums), layout.shape, sums.d,
                 total.data());
  return total;
}

CovarianceFloor::CovarianceFloor(const SufficientStatistics& sums, const CovarianceLayout& layout, double reg_covar,
                                 bool allow_singular)
    : layout_(layout), d_(sums.d), total_(covariance_of_all(sums, layout)) {
  add_to_variances(total_.data(), layout.shape, d_, reg_covar);
  if (allow_singular) {
    if (layout.is_matrix()) make_semi_definite(total_.data(), d_);
    return;
  }
  if (!(reg_covar > 0.0)) {
    find_constant_features(sums);
    add_constant_variance(total_.data());
  }
  if (layout.is_matrix()) widen();
}

void CovarianceFloor::find_constant_features(const SufficientStatistics& sums) {
  const std::vector<double> variances = feature_variances(sums);
  double mean = 0.0;
  for (Index j = 0; j < d_; ++j) {
    mean += variances[at(j)] / static_cast<double>(d_);
    if (variances[at(j)] == 0.0) constant_features_.push_back(j);
  }
  const auto n_constant = static_cast<Index>(constant_features_.size());
  if (n_constant == d_)
    throw NumericalError(
        "X has no variance in any feature, so no covariance can be positive definite; raise reg_covar or pass "
        "allow_singular");
  constant_variance_ = relative_floor * mean * (static_cast<double>(d_) / static_cast<double>(d_ - n_constant));
}

void CovarianceFloor::add_constant_variance(double* sigma) const {
  if (layout_.shape == CovarianceShape::spherical) return;
  const CovarianceLayout one{layout_.shape, true};
  for (const Index j : constant_features_) sigma[one.variance_at(0, j, d_)] += constant_variance_;
}

void CovarianceFloor::widen() {
  const PivotedCholesky pivoted = pivoted_cholesky(total_.data(), d_);
  const bool singular = pivoted.kind != PivotedCholesky::Kind::positive_definite;
  // A pivot is at most about D times the least eigenvalue, and the bound 1e-6 of that: which is singular, by the rule
  // of Mixture, at pivots of 8·D·2⁻⁵³.
  const double d = static_cast<double>(d_);
  if (!singular && pivoted.pivot * relative_floor > 8.0 * d * d * 0x1p-53) return;
  widened_ = total_;
  for (Index j = 0; j < d_; ++j) widened_[at(j * d_ + j)] *= 1.0 + independent_share;
  if (singular) total_ = widened_;
}

bool CovarianceFloor::raise(double* sigma) const {
  add_constant_variance(sigma);
  if (layout_.is_matrix()) {
    const bool raised = floor_covariance(sigma, total_.data(), d_, relative_floor);
    if (widened_.empty() || is_positive_definite(sigma, d_)) return raised;
    return floor_covariance(sigma, widened_.data(), d_, relative_floor) || raised;
  }
  bool raised = false;
  for (std::size_t j = 0; j < total_.size(); ++j) {
    const double least = relative_floor * total_[j];
    raised = raised || sigma[j] < least;
    sigma[j] = std::max(sigma[j], least);
  }
  return raised;
}

}  // namespace gaussmix::detail
