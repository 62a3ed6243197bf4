#include "messages.hpp"

#include <doctest/doctest.h>

#include "base/message.hpp"
#include "data/samples.hpp"

#include <algorithm>
#include <cstdlib>
#include <limits>
#include <string>
#include <vector>

using namespace gaussmix;
using namespace gaussmix::detail;
using messages::message_of;

namespace {

constexpr double quiet_nan = std::numeric_limits<double>::quiet_NaN();
constexpr double inf = std::numeric_limits<double>::infinity();
constexpr Index max_index = std::numeric_limits<Index>::max();

std::string samples_message(Index rows, Index cols, Index n_features) {
  const double value = 0.0;
  return message_of([&] { check_samples(Samples(MatrixView<const double>(&value, rows, cols, 0, 0)), n_features); });
}

std::string weight_message(const std::vector<double>& weight, Index n_samples) {
  return message_of([&] { check_sample_weight(weight, n_samples); });
}

}  // namespace

TEST_CASE("validate: format gives the shortest text that reads back") {
  CHECK(format(0.1) == "0.1");
  CHECK(format(-1.0) == "-1");
  CHECK(format(-0.0) == "-0");
  CHECK(format(quiet_nan) == "nan");
  CHECK(format(-quiet_nan) == "nan");
  CHECK(format(inf) == "inf");
  CHECK(format(-inf) == "-inf");
  for (const double value : {1.0 / 3.0, 5e-324, 2.2250738585072014e-308, 1.7976931348623157e308, -1e22, 123456.789}) {
    CHECK(std::strtod(format(value).c_str(), nullptr) == value);
  }
}

TEST_CASE("validate: checked_product multiplies or names the factors") {
  CHECK(checked_product(0, max_index, "X") == 0);
  CHECK(checked_product(3, 7, "X") == 21);
  CHECK(checked_product(max_index, 1, "X") == max_index);
  CHECK(message_of([] { checked_product(Index{1} << 32, Index{1} << 31, "out"); }) ==
        "out must have between 0 and 9223372036854775807 values, but has 4294967296 × 2147483648");
  CHECK(message_of([] { checked_product(-1, 2, "out"); }) ==
        "out must have between 0 and 9223372036854775807 values, but has -1 × 2");
  CHECK(message_of([] { checked_product(-1, -2, "out"); }) != "no error");
}

TEST_CASE("validate: X has a shape and data") {
  CHECK(samples_message(10, 4, 4) == "no error");
  CHECK(samples_message(1, 1, 0) == "no error");
  CHECK(samples_message(10, 3, 4) == "X must have 4 columns (n_features of the mixture), but has shape (10, 3)");
  CHECK(samples_message(10, 3, 1) == "X must have 1 column (n_features of the mixture), but has shape (10, 3)");
  CHECK(samples_message(0, 3, 3) == "no error");
  CHECK(samples_message(-1, 3, 3) == "X must have at least 0 rows, but has shape (-1, 3)");
  CHECK(message_of([] { check_samples(MatrixView<const double>(nullptr, 0, 3), 3, 1); }) ==
        "X must have at least 1 row, but has shape (0, 3)");
  CHECK(message_of([] { check_samples(Samples(0, 3, nullptr), 3); }) == "no error");
  CHECK(samples_message(10, 0, 0) == "X must have at least 1 column, but has shape (10, 0)");
  const std::string no_data = "X must have data, but its pointer is null";
  CHECK(message_of([] { check_samples(MatrixView<const double>(nullptr, 2, 3), 3); }) == no_data);
  CHECK(message_of([] { check_samples(MatrixView<const float>(nullptr, 2, 3), 3); }) == no_data);
  CHECK(message_of([] { check_samples(Samples(2, 3, nullptr), 3); }) == no_data);
  CHECK(message_of([] { check_samples(Samples(2, 3, [](Index, Index, double*) {}), 3); }) == "no error");
}

