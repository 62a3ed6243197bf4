#include "files.hpp"

namespace gaussmix::bindings {

std::string path_argument(py::handle path) {
  try {
    return py::cast<std::string>(py::module_::import("os").attr("fsencode")(path));
  } catch (const py::error_already_set& error) {
    if (!error.matches(PyExc_TypeError)) throw;
  }
  throw py::type_error("path must be a str, bytes or os.PathLike, but is " + described(path));
}

BytesArgument::BytesArgument(py::handle data) {
  if (!PyObject_CheckBuffer(data.ptr())) throw py::type_error("data must be bytes-like, but is " + described(data));
  if (PyObject_GetBuffer(data.ptr(), &buffer_, PyBUF_SIMPLE) != 0) throw py::error_already_set();
}

py::bytes python_bytes(const std::vector<std::uint8_t>& bytes) {
  return py::bytes(reinterpret_cast<const char*>(bytes.data()), bytes.size());
}

}  // namespace gaussmix::bindings
