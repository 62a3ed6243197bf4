#include "em/prior.hpp"
#include "messages.hpp"
#include "model/covariance_type.hpp"
#include "model/mixture_data.hpp"
#include "problems.hpp"

#include <gaussmix/em.hpp>
#include <gaussmix/fit.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>

// Maximum a posteriori, against the formulas of Fraley & Raftery (2007) in plain loops of long double.

using namespace gaussmix;
using namespace problems;
using messages::message_of;

namespace {

constexpr long double pi = 3.14159265358979323846264338327950288L;

/// A prior that is flat nowhere, for D features.
Prior prior_of(CovarianceType type, Index d) {
  Prior prior;
  prior.weight_concentration = 1.75;
  prior.mean_precision = 0.5;
  prior.degrees_of_freedom = static_cast<double>(d) + 2.5;
  for (Index j = 0; j < d; ++j) prior.mean.push_back(0.25 * static_cast<double>(j) - 0.5);
  const detail::CovarianceLayout& layout = detail::layout_of(type);
  for (Index i = 0; i < layout.values_each(d); ++i) {
    const Index row = i / d, column = i % d;
    prior.scale.push_back(layout.is_matrix() ? (row == column ? 1.5 + static_cast<double>(row) : 0.25)
                                             : 1.5 + static_cast<double>(i));
  }
  return prior;
}

/// Rows and a mixture under which they have been summed.
struct Case {
  Problem p;
  Mixture mixture;
  Statistics statistics;

  Case(CovarianceType type, Index k, Index d, Index n, std::uint64_t seed)
      : p(random_problem(k, d, n, type, seed)), mixture(p.mixture()), statistics(mixture) {
    statistics.accumulate(p.rows());
  }
};

MaximizeOptions under(const Prior& prior) { return {0.0, OnDegenerate::raise, false, prior}; }

/// The weighted mean and the scatter about it, (D,) and (D, D), of component k, by responsibilities of the library.
struct PlainMoments {
  long double n = 0;
  std::vector<long double> mean, scatter;

  PlainMoments(const Case& c, const Doubles& gamma, Index k) : mean(at(c.p.d)), scatter(at(c.p.d * c.p.d)) {
    const Index d = c.p.d, n_components = c.mixture.n_components();
    for (Index i = 0; i < c.p.n; ++i) {
      const long double g = gamma[at(i * n_components + k)];
      n += g;
      for (Index j = 0; j < d; ++j) mean[at(j)] += g * c.p.x[at(i * d + j)];
    }
    for (long double& m : mean) m /= n;
    for (Index i = 0; i < c.p.n; ++i)
      for (Index a = 0; a < d; ++a)
        for (Index b = 0; b < d; ++b)
          scatter[at(a * d + b)] += static_cast<long double>(gamma[at(i * n_components + k)]) *
                                    (c.p.x[at(i * d + a)] - mean[at(a)]) * (c.p.x[at(i * d + b)] - mean[at(b)]);
  }
};

Doubles responsibilities_of(const Case& c) {
  Doubles gamma(at(c.p.n * c.mixture.n_components()));
  responsibilities(c.mixture, c.p.rows(), MatrixView<double>(gamma.data(), c.p.n, c.mixture.n_components()));
  return gamma;
}

/// The expected complete-data log-likelihood and the log-density of the prior: what the M-step maximizes.
double objective(const Case& c, const Doubles& gamma, const Mixture& m, const Prior& prior) {
  Doubles joint(gamma.size());
  log_joint(m, c.p.rows(), MatrixView<double>(joint.data(), c.p.n, m.n_components()));
  double sum = detail::log_density(prior, m.data());
  for (std::size_t i = 0; i < joint.size(); ++i) sum += gamma[i] * joint[i];
  return sum;
}

}  // namespace

