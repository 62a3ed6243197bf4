#pragma once

#include "model/covariance_factor.hpp"
#include "model/split_vector.hpp"
#include "simd/kernel_table.hpp"

#include <type_traits>
#include <vector>

namespace gaussmix::detail {

class ComponentTerms;

/// The components of a mixture in the layout that the kernels over blocks of rows read, in one precision.
template <class T>
struct BlockLayout {
  SplitVector<T> means;       ///< (K, D); in the transformed space ν_k = L⁻¹(μ_k − c) when `transformed`
  std::vector<T> log_norm;    ///< log N(μ_k | μ_k, Σ_k), (K,)
  std::vector<T> log_weight;  ///< log π_k, (K,)
  std::vector<T> inv_std;     ///< 1/σ_kj, (K, D), 0 without variance; diag and spherical
  bool transformed = false;   ///< tied: rows are transformed once, about `center`
  SplitVector<T> center;      ///< c, (D,)
  /// Rows whose values are up to this in magnitude have finite squared distances, whatever part of one is summed first;
  /// below 0 when a component is singular or has an order of features of its own, which pruning does not know.
  T largest_row = -1;

  /// Component k's factor; full and tied.
  simd::Factor<T> factor(Index k) const noexcept { return factors_[static_cast<std::size_t>(k)]; }
  /// Sets the factors of k components, from one for each or one for all. In float64 the panels are not copied.
  void set_factors(const std::vector<CovarianceFactor>& factors, Index k);
  /// All components, in the transformed space when `transformed`.
  simd::Components<T> components(Index d) const noexcept;

 private:
  static constexpr bool shares_panels = std::is_same_v<T, double>;

  simd::Factor<T> append(const CovarianceFactor& factor);

  /// Pointers into the arrays below and, in float64, to the panels of CovarianceFactor.
  std::vector<simd::Factor<T>> factors_;
  std::vector<T> values_;
  std::vector<Index> orders_;
};

template <class T>
BlockLayout<T> make_block_layout(const ComponentTerms& data);

}  // namespace gaussmix::detail
