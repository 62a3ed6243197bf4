#include "model/covariance_factor.hpp"

#include "base/message.hpp"
#include "base/subscript.hpp"
#include "numeric/compensated_sum.hpp"
#include "numeric/linalg.hpp"
#include "numeric/pivoted_cholesky.hpp"

#include <gaussmix/error.hpp>

#include <algorithm>
#include <cmath>

namespace gaussmix::detail {
namespace {

std::string describe(const std::string& name, const CovarianceLayout& layout, Index component) {
  return layout.shared ? name : name + " of component " + std::to_string(component);
}

[[noreturn]] void throw_indefinite(const std::string& name, const CovarianceLayout& layout, Index component,
                                   double pivot) {
  throw NumericalError(describe(name, layout, component) +
                       " must be positive semi-definite, but its Cholesky factorization meets the pivot " +
                       format(pivot) + " (of the matrix scaled to unit diagonal)");
}

/// The factor of a positive definite Σ in the features' own order, its panels at `panels`; log det Σ = 2 Σ_j log L_jj.
/// False when Σ has none.
bool regular_factor(const double* sigma, Index d, FactorScratch& scratch, double* panels, CovarianceFactor& out) {
  for (std::vector<double>* matrix : {&scratch.l, &scratch.inverse}) matrix->resize(static_cast<std::size_t>(d * d));
  if (!cholesky_inverse(sigma, d, scratch.l.data(), scratch.inverse.data())) return false;
  write_panels(scratch.inverse.data(), d, panels);
  out = {d, panels, {}, {}, {}, 0.0};
  SumOfRuns log_l;
  for (Index j = 0; j < d; ++j) log_l.add(std::log(scratch.l[at(j * d + j)]));
  out.log_det = 2.0 * log_l.value();
  return true;
}

/// The factor of any positive semi-definite Σ of rank r, from S⁻¹ P Σ Pᵀ S⁻¹ = [L₁₁; L₂₁] [L₁₁; L₂₁]ᵀ
/// (pivoted_cholesky): its panels hold L₁₁⁻¹ S₁⁻¹ for the first r features in the order of their pivots, and the
/// features behind them satisfy z₂ = M z₁ with M = L₂₁ L₁₁⁻¹ in scaled units z = S⁻¹(x − μ). The determinant is that of
/// the r nonzero eigenvalues of F Fᵀ, F = S [L₁₁; L₂₁].
CovarianceFactor pivoted_factor(const PivotedCholesky& pivoted, Index d, double* panels) {
  const Index r = pivoted.rank;
  CovarianceFactor out{r, panels, pivoted.order, {}, {}, 0.0};
  const auto l = [&](Index i, Index j) { return pivoted.l[at(i * r + j)]; };
  std::vector<double> scaled(static_cast<std::size_t>(r * r));  // inverse of the leading block in scaled features
  const auto inv = [&](Index i, Index j) -> double& { return scaled[at(i * r + j)]; };
  for (Index j = 0; j < r; ++j) {
    inv(j, j) = 1.0 / l(j, j);
    for (Index i = j + 1; i < r; ++i) {
      double sum = 0.0;
      for (Index m = j; m < i; ++m) sum -= l(i, m) * inv(m, j);
      inv(i, j) = sum / l(i, i);
    }
  }
  const auto scale = [&](Index i) { return pivoted.scale[at(pivoted.order[static_cast<std::size_t>(i)])]; };
  for (Index i = r; i < d; ++i)
    for (Index j = 0; j < r; ++j) {
      double sum = 0.0;
      for (Index m = j; m < r; ++m) sum += l(i, m) * inv(m, j);
      out.residual.push_back(sum);
    }
  for (Index i = 0; i < r; ++i)
    for (Index j = 0; j <= i; ++j) inv(i, j) /= scale(j);
  write_panels(scaled.data(), r, panels);
  std::vector<double> f(static_cast<std::size_t>(d * r));
  for (Index i = 0; i < d; ++i) {
    out.inv_scale.push_back(scale(i) > 0.0 ? 1.0 / scale(i) : 1.0);
    for (Index j = 0; j < r; ++j) f[at(i * r + j)] = scale(i) * l(i, j);
  }
  out.log_det = log_pseudo_determinant(f.data(), d, r);
  return out;
}

/// Whether no pivot of the scaled matrix S⁻¹ Σ S⁻¹, S = diag(√Σ_jj), can come near 8·D·u, in whatever order. Each pivot
/// is at least the least eigenvalue, and that is at least 1 / ‖L⁻¹ S‖² (Frobenius norm). A norm below 10⁶ keeps pivots
/// above 10⁻⁶, far above 8·D·2⁻⁵³ and rounding for any D that fits into memory.
bool is_far_from_singular(const double* sigma, Index d, const double* inverse) {
  std::vector<double> squares(static_cast<std::size_t>(d));  // of the columns
  for (Index i = 0; i < d; ++i)
    for (Index j = 0; j <= i; ++j) squares[at(j)] += inverse[i * d + j] * inverse[i * d + j];
  double norm = 0.0;
  for (Index j = 0; j < d; ++j) norm += squares[at(j)] * sigma[j * d + j];
  return norm < 1e6;
}

}  // namespace

void throw_singular(const std::string& name, const CovarianceLayout& layout, Index component, Index rank, Index d) {
  throw NumericalError(describe(name, layout, component) + " must be positive definite, but has rank " +
                       std::to_string(rank) + " of " + std::to_string(d) +
                       "; pass allow_singular for the density on its support, a positive reg_covar when fitting, or "
                       "fewer features");
}

// See simd::Factor for the layout.
void write_panels(const double* triangle, Index rank, double* panels) {
  for (Index row = 0; row < rank; row += simd::panel_rows)
    for (Index j = 0; j < std::min(row + simd::panel_rows, rank); ++j)
      for (Index i = row; i < row + simd::panel_rows; ++i)
        *panels++ = j <= i && i < rank ? triangle[i * rank + j] : 0.0;
}

CovarianceFactor factor_matrix(const double* sigma, Index d, const CovarianceLayout& layout, Index component,
                               bool allow_singular, const std::string& name, FactorScratch& scratch, double* panels) {
  CovarianceFactor regular{};
  const bool is_regular = regular_factor(sigma, d, scratch, panels, regular);
  if (is_regular && is_far_from_singular(sigma, d, scratch.inverse.data())) return regular;
  const PivotedCholesky pivoted = pivoted_cholesky(sigma, d);
  if (pivoted.kind == PivotedCholesky::Kind::indefinite) throw_indefinite(name, layout, component, pivoted.pivot);
  const bool singular = pivoted.kind == PivotedCholesky::Kind::singular;
  if (singular && !allow_singular) throw_singular(name, layout, component, pivoted.rank, d);
  if (!singular && is_regular) return regular;
  return pivoted_factor(pivoted, d, panels);
}

}  // namespace gaussmix::detail