TEST_CASE("prior: the M-step is the mode, by the formulas of Fraley & Raftery") {
  for (const CovarianceType type : all_types) {
    CAPTURE(to_string(type));
    const Index k = 3, d = 4;
    const Case c(type, k, d, 90, 31);
    const Prior prior = prior_of(type, d);
    const Mixture found = c.statistics.maximize(under(prior));
    const Doubles gamma = responsibilities_of(c);
    const long double kappa = prior.mean_precision, nu = prior.degrees_of_freedom, alpha = prior.weight_concentration;
    const detail::CovarianceLayout& layout = detail::layout_of(type);
    std::vector<long double> pooled(at(d * d));
    long double total = 0;
    for (Index kk = 0; kk < k; ++kk) {
      const PlainMoments plain(c, gamma, kk);
      total += plain.n;
      std::vector<long double> s = plain.scatter;
      for (Index a = 0; a < d; ++a) {
        const long double da = plain.mean[at(a)] - prior.mean[at(a)];
        const long double mean = (plain.n * plain.mean[at(a)] + kappa * prior.mean[at(a)]) / (plain.n + kappa);
        // Sums of 90 rows in double, and the responsibilities' own 4·K·u: 1e-13 of values of order 1.
        CHECK(found.means()(kk, a) == doctest::Approx(static_cast<double>(mean)).epsilon(1e-12));
        for (Index b = 0; b < d; ++b)
          s[at(a * d + b)] += kappa * plain.n / (kappa + plain.n) * da * (plain.mean[at(b)] - prior.mean[at(b)]);
      }
      CHECK(found.weights()[kk] ==
            doctest::Approx(static_cast<double>((plain.n + alpha - 1) / (c.p.n + k * (alpha - 1)))).epsilon(1e-12));
      for (std::size_t i = 0; i < s.size(); ++i) pooled[i] = (layout.shared ? pooled[i] : 0) + s[i];
      if (layout.shared && kk + 1 < k) continue;
      const long double n = layout.shared ? total : plain.n, g = layout.shared ? k : 1, dd = d;
      long double trace = 0;
      for (Index j = 0; j < d; ++j) trace += pooled[at(j * d + j)];
      const VectorView<const double> sigma = found.covariances();
      const Index from = layout.offset(kk, d);
      for (Index i = 0; i < layout.values_each(d); ++i) {
        const long double scale = prior.scale[at(i)];
        const long double expected = layout.is_matrix() ? (scale + pooled[at(i)]) / (nu + dd + n + g + 1)
                                     : layout.shape == detail::CovarianceShape::diagonal
                                         ? (scale + pooled[at(i * d + i)]) / (nu + n + g + 2)
                                         : (scale + trace) / (nu + (n + g) * dd + 2);
        CHECK(sigma[from + i] == doctest::Approx(static_cast<double>(expected)).epsilon(1e-12));
      }
    }
  }
}

TEST_CASE("prior: no step from the mode raises the objective") {
  for (const CovarianceType type : all_types) {
    CAPTURE(to_string(type));
    const Case c(type, 2, 3, 40, 32);
    const Prior prior = prior_of(type, 3);
    const Mixture mode = c.statistics.maximize(under(prior));
    const Doubles gamma = responsibilities_of(c);
    const double best = objective(c, gamma, mode, prior);
    const auto moved = [&](double weight, Index mean, Index covariance, double step) {
      Doubles weights(mode.weights().data(), mode.weights().data() + 2),
          means(mode.means().data(), mode.means().data() + 6);
      Doubles covariances(mode.covariances().data(), mode.covariances().data() + mode.covariances().size());
      weights[0] += weight;
      weights[1] -= weight;
      if (mean >= 0) means[at(mean)] += step;
      if (covariance >= 0) {
        const detail::CovarianceLayout& layout = mode.data().layout;
        const Index each = layout.values_each(3), one = covariance % each;
        covariances[at(covariance)] += step;
        if (layout.is_matrix() && one % 4 != 0) covariances[at(covariance - one + one % 3 * 3 + one / 3)] += step;
      }
      return objective(c, gamma, Mixture(weights, {means.data(), 2, 3}, covariances, type), prior);
    };
    // A step of 1e-3 lowers a parabola by about 40 · 1e-6; rounding of the objective, of order 100, is below 1e-12.
    for (const double step : {1e-3, -1e-3}) {
      CHECK(moved(step, -1, -1, 0) < best);
      for (Index i = 0; i < 6; ++i) CHECK(moved(0, i, -1, step) < best);
      for (Index i = 0; i < mode.covariances().size(); ++i) CHECK(moved(0, -1, i, step) < best);
    }
  }
}

