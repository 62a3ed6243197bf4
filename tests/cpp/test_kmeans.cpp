// Lloyd's iterations against plain loops, and what must hold of every result.

#include "clustering_cases.hpp"
#include "start/data_range.hpp"
#include "start/lloyd.hpp"

#include <doctest/doctest.h>
#include <gaussmix/error.hpp>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>

using namespace clustering_cases;

namespace {

using Labels = std::vector<std::int32_t>;

/// Lloyd's algorithm from the seeds that kmeans() draws, evaluating every row in every iteration.
KMeansResult plain_kmeans(const Cloud& cloud, Index k, std::uint64_t seed, const Doubles& weights, int max_iter) {
  KMeansResult result;
  result.centers = places_of(cloud, kmeans_plus_plus(cloud.view(), k, seed, weights));
  while (true) {
    result.labels = nearest_of_all(cloud, result.centers);
    const Doubles better = means(cloud, weights, result.centers, result.labels);
    const bool settled = nearest_of_all(cloud, better) == result.labels;
    if (result.n_iter == max_iter) break;
    ++result.n_iter;
    result.centers = better;
    if (settled) break;
  }
  result.inertia = static_cast<double>(inertia(cloud, weights, result.centers, result.labels));
  return result;
}

KMeansResult lloyd_from(const Cloud& cloud, const std::vector<Index>& seeds, const Doubles& weights, int max_iter) {
  return detail::with_points(cloud.view(), static_cast<Index>(seeds.size()), weights, {}, simd::active_kernels(),
                             [&](const auto& points, int) {
                               KMeansResult result = detail::lloyd(points, seeds, max_iter);
                               result.inertia = std::ldexp(result.inertia, points.weight.exponent());
                               return result;
                             });
}

Labels labels_from(const Cloud& cloud, const std::vector<Index>& seeds, const Doubles& weights, int max_iter,
                   double settled_share) {
  return detail::with_points(
      cloud.view(), static_cast<Index>(seeds.size()), weights, {}, simd::active_kernels(),
      [&](const auto& points, int) { return detail::lloyd_labels(points, seeds, max_iter, settled_share, {}); });
}

void check_same(const KMeansResult& a, const KMeansResult& b) {
  CHECK(a.centers == b.centers);
  CHECK(a.labels == b.labels);
  CHECK(a.inertia == b.inertia);
  CHECK(a.n_iter == b.n_iter);
}

/// Largest |a − b|.
double largest_difference(const Doubles& a, const Doubles& b) {
  double largest = 0;
  for (std::size_t i = 0; i < a.size(); ++i) largest = std::max(largest, std::fabs(a[i] - b[i]));
  return largest;
}

/// What Lloyd's algorithm ends with: labels nearest, centers the means of their rows, the inertia theirs.
/// Centers may be off by 2⁻⁴⁴ of the cluster's root-mean-square distance at most, and by the rounding of their own size.
void check_fixed_point(const Cloud& cloud, const Doubles& weights, const KMeansResult& result) {
  CHECK(result.labels == nearest_of_all(cloud, result.centers));
  const auto truth = static_cast<double>(inertia(cloud, weights, result.centers, result.labels));
  // A distance of D terms is within (D + 3) u, a sum of n terms within n u of itself.
  CHECK(std::fabs(result.inertia - truth) <= static_cast<double>(cloud.n + cloud.d + 3) * 0x1p-53 * truth);
  const Doubles exact = means(cloud, weights, result.centers, result.labels);
  Doubles cluster_weight(result.centers.size() / static_cast<std::size_t>(cloud.d));
  for (Index i = 0; i < cloud.n; ++i) {
    cluster_weight[static_cast<std::size_t>(result.labels[static_cast<std::size_t>(i)])] += weight_of(weights, i);
  }
  for (std::size_t at = 0; at < exact.size(); ++at) {
    const double w = cluster_weight[at / static_cast<std::size_t>(cloud.d)];
    if (w > 0) {
      CHECK(std::fabs(result.centers[at] - exact[at]) <=
            0x1p-44 * std::sqrt(truth / w) + 4 * 0x1p-53 * std::fabs(exact[at]));
    }
  }
}

std::size_t used_labels(const std::vector<std::int32_t>& labels) {
  return std::set<std::int32_t>(labels.begin(), labels.end()).size();
}

}  // namespace

