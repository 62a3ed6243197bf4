// Tables whose columns are found by name; Arrow's are read in arrow.cpp.

#include "tables.hpp"

#include <gaussmix/error.hpp>

#include <algorithm>
#include <memory>

namespace gaussmix::bindings {

namespace {

bool is_pandas(py::handle x) { return py::hasattr(x, "iloc") && py::hasattr(x, "columns"); }

/// The whole frame as one array, if that takes no copy: NumPy 2 says so by a ValueError, and pandas then has several blocks.
std::optional<py::array> single_block(py::handle frame) {
  using namespace py::literals;
  try {
    return py::array(py::module_::import("numpy").attr("array")(frame, "copy"_a = false));
  } catch (py::error_already_set& error) {
    if (!error.matches(PyExc_ValueError)) throw;
    return std::nullopt;
  }
}

std::vector<Column> pandas_columns(py::handle frame) {
  std::vector<Column> columns;
  for (const py::handle item : frame.attr("items")()) {
    const py::tuple pair = py::reinterpret_borrow<py::tuple>(item);
    const std::string name = py::str(pair[0]);
    py::array values = py::array(pair[1].attr("to_numpy")());
    const char kind = values.dtype().kind();
    if (kind != 'f' && kind != 'i' && kind != 'u' && kind != 'b') {
      throw py::type_error("X must hold real numbers, but column '" + name + "' has dtype " +
                           std::string(py::str(pair[1].attr("dtype"))));
    }
    py::dtype dtype = values.dtype();
    columns.push_back({name, std::move(dtype), {std::move(values)}});
  }
  return columns;
}

Index n_rows(const Column& column) {
  Index rows = 0;
  for (const py::array& chunk : column.chunks) rows += chunk.shape(0);
  return rows;
}

/// The columns as one matrix, if each is one chunk of T and all have the same strides and distance.
template <class T>
std::optional<MatrixView<const T>> evenly_spaced(const std::vector<Column>& columns) {
  for (const Column& column : columns) {
    if (column.chunks.size() != 1 || !in_place<T>(column.chunks[0])) return std::nullopt;
    if (item_stride(column.chunks[0], 0) != item_stride(columns[0].chunks[0], 0)) return std::nullopt;
  }
  const auto address = [&](std::size_t j) { return reinterpret_cast<std::intptr_t>(columns[j].chunks[0].data()); };
  const std::intptr_t bytes = columns.size() > 1 ? address(1) - address(0) : 0;
  for (std::size_t j = 1; j < columns.size(); ++j) {
    if (address(j) - address(j - 1) != bytes) return std::nullopt;
  }
  constexpr auto item = static_cast<std::intptr_t>(sizeof(T));
  if (bytes % item != 0) return std::nullopt;
  const VectorView<const T> first = vector_view<const T>(columns[0].chunks[0]);
  return MatrixView<const T>(first.data(), first.size(), static_cast<Index>(columns.size()), first.stride(),
                             bytes / item);
}

/// Rows of columns that lie anywhere, in any number of chunks.
class TableReader {
 public:
  explicit TableReader(const std::vector<Column>& columns) {
    for (const Column& column : columns) {
      Pieces pieces{converter_of(column.dtype), {}};
      Index row = 0;
      for (const py::array& chunk : column.chunks) {
        pieces.at.push_back(
            {row, row + chunk.shape(0), static_cast<const unsigned char*>(chunk.data()), chunk.strides(0)});
        row += chunk.shape(0);
      }
      columns_.push_back(std::move(pieces));
    }
  }

  void operator()(Index begin, Index end, double* out) const noexcept {
    const auto step = static_cast<Index>(columns_.size());
    for (const Pieces& column : columns_) {
      read(column, begin, end, out, step);
      ++out;
    }
  }

 private:
  struct Piece {
    Index begin, end;  ///< rows
    const unsigned char* data;
    py::ssize_t stride;
  };
  struct Pieces {
    Converter convert;
    std::vector<Piece> at;
  };

