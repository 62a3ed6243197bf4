// Tables that speak Arrow's C data interface, whose structures are an ABI:
// https://arrow.apache.org/docs/format/CDataInterface.html and CStreamInterface.html.

#include "tables.hpp"

#include <gaussmix/error.hpp>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <set>
#include <string_view>

namespace gaussmix::bindings {

namespace {

struct ArrowSchema {
  const char* format;
  const char* name;
  const char* metadata;
  std::int64_t flags;
  std::int64_t n_children;
  ArrowSchema** children;
  ArrowSchema* dictionary;
  void (*release)(ArrowSchema*);
  void* private_data;
};

struct ArrowArray {
  std::int64_t length;
  std::int64_t null_count;
  std::int64_t offset;
  std::int64_t n_buffers;
  std::int64_t n_children;
  const void** buffers;
  ArrowArray** children;
  ArrowArray* dictionary;
  void (*release)(ArrowArray*);
  void* private_data;
};

struct ArrowArrayStream {
  int (*get_schema)(ArrowArrayStream*, ArrowSchema*);
  int (*get_next)(ArrowArrayStream*, ArrowArray*);
  const char* (*get_last_error)(ArrowArrayStream*);
  void (*release)(ArrowArrayStream*);
  void* private_data;
};

/// A structure of the interface that releases what it was given.
template <class T>
struct Owned {
  T value{};
  Owned() = default;
  Owned(const Owned&) = delete;
  Owned& operator=(const Owned&) = delete;
  ~Owned() {
    if (value.release != nullptr) value.release(&value);
  }
};

/// A batch of rows; its columns' memory lives as long as this does.
using Batch = std::shared_ptr<Owned<ArrowArray>>;

class Stream {
 public:
  explicit Stream(py::handle table) : capsule_(table.attr("__arrow_c_stream__")()) {
    stream_ = static_cast<ArrowArrayStream*>(PyCapsule_GetPointer(capsule_.ptr(), "arrow_array_stream"));
    if (stream_ == nullptr) throw py::error_already_set();
    check(stream_->get_schema(stream_, &schema_.value));
  }

  const ArrowSchema& schema() const { return schema_.value; }

  /// Empty at the end.
  Batch next() {
    auto batch = std::make_shared<Owned<ArrowArray>>();
    check(stream_->get_next(stream_, &batch->value));
    return batch->value.release != nullptr ? batch : nullptr;
  }

 private:
  void check(int code) const {
    if (code == 0) return;
    const char* message = stream_->get_last_error(stream_);
    throw py::type_error(std::string("X must be readable as an Arrow table: ") +
                         (message != nullptr ? message : "error " + std::to_string(code)));
  }

