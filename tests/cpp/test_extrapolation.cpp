#include "em/extrapolation.hpp"

#include "messages.hpp"
#include "model/mixture_data.hpp"
#include "problems.hpp"

#include <gaussmix/em.hpp>
#include <gaussmix/fit.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

// Accelerated EM: the point beyond two steps, and what a fit by such points keeps of EM's promises.

using namespace gaussmix;
using namespace problems;
using messages::message_of;

namespace {

/// The coordinates in long double: log π, μ in units of `scale`, and Cholesky factors of Σ likewise, diagonals as logs.
std::vector<long double> coordinates(const Mixture& m, const Doubles& scale) {
  const Index k = m.n_components(), d = m.n_features();
  const detail::CovarianceLayout& layout = m.data().layout;
  std::vector<long double> out;
  for (Index c = 0; c < k; ++c) out.push_back(std::log(static_cast<long double>(m.weights()[c])));
  for (Index c = 0; c < k; ++c)
    for (Index j = 0; j < d; ++j) out.push_back(static_cast<long double>(m.means()(c, j)) / scale[at(j)]);
  for (Index c = 0; c < layout.count(k); ++c) {
    const double* sigma = m.covariances().data() + layout.offset(c, d);
    if (!layout.is_matrix()) {
      for (Index j = 0; j < layout.values_each(d); ++j) out.push_back(std::log(static_cast<long double>(sigma[j])) / 2);
      continue;
    }
    std::vector<long double> l(at(d * d));
    for (Index i = 0; i < d; ++i)
      for (Index j = 0; j <= i; ++j) {
        long double sum = sigma[i * d + j];
        for (Index r = 0; r < j; ++r) sum -= l[at(i * d + r)] * l[at(j * d + r)];
        l[at(i * d + j)] = i == j ? std::sqrt(sum) : sum / l[at(j * d + j)];
        const long double scaled = l[at(i * d + j)] / scale[at(i)];
        out.push_back(i == j ? std::log(scaled) : scaled);
      }
  }
  return out;
}

/// A mixture after each of two steps of EM from the problem's own.
struct Steps {
  Mixture theta0, theta1, theta2;

  explicit Steps(const Problem& p) : theta0(p.mixture()), theta1(next(p, theta0)), theta2(next(p, theta1)) {}

  static Mixture next(const Problem& p, const Mixture& mixture) {
    Statistics sums(mixture);
    sums.accumulate(p.rows());
    return sums.maximize();
  }
};

/// A fit in which EM is slow: components that overlap.
FitOptions slow(Acceleration accelerate, int max_iter) {
  FitOptions o;
  o.tol = 0;
  o.max_iter = max_iter;
  o.accelerate = accelerate;
  return o;
}

Problem overlapping(CovarianceType type) { return random_problem(4, 2, 400, type, 51); }

}  // namespace

TEST_CASE("extrapolation: the point is that of the formula, in each structure and scale of features") {
  for (const CovarianceType type : all_types)
    for (const double unit : {1.0, 1e-6}) {
      CAPTURE(to_string(type));
      Problem p = random_problem(3, 4, 200, type, 52);
      const Steps s(p);
      const Doubles variances = {1.0, 4.0, unit, 9.0}, scale = {1.0, 2.0, std::sqrt(unit), 3.0};
      const double longest = 3.0;
      const detail::Extrapolation found = detail::extrapolate(s.theta0, s.theta1, s.theta2, variances, longest, {});
      const auto x0 = coordinates(s.theta0, scale), x1 = coordinates(s.theta1, scale),
                 x2 = coordinates(s.theta2, scale);
      long double rr = 0, vv = 0;
      for (std::size_t i = 0; i < x0.size(); ++i) {
        rr += (x1[i] - x0[i]) * (x1[i] - x0[i]);
        vv += (x2[i] - 2 * x1[i] + x0[i]) * (x2[i] - 2 * x1[i] + x0[i]);
      }
      const long double free = std::sqrt(rr / vv), a = std::min(free, static_cast<long double>(longest));
      if (free <= 1) {
        CHECK_FALSE(found.mixture.has_value());
        continue;
      }
      CHECK(found.is_longest == (free >= longest));
      REQUIRE(found.mixture.has_value());
      auto x = coordinates(*found.mixture, scale);
      long double sum = 0;
      std::vector<long double> expected;
      for (std::size_t i = 0; i < x.size(); ++i)
        expected.push_back(x0[i] + 2 * a * (x1[i] - x0[i]) + a * a * (x2[i] - 2 * x1[i] + x0[i]));
      for (std::size_t c = 0; c < 3; ++c) sum += std::exp(expected[c]);
      // Weights sum to 1 again. Coordinates are of order 10, differences are taken thrice and a² ≤ 9; factors of matrices within
      // a condition of 1e3 of these.
      for (std::size_t i = 0; i < x.size(); ++i)
        CHECK(std::abs(x[i] - (i < 3 ? expected[i] - std::log(sum) : expected[i])) <
              1e5 * 0x1p-53 * (1 + std::abs(x[i])));
    }
}

