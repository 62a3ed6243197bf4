#include "data/samples.hpp"

#include "base/message.hpp"

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

namespace gaussmix::detail {
namespace {

std::string shape_of(const Samples& x) {
  return "(" + std::to_string(x.rows()) + ", " + std::to_string(x.cols()) + ")";
}

/// Row i of `values` is row first_row + i of X.
template <class T>
void check_rows_finite(MatrixView<const T> values, Index first_row) {
  for (Index i = 0; i < values.rows(); ++i) {
    for (Index j = 0; j < values.cols(); ++j) {
      const double value = values(i, j);
      if (!std::isfinite(value)) {
        throw_invalid("X[" + std::to_string(first_row + i) + ", " + std::to_string(j) + "] must be finite, but is " +
                      format(value));
      }
    }
  }
}

template <class T>
void check_rows_finite(MatrixView<const T> x, Index begin, Index end) {
  const MatrixView<const T> rows(x.data() + begin * x.row_stride(), end - begin, x.cols(), x.row_stride(),
                                 x.col_stride());
  check_rows_finite(rows, begin);
}

/// The same for a reader, in pieces of 512 KiB or one row.
void check_read_rows_finite(const Samples& x, Index begin, Index end) {
  const Index d = x.cols();
  const Index step = std::max<Index>(1, 65536 / std::max<Index>(1, d));
  std::vector<double> piece;
  for (Index i = begin; i < end; i += step) {
    const Index stop = std::min(i + step, end);
    piece.resize(static_cast<std::size_t>(checked_product(stop - i, d, "X")));
    x.reader()(i, stop, piece.data());
    check_rows_finite(MatrixView<const double>(piece.data(), stop - i, d), i);
  }
}

}  // namespace

void check_samples(const Samples& x, Index n_features, Index least_rows) {
  const auto met = [&] { return ", but has shape " + shape_of(x); };
  if (x.rows() < least_rows)
    throw_invalid("X must have at least " + std::to_string(least_rows) + (least_rows == 1 ? " row" : " rows") + met());
  if (n_features != 0 && x.cols() != n_features) {
    const char* columns = n_features == 1 ? " column" : " columns";
    throw_invalid("X must have " + std::to_string(n_features) + columns + " (n_features of the mixture)" + met());
  }
  if (x.cols() < 1) throw_invalid("X must have at least 1 column" + met());
  checked_product(x.rows(), x.cols(), "X");
  if (!x.reader()) check_input("X", elements_of(x));
}

void check_apart(const char* name, const Elements& output, const Samples& x) {
  if (!x.reader()) check_apart(name, output, "X", elements_of(x));
}

Index check_sample_weight(VectorView<const double> weight, Index n_samples) {
  if (weight.empty()) return n_samples;
  if (weight.size() != n_samples) {
    throw_invalid("sample_weight must have " + std::to_string(n_samples) + " values (rows of X), but has " +
                  std::to_string(weight.size()));
  }
  check_input("sample_weight", weight);
  Index positive = 0;
  double total = 0.0;
  for (Index i = 0; i < n_samples; ++i) {
    if (!(weight[i] >= 0.0 && std::isfinite(weight[i]))) {
      throw_invalid("sample_weight[" + std::to_string(i) + "] must be ≥ 0 and finite, but is " + format(weight[i]));
    }
    positive += weight[i] > 0.0;
    total += weight[i];
  }
  if (!std::isfinite(total)) throw_invalid("the sum of sample_weight must be finite, but is " + format(total));
  return positive;
}

void throw_first_not_finite(const Samples& x, Index begin, Index end) {
  if (x.reader()) {
    check_read_rows_finite(x, begin, end);
  } else if (x.single_precision()) {
    check_rows_finite(x.float32(), begin, end);
  } else {
    check_rows_finite(x.float64(), begin, end);
  }
}

void read_rows(const Samples& x, Index begin, Index end, double* out) {
  if (x.reader()) return x.reader()(begin, end, out);
  for (Index i = begin; i < end; ++i)
    for (Index j = 0; j < x.cols(); ++j)
      *out++ = x.single_precision() ? static_cast<double>(x.float32()(i, j)) : x.float64()(i, j);
}

}  // namespace gaussmix::detail
