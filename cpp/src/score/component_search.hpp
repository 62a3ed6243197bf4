#pragma once

#include "base/buffer.hpp"
#include "score/block_distances.hpp"
#include "score/responsibilities.hpp"
#include "score/row_groups.hpp"

#include <vector>

namespace gaussmix::detail {

/// Decides whether the next block is searched, that is, evaluated by Kernels::pruned_log_prob, or evaluated whole, by
/// the shares that the last blocks kept: a choice of speed alone.
class SearchChoice {
 public:
  /// @param possible  whether a search may be chosen at all
  explicit SearchChoice(bool possible) : possible_(possible) {}

  /// Whether a search may be chosen for the next block: not in a pause.
  bool possible() const noexcept { return possible_ && pause_ == 0; }
  /// Whether it is chosen where likely components are not known.
  bool search() const noexcept { return possible() && search_; }
  /// Whether any block was evaluated yet.
  bool learned() const noexcept { return learned_; }
  /// Takes the share that one block kept: of all pairs of a row and a component or, where it was `searched`, of a strip
  /// and a component.
  void learn(bool searched, double kept) noexcept;

 private:
  bool possible_;
  bool search_ = false;
  bool learned_ = false;
  int pause_ = 0;  ///< blocks to be evaluated whole before the next try
};

/// Whether a search can be quicker than all distances for a mixture of this size, in T.
template <class T>
bool is_worth_searching(const ComponentTerms& mixture);

/// The E-step by the exclusion rule over strips of grouped rows, without evaluating what the rule excludes.
template <class T>
class ComponentSearch {
 public:
  /// @param rows  how many rows X has, which decides whether distance bounds are worth their making
  ComponentSearch(const ComponentTerms& mixture, const simd::Kernels<T>& kernels, Index rows);

  /// Writes log p of n rows, in their own order; the loader holds them in the order of `groups`. With
  /// `responsibilities` it computes those too, times weight[i] (null: 1). values: scratch of (K, block rows). @returns
  /// false, with nothing of use, where a row needs the extended range
  bool run(BlockDistances<T>& distances, const RowGroups& groups, Index n, const T* weight, T cut,
           bool responsibilities, T* values, T* log_p);
  /// The share of all pairs of a strip and a component that the last run kept.
  double kept_share() const noexcept { return kept_share_; }
  /// The responsibilities of the last run, component by component; where labels are given, also each row's likely
  /// component, that of its largest responsibility.
  BlockResponsibilities<T> collect(const RowGroups& groups, const T* values, Index n, std::int32_t* labels);

 private:
  const ComponentTerms& mixture_;
  const simd::Kernels<T>& kernels_;
  bool bounded_;  ///< whether a search uses distance bounds
  double kept_share_ = 0.0;
  Buffer<T> weight_, log_p_;        ///< place by place
  Buffer<std::int32_t> component_;  ///< the components that the strips keep, strip by strip
  Buffer<Index> kept_;              ///< (strips,): how many
  Buffer<Index> listed_;            ///< (strips + 1,): where those of a strip begin in component_
  std::vector<Index> begin_;        ///< (K + 1,): where each component's rows begin in the two below
  Buffer<std::int32_t> rows_;
  Buffer<T> gamma_;
};

}  // namespace gaussmix::detail
