#pragma once

// Paths and bytes of Python's, for what is saved and loaded.

#include "arguments.hpp"

#include <gaussmix/views.hpp>

#include <cerrno>
#include <cstdint>
#include <string>
#include <system_error>
#include <vector>

namespace gaussmix::bindings {

/// A str, bytes or os.PathLike as the system has it.
std::string path_argument(py::handle path);

/// call() without the GIL, where what the system refuses becomes the OSError of its number, with `path` as its filename.
template <class Call>
auto with_os_errors(py::handle path, const Call& call) {
  try {
    return without_gil(call);
  } catch (const std::system_error& error) {
    errno = error.code().value();
    PyErr_SetFromErrnoWithFilenameObject(PyExc_OSError, path.ptr());
    throw py::error_already_set();
  }
}

/// The memory of a bytes-like object, held until the end of its life. @throws py::type_error for any other object
class BytesArgument {
 public:
  explicit BytesArgument(py::handle data);
  ~BytesArgument() { PyBuffer_Release(&buffer_); }
  BytesArgument(const BytesArgument&) = delete;
  BytesArgument& operator=(const BytesArgument&) = delete;

  VectorView<const std::uint8_t> view() const noexcept {
    return {static_cast<const std::uint8_t*>(buffer_.buf), buffer_.len};
  }

 private:
  Py_buffer buffer_;
};

py::bytes python_bytes(const std::vector<std::uint8_t>& bytes);

}  // namespace gaussmix::bindings
