#include <gaussmix/sample.hpp>

#include <gaussmix/error.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <vector>

namespace {

using namespace gaussmix;
using Doubles = std::vector<double>;

constexpr double u = 0x1p-53;

struct Draw {
  Index n_features;
  Doubles x;
  std::vector<Index> z;
  double at(Index i, Index j) const { return x[static_cast<std::size_t>(i * n_features + j)]; }
};

Draw draw(const Mixture& mixture, std::uint64_t seed, Index n, int num_threads = 1) {
  const Index d = mixture.n_features();
  Draw result{d, Doubles(static_cast<std::size_t>(n * d)), std::vector<Index>(static_cast<std::size_t>(n))};
  Execution execution;
  execution.num_threads = num_threads;
  sample(mixture, seed, {result.x.data(), n, d}, result.z, execution);
  return result;
}

Mixture make(const Doubles& weights, const Doubles& means, const Doubles& covariances, CovarianceType type,
             bool allow_singular = false) {
  const auto k = static_cast<Index>(weights.size());
  const MatrixView<const double> mean_view(means.data(), k, static_cast<Index>(means.size()) / k);
  return {weights, mean_view, covariances, type, allow_singular};
}

/// Three components in three dimensions; the second is never drawn.
Mixture three_components() {
  return make({0.25, 0, 0.75}, {0, 1, -2, 0, 0, 0, 10, -20, 30.5},
              {2, 1, 0.5, 1, 3, 0.25, 0.5, 0.25, 1, 1, 0, 0, 0, 1, 0, 0, 0, 1, 4, 2, 0, 2, 1.25, 0, 0, 0, 9},
              CovarianceType::full);
}

/// The rows of one component against its mean and covariance, as z-scores.
struct MomentCheck {
  const Draw& rows;
  Index component;
  Doubles mean;
  Doubles covariance;  ///< (D, D)

  double sigma(Index i, Index j) const { return covariance[static_cast<std::size_t>(i * rows.n_features + j)]; }

  /// The largest |z-score| of the entries of the mean, variance √(Σ_jj / n), and of the second moments about the true
  /// mean, variance (Σ_ii Σ_jj + Σ_ij²) / n (Isserlis).
  double worst_score() const {
    const Index d = rows.n_features;
    Doubles first(static_cast<std::size_t>(d));
    Doubles second(static_cast<std::size_t>(d * d));
    double n = 0;
    for (std::size_t i = 0; i < rows.z.size(); ++i) {
      if (rows.z[i] != component) continue;
      n += 1;
      for (Index a = 0; a < d; ++a) {
        const double da = rows.at(static_cast<Index>(i), a) - mean[static_cast<std::size_t>(a)];
        first[static_cast<std::size_t>(a)] += da;
        for (Index b = 0; b < d; ++b) {
          const double db = rows.at(static_cast<Index>(i), b) - mean[static_cast<std::size_t>(b)];
          second[static_cast<std::size_t>(a * d + b)] += da * db;
        }
      }
    }
    double worst = 0;
    for (Index a = 0; a < d; ++a) {
      worst = std::max(worst, std::fabs(first[static_cast<std::size_t>(a)] / n) / std::sqrt(sigma(a, a) / n));
      for (Index b = 0; b < d; ++b) {
        const double spread = std::sqrt((sigma(a, a) * sigma(b, b) + sigma(a, b) * sigma(a, b)) / n);
        worst = std::max(worst, std::fabs(second[static_cast<std::size_t>(a * d + b)] / n - sigma(a, b)) / spread);
      }
    }
    return worst;
  }
};

/// At most 12 scores are compared: one of them beyond 5 has a probability of 7e-6. The seeds are fixed besides.
constexpr double score_limit = 5.0;

}  // namespace

TEST_CASE("the first rows of a seed are a promise") {
  // From a second implementation in another language.
  const Draw rows = draw(three_components(), 2006, 12);
  struct Row {
    Index z;
    std::array<double, 3> x;
  };
  const std::vector<Row> golden = {
      {2, {{0x1.76301d1c337cep+3, -0x1.2420ef58e1a3ep+4, 0x1.d910dc25c87bbp+4}}},
      {2, {{0x1.137e1ff047877p+3, -0x1.414d0b8579e84p+4, 0x1.0b890d74e23a0p+5}}},
      {2, {{0x1.3a2e09f3b15a7p+3, -0x1.4490588c778adp+4, 0x1.c757fc6f10e5ep+4}}},
      {2, {{0x1.c7812d9138035p+3, -0x1.1c3446fe01c0bp+4, 0x1.dc48c30a4416ep+4}}},
      {2, {{0x1.6e6c1d69d158ap+3, -0x1.32854d23ced78p+4, 0x1.d80db6603f701p+4}}},
      {0, {{0x1.52b4919438d28p+1, 0x1.f2ce881aaea2bp+1, -0x1.0e44a34e7bf32p+1}}},
      {2, {{0x1.12520d72ba394p+3, -0x1.5c517e7b3b178p+4, 0x1.a1a899ca316e1p+4}}},
      {0, {{-0x1.cc7936d9f1c68p-1, 0x1.d870b1c508d42p-1, -0x1.941d79f2c5528p+1}}},
      {0, {{0x1.42d96eb0a1642p-1, 0x1.8061a886fa5e0p-5, -0x1.a6b0373216a98p-3}}},
      {2, {{0x1.0d06f65204fe4p+3, -0x1.3ff45c1d89a50p+4, 0x1.e319c07ca75a3p+4}}},
      {2, {{0x1.19751b512412bp+3, -0x1.3b86db2f89265p+4, 0x1.bf10839689296p+4}}},
      {0, {{0x1.31d7f4a72e415p-1, 0x1.420f8357595fap+0, -0x1.203329ae00604p+1}}},
  };
  for (std::size_t i = 0; i < golden.size(); ++i) {
    CAPTURE(i);
    CHECK(rows.z[i] == golden[i].z);
    for (std::size_t j = 0; j < 3; ++j) CHECK(rows.x[i * 3 + j] == golden[i].x[j]);
  }
}