TEST_CASE("prior: the log-density is that of its factors") {
  // One component in two features, and two in one: the factors written out.
  const Doubles sigma = {2.0, 0.5, 0.5, 1.0}, mean = {0.3, -0.2};
  const Mixture one(Doubles{1.0}, {mean.data(), 1, 2}, sigma, CovarianceType::full);
  Prior prior = prior_of(CovarianceType::full, 2);
  const long double nu = prior.degrees_of_freedom, kappa = prior.mean_precision, det = 1.75L;
  const auto quadratic = [&](long double a, long double b) { return (a * a - a * b + 2 * b * b) / det; };
  const long double normal = 0.5L * std::log(kappa * kappa / det) - std::log(2 * pi) -
                             0.5L * kappa * quadratic(0.3L - prior.mean[0], -0.2L - prior.mean[1]);
  // Λ = [[1.5, 0.25], [0.25, 2.5]]; tr(Λ Σ⁻¹) with Σ⁻¹ = [[1, −0.5], [−0.5, 2]] / det.
  const long double det_scale = 1.5L * 2.5L - 0.0625L, trace = (1.5L - 0.25L + 5.0L) / det;
  const long double log_gamma = 0.5L * std::log(pi) + std::lgamma(nu / 2) + std::lgamma((nu - 1) / 2);
  const long double wishart = 0.5L * nu * std::log(det_scale) - nu * std::log(2.0L) - log_gamma -
                              0.5L * (nu + 3) * std::log(det) - 0.5L * trace;
  // Γ(α)/Γ(α) of one weight, which is 1, is 0. The sum is of eight terms of order 10.
  CHECK(detail::log_density(prior, one.data()) ==
        doctest::Approx(static_cast<double>(normal + wishart)).epsilon(1e-14));

  const Doubles weights = {0.25, 0.75}, means = {0.0, 1.0}, variances = {0.5, 3.0};
  const Mixture two(weights, {means.data(), 2, 1}, variances, CovarianceType::diag);
  prior = prior_of(CovarianceType::diag, 1);
  const long double a = prior.weight_concentration, nu1 = prior.degrees_of_freedom, k1 = prior.mean_precision;
  long double sum = std::lgamma(2 * a) - 2 * std::lgamma(a);
  for (std::size_t i = 0; i < 2; ++i) {
    const long double v = variances[i], shift = means[i] - prior.mean[0];
    sum += (a - 1) * std::log(static_cast<long double>(weights[i]));
    sum += 0.5L * std::log(k1 / (2 * pi * v)) - 0.5L * k1 * shift * shift / v;
    sum += 0.5L * nu1 * std::log(0.75L) - std::lgamma(nu1 / 2) - (nu1 / 2 + 1) * std::log(v) - 0.75L / v;
  }
  CHECK(detail::log_density(prior, two.data()) == doctest::Approx(static_cast<double>(sum)).epsilon(1e-14));
}

TEST_CASE("prior: a flat one changes no bit") {
  for (const CovarianceType type : all_types) {
    const Case c(type, 3, 2, 60, 33);
    CHECK(c.statistics.maximize(under(Prior{})) == c.statistics.maximize());
  }
}

TEST_CASE("prior: EM under it climbs, where without it components collapse") {
  for (const CovarianceType type : all_types) {
    CAPTURE(to_string(type));
    const Problem p = random_problem(4, 6, 14, type, 34);  // fewer rows than a covariance of each component needs
    FitOptions o;
    o.covariance_type = type;
    o.on_degenerate = OnDegenerate::raise;
    o.tol = 0;
    o.max_iter = 30;
    if (type == CovarianceType::full) CHECK_THROWS_AS(fit(p.rows(), 4, o), NumericalError);
    o.prior = prior_of(type, 6);
    const FitResult result = fit(p.rows(), 4, o);
    for (std::size_t i = 1; i < result.trace.size(); ++i)
      CHECK(result.trace[i] >= result.trace[i - 1] - 64 * 0x1p-53 * std::abs(result.trace[i]));
    CHECK(result.mixture.n_components() == 4);
    CHECK(result.log_likelihood != doctest::Approx(result.trace.back() * 14));  // the prior is in the trace alone
    Statistics sums(result.mixture);
    sums.accumulate(p.rows());
    EM em(result.mixture, {0, 30, 0.0, OnDegenerate::raise, false, o.prior});
    const double mean = em.step(sums).mean_log_likelihood;
    CHECK(mean == doctest::Approx((result.log_likelihood + detail::log_density(*o.prior, result.mixture.data())) / 14));
    CHECK(mean >= result.trace.back() - 64 * 0x1p-53 * std::abs(mean));
  }
}

