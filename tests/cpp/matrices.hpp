#pragma once

// Matrices of plain loops, for the tests of what stands in linalg.hpp.

#include "numeric/random.hpp"

#include <gaussmix/views.hpp>

#include <cmath>
#include <functional>
#include <limits>
#include <vector>

namespace matrices {

using gaussmix::Index;
using gaussmix::detail::Random;
using Real = long double;

inline constexpr double u = 0x1p-53;
inline constexpr double nan_value = std::numeric_limits<double>::quiet_NaN();
inline constexpr double inf = std::numeric_limits<double>::infinity();

/// A row-major matrix of plain loops.
struct Matrix {
  Matrix(Index n_rows, Index n_cols) : rows(n_rows), cols(n_cols), values(static_cast<std::size_t>(n_rows * n_cols)) {}
  double& operator()(Index i, Index j) { return values[static_cast<std::size_t>(i * cols + j)]; }
  double operator()(Index i, Index j) const { return values[static_cast<std::size_t>(i * cols + j)]; }
  double* data() { return values.data(); }
  const double* data() const { return values.data(); }

  Index rows;
  Index cols;
  std::vector<double> values;
};

inline Matrix square(const std::vector<double>& values) {
  const auto d = static_cast<Index>(std::lround(std::sqrt(static_cast<double>(values.size()))));
  Matrix m(d, d);
  m.values = values;
  return m;
}

inline Matrix make(Index rows, Index cols, const std::function<double(Index, Index)>& entry) {
  Matrix m(rows, cols);
  for (Index i = 0; i < rows; ++i) {
    for (Index j = 0; j < cols; ++j) m(i, j) = entry(i, j);
  }
  return m;
}

/// Integers in [−size, size], so that small products are exact.
inline Matrix random_integers(Index rows, Index cols, int size, Random& random) {
  return make(rows, cols, [&](Index, Index) { return static_cast<double>(random.below(2 * size + 1) - size); });
}

/// Σ_m a_im b_jm over m < n.
inline Real inner(const Matrix& a, Index i, const Matrix& b, Index j, Index n) {
  Real sum = 0;
  for (Index m = 0; m < n; ++m) sum += static_cast<Real>(a(i, m)) * b(j, m);
  return sum;
}

/// A Aᵀ.
inline Matrix gram(const Matrix& a) {
  return make(a.rows, a.rows, [&](Index i, Index j) { return static_cast<double>(inner(a, i, a, j, a.cols)); });
}

/// A Aᵀ + the mean of its diagonal times I: symmetric positive definite and well conditioned.
inline Matrix random_spd(Index d, Random& random) {
  Matrix sigma = gram(random_integers(d, d, 100, random));
  double mean = 1.0;
  for (Index i = 0; i < d; ++i) mean += sigma(i, i) / static_cast<double>(d);
  for (Index i = 0; i < d; ++i) sigma(i, i) += std::floor(mean);
  return sigma;
}

/// s_i Σ_ij s_j.
inline Matrix scaled(const Matrix& sigma, const std::vector<double>& s) {
  return make(sigma.rows, sigma.cols, [&](Index i, Index j) {
    return sigma(i, j) * s[static_cast<std::size_t>(i)] * s[static_cast<std::size_t>(j)];
  });
}

/// 2^e with e in [−498, 498], 1e-150 … 1e150.
inline std::vector<double> random_powers_of_two(Index d, Random& random) {
  std::vector<double> s(static_cast<std::size_t>(d));
  for (double& v : s) v = std::ldexp(1.0, static_cast<int>(random.below(997)) - 498);
  return s;
}

}  // namespace matrices
