#include "em/covariance_floor.hpp"

#include "em/covariance_model.hpp"
#include "numeric/linalg.hpp"
#include "numeric/pivoted_cholesky.hpp"

#include <gaussmix/error.hpp>

#include <algorithm>
#include <numeric>
#include <string>

namespace gaussmix::detail {
namespace {

std::size_t at(Index i) { return static_cast<std::size_t>(i); }

constexpr double relative_floor = 1e-6;

/// The scatter of all the data about their mean: that within the components and that between them, as
/// Σ_k [S_k + n_k (μ_k − μ)(μ_k − μ)ᵀ], merged pairwise.
SufficientStatistics scatter_of_all(const SufficientStatistics& sums) {
  SufficientStatistics whole(1, sums.d, ScatterShape{sums.full, false}, sums.pivot.data());
  std::vector<double> shift(at(sums.d));
  for (Index k = 0; k < sums.k; ++k) {
    for (Index j = 0; j < sums.d; ++j)
      shift[at(j)] = (sums.pivot[at(k * sums.d + j)] - sums.pivot[at(j)]) + sums.delta[at(k * sums.d + j)];
    whole.add(0, sums.weight[at(k)], shift.data(), sums.pooled ? nullptr : sums.scatter_of(k));
  }
  if (sums.pooled)
    for (std::size_t i = 0; i < whole.scatter.size(); ++i) whole.scatter[i] += sums.scatter[i];
  return whole;
}

}  // namespace

CovarianceFloor::CovarianceFloor(const SufficientStatistics& sums, const CovarianceLayout& layout, double reg_covar,
                                 bool allow_singular)
    : layout_(layout), d_(sums.d), total_(at(layout.values_each(sums.d))) {
  const double n = std::accumulate(sums.weight.begin(), sums.weight.end(), 0.0);
  divide_scatter(scatter_of_all(sums).scatter.data(), n, layout.shape, d_, total_.data());
  add_to_variances(total_.data(), layout.shape, d_, reg_covar);
  if (!allow_singular)
    check();
  else if (layout.is_matrix())
    make_semi_definite(total_.data(), d_);
}

void CovarianceFloor::check() const {
  const CovarianceLayout one{layout_.shape, true};
  const bool spherical = layout_.shape == CovarianceShape::spherical;
  for (Index j = 0; j < (spherical ? 1 : d_); ++j)
    if (!(total_[at(one.variance_at(0, j, d_))] > 0.0))
      throw NumericalError((spherical ? std::string("X has") : "feature " + std::to_string(j) + " of X has") +
                           " no variance, so no covariance can be positive definite; drop it, raise reg_covar or pass "
                           "allow_singular");
  if (!layout_.is_matrix()) return;
  const PivotedCholesky pivoted = pivoted_cholesky(total_.data(), d_);
  if (pivoted.kind != PivotedCholesky::Kind::positive_definite)
    throw NumericalError("the covariance of X has rank " + std::to_string(pivoted.rank) + " of " + std::to_string(d_) +
                         " (linearly dependent features, or fewer rows than features), so no "
                         "covariance can be positive definite; drop features, raise reg_covar or pass allow_singular");
}

bool CovarianceFloor::raise(double* sigma) const {
  if (layout_.is_matrix()) return floor_covariance(sigma, total_.data(), d_, relative_floor);
  bool raised = false;
  for (std::size_t j = 0; j < total_.size(); ++j) {
    const double least = relative_floor * total_[j];
    raised = raised || sigma[j] < least;
    sigma[j] = std::max(sigma[j], least);
  }
  return raised;
}

}  // namespace gaussmix::detail