TEST_CASE("prior: a component without rows is what the prior says") {
  const Doubles weights = {0.5, 0.5}, means = {0, 0, 1e9, 1e9}, rows = {0.1, 0.2, -0.3, 0.4, 0.2, -0.1};
  const Doubles covariances = {1, 0, 0, 1, 1, 0, 0, 1};
  const Mixture start(weights, {means.data(), 2, 2}, covariances, CovarianceType::full);
  Statistics sums(start);
  sums.accumulate(MatrixView<const double>(rows.data(), 3, 2));
  const Prior prior = prior_of(CovarianceType::full, 2);
  const Mixture next = sums.maximize(under(prior));
  CHECK(next.weights()[1] == 0.75 / 4.5);
  for (Index j = 0; j < 2; ++j) CHECK(next.means()(1, j) == doctest::Approx(prior.mean[at(j)]).epsilon(1e-6));
  CHECK(next.covariances()[4] == doctest::Approx(1.5 / (4.5 + 2 + 0 + 2)));
  Prior weights_alone;
  weights_alone.weight_concentration = 2;
  CHECK_THROWS_AS(sums.maximize(under(weights_alone)), NumericalError);  // nothing says what its covariance is
}

TEST_CASE("prior: however great its concentration is, covariances stay those of the rows") {
  const Case c(CovarianceType::full, 2, 2, 40, 36);
  Prior prior = prior_of(CovarianceType::full, 2);
  const Mixture plain = c.statistics.maximize(under(prior));
  for (const double alpha : {1.0, 1e10, 1e18, 1e300}) {
    prior.weight_concentration = alpha;
    const Mixture found = c.statistics.maximize(under(prior));
    for (Index i = 0; i < 8; ++i) CHECK(found.covariances()[i] == plain.covariances()[i]);
    if (alpha >= 1e18) CHECK(found.weights()[0] == 0.5);
  }
}

TEST_CASE("prior: the same mode under every policy, constant features too") {
  Doubles x;
  detail::Random random(37);
  for (Index i = 0; i < 60; ++i) x.insert(x.end(), {1e4 * symmetric(random, 1), 1.0});
  Prior prior;
  prior.degrees_of_freedom = 4;
  prior.scale = {1e6, 0, 0, 1e-2};
  FitOptions o;
  o.prior = prior;
  const MatrixView<const double> rows(x.data(), 60, 2);
  o.on_degenerate = OnDegenerate::raise;
  const Mixture expected = fit(rows, 1, o).mixture;
  // Λ / (n + ν + D + 1): nothing scatters there.
  CHECK(expected.covariances()[3] == doctest::Approx(1e-2 / 67).epsilon(1e-13));
  for (const OnDegenerate policy : {OnDegenerate::floor, OnDegenerate::drop, OnDegenerate::reseed}) {
    o.on_degenerate = policy;
    CHECK(fit(rows, 1, o).mixture == expected);
  }
  const Doubles same(40, 2.5);  // no variance at all
  o.on_degenerate = OnDegenerate::floor;
  CHECK(fit(MatrixView<const double>(same.data(), 20, 2), 1, o).mixture.covariances()[0] ==
        doctest::Approx(1e6 / 27).epsilon(1e-13));
}

