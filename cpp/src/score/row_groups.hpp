#pragma once

#include "base/buffer.hpp"

#include <gaussmix/views.hpp>

#include <cstdint>

namespace gaussmix::detail {

/// The order of a block's rows in which those of one likely component stand side by side, each in the order of X.
class RowGroups {
 public:
  explicit RowGroups(Index block_rows) : block_rows_(block_rows) {}

  /// Room for the labels of a block's rows, (block_rows,), from which group() makes the order.
  std::int32_t* labels_to_group();
  /// Groups n rows by their labels in [0, k), which then stand in the new order too, padded with the last.
  void group(Index n, Index k);

  /// The row at each place, (n,).
  const std::int32_t* order() const noexcept { return order_.data(); }
  /// Where row i stands.
  std::int32_t place(Index i) const noexcept { return place_[i]; }
  /// The labels place by place, (block_rows,).
  const std::int32_t* labels() const noexcept { return labels_.data(); }

 private:
  Index block_rows_;
  Buffer<std::int32_t> labels_, order_, place_;
};

}  // namespace gaussmix::detail