TEST_CASE("kmeans: as plain loops, iteration by iteration") {
  struct Shape {
    Index n, d, k;
    double spread;
    bool weighted;
  };
  for (const Shape& s : {Shape{300, 2, 3, 1.0, false}, Shape{5000, 5, 20, 1.0, true}, Shape{9000, 1, 12, 5.0, false},
                         Shape{12000, 3, 40, 0.0, false}, Shape{700, 30, 6, 0.5, true}}) {
    CAPTURE(s.n);
    const Cloud cloud = blobs(s.n, s.d, s.k, s.spread, 21);
    const Doubles weights = s.weighted ? quarter_weights(s.n, 22) : Doubles{};
    for (const int max_iter : {0, 1, 2, 5, 12, 300}) {
      CAPTURE(max_iter);
      const KMeansResult expected = plain_kmeans(cloud, s.k, 23, weights, max_iter);
      const KMeansResult result = kmeans(cloud.view(), s.k, 23, weights, max_iter);
      CHECK(result.labels == expected.labels);
      CHECK(largest_difference(result.centers, expected.centers) <= 1e-13 * (1 + s.spread));
      CHECK(result.inertia == doctest::Approx(expected.inertia).epsilon(1e-13));
      CHECK(result.n_iter <= max_iter);
    }
  }
}

TEST_CASE("kmeans: what it ends with is a fixed point") {
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    CAPTURE(seed);
    const Index n = 20 + static_cast<Index>(seed) * 40, d = 1 + static_cast<Index>(seed % 4),
                k = 2 + static_cast<Index>(seed % 9);
    const Cloud cloud = blobs(n, d, 3, 1.0, static_cast<unsigned>(seed));
    const Doubles weights = seed % 2 == 0 ? Doubles{} : quarter_weights(n, static_cast<unsigned>(seed));
    check_fixed_point(cloud, weights, kmeans(cloud.view(), k, seed, weights));
  }
}

TEST_CASE("kmeans: the inertia never rises") {
  const Cloud cloud = blobs(4000, 3, 6, 0.7, 31);
  const Doubles weights = quarter_weights(cloud.n, 32);
  double last = std::numeric_limits<double>::infinity();
  for (int max_iter = 0; max_iter < 25; ++max_iter) {
    const KMeansResult result = kmeans(cloud.view(), 15, 33, weights, max_iter);
    CHECK(result.n_iter == max_iter);
    CHECK(result.inertia <= last * (1 + 1e-13));
    last = result.inertia;
  }
}

TEST_CASE("kmeans: the same bits for any threads and any strides") {
  const Cloud cloud = blobs(20000, 3, 6, 1.0, 41);
  const Doubles weights = quarter_weights(cloud.n, 42);
  const KMeansResult result = kmeans(cloud.view(), 16, 43, weights, 300, Execution{1, {}});
  for (const int threads : {2, 3, 8})
    check_same(kmeans(cloud.view(), 16, 43, weights, 300, Execution{threads, {}}), result);
  const Layouts layouts(cloud);
  for (const Samples& x : layouts.all()) check_same(kmeans(x, 16, 43, weights), result);
}

