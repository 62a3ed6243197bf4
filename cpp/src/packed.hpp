#pragma once

#include "simd/kernel_table.hpp"

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

/// The factors of one covariance matrix Σ = L Lᵀ in double: what the kernels' layouts are made from.
struct CovarianceFactor {
  Index rank;
  std::vector<double> inverse;    ///< L⁻¹ (L₁₁⁻¹ when singular), (rank, rank) lower, row-major
  std::vector<Index> order;       ///< features in the order of L's rows; empty when as they come
  std::vector<double> residual;   ///< M = L₂₁ L₁₁⁻¹ in scaled features, (D − rank, rank); singular only
  std::vector<double> inv_scale;  ///< 1/σ_j in `order`, 1 where σ_j = 0; singular only
  double log_det;                 ///< log of the (pseudo-)determinant
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
  /// Those of K components, from one for each or one for all.
  void set_factors(const std::vector<CovarianceFactor>& factors, Index k);
  /// All components, in the transformed space when `transformed`.
  simd::Components<T> components(Index d) const noexcept;

 private:
  simd::Factor<T> append(const CovarianceFactor& factor);

  std::vector<simd::Factor<T>> factors_;  ///< pointers into the arrays below
  std::vector<T> values_;
  std::vector<Index> orders_;
};

template <class T>
Packed<T> pack(const MixtureData& data);

}  // namespace gaussmix::detail
