#include "problems.hpp"
#include "start/start.hpp"

#include <gaussmix/error.hpp>
#include <gaussmix/fit.hpp>

#include <doctest/doctest.h>

#include <stdexcept>
#include <type_traits>

using namespace gaussmix;
using namespace problems;

namespace {

constexpr Init all_inits[] = {Init::kmeans, Init::kmeans_plus_plus, Init::random, Init::random_from_data};

/// Rows in `k` blobs within 1 of centers that stand 20 apart along every feature.
Problem blobs(Index k, Index d, Index n, std::uint64_t seed) {
  Problem p = random_problem(k, d, n, CovarianceType::full, seed);
  detail::Random random(seed);
  for (Index c = 0; c < k; ++c)
    for (Index j = 0; j < d; ++j) p.means[at(c * d + j)] = 20 * static_cast<double>((c + j) % k);
  for (Index i = 0; i < n; ++i)
    for (Index j = 0; j < d; ++j) p.x[at(i * d + j)] = p.means[at(i % k * d + j)] + symmetric(random, 1);
  return p;
}

FitOptions options_of(CovarianceType type, Init init = Init::kmeans) {
  FitOptions o;
  o.covariance_type = type;
  o.init = init;
  return o;
}

/// Mean of the rows of one blob.
Doubles mean_of(const Problem& p, Index component) {
  Doubles mean(at(p.d));
  double n = 0;
  for (Index i = component; i < p.n; i += p.k, n += 1)
    for (Index j = 0; j < p.d; ++j) mean[at(j)] += p.row(i)[j];
  for (double& value : mean) value /= n;
  return mean;
}

/// The distance of the fitted mean that is nearest to `mean`.
double nearest(const Mixture& mixture, const Doubles& mean) {
  double least = inf;
  for (Index c = 0; c < mixture.n_components(); ++c) {
    double square = 0;
    for (Index j = 0; j < mixture.n_features(); ++j) square += std::pow(mixture.means()(c, j) - mean[at(j)], 2);
    least = std::min(least, std::sqrt(square));
  }
  return least;
}

std::vector<Index> labels_of(const Problem& p) {
  std::vector<Index> labels;
  for (Index i = 0; i < p.n; ++i) labels.push_back(i % p.k);
  return labels;
}

bool same(const FitResult& a, const FitResult& b) {
  return a.mixture == b.mixture && a.log_likelihood == b.log_likelihood && a.trace == b.trace && a.n_iter == b.n_iter &&
         a.converged == b.converged;
}

/// The largest difference of two mixtures' parameters.
double difference(const Mixture& a, const Mixture& b) {
  double worst = 0;
  for (Index c = 0; c < a.n_components(); ++c) {
    worst = std::max(worst, std::abs(a.weights()[c] - b.weights()[c]));
    for (Index j = 0; j < a.n_features(); ++j) worst = std::max(worst, std::abs(a.means()(c, j) - b.means()(c, j)));
  }
  for (Index i = 0; i < a.covariances().size(); ++i)
    worst = std::max(worst, std::abs(a.covariances()[i] - b.covariances()[i]));
  return worst;
}

}  // namespace

TEST_CASE("fit: every start finds separated blobs, for every type") {
  const Problem p = blobs(3, 2, 300, 131);
  for (const CovarianceType type : all_types)
    for (const Init init : all_inits) {
      CAPTURE(to_string(type));
      CAPTURE(to_string(init));
      FitOptions o = options_of(type, init);
      o.n_init = init == Init::kmeans ? 1 : 10;  // the others may begin with two seeds in one blob
      o.max_iter = 500;
      o.tol = 1e-9;  // random responsibilities start on a plateau
      const FitResult result = fit(p.rows(), 3, o);
      CHECK(result.converged);
      for (Index c = 0; c < 3; ++c) CHECK(nearest(result.mixture, mean_of(p, c)) <= 1e-6);
      for (Index c = 0; c < 3; ++c) CHECK(std::abs(result.mixture.weights()[c] - 1.0 / 3) <= 1e-6);
    }
}

