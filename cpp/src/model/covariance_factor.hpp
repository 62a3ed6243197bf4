#pragma once

#include "model/covariance_layout.hpp"
#include "simd/kernel_table.hpp"

#include <string>
#include <vector>

namespace gaussmix::detail {

/// Values that the panels of simd::Factor hold for a triangle of this rank, zeros among them.
constexpr Index panel_entries(Index rank) {
  Index n = 0;
  for (Index row = 0; row < rank; row += simd::panel_rows)
    n += simd::panel_rows * (row + simd::panel_rows < rank ? row + simd::panel_rows : rank);
  return n;
}

/// The place of entry (i, j), j ≤ i, among them. The p panels before panel p = ⌊i / 4⌋ have 4, 8, … 4p columns of 4
/// values, 4 · 4 p (p + 1) / 2 in all; behind them stand the j columns before its own, and i mod 4 values.
constexpr Index panel_place(Index i, Index j) {
  const Index panel = i / simd::panel_rows;
  return simd::panel_rows * (simd::panel_rows * panel * (panel + 1) / 2 + j) + i % simd::panel_rows;
}

/// Writes a lower triangle, (rank, rank) row-major, to panels, panel_entries(rank) values.
void write_panels(const double* triangle, Index rank, double* panels);

/// The factors of one covariance matrix Σ = L Lᵀ in double: what the kernels' layouts are made from.
struct CovarianceFactor {
  Index rank;
  const double* panels;           ///< L⁻¹ (L₁₁⁻¹ when singular), panel_entries(rank) values kept by the ComponentTerms
  std::vector<Index> order;       ///< features in the order of L's rows; empty when as they come
  std::vector<double> residual;   ///< M = L₂₁ L₁₁⁻¹ in scaled features, (D − rank, rank); singular only
  std::vector<double> inv_scale;  ///< 1/σ_j in `order`, 1 where σ_j = 0; singular only
  double log_det;                 ///< log of the (pseudo-)determinant

  /// Entry (i, j ≤ i) of the panels.
  double inverse(Index i, Index j) const noexcept { return panels[panel_place(i, j)]; }
};

/// Scratch of a thread that factors matrices: L and L⁻¹, (d, d) each.
struct FactorScratch {
  std::vector<double> l, inverse;
};

/// @throws NumericalError always: covariance `name` of `component` has rank `rank` of d
[[noreturn]] void throw_singular(const std::string& name, const CovarianceLayout& layout, Index component, Index rank,
                                 Index d);

/// The factor of Σ, (d, d). Messages call it covariance `name` of `component`, without the component where all share
/// it. `panels` is where its panels go, room for panel_entries(d) values.
/// @throws NumericalError  for an indefinite Σ, and for a singular one unless `allow_singular`, by the rule of Mixture
CovarianceFactor factor_matrix(const double* sigma, Index d, const CovarianceLayout& layout, Index component,
                               bool allow_singular, const std::string& name, FactorScratch& scratch, double* panels);

}  // namespace gaussmix::detail
