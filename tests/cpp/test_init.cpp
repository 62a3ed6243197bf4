// The start of EM: names, k-means++ seeding, labels and random responsibilities.

#include "clustering_cases.hpp"
#include "start/start.hpp"

#include <doctest/doctest.h>
#include <gaussmix/error.hpp>

#include <algorithm>
#include <cmath>
#include <set>
#include <string>

using namespace clustering_cases;
using detail::start_labels;

namespace {

constexpr double inf = std::numeric_limits<double>::infinity();

/// Whether `count` of `draws` is within 5 standard deviations of what probability p gives; the draws are seeded, so this holds always
/// or never.
bool is_plausible(Index count, Index draws, double p) {
  const auto n = static_cast<double>(draws);
  return std::fabs(static_cast<double>(count) - n * p) <= 5 * std::sqrt(n * p * (1 - p)) + 1e-9;
}

std::set<std::int32_t> owners(const std::vector<std::int32_t>& labels, const Doubles& weights) {
  std::set<std::int32_t> found;
  for (std::size_t i = 0; i < labels.size(); ++i) {
    if (weight_of(weights, static_cast<Index>(i)) > 0) found.insert(labels[i]);
  }
  return found;
}

/// Probabilities of the second seed of greedy k-means++ with 2 trials, (first, second), by enumeration.
std::vector<Doubles> pair_probabilities(const Cloud& cloud, const Doubles& weights) {
  const Index n = cloud.n;
  const auto distance = [&](Index a, Index b) {
    return static_cast<double>(squared_distance(cloud.row(a), cloud.row(b), cloud.d));
  };
  double total = 0;
  for (Index i = 0; i < n; ++i) total += weight_of(weights, i);
  std::vector<Doubles> p(static_cast<std::size_t>(n), Doubles(static_cast<std::size_t>(n)));
  for (Index first = 0; first < n; ++first) {
    double potential = 0;
    Doubles mass, gain;
    for (Index i = 0; i < n; ++i) {
      mass.push_back(weight_of(weights, i) * distance(i, first));
      potential += mass.back();
    }
    for (Index c = 0; c < n; ++c) {
      double sum = 0;
      for (Index i = 0; i < n; ++i) sum += weight_of(weights, i) * std::max(0.0, distance(i, first) - distance(i, c));
      gain.push_back(sum);
    }
    for (std::size_t a = 0; a < mass.size(); ++a) {
      for (std::size_t b = 0; b < mass.size(); ++b) {
        p[static_cast<std::size_t>(first)][gain[b] > gain[a] ? b : a] +=
            weight_of(weights, first) / total * mass[a] / potential * mass[b] / potential;
      }
    }
  }
  return p;
}

}  // namespace

TEST_CASE("init: names go there and back") {
  for (const char* name : {"kmeans", "k-means++", "random", "random_from_data"}) {
    CHECK(to_string(init_from_string(name)) == std::string(name));
  }
  CHECK(init_from_string("k-means++") == Init::kmeans_plus_plus);
  for (const char* name : {"", "KMEANS", "kmeans++", "k-means"}) {
    CHECK_THROWS_AS(init_from_string(name), InvalidArgument);
  }
  CHECK_THROWS_WITH(init_from_string("best"),
                    "init must be \"kmeans\", \"k-means++\", \"random\" or \"random_from_data\", but is \"best\"");
}

TEST_CASE("init: the first seed is drawn by weight") {
  const Cloud cloud{6, 1, {0, 10, 20, 30, 40, 50}};
  const Doubles weights = {3, 0, 1, 0, 4, 2};
  constexpr Index draws = 4000;
  std::vector<Index> count(6);
  for (Index seed = 0; seed < draws; ++seed) {
    ++count[static_cast<std::size_t>(kmeans_plus_plus(cloud.view(), 1, static_cast<std::uint64_t>(seed), weights)[0])];
  }
  for (std::size_t i = 0; i < count.size(); ++i) {
    CAPTURE(i);
    CHECK(is_plausible(count[i], draws, weights[i] / 10));
  }
}

TEST_CASE("init: the second seed has the probabilities of greedy k-means++ with two trials") {
  const Cloud cloud{5, 2, {0, 0, 1, 0, 0, 3, 4, 4, -2, 1}};
  for (const Doubles& weights : {Doubles{}, Doubles{1, 2, 0.5, 0, 3}}) {
    const auto expected = pair_probabilities(cloud, weights);
    constexpr Index draws = 6000;
    std::vector<std::vector<Index>> count(5, std::vector<Index>(5));
    for (Index seed = 0; seed < draws; ++seed) {
      const auto rows = kmeans_plus_plus(cloud.view(), 2, static_cast<std::uint64_t>(seed), weights);
      ++count[static_cast<std::size_t>(rows[0])][static_cast<std::size_t>(rows[1])];
    }
    for (std::size_t a = 0; a < 5; ++a) {
      for (std::size_t b = 0; b < 5; ++b) {
        CAPTURE(a);
        CAPTURE(b);
        CHECK(is_plausible(count[a][b], draws, expected[a][b]));
      }
    }
  }
}

