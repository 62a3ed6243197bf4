#pragma once

#include "base/buffer.hpp"
#include "em/row_moments.hpp"

#include <vector>

namespace gaussmix::detail {

/// The moments of many components of a block, summed in one pass over its rows and held until they are asked for:
/// variances of all components from lists of rows, or moments of either shape from all pairs of a row and a component
/// ("dense").
template <class T>
class JointMoments {
 public:
  JointMoments(const simd::Kernels<T>& kernels, Index n_components, Index n_features);

  /// Turns to another block, of which nothing is held.
  void begin_block(const BlockResponsibilities<T>& responsibilities);
  /// Sets the center of dense sums to the mean of the pivots, (K, D). Returns false where products of differences might
  /// overflow: dense sums would then be wrong even for rows of weight 0, since 0 · inf is NaN.
  bool set_center(const BlockLoader<T>& block, const double* pivots);
  /// Dense sums of components from `begin` on, of as many as are held at a time.
  void sum_dense(const BlockLoader<T>& block, const BlockResponsibilities<T>& responsibilities, Index begin, bool full);
  /// Variances of all components about their pivots; `in_tiles`: a tile of rows at a time for all of them.
  void sum_diag(const BlockLoader<T>& block, const BlockResponsibilities<T>& responsibilities, const double* pivots,
                bool in_tiles, RowMoments<T>& rows);

  /// Where the components whose moments are held end.
  Index held_end() const noexcept { return end_; }
  bool holds(Index component, bool full) const noexcept { return component < end_ && full == full_; }
  /// The moments of one component that is held, about `pivot` or the center of dense sums.
  void get(Index component, const double* pivot, Moments<T>& out) const;

 private:
  void hold(Index begin, Index end, bool full, bool dense);
  simd::WeightedRows<T> next_rows(const BlockResponsibilities<T>& responsibilities, Index component, Index end);

  const simd::Kernels<T>& kernels_;
  Index k_;
  Index d_;
  Index begin_ = 0, end_ = 0;               ///< components whose moments are held
  bool full_ = false;                       ///< whether they are whole scatters
  bool dense_ = false;                      ///< whether they are in sums_, about center_
  std::vector<double> n_, first_, second_;  ///< (components,), (…, D), (…, D) about the pivots
  Buffer<double> sums_;
  Buffer<T> scratch_;
  std::vector<double> center_;  ///< the mean of the pivots, (D,)
  SplitVector<T> location_;     ///< center_ as the kernels subtract it
  Buffer<T> tile_gamma_;        ///< of the rows of a dense tile, (components, dense_rows)
  std::vector<Index> next_;     ///< (K,): the first of each component's listed rows that was not taken
  Moments<T> tile_;
};

}  // namespace gaussmix::detail
