#pragma once

// How far parameters may be from what they must be: from a sum of 1, or from symmetry; by the type that they came in.

#include "base/message.hpp"

#include <gaussmix/mixture.hpp>

#include <cmath>
#include <string>

namespace gaussmix::detail {

struct Tolerance {
  double value;
  std::string text;  ///< for messages

  static Tolerance of(FloatType type, double float32) {
    if (type == FloatType::float32) return {float32, format(float32) + " (float32)"};
    return {1e-8, "1e-8"};  // for numbers that somebody wrote down
  }
};

/// How far n shares may be from a sum of 1. In float32 each is a quotient, rounded once, by a sum that is rounded n − 1
/// times: with u = 2⁻²⁴ the sum of all is off by n·u, up to terms of u². 4·n·u is what responsibilities() promises of
/// its own.
inline Tolerance sum_tolerance(FloatType type, Index n) {
  return Tolerance::of(type, 4.0 * static_cast<double>(n) * 0x1p-24);
}

/// How far the entries (i, j) and (j, i) of a symmetric matrix may be apart, relative. Each is a sum over N rows or an
/// entry of an inverse, and the two are rounded apart by N·u or by some u times the condition number at most. While N
/// and the condition number are below 1/√u, half of the digits agree: √u = 2⁻¹² in float32.
inline Tolerance symmetry_tolerance(FloatType type) { return Tolerance::of(type, 0x1p-12); }

/// Divides n shares by their sum where that is off by more than their rounding to double: those read back keep their
/// bits.
inline void normalize(double* shares, Index n) {
  double sum = 0.0;
  for (Index i = 0; i < n; ++i) sum += shares[i];
  if (std::abs(sum - 1.0) <= 4.0 * static_cast<double>(n) * 0x1p-53) return;
  for (Index i = 0; i < n; ++i) shares[i] /= sum;
}

}  // namespace gaussmix::detail
