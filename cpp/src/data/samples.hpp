#pragma once

// The data set X and its weights as a caller gives them: their checks, and access to rows whatever holds them.

#include "base/memory.hpp"

#include <gaussmix/views.hpp>

#include <algorithm>
#include <cmath>
#include <limits>

namespace gaussmix::detail {

/// Throws InvalidArgument unless X is (N, D) with N ≥ least_rows and D = n_features (any D ≥ 1 when n_features is 0),
/// and has data unless it is empty.
void check_samples(const Samples& x, Index n_features, Index least_rows = 0);

/// Throws InvalidArgument for an output that shares memory with an X that is read in place; both must have been
/// checked.
void check_apart(const char* name, const Elements& output, const Samples& x);

/// Throws InvalidArgument unless weights are empty or (N,), finite, ≥ 0, with a finite sum.
/// @returns the number of positive weights (n_samples when empty)
Index check_sample_weight(VectorView<const double> weight, Index n_samples);

/// A sample weight / 2^exponent in T. Only 0 becomes 0: a smaller weight than the least normal number becomes that
/// number, because its row is light, not absent.
template <class T>
T scaled_weight(double weight, int exponent) {
  if (!(weight > 0.0)) return T(0);
  return std::max(static_cast<T>(std::ldexp(weight, -exponent)), std::numeric_limits<T>::min());
}

/// Throws InvalidArgument for the first value of X, rows [begin, end), that is not finite. Does nothing when all are.
void throw_first_not_finite(const Samples& x, Index begin, Index end);

/// Rows [begin, end) of X, in float64 and row-major, whatever X holds.
void read_rows(const Samples& x, Index begin, Index end, double* out);

}  // namespace gaussmix::detail
