#pragma once

#include <gaussmix/views.hpp>

namespace gaussmix::detail {

/// How N rows are cut. A block is loaded and evaluated at a time; a leaf, a run of 1 to 8 blocks, is what a thread
/// takes and what the merge tree joins. Depends on the sizes of the problem alone, so that results do not depend on
/// threads.
struct Partition {
  Index rows;        ///< N
  Index block_rows;  ///< a multiple of strip_multiple
  Index leaf_rows;   ///< a multiple of block_rows
  Index tile_rows;   ///< rows of a block evaluated at a time, a multiple of strip_multiple: no result depends on it

  /// For rows of D features and K values of scratch each, of `value_size` bytes.
  static Partition of(Index rows, Index n_features, Index n_components, Index value_size);
  Index leaves() const noexcept { return (rows + leaf_rows - 1) / leaf_rows; }
  Index leaf_begin(Index leaf) const noexcept { return leaf * leaf_rows; }
  Index leaf_end(Index leaf) const noexcept { return rows < (leaf + 1) * leaf_rows ? rows : (leaf + 1) * leaf_rows; }
};

}  // namespace gaussmix::detail
