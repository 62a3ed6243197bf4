#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <type_traits>
#include <utility>
#include <vector>

namespace gaussmix {

/// Sizes, indices and strides: signed, 64 bits, counted in elements.
using Index = std::int64_t;

// What every function asks of the views that it is given: aligned elements within the address space, and, in what it
// writes, none that shares memory with another one of the call. Outputs may stand beside or between the columns of X in
// one table; layouts that interleave in another way are refused. @throws InvalidArgument that names the argument, or
// both

/// A strided run of elements that somebody else owns; `VectorView<const T>` only reads. Element i is
/// data()[i * stride()].
template <class T>
class VectorView {
 public:
  constexpr VectorView() noexcept = default;
  constexpr VectorView(T* data, Index size, Index stride = 1) noexcept : data_(data), size_(size), stride_(stride) {}
  /// A view of a vector's elements; the vector must outlive the view.
  VectorView(
      std::conditional_t<std::is_const_v<T>, const std::vector<std::remove_const_t<T>>&, std::vector<T>&> v) noexcept
      : data_(v.data()), size_(static_cast<Index>(v.size())) {}
  constexpr operator VectorView<const T>() const noexcept { return {data_, size_, stride_}; }

  constexpr T* data() const noexcept { return data_; }
  constexpr Index size() const noexcept { return size_; }
  constexpr Index stride() const noexcept { return stride_; }
  constexpr bool empty() const noexcept { return size_ == 0; }
  constexpr T& operator[](Index i) const noexcept { return data_[i * stride_]; }

 private:
  T* data_ = nullptr;
  Index size_ = 0;
  Index stride_ = 1;
};

/// A strided matrix that somebody else owns. Element (i, j) is data()[i * row_stride() + j * col_stride()]; strides may
/// be negative or zero, so C order, Fortran order, slices and broadcasts are all read in place.
template <class T>
class MatrixView {
 public:
  constexpr MatrixView() noexcept = default;
  /// A row-major, contiguous matrix.
  constexpr MatrixView(T* data, Index rows, Index cols) noexcept : MatrixView(data, rows, cols, cols, 1) {}
  constexpr MatrixView(T* data, Index rows, Index cols, Index row_stride, Index col_stride) noexcept
      : data_(data), rows_(rows), cols_(cols), row_stride_(row_stride), col_stride_(col_stride) {}
  constexpr operator MatrixView<const T>() const noexcept { return {data_, rows_, cols_, row_stride_, col_stride_}; }

  constexpr T* data() const noexcept { return data_; }
  constexpr Index rows() const noexcept { return rows_; }
  constexpr Index cols() const noexcept { return cols_; }
  constexpr Index row_stride() const noexcept { return row_stride_; }
  constexpr Index col_stride() const noexcept { return col_stride_; }
  constexpr T& operator()(Index i, Index j) const noexcept { return data_[i * row_stride_ + j * col_stride_]; }

 private:
  T* data_ = nullptr;
  Index rows_ = 0;
  Index cols_ = 0;
  Index row_stride_ = 0;
  Index col_stride_ = 1;
};

/// The data set X, one sample a row. float32 and float64 are read in place; any other source is a reader that writes
/// rows as float64 when asked, block by block, so that nothing ever copies X as a whole.
class Samples {
 public:
  /// Writes rows [begin, end), row-major and contiguous, to `out`. Called from several threads at once; must not throw.
  /// A reader of float32 values says so by `single_precision`; they are then evaluated like float32 read in place.
  using Reader = std::function<void(Index begin, Index end, double* out)>;

  Samples(MatrixView<const double> x) : rows_(x.rows()), cols_(x.cols()), f64_(x) {}
  Samples(MatrixView<double> x) : Samples(MatrixView<const double>(x)) {}
  Samples(MatrixView<const float> x) : rows_(x.rows()), cols_(x.cols()), single_(true), f32_(x) {}
  Samples(MatrixView<float> x) : Samples(MatrixView<const float>(x)) {}
  Samples(Index rows, Index cols, Reader reader, bool single_precision = false)
      : rows_(rows), cols_(cols), single_(single_precision), reader_(std::move(reader)) {}

  Index rows() const noexcept { return rows_; }
  Index cols() const noexcept { return cols_; }
  /// True for float32, whose rows are evaluated in float32.
  bool single_precision() const noexcept { return single_; }
  /// Meaningful when `single_precision()` holds and `reader()` does not.
  MatrixView<const float> float32() const noexcept { return f32_; }
  /// Meaningful when neither `single_precision()` nor `reader()` holds.
  MatrixView<const double> float64() const noexcept { return f64_; }
  const Reader& reader() const noexcept { return reader_; }

 private:
  Index rows_;
  Index cols_;
  bool single_ = false;
  MatrixView<const float> f32_;
  MatrixView<const double> f64_;
  Reader reader_;
};

}  // namespace gaussmix
