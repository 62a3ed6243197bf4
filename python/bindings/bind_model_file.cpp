#include "bindings.hpp"
#include "files.hpp"

#include <gaussmix/error.hpp>
#include <gaussmix/model_file.hpp>

namespace gaussmix::bindings {

namespace {

constexpr const char* save_doc = R"doc(save(self, path, feature_names=None, metadata=None)
--

Save the mixture to a model file, in the layout of safetensors.

Whoever opens `path` at any time, also after a crash, finds the old file or the new one, whole. `Mixture.load` and
`load_model` read it, so do C++, C and any reader of safetensors; the mixture loaded scores with the same bits.

Parameters
----------
path : str, bytes or os.PathLike
    Of a regular file, old or new; links are followed.
feature_names : sequence of str, (D,), or None
    None for those of the mixture, if it has any.
metadata : mapping of str to str, or None
    The user's own strings, by names that the format does not use itself ("format", "version", "covariance_type",
    "allow_singular", "checksum_type", "checksum", "feature_names"). 16 MiB at most, with the feature names.

Raises
------
OSError
    When the system refuses; the old file is then as it was.
InvalidArgumentError
    For arguments that break the rules above.
)doc";

constexpr const char* load_doc = R"doc(load(path)
--

The mixture in a model file: the one that `save` was given, bit for bit.

Parameters
----------
path : str, bytes or os.PathLike
    Safe for files from a stranger: sizes are checked before anything is allocated, then the checksum, then the
    meaning. Files that other writers of safetensors made may lack the checksum.

Returns
-------
Mixture

Raises
------
FormatError
    For a corrupt, truncated or foreign file.
OSError
    When the system refuses.

See Also
--------
load_model : The mixture with its feature names and metadata.
)doc";

constexpr const char* to_bytes_doc = R"doc(to_bytes(self, feature_names=None, metadata=None)
--

The bytes that `save` writes.

Parameters
----------
feature_names : sequence of str, (D,), or None
    None for those of the mixture, if it has any.
metadata : mapping of str to str, or None
    As in `save`.

Returns
-------
bytes

Raises
------
InvalidArgumentError
    As `save`.
)doc";

constexpr const char* from_bytes_doc = R"doc(from_bytes(data)
--

The mixture in the bytes of a model file.

Parameters
----------
data : bytes-like
    Safe for bytes from a stranger, as in `load`.

Returns
-------
Mixture

Raises
------
FormatError
    For corrupt, truncated or foreign bytes.

See Also
--------
model_from_bytes : The mixture with its feature names and metadata.
)doc";

std::map<std::string, std::string> metadata_argument(py::handle value) {
  std::map<std::string, std::string> metadata;
  if (value.is_none()) return metadata;
  if (!py::isinstance(value, py::module_::import("collections.abc").attr("Mapping")))
    throw py::type_error("metadata must be a mapping of str to str, but is " + described(value));
  for (const py::handle item : value.attr("items")()) {
    const auto pair = py::cast<py::tuple>(item);
    const std::string name = text_argument(pair[0], "a name in metadata");
    metadata[name] = text_argument(pair[1], ("metadata['" + name + "']").c_str());
  }
  return metadata;
}

ModelInfo info_argument(py::handle feature_names, py::handle metadata) {
  return {feature_names_argument(feature_names), metadata_argument(metadata)};
}

void save(const Mixture& mixture, py::handle path, py::handle feature_names, py::handle metadata) {
  const std::string name = path_argument(path);
  const ModelInfo info = info_argument(feature_names, metadata);
  with_os_errors(path, [&] { mixture.save(name, info); });
}

py::bytes to_bytes(const Mixture& mixture, py::handle feature_names, py::handle metadata) {
  const ModelInfo info = info_argument(feature_names, metadata);
  return python_bytes(without_gil([&] { return mixture.to_bytes(info); }));
}

Model load(py::handle path) {
  const std::string name = path_argument(path);
  const Execution execution = execution_argument(py::none());
  return with_os_errors(path, [&] { return load_model(name, execution); });
}

Model from_bytes(py::handle data) {
  const BytesArgument bytes(data);
  const Execution execution = execution_argument(py::none());
  return without_gil([&] { return model_from_bytes(bytes.view(), execution); });
}

py::dict metadata_of(const ModelInfo& info) {
  py::dict metadata;
  for (const auto& [name, value] : info.metadata) metadata[py::str(name)] = value;
  return metadata;
}

/// The fields of gaussmix.Model.
py::tuple fields_of(Model model) {
  return py::make_tuple(std::move(model.mixture), names_or_none(model.info.feature_names), metadata_of(model.info));
}

}  // namespace

void bind_model_file(py::module_& m, py::class_<Mixture>& mixture) {
  mixture
      .def("save", &save, py::arg("path"), py::arg("feature_names") = py::none(), py::arg("metadata") = py::none(),
           save_doc)
      .def_static(
          "load", [](py::handle path) { return load(path).mixture; }, py::arg("path"), load_doc)
      .def("to_bytes", &to_bytes, py::arg("feature_names") = py::none(), py::arg("metadata") = py::none(), to_bytes_doc)
      .def_static(
          "from_bytes", [](py::handle data) { return from_bytes(data).mixture; }, py::arg("data"), from_bytes_doc);
  m.def(
      "load_model", [](py::handle path) { return fields_of(load(path)); }, py::arg("path"),
      "load_model(path)\n--\n\nThe fields of gaussmix.Model.");
  m.def(
      "model_from_bytes", [](py::handle data) { return fields_of(from_bytes(data)); }, py::arg("data"),
      "model_from_bytes(data)\n--\n\nThe fields of gaussmix.Model.");
}

}  // namespace gaussmix::bindings