TEST_CASE("fit: a single component has the moments of the sample") {
  for (const CovarianceType type : all_types)
    for (const double offset : {0.0, 1e8}) {
      CAPTURE(to_string(type));
      CAPTURE(offset);
      Problem p = blobs(1, 3, 500, 137);
      for (double& value : p.x) value += offset;
      const FitResult result = fit(p.rows(), 1, options_of(type));
      CHECK(result.mixture.weights()[0] == 1);
      const Reference reference(result.mixture);
      std::vector<Real> mean(3), sigma(9);
      for (Index i = 0; i < p.n; ++i)
        for (std::size_t j = 0; j < 3; ++j) mean[j] += (Real(p.row(i)[j]) - p.row(0)[j]) / 500;
      for (Index i = 0; i < p.n; ++i)
        for (std::size_t j = 0; j < 3; ++j)
          for (std::size_t l = 0; l < 3; ++l)
            sigma[3 * j + l] += (p.row(i)[j] - p.row(0)[j] - mean[j]) * (p.row(i)[l] - p.row(0)[l] - mean[l]) / 500;
      const bool matrix = has_matrices(type);
      for (Index j = 0; j < 3; ++j) {
        const Real expected = p.row(0)[j] + mean[at(j)];
        CHECK(std::abs(result.mixture.means()(0, j) - expected) <= 1e-12 + unit<double> * std::abs(expected));
        for (Index l = 0; l < 3; ++l) {
          Real value = matrix || j == l ? sigma[at(3 * j + l)] : 0;
          if (is_spherical(type) && j == l) value = (sigma[0] + sigma[4] + sigma[8]) / 3;
          CHECK(std::abs(reference.sigma(0, j, l) - value) <= 1e-12);
        }
      }
    }
}

TEST_CASE("fit: the likelihood never falls, and the closing one is that of the mixture returned") {
  for (const CovarianceType type : all_types)
    for (const Init init : all_inits) {
      CAPTURE(to_string(type));
      CAPTURE(to_string(init));
      const Problem p = random_problem(4, 3, 500, type, 139);
      FitOptions o = options_of(type, init);
      o.max_iter = 60;
      o.tol = 0;
      const FitResult result = fit(p.rows(), 4, o);
      REQUIRE(result.report.n_floored == 0);
      CHECK(result.n_iter == 60);
      CHECK_FALSE(result.converged);
      CHECK(result.trace.size() == 60);
      // Each mean is within 64u times a few dozen of the exact one.
      for (std::size_t i = 1; i < result.trace.size(); ++i) CHECK(result.trace[i] >= result.trace[i - 1] - 1e-12);
      CHECK(result.log_likelihood == log_likelihood(result.mixture, p.rows()));
      CHECK(result.log_likelihood / 500 >= result.trace.back() - 1e-12);
    }
}

TEST_CASE("fit: the same bits for any thread count, strides and reader") {
  const Problem p = random_problem(4, 5, 3000, CovarianceType::full, 149);
  Doubles fortran(p.x.size());
  for (Index i = 0; i < p.n; ++i)
    for (Index j = 0; j < p.d; ++j) fortran[at(j * p.n + i)] = p.row(i)[j];
  const auto read = [&](Index begin, Index end, double* out) { std::copy(p.row(begin), p.row(end), out); };
  for (const CovarianceType type : all_types)
    for (const Init init : all_inits) {
      CAPTURE(to_string(type));
      CAPTURE(to_string(init));
      FitOptions o = options_of(type, init);
      o.max_iter = 6;
      o.seed = 5;
      const FitResult plain = fit(p.rows(), 4, o, {}, {1, {}});
      for (const int threads : {2, 3, 4}) CHECK(same(fit(p.rows(), 4, o, {}, {threads, {}}), plain));
      CHECK(same(fit(MatrixView<const double>(fortran.data(), p.n, p.d, 1, p.n), 4, o), plain));
      CHECK(same(fit(Samples(p.n, p.d, read), 4, o), plain));
      o.seed = 6;
      if (init == Init::random) CHECK_FALSE(same(fit(p.rows(), 4, o), plain));
    }
}