TEST_CASE("a longer draw begins with the shorter one, and threads change nothing") {
  const Mixture mixture = three_components();
  const Index n = 60000;  // several blocks of rows
  const Draw rows = draw(mixture, 7, n);
  const Draw parallel = draw(mixture, 7, n, 3);
  CHECK(parallel.x == rows.x);
  CHECK(parallel.z == rows.z);
  for (const Index shorter : {Index{1}, Index{2}, Index{999}, n - 1}) {
    const Draw prefix = draw(mixture, 7, shorter, 2);
    CHECK(std::equal(prefix.x.begin(), prefix.x.end(), rows.x.begin()));
    CHECK(std::equal(prefix.z.begin(), prefix.z.end(), rows.z.begin()));
  }
  CHECK(draw(mixture, 8, n).x != rows.x);
}

TEST_CASE("outputs may have any strides") {
  const Mixture mixture = three_components();
  const Index n = 50;
  const Draw rows = draw(mixture, 3, n);
  Doubles x(static_cast<std::size_t>(3 * n));
  std::vector<Index> z(static_cast<std::size_t>(2 * n), -7);
  const MatrixView<double> columns(x.data() + n - 1, n, 3, -1, n);  // Fortran order, backwards
  const VectorView<Index> every_second(z.data(), n, 2);
  sample(mixture, 3, columns, every_second);
  for (Index i = 0; i < n; ++i) {
    CHECK(every_second[i] == rows.z[static_cast<std::size_t>(i)]);
    CHECK(z[static_cast<std::size_t>(2 * i + 1)] == -7);
    for (Index j = 0; j < 3; ++j) CHECK(columns(i, j) == rows.at(i, j));
  }
}

TEST_CASE("components are drawn with their weights, those of weight 0 never") {
  const Doubles weights = {0, 0.1, 0.2, 0, 0.3, 0.4, 0};
  const Mixture mixture = make(weights, Doubles(7), Doubles(7, 1.0), CovarianceType::spherical);
  const Index n = 100000;
  Doubles counts(7);
  for (const Index k : draw(mixture, 5, n).z) counts.at(static_cast<std::size_t>(k)) += 1;
  double chi2 = 0;
  for (std::size_t k = 0; k < 7; ++k) {
    const double expected = weights[k] * static_cast<double>(n);
    if (expected == 0) {
      CHECK(counts[k] == 0);
    } else {
      chi2 += (counts[k] - expected) * (counts[k] - expected) / expected;
    }
  }
  CHECK(chi2 < 25.9);  // exceeded with probability 1e-5 at 3 degrees of freedom
}

TEST_CASE("rows have the mean and covariance of their component, in every structure") {
  const Index n = 80000;
  const Doubles means = {1, -2, 1e3, 5};
  const Doubles weights = {0.4, 0.6};
  const Doubles a = {4, -3, -3, 9};
  const Doubles b = {1e-4, 2e-3, 2e-3, 0.25};
  const Doubles zero_mean_a = {1, -2};
  const Doubles mean_b = {1e3, 5};

  SUBCASE("full") {
    const Draw rows = draw(make(weights, means, {4, -3, -3, 9, 1e-4, 2e-3, 2e-3, 0.25}, CovarianceType::full), 1, n, 2);
    CHECK(MomentCheck{rows, 0, zero_mean_a, a}.worst_score() < score_limit);
    CHECK(MomentCheck{rows, 1, mean_b, b}.worst_score() < score_limit);
  }
  SUBCASE("tied") {
    const Draw rows = draw(make(weights, means, a, CovarianceType::tied), 2, n);
    CHECK(MomentCheck{rows, 0, zero_mean_a, a}.worst_score() < score_limit);
    CHECK(MomentCheck{rows, 1, mean_b, a}.worst_score() < score_limit);
  }
  SUBCASE("diag") {
    const Draw rows = draw(make(weights, means, {4, 9, 1e-4, 0.25}, CovarianceType::diag), 3, n);
    CHECK(MomentCheck{rows, 0, zero_mean_a, {4, 0, 0, 9}}.worst_score() < score_limit);
    CHECK(MomentCheck{rows, 1, mean_b, {1e-4, 0, 0, 0.25}}.worst_score() < score_limit);
  }
  SUBCASE("spherical") {
    const Draw rows = draw(make(weights, means, {4, 0.25}, CovarianceType::spherical), 4, n);
    CHECK(MomentCheck{rows, 0, zero_mean_a, {4, 0, 0, 4}}.worst_score() < score_limit);
    CHECK(MomentCheck{rows, 1, mean_b, {0.25, 0, 0, 0.25}}.worst_score() < score_limit);
  }
}

