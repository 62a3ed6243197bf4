#pragma once

#include "base/buffer.hpp"
#include "start/points.hpp"

#include <cstdint>

namespace gaussmix::detail {

/// Any rows of a tile, packed for kernels.
template <class T>
class PackedRows {
 public:
  explicit PackedRows(const Points<T>& points);

  /// Packs rows begin + offsets[0 … n), offsets ascending, n ≥ 1 and at most a tile.
  void load(Index begin, const std::int32_t* offsets, Index n);

  Index n_strips() const noexcept { return (size_ + kernels_.strip - 1) / kernels_.strip; }
  Index padded() const noexcept { return n_strips() * kernels_.strip; }
  const T* strips() const noexcept { return strips_.data(); }
  /// The rows from `begin` on, of which those at the offsets are packed: X itself, unless a reader gives it.
  MatrixView<const T> source() const noexcept { return source_; }

 private:
  MatrixView<const T> view(Index begin, Index n);
  MatrixView<const T> read(Index begin, Index n);

  const Samples& x_;
  const simd::Kernels<T>& kernels_;
  Index size_ = 0;
  MatrixView<const T> source_;
  Buffer<T> strips_;
  Buffer<double> read_;
  Buffer<T> narrowed_;
};

}  // namespace gaussmix::detail