TEST_CASE("kmeans: float32 is read in place, with the same bits for any threads and strides") {
  const Cloud cloud = transformed(blobs(20000, 3, 6, 30.0, 51), 1.0, 1000.0);
  const std::vector<float> single(cloud.values.begin(), cloud.values.end());
  std::vector<float> fortran(single.size());
  for (Index i = 0; i < cloud.n; ++i) {
    for (Index j = 0; j < cloud.d; ++j)
      fortran[static_cast<std::size_t>(j * cloud.n + i)] = single[static_cast<std::size_t>(i * cloud.d + j)];
  }
  const KMeansResult result =
      kmeans(MatrixView<const float>(single.data(), cloud.n, cloud.d), 6, 52, {}, 300, Execution{1, {}});
  check_same(
      kmeans(MatrixView<const float>(fortran.data(), cloud.n, cloud.d, 1, cloud.n), 6, 52, {}, 300, Execution{3, {}}),
      result);
  const auto read = [&](Index begin, Index end, double* out) {
    std::copy(single.begin() + begin * cloud.d, single.begin() + end * cloud.d, out);
  };
  check_same(kmeans(Samples(cloud.n, cloud.d, read, true), 6, 52), result);

  const Cloud rounded{cloud.n, cloud.d, Doubles(single.begin(), single.end())};
  CHECK(result.labels == nearest_of_all(rounded, result.centers));
  // Separate blobs: the same clusters as in float64, whose means are summed in float64 and kept to 48 bits.
  const KMeansResult expected = kmeans(rounded.view(), 6, 52);
  CHECK(result.labels == expected.labels);
  CHECK(largest_difference(result.centers, expected.centers) <= 1100 * 0x1p-48);
  CHECK(result.inertia == doctest::Approx(expected.inertia).epsilon(8 * 0x1p-24));
}

TEST_CASE("kmeans: finds every separate blob from every seed") {
  const Cloud cloud = blobs(4000, 4, 10, 100.0, 61);
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    CAPTURE(seed);
    const KMeansResult result = kmeans(cloud.view(), 10, seed);
    for (Index i = 10; i < cloud.n; ++i) {
      REQUIRE(result.labels[static_cast<std::size_t>(i)] == result.labels[static_cast<std::size_t>(i % 10)]);
    }
    CHECK(used_labels(result.labels) == 10);
  }
}

TEST_CASE("kmeans: integer weights equal repeated rows") {
  const Cloud cloud = blobs(600, 2, 4, 40.0, 71);
  Cloud repeated{0, 2, {}};
  Doubles weights;
  for (Index i = 0; i < cloud.n; ++i) {
    weights.push_back(static_cast<double>(i % 4));
    for (Index copy = 0; copy < i % 4; ++copy, ++repeated.n) {
      repeated.values.insert(repeated.values.end(), cloud.row(i), cloud.row(i) + 2);
    }
  }
  // Separate blobs, so that other draws end in the same clusters; those of i % 4 == 0 are absent, which leaves three.
  KMeansResult a = kmeans(cloud.view(), 3, 72, weights), b = kmeans(repeated.view(), 3, 73);
  std::vector<std::pair<double, double>> sorted_a, sorted_b;
  for (std::size_t k = 0; k < 3; ++k) {
    sorted_a.emplace_back(a.centers[2 * k], a.centers[2 * k + 1]);
    sorted_b.emplace_back(b.centers[2 * k], b.centers[2 * k + 1]);
  }
  std::sort(sorted_a.begin(), sorted_a.end());
  std::sort(sorted_b.begin(), sorted_b.end());
  for (std::size_t k = 0; k < 3; ++k) {
    CHECK(std::fabs(sorted_a[k].first - sorted_b[k].first) <= 1e-13 * 100);  // coordinates are below 100
    CHECK(std::fabs(sorted_a[k].second - sorted_b[k].second) <= 1e-13 * 100);
  }
  CHECK(a.inertia == doctest::Approx(b.inertia).epsilon(1e-13));
}

TEST_CASE("kmeans: rows of weight 0 change nothing but get their label") {
  const Cloud cloud = blobs(900, 3, 5, 3.0, 81);
  Cloud longer = cloud;
  longer.n += 2;
  longer.values.insert(longer.values.end(), {1e290, -1e290, 0.0, 1e6, 1e6, -1e6});
  Doubles weights(static_cast<std::size_t>(longer.n), 1.0);
  weights[static_cast<std::size_t>(cloud.n)] = weights[static_cast<std::size_t>(cloud.n + 1)] = 0.0;
  const KMeansResult expected = kmeans(cloud.view(), 7, 82);
  const KMeansResult result = kmeans(longer.view(), 7, 82, weights);
  CHECK(result.centers == expected.centers);
  CHECK(result.inertia == expected.inertia);
  CHECK(std::equal(expected.labels.begin(), expected.labels.end(), result.labels.begin()));
  CHECK(result.labels.back() == nearest(longer.row(longer.n - 1), result.centers, 3));
}