TEST_CASE("validate: sample_weight") {
  CHECK(check_sample_weight({}, 10) == 10);
  CHECK(check_sample_weight(std::vector<double>{0.0, 2.5, -0.0, 5e-324}, 4) == 2);
  CHECK(weight_message(std::vector<double>(9, 1.0), 10) == "sample_weight must have 10 values (rows of X), but has 9");
  CHECK(weight_message({1, 1, 1, 1, 1, -1, -2}, 7) == "sample_weight[5] must be ≥ 0 and finite, but is -1");
  CHECK(weight_message({1, quiet_nan}, 2) == "sample_weight[1] must be ≥ 0 and finite, but is nan");
  CHECK(weight_message({inf, 1}, 2) == "sample_weight[0] must be ≥ 0 and finite, but is inf");
  CHECK(check_sample_weight(std::vector<double>{0, 0, 0}, 3) == 0);
  CHECK(weight_message({1e308, 1e308}, 2) == "the sum of sample_weight must be finite, but is inf");

  const std::vector<double> every_other = {1, -7, 2, -7, 0};
  CHECK(check_sample_weight({every_other.data(), 3, 2}, 3) == 2);
}

TEST_CASE("validate: check_finite names the place") {
  const std::vector<double> values = {1, 2, 3, 4, quiet_nan, -inf};
  const MatrixView<const double> rows(values.data(), 3, 2);
  const MatrixView<const double> transposed(values.data(), 2, 3, 1, 2);
  CHECK(message_of([&] { check_finite(VectorView<const double>(values), "weights"); }) ==
        "weights[4] must be finite, but is nan");
  CHECK(message_of([&] { check_finite(VectorView<const double>(values.data() + 5, 6, -1), "weights"); }) ==
        "weights[0] must be finite, but is -inf");
  CHECK(message_of([&] { check_finite(rows, "means"); }) == "means[2, 0] must be finite, but is nan");
  CHECK(message_of([&] { check_finite(transposed, "means"); }) == "means[0, 2] must be finite, but is nan");
  CHECK(message_of([&] { check_finite(MatrixView<const double>(values.data(), 2, 2), "means"); }) == "no error");
  CHECK(message_of([&] { check_finite(VectorView<const double>(), "means"); }) == "no error");
}

TEST_CASE("validate: throw_first_not_finite finds the first bad value of X in the rows asked for") {
  constexpr Index n = 5, d = 3;
  std::vector<double> wide(n * d, 1.0);
  wide[3 * d + 1] = quiet_nan;
  wide[4 * d + 0] = inf;
  const std::vector<float> narrow(wide.begin(), wide.end());
  const auto read = [&](Index begin, Index end, double* out) {
    std::copy(wide.begin() + begin * d, wide.begin() + end * d, out);
  };
  const Samples sources[] = {MatrixView<const double>(wide.data(), n, d), MatrixView<const float>(narrow.data(), n, d),
                             Samples(n, d, read), Samples(n, d, read, true)};
  for (const Samples& x : sources) {
    CHECK(message_of([&] { throw_first_not_finite(x, 0, n); }) == "X[3, 1] must be finite, but is nan");
    CHECK(message_of([&] { throw_first_not_finite(x, 4, n); }) == "X[4, 0] must be finite, but is inf");
    CHECK(message_of([&] { throw_first_not_finite(x, 0, 3); }) == "no error");
  }
}

TEST_CASE("validate: a reader is read in pieces that name the right row") {
  constexpr Index n = 70000, d = 2, bad = 69000;  // more than two pieces
  Index largest = 0;
  const Samples x(n, d, [&](Index begin, Index end, double* out) {
    largest = std::max(largest, end - begin);
    for (Index i = begin; i < end; ++i) {
      *out++ = 0.0;
      *out++ = i == bad ? -inf : 0.0;
    }
  });
  CHECK(message_of([&] { throw_first_not_finite(x, 0, n); }) == "X[69000, 1] must be finite, but is -inf");
  CHECK(largest * d * 8 <= 1 << 20);
}

TEST_CASE("validate: check_non_negative") {
  CHECK(message_of([] { check_non_negative(0.0, "tol"); }) == "no error");
  CHECK(message_of([] { check_non_negative(-0.5, "tol"); }) == "tol must be ≥ 0 and finite, but is -0.5");
  CHECK(message_of([] { check_non_negative(quiet_nan, "tol"); }) == "tol must be ≥ 0 and finite, but is nan");
  CHECK(message_of([] { check_non_negative(inf, "tol"); }) == "tol must be ≥ 0 and finite, but is inf");
}
