#pragma once

#include "base/buffer.hpp"
#include "start/points.hpp"

#include <cstdint>

namespace gaussmix::detail {

/// Any rows of a block, packed for kernels.
template <class T>
class PackedRows {
 public:
  explicit PackedRows(const Points<T>& points);

  /// Packs rows begin + offsets[0 … n), offsets ascending, n ≥ 1 and at most a block.
  void load(Index begin, const std::int32_t* offsets, Index n);

  Index n_strips() const noexcept { return (size_ + kernels_.strip - 1) / kernels_.strip; }
  const T* strips() const noexcept { return strips_.data(); }
  /// Feature 0 of packed row i; feature j stands j · stride() further.
  const T* row(Index i) const noexcept {
    return strips_.data() + i / kernels_.strip * x_.cols() * kernels_.strip + i % kernels_.strip;
  }
  Index stride() const noexcept { return kernels_.strip; }

 private:
  MatrixView<const T> view(Index begin, Index n);
  MatrixView<const T> read(Index begin, Index n);
  MatrixView<const T> gathered(MatrixView<const T> rows, const std::int32_t* offsets, Index n);

  const Samples& x_;
  const simd::Kernels<T>& kernels_;
  Index size_ = 0;
  Buffer<T> strips_;
  Buffer<T> gathered_;
  Buffer<double> read_;
  Buffer<T> narrowed_;
};

}  // namespace gaussmix::detail
