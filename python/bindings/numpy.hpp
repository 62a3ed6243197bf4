#pragma once

// The only border between NumPy arrays and views. What can be read in place is never copied; X never is as a whole.

#include "arguments.hpp"

#include <gaussmix/mixture.hpp>
#include <gaussmix/views.hpp>

#include <pybind11/numpy.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace gaussmix::bindings {

using Shape = std::vector<py::ssize_t>;

/// "(3, 2)", as Python writes it.
std::string to_string(const Shape& shape);
Shape shape_of(const py::array& array);

/// Any array-like as an ndarray of any dtype: lists, objects with __array__ or __dlpack__.
/// @throws py::type_error  for sparse matrices, iterators and memory of other devices
/// @throws InvalidArgument for nested sequences that are not rectangular
py::array as_array(py::handle value, const char* name);

/// The same, of a real dtype.
/// @throws py::type_error  also for masked arrays and whatever does not hold real numbers
py::array real_array(py::handle value, const char* name);

/// Distance of neighbors along `axis` in items; nothing when it is no multiple of the item size.
std::optional<Index> item_stride(const py::array& array, py::ssize_t axis);

/// True for T in native byte order, aligned, with strides that are multiples of its size.
template <class T>
bool in_place(const py::array& array);

/// Views of arrays that are in_place; the array must outlive them. T may be const.
template <class T>
VectorView<T> vector_view(const py::array& array) {
  T* data = static_cast<T*>(const_cast<void*>(array.data()));
  return {data, array.shape(0), item_stride(array, 0).value()};
}
template <class T>
MatrixView<T> matrix_view(const py::array& array) {
  T* data = static_cast<T*>(const_cast<void*>(array.data()));
  return {data, array.shape(0), array.shape(1), item_stride(array, 0).value(), item_stride(array, 1).value()};
}

/// Writes `count` elements that lie `stride` bytes apart to `out`, `step` items apart, as float64; touches no Python.
using Converter = void (*)(const unsigned char* first, py::ssize_t stride, Index count, double* out, Index step);

/// For real dtypes in either byte order, at any alignment.
Converter converter_of(const py::dtype& dtype);

/// X with the arrays that own its memory.
struct SampleArray {
  py::array array;  ///< empty where X is a table
  Samples samples;
  std::vector<py::array> columns;  ///< of a table, in chunks
};

/// X, (N, D), an array or a table: read in place where possible, else converted block by block by the threads that read it.
SampleArray sample_array(py::handle x);

/// A parameter as float64, in place where possible. `contiguous` asks for C order besides; `source` receives
/// the type it came in: float32 in either byte order, float64 for every other dtype.
py::array float64_array(py::handle value, const char* name, bool contiguous = false, FloatType* source = nullptr);
/// The same for integers as int64; floats are refused.
py::array int64_array(py::handle value, const char* name);
/// @throws InvalidArgument unless the array has `ndim` dimensions; `wanted` describes them, as in "(n_components,)"
void check_ndim(const py::array& array, const char* name, py::ssize_t ndim, const char* wanted);
/// @throws InvalidArgument unless the array has this shape
void check_shape(const py::array& array, const char* name, const Shape& shape);
/// The shape of `covariances` for this structure.
Shape shape_of_covariances(CovarianceType type, Index n_components, Index n_features);

/// None as nothing, else (N,) float64.
std::optional<py::array> sample_weight_array(py::handle sample_weight, Index n_samples);
/// Empty for nothing, which stands for weight 1 everywhere.
VectorView<const double> weight_view(const std::optional<py::array>& sample_weight);

/// A new array, uninitialized. @throws InvalidArgument when it could not be addressed
py::array empty_array(const py::dtype& dtype, const Shape& shape);
/// `out` if it is not None and fits, else a new array: float64, or float32 where X is; an `out` may be either.
py::array float_output(py::handle out, const Shape& shape, const SampleArray& x);
/// The same for int64.
py::array int64_output(py::handle out, const Shape& shape, const SampleArray& x);

/// Memory of `owner` as an array that nobody can write to and that keeps its owner alive.
template <class T>
py::array read_only(const T* data, const Shape& shape, py::handle owner) {
  py::array array(py::dtype::of<T>(), shape, data, owner);
  array.attr("setflags")(py::arg("write") = false);
  return array;
}

/// Takes over what arrays point into; where it cannot be made, `kept` is freed as well.
template <class T>
py::capsule owning_capsule(std::unique_ptr<T> kept) {
  const py::capsule owner(kept.get(), [](void* p) { delete static_cast<T*>(p); });
  kept.release();
  return owner;
}

/// Takes over the values of a vector, row-major.
template <class T>
py::array_t<T> owned_array(std::vector<T> values, const Shape& shape) {
  auto kept = std::make_unique<std::vector<T>>(std::move(values));
  const T* data = kept->data();
  return py::array_t<T>(shape, data, owning_capsule(std::move(kept)));
}

}  // namespace gaussmix::bindings
