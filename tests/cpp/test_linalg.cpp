#include "matrices.hpp"
#include "numeric/linalg.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <vector>

namespace {

using namespace gaussmix::detail;
using namespace matrices;

/// Checks L Lᵀ = Σ, L L⁻¹ = I and the zeros above, to the rounding of the algorithms.
void check_cholesky_inverse(const Matrix& sigma) {
  const Index d = sigma.rows;
  Matrix l(d, d);
  Matrix x(d, d);
  std::fill(l.values.begin(), l.values.end(), nan_value);
  std::fill(x.values.begin(), x.values.end(), nan_value);
  REQUIRE(cholesky_inverse(sigma.data(), d, l.data(), x.data()));
  const double gamma = static_cast<double>(d + 1) * u;  // Higham 2002, theorem 10.3 and equation 14.5
  for (Index i = 0; i < d; ++i) {
    for (Index j = i + 1; j < d; ++j) REQUIRE((l(i, j) == 0.0 && x(i, j) == 0.0));
    for (Index j = 0; j <= i; ++j) {
      Real product = 0;
      Real size = 0;
      for (Index m = j; m <= i; ++m) {
        product += static_cast<Real>(l(i, m)) * x(m, j);
        size += std::fabs(static_cast<Real>(l(i, m)) * x(m, j));
      }
      // The product's terms are compared where they are of the size of 1: l(i, ·) carries s_i, x(·, j) carries 1/s_j.
      const Real unit = i == j ? 1 : 0;
      REQUIRE(std::fabs(product - unit) <= gamma * size);
      const Real bound = gamma * std::sqrt(static_cast<Real>(sigma(i, i))) * std::sqrt(static_cast<Real>(sigma(j, j)));
      REQUIRE(std::fabs(inner(l, i, l, j, j + 1) - sigma(i, j)) <= bound);
    }
  }
}

}  // namespace

TEST_CASE("cholesky_inverse factors and inverts, at any scale of the features") {
  Random random(5);
  for (const Index d : {1, 2, 3, 5, 31, 32, 33, 64, 130}) {
    CAPTURE(d);
    const Matrix sigma = random_spd(d, random);
    check_cholesky_inverse(sigma);
    std::vector<double> s(static_cast<std::size_t>(d));
    for (double& v : s) v = std::pow(10.0, 290.0 * random.uniform() - 145.0);
    check_cholesky_inverse(scaled(sigma, s));
  }
  check_cholesky_inverse(square({1e300, 0, 0, 1e-300}));
  check_cholesky_inverse(square({1e300}));
  check_cholesky_inverse(square({1e-300}));
}

TEST_CASE("cholesky_inverse follows powers of two without rounding") {
  Random random(6);
  const Index d = 9;
  const Matrix sigma = random_spd(d, random);
  const std::vector<double> s = random_powers_of_two(d, random);
  Matrix l(d, d), x(d, d), scaled_l(d, d), scaled_x(d, d);
  REQUIRE(cholesky_inverse(sigma.data(), d, l.data(), x.data()));
  REQUIRE(cholesky_inverse(scaled(sigma, s).data(), d, scaled_l.data(), scaled_x.data()));
  for (Index i = 0; i < d; ++i) {
    for (Index j = 0; j < d; ++j) {
      CHECK(scaled_l(i, j) == s[static_cast<std::size_t>(i)] * l(i, j));
      CHECK(scaled_x(i, j) == x(i, j) / s[static_cast<std::size_t>(j)]);
    }
  }
}

TEST_CASE("cholesky_inverse and spd_inverse refuse what is not positive definite") {
  const std::vector<Matrix> bad = {
      square({0.0}),
      square({-1.0}),
      square({nan_value}),
      square({inf}),
      square({1, 2, 2, 1}),
      square({1, 1, 1, 1}),
      square({1, 0, 0, 0}),
      square({1, nan_value, nan_value, 1}),
      square({nan_value, 0, 0, 1}),
      square({1, 0, 0, inf}),
      square({1, 0, 0, 0, 1, nan_value, 0, nan_value, 1}),
  };
  for (std::size_t i = 0; i < bad.size(); ++i) {
    CAPTURE(i);
    const Matrix& sigma = bad[i];
    Matrix l(sigma.rows, sigma.rows);
    Matrix x(sigma.rows, sigma.rows);
    CHECK_FALSE(cholesky_inverse(sigma.data(), sigma.rows, l.data(), x.data()));
    CHECK_FALSE(spd_inverse(sigma.data(), sigma.rows, x.data()));
  }
}