  py::object capsule_;  // releases the stream
  ArrowArrayStream* stream_ = nullptr;
  Owned<ArrowSchema> schema_;
};

constexpr std::string_view bits = "b";

/// What messages call a column's type.
std::string described(const ArrowSchema& column) {
  const std::string_view format = column.format;
  if (column.dictionary != nullptr) return "a dictionary";
  if (format == "u" || format == "U" || format == "vu") return "strings";
  if (format == "n") return "nulls alone";
  if (format[0] == 't') return "times";
  if (format[0] == 'd') return "decimals";
  return "Arrow's format '" + std::string(format) + "'";
}

/// The interface lets a column do without a name, which is null then.
const char* name_of(const ArrowSchema& column) { return column.name != nullptr ? column.name : ""; }

py::dtype dtype_of(const ArrowSchema& column) {
  constexpr std::string_view formats = "cCsSiIlLefgb";
  constexpr const char* dtypes[] = {"i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "f2", "f4", "f8", "u1"};
  const std::string_view format = column.format;
  const std::size_t at = format.size() == 1 && column.dictionary == nullptr ? formats.find(format) : format.npos;
  if (at == format.npos) {
    throw py::type_error("X must hold real numbers, but column '" + std::string(name_of(column)) + "' holds " +
                         described(column));
  }
  return py::dtype(dtypes[at]);
}

/// The first of `length` rows from `offset` that is null, or `length`.
std::int64_t first_null(const ArrowArray& array, std::int64_t offset, std::int64_t length) {
  const auto* valid = static_cast<const std::uint8_t*>(array.null_count == 0 ? nullptr : array.buffers[0]);
  if (valid == nullptr) return length;
  for (std::int64_t i = 0; i < length; ++i) {
    const std::int64_t bit = offset + i;
    if ((valid[bit / 8] >> (bit % 8) & 1) == 0) return i;
  }
  return length;
}

/// One byte for each bit.
py::array unpacked(const void* data, std::int64_t offset, std::int64_t length) {
  using namespace py::literals;
  const py::array bytes(py::dtype("u1"), {(offset + length + 7) / 8}, {1}, data, py::none());
  const py::object all =
      py::module_::import("numpy").attr("unpackbits")(bytes, "count"_a = offset + length, "bitorder"_a = "little");
  return py::array(all[py::slice(offset, offset + length, 1)]);
}

/// Column j of a batch whose first row is row `begin` of the table.
py::array chunk_of(const Batch& batch, std::int64_t j, const ArrowSchema& schema, const py::dtype& dtype,
                   std::int64_t begin) {
  const ArrowArray& rows = batch->value;
  const ArrowArray& column = *rows.children[j];
  const std::int64_t offset = rows.offset + column.offset;
  const std::int64_t null =
      std::min(first_null(column, offset, rows.length), first_null(rows, rows.offset, rows.length));
  if (null < rows.length) {
    throw InvalidArgument("X[" + std::to_string(begin + null) + ", " + std::to_string(j) +
                          "] must not be null, but is; column '" + name_of(schema) + "'");
  }
  if (schema.format == bits) return unpacked(column.buffers[1], offset, rows.length);
  const char* first = static_cast<const char*>(column.buffers[1]) + offset * dtype.itemsize();
  return py::array(dtype, {rows.length}, {dtype.itemsize()}, first, owning_capsule(std::make_unique<Batch>(batch)));
}

/// The table in pieces that yield their own memory: polars copies a frame of several chunks when asked for a stream of it,
/// but not its slices.
std::vector<py::object> pieces(py::handle table) {
  std::set<Index> ends;
  if (py::hasattr(table, "iter_columns") && py::hasattr(table, "slice")) {
    for (const py::handle column : table.attr("iter_columns")()) {
      Index row = 0;
      for (const py::handle length : column.attr("chunk_lengths")()) ends.insert(row += py::cast<Index>(length));
    }
  }
  if (ends.size() < 2) return {py::reinterpret_borrow<py::object>(table)};
  std::vector<py::object> slices;
  Index begin = 0;
  for (const Index end : ends) {
    slices.push_back(table.attr("slice")(begin, end - begin));
    begin = end;
  }
  return slices;
}

std::vector<Column> empty_columns(const ArrowSchema& schema, py::handle table) {
  if (schema.format != std::string_view("+s")) {
    throw py::type_error("X must be a table of columns, but is " + bindings::described(table));
  }
  std::vector<Column> columns;
  for (std::int64_t j = 0; j < schema.n_children; ++j) {
    columns.push_back({name_of(*schema.children[j]), dtype_of(*schema.children[j]), {}});
  }
  return columns;
}

/// Appends the rows of a stream, of which the first is row `begin` of the table; returns the row after the last.
std::int64_t append(Stream& stream, std::int64_t begin, std::vector<Column>& columns) {
  while (const Batch batch = stream.next()) {
    if (batch->value.length == 0) continue;
    for (std::size_t j = 0; j < columns.size(); ++j) {
      const auto at = static_cast<std::int64_t>(j);
      columns[j].chunks.push_back(chunk_of(batch, at, *stream.schema().children[j], columns[j].dtype, begin));
    }
    begin += batch->value.length;
  }
  return begin;
}

}  // namespace

std::vector<Column> arrow_columns(py::handle x) {
  std::optional<std::vector<Column>> columns;
  std::int64_t begin = 0;
  for (const py::object& piece : pieces(x)) {
    Stream stream(piece);
    if (!columns) columns = empty_columns(stream.schema(), x);
    begin = append(stream, begin, *columns);
  }
  return std::move(*columns);
}

}  // namespace gaussmix::bindings
