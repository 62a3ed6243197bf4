#pragma once

#include "simd/kernel_table.hpp"

#include <type_traits>
#include <vector>

namespace gaussmix::detail {

using simd::Index;
class MixtureData;

/// Numbers kept as hi + lo in T: exact to twice T's precision; lo is empty in float64, where hi is exact.
template <class T>
class Split {
 public:
  void assign(const double* values, Index n);
  simd::Location<T> at(Index offset) const noexcept {
    return {hi_.data() + offset, lo_.empty() ? nullptr : lo_.data() + offset};
  }
  /// The number that hi and lo stand for.
  double value(Index i) const noexcept;

 private:
  std::vector<T> hi_;
  std::vector<T> lo_;
};

/// Entries of a triangle of this rank in the panels of simd::Factor.
constexpr Index panel_entries(Index rank) {
  Index n = 0;
  for (Index row = 0; row < rank; row += simd::panel_rows)
    n += simd::panel_rows * (row + simd::panel_rows < rank ? row + simd::panel_rows : rank);
  return n;
}

/// The place of entry (i, j ≤ i) among them.
constexpr Index panel_place(Index i, Index j) {
  const Index panel = i / simd::panel_rows;  // each before it is panel_rows columns wider than the one before
  return simd::panel_rows * (simd::panel_rows * panel * (panel + 1) / 2 + j) + i % simd::panel_rows;
}

/// Writes a lower triangle, (rank, rank) row-major, in panels.
void write_panels(const double* triangle, Index rank, double* panels);

/// The factors of one covariance matrix Σ = L Lᵀ in double: what the kernels' layouts are made from.
struct CovarianceFactor {
  Index rank;
  const double* panels;           ///< L⁻¹ (L₁₁⁻¹ when singular), panel_entries(rank) values kept by the MixtureData
  std::vector<Index> order;       ///< features in the order of L's rows; empty when as they come
  std::vector<double> residual;   ///< M = L₂₁ L₁₁⁻¹ in scaled features, (D − rank, rank); singular only
  std::vector<double> inv_scale;  ///< 1/σ_j in `order`, 1 where σ_j = 0; singular only
  double log_det;                 ///< log of the (pseudo-)determinant

  /// Entry (i, j ≤ i) of the panels.
  double inverse(Index i, Index j) const noexcept { return panels[panel_place(i, j)]; }
};

/// A mixture in the layout of the kernels of one precision.
template <class T>
struct Packed {
  Split<T> means;             ///< (K, D); in the transformed space ν_k = L⁻¹(μ_k − c) when `transformed`
  std::vector<T> log_norm;    ///< log N(μ_k | μ_k, Σ_k), (K,)
  std::vector<T> log_weight;  ///< log π_k, (K,)
  std::vector<T> inv_std;     ///< 1/σ_kj, (K, D), 0 without variance; diag and spherical
  bool transformed = false;   ///< tied: rows are transformed once, about `center`
  Split<T> center;            ///< c, (D,)
  /// Rows of values up to this have finite squared distances, whatever is summed first; below 0 when a component is singular or
  /// has an order of features of its own.
  T largest_row = -1;

  /// Component k's factor; full and tied.
  simd::Factor<T> factor(Index k) const noexcept { return factors_[static_cast<std::size_t>(k)]; }
  /// Those of K components, from one for each or one for all; in float64 the panels are theirs.
  void set_factors(const std::vector<CovarianceFactor>& factors, Index k);
  /// All components, in the transformed space when `transformed`.
  simd::Components<T> components(Index d) const noexcept;

 private:
  static constexpr bool shares_panels = std::is_same_v<T, double>;

  simd::Factor<T> append(const CovarianceFactor& factor);

  std::vector<simd::Factor<T>> factors_;  ///< pointers into the arrays below, and to panels shared
  std::vector<T> values_;
  std::vector<Index> orders_;
};

template <class T>
Packed<T> pack(const MixtureData& data);

}  // namespace gaussmix::detail
