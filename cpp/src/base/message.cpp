#include "base/message.hpp"

#include <gaussmix/error.hpp>

#include <charconv>
#include <cmath>
#include <limits>

namespace gaussmix::detail {

void throw_invalid(const std::string& message) { throw InvalidArgument(message); }

std::string format(double value) {
  if (std::isnan(value)) return "nan";  // to_chars would show the sign bit of a NaN
  char text[32];                        // the shortest round-trip form has at most 24 characters
  const std::to_chars_result end = std::to_chars(text, text + sizeof text, value);
  return std::string(text, end.ptr);
}

Index checked_product(Index a, Index b, const char* what) {
  Index product = 0;
  if (a < 0 || b < 0 || __builtin_mul_overflow(a, b, &product)) {
    throw_invalid(std::string(what) + " must have between 0 and " + std::to_string(std::numeric_limits<Index>::max()) +
                  " values, but has " + std::to_string(a) + " × " + std::to_string(b));
  }
  return product;
}

std::string alternatives(const std::vector<std::string>& names) {
  std::string text;
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (i > 0) text += i + 1 == names.size() ? " or " : ", ";
    text += "'" + names[i] + "'";
  }
  return text;
}

void check_finite(VectorView<const double> values, const char* name) {
  for (Index i = 0; i < values.size(); ++i) {
    if (!std::isfinite(values[i])) {
      throw_invalid(std::string(name) + "[" + std::to_string(i) + "] must be finite, but is " + format(values[i]));
    }
  }
}

void check_finite(MatrixView<const double> values, const char* name) {
  for (Index i = 0; i < values.rows(); ++i)
    for (Index j = 0; j < values.cols(); ++j)
      if (!std::isfinite(values(i, j)))
        throw_invalid(std::string(name) + "[" + std::to_string(i) + ", " + std::to_string(j) +
                      "] must be finite, but is " + format(values(i, j)));
}

void check_non_negative(double value, const char* name) {
  if (!(value >= 0.0 && std::isfinite(value))) {
    throw_invalid(std::string(name) + " must be ≥ 0 and finite, but is " + format(value));
  }
}

}  // namespace gaussmix::detail