TEST_CASE("fit: weights are repetitions, weight 0 is absence, and a common factor changes nothing") {
  const Problem p = random_problem(3, 2, 200, CovarianceType::full, 151, 8);
  const std::vector<Index> labels = labels_of(p);
  Doubles weight, repeated, tripled;
  std::vector<Index> repeated_labels;
  for (Index i = 0; i < p.n; ++i) {
    weight.push_back(static_cast<double>(i % 4));
    tripled.push_back(3 * weight.back());
    for (Index r = 0; r < i % 4; ++r) {
      repeated.insert(repeated.end(), p.row(i), p.row(i + 1));
      repeated_labels.push_back(labels[at(i)]);
    }
  }
  for (const CovarianceType type : all_types) {
    CAPTURE(to_string(type));
    FitOptions o = options_of(type), other = o;
    o.max_iter = other.max_iter = 15;
    o.tol = other.tol = 0;
    o.labels_init = labels;
    other.labels_init = repeated_labels;
    const FitResult weighted = fit(p.rows(), 3, o, weight);
    const FitResult plain =
        fit(MatrixView<const double>(repeated.data(), static_cast<Index>(repeated.size()) / 2, 2), 3, other);
    // 1e-12 an iteration, in features of order 1 to 10.
    CHECK(difference(weighted.mixture, plain.mixture) <= 15e-11);
    CHECK(std::abs(weighted.log_likelihood / plain.log_likelihood - 1) <= 1e-12);
    const FitResult thrice = fit(p.rows(), 3, o, tripled);
    CHECK(difference(thrice.mixture, weighted.mixture) <= 15e-11);
    CHECK(std::abs(thrice.log_likelihood / weighted.log_likelihood - 3) <= 1e-11);
  }
}

TEST_CASE("fit: a positive weight counts, however small it is beside the others") {
  const Problem p = blobs(2, 2, 40, 211);
  const std::vector<Index> labels = labels_of(p);
  Doubles weight(at(p.n), 1e-200);
  weight[0] = 1e200;
  for (const Init init : {Init::kmeans, Init::kmeans_plus_plus, Init::random_from_data})
    CHECK_THROWS_WITH_AS(fit(p.rows(), 2, options_of(CovarianceType::full, init), weight),
                         doctest::Contains("X has no variance in any feature"), NumericalError);
  FitOptions o;
  o.labels_init = labels;
  for (std::size_t i = 0; i < labels.size(); ++i) weight[i] = labels[i] == 0 ? 1e200 : 1e-200;
  CHECK_THROWS_WITH_AS(fit(p.rows(), 2, o, weight), doctest::Contains("component 1 is empty"), NumericalError);
  // Off the support of every component, a row of any weight makes the likelihood 0.
  const Doubles pi = {1}, mean = {0, 0}, line = {1, 0, 0, 0}, x = {0, 0, 1, 0, 0, 1};
  o = FitOptions();
  o.mixture_init = Mixture(pi, {mean.data(), 1, 2}, line, CovarianceType::full, true);
  o.allow_singular = true;
  o.max_iter = 0;
  CHECK(fit(MatrixView<const double>(x.data(), 3, 2), 1, o, Doubles{1e200, 1e200, 1e-200}).log_likelihood == -inf);
}

TEST_CASE("fit: responsibilities that came in float32 are judged by its rounding, and divided by their sums") {
  const Problem p = blobs(3, 2, 60, 223);
  const std::vector<Index> labels = labels_of(p);
  constexpr double most = 12 * 0x1p-24;  // 4 · K · u
  Doubles shares(at(3 * p.n)), exact(shares);
  for (Index i = 0; i < p.n; ++i) {
    exact[at(3 * i + labels[at(i)])] = 1;
    shares[at(3 * i + labels[at(i)])] = 1 + (i % 2 ? most : -most);
  }
  FitOptions o;
  o.max_iter = 3;
  o.tol = 0;
  o.responsibilities_init = {exact.data(), p.n, 3};
  const Mixture expected = fit(p.rows(), 3, o).mixture;
  o.responsibilities_init = {shares.data(), p.n, 3};
  CHECK_THROWS_WITH_AS(fit(p.rows(), 3, o), doctest::Contains("responsibilities_init[0] must sum to 1 within 1e-8"),
                       InvalidArgument);
  o.source.responsibilities = FloatType::float32;
  CHECK(fit(p.rows(), 3, o).mixture == expected);
  shares[0] -= 0x1p-24;
  CHECK_THROWS_WITH_AS(
      fit(p.rows(), 3, o),
      doctest::Contains("responsibilities_init[0] must sum to 1 within 7.152557373046875e-07 (float32), but sums to"),
      InvalidArgument);
}

