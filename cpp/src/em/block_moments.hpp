#pragma once

#include "base/buffer.hpp"
#include "data/block_loader.hpp"
#include "em/sufficient_statistics.hpp"
#include "model/split_vector.hpp"
#include "score/responsibilities.hpp"
#include "simd/kernel_table.hpp"

#include <vector>

namespace gaussmix::detail {

/// Adds the weighted moments of a block of rows to sums: the M-step's share of a pass, while the block is in cache.
template <class T>
class BlockMoments {
 public:
  BlockMoments(const simd::Kernels<T>& kernels, const SufficientStatistics& shape);

  void add(const BlockLoader<T>& block, const BlockResponsibilities<T>& responsibilities, int exponent,
           SufficientStatistics& sums);

 private:
  using Responsibilities = BlockResponsibilities<T>;
  using WeightedRows = simd::WeightedRows<T>;

  void choose(const BlockLoader<T>& block, const Responsibilities& responsibilities, Index component, bool full);
  void choose(const BlockLoader<T>& block, const T* gamma, bool full);
  void choose(const T* gamma, Index begin, Index end);
  double count_pairs(const BlockLoader<T>& block, const Responsibilities& responsibilities) const;
  bool set_common_center(const BlockLoader<T>& block, const double* pivots);
  void hold(Index begin, Index end, bool full);
  void sum_all_diag(const BlockLoader<T>& block, const Responsibilities& responsibilities, const double* pivots,
                    bool in_tiles);
  void sum_all_dense(const BlockLoader<T>& block, const Responsibilities& responsibilities);
  WeightedRows next_rows(const Responsibilities& responsibilities, Index component, Index end);
  void add_tile(const BlockLoader<T>& block, Index component, const double* pivot);
  bool add_pooled(const BlockLoader<T>& block, const Responsibilities& responsibilities, double factor,
                  SufficientStatistics& sums);
  void add_component(const BlockLoader<T>& block, const Responsibilities& responsibilities, double factor,
                     Index component, SufficientStatistics& sums);
  void sum_component(const BlockLoader<T>& block, const Responsibilities& responsibilities, Index component,
                     const double* pivot, bool full);
  void sum_chosen(const BlockLoader<T>& block, const double* pivot, bool full);
  void sum(const BlockLoader<T>& block, const double* pivot, bool full);
  void set_shift(const double* pivot);
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
  Buffer<T> dense_scratch_;
  Buffer<T> row_total_;
  const T* gamma_ = nullptr;  ///< of the rows to be summed, (padded,), where they are summed from strips; else null
  WeightedRows weighted_{};   ///< the rows to be summed otherwise
  Buffer<std::int32_t> rows_;
  Buffer<T> kept_;
  bool at_once_;  ///< whether diagonal sums are made for many components at once
  std::vector<Index> next_;
  Index held_begin_ = 0, held_end_ = 0;                    ///< components whose sums are held
  bool held_full_ = false;                                 ///< whether they are whole scatters
  std::vector<double> held_n_, held_first_, held_second_;  ///< (components,), (…, D), (…, D) about the pivots
  bool dense_ = false;  ///< whether they are in dense_sums_, about common_, from all pairs of rows and components
  Buffer<double> dense_sums_;
  std::vector<double> common_;  ///< the middle of the pivots, (D,)
  Buffer<T> tile_gamma_;        ///< of the rows of a dense tile, (components, dense_rows)
  double n_ = 0.0;
  std::vector<double> first_, second_;  ///< sums about location_
  std::vector<double> center_;
  std::vector<double> shift_;  ///< mean − pivot
  std::vector<double> weights_, shifts_, pooled_scatter_;
  Split<T> location_;
};

}  // namespace gaussmix::detail