TEST_CASE("init: seeds are distinct rows of positive weight, one in each separate blob") {
  const Cloud cloud = blobs(2000, 3, 8, 100.0, 1);
  const Doubles weights = quarter_weights(cloud.n, 2);
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    const auto rows = kmeans_plus_plus(cloud.view(), 8, seed, weights);
    std::set<Index> found;
    for (const Index row : rows) {
      CHECK(weight_of(weights, row) > 0);
      found.insert(row % 8);
    }
    CHECK(found.size() == 8);
  }
}

TEST_CASE("init: a seed draws the same rows for any threads and strides, and other seeds draw others") {
  const Cloud cloud = blobs(20000, 3, 5, 3.0, 3);
  const Doubles weights = quarter_weights(cloud.n, 4);
  const auto rows = kmeans_plus_plus(cloud.view(), 12, 7, weights, Execution{1, {}});
  for (const int threads : {2, 3, 8})
    CHECK(kmeans_plus_plus(cloud.view(), 12, 7, weights, Execution{threads, {}}) == rows);
  const Layouts layouts(cloud);
  for (const Samples& x : layouts.all()) CHECK(kmeans_plus_plus(x, 12, 7, weights) == rows);
  CHECK(kmeans_plus_plus(cloud.view(), 12, 8, weights) != rows);
}

TEST_CASE("init: neither the scale of X or the weights nor an exact offset changes the seeds") {
  Cloud cloud = blobs(3000, 2, 5, 3.0, 5);
  for (double& v : cloud.values) v = std::round(v * 64) / 64;  // so that v + 2^26 is exact
  const Doubles weights = quarter_weights(cloud.n, 6);
  const auto rows = kmeans_plus_plus(cloud.view(), 9, 3, weights);
  const auto labels = start_labels(cloud.view(), 9, Init::kmeans_plus_plus, 3, weights, {});
  for (const double scale : {0x1p531, 0x1p-565, 0x1p1010, 0x1p-1060, 0x1p-1}) {  // 1e160, 1e-170, near both ends
    CAPTURE(scale);
    const Cloud scaled = transformed(cloud, scale, 0);
    CHECK(kmeans_plus_plus(scaled.view(), 9, 3, weights) == rows);
    CHECK(start_labels(scaled.view(), 9, Init::kmeans_plus_plus, 3, weights, {}) == labels);
  }
  CHECK(kmeans_plus_plus(transformed(cloud, 1, 0x1p26).view(), 9, 3, weights) == rows);
  for (const double scale : {0x1p900, 0x1p-900, 0x1p-1072}) {
    CAPTURE(scale);
    Doubles scaled = weights;
    for (double& w : scaled) w *= scale;
    CHECK(kmeans_plus_plus(cloud.view(), 9, 3, scaled) == rows);
  }
}

TEST_CASE("init: float32 X is seeded like the same values in float64") {
  const Cloud cloud = blobs(4000, 4, 6, 30.0, 8);
  const std::vector<float> single(cloud.values.begin(), cloud.values.end());
  const Cloud rounded{cloud.n, cloud.d, Doubles(single.begin(), single.end())};
  const MatrixView<const float> x(single.data(), cloud.n, cloud.d);
  for (std::uint64_t seed = 0; seed < 5; ++seed) {
    CHECK(kmeans_plus_plus(x, 6, seed) == kmeans_plus_plus(rounded.view(), 6, seed));
    CHECK(start_labels(x, 6, Init::kmeans_plus_plus, seed, {}, {}) ==
          start_labels(rounded.view(), 6, Init::kmeans_plus_plus, seed, {}, {}));
  }
  std::vector<float> tiny = single;
  for (float& v : tiny) v *= 0x1p-100f;  // squares vanish in float
  CHECK(kmeans_plus_plus(MatrixView<const float>(tiny.data(), cloud.n, cloud.d), 6, 1) ==
        kmeans_plus_plus(rounded.view(), 6, 1));
}