TEST_CASE("normal numbers are normal in their tails too") {
  const Mixture mixture = make({1}, {0}, {1}, CovarianceType::spherical);
  const Index n = 200000;
  const Draw rows = draw(mixture, 6, n);
  // Rows beyond t: n·p with p = erfc(t / √2), Poisson to binomial spread √(n p (1 − p)), 5 of them allowed.
  for (const double t : {0.5, 1.0, 2.0, 3.0}) {
    const double p = std::erfc(t / std::sqrt(2.0));
    const double beyond =
        static_cast<double>(std::count_if(rows.x.begin(), rows.x.end(), [&](double v) { return std::fabs(v) > t; }));
    const double mean = p * static_cast<double>(n);
    CAPTURE(t);
    CHECK(std::fabs(beyond - mean) < 5 * std::sqrt(mean * (1 - p)));
  }
}

TEST_CASE("rows of a singular component stay on its support") {
  // Feature 1 = 2 · feature 0, feature 2 constant.
  const Mixture mixture = make({1}, {3, 7, -5}, {1, 2, 0, 2, 4, 0, 0, 0, 0}, CovarianceType::full, true);
  const Draw rows = draw(mixture, 9, 1000);
  for (Index i = 0; i < 1000; ++i) {
    const double offset = rows.at(i, 0) - 3;
    REQUIRE(rows.at(i, 2) == -5);
    // Roundings of μ + s·(l·e) in both features and of the differences: a few u of sizes |μ| + |offset|.
    REQUIRE(std::fabs(rows.at(i, 1) - 7 - 2 * offset) <= 4 * u * (7 + 3 * 2 + 4 * std::fabs(offset)));
  }

  const Draw line = draw(make({1}, {3, 7}, {1, -2, -2, 4}, CovarianceType::tied, true), 13, 20000);
  CHECK(MomentCheck{line, 0, {3, 7}, {1, -2, -2, 4}}.worst_score() < score_limit);
}

TEST_CASE("singular variances of diag, and the point mass") {
  const Mixture diagonal = make({1}, {3, 7}, {0, 2}, CovarianceType::diag, true);
  const Draw rows = draw(diagonal, 10, 100);
  bool moves = false;
  for (Index i = 0; i < 100; ++i) {
    CHECK(rows.at(i, 0) == 3);
    moves = moves || rows.at(i, 1) != 7;
  }
  CHECK(moves);

  for (const Mixture& point : {make({1}, {3, 7}, {0, 0, 0, 0}, CovarianceType::full, true),
                               make({1}, {3, 7}, {0}, CovarianceType::spherical, true)}) {
    const Draw same = draw(point, 11, 10);
    for (Index i = 0; i < 10; ++i) CHECK((same.at(i, 0) == 3 && same.at(i, 1) == 7));
  }
}

TEST_CASE("scales far from 1 neither overflow nor vanish") {
  const Mixture mixture = make({1}, {0, 0}, {1e300, 0.5, 0.5, 1e-300}, CovarianceType::full);
  const Draw rows = draw(mixture, 12, 1000);
  double largest = 0;
  double smallest = 0;
  for (Index i = 0; i < 1000; ++i) {
    largest = std::max(largest, std::fabs(rows.at(i, 0)));
    smallest = std::max(smallest, std::fabs(rows.at(i, 1)));
  }
  // The largest of 1000 |normal| numbers is between 2.2 and 6.5 but with probability 1e-6.
  CHECK((largest > 2.2e150 && largest < 6.5e150));
  CHECK((smallest > 2.2e-150 && smallest < 6.5e-150));
}

TEST_CASE("no rows is a legal number of rows") {
  const Mixture mixture = three_components();
  CHECK_NOTHROW(sample(mixture, 1, MatrixView<double>(nullptr, 0, 3), VectorView<Index>()));
}

TEST_CASE("a stop function ends a draw") {
  Doubles x(static_cast<std::size_t>(3 * 200000));
  std::vector<Index> z(200000);
  Execution execution;
  execution.stop = [] { return true; };
  CHECK_THROWS_AS(sample(three_components(), 1, {x.data(), 200000, 3}, z, execution), Interrupted);
}
