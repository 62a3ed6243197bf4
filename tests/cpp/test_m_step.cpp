#include "messages.hpp"
#include "problems.hpp"

#include <gaussmix/statistics.hpp>

#include <doctest/doctest.h>

// What the M-step does with components that are empty or collapsed.

using namespace gaussmix;
using namespace problems;
using messages::message_of;

namespace {

using Indices = std::vector<Index>;

Statistics statistics_of(const Mixture& mixture, const Samples& x) {
  Statistics out(mixture);
  out.accumulate(x);
  return out;
}

/// Two broad components and a third one whose rows, if any, stand far away.
Mixture with_far_component(CovarianceType type) {
  const Doubles weights = {0.5, 0.375, 0.125}, means = {0, 0, 6, 6, 1e6, 1e6};
  const Doubles covariances = type == CovarianceType::full   ? Doubles{1, 0, 0, 1, 1, 0, 0, 1, 1, 0, 0, 1}
                              : type == CovarianceType::tied ? Doubles{1, 0, 0, 1}
                                                             : Doubles(at(covariance_size(type, 3, 2)), 1);
  return {weights, MatrixView<const double>(means.data(), 3, 2), covariances, type};
}

/// Rows around the first two of these components, and `copies` of the third one's mean.
Doubles rows_with_copies(Index copies) {
  detail::Random random(79);
  Doubles x;
  for (Index i = 0; i < 60; ++i)
    for (int j = 0; j < 2; ++j) x.push_back((i % 3 == 0 ? 6.0 : 0.0) + symmetric(random, 2));
  for (Index i = 0; i < 2 * copies; ++i) x.push_back(1e6);
  return x;
}

MatrixView<const double> pairs(const Doubles& x) { return {x.data(), static_cast<Index>(x.size()) / 2, 2}; }

MaximizeOptions with(OnDegenerate policy, bool allow_singular = false) { return {0.0, policy, allow_singular}; }

struct Collapsed {
  Mixture mixture;
  Doubles x;
};

/// Component 2 sits on 20 copies of one row.
Collapsed collapsed(CovarianceType type) { return {with_far_component(type), rows_with_copies(20)}; }

constexpr CovarianceType own_covariances[] = {CovarianceType::full, CovarianceType::diag, CovarianceType::spherical};

/// Variances of component c along the features.
Doubles variances(const Mixture& m, Index c) {
  const Reference reference(m);
  return {static_cast<double>(reference.sigma(c, 0, 0)), static_cast<double>(reference.sigma(c, 1, 1))};
}

/// Variances of the data along the features.
Doubles variances_of(const Doubles& x) {
  const Real n = static_cast<Real>(x.size() / 2);
  Doubles out;
  for (std::size_t j = 0; j < 2; ++j) {
    Real mean = 0, square = 0;
    for (std::size_t i = j; i < x.size(); i += 2) mean += x[i] / n;
    for (std::size_t i = j; i < x.size(); i += 2) square += (x[i] - mean) * (x[i] - mean) / n;
    out.push_back(static_cast<double>(square));
  }
  return out;
}

}  // namespace