TEST_CASE("kmeans: weights of very different sizes leave every cluster its own mean") {
  Cloud cloud = blobs(400, 2, 4, 1.0, 91);
  Doubles weights;
  for (Index i = 0; i < cloud.n; ++i) weights.push_back(std::exp2(-static_cast<double>(i * 37 % 400)));
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    const KMeansResult result = kmeans(cloud.view(), 8, seed, weights);
    const Doubles exact = means(cloud, weights, result.centers, result.labels);
    CHECK(result.labels == nearest_of_all(cloud, result.centers));
    CHECK(used_labels(result.labels) == 8);
    CHECK(result.inertia <= static_cast<double>(inertia(cloud, weights, exact, result.labels)) * (1 + 1e-13));
  }
}

TEST_CASE("kmeans: a scale by a power of two scales the result, to its bits") {
  const Cloud cloud = blobs(3000, 2, 5, 1.0, 101);
  const KMeansResult expected = kmeans(cloud.view(), 9, 102);
  for (const int exponent : {531, -565, 1015, 140, -140, 3}) {  // 1e160, 1e-170, the largest, beyond floats, ordinary
    CAPTURE(exponent);
    const KMeansResult result = kmeans(transformed(cloud, std::ldexp(1.0, exponent), 0).view(), 9, 102);
    CHECK(result.labels == expected.labels);
    CHECK(result.n_iter == expected.n_iter);
    for (std::size_t i = 0; i < result.centers.size(); ++i)
      CHECK(result.centers[i] == std::ldexp(expected.centers[i], exponent));
    CHECK(result.inertia == std::ldexp(expected.inertia, 2 * exponent));
  }
  const Doubles weights = quarter_weights(cloud.n, 103);
  Doubles larger = weights;
  for (double& w : larger) w *= 0x1p1000;
  const KMeansResult weighted = kmeans(cloud.view(), 9, 102, weights), scaled = kmeans(cloud.view(), 9, 102, larger);
  CHECK(scaled.centers == weighted.centers);
  CHECK(scaled.labels == weighted.labels);
  CHECK(scaled.inertia == std::ldexp(weighted.inertia, 1000));
}

TEST_CASE("kmeans: an offset of 1e8 costs no more than its own rounding") {
  Cloud cloud = blobs(5000, 3, 5, 1.0, 111);
  for (double& v : cloud.values) v = std::round(v * 0x1p20) / 0x1p20;  // so that v + 1e8 is exact
  const KMeansResult expected = kmeans(cloud.view(), 8, 112);
  const KMeansResult result = kmeans(transformed(cloud, 1, 1e8).view(), 8, 112);
  CHECK(result.labels == expected.labels);
  for (std::size_t i = 0; i < result.centers.size(); ++i) {
    CHECK(std::fabs(result.centers[i] - 1e8 - expected.centers[i]) <=
          1.5 * 0x1p-27);  // ulp(1e8) = 2^-26, and its subtraction
  }
  CHECK(result.inertia == doctest::Approx(expected.inertia).epsilon(1e-13));
}

TEST_CASE("kmeans: one cluster, and as many clusters as rows") {
  const Cloud cloud = blobs(60, 3, 4, 2.0, 121);
  const Doubles weights = quarter_weights(cloud.n, 122);
  const KMeansResult one = kmeans(cloud.view(), 1, 1, weights);
  CHECK(used_labels(one.labels) == 1);
  CHECK(largest_difference(one.centers, means(cloud, weights, one.centers, one.labels)) <= 1e-14);
  const KMeansResult all = kmeans(cloud.view(), cloud.n, 1);
  CHECK(used_labels(all.labels) == 60);
  CHECK(all.inertia == 0.0);
}