TEST_CASE("spd_inverse inverts, symmetric to the bit, at any scale") {
  Random random(7);
  for (const Index d : {1, 2, 5, 40}) {
    for (const bool extreme : {false, true}) {
      CAPTURE(d);
      CAPTURE(extreme);
      Matrix sigma = random_spd(d, random);
      std::vector<double> s(static_cast<std::size_t>(d), 1.0);
      if (extreme) s = random_powers_of_two(d, random);
      const Matrix input = scaled(sigma, s);
      Matrix inverse(d, d);
      REQUIRE(spd_inverse(input.data(), d, inverse.data()));
      for (Index i = 0; i < d; ++i) {
        for (Index j = 0; j < d; ++j) {
          REQUIRE(inverse(i, j) == inverse(j, i));
          // Powers of two leave no trace: compared unscaled. sigma is A Aᵀ + t I with t ≈ trace / d, whose condition
          // number is at most d + 1, and three stages of γ_d each: |Σ X − I| ≤ 3 (d + 2) u · |Σ||X| rows of the
          // condition's size.
          Real product = 0;
          for (Index m = 0; m < d; ++m) {
            const double back = inverse(m, j) * s[static_cast<std::size_t>(m)] * s[static_cast<std::size_t>(j)];
            product += static_cast<Real>(sigma(i, m)) * back;
          }
          const double n = static_cast<double>(d);
          REQUIRE(std::fabs(product - (i == j ? 1 : 0)) <= 3 * (n + 2) * u * n * (n + 1));
        }
      }
    }
  }
  double tiny = 0.0;
  const double huge = 1e300;
  REQUIRE(spd_inverse(&huge, 1, &tiny));
  CHECK(tiny == doctest::Approx(1e-300).epsilon(4 * u));
}

namespace {

/// log det(FᵀF) for F = S G with two columns, by Cauchy & Binet: the squared 2 × 2 minors, in logarithms.
double log_gram_of_two(const Matrix& g, const std::vector<double>& s) {
  std::vector<Real> logs;
  for (Index i = 0; i < g.rows; ++i) {
    for (Index j = 0; j < i; ++j) {
      const Real minor = std::fabs(static_cast<Real>(g(i, 0)) * g(j, 1) - static_cast<Real>(g(i, 1)) * g(j, 0));
      const Real scale = std::log(static_cast<Real>(s[static_cast<std::size_t>(i)])) +
                         std::log(static_cast<Real>(s[static_cast<std::size_t>(j)]));
      if (minor > 0) logs.push_back(2 * (std::log(minor) + scale));
    }
  }
  const Real top = *std::max_element(logs.begin(), logs.end());
  Real sum = 0;
  for (const Real v : logs) sum += std::exp(v - top);
  return static_cast<double>(top + std::log(sum));
}

}  // namespace

TEST_CASE("log_pseudo_determinant of known factors") {
  CHECK(log_pseudo_determinant(nullptr, 3, 0) == 0.0);
  const std::vector<double> column = {3, 4, 12};
  CHECK(log_pseudo_determinant(column.data(), 3, 1) == doctest::Approx(2 * std::log(13.0)).epsilon(8 * u));
  for (const double scale : {1e-150, 1e150}) {
    const std::vector<double> f = {3 * scale, 0, 4 * scale, 0, 0, scale};
    const double truth = 2 * std::log(5.0) + 4 * std::log(scale);
    CHECK(log_pseudo_determinant(f.data(), 3, 2) == doctest::Approx(truth).epsilon(8 * u));
  }
}

