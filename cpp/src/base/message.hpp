#pragma once

#include <gaussmix/views.hpp>

#include <string>
#include <vector>

namespace gaussmix::detail {

/// Messages have one form: "name must RULE, but is VALUE". @throws InvalidArgument with this text, always
[[noreturn]] void throw_invalid(const std::string& message);
/// The shortest text that reads back as `value`, with a decimal point whatever the locale.
std::string format(double value);

/// "'first', 'second' or 'last'".
std::string alternatives(const std::vector<std::string>& names);

/// a · b. @throws InvalidArgument naming `what` when it exceeds 2⁶³ − 1 or a factor is negative
Index checked_product(Index a, Index b, const char* what);

/// @throws InvalidArgument, which names `name` and the index, for the first entry that is not finite
void check_finite(VectorView<const double> values, const char* name);
void check_finite(MatrixView<const double> values, const char* name);

/// Throws InvalidArgument unless 0 ≤ value and finite.
void check_non_negative(double value, const char* name);

}  // namespace gaussmix::detail