TEST_CASE("prior: it weighs so many rows, whatever the scale of the weights is") {
  const Problem p = random_problem(1, 2, 50, CovarianceType::full, 38);
  FitOptions o;
  o.prior = prior_of(CovarianceType::full, 2);
  for (const int exponent : {64, 65, -64, -65}) {
    CAPTURE(exponent);
    const Doubles weight(50, std::ldexp(1.0, exponent));
    const Mixture found = fit(p.rows(), 1, o, weight).mixture;
    Statistics sums(found);
    sums.accumulate(p.rows(), weight);
    const Mixture next = sums.maximize({0.0, OnDegenerate::raise, false, o.prior});
    for (Index i = 0; i < 4; ++i)
      CHECK(found.covariances()[i] == doctest::Approx(next.covariances()[i]).epsilon(1e-13));
  }
}

TEST_CASE("prior: what is no prior is refused") {
  const Case c(CovarianceType::full, 2, 2, 20, 35);
  const auto message = [&](auto change, bool allow_singular = false) {
    Prior prior = prior_of(CovarianceType::full, 2);
    change(prior);
    return messages::message_of([&] {
      MaximizeOptions options = under(prior);
      options.allow_singular = allow_singular;
      c.statistics.maximize(options);
    });
  };
  const double nan = std::numeric_limits<double>::quiet_NaN();
  using P = Prior;
  CHECK(message([](P& p) { p.weight_concentration = 0.5; }) ==
        "prior.weight_concentration must be ≥ 1 and finite, but is 0.5");
  CHECK(message([&](P& p) { p.mean_precision = nan; }) == "prior.mean_precision must be ≥ 0 and finite, but is nan");
  CHECK(message([](P& p) { p.mean.pop_back(); }) == "prior.mean must have 2 values, but has 1");
  CHECK(message([](P& p) { p.mean_precision = 0; }) == "prior.mean must have 0 values, but has 2");
  CHECK(message([&](P& p) { p.mean[1] = nan; }) == "prior.mean[1] must be finite, but is nan");
  CHECK(message([](P& p) { p.degrees_of_freedom = 1; }) ==
        "prior.degrees_of_freedom must be above n_features - 1 and finite, but is 1");
  CHECK(message([](P& p) { p.scale.clear(); }) == "prior.degrees_of_freedom must be 0 without prior.scale, but is 4.5");
  CHECK(message([](P& p) { p.scale.pop_back(); }) == "prior.scale must have 4 values, but has 3");
  CHECK(message([](P& p) { p.scale[1] = 0; }) == "prior.scale must be symmetric, but [1, 0] is 0.25 and [0, 1] is 0");
  CHECK(message([](P& p) { p.scale[1] *= 1 + 1e-13; }) == "no error");  // the rounding of a product
  CHECK(message([](P& p) { p.scale = {-1, 2, 2, 1}; }).find("prior.scale must be") == 0);
  CHECK(message([](P& p) { p.scale = {1, 2, 2, 1}; }) == "prior.scale must be positive definite, but is not");
  CHECK(message([](P&) {}, true) ==
        "prior must not be given together with allow_singular, under which it has no density");
  Prior prior = prior_of(CovarianceType::diag, 2);
  prior.scale[1] = 0;
  FitOptions o;
  o.covariance_type = CovarianceType::diag;
  o.prior = prior;
  CHECK(messages::message_of([&] { fit(c.p.rows(), 2, o); }) == "prior.scale[1] must be above 0, but is 0");
  CHECK(messages::message_of([&] { EM(c.mixture, {1e-3, 1, 0.0, OnDegenerate::floor, false, prior}); }) ==
        "prior.scale must have 4 values, but has 2");
  const Doubles one_weight = {1}, zero_means = {0, 0}, rank_one = {1, 0, 0, 0};
  const Mixture singular(one_weight, {zero_means.data(), 1, 2}, rank_one, CovarianceType::full, true);
  CHECK(message_of([&] {
          EM(singular, {1e-3, 1, 0.0, OnDegenerate::floor, false, prior_of(CovarianceType::full, 2)});
        }) == "mixture must be positive definite beside a prior, but component 0 has rank 1 of 2");
  o = {};
  o.mixture_init = c.mixture;
  o.max_iter = 0;
  o.prior = prior_of(CovarianceType::full, 2);
  CHECK(messages::message_of([&] { fit(c.p.rows(), 2, o); }) ==
        "prior must not be given when max_iter is 0 and the covariances are given, as none would be estimated");
}
