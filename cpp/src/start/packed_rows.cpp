#include "start/packed_rows.hpp"

#include <type_traits>

namespace gaussmix::detail {

namespace {

template <class T>
MatrixView<const T> part(MatrixView<const T> x, Index begin, Index n) {
  return {x.data() + begin * x.row_stride(), n, x.cols(), x.row_stride(), x.col_stride()};
}

}  // namespace

template <class T>
PackedRows<T>::PackedRows(const Points<T>& points)
    : x_(points.x), kernels_(points.kernels), strips_(points.partition.tile_rows * points.n_features()) {}

template <class T>
void PackedRows<T>::load(Index begin, const std::int32_t* offsets, Index n) {
  source_ = view(begin, offsets[n - 1] + 1);
  T largest = 0;
  kernels_.pack(source_.data(), source_.row_stride(), source_.col_stride(), offsets, n, x_.cols(), strips_.data(),
                &largest);
  size_ = n;
}

/// Rows [begin, begin + n) in T, in place unless a reader gives them.
template <class T>
MatrixView<const T> PackedRows<T>::view(Index begin, Index n) {
  if (x_.reader()) return read(begin, n);
  if constexpr (std::is_same_v<T, double>) {
    return part(x_.float64(), begin, n);
  } else {
    return part(x_.float32(), begin, n);
  }
}

template <class T>
MatrixView<const T> PackedRows<T>::read(Index begin, Index n) {
  const Index size = n * x_.cols();
  read_.resize(size);
  x_.reader()(begin, begin + n, read_.data());
  if constexpr (std::is_same_v<T, double>) {
    return {read_.data(), n, x_.cols()};
  } else {
    narrowed_.resize(size);
    for (Index i = 0; i < size; ++i) narrowed_[i] = static_cast<T>(read_[i]);  // exact: the values read were float32
    return {narrowed_.data(), n, x_.cols()};
  }
}

template class PackedRows<float>;
template class PackedRows<double>;

}  // namespace gaussmix::detail