TEST_CASE("maximize: an empty component meets the policy") {
  for (const CovarianceType type : all_types) {
    CAPTURE(to_string(type));
    const Mixture before = with_far_component(type);
    const Doubles x = rows_with_copies(0);
    const Statistics stats = statistics_of(before, pairs(x));
    REQUIRE(stats.component_weights()[2] == 0);
    const std::string message = message_of<NumericalError>([&] { stats.maximize(); });
    CHECK(message.find("component 2 is empty: its share of the weight is 0") == 0);

    MaximizeReport report;
    const Mixture kept = stats.maximize(with(OnDegenerate::floor), &report);
    CHECK(kept.weights()[2] == 0);
    CHECK(kept.means()(2, 0) == 1e6);
    CHECK(report.floored == Indices{2});
    CHECK((report.dropped.empty() && report.reseeded.empty()));

    const Mixture dropped = stats.maximize(with(OnDegenerate::drop), &report);
    CHECK(dropped.n_components() == 2);
    CHECK(report.dropped == Indices{2});
    CHECK((report.floored.empty() && report.reseeded.empty()));
    // The component had no share in anything, so the rest is an M-step without it.
    for (Index c = 0; c < 2; ++c) {
      CHECK(std::abs(dropped.weights()[c] - stats.component_weights()[c] / 60) <= 8 * unit<double>);
      CHECK(std::equal(&dropped.means()(c, 0), &dropped.means()(c, 0) + 2, &kept.means()(c, 0)));
      CHECK(variances(dropped, c) == variances(kept, c));
    }

    const Mixture reseeded = stats.maximize(with(OnDegenerate::reseed), &report);
    CHECK(report.reseeded == Indices{2});
    CHECK((report.floored.empty() && report.dropped.empty()));
    const Index heaviest = dropped.weights()[0] > dropped.weights()[1] ? 0 : 1;
    CHECK(reseeded.weights()[2] == reseeded.weights()[heaviest]);
    CHECK(std::abs(reseeded.weights()[2] - dropped.weights()[heaviest] / 2) <= 8 * unit<double>);
    double apart = 0;
    for (Index j = 0; j < 2; ++j) {
      const double middle = (reseeded.means()(2, j) + reseeded.means()(heaviest, j)) / 2;
      CHECK(std::abs(middle - dropped.means()(heaviest, j)) <= 1e-14);  // means of order 1, a few roundings
      apart += std::abs(reseeded.means()(2, j) - reseeded.means()(heaviest, j));
    }
    CHECK(apart > 0.1);
    CHECK(variances(reseeded, 2) == variances(dropped, heaviest));
  }
}

TEST_CASE("maximize: a collapsed component meets the policy") {
  for (const CovarianceType type : own_covariances) {
    CAPTURE(to_string(type));
    const auto [before, x] = collapsed(type);
    const Statistics stats = statistics_of(before, pairs(x));
    const std::string message = message_of<NumericalError>([&] { stats.maximize(); });
    CHECK(message.find("component 2 has collapsed: its covariance has rank 0 of 2") == 0);

    MaximizeReport report;
    const Mixture floored = stats.maximize(with(OnDegenerate::floor), &report);
    CHECK(std::find(report.floored.begin(), report.floored.end(), 2) != report.floored.end());
    const Doubles total = variances_of(x), found = variances(floored, 2);
    for (std::size_t j = 0; j < 2; ++j) {
      const double least = 1e-6 * (is_spherical(type) ? (total[0] + total[1]) / 2 : total[j]);
      CHECK(std::abs(found[j] / least - 1) <= 1e-9);  // a condition of 1e-6 beside the rounding
    }

    CHECK(stats.maximize(with(OnDegenerate::drop), &report).n_components() == 2);
    CHECK(report.dropped == Indices{2});
    const Mixture reseeded = stats.maximize(with(OnDegenerate::reseed), &report);
    CHECK(reseeded.n_components() == 3);
    CHECK(report.reseeded == Indices{2});

    const Mixture singular = stats.maximize(with(OnDegenerate::raise, true), &report);
    CHECK(singular.rank()[2] == 0);
    CHECK(variances(singular, 2) == Doubles{0, 0});
    CHECK((report.floored.empty() && report.dropped.empty() && report.reseeded.empty()));
  }
}

TEST_CASE("maximize: keep goes on with a collapsed component as reg_covar leaves it, and with an empty one as it was") {
  for (const CovarianceType type : own_covariances) {
    CAPTURE(to_string(type));
    const auto [before, x] = collapsed(type);
    const Statistics stats = statistics_of(before, pairs(x));
    MaximizeReport report;
    CHECK(variances(stats.maximize({0.25, OnDegenerate::keep, false}, &report), 2) == Doubles{0.25, 0.25});
    CHECK(report.kept == Indices{2});
    const std::string message = message_of<NumericalError>([&] { stats.maximize(with(OnDegenerate::keep)); });
    CHECK(message.find("component 2 has collapsed: its covariance has rank 0 of 2") == 0);

    const Mixture far = with_far_component(type);
    const Mixture after = statistics_of(far, pairs(rows_with_copies(0))).maximize(with(OnDegenerate::keep), &report);
    CHECK(report.kept == Indices{2});
    CHECK(after.means()(2, 0) == far.means()(2, 0));
    CHECK(variances(after, 2) == variances(far, 2));
  }
}

