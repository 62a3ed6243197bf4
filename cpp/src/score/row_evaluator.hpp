#pragma once

#include "model/component_terms.hpp"
#include "score/extended_range.hpp"

#include <optional>

namespace gaussmix::detail {

/// The E-step on one row, in scratch of its owner's. Gives the bits of BlockEvaluator<double>. Not for the layout `block`.
class RowEvaluator {
 public:
  /// Aligned as the kernels ask, and as long as scratch_size says.
  RowEvaluator(const ComponentTerms& mixture, const simd::RowKernels& kernels, double* scratch);
  static Index scratch_size(const ComponentTerms& mixture) noexcept;
  /// Allocates the scratch that far rows need, which is otherwise made at the first of them.
  void prepare_extended_range();

  /// The place of the row to be evaluated, (D,), to be filled with finite values.
  double* row() noexcept { return row_; }
  /// log p(x).
  double log_prob();
  /// γ(z_k), (K,), until the next call.
  const double* responsibilities();
  /// The component with the largest log-joint, the first of equals.
  Index predict();

 private:
  void distances();
  const ExtendedRangeRow& extended_row();

  const ComponentTerms& mixture_;
  const RowLayout& layout_;
  const simd::RowKernels& kernels_;
  double* q_;        ///< (groups, row_group): squared distances and what becomes of them
  double* scratch_;  ///< (D, row_group)
  double* row_;
  std::optional<ExtendedRangeRow> extended_row_;
};

}  // namespace gaussmix::detail
