#include "em/covariance_model.hpp"

#include "base/subscript.hpp"
#include "model/covariance_type.hpp"
#include "numeric/linalg.hpp"
#include "numeric/pivoted_cholesky.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

namespace gaussmix::detail {
namespace {

/// The largest pivot of an estimated covariance that is taken for a zero that rounding has moved, in units of d · 2⁻⁵³:
/// 64 times the 8 by which a Mixture judges. A scatter may lose 65 units (Moments::mean_is_far) where a given matrix
/// loses one.
constexpr double rounded_zero_pivot = 512.0;

/// Each component its own covariance (Bishop 2006, eq. 9.25; Celeux & Govaert 1995, models [λ_k D_k A_k D_kᵀ], [λ_k
/// B_k] and [λ_k I]): full Σ_k = S_k / n_k, diagonal diag(S_k) / n_k, spherical tr(S_k) / (D n_k), n_k with
/// pseudo_weight.
class OwnCovariances : public CovarianceModel {
 public:
  explicit OwnCovariances(CovarianceShape shape) : shape_(shape) {}
  ScatterShape scatter() const noexcept override { return {shape_ == CovarianceShape::matrix, false}; }
  void estimate(const SufficientStatistics& sums, double pseudo_weight, double* out) const override {
    const Index size = CovarianceLayout{shape_, false}.values_each(sums.d);
    for (Index k = 0; k < sums.k; ++k)
      if (const double n = sums.weight[at(k)] + pseudo_weight; n > 0.0)
        divide_scatter(sums.scatter_of(k), n, shape_, sums.d, out + k * size);
  }

 private:
  CovarianceShape shape_;
};

/// One covariance for all components (Celeux & Govaert 1995, models [λ D A Dᵀ], [λ B] and [λ I]): with S = Σ_k S_k and
/// n = Σ_k n_k + pseudo_weight, Σ is S / n, diag(S) / n or tr(S) / (D n). Whole scatters are summed over the components
/// in the E-step already, variances here.
class SharedCovariance : public CovarianceModel {
 public:
  explicit SharedCovariance(CovarianceShape shape) : shape_(shape) {}
  ScatterShape scatter() const noexcept override {
    const bool full = shape_ == CovarianceShape::matrix;
    return {full, full};
  }
  void estimate(const SufficientStatistics& sums, double pseudo_weight, double* out) const override {
    const double n = std::accumulate(sums.weight.begin(), sums.weight.end(), 0.0) + pseudo_weight;
    if (sums.pooled) return divide_scatter(sums.scatter.data(), n, shape_, sums.d, out);
    std::vector<double> total(at(sums.d));
    for (Index k = 0; k < sums.k; ++k)
      for (Index j = 0; j < sums.d; ++j) total[at(j)] += sums.scatter_of(k)[j];
    divide_scatter(total.data(), n, shape_, sums.d, out);
  }

 private:
  CovarianceShape shape_;
};

}  // namespace

void divide_scatter(const double* scatter, double n, CovarianceShape shape, Index d, double* out) {
  switch (shape) {
    case CovarianceShape::matrix:
      for (Index i = 0; i < d; ++i)
        for (Index j = 0; j <= i; ++j) out[i * d + j] = out[j * d + i] = scatter[i * d + j] / n;
      return;
    case CovarianceShape::diagonal:
      for (Index j = 0; j < d; ++j) out[j] = scatter[j] / n;
      return;
    case CovarianceShape::spherical:
      out[0] = std::accumulate(scatter, scatter + d, 0.0) / static_cast<double>(d) / n;
      return;
  }
}

void add_to_variances(double* sigma, CovarianceShape shape, Index d, double term) {
  const CovarianceLayout one{shape, true};
  for (Index j = 0; j < (shape == CovarianceShape::spherical ? 1 : d); ++j) sigma[one.variance_at(0, j, d)] += term;
}

std::vector<double> widest_axis(const double* sigma, CovarianceShape shape, Index d) {
  std::vector<double> axis(at(d));
  if (shape == CovarianceShape::matrix) {
    principal_axis(sigma, d, axis.data());
  } else {
    const Index widest = std::max_element(sigma, sigma + CovarianceLayout{shape, true}.values_each(d)) - sigma;
    axis[at(widest)] = std::sqrt(sigma[widest]);
  }
  return axis;
}

// Σ becomes S Pᵀ L Lᵀ P S with the factor L of rank r from pivoted_cholesky.
void make_semi_definite(double* sigma, Index d) {
  for (Index j = 0; j < d; ++j)
    if (!(sigma[j * d + j] > 0.0))
      for (Index i = 0; i < d; ++i) sigma[i * d + j] = sigma[j * d + i] = 0.0;
  const PivotedCholesky f = pivoted_cholesky(sigma, d, rounded_zero_pivot);
  if (f.kind != PivotedCholesky::Kind::singular) return;
  for (Index i = 0; i < d; ++i)
    for (Index j = 0; j <= i; ++j) {
      double product = 0.0;
      for (Index r = 0; r < f.rank; ++r) product += f.l[at(i * f.rank + r)] * f.l[at(j * f.rank + r)];
      const Index row = f.order[at(i)], column = f.order[at(j)];
      sigma[row * d + column] = sigma[column * d + row] = f.scale[at(row)] * product * f.scale[at(column)];
    }
}

const CovarianceModel& covariance_model(CovarianceType type) {
  static const OwnCovariances full(CovarianceShape::matrix), diagonal(CovarianceShape::diagonal),
      spherical(CovarianceShape::spherical);
  static const SharedCovariance tied(CovarianceShape::matrix), tied_diagonal(CovarianceShape::diagonal),
      tied_spherical(CovarianceShape::spherical);
  const CovarianceLayout& layout = layout_of(type);
  switch (layout.shape) {
    case CovarianceShape::matrix: break;
    case CovarianceShape::diagonal:
      return layout.shared ? static_cast<const CovarianceModel&>(tied_diagonal) : diagonal;
    case CovarianceShape::spherical:
      return layout.shared ? static_cast<const CovarianceModel&>(tied_spherical) : spherical;
  }
  return layout.shared ? static_cast<const CovarianceModel&>(tied) : full;
}

}  // namespace gaussmix::detail
