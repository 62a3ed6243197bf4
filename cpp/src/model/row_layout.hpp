#pragma once

#include "base/buffer.hpp"
#include "simd/kernel_table.hpp"

namespace gaussmix::detail {

class ComponentTerms;

/// Groups of simd::row_group that n components, or features, fill.
template <class T>
constexpr Index groups_of(Index n) {
  return (n + simd::row_group<T> - 1) / simd::row_group<T>;
}

/// The components of a mixture in the layout that the kernels for one row read, in one precision: groups of
/// simd::row_group components side by side, lanes along them.
template <class T>
struct RowLayout {
  /// Singular components go by the block kernels, whose support test the one-row kernels do not have.
  enum class Kind { full, diag, transformed, block };

  Kind kind;
  Index groups;
  Buffer<T> log_norm;    ///< (groups, row_group), 0 in unused places
  Buffer<T> log_weight;  ///< (groups, row_group), −inf in unused places
  Buffer<T> means_hi;    ///< (groups, D, row_group); none for `block`, as are the two below
  Buffer<T> means_lo;    ///< likewise; none in float64, where the former are exact
  Buffer<T> factors;     ///< as the distances of simd::RowKernels take them

  simd::Location<T> means() const noexcept { return {means_hi.data(), means_lo.data()}; }
};

template <class T>
RowLayout<T> make_row_layout(const ComponentTerms& data);

}  // namespace gaussmix::detail