TEST_CASE("init: a row gets the label of the nearest seed, the first of equals") {
  const Cloud cloud = blobs(6000, 3, 4, 2.0, 9);
  const Doubles weights = quarter_weights(cloud.n, 10);
  for (const Index k : {Index{1}, Index{2}, Index{13}, Index{40}}) {
    CAPTURE(k);
    const auto seeds = kmeans_plus_plus(cloud.view(), k, 11, weights);
    CHECK(start_labels(cloud.view(), k, Init::kmeans_plus_plus, 11, weights, {}) ==
          nearest_of_all(cloud, places_of(cloud, seeds)));
  }
  const Cloud corners{5, 1, {-1, 1, 0, -3, 3}};  // 0 is as near to both of −1 and 1, its weight makes it no seed
  const Doubles on_two = {1, 1, 0, 0, 0};
  for (std::uint64_t seed = 0; seed < 8; ++seed) {
    const auto labels = start_labels(corners.view(), 2, Init::kmeans_plus_plus, seed, on_two, {});
    CHECK(labels[2] == 0);
    CHECK(labels[3] == labels[0]);
    CHECK(labels[4] == labels[1]);
  }
}

TEST_CASE("init: random_from_data draws rows by weight without replacement") {
  const Cloud cloud{4, 1, {0, 1, 4, 6}};
  const Doubles weights = {1, 0, 2, 1};
  constexpr Index draws = 4000;
  Index first_is_heavy = 0;
  for (Index seed = 0; seed < draws; ++seed) {
    const auto labels =
        start_labels(cloud.view(), 2, Init::random_from_data, static_cast<std::uint64_t>(seed), weights, {});
    CHECK(owners(labels, weights).size() == 2);
    // Row 1 lies nearest to row 0, so with seeds {2, 3} alone is label(0) = label(2).
    first_is_heavy += labels[0] == labels[2];
  }
  // P{2, 3} = ½ · ½ (2 first, then 3 of {0, 3}) + ¼ · ⅔ (3 first, then 2 of weights 1 : 2).
  CHECK(is_plausible(first_is_heavy, draws, 0.25 + 1.0 / 6));
  std::vector<std::int32_t> all = start_labels(cloud.view(), 4, Init::random_from_data, 5, {}, {});
  std::sort(all.begin(), all.end());
  CHECK(all == std::vector<std::int32_t>{0, 1, 2, 3});
}

TEST_CASE("init: every component owns a row of positive weight, however the rows coincide") {
  for (const Init init : {Init::kmeans, Init::kmeans_plus_plus, Init::random_from_data}) {
    CAPTURE(to_string(init));
    const Cloud same{9, 2, Doubles(18, 0.1)};
    const Cloud two{7, 1, {5, 5, 5, 5, -1, -1, -1}};
    const Doubles weights = {0, 1, 2, 0, 1, 1, 0};
    for (std::uint64_t seed = 0; seed < 10; ++seed) {
      for (const Index k : {Index{1}, Index{4}, Index{9}}) {
        CHECK(owners(start_labels(same.view(), k, init, seed, {}, {}), {}).size() == static_cast<std::size_t>(k));
      }
      for (const Index k : {Index{2}, Index{3}, Index{4}}) {
        const auto labels = start_labels(two.view(), k, init, seed, weights, {});
        CHECK(owners(labels, weights).size() == static_cast<std::size_t>(k));
        for (std::size_t i = 0; i < 4;
             ++i) {  // no component holds both places, beside those that random draws put there
          if (init == Init::kmeans_plus_plus) CHECK((labels[i] != labels[4] && labels[i] != labels[5]));
        }
      }
    }
  }
}

TEST_CASE("init: a start that is ended has the seeds so far, and draws the rows of the other components") {
  const Cloud cloud = blobs(6000, 3, 4, 2.0, 9);
  constexpr Index k = 10;
  const auto ended_after = [&](int asks, Init init, int threads = 1) {
    const auto labels =
        start_labels(cloud.view(), k, init, 11, {}, Execution{threads, {}}, [&asks] { return --asks == 0; });
    CHECK(asks == 0);
    return labels;
  };
  const auto first_seeds = kmeans_plus_plus(cloud.view(), k, 11);
  for (const int n_seeds : {1, 4, 9}) {
    CAPTURE(n_seeds);
    const auto labels = ended_after(n_seeds, Init::kmeans_plus_plus);
    const Doubles places = places_of(cloud, {first_seeds.begin(), first_seeds.begin() + n_seeds});
    const auto nearest = nearest_of_all(cloud, places);
    std::vector<Index> drawn(k);
    for (std::size_t i = 0; i < labels.size(); ++i) {
      if (labels[i] < n_seeds) {
        CHECK(labels[i] == nearest[i]);
      } else {
        ++drawn[static_cast<std::size_t>(labels[i])];
      }
    }
    for (Index c = n_seeds; c < k; ++c) CHECK(is_plausible(drawn[static_cast<std::size_t>(c)], cloud.n, 1.0 / k));
    CHECK(owners(labels, {}).size() == k);
    CHECK(ended_after(n_seeds, Init::kmeans) == labels);
    CHECK(ended_after(n_seeds, Init::kmeans_plus_plus, 3) == labels);
    CHECK(owners(ended_after(n_seeds, Init::random_from_data), {}).size() == k);
  }
  for (const int n_iter : {0, 1, 5}) {  // beyond the k − 1 asks between seeds
    CAPTURE(n_iter);
    CHECK(ended_after(k + n_iter, Init::kmeans) == kmeans(cloud.view(), k, 11, {}, n_iter).labels);
  }
  for (const Init init : {Init::kmeans, Init::kmeans_plus_plus, Init::random_from_data}) {
    CHECK(start_labels(cloud.view(), k, init, 11, {}, {}, [] { return false; }) ==
          start_labels(cloud.view(), k, init, 11, {}, {}));
  }
}

