#pragma once

// Data frames and tables as X: columns under names, of any real dtypes, in any number of chunks.

#include "numpy.hpp"

#include <gaussmix/mixture.hpp>

#include <string>
#include <vector>

namespace gaussmix::bindings {

/// A column of a table over the table's own memory.
struct Column {
  std::string name;
  py::dtype dtype;
  std::vector<py::array> chunks;  ///< (n,) each, of `dtype`, one after another
};

/// Whether x is a frame of pandas, or a table that speaks Arrow's C stream interface: polars, pyarrow.
bool is_table(py::handle x);

/// The names of a table's columns, (D,); empty for what is no table, and where a name is not a str.
std::vector<std::string> column_names(py::handle x);

/// @throws InvalidArgument for a table of as many columns as the mixture has features, under other names or in another order
void check_columns(const Mixture& mixture, py::handle x);

/// As check_columns, for a row: one of a frame of pandas has the names of its columns as labels.
void check_labels(const std::vector<std::string>& feature_names, py::handle x);

/// The table as X: read in place where its columns lie evenly spaced, as in one block, else by a reader; never copied.
SampleArray table_samples(py::handle x);

/// The columns behind `__arrow_c_stream__`. Booleans, which Arrow packs by the bit, become a byte each.
/// @throws py::type_error  for columns that do not hold real numbers
/// @throws InvalidArgument for the first null
std::vector<Column> arrow_columns(py::handle x);

}  // namespace gaussmix::bindings
