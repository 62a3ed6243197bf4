#pragma once

// What an iteration of k-means sums, and the rows by which it changes.

#include "base/buffer.hpp"
#include "simd/kernel_table.hpp"

#include <algorithm>
#include <cstdint>
#include <vector>

namespace gaussmix::detail {

/// Sums over the rows of each cluster about a reference point c_k. Additive.
struct ClusterSums {
  std::vector<Index> count;    ///< rows of positive weight, (K,)
  std::vector<double> weight;  ///< Σ w, (K,)
  std::vector<double> first;   ///< Σ w (x − c_k), (K, D)
  double inertia = 0.0;        ///< Σ w ‖x − its center‖², by a whole pass
  Index changed = 0;           ///< rows of positive weight that have a new label
  double moved = 0.0;          ///< Σ w of these

  ClusterSums(Index n_components, Index n_features)
      : count(static_cast<std::size_t>(n_components)),
        weight(count.size()),
        first(static_cast<std::size_t>(n_components * n_features)) {}

  void clear() {
    std::fill(count.begin(), count.end(), Index{0});
    std::fill(weight.begin(), weight.end(), 0.0);
    std::fill(first.begin(), first.end(), 0.0);
    inertia = 0.0;
    changed = 0;
    moved = 0.0;
  }

  void merge(const ClusterSums& other) {
    const auto add = [](auto& into, const auto& from) {
      for (std::size_t i = 0; i < into.size(); ++i) into[i] += from[i];
    };
    add(count, other.count);
    add(weight, other.weight);
    add(first, other.first);
    inertia += other.inertia;
    changed += other.changed;
    moved += other.moved;
  }

  /// Counts a row of weight w in cluster k: sign = 1; or no more: sign = −1.
  void count_row(std::int32_t k, int sign, double w) {
    count[static_cast<std::size_t>(k)] += sign;
    weight[static_cast<std::size_t>(k)] += sign * w;
  }
};

/// Rows of a tile whose cluster changes, as kernels take them: each may leave one and enter one.
class MovedRows {
 public:
  explicit MovedRows(Index tile_rows) : row_(2 * tile_rows), label_(2 * tile_rows), weight_(2 * tile_rows) {}

  void clear() noexcept { count_ = 0; }
  /// The row at `offset` enters cluster k with a weight above 0, or leaves it with one below.
  void add(std::int32_t offset, std::int32_t k, double weight) noexcept {
    row_[count_] = offset;
    label_[count_] = k;
    weight_[count_++] = weight;
  }
  simd::ClusteredRows rows() const noexcept { return {row_.data(), label_.data(), weight_.data(), count_}; }

 private:
  Index count_ = 0;
  Buffer<std::int32_t> row_, label_;
  Buffer<double> weight_;
};

}  // namespace gaussmix::detail
