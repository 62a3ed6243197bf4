#include "data/partition.hpp"

#include "base/buffer.hpp"
#include "simd/kernel_table.hpp"

#include <algorithm>

namespace gaussmix::detail {

Partition Partition::of(Index rows, Index n_features, Index n_components, Index value_size) {
  // Sizes for speed. A change of block_rows or of leaf_rows groups the sums of the M-step and of log-likelihoods in
  // another way, and so changes last bits; one of tile_rows changes none. A tile stays in the caches of a core, a
  // block's rows nearly so, and 8 MiB of values bound the memory of a thread.
  constexpr Index for_rows = Index{1} << 20;              // most bytes of a block's rows
  constexpr Index for_values = Index{1} << 23;            // most bytes of its (K, rows) values
  constexpr Index for_tile = Index{1} << 18;              // most bytes of a tile's rows, and of its values
  constexpr Index least = 4 * simd::strip_multiple;       // 192 rows, so that a block is worth its set-up
  constexpr Index most = 86 * simd::strip_multiple;       // 4128 rows: enough for strips of one likely component
  constexpr Index least_blocks = 128, most_per_leaf = 8;  // leaves enough for every core, few enough to merge
  const auto fitting = [value_size](Index bytes, Index width) {
    return bytes / value_size / width / simd::strip_multiple * simd::strip_multiple;
  };
  Index block_rows =
      std::clamp(std::min(fitting(for_rows, n_features), fitting(for_values, n_components)), least, most);
  if (rows < block_rows) block_rows = round_up(std::max<Index>(rows, 1), simd::strip_multiple);
  const Index tile_rows =
      std::clamp(fitting(for_tile, std::max(n_features, n_components)), std::min(least, block_rows), block_rows);
  const Index blocks = (rows - 1) / block_rows + 1;
  return {rows, block_rows, block_rows * std::clamp<Index>(blocks / least_blocks, 1, most_per_leaf), tile_rows};
}

}  // namespace gaussmix::detail