TEST_CASE("log_pseudo_determinant keeps its digits where features differ by 300 decades") {
  Random random(8);
  for (int trial = 0; trial < 200; ++trial) {
    const Index d = 2 + random.below(6);
    Matrix g = random_integers(d, 2, 20, random);
    g(0, 0) = 20, g(0, 1) = 1, g(1, 0) = -7, g(1, 1) = 20;  // full column rank, minors of the lot far from cancelling
    const std::vector<double> s = random_powers_of_two(d, random);
    const Matrix f = make(d, 2, [&](Index i, Index j) { return g(i, j) * s[static_cast<std::size_t>(i)]; });
    const double truth = log_gram_of_two(g, s);
    // Sums and logarithms of up to 3000 in size: u · |value| a few times over. The elimination rounds once or twice per
    // entry of the size of the pivots, minors of integers up to 20 are ≥ 1 of at most 800: 800 u · 2 at worst.
    CAPTURE(trial);
    CHECK(std::fabs(log_pseudo_determinant(f.data(), d, 2) - truth) <= 1600 * u + 8 * u * 3000);
  }
}

TEST_CASE("log_pseudo_determinant of a square factor is twice the log of its determinant") {
  Random random(9);
  for (const Index d : {1, 2, 3, 10, 40}) {
    const Matrix sigma = random_spd(d, random);
    Matrix l(d, d);
    Matrix x(d, d);
    REQUIRE(cholesky_inverse(sigma.data(), d, l.data(), x.data()));
    Real truth = 0;
    for (Index i = 0; i < d; ++i) truth += 2 * std::log(static_cast<Real>(l(i, i)));
    // d logs of size ≤ |truth|, and d pivots each with a relative error of a few d u (condition number of L below 10).
    const double n = static_cast<double>(d);
    const double bound = (n + 4) * u * static_cast<double>(std::fabs(truth)) + 20 * n * n * u;
    CHECK(std::fabs(log_pseudo_determinant(l.data(), d, d) - static_cast<double>(truth)) <= bound);
  }
}

TEST_CASE("floor_covariance leaves what is high enough untouched") {
  Random random(10);
  const Index d = 5;
  const Matrix total = random_spd(d, random);
  Matrix sigma = make(d, d, [&](Index i, Index j) { return total(i, j) * 0.25; });
  const std::vector<double> before = sigma.values;
  CHECK_FALSE(floor_covariance(sigma.data(), total.data(), d, 0.2));
  CHECK(sigma.values == before);
}

TEST_CASE("floor_covariance of diagonal matrices raises the low variances alone") {
  for (const double scale : {1.0, 1e-300, 1e300}) {
    const Matrix total = square({4 * scale, 0, 0, 0, 9 * scale, 0, 0, 0, 1 * scale});
    Matrix sigma = square({1 * scale, 0, 0, 0, 1e-9 * scale, 0, 0, 0, 0});
    CAPTURE(scale);
    CHECK(floor_covariance(sigma.data(), total.data(), 3, 1e-6));
    CHECK(sigma(0, 0) == 1 * scale);
    CHECK(sigma(1, 1) == doctest::Approx(9e-6 * scale).epsilon(16 * u));
    CHECK(sigma(2, 2) == doctest::Approx(1e-6 * scale).epsilon(16 * u));
    CHECK(sigma(1, 0) == 0.0);
    CHECK(sigma(2, 1) == 0.0);
  }
}

TEST_CASE("floor_covariance raises generalized eigenvalues and keeps the rest") {
  Random random(11);
  for (const Index d : {2, 3, 8, 20}) {
    CAPTURE(d);
    // total = L Lᵀ and sigma = L H Λ H Lᵀ with H = I − 2 v vᵀ / vᵀv: the answer is L H max(Λ, floor) H Lᵀ.
    Matrix l = random_integers(d, d, 3, random);
    for (Index i = 0; i < d; ++i) {
      l(i, i) = 100;
      for (Index j = i + 1; j < d; ++j) l(i, j) = 0;
    }
    Matrix v = random_integers(1, d, 5, random);
    v(0, 0) = 5;
    const Real length2 = inner(v, 0, v, 0, d);
    const Matrix basis = make(d, d, [&](Index i, Index m) {  // L H
      return static_cast<double>(l(i, m) - 2 * inner(l, i, v, 0, d) * v(0, m) / length2);
    });
    const double floor = 1e-3;
    const auto weighted = [&](double least) {
      return make(d, d, [&](Index i, Index j) {
        Real sum = 0;
        for (Index m = 0; m < d; ++m) {
          const double lambda = m % 2 == 0 ? 0.5 + static_cast<double>(m) : 1e-9 * static_cast<double>(m - 1);
          sum += std::max(lambda, least) * static_cast<Real>(basis(i, m)) * basis(j, m);
        }
        return static_cast<double>(sum);
      });
    };
    const Matrix total = gram(l);
    const Matrix expected = weighted(floor);
    Matrix sigma = weighted(0.0);
    for (Index i = 0; i < d; ++i) {
      for (Index j = 0; j < i; ++j) sigma(j, i) = sigma(i, j);
    }
    REQUIRE(floor_covariance(sigma.data(), total.data(), d, floor));
    // The strict part of L has norm ≤ 3 √(d(d − 1)/2) ≤ 42, so that the singular values of L lie in [58, 142] and
    // total's condition number is at most 6. Six backward stable stages (factor, two solves, eigenvectors, the way
    // back, the sum), each wrong by at most about d u · λ_max in the whitened matrix, times 6, and times 142² outside.
    const double n = static_cast<double>(d);
    const double bound = 6 * n * u * (0.5 + n) * 6 * 142 * 142;
    for (Index i = 0; i < d; ++i) {
      for (Index j = 0; j < d; ++j) {
        REQUIRE(sigma(i, j) == sigma(j, i));
        REQUIRE(std::fabs(sigma(i, j) - expected(i, j)) <= bound);
      }
    }
  }
}

