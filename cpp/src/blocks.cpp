#include "blocks.hpp"

#include "validate.hpp"

#include <gaussmix/error.hpp>

#include <algorithm>
#include <limits>
#include <new>
#include <stdexcept>
#include <type_traits>

namespace gaussmix::detail {

namespace {

constexpr Index round_up(Index value, Index multiple) { return (value + multiple - 1) / multiple * multiple; }

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

void read_rows(const Samples& x, Index begin, Index end, double* out) {
  if (x.reader()) return x.reader()(begin, end, out);
  for (Index i = begin; i < end; ++i)
    for (Index j = 0; j < x.cols(); ++j)
      *out++ = x.single_precision() ? static_cast<double>(x.float32()(i, j)) : x.float64()(i, j);
}

template <class T>
void Buffer<T>::resize(Index size) {
  constexpr Index largest = std::numeric_limits<Index>::max() - simd::alignment;
  if (size < 0 || size > largest / static_cast<Index>(sizeof(T))) throw std::bad_alloc();
  if (size > capacity_) {
    const Index bytes = round_up(size * static_cast<Index>(sizeof(T)), simd::alignment);
    T* data = static_cast<T*>(std::aligned_alloc(simd::alignment, static_cast<std::size_t>(bytes)));
    if (data == nullptr) throw std::bad_alloc();
    data_.reset(data);
    capacity_ = size;
  }
  size_ = size;
}

Partition Partition::of(Index rows, Index n_features, Index n_components, Index value_size) {
  constexpr Index cache = Index{1} << 20;                 // bytes: about half of a core's second-level cache
  constexpr Index least = 4 * simd::strip_multiple;       // 192 rows, so that a kernel call is worth its set-up
  constexpr Index most = 86 * simd::strip_multiple;       // 4128 rows, enough to regroup
  constexpr Index least_blocks = 128, most_per_leaf = 8;  // leaves enough for every core, few enough to merge
  // A width beyond the cache gives the least block, however far beyond: the minimum keeps the sum in range.
  const Index width = std::min(n_features, cache) + std::min(n_components, cache);
  const Index fitting = cache / value_size / width / simd::strip_multiple * simd::strip_multiple;
  Index block_rows = std::clamp(fitting, least, most);
  if (rows < block_rows) block_rows = round_up(std::max<Index>(rows, 1), simd::strip_multiple);
  const Index blocks = (rows - 1) / block_rows + 1;
  return {rows, block_rows, block_rows * std::clamp<Index>(blocks / least_blocks, 1, most_per_leaf)};
}

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
void BlockLoader<T>::load(Index begin, Index end) {
  const Index d = x_.cols();
  size_ = end - begin;
  MatrixView<const T> block;
  if (read_in_place<T>(x_)) {
    const MatrixView<const T> x = view_of<T>(x_);
    block = {x.data() + begin * x.row_stride(), size_, d, x.row_stride(), x.col_stride()};
  } else {
    read_rows(x_, begin, end, read_.data());
    block = {in_type(size_ * d), size_, d};
  }
  if (!kernels_.pack(block.data(), block.row_stride(), block.col_stride(), size_, d, strips_.data())) {
    throw_first_not_finite(x_, begin, end);
    throw InvalidArgument("X must not change while it is read, but a value that was not finite has become so");
  }
  if (row_major_) set_rows(block);
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
void BlockLoader<T>::set_rows(MatrixView<const T> block) {
  const Index d = block.cols();
  if (block.col_stride() == 1 || d == 1) {
    rows_ = block.data();
    row_stride_ = block.row_stride();
    return;
  }
  // Copied from the strips, which are in cache, tile by tile, whatever the strides of X.
  copy_.resize(size_ * d);
  for (Index i = 0; i < size_; ++i) {
    const T* column = strips_.data() + i / strip_ * d * strip_ + i % strip_;
    for (Index j = 0; j < d; ++j) copy_[i * d + j] = column[j * strip_];
  }
  rows_ = copy_.data();
  row_stride_ = d;
}

template class Buffer<float>;
template class Buffer<double>;
template class Buffer<Index>;
template class Buffer<std::int32_t>;
template class BlockLoader<float>;
template class BlockLoader<double>;

}  // namespace gaussmix::detail
