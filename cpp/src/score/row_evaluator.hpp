#pragma once

#include "base/buffer.hpp"
#include "model/component_terms.hpp"
#include "score/extended_range.hpp"

#include <optional>

namespace gaussmix::detail {

/// The E-step on one row, with the bits of BlockEvaluator<T>, in scratch of its owner's. Not for mixtures of
/// RowLayout::Kind::block.
template <class T>
class RowEvaluator {
 public:
  /// @param scratch  aligned to simd::alignment, scratch_size(mixture) values
  RowEvaluator(const ComponentTerms& mixture, const simd::RowKernels<T>& kernels, T* scratch);
  static Index scratch_size(const ComponentTerms& mixture) noexcept;
  /// Makes the scratch that a row in the extended range needs, which is otherwise made at the first of them.
  void prepare_extended_range();

  /// The place of the row to be evaluated, (D,), to be filled with finite values.
  T* row() noexcept { return row_; }
  /// log p(x).
  T log_prob();
  /// γ(z_k), (K,), until the next call.
  const T* responsibilities();
  /// The component with the largest log-joint, the first of equals.
  Index predict();

 private:
  void distances();
  const ExtendedRangeRow& extended_row();

  const ComponentTerms& mixture_;
  const RowLayout<T>& layout_;
  const simd::RowKernels<T>& kernels_;
  T cut_;       ///< of the exclusion rule
  T* q_;        ///< (groups, row_group): squared distances and what becomes of them
  T* scratch_;  ///< (D, row_group)
  T* row_;
  std::optional<ExtendedRangeRow> extended_row_;
  Buffer<double> exact_row_;  ///< the row for extended_row_
};

}  // namespace gaussmix::detail