TEST_CASE("floor_covariance makes a zero covariance the floor itself") {
  Random random(12);
  const Index d = 6;
  const Matrix total = random_spd(d, random);
  Matrix sigma(d, d);
  REQUIRE(floor_covariance(sigma.data(), total.data(), d, 1e-6));
  for (Index i = 0; i < d; ++i) {
    for (Index j = 0; j < d; ++j) {
      const double size = 1e-6 * std::sqrt(total(i, i) * total(j, j));
      CHECK(std::fabs(sigma(i, j) - 1e-6 * total(i, j)) <= 8 * static_cast<double>(d) * u * size);
    }
  }
  const Matrix singular_total = square({1, 1, 1, 1});
  Matrix other = square({0, 0, 0, 0});
  CHECK_FALSE(floor_covariance(other.data(), singular_total.data(), 2, 1e-6));
  CHECK(other.values == std::vector<double>(4, 0.0));
}

TEST_CASE("principal_axis is the longest axis, its largest entry positive") {
  double axis[3];
  const Matrix diagonal = square({1, 0, 0, 0, 25, 0, 0, 0, 4});
  principal_axis(diagonal.data(), 3, axis);
  CHECK(axis[0] == 0.0);
  CHECK(axis[1] == doctest::Approx(5.0).epsilon(4 * u));
  CHECK(axis[2] == 0.0);

  for (const double scale : {1.0, 1e-300, 1e300}) {
    CAPTURE(scale);
    // 9 v vᵀ + I − v vᵀ with v = (1, −2, 2)/3, times scale.
    const std::vector<double> v = {1.0 / 3, -2.0 / 3, 2.0 / 3};
    const Matrix sigma = make(3, 3, [&](Index i, Index j) {
      return scale * ((i == j ? 1.0 : 0.0) + 8.0 * v[static_cast<std::size_t>(i)] * v[static_cast<std::size_t>(j)]);
    });
    principal_axis(sigma.data(), 3, axis);
    // Entries 1 and 2 are equally large: either may be the positive one.
    const double sign = axis[2] > 0.0 ? 1.0 : -1.0;
    // ‖Σ‖ / gap = 9/8, and a few roundings in each of the 3 × 3 reflections.
    for (std::size_t j = 0; j < 3; ++j) {
      const double expected = sign * 3.0 * v[j] * std::sqrt(scale);
      CHECK(std::fabs(axis[j] - expected) <= 64 * u * std::sqrt(scale));
    }
    CHECK(std::max(axis[1], axis[2]) > 0.0);
  }

  Random random(13);
  for (int trial = 0; trial < 20; ++trial) {
    const Matrix sigma = random_spd(3, random);
    principal_axis(sigma.data(), 3, axis);
    const auto [least, most] = std::minmax_element(axis, axis + 3);
    CHECK(*most > -*least);
  }

  const Matrix zero(2, 2);
  principal_axis(zero.data(), 2, axis);
  CHECK(axis[0] == 0.0);
  CHECK(axis[1] == 0.0);
  const double variance = 16.0;
  principal_axis(&variance, 1, axis);
  CHECK(axis[0] == 4.0);
}