TEST_CASE("init: rows of weight 0 have no influence, whatever they hold") {
  const Cloud cloud = blobs(500, 2, 4, 3.0, 12);
  Cloud longer = cloud;
  longer.n += 3;
  longer.values.insert(longer.values.end(), {1e300, -1e300, 0.0, 1e308, -1e-320, 7.0});
  Doubles weights(static_cast<std::size_t>(cloud.n), 1.0);
  const auto rows = kmeans_plus_plus(cloud.view(), 10, 2);
  const auto labels = start_labels(cloud.view(), 10, Init::kmeans, 2, {}, {});
  weights.resize(weights.size() + 3);
  CHECK(kmeans_plus_plus(longer.view(), 10, 2, weights) == rows);
  auto longer_labels = start_labels(longer.view(), 10, Init::kmeans, 2, weights, {});
  longer_labels.resize(labels.size());
  CHECK(longer_labels == labels);
}

TEST_CASE("init: a positive weight counts, however small it is beside the others") {
  const Cloud cloud{4, 1, {0, 1, 2, 3}};
  const Doubles weights = {1e300, 5e-324, 0, 1e-320};
  for (const Init init : {Init::kmeans, Init::kmeans_plus_plus, Init::random_from_data}) {
    CHECK(owners(start_labels(cloud.view(), 3, init, 1, weights, {}), weights).size() == 3);
  }
}

TEST_CASE("init: random responsibilities are rows of positive numbers that sum to 1, each by its seed and row alone") {
  constexpr Index n = 3000, k = 5;
  Doubles whole(n * k), part(n * k);
  detail::random_responsibilities(42, 0, n, k, whole.data());
  for (const Index begin : {Index{0}, Index{1}, Index{1700}}) {
    detail::random_responsibilities(42, begin, n, k, part.data());
    CHECK(std::equal(whole.begin() + begin * k, whole.end(), part.begin()));
  }
  Doubles column(k);
  for (Index i = 0; i < n; ++i) {
    double sum = 0;
    for (Index j = 0; j < k; ++j) {
      const double value = whole[static_cast<std::size_t>(i * k + j)];
      CHECK(value > 0);
      sum += value;
      column[static_cast<std::size_t>(j)] += value;
    }
    CHECK(std::fabs(sum - 1) <= 4 * k * 0x1p-53);
  }
  // By symmetry each share has mean 1/K and, being that of uniforms, a standard deviation below that of one uniform, 0.29.
  for (const double sum : column) CHECK(std::fabs(sum / n - 1.0 / k) < 5 * 0.29 / std::sqrt(n));
  detail::random_responsibilities(43, 0, n, k, part.data());
  CHECK(part != whole);
  detail::random_responsibilities(1, 5, 6, 1, part.data());
  CHECK(part[0] == 1.0);
}

TEST_CASE("init: bad arguments are named") {
  const Doubles values = {0, 1, 2, inf, 4, 5};
  const MatrixView<const double> x(values.data(), 3, 1), bad(values.data(), 3, 2);
  const Doubles weights = {1, 0, 1};
  CHECK_THROWS_WITH_AS(kmeans_plus_plus(x, 0, 1), "n_components must be in [1, 3] (X has 3 rows), but is 0",
                       InvalidArgument);
  CHECK_THROWS_WITH_AS(kmeans_plus_plus(x, 4, 1), "n_components must be in [1, 3] (X has 3 rows), but is 4",
                       InvalidArgument);
  CHECK_THROWS_WITH_AS(kmeans_plus_plus(x, 3, 1, weights),
                       "sample_weight must have at least n_components = 3 positive values, but has 2", InvalidArgument);
  CHECK_THROWS_WITH_AS(kmeans_plus_plus(bad, 1, 1), "X[1, 1] must be finite, but is inf", InvalidArgument);
  CHECK_THROWS_AS(kmeans_plus_plus(x, 1, 1, Doubles{1, 1}), InvalidArgument);
  CHECK_THROWS_AS(kmeans_plus_plus(x, 1, 1, {}, Execution{-1, {}}), InvalidArgument);
  CHECK_THROWS_AS(start_labels(x, 4, Init::random_from_data, 1, {}, {}), InvalidArgument);
}
