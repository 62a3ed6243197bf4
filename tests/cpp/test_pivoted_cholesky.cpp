#include "matrices.hpp"
#include "numeric/linalg.hpp"
#include "numeric/pivoted_cholesky.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

namespace {

using namespace gaussmix::detail;
using namespace matrices;
using Kind = PivotedCholesky::Kind;

PivotedCholesky factor(const Matrix& sigma) { return pivoted_cholesky(sigma.data(), sigma.rows); }

bool all_finite(const std::vector<double>& values) {
  return std::all_of(values.begin(), values.end(), [](double v) { return std::isfinite(v); });
}

/// The largest |C − l lᵀ| with C the matrix scaled to unit diagonal, in long double.
double reconstruction_error(const Matrix& sigma, const PivotedCholesky& f) {
  const Index d = sigma.rows;
  Matrix l(d, f.rank);
  l.values = f.l;
  Real worst = 0;
  for (Index i = 0; i < d; ++i) {
    for (Index j = 0; j <= i; ++j) {
      const Index a = f.order[static_cast<std::size_t>(i)];
      const Index b = f.order[static_cast<std::size_t>(j)];
      const Real scale_a = std::sqrt(static_cast<Real>(sigma(a, a)));
      const Real scale_b = std::sqrt(static_cast<Real>(sigma(b, b)));
      const Real truth = sigma(a, b) == 0.0 ? Real{0} : sigma(a, b) / scale_a / scale_b;
      worst = std::max(worst, std::fabs(truth - inner(l, i, l, j, f.rank)));
    }
  }
  return static_cast<double>(worst);
}

/// |C − l lᵀ| ≤ (d + 5) u: γ_{d+1} |l||l|ᵀ with rows of length 1 (Higham 2002, theorem 10.3), and 4 u for the scaling.
double factorization_bound(Index d) { return static_cast<double>(d + 5) * u; }
double zero_pivot(Index d) { return 8.0 * static_cast<double>(d) * u; }

void check_shape_of_factor(const PivotedCholesky& f, Index d) {
  std::vector<Index> sorted = f.order;
  std::sort(sorted.begin(), sorted.end());
  std::vector<Index> all(static_cast<std::size_t>(d));
  std::iota(all.begin(), all.end(), Index{0});
  CHECK(sorted == all);
  REQUIRE(f.l.size() == static_cast<std::size_t>(d * f.rank));
  CHECK(all_finite(f.l));
  for (Index i = 0; i < d; ++i) {
    for (Index j = i + 1; j < f.rank; ++j) REQUIRE(f.l[static_cast<std::size_t>(i * f.rank + j)] == 0.0);
  }
  for (Index i = 1; i < f.rank; ++i) {
    REQUIRE(f.l[static_cast<std::size_t>(i * f.rank + i)] <= f.l[static_cast<std::size_t>((i - 1) * f.rank + i - 1)]);
  }
}

void check_indefinite(const Matrix& sigma) {
  const PivotedCholesky f = factor(sigma);
  CHECK(f.kind == Kind::indefinite);
  CHECK(f.pivot < -zero_pivot(sigma.rows));
  CHECK(f.l.empty());
}

}  // namespace

TEST_CASE("pivoted_cholesky factors random positive definite matrices") {
  Random random(1);
  for (const Index d : {1, 2, 3, 5, 17, 64, 100}) {
    CAPTURE(d);
    const Matrix sigma = random_spd(d, random);
    const PivotedCholesky f = factor(sigma);
    CHECK(f.kind == Kind::positive_definite);
    CHECK(f.rank == d);
    check_shape_of_factor(f, d);
    CHECK(reconstruction_error(sigma, f) <= factorization_bound(d));
    CHECK(f.pivot == doctest::Approx(f.l.back() * f.l.back()).epsilon(4 * u));
    for (Index i = 0; i < d; ++i) CHECK(f.scale[static_cast<std::size_t>(i)] == std::sqrt(sigma(i, i)));
  }
}

TEST_CASE("pivoted_cholesky finds the rank of A Aᵀ") {
  Random random(2);
  for (const Index d : {1, 2, 3, 4, 7, 12, 33, 64}) {
    for (Index r = 1; r <= d; r += d > 12 ? 5 : 1) {
      CAPTURE(d);
      CAPTURE(r);
      const Matrix sigma = gram(random_integers(d, r, 100, random));  // exact: sums of integers below 2^53
      const PivotedCholesky f = factor(sigma);
      CHECK(f.rank == r);
      CHECK(f.kind == (r == d ? Kind::positive_definite : Kind::singular));
      check_shape_of_factor(f, d);
      CHECK(std::fabs(f.pivot) <= (r == d ? 1.0 : zero_pivot(d)));
      CHECK(reconstruction_error(sigma, f) <= factorization_bound(d) + (r == d ? 0.0 : zero_pivot(d)));
    }
  }
}

TEST_CASE("pivoted_cholesky does not see the scale of a feature") {
  Random random(3);
  for (const Index d : {2, 5, 20}) {
    for (const Index r : {d, d - 1}) {
      CAPTURE(d);
      CAPTURE(r);
      const Matrix sigma = gram(random_integers(d, r, 100, random));
      const PivotedCholesky f = factor(sigma);
      const PivotedCholesky g = factor(scaled(sigma, random_powers_of_two(d, random)));
      CHECK(g.l == f.l);
      CHECK(g.order == f.order);
      CHECK(g.pivot == f.pivot);

      std::vector<double> s(static_cast<std::size_t>(d));
      for (double& v : s) v = std::pow(10.0, 300.0 * random.uniform() - 150.0);
      const PivotedCholesky h = factor(scaled(sigma, s));
      CHECK(h.rank == r);
      CHECK(h.kind == f.kind);
    }
  }
}

