#pragma once

#include "model/split_vector.hpp"

#include <vector>

namespace gaussmix::detail {

/// Weighted sums over some rows of a block about a center c, with d = x − c: n = Σγ, Σγd and Σγd² of each feature or,
/// `full`, the lower triangle of Σγ d dᵀ.
template <class T>
struct Moments {
  Moments(Index n_features, bool whole_scatter);

  Index d;
  bool full;
  double n = 0.0;
  std::vector<double> first;   ///< (D,)
  std::vector<double> second;  ///< (D,) or (D, D)
  SplitVector<T> center;       ///< as the kernels subtract it

  /// δ_j = Σγd_j / n, the mean of the rows less the center.
  double mean(Index j) const { return first[static_cast<std::size_t>(j)] / n; }
  /// Writes the mean of the rows less `pivot` to `shift`, (D,), which is left alone where n = 0.
  void shift_from(const double* pivot, double* shift) const;
  /// Whether the mean lies so far from the center that the scatter about it would lose digits.
  bool mean_is_far() const;
  /// Makes `second` the scatter about the mean, Σγ d dᵀ − n δ δᵀ, or its diagonal.
  void center_at_mean();
};

}  // namespace gaussmix::detail
