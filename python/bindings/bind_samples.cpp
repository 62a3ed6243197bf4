#include "bindings.hpp"
#include "tables.hpp"

namespace gaussmix::bindings {

// What the estimator, which has rules of its own for X, needs to know of it before the core reads it.
void bind_samples(py::module_& m) {
  m.def(
      "as_array", [](py::handle value, const char* name) { return as_array(value, name); }, py::arg("value"),
      py::arg("name"),
      "as_array(value, name)\n--\n\n`value` as an ndarray of any dtype, in place where possible; `name` is for "
      "messages.");
  m.def(
      "is_table", [](py::handle value) { return is_table(value); }, py::arg("value"),
      "is_table(value)\n--\n\nWhether `value` is a data frame or table, which the core reads column by column.");
}

}  // namespace gaussmix::bindings