TEST_CASE("pivoted_cholesky takes extreme but honest variances") {
  CHECK(factor(square({1e-24, 0, 0, 1})).kind == Kind::positive_definite);
  CHECK(factor(square({1e300, 0, 0, 1e-300})).kind == Kind::positive_definite);
  CHECK(factor(square({1e300, 0.5, 0.5, 1e-300})).kind == Kind::positive_definite);
  CHECK(factor(square({1e300, 1, 1, 1e-300})).kind == Kind::singular);
  CHECK(factor(square({1e300, 1e299, 1e299, 1e300})).kind == Kind::positive_definite);
}

TEST_CASE("equal pivots are taken in the order of the features") {
  const Matrix identity = make(6, 6, [](Index i, Index j) { return i == j ? 4.0 : 0.0; });
  CHECK(factor(identity).order == std::vector<Index>{0, 1, 2, 3, 4, 5});
  // After feature 0, the others have equal pivots, but for feature 1, which is nearly a copy of it.
  const Matrix sigma = square({1, 0.9, 0.1, 0.1, 0.9, 1, 0, 0, 0.1, 0, 1, 0, 0.1, 0, 0, 1});
  CHECK(factor(sigma).order == std::vector<Index>{0, 2, 3, 1});
}

TEST_CASE("a pivot counts as zero up to 8·D·u") {
  // The second pivot of [[1, c], [c, 1]] is 1 − c².
  for (const double gap : {0.0, 2.0, 7.0}) {
    const double c = 1.0 - gap * u;  // 1 − c² = 2·gap·u ≤ 16 u
    CHECK(factor(square({1, c, c, 1})).kind == Kind::singular);
  }
  for (const double gap : {9.0, 20.0, 1e6}) {
    const double c = 1.0 - gap * u;
    CHECK(factor(square({1, c, c, 1})).kind == Kind::positive_definite);
  }
  const double slightly_above = 1.0 + 2.0 * u;  // 1 − c² = −4 u
  CHECK(factor(square({1, slightly_above, slightly_above, 1})).kind == Kind::singular);
  const double above = 1.0 + 10.0 * u;  // 1 − c² = −20 u
  check_indefinite(square({1, above, above, 1}));
}

TEST_CASE("a row of zeros is a zero pivot, and a zero variance beside a covariance is indefinite") {
  const PivotedCholesky f = factor(square({2, 0, 1, 0, 0, 0, 1, 0, 3}));
  CHECK(f.kind == Kind::singular);
  CHECK(f.rank == 2);
  CHECK(f.order == std::vector<Index>{0, 2, 1});
  CHECK(f.scale[1] == 0.0);
  CHECK(f.pivot == 0.0);

  const PivotedCholesky zero = factor(Matrix(3, 3));
  CHECK(zero.kind == Kind::singular);
  CHECK(zero.rank == 0);
  CHECK(zero.l.empty());
  CHECK(zero.order.size() == 3);

  check_indefinite(square({0, 1e-300, 1e-300, 1}));
}

TEST_CASE("pivoted_cholesky names every indefinite matrix so") {
  check_indefinite(square({-1e-300}));
  check_indefinite(square({1, 2, 2, 1}));
  check_indefinite(square({1, 0, 0, -1e-30}));
  check_indefinite(square({1, 0.9, -0.9, 0.9, 1, 0.9, -0.9, 0.9, 1}));
  // Zero pivots that are coupled: minor [[0, e], [e, 0]] after the first.
  const double e = 1.0 - 1e-10;
  check_indefinite(square({1, 1, 1, 1, 1, e, 1, e, 1}));
  // Quotients beyond the largest double.
  check_indefinite(square({1e-320, 1e300, 1e300, 1}));
  check_indefinite(square({1, 0, 0, 0, 1e-300, 1e300, 0, 1e300, 1e-300}));
  check_indefinite(square({1, 1e200, 1e200, 1e200, 1, 1e200, 1e200, 1e200, 1}));
}

TEST_CASE("pivoted_cholesky finds one negative eigenvalue among positive ones") {
  // I − (1 + t) v vᵀ / vᵀv has the eigenvalue −t along v, and an eigenvalue ≤ −t when scaled to unit diagonal, as no
  // diagonal entry exceeds 1. A factorization that ends with remainders up to 8·D·u leaves eigenvalues ≥ −D (8 D + D +
  // 5) u > −2e-13.
  Random random(4);
  for (const Index d : {2, 3, 6, 12}) {
    for (int trial = 0; trial < 20; ++trial) {
      const Matrix v = make(1, d, [&](Index, Index) { return 1.0 + random.uniform(); });
      const auto length2 = static_cast<double>(inner(v, 0, v, 0, d));
      const Matrix sigma = make(
          d, d, [&](Index i, Index j) { return (i == j ? 1.0 : 0.0) - (1.0 + 1e-10) * v(0, i) * v(0, j) / length2; });
      check_indefinite(sigma);
    }
  }
}
