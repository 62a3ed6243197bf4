#pragma once

#include "base/buffer.hpp"
#include "data/block_loader.hpp"
#include "data/partition.hpp"
#include "model/mixture_data.hpp"
#include "score/exclusion.hpp"
#include "score/extended_range.hpp"
#include "score/responsibilities.hpp"

#include <optional>

namespace gaussmix::detail {

/// Whether the next block is worth the search for what its rows do not exclude, by what the last ones were found to keep: a
/// choice of speed alone.
class SearchChoice {
 public:
  explicit SearchChoice(bool possible) : possible_(possible) {}
  bool possible() const noexcept { return possible_ && pause_ == 0; }
  bool search() const noexcept { return possible() && search_; }
  bool learned() const noexcept { return learned_; }
  /// What one block kept, of all pairs of its rows and the components; of a search, of all pairs of a strip and a component.
  void learn(bool searched, double kept) noexcept {
    if (searched && kept > 0.5) pause_ = 32;
    if (pause_ > 0) --pause_;
    search_ = pause_ == 0 && (searched || kept < 0.35);
    learned_ = true;
  }

 private:
  bool possible_;
  bool search_ = false;
  bool learned_ = false;
  int pause_ = 0;  ///< blocks to be evaluated whole before the next try
};

/// The E-step on one block of rows: one per worker, reused from block to block.
template <class T>
class BlockEvaluator {
 public:
  /// @param skip       whether log_prob() and expectation() leave out what is excluded where that is quicker; nothing else may
  ///                   then be asked for
  /// @param row_major  whether loader().rows() will be asked for
  BlockEvaluator(const MixtureData& mixture, const Samples& x, const simd::Kernels<T>& kernels,
                 const Partition& partition, bool skip = false, bool row_major = false);

  /// Loads rows [begin, end). labels: likely components of these rows, −1 where unknown, or null; expectation() updates them.
  /// @throws InvalidArgument naming the first value that is not finite
  void load(Index begin, Index end, std::int32_t* labels = nullptr);

  /// (K, stride()) values of the loaded block: component_log_prob.
  const T* log_normal();
  /// log-joint, log-responsibilities or responsibilities, (K, stride()).
  const T* posterior(simd::Posterior what);
  /// The component with the largest log-joint of each row, the first of equals, (size,).
  const Index* labels();
  /// log p of each row, (size,).
  const T* log_prob();
  /// log p of each row; and in responsibilities() those by the exclusion rule times weight[i] (null: 1).
  const T* expectation(const T* weight, T cut);
  BlockResponsibilities<T> responsibilities() const noexcept;
  /// Makes the scratch that far rows need, which is otherwise made at the first of them.
  void prepare_far_rows();

  Index stride() const noexcept { return stride_; }
  Index size() const noexcept { return loader_.size(); }
  Index n_components() const noexcept { return mixture_.k; }
  const BlockLoader<T>& loader() const noexcept { return loader_; }

 private:
  void transform();
  void distances();
  void distances_of(Index begin, Index end, T* q);
  const T* evaluate(const T* weight, T cut, bool responsibilities);
  bool evaluate_tile(Index begin, Index end, const T* weight, T cut, bool responsibilities, Index& kept);
  bool can_guess();
  void guess_labels();
  void sort_by_label(Index n);
  bool search(const T* weight, T cut, bool responsibilities);
  void collect_responsibilities();
  void note_labels();
  void patch_far_expectation(const T* weight, bool responsibilities);
  template <class Patch>
  void for_each_far_row(const Patch& patch);

  const MixtureData& mixture_;
  const Packed<T>& packed_;
  const simd::Kernels<T>& kernels_;
  BlockLoader<T> loader_;
  Index stride_;
  Index tile_rows_;
  Buffer<T> values_;
  Buffer<T> log_p_;
  Buffer<Index> labels_;
  Buffer<T> scratch_;
  Buffer<T> transformed_;

  std::optional<FarRow> far_row_;
  Buffer<double> row_;
  Buffer<T> values_kept_;   ///< while the far rows are looked for
  Buffer<Index> far_rows_;  ///< their indices

  SearchChoice choice_;
  bool separate_;                       ///< whether a search may ask how far the components are apart
  std::int32_t* row_labels_ = nullptr;  ///< of the rows loaded, kept by the caller
  bool regrouped_ = false;              ///< whether the strips hold the rows in order_
  Buffer<std::int32_t> order_;          ///< the row at each place of the strips
  Buffer<std::int32_t> place_;          ///< its inverse
  Buffer<std::int32_t> sorted_labels_;
  Buffer<T> sorted_weight_, sorted_log_p_;
  Buffer<std::int32_t> component_;  ///< the components that the strips keep, strip by strip
  Buffer<Index> kept_;              ///< (strips,): how many
  Buffer<Index> listed_;            ///< (strips + 1,): where those of a strip begin
  std::vector<Index>
      begin_;  ///< (K + 1,): where each component's rows begin in the two below; empty after a whole block
  Buffer<std::int32_t> rows_;
  Buffer<T> gamma_;
};

}  // namespace gaussmix::detail