TEST_CASE("fit: without iterations it returns the start, and converges by the change of the mean") {
  const Problem p = blobs(3, 2, 90, 157);
  const std::vector<Index> labels = labels_of(p);
  FitOptions o = options_of(CovarianceType::diag);
  o.labels_init = labels;
  o.max_iter = 0;
  const FitResult start = fit(p.rows(), 3, o);
  CHECK(start.n_iter == 0);
  CHECK(start.trace.empty());
  CHECK_FALSE(start.converged);
  CHECK(start.log_likelihood == log_likelihood(start.mixture, p.rows()));
  for (Index c = 0; c < 3; ++c) CHECK(nearest(start.mixture, mean_of(p, c)) <= 1e-13);

  o = options_of(CovarianceType::diag);
  o.mixture_init = start.mixture;
  o.max_iter = 0;
  CHECK(fit(p.rows(), 3, o).mixture == start.mixture);
  o.max_iter = 50;
  const FitResult more = fit(p.rows(), 3, o);
  CHECK(more.converged);
  CHECK(more.n_iter == 2);  // separated blobs given right: the second iteration finds nothing to change
  CHECK(more.trace[0] == doctest::Approx(start.log_likelihood / 90).epsilon(1e-13));
}

TEST_CASE("fit: the callback sees every iteration and may end the fit, or throw") {
  const Problem p = random_problem(3, 2, 200, CovarianceType::full, 163);
  FitOptions o = options_of(CovarianceType::full, Init::random);
  o.tol = 0;
  o.max_iter = 20;
  o.n_init = 3;
  std::vector<FitProgress> seen;
  o.callback = [&](const FitProgress& progress) {
    seen.push_back(progress);
    return progress.start == 1 && progress.n_iter == 4;
  };
  const FitResult result = fit(p.rows(), 3, o);
  REQUIRE(seen.size() == 24);
  CHECK_FALSE(result.converged);
  for (std::size_t i = 0; i < seen.size(); ++i) {
    CHECK(seen[i].start == static_cast<int>(i / 20));
    CHECK(seen[i].n_iter == static_cast<int>(i % 20) + 1);
    CHECK(seen[i].change == (i % 20 == 0 ? inf : seen[i].mean_log_likelihood - seen[i - 1].mean_log_likelihood));
  }
  CHECK((result.n_iter == 20 || result.n_iter == 4));
  for (std::size_t i = 0; i < result.trace.size(); ++i)
    CHECK(result.trace[i] == seen[i + (result.n_iter == 20 ? 0 : 20)].mean_log_likelihood);
  CHECK(result.mixture == (result.n_iter == 20 ? seen[19] : seen[23]).mixture);
  o.callback = [](const FitProgress&) -> bool { throw std::domain_error("enough"); };
  CHECK_THROWS_AS(fit(p.rows(), 3, o), std::domain_error);
  o.n_init = 1;
  o.max_iter = 0;
  CHECK_THROWS_WITH_AS(fit(p.rows(), 3, o), "callback must not be given when max_iter is 0, as nothing would call it",
                       InvalidArgument);
}

TEST_CASE("fit: a deadline ends a start, or an iteration, with what there is") {
  const Problem p = random_problem(6, 2, 2000, CovarianceType::full, 166);
  FitOptions o = options_of(CovarianceType::full);
  const FitResult whole = fit(p.rows(), 6, o);
  o.deadline = 1e9;
  CHECK(same(fit(p.rows(), 6, o), whole));
  o.deadline = std::numeric_limits<double>::min();  // has passed whenever it is looked at
  o.n_init = 3;
  const FitResult cut = fit(p.rows(), 6, o);
  CHECK(cut.report.ended_by_deadline);
  CHECK_FALSE(cut.converged);
  CHECK(cut.n_iter == 1);
  CHECK(cut.mixture.n_components() == 6);
  CHECK(cut.trace[0] < whole.trace[0]);  // of fewer seeds
  o.n_init = 1;
  o.mixture_init = whole.mixture;
  CHECK(fit(p.rows(), 6, o).n_iter == 1);
  o.max_iter = 1;
  CHECK_FALSE(fit(p.rows(), 6, o).report.ended_by_deadline);  // it was done
}

TEST_CASE("fit: a start asks between its passes whether to end, and ends with what it has") {
  const Problem p = random_problem(6, 2, 2000, CovarianceType::full, 166);
  int asked = 0, last = -1;
  const auto labels = [&] {
    asked = 0;
    return detail::start_labels(p.rows(), 6, Init::kmeans, 0, {}, {}, [&] { return ++asked == last; });
  };
  const auto whole = labels();
  CHECK(whole == detail::start_labels(p.rows(), 6, Init::kmeans, 0, {}, {}));
  const int asks = asked;
  REQUIRE(asks > 8);
  for (const int when : {1, 5, 6, asks}) {
    CAPTURE(when);
    last = when;
    const auto cut = labels();
    CHECK(asked == when);
    for (std::int32_t k = 0; k < 6; ++k) CHECK(std::count(cut.begin(), cut.end(), k) > 0);
  }
}