TEST_CASE("extrapolation: nothing lies beyond a fixed point, or has a factor where a covariance has none") {
  const Problem p = random_problem(2, 2, 50, CovarianceType::full, 53);
  const Mixture m = p.mixture();
  const Doubles variances = {1, 1};
  CHECK_FALSE(detail::extrapolate(m, m, m, variances, 4, {}).mixture.has_value());
  const Doubles weights = {0.5, 0.5}, means = {0, 0, 1, 1}, flat = {1, 0, 0, 0, 1, 0, 0, 0};
  const Mixture singular(weights, {means.data(), 2, 2}, flat, CovarianceType::full, true);
  CHECK_FALSE(detail::extrapolate(singular, m, m, variances, 4, {}).mixture.has_value());
}

TEST_CASE("accelerated EM climbs, to the same fixed point in fewer passes") {
  for (const CovarianceType type : all_types) {
    CAPTURE(to_string(type));
    const Problem p = overlapping(type);
    const FitResult plain = fit(p.rows(), 3, slow(Acceleration::none, 2000));
    const FitResult fast = fit(p.rows(), 3, slow(Acceleration::squarem, 700));
    const double rounding = 64 * 0x1p-53 * std::abs(plain.trace.back());
    for (std::size_t i = 1; i < fast.trace.size(); ++i) CHECK(fast.trace[i] >= fast.trace[i - 1] - rounding);
    CHECK(fast.trace.back() >= plain.trace.back() - rounding);
    // The passes until the level that EM has after 150.
    const double level = plain.trace[149] - rounding;
    const auto passes = std::find_if(fast.trace.begin(), fast.trace.end(), [&](double l) { return l >= level; }) -
                        fast.trace.begin() + 1;
    CHECK(passes <= 75);
    Execution two;
    two.num_threads = 2;
    const FitResult again = fit(p.rows(), 3, slow(Acceleration::squarem, 700), {}, two);
    CHECK(again.mixture == fast.mixture);
    CHECK(again.trace == fast.trace);
  }
}

TEST_CASE("accelerated EM ends with a mixture whose likelihood is known, wherever it is ended") {
  const Problem p = overlapping(CovarianceType::full);
  Index rejected = 0;
  for (int max_iter = 1; max_iter <= 60; ++max_iter) {
    CAPTURE(max_iter);
    const FitResult result = fit(p.rows(), 4, slow(Acceleration::squarem, max_iter));
    rejected = result.report.n_rejected;
    CHECK(result.n_iter == max_iter);
    const double mean = result.log_likelihood / static_cast<double>(p.n);
    CHECK(mean >= result.trace.back() - 64 * 0x1p-53 * std::abs(mean));
    FitOptions stopped = slow(Acceleration::squarem, 1000);
    stopped.callback = [&](const FitProgress& progress) { return progress.n_iter == max_iter; };
    const FitResult ended = fit(p.rows(), 4, stopped);
    CHECK(ended.log_likelihood / static_cast<double>(p.n) >= ended.trace.back() - 64 * 0x1p-53 * std::abs(mean));
  }
  CHECK(rejected > 0);  // so that what a rejected point does has been seen
}