TEST_CASE("kmeans: a cluster without rows is put on the row farthest from its center") {
  // Rows 0, 1 and 2 coincide: as seeds they leave two clusters empty. The farthest rows are 7, then 6, which lies at 9 from row 7.
  const Cloud cloud{9, 2, {0, 0, 0, 0, 0, 0, 1, 0, 0, 2, 11, 0, 20, 1, 20, 10, 10, 0}};
  const KMeansResult first = lloyd_from(cloud, {0, 1, 2, 5}, {}, 1);
  CHECK(first.labels == std::vector<std::int32_t>{0, 0, 0, 0, 0, 3, 2, 1, 3});
  CHECK(first.centers == Doubles{0.2, 0.4, 20, 10, 20, 1, 10.5, 0});
  check_fixed_point(cloud, {}, lloyd_from(cloud, {0, 1, 2, 5}, {}, 300));
  const Doubles absent = {1, 1, 1, 1, 1, 1, 1, 0, 1};
  CHECK(lloyd_from(cloud, {0, 1, 5}, absent, 1).centers[2] == 20);
  CHECK(lloyd_from(cloud, {0, 1, 5}, absent, 1).centers[3] == 1);
}

TEST_CASE("lloyd: ends at the first iteration that moves no more than the share of the weight") {
  std::mt19937_64 bits(11);
  const auto uniform = [&bits] { return static_cast<double>(bits() >> 11) * 0x1p-53; };
  Cloud cloud{3000, 2, {}};
  Doubles weights;
  for (Index i = 0; i < cloud.n; ++i) {
    cloud.values.insert(cloud.values.end(), {uniform() + uniform(), uniform()});
    weights.push_back(1 + 4 * uniform());
  }
  const std::vector<Index> seeds{0, 1, 2, 3, 4, 5, 6, 7};
  Doubles some_absent = weights;
  for (std::size_t i = 0; i < some_absent.size(); i += 7) some_absent[i] = 0;
  for (const Doubles& w : {Doubles{}, weights, some_absent}) {
    const auto weight = [&w](std::size_t i) { return w.empty() ? 1.0 : w[i]; };
    double total = 0;
    for (std::size_t i = 0; i < weights.size(); ++i) total += weight(i);
    for (const double share : {0.2, 0.02, 0.002}) {
      CAPTURE(share);
      Labels before = lloyd_from(cloud, seeds, w, 0).labels;
      double moved = total;
      int n_iter = 0;
      while (moved > share * total) {
        const Labels after = lloyd_from(cloud, seeds, w, ++n_iter).labels;
        moved = 0;
        for (std::size_t i = 0; i < after.size(); ++i) moved += after[i] != before[i] ? weight(i) : 0;
        before = after;
      }
      CHECK(n_iter < 300);
      CHECK(labels_from(cloud, seeds, w, 300, share) == before);
    }
  }
}

TEST_CASE("lloyd: ends at the same iteration whatever factor the weights have, where exactly the share moves") {
  std::mt19937_64 bits(13);
  Cloud cloud{1000, 2, {}};
  for (Index i = 0; i < 2 * cloud.n; ++i) cloud.values.push_back(static_cast<double>(bits() >> 11) * 0x1p-53);
  const std::vector<Index> seeds{0, 1, 2, 3, 4};
  for (const int n_iter : {2, 4, 6}) {
    CAPTURE(n_iter);
    const Labels before = lloyd_from(cloud, seeds, {}, n_iter - 1).labels,
                 after = lloyd_from(cloud, seeds, {}, n_iter).labels;
    Index moved = 0;
    for (std::size_t i = 0; i < after.size(); ++i) moved += after[i] != before[i];
    const double share = static_cast<double>(moved) / static_cast<double>(cloud.n);
    const Labels settled = labels_from(cloud, seeds, {}, 300, share);
    CHECK(settled == labels_from(cloud, seeds, {}, n_iter, share));
    for (const double factor : {1.0, 0.1, 1.0 / 3.0, 0.7, 2.3}) {
      CAPTURE(factor);
      const Doubles weights(static_cast<std::size_t>(cloud.n), factor);
      CHECK(labels_from(cloud, seeds, weights, 300, share) == settled);
    }
  }
}

