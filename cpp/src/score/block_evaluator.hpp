#pragma once

#include "data/partition.hpp"
#include "score/block_distances.hpp"
#include "score/component_search.hpp"
#include "score/exclusion.hpp"
#include "score/extended_range.hpp"
#include "score/responsibilities.hpp"
#include "score/row_groups.hpp"

#include <optional>

namespace gaussmix::detail {

/// The E-step on one block of rows (Bishop 2006, eqs. 9.7 and 9.13): one per worker, reused from block to block. Every
/// result is in the rows' own order, whatever order the strips have.
template <class T>
class BlockEvaluator {
 public:
  /// @param skip       whether log_prob() and expectation() prune where that is quicker; nothing else may then be asked
  ///                   for
  /// @param row_major  whether loader().rows() will be asked for
  BlockEvaluator(const ComponentTerms& mixture, const Samples& x, const simd::Kernels<T>& kernels,
                 const Partition& partition, bool skip = false, bool row_major = false);
  BlockEvaluator(const BlockEvaluator&) = delete;
  BlockEvaluator& operator=(const BlockEvaluator&) = delete;

  /// Loads rows [begin, end). labels: likely components of these rows, (size,), −1 where unknown, or null;
  /// expectation() updates them, and nothing but speed depends on them.
  /// @throws InvalidArgument naming the first value that is not finite
  void load(Index begin, Index end, std::int32_t* labels = nullptr);

  /// log N(x_i | μ_k, Σ_k), (K, stride()).
  const T* log_normal();
  /// Log-joints, log-responsibilities or responsibilities, (K, stride()).
  const T* posterior(simd::Posterior what);
  /// The component with the largest log-joint of each row, the first of equals, (size,).
  const Index* labels();
  /// log p of each row, (size,).
  const T* log_prob();
  /// log p of each row, (size,); responsibilities() then has those by the exclusion rule times weight[i] (null: 1).
  const T* expectation(const T* weight, T cut);
  BlockResponsibilities<T> responsibilities() const noexcept { return responsibilities_; }
  /// Makes the scratch that rows in the extended range need, which is otherwise made at the first of them.
  void prepare_extended_range();

  Index stride() const noexcept { return stride_; }
  Index size() const noexcept { return loader_.size(); }
  Index n_components() const noexcept { return mixture_.k; }
  const BlockLoader<T>& loader() const noexcept { return loader_; }

 private:
  void whole_distances();
  const T* evaluate(const T* weight, T cut, bool responsibilities);
  bool evaluate_tile(Index begin, Index end, const T* weight, T cut, bool responsibilities, Index& kept);
  bool is_in_range() const noexcept { return loader_.largest() <= layout_.largest_row; }
  bool is_worth_guessing();
  void probe();
  void guess_labels();
  void ungroup();
  void note_labels();
  template <class Patch>
  void for_each_extended_row(const Patch& patch);

  const ComponentTerms& mixture_;
  const BlockLayout<T>& layout_;
  const simd::Kernels<T>& kernels_;
  BlockLoader<T> loader_;
  BlockDistances<T> distances_;
  Index stride_;
  Index tile_rows_;
  Buffer<T> values_;  ///< (K, stride), or what a search lists
  Buffer<T> log_p_;
  Buffer<Index> labels_;

  SearchChoice choice_;
  ComponentSearch<T> search_;
  RowGroups groups_;
  bool grouped_ = false;                ///< whether the strips hold the rows in the order of groups_
  std::int32_t* row_labels_ = nullptr;  ///< of the rows loaded, kept by the caller
  BlockResponsibilities<T> responsibilities_{};

  std::optional<ExtendedRangeRow> extended_row_;
  Buffer<double> row_;
  Buffer<T> values_kept_;        ///< values_ while rows in the extended range are looked for
  Buffer<Index> extended_rows_;  ///< their indices
};

}  // namespace gaussmix::detail
