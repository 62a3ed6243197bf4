// X: a view where it can be read in place, else a reader that converts rows from raw memory without touching Python.

#include "tables.hpp"

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

bool is_swapped(const py::dtype& dtype) {
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
  return dtype.byteorder() == '>';
#else
  return dtype.byteorder() == '<';
#endif
}

/// A Converter of elements of type Source, at any alignment.
template <class Source, bool swapped>
void convert(const unsigned char* first, py::ssize_t stride, Index count, double* out, Index step) noexcept {
  for (Index i = 0; i < count; ++i) {
    unsigned char bytes[sizeof(Source)];
    std::memcpy(bytes, first + i * stride, sizeof bytes);
    if constexpr (swapped) std::reverse(std::begin(bytes), std::end(bytes));
    Source value;
    std::memcpy(&value, bytes, sizeof value);
    out[i * step] = static_cast<double>(value);
  }
}

template <class Source>
Converter converter(bool swapped) {
  return swapped ? convert<Source, true> : convert<Source, false>;
}

Converter float_converter(py::ssize_t itemsize, bool swapped) {
  switch (itemsize) {
    case 2: return converter<Half>(swapped);
    case 4: return converter<float>(swapped);
    case 8: return converter<double>(swapped);
    default: return converter<long double>(swapped);
  }
}

template <class Int8, class Int16, class Int32, class Int64>
Converter integer_converter(py::ssize_t itemsize, bool swapped) {
  switch (itemsize) {
    case 1: return converter<Int8>(swapped);
    case 2: return converter<Int16>(swapped);
    case 4: return converter<Int32>(swapped);
    default: return converter<Int64>(swapped);
  }
}

/// Rows of a 2-D array of any layout.
struct Rows {
  const unsigned char* data;
  py::ssize_t row_bytes;
  py::ssize_t col_bytes;
  Index cols;
  Converter convert;

  void operator()(Index begin, Index end, double* out) const noexcept {
    for (Index i = begin; i < end; ++i, out += cols) convert(data + i * row_bytes, col_bytes, cols, out, 1);
  }
};

Samples samples_of(const py::array& x) {
  if (in_place<double>(x)) return matrix_view<const double>(x);
  if (in_place<float>(x)) return matrix_view<const float>(x);
  const Rows rows{static_cast<const unsigned char*>(x.data()), x.strides(0), x.strides(1), x.shape(1),
                  converter_of(x.dtype())};
  return Samples(x.shape(0), x.shape(1), rows, x.dtype().kind() == 'f' && x.itemsize() == sizeof(float));
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
  if (array.shape(axis) <= 1) return 1;  // there is no neighbor
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

Converter converter_of(const py::dtype& dtype) {
  const bool swapped = is_swapped(dtype);
  switch (dtype.kind()) {
    case 'b': return converter<Bool>(swapped);
    case 'i':
      return integer_converter<std::int8_t, std::int16_t, std::int32_t, std::int64_t>(dtype.itemsize(), swapped);
    case 'u':
      return integer_converter<std::uint8_t, std::uint16_t, std::uint32_t, std::uint64_t>(dtype.itemsize(), swapped);
    default: return float_converter(dtype.itemsize(), swapped);
  }
}

SampleArray sample_array(py::handle x) {
  if (!py::isinstance<py::array>(x) && is_table(x)) return table_samples(x);
  py::array array = real_array(x, "X");
  check_ndim(array, "X", 2, "(n_samples, n_features)");
  Samples samples = samples_of(array);
  return {std::move(array), std::move(samples), {}};
}

}  // namespace gaussmix::bindings
