#include "data/block_loader.hpp"

#include "base/message.hpp"
#include "data/samples.hpp"

#include <gaussmix/error.hpp>

#include <algorithm>
#include <stdexcept>
#include <type_traits>

namespace gaussmix::detail {

namespace {

/// The view of X that a loader of T reads in place.
template <class T>
MatrixView<const T> view_of(const Samples& x) {
  if constexpr (std::is_same_v<T, float>) {
    return x.float32();
  } else {
    return x.float64();
  }
}

template <class T>
bool read_in_place(const Samples& x) {
  return !x.reader() && x.single_precision() == std::is_same_v<T, float>;
}

}  // namespace

template <class T>
BlockLoader<T>::BlockLoader(const Samples& x, Index block_rows, const simd::Kernels<T>& kernels, bool row_major)
    : x_(x), kernels_(kernels), strip_(kernels.strip), row_major_(row_major) {
  const bool in_place = read_in_place<T>(x);
  if (std::is_same_v<T, float> && !x.single_precision()) throw std::logic_error("only float32 X is loaded in float32");
  const Index d = x.cols();
  strips_.resize(checked_product(round_up(block_rows, strip_), d, "a block of X"));
  if (!in_place) read_.resize(checked_product(block_rows, d, "a block of X"));
}

template <class T>
void BlockLoader<T>::load(Index begin, Index end, const std::int32_t* order) {
  const Index d = x_.cols();
  size_ = end - begin;
  if (read_in_place<T>(x_)) {
    const MatrixView<const T> x = view_of<T>(x_);
    block_ = {x.data() + begin * x.row_stride(), size_, d, x.row_stride(), x.col_stride()};
  } else {
    read_rows(x_, begin, end, read_.data());
    block_ = {in_type(size_ * d), size_, d};
  }
  largest_ = 0;
  if (!kernels_.pack(block_.data(), block_.row_stride(), block_.col_stride(), order, size_, d, strips_.data(),
                     &largest_)) {
    throw_first_not_finite(x_, begin, end);
    throw InvalidArgument("X must not change while it is read, but a value that was not finite has become so");
  }
  if (row_major_) set_rows(order);
}

template <class T>
void BlockLoader<T>::reorder(const std::int32_t* order) {
  kernels_.pack(block_.data(), block_.row_stride(), block_.col_stride(), order, size_, block_.cols(), strips_.data(),
                &largest_);
}

template <class T>
const T* BlockLoader<T>::in_type(Index count) {
  if constexpr (std::is_same_v<T, double>) {
    return read_.data();
  } else {
    copy_.resize(count);
    for (Index i = 0; i < count; ++i) copy_[i] = static_cast<T>(read_[i]);  // exact: the values read were float32
    return copy_.data();
  }
}

template <class T>
void BlockLoader<T>::set_rows(const std::int32_t* order) {
  const Index d = block_.cols();
  if (block_.col_stride() == 1 || d == 1) {
    rows_ = block_.data();
    row_stride_ = block_.row_stride();
    return;
  }
  // Copied from the strips, which are in cache, tile by tile, whatever the strides of X.
  row_major_copy_.resize(size_ * d);
  for (Index i = 0; i < size_; ++i) {
    const T* column = strips_.data() + i / strip_ * d * strip_ + i % strip_;
    T* row = row_major_copy_.data() + (order ? order[i] : i) * d;
    for (Index j = 0; j < d; ++j) row[j] = column[j * strip_];
  }
  rows_ = row_major_copy_.data();
  row_stride_ = d;
}

template class BlockLoader<float>;
template class BlockLoader<double>;

}  // namespace gaussmix::detail