TEST_CASE("kmeans: no cluster stays empty while there are places for all, whatever the seeds") {
  for (std::uint64_t seed = 0; seed < 1000; ++seed) {
    CAPTURE(seed);
    std::mt19937_64 bits(seed);
    const Index n = 6 + static_cast<Index>(bits() % 10);
    const std::size_t k = 3 + bits() % 3;
    Cloud cloud{n, 2, {}};
    Doubles weights;
    std::set<std::pair<double, double>> places;
    for (Index i = 0; i < n; ++i) {
      const auto a = static_cast<double>(bits() % 5), b = static_cast<double>(bits() % 3);
      cloud.values.insert(cloud.values.end(), {a, b});
      places.emplace(a, b);
      weights.push_back(std::exp2(static_cast<double>(bits() % 12)));
    }
    std::vector<Index> seeds(k);
    for (Index& row : seeds) row = static_cast<Index>(bits() % 3);
    for (const KMeansResult& result :
         {kmeans(cloud.view(), static_cast<Index>(k), seed, weights), lloyd_from(cloud, seeds, weights, 300)}) {
      CHECK(used_labels(result.labels) == std::min(k, places.size()));
      check_fixed_point(cloud, weights, result);
    }
  }
}

TEST_CASE("kmeans: light rows keep a center when the heavy ones leave their cluster") {
  // Cluster 0 begins with three rows of weight ~1e-20 and the heavy ones at ±10, which clusters 1 and 2 then draw away. A sum
  // that went through the heavy ones has lost the light ones. Were cluster 0 lost too, it would be put on the row at 200.
  const Cloud cloud{10, 1, {0, 0.25, -1, -10, 10, -25, 25, -16, 16, 200}};
  const Doubles weights = {1e-20, 2e-20, 1e-20, 1, 1, 1e-20, 1e-20, 1, 1, 1e-20};
  const KMeansResult result = lloyd_from(cloud, {0, 5, 6}, weights, 300);
  CHECK(result.labels == std::vector<std::int32_t>{0, 0, 0, 1, 2, 1, 2, 1, 2, 2});
  CHECK(result.centers[0] == doctest::Approx(-0.125).epsilon(1e-15));
  CHECK(result.centers[1] == doctest::Approx(-13).epsilon(1e-15));
  CHECK(result.centers[2] == doctest::Approx(13).epsilon(1e-15));
}

TEST_CASE("kmeans: coinciding rows share the first of the centers that lie on them") {
  const KMeansResult same = kmeans(Cloud{6, 2, Doubles(12, 0.1)}.view(), 4, 1);
  CHECK(same.labels == std::vector<std::int32_t>(6, 0));
  CHECK(same.centers == Doubles(8, 0.1));
  CHECK(same.inertia == 0.0);
  const Cloud three{7, 1, {2, 2, 5, 5, 5, -1, 2}};
  const KMeansResult result = kmeans(three.view(), 5, 1);
  CHECK(used_labels(result.labels) == 3);
  CHECK(result.inertia == 0.0);
}

TEST_CASE("kmeans: bad arguments are named, and a stop ends it") {
  const Cloud cloud = blobs(50000, 4, 5, 1.0, 131);
  const double nan = std::numeric_limits<double>::quiet_NaN();
  CHECK_THROWS_WITH_AS(kmeans(cloud.view(), 3, 1, {}, -1), "max_iter must be ≥ 0, but is -1", InvalidArgument);
  CHECK_THROWS_WITH_AS(kmeans(cloud.view(), 50001, 1),
                       "n_components must be in [1, 50000] (X has 50000 rows), but is 50001", InvalidArgument);
  Cloud bad = cloud;
  bad.values[4 * 31234 + 2] = nan;
  CHECK_THROWS_WITH_AS(kmeans(bad.view(), 3, 1), "X[31234, 2] must be finite, but is nan", InvalidArgument);
  Doubles weights(static_cast<std::size_t>(cloud.n));
  CHECK_THROWS_AS(kmeans(cloud.view(), 1, 1, weights), InvalidArgument);
  weights[7] = 1;
  CHECK_THROWS_WITH_AS(kmeans(cloud.view(), 2, 1, weights),
                       "sample_weight must have at least n_components = 2 positive values, but has 1", InvalidArgument);
  const Execution stopped{2, [] { return true; }};
  CHECK_THROWS_AS(for (int i = 0; i < 100; ++i) kmeans(cloud.view(), 50, 1, {}, 300, stopped), Interrupted);
}