  static void read(const Pieces& column, Index begin, Index end, double* out, Index step) noexcept {
    auto piece = std::upper_bound(column.at.begin(), column.at.end(), begin,
                                  [](Index row, const Piece& p) { return row < p.end; });
    for (; begin < end; ++piece) {
      const Index count = std::min(end, piece->end) - begin;
      column.convert(piece->data + (begin - piece->begin) * piece->stride, piece->stride, count, out, step);
      out += count * step;
      begin += count;
    }
  }

  std::vector<Pieces> columns_;
};

Samples samples_of(const std::vector<Column>& columns) {
  if (columns.empty()) return Samples(0, 0, [](Index, Index, double*) {});
  if (const auto x = evenly_spaced<double>(columns)) return *x;
  if (const auto x = evenly_spaced<float>(columns)) return *x;
  const bool single = std::all_of(columns.begin(), columns.end(), [](const Column& column) {
    return column.dtype.kind() == 'f' && column.dtype.itemsize() == sizeof(float);
  });
  const auto reader = std::make_shared<const TableReader>(columns);
  return Samples(
      n_rows(columns[0]), static_cast<Index>(columns.size()),
      [reader](Index begin, Index end, double* out) { (*reader)(begin, end, out); }, single);
}

}  // namespace

bool is_table(py::handle x) {
  if (is_pandas(x)) return true;
  return py::hasattr(x, "__arrow_c_stream__") && (py::hasattr(x, "columns") || py::hasattr(x, "column_names"));
}

namespace {

/// Names that are all texts; otherwise none.
std::vector<std::string> texts_of(const py::object& items) {
  std::vector<std::string> names;
  for (const py::handle name : items) {
    if (!PyUnicode_Check(name.ptr())) return {};
    names.push_back(py::cast<std::string>(name));
  }
  return names;
}

/// Throws InvalidArgument where `names`, of `what` in x, are as many as the features' and others.
void check_names(const std::vector<std::string>& expected, const std::vector<std::string>& names,
                 const std::string& rule, const std::string& what) {
  if (names.size() != expected.size()) return;  // none, or another number, of which the core speaks
  const auto place = std::mismatch(names.begin(), names.end(), expected.begin());
  if (place.first == names.end()) return;
  throw InvalidArgument(rule + " that the mixture is about, in their order, but " + what + " " +
                        std::to_string(place.first - names.begin()) + " is '" + *place.first + "', not '" +
                        *place.second + "'; select them by list(mixture.feature_names), or pass an array");
}

}  // namespace

std::vector<std::string> column_names(py::handle x) {
  if (!is_table(x)) return {};
  return texts_of(x.attr(py::hasattr(x, "column_names") ? "column_names" : "columns"));
}

void check_columns(const Mixture& mixture, py::handle x) {
  const std::vector<std::string>& expected = mixture.feature_names();
  if (expected.empty() || py::isinstance<py::array>(x)) return;
  check_names(expected, column_names(x), "X must have the columns", "column");
}

void check_labels(const std::vector<std::string>& feature_names, py::handle x) {
  if (feature_names.empty() || py::isinstance<py::array>(x) || !py::hasattr(x, "iloc")) return;
  check_names(feature_names, texts_of(x.attr("index")), "x must have the labels", "label");
}

SampleArray table_samples(py::handle x) {
  if (is_pandas(x)) {
    const std::optional<py::array> block = single_block(x);
    if (block && block->dtype().kind() != 'O') return sample_array(*block);
  }
  const std::vector<Column> columns = is_pandas(x) ? pandas_columns(x) : arrow_columns(x);
  SampleArray result{py::array(), samples_of(columns), {}};
  for (const Column& column : columns) {
    result.columns.insert(result.columns.end(), column.chunks.begin(), column.chunks.end());
  }
  return result;
}

}  // namespace gaussmix::bindings
