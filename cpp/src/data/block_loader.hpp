#pragma once

#include "base/buffer.hpp"
#include "simd/kernel_table.hpp"

#include <gaussmix/views.hpp>

#include <cstdint>
#include <type_traits>

namespace gaussmix::detail {

static_assert(alignment == simd::alignment && std::is_same_v<Index, simd::Index>, "buffers serve the kernels");

/// Brings blocks of X into the strips of the kernels, in T: float for float32 X, double for any X.
template <class T>
class BlockLoader {
 public:
  /// @param block_rows  the most rows of a block
  /// @param row_major   whether rows() will be asked for
  BlockLoader(const Samples& x, Index block_rows, const simd::Kernels<T>& kernels, bool row_major);

  /// Loads rows [begin, end), at most block_rows. Their strips hold rows begin + order[0], begin + order[1], … where
  /// `order` is given.
  /// @throws InvalidArgument naming the first value that is not finite
  void load(Index begin, Index end, const std::int32_t* order = nullptr);
  /// Makes the strips of the rows loaded again, in another order; null: their own.
  void reorder(const std::int32_t* order);

  Index size() const noexcept { return size_; }                              ///< rows loaded
  Index n_strips() const noexcept { return (size_ + strip_ - 1) / strip_; }  ///< strips they fill
  Index padded() const noexcept { return n_strips() * strip_; }              ///< rows with padding
  const T* strips() const noexcept { return strips_.data(); }
  T largest() const noexcept { return largest_; }  ///< max |x| of the rows loaded
  /// Row-major rows, row_stride() apart; only when asked for in the constructor.
  const T* rows() const noexcept { return rows_; }
  Index row_stride() const noexcept { return row_stride_; }

 private:
  /// The first `count` values read, as T.
  const T* in_type(Index count);
  /// Points rows() at the block, or at a row-major copy of it where the features of a row are not neighbors.
  void set_rows(const std::int32_t* order);

  const Samples& x_;
  const simd::Kernels<T>& kernels_;
  Index strip_;
  bool row_major_;
  Index size_ = 0;
  T largest_ = 0;
  MatrixView<const T> block_;
  Buffer<T> strips_;
  Buffer<T> copy_;  ///< of what a reader gave, as T
  Buffer<T> row_major_copy_;
  Buffer<double> read_;
  const T* rows_ = nullptr;
  Index row_stride_ = 0;
};

}  // namespace gaussmix::detail
