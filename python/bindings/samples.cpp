// X: a view where it can be read in place, else a reader that converts rows from raw memory without touching Python.

#include "numpy.hpp"

#include <gaussmix/error.hpp>

#include <algorithm>
#include <cmath>
#include <cstring>

namespace gaussmix::bindings {

namespace {

struct Bool {
  std::uint8_t byte;
  explicit operator double() const noexcept { return byte != 0 ? 1.0 : 0.0; }
};

/// IEEE 754 binary16.
struct Half {
  std::uint16_t bits;
  explicit operator double() const noexcept {
    const int exponent = (bits >> 10) & 0x1f;
    const int fraction = bits & 0x3ff;
    double magnitude = std::ldexp(fraction, -24);  // zero and subnormal
    if (exponent == 0x1f) magnitude = fraction != 0 ? std::nan("") : HUGE_VAL;
    if (exponent > 0 && exponent < 0x1f) magnitude = std::ldexp(fraction + 0x400, exponent - 25);
    return (bits & 0x8000) != 0 ? -magnitude : magnitude;
  }
};

/// Elements of type Source anywhere in memory: any byte strides, any alignment, either byte order.
template <class Source>
struct Rows {
  const unsigned char* data;
  py::ssize_t row_bytes;
  py::ssize_t col_bytes;
  Index cols;
  bool swapped;

  double at(const unsigned char* place) const noexcept {
    unsigned char bytes[sizeof(Source)];
    std::memcpy(bytes, place, sizeof bytes);
    if (swapped) std::reverse(std::begin(bytes), std::end(bytes));
    Source value;
    std::memcpy(&value, bytes, sizeof value);
    return static_cast<double>(value);
  }

  void operator()(Index begin, Index end, double* out) const noexcept {
    for (Index i = begin; i < end; ++i) {
      const unsigned char* row = data + i * row_bytes;
      for (Index j = 0; j < cols; ++j) *out++ = at(row + j * col_bytes);
    }
  }
};

bool is_swapped(const py::dtype& dtype) {
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
  return dtype.byteorder() == '>';
#else
  return dtype.byteorder() == '<';
#endif
}

template <class Source>
Samples read_by_block(const py::array& x) {
  const Rows<Source> rows{static_cast<const unsigned char*>(x.data()), x.strides(0), x.strides(1), x.shape(1),
                          is_swapped(x.dtype())};
  return Samples(x.shape(0), x.shape(1), rows, std::is_same_v<Source, float>);
}

Samples read_floats(const py::array& x) {
  switch (x.itemsize()) {
    case 2: return read_by_block<Half>(x);
    case 4: return read_by_block<float>(x);
    case 8: return read_by_block<double>(x);
    default: return read_by_block<long double>(x);
  }
}

template <class Int8, class Int16, class Int32, class Int64>
Samples read_integers(const py::array& x) {
  switch (x.itemsize()) {
    case 1: return read_by_block<Int8>(x);
    case 2: return read_by_block<Int16>(x);
    case 4: return read_by_block<Int32>(x);
    default: return read_by_block<Int64>(x);
  }
}

Samples samples_of(const py::array& x) {
  if (in_place<double>(x)) return matrix_view<const double>(x);
  if (in_place<float>(x)) return matrix_view<const float>(x);
  switch (x.dtype().kind()) {
    case 'b': return read_by_block<Bool>(x);
    case 'i': return read_integers<std::int8_t, std::int16_t, std::int32_t, std::int64_t>(x);
    case 'u': return read_integers<std::uint8_t, std::uint16_t, std::uint32_t, std::uint64_t>(x);
    default: return read_floats(x);
  }
}

template <class T>
bool has_dtype(const py::array& array) {
  const py::dtype dtype = array.dtype();
  const char kind = std::is_floating_point_v<T> ? 'f' : 'i';
  return dtype.kind() == kind && dtype.itemsize() == sizeof(T) && !is_swapped(dtype);
}

}  // namespace

std::optional<Index> item_stride(const py::array& array, py::ssize_t axis) {
  const py::ssize_t bytes = array.strides(axis);
  if (bytes % array.itemsize() == 0) return bytes / array.itemsize();
  if (array.shape(axis) <= 1) return 1;  // there is no neighbour
  return std::nullopt;
}

template <class T>
bool in_place(const py::array& array) {
  if (!has_dtype<T>(array) || reinterpret_cast<std::uintptr_t>(array.data()) % alignof(T) != 0) return false;
  for (py::ssize_t axis = 0; axis < array.ndim(); ++axis) {
    if (!item_stride(array, axis)) return false;
  }
  return true;
}
template bool in_place<float>(const py::array&);
template bool in_place<double>(const py::array&);
template bool in_place<Index>(const py::array&);

SampleArray sample_array(py::handle x) {
  py::array array = real_array(x, "X");
  check_ndim(array, "X", 2, "(n_samples, n_features)");
  Samples samples = samples_of(array);
  return {std::move(array), std::move(samples)};
}

}  // namespace gaussmix::bindings
