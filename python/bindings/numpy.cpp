#include "numpy.hpp"

#include <gaussmix/error.hpp>

#include <algorithm>
#include <initializer_list>
#include <limits>

namespace gaussmix::bindings {

namespace {

[[noreturn]] void throw_invalid(const char* name, const std::string& rule_and_value) {
  throw InvalidArgument(std::string(name) + " " + rule_and_value);
}

bool matches_any(const py::error_already_set& error, std::initializer_list<PyObject*> types) {
  return std::any_of(types.begin(), types.end(), [&](PyObject* type) { return error.matches(type); });
}

[[noreturn]] void throw_unreadable(const char* name, const py::error_already_set& error) {
  throw py::type_error(std::string(name) + " must be readable as an array: " + std::string(py::str(error.value())));
}

/// Where the memory of `value` lies, a DLDeviceType. @throws py::type_error when it cannot say
int dlpack_device(py::handle value, const char* name) {
  try {
    return py::cast<int>(py::tuple(value.attr("__dlpack_device__")())[0]);
  } catch (const py::error_already_set& error) {
    if (!matches_any(error, {PyExc_BufferError, PyExc_RuntimeError, PyExc_TypeError, PyExc_ValueError})) throw;
    throw_unreadable(name, error);
  }
}

/// @throws py::type_error unless NumPy can look at the memory of `value`
void check_reachable(py::handle value, const char* name) {
  const std::string type = Py_TYPE(value.ptr())->tp_name;
  if (py::hasattr(value, "nnz") && py::hasattr(value, "toarray")) {
    throw py::type_error(std::string(name) + " must be a dense array, but is a sparse one: " + type +
                         "; pass its .toarray()");
  }
  if (PyIter_Check(value.ptr()) != 0 || (py::hasattr(value, "__arrow_c_stream__") && py::hasattr(value, "read_all"))) {
    throw py::type_error(std::string(name) +
                         " must be held in memory, as it is read more than once, but is a stream: " + type +
                         "; pass what it yields as one array or table");
  }
  bool on_host = !py::hasattr(value, "__cuda_array_interface__");
  if (py::hasattr(value, "__dlpack_device__")) {
    constexpr int cpu = 1, cuda_host = 3, rocm_host = 11, cuda_managed = 13;  // DLDeviceType
    const int device = dlpack_device(value, name);
    on_host = device == cpu || device == cuda_host || device == rocm_host || device == cuda_managed;
  }
  if (!on_host) {
    throw py::type_error(std::string(name) + " must lie in main memory, but lies on another device: " + type +
                         "; move it there first");
  }
}

/// numpy.asarray or, for objects that speak only DLPack, numpy.from_dlpack.
py::object converted(py::handle value, const char* name) {
  check_reachable(value, name);
  const py::module_ numpy = py::module_::import("numpy");
  const bool only_dlpack = py::hasattr(value, "__dlpack__") && !py::hasattr(value, "__array__");
  try {
    return numpy.attr(only_dlpack ? "from_dlpack" : "asarray")(value);
  } catch (const py::error_already_set& error) {
    if (error.matches(PyExc_ValueError)) {
      throw_invalid(name, "must be a rectangular array of real numbers: " + std::string(py::str(error.value())));
    }
    if (!matches_any(error, {PyExc_BufferError, PyExc_RuntimeError, PyExc_TypeError})) throw;
    throw_unreadable(name, error);
  }
}

bool is_masked(const py::array& array) {
  if (Py_TYPE(array.ptr()) == py::detail::npy_api::get().PyArray_Type_) return false;
  return py::isinstance(array, py::module_::import("numpy.ma").attr("MaskedArray"));
}

void check_real(const py::array& array, const char* name) {
  const char kind = array.dtype().kind();
  if (kind == 'f' || kind == 'i' || kind == 'u' || kind == 'b') return;
  const std::string dtype = py::str(array.dtype());
  const std::string wanted = std::string(name) + " must hold real numbers, but has dtype " + dtype;
  throw py::type_error(kind == 'c' ? "Complex data not supported: " + wanted : wanted);
}

FloatType float_type(const py::array& array) {
  const bool single = array.dtype().kind() == 'f' && array.itemsize() == sizeof(float);
  return single ? FloatType::float32 : FloatType::float64;
}

/// astype would wrap the others.
void check_within_int64(const py::array& array, const char* name) {
  if (array.dtype().kind() != 'u' || array.itemsize() < 8 || array.size() == 0) return;
  const py::object largest = array.attr("max")();
  if (py::cast<std::uint64_t>(largest) > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) {
    throw_invalid(name, "must hold integers below 2**63, but holds " + std::string(py::str(largest)));
  }
}

/// The bytes that an array spans: [first, last).
std::pair<const char*, const char*> span_of(const py::array& array) {
  const char* first = static_cast<const char*>(array.data());
  const char* last = first + array.itemsize();
  for (py::ssize_t axis = 0; axis < array.ndim(); ++axis) {
    if (array.shape(axis) == 0) return {first, first};
    const py::ssize_t reach = (array.shape(axis) - 1) * array.strides(axis);
    (reach < 0 ? first : last) += reach;
  }
  return {first, last};
}

/// Exact, but for layouts so intricate that numpy.shares_memory gives up; these count as overlapping.
bool overlap(const py::array& a, const py::array& b) {
  const auto [a_first, a_last] = span_of(a);
  const auto [b_first, b_last] = span_of(b);
  if (a_last <= b_first || b_last <= a_first) return false;
  constexpr int max_work = 100000;
  try {
    return py::cast<bool>(py::module_::import("numpy").attr("shares_memory")(a, b, max_work));
  } catch (const py::error_already_set&) {
    return true;
  }
}

/// `out` of one of the dtypes Ts, writeable, of this shape, apart from X.
template <class... Ts>
py::array checked_output(py::handle out, const Shape& shape, const SampleArray& x, const char* dtypes) {
  if (!py::isinstance<py::array>(out)) throw py::type_error("out must be None or an ndarray, but is " + described(out));
  py::array array = py::reinterpret_borrow<py::array>(out);
  if (!(in_place<Ts>(array) || ...)) {
    throw py::type_error(std::string("out must be a native, aligned array of dtype ") + dtypes + ", but has dtype " +
                         std::string(py::repr(array.dtype())) + " and byte strides " +
                         to_string(Shape(array.strides(), array.strides() + array.ndim())));
  }
  check_shape(array, "out", shape);
  if (is_masked(array)) throw py::type_error("out must not be a masked array");
  if (!array.writeable()) throw_invalid("out", "must be writeable, but is read-only");
  const bool shares = std::any_of(x.columns.begin(), x.columns.end(), [&](const auto& c) { return overlap(array, c); });
  if (shares || overlap(array, x.array)) throw_invalid("out", "must not share memory with X, but does");
  return array;
}

}  // namespace

std::string to_string(const Shape& shape) {
  std::string text = "(";
  for (const py::ssize_t size : shape) text += std::to_string(size) + ", ";
  if (!shape.empty()) text.resize(text.size() - (shape.size() > 1 ? 2 : 1));
  return text + ")";
}

Shape shape_of(const py::array& array) { return Shape(array.shape(), array.shape() + array.ndim()); }

py::array as_array(py::handle value, const char* name) {
  if (py::isinstance<py::array>(value)) return py::reinterpret_borrow<py::array>(value);
  return py::array(converted(value, name));
}

py::array real_array(py::handle value, const char* name) {
  py::array array = as_array(value, name);
  if (is_masked(array))
    throw py::type_error(std::string(name) + " must not be a masked array; fill or drop the masked rows");
  check_real(array, name);
  return array;
}

void check_ndim(const py::array& array, const char* name, py::ssize_t ndim, const char* wanted) {
  if (array.ndim() == ndim) return;
  throw_invalid(name, "must be " + std::to_string(ndim) + "-D, of shape " + wanted + ", but has shape " +
                          to_string(shape_of(array)));
}

void check_shape(const py::array& array, const char* name, const Shape& shape) {
  const Shape met = shape_of(array);
  if (met != shape) throw_invalid(name, "must have shape " + to_string(shape) + ", but has shape " + to_string(met));
}

py::array float64_array(py::handle value, const char* name, bool contiguous, FloatType* source) {
  const py::array array = real_array(value, name);
  if (source != nullptr) *source = float_type(array);
  const bool in_order = !contiguous || (array.flags() & py::array::c_style) != 0;
  if (in_order && in_place<double>(array)) return array;
  return array.attr("astype")("float64", "C");
}

py::array int64_array(py::handle value, const char* name) {
  const py::array array = real_array(value, name);
  if (array.dtype().kind() != 'i' && array.dtype().kind() != 'u') {
    throw py::type_error(std::string(name) + " must hold integers, but has dtype " +
                         std::string(py::str(array.dtype())));
  }
  if (in_place<Index>(array)) return array;
  check_within_int64(array, name);
  return array.attr("astype")("int64", "C");
}

Shape shape_of_covariances(CovarianceType type, Index n_components, Index n_features) {
  const std::vector<Index> dims = covariance_shape(type, n_components, n_features);
  return {dims.begin(), dims.end()};
}

std::optional<py::array> sample_weight_array(py::handle sample_weight, Index n_samples) {
  if (sample_weight.is_none()) return std::nullopt;
  py::array array = float64_array(sample_weight, "sample_weight");
  check_shape(array, "sample_weight", {n_samples});
  return array;
}

VectorView<const double> weight_view(const std::optional<py::array>& sample_weight) {
  return sample_weight ? vector_view<const double>(*sample_weight) : VectorView<const double>();
}

py::array empty_array(const py::dtype& dtype, const Shape& shape) {
  py::ssize_t bytes = dtype.itemsize();
  for (const py::ssize_t size : shape) {
    if (__builtin_mul_overflow(bytes, size, &bytes))
      throw_invalid("the result", "would have shape " + to_string(shape));
  }
  return py::array(dtype, shape);
}

py::array float_output(py::handle out, const Shape& shape, const SampleArray& x) {
  if (!out.is_none()) return checked_output<float, double>(out, shape, x, "float32 or float64");
  return empty_array(x.samples.single_precision() ? py::dtype::of<float>() : py::dtype::of<double>(), shape);
}

py::array int64_output(py::handle out, const Shape& shape, const SampleArray& x) {
  return out.is_none() ? empty_array(py::dtype::of<Index>(), shape) : checked_output<Index>(out, shape, x, "int64");
}

}  // namespace gaussmix::bindings
