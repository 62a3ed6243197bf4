#pragma once

#include "blocks.hpp"
#include "mixture_data.hpp"
#include "sums.hpp"

#include <vector>

namespace gaussmix::detail {

/// Adds the weighted moments of a block of rows to sums: the M-step's share of a pass, while the block is in cache.
template <class T>
class BlockMoments {
 public:
  BlockMoments(const simd::Kernels<T>& kernels, const Statistics::Sums& shape);

  /// gamma: (K, stride) responsibilities times weights times 2^−exponent, zero in the padding.
  void add(const BlockLoader<T>& block, const T* gamma, Index stride, int exponent, Statistics::Sums& sums);

 private:
  bool add_pooled(const BlockLoader<T>& block, const T* gamma, Index stride, double factor, Statistics::Sums& sums);
  void add_component(const BlockLoader<T>& block, const T* gamma, double factor, Index component,
                     Statistics::Sums& sums);
  void sum_component(const BlockLoader<T>& block, const T* gamma, const double* pivot, bool full);
  void sum(const BlockLoader<T>& block, const T* gamma, const double* pivot, bool full);
  bool far_from_center(bool full) const;
  void subtract_mean(bool full);

  double variance(Index j, bool full) const { return second_[static_cast<std::size_t>(full ? j * d_ + j : j)] / n_; }
  /// The mean as a difference to the center that was summed about.
  double mean(Index j) const { return first_[static_cast<std::size_t>(j)] / n_; }

  const simd::Kernels<T>& kernels_;
  Index k_;
  Index d_;
  bool full_;
  bool pooled_;
  Buffer<T> scratch_;
  Buffer<T> row_total_;
  double n_ = 0.0;
  std::vector<double> first_, second_;  ///< sums about center_
  std::vector<double> center_;
  std::vector<double> shift_;  ///< mean − pivot
  std::vector<double> weights_, shifts_, pooled_scatter_;
  Split<T> location_;
};

}  // namespace gaussmix::detail
