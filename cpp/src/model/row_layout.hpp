#pragma once

#include "base/buffer.hpp"
#include "simd/kernel_table.hpp"

namespace gaussmix::detail {

class ComponentTerms;

/// Groups of simd::row_group that n components, or features, fill.
constexpr Index groups_of(Index n) { return (n + simd::row_group - 1) / simd::row_group; }

/// The components of a mixture in the layout that the kernels for one row read: groups of simd::row_group components
/// side by side, lanes along them.
struct RowLayout {
  /// Singular components go by the block kernels, whose support test the one-row kernels do not have.
  enum class Kind { full, diag, transformed, block };

  Kind kind;
  Index groups;
  Buffer<double> log_norm;    ///< (groups, row_group), 0 in unused places
  Buffer<double> log_weight;  ///< (groups, row_group), −inf in unused places
  Buffer<double> means;       ///< (groups, D, row_group); none for `block`, as are the factors
  Buffer<double> factors;     ///< as the distances of simd::RowKernels take them
};

RowLayout make_row_layout(const ComponentTerms& data);

}  // namespace gaussmix::detail
