#pragma once

#include <gaussmix/views.hpp>

#include <string>

namespace gaussmix::detail {

/// "name must RULE, but is VALUE". @throws InvalidArgument always
[[noreturn]] void throw_invalid(const std::string& message);
/// The shortest text that reads back as `value`, in no locale's manner.
std::string format(double value);

/// a · b. @throws InvalidArgument naming `what` when it exceeds 2⁶³ − 1 or a factor is negative
Index checked_product(Index a, Index b, const char* what);

/// Every entry finite; the message names `name` and the index.
void check_finite(VectorView<const double> values, const char* name);
void check_finite(MatrixView<const double> values, const char* name);

/// Throws InvalidArgument unless 0 ≤ value and finite.
void check_non_negative(double value, const char* name);

}  // namespace gaussmix::detail