TEST_CASE("accelerated EM: a rejected point is told by the loop, and not to the callback of a fit") {
  const Problem p = overlapping(CovarianceType::full);
  std::vector<int> told;
  FitOptions o = slow(Acceleration::squarem, 60);
  o.callback = [&](const FitProgress& progress) {
    CHECK_FALSE(progress.rejected);
    told.push_back(progress.n_iter);
    return false;
  };
  const FitResult result = fit(p.rows(), 4, o);
  CHECK(result.report.n_rejected > 0);
  CHECK(told.size() == 60);
  for (std::size_t i = 0; i < told.size(); ++i) CHECK(told[i] == static_cast<int>(i) + 1);
  FitOptions start_only;
  start_only.max_iter = 0;
  EM em(fit(p.rows(), 4, start_only).mixture, {0, 60, 0.0, OnDegenerate::floor, false, {}, Acceleration::squarem});
  Index rejected = 0;
  while (!em.done()) {
    Statistics sums(em.mixture());
    sums.accumulate(p.rows());
    const int before = em.n_iter();
    const FitProgress progress = em.step(sums);
    CHECK(progress.rejected == (em.n_iter() == before));
    CHECK(progress.mixture == em.result());
    rejected += progress.rejected;
  }
  CHECK(rejected == em.report().n_rejected);
  CHECK(rejected > 0);
}

TEST_CASE("accelerated EM: components that are floored, dropped or reseeded are stepped past") {
  for (const OnDegenerate policy : {OnDegenerate::floor, OnDegenerate::drop, OnDegenerate::reseed}) {
    CAPTURE(to_string(policy));
    Problem p = overlapping(CovarianceType::full);
    for (Index i = 0; i < 40; ++i) std::fill_n(p.x.begin() + 2 * i, 2, 3.0);  // one row many times
    FitOptions o = slow(Acceleration::squarem, 80);
    o.on_degenerate = policy;
    const FitResult result = fit(p.rows(), 8, o);
    CHECK(std::isfinite(result.log_likelihood));
    CHECK(result.report.n_floored + result.report.n_dropped + result.report.n_reseeded > 0);
    if (policy != OnDegenerate::floor) continue;
    for (std::size_t i = 1; i < result.trace.size(); ++i)
      CHECK(result.trace[i] >= result.trace[i - 1] - 64 * 0x1p-53 * std::abs(result.trace[i]));
  }
}

TEST_CASE("stopping by what is left: no sooner than by the change, and where three values say so") {
  const Problem p = overlapping(CovarianceType::full);
  FitOptions o;
  o.max_iter = 3000;
  const int by_change = fit(p.rows(), 4, o).n_iter;
  o.stopping = Stopping::projected;
  const FitResult result = fit(p.rows(), 4, o);
  REQUIRE(result.converged);
  CHECK(result.n_iter > by_change);
  const auto is_done = [&](std::size_t n) {  // after n values
    if (n < 3) return false;
    const double last = result.trace[n - 1] - result.trace[n - 2], before = result.trace[n - 2] - result.trace[n - 3];
    const double a = last / before;
    return std::abs(last) < o.tol && a >= 0 && a < 1 && last * a / (1 - a) < o.tol;
  };
  for (std::size_t n = 1; n < result.trace.size(); ++n) CHECK_FALSE(is_done(n));
  CHECK(is_done(result.trace.size()));
  FitOptions tight = o;
  tight.tol = 1e-300;  // ends by rounding alone
  tight.max_iter = 20000;
  CHECK(fit(p.rows(), 2, tight).converged);
}

TEST_CASE("accelerate and stopping: names, and what has no effect") {
  CHECK(acceleration_from_string("squarem") == Acceleration::squarem);
  CHECK(std::string(to_string(Acceleration::none)) == "none");
  CHECK(stopping_from_string("projected") == Stopping::projected);
  CHECK(std::string(to_string(Stopping::change)) == "change");
  CHECK(message_of([] { acceleration_from_string("fast"); }) ==
        "accelerate must be 'none' or 'squarem', but is 'fast'");
  CHECK(message_of([] { stopping_from_string("tol"); }) == "stopping must be 'change' or 'projected', but is 'tol'");
  const Problem p = overlapping(CovarianceType::full);
  FitOptions o;
  o.max_iter = 0;
  o.accelerate = Acceleration::squarem;
  CHECK(message_of([&] { fit(p.rows(), 2, o); }) ==
        "accelerate must be 'none' when max_iter is 0, as there are no iterations, but is 'squarem'");
  o = {};
  o.accelerate = static_cast<Acceleration>(7);
  CHECK(message_of([&] { fit(p.rows(), 2, o); }) == "accelerate must be one of its enumeration, but is 7");
  EMOptions em;
  em.stopping = static_cast<Stopping>(7);
  CHECK(message_of([&] { EM(p.mixture(), em); }) == "stopping must be one of its enumeration, but is 7");
}