TEST_CASE("maximize: reg_covar is added to every variance and keeps a collapsed component") {
  for (const CovarianceType type : all_types) {
    CAPTURE(to_string(type));
    const auto [before, x] = collapsed(type);
    const Statistics stats = statistics_of(before, pairs(x));
    MaximizeReport report;
    const Mixture after = stats.maximize({0.25, OnDegenerate::raise, false}, &report);
    CHECK(report.floored.empty());
    if (std::count(std::begin(own_covariances), std::end(own_covariances), type))
      CHECK(variances(after, 2) == Doubles{0.25, 0.25});
    const Mixture more = stats.maximize({1.25, OnDegenerate::raise, false});
    for (std::size_t j = 0; j < 2; ++j)
      CHECK(std::abs(variances(more, 0)[j] - variances(after, 0)[j] - 1) <= 8 * unit<double>);
    for (const double bad : {-1e-300, inf, std::nan("")})
      CHECK_THROWS_AS(stats.maximize({bad, OnDegenerate::raise, false}), InvalidArgument);
  }
}

TEST_CASE("maximize: under the floor the likelihood never falls, and every covariance keeps the bound") {
  for (const CovarianceType type : all_types) {
    CAPTURE(to_string(type));
    // Pairs of equal rows and as many components as pairs: some shrink to the floor.
    Problem p = random_problem(6, 2, 12, type, 127);
    for (Index i = 0; i < 12; ++i) p.x[at(i)] = p.x[at(i + 12)];
    const Doubles total = variances_of(p.x);
    Mixture mixture = p.mixture();
    double before = -inf;
    Index n_floored = 0;
    for (int i = 0; i < 60; ++i) {
      const Statistics stats = statistics_of(mixture, p.rows());
      // Rounding of the densities, whose covariances have a condition of up to 1e6.
      CHECK(stats.log_likelihood() >= before - 1e-8);
      before = stats.log_likelihood();
      MaximizeReport report;
      mixture = stats.maximize(with(OnDegenerate::floor), &report);
      n_floored += static_cast<Index>(report.floored.size());
      for (Index c = 0; c < 6; ++c)
        for (std::size_t j = 0; j < 2; ++j) {
          const double least = 1e-6 * (is_spherical(type) ? (total[0] + total[1]) / 2 : total[j]);
          CHECK(variances(mixture, c)[j] >= least * (1 - 1e-9));
        }
    }
    CHECK(n_floored > 0);
  }
}

TEST_CASE("maximize: a constant feature is given 1e-6 of the mean variance of the others") {
  // Feature 1 is 5 in every row; feature 0 has the variance 2/3. The mean of the start is elsewhere.
  const Doubles x = {1, 5, 2, 5, 3, 5};
  const Doubles one = {1}, mean = {0, -2};
  for (const CovarianceType type : {CovarianceType::full, CovarianceType::tied, CovarianceType::diag}) {
    CAPTURE(to_string(type));
    const bool is_matrix = type != CovarianceType::diag;
    const Mixture before(one, pairs(mean), is_matrix ? Doubles{1, 0, 0, 1} : Doubles{1, 1}, type);
    MaximizeReport report;
    const Mixture after = statistics_of(before, pairs(x)).maximize(with(OnDegenerate::floor), &report);
    CHECK(report.constant_features == std::vector<Index>{1});
    CHECK(report.floored.empty());
    CHECK(after.covariances()[is_matrix ? 3 : 1] == doctest::Approx(1e-6 * 2 / 3).epsilon(1e-14));
    CHECK(after.covariances()[0] == doctest::Approx(2.0 / 3).epsilon(1e-14));
  }
}

TEST_CASE(
    "maximize: data without variance leave the floor no scale, and where all is singular there is nothing to keep") {
  const Doubles x = {1, 2, 1, 2, 1, 2};
  const Doubles one = {1}, mean = {0, 0}, variance = {1};
  const Mixture before(one, pairs(mean), variance, CovarianceType::spherical);
  const Statistics stats = statistics_of(before, pairs(x));
  const auto message = [&](OnDegenerate policy) {
    return message_of<NumericalError>([&] { stats.maximize(with(policy)); });
  };
  CHECK(message(OnDegenerate::floor).find("X has no variance") == 0);
  CHECK(message(OnDegenerate::drop).find("every component has collapsed") == 0);
  CHECK(message(OnDegenerate::reseed).find("every component has collapsed") == 0);
  CHECK(message(OnDegenerate::raise).find("component 0 has collapsed") == 0);
  CHECK(stats.maximize(with(OnDegenerate::raise, true)).rank()[0] == 0);
}
