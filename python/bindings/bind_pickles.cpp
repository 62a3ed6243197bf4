#include "bindings.hpp"

namespace gaussmix::bindings {

namespace py = pybind11;

namespace {

py::tuple reduced(const py::object& self) {
  const py::object make = py::module_::import("copyreg").attr("__newobj__");
  return py::make_tuple(make, py::make_tuple(py::type::of(self)), self.attr("__getstate__")());
}

py::tuple refuse(const py::object& self) {
  throw py::type_error(std::string("cannot pickle '") + Py_TYPE(self.ptr())->tp_name + "' object");
}

}  // namespace

// The pickle protocols 0 and 1, and tools that ask for __reduce__, would otherwise make an instance of the base class of
// all bound classes, which ends the process.
void bind_pickles(py::module_& m) {
  for (const auto& [name, value] : py::dict(m.attr("__dict__"))) {
    if (PyType_Check(value.ptr()) == 0 ||
        py::detail::get_type_info(reinterpret_cast<PyTypeObject*>(value.ptr())) == nullptr)
      continue;
    const bool has_state = py::hasattr(value, "__setstate__");
    value.attr("__reduce__") =
        py::cpp_function(has_state ? &reduced : &refuse, py::name("__reduce__"), py::is_method(value));
  }
}

}  // namespace gaussmix::bindings
