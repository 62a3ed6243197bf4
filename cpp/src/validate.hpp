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

/// A view that has elements must have data.
void check_data(const char* name, const void* data, Index size);

/// An output dimension of `size` elements: distinct ones, in memory that is there.
void check_output(const char* name, const void* data, Index size, Index stride);

/// X must be (N, D) with N ≥ 1 and D = n_features (any D ≥ 1 when n_features is 0), and not null.
void check_samples(const Samples& x, Index n_features);

/// Empty or (N,), finite, ≥ 0, not all zero, with a finite sum.
/// @returns the number of positive weights (n_samples when empty)
Index check_sample_weight(VectorView<const double> weight, Index n_samples);

/// Every entry finite; the message names `name` and the index.
void check_finite(VectorView<const double> values, const char* name);
void check_finite(MatrixView<const double> values, const char* name);

/// Throws InvalidArgument for the first value of X, rows [begin, end), that is not finite. Does nothing when all are.
void throw_first_not_finite(const Samples& x, Index begin, Index end);

/// Throws InvalidArgument unless 0 ≤ value and finite.
void check_non_negative(double value, const char* name);

}  // namespace gaussmix::detail