TEST_CASE("fit: a caller's stop ends it with Interrupted") {
  const Problem p = random_problem(3, 2, 2000, CovarianceType::full, 167);
  FitOptions endless;
  endless.tol = 0;
  endless.max_iter = std::numeric_limits<int>::max();
  Execution execution;
  execution.stop = [] { return true; };
  CHECK_THROWS_AS(fit(p.rows(), 3, endless, {}, execution), Interrupted);
  execution.stop = []() -> bool { throw std::domain_error("signal"); };
  CHECK_THROWS_AS(fit(p.rows(), 3, endless, {}, execution), std::domain_error);
  execution.stop = [] { return false; };
  CHECK(same(fit(p.rows(), 3, {}, {}, execution), fit(p.rows(), 3)));
}

TEST_CASE("fit: of several starts the best is kept") {
  const Problem p = random_problem(6, 2, 240, CovarianceType::full, 173, 8);
  for (const Init init : {Init::random_from_data, Init::kmeans_plus_plus}) {
    FitOptions o = options_of(CovarianceType::full, init);
    o.n_init = 8;
    o.max_iter = 40;
    std::vector<double> last(8);
    o.callback = [&](const FitProgress& progress) {
      last[static_cast<std::size_t>(progress.start)] = progress.mean_log_likelihood;
      return false;
    };
    const FitResult best = fit(p.rows(), 6, o);
    CHECK(best.trace.back() == *std::max_element(last.begin(), last.end()));
    CHECK(*std::max_element(last.begin(), last.end()) > *std::min_element(last.begin(), last.end()) + 1e-3);
    o.n_init = 1;
    CHECK(best.log_likelihood >= fit(p.rows(), 6, o).log_likelihood);
  }
}

// Options keep views, so they take vectors that last and views of whatever else, but no temporary.
template <class T, class... Given>
constexpr bool takes_each = (std::is_assignable_v<T&, Given> && ...);
template <class T, class... Given>
constexpr bool takes_any = (std::is_assignable_v<T&, Given> || ...);
using Kept = decltype(FitOptions::weights_init);
static_assert(std::is_same_v<Kept, decltype(FitOptions::covariances_init)> &&
              std::is_same_v<Kept, decltype(FitOptions::precisions_init)>);
static_assert(takes_each<Kept, Doubles&, const Doubles&, VectorView<double>, VectorView<const double>>);
static_assert(!takes_any<Kept, Doubles, const Doubles>);
using KeptLabels = decltype(FitOptions::labels_init);
static_assert(takes_each<KeptLabels, const std::vector<Index>&, VectorView<Index>>);
static_assert(!takes_any<KeptLabels, std::vector<Index>, const std::vector<Index>>);

TEST_CASE("fit: parameters given are those it starts with") {
  const Problem p = blobs(2, 2, 80, 179);
  const Doubles weights = {0.25, 0.75}, means = {1, 2, 30, 40};
  for (const CovarianceType type : all_types) {
    CAPTURE(to_string(type));
    detail::Random random(3);
    const Doubles covariances = random_covariances(2, 2, type, random);
    FitOptions o = options_of(type);
    o.max_iter = 0;
    o.weights_init = weights;
    o.means_init = MatrixView<const double>(means.data(), 2, 2);
    o.covariances_init = covariances;
    const Mixture given(weights, o.means_init, covariances, type);
    CHECK(fit(p.rows(), 2, o).mixture == given);
    o.covariances_init = {};
    const Mixture partly = fit(p.rows(), 2, o).mixture;
    CHECK(std::equal(means.begin(), means.end(), partly.means().data()));
    CHECK(partly != given);
    // 2 on the diagonal is the inverse of 1/2.
    Doubles precisions(at(partly.covariances().size()));
    const bool matrix = has_matrices(type);
    for (std::size_t i = 0; i < precisions.size(); ++i) precisions[i] = !matrix || i % 4 == 0 || i % 4 == 3 ? 2 : 0;
    o.precisions_init = precisions;
    const Mixture inverse = fit(p.rows(), 2, o).mixture;
    for (std::size_t i = 0; i < precisions.size(); ++i)
      CHECK(std::abs(inverse.covariances()[static_cast<Index>(i)] - precisions[i] / 4) <= 4 * unit<double>);
  }
}
