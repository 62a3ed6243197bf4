#include "em/split_merge.hpp"

#include "em/weak_components.hpp"
#include "messages.hpp"
#include "model/covariance_type.hpp"
#include "problems.hpp"

#include <gaussmix/fit.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <string>

// A better optimum: moves, what they keep, and what a search and short runs promise.

using namespace gaussmix;
using namespace problems;
using messages::message_of;

namespace {

/// Σ_k π_k (Σ_k + (μ_k − μ)(μ_k − μ)ᵀ) with the mean μ of all, (d, d), by plain loops.
std::vector<Real> covariance_of(const Mixture& m) {
  const Index k = m.n_components(), d = m.n_features();
  const Reference reference(m);
  std::vector<Real> mean(at(d)), out(at(d * d));
  for (Index c = 0; c < k; ++c)
    for (Index j = 0; j < d; ++j) mean[at(j)] += static_cast<Real>(m.weights()[c]) * m.means()(c, j);
  for (Index c = 0; c < k; ++c)
    for (Index i = 0; i < d; ++i)
      for (Index j = 0; j < d; ++j)
        out[at(i * d + j)] += m.weights()[c] * (reference.sigma(c, i, j) +
                                                (m.means()(c, i) - mean[at(i)]) * (m.means()(c, j) - mean[at(j)]));
  return out;
}

/// Four clusters of normal rows at the corners of a square of this side, one after the other.
Doubles four_clusters(Index each, double side, std::uint64_t seed) {
  detail::Random random(seed);
  Doubles x;
  for (Index c = 0; c < 4; ++c)
    for (Index i = 0; i < each; ++i) {
      x.push_back((c % 2 == 0 ? 0.0 : side) + detail::normal_quantile(random.uniform()));
      x.push_back((c / 2 == 0 ? 0.0 : side) + detail::normal_quantile(random.uniform()));
    }
  return x;
}

/// Where EM stays: two components in the first cluster, one in the second, one over the other two.
Mixture wrong_start() {
  const Doubles weights = {0.125, 0.125, 0.25, 0.5}, means = {-0.5, 0, 0.5, 0, 10, 0, 5, 10};
  const Doubles sigma = {1, 0, 0, 1, 1, 0, 0, 1, 1, 0, 0, 1, 26, 0, 0, 1};
  return {weights, {means.data(), 4, 2}, sigma, CovarianceType::full};
}

FitOptions searching(FitOptions o = {}) {
  o.search = Search::split_merge;
  return o;
}

double mean_log_likelihood(const FitResult& r, Index n) { return r.log_likelihood / static_cast<double>(n); }

}  // namespace

TEST_CASE("split and merge: the most promising move merges what lies together and splits the heaviest") {
  const Mixture m = wrong_start();
  const std::vector<detail::Move> moves = detail::promising_moves(m, 5, {});
  REQUIRE(moves.size() == 5);
  CHECK(moves[0].first == 0);
  CHECK(moves[0].second == 1);
  CHECK(moves[0].split == 3);
  for (const detail::Move& move : moves) {
    CHECK(move.first < move.second);
    CHECK(move.split != move.first);
    CHECK(move.split != move.second);
  }
  CHECK(detail::promising_moves(m, 1000, {}).size() == 6 * 2);  // every pair with either of the others, once
  for (Index k = 1; k < 3; ++k)
    CHECK(detail::promising_moves(random_problem(k, 2, 10, CovarianceType::full, 1).mixture(), 5, {}).empty());
}

TEST_CASE("split and merge: a move keeps the mean and, as far as the type has room, the covariance of all") {
  for (const CovarianceType type : all_types)
    for (const Index d : {Index{1}, Index{2}, Index{7}}) {
      CAPTURE(to_string(type));
      CAPTURE(d);
      const Mixture m = random_problem(4, d, 8, type, 61).mixture();
      Doubles scale;
      for (Index j = 0; j < d; ++j) scale.push_back(std::ldexp(1.0, static_cast<int>(j)));
      const Mixture after = detail::moved(m, {2, 0, 3}, scale, {});
      CHECK(after.weights()[2] == doctest::Approx(m.weights()[0] + m.weights()[2]));
      CHECK(after.weights()[0] == after.weights()[3]);
      for (Index j = 0; j < d; ++j) {
        CHECK(after.means()(1, j) == m.means()(1, j));
        CHECK((after.means()(0, j) + after.means()(3, j)) / 2 == doctest::Approx(m.means()(3, j)));
      }
      const std::vector<Real> before = covariance_of(m), met = covariance_of(after);
      Real trace_before = 0, trace_met = 0;
      for (Index i = 0; i < d; ++i) {
        trace_before += before[at(i * d + i)];
        trace_met += met[at(i * d + i)];
      }
      // Means within 3, variances below 3·d, each of some ten roundings.
      const double tolerance = 1e3 * static_cast<double>(d) * 0x1p-53;
      CHECK(std::abs(trace_met - trace_before) < tolerance);
      for (Index i = 0; i < d && !is_spherical(type); ++i)
        for (Index j = 0; j < d; ++j)
          if (i == j || has_matrices(type)) CHECK(std::abs(met[at(i * d + j)] - before[at(i * d + j)]) < tolerance);
    }
}

TEST_CASE("split and merge: out of an optimum that EM does not leave") {
  const Doubles x = four_clusters(100, 10, 62);
  const MatrixView<const double> rows(x.data(), 400, 2);
  FitOptions o;
  o.mixture_init = wrong_start();
  const FitResult stuck = fit(rows, 4, o), found = fit(rows, 4, searching(o));
  CHECK(stuck.report.n_moves_tried == 0);
  CHECK(found.report.n_moves >= 1);
  CHECK(found.report.n_moves_tried >= found.report.n_moves);
  CHECK(found.converged);
  CHECK(found.trace.size() == static_cast<std::size_t>(found.n_iter));
  CHECK(mean_log_likelihood(found, 400) > mean_log_likelihood(stuck, 400) + 0.1);
  std::vector<bool> taken(4);
  for (Index c = 0; c < 4; ++c) {  // each corner has its component
    const int corner = (found.mixture.means()(c, 0) > 5 ? 1 : 0) + (found.mixture.means()(c, 1) > 5 ? 2 : 0);
    taken[at(corner)] = true;
    CHECK(found.mixture.weights()[c] == doctest::Approx(0.25).epsilon(0.05));
  }
  CHECK(std::count(taken.begin(), taken.end(), true) == 4);
}

TEST_CASE("split and merge: never below the fit without it, the same bits on any number of threads") {
  for (const CovarianceType type : all_types)
    for (std::uint64_t seed = 0; seed < 4; ++seed) {
      CAPTURE(to_string(type));
      CAPTURE(seed);
      const Problem p = random_problem(6, 3, 500, type, 63 + seed);
      FitOptions o;
      o.covariance_type = type;
      o.seed = seed;
      o.accelerate = seed % 2 == 0 ? Acceleration::none : Acceleration::squarem;
      if (seed == 3) o.max_iter = 3;  // not at its end
      const FitResult plain = fit(p.rows(), 5, o), found = fit(p.rows(), 5, searching(o));
      if (found.report.n_moves == 0) {
        CHECK(found.mixture == plain.mixture);
        CHECK(found.trace == plain.trace);
      } else {
        CHECK(mean_log_likelihood(found, p.n) > mean_log_likelihood(plain, p.n) + o.tol);
      }
      Execution three;
      three.num_threads = 3;
      CHECK(fit(p.rows(), 5, searching(o), {}, three).mixture == found.mixture);
    }
}

TEST_CASE("split and merge: float32 rows, weights and a prior") {
  const Problem p = random_problem(5, 2, 400, CovarianceType::full, 64);
  std::vector<float> x(p.x.begin(), p.x.end());
  Doubles weight;
  for (Index i = 0; i < p.n; ++i) weight.push_back(static_cast<double>(i % 3));
  FitOptions o;
  for (const bool has_prior : {false, true}) {
    if (has_prior) o.prior = Prior{};
    const MatrixView<const float> rows(x.data(), p.n, p.d);
    const FitResult plain = fit(rows, 4, o, weight), found = fit(rows, 4, searching(o), weight);
    if (found.report.n_moves > 0)
      CHECK(found.trace.back() > plain.trace.back() + o.tol);
    else
      CHECK(found.mixture == plain.mixture);
  }
}

TEST_CASE("weak components: few rows' weight, or a covariance at the floor") {
  const Doubles x = four_clusters(50, 10, 65);
  const MatrixView<const double> rows(x.data(), 200, 2);
  FitOptions options;
  const Execution execution;
  const detail::FitProblem p{rows, 3, options, {}, execution, simd::active_kernels(), detail::Deadline(0)};
  detail::SufficientStatistics whole(1, 2, CovarianceType::full, x.data());
  for (Index i = 0; i < 200; ++i) {
    const Doubles shift = {x[at(2 * i)] - x[0], x[at(2 * i + 1)] - x[1]};
    whole.add(0, 1.0, shift.data(), nullptr);
  }
  const detail::WeakComponents weak(p, whole);
  const auto count = [&](double share, double variance) {
    const Doubles weights = {share, (1 - share) / 2, (1 - share) / 2}, means = {0, 0, 5, 5, 9, 9};
    const Doubles sigma = {variance, 0, 0, variance, 1, 0, 0, 1, 1, 0, 0, 1};
    return weak.count(Mixture(weights, {means.data(), 3, 2}, sigma, CovarianceType::full));
  };
  CHECK(count(0.3, 1.0) == 0);
  CHECK(count(2.9 / 200, 1.0) == 1);  // of D + 1 = 3 rows
  CHECK(count(3.1 / 200, 1.0) == 0);
  CHECK(count(0.3, 1e-5) == 1);  // the floor is 1e-6 of about 26
  CHECK(count(0.3, 1e-4) == 0);
  CHECK(count(2.9 / 200, 1e-5) == 1);
}

TEST_CASE("weak components: in the directions that the data have, whatever depends on them") {
  Doubles x;
  detail::Random random(70);
  for (Index i = 0; i < 100; ++i) {  // a constant, and a feature that is twice another
    const double u = detail::normal_quantile(random.uniform()), v = detail::normal_quantile(random.uniform());
    for (const double value : {u, 7.0, v, 2 * u}) x.push_back(value);
  }
  const MatrixView<const double> rows(x.data(), 100, 4);
  const FitResult found = fit(rows, 2);
  const FitOptions options;
  const Execution execution;
  const detail::FitProblem p{rows, 2, options, {}, execution, simd::active_kernels(), detail::Deadline(0)};
  detail::SufficientStatistics whole(1, 4, CovarianceType::full, x.data());
  for (Index i = 0; i < 100; ++i) {
    Doubles shift;
    for (Index j = 0; j < 4; ++j) shift.push_back(x[at(4 * i + j)] - x[at(j)]);
    whole.add(0, 1.0, shift.data(), nullptr);
  }
  const detail::WeakComponents weak(p, whole);
  CHECK(weak.count(found.mixture) == 0);  // though both are at the floor where the data have no variance
  // A spike on the line v = u of the first: Σ = ε I + b bᵀ with b = (1, 0, 1, 2) in (u, 7, v, 2 u).
  Doubles sigma(found.mixture.covariances().data(), found.mixture.covariances().data() + 32);
  const double b[] = {1, 0, 1, 2};
  for (Index i = 0; i < 4; ++i)
    for (Index j = 0; j < 4; ++j) sigma[at(4 * i + j)] = b[i] * b[j] + (i == j ? 1e-8 : 0.0);
  const Mixture spiky({found.mixture.weights().data(), 2}, found.mixture.means(), sigma, CovarianceType::full);
  CHECK(weak.count(spiky) == 1);
}

TEST_CASE("split and merge: what it finds has no more weak components") {
  Doubles x = four_clusters(60, 4, 66);
  for (int copy = 0; copy < 4; ++copy)  // rows that a component could collapse onto
    for (const double value : {30.0, 30.0}) x.push_back(value + 1e-9 * copy);
  const Index n = static_cast<Index>(x.size()) / 2;
  const MatrixView<const double> rows(x.data(), n, 2);
  for (std::uint64_t seed = 0; seed < 6; ++seed) {
    CAPTURE(seed);
    FitOptions o;
    o.seed = seed;
    o.init = Init::random;  // spreads over all rows, so that no component begins at the copies
    const FitResult plain = fit(rows, 4, o), found = fit(rows, 4, searching(o));
    const auto narrow = [&](const Mixture& m) {
      Index count = 0;
      for (Index c = 0; c < 4; ++c) {
        const double* s = m.covariances().data() + 4 * c;
        count += s[0] * s[3] - s[1] * s[2] < 1e-8 || m.weights()[c] * static_cast<double>(n) < 3;
      }
      return count;
    };
    CHECK(narrow(found.mixture) <= narrow(plain.mixture));
  }
}

TEST_CASE("short runs: the best of them goes on, to what its start comes to by itself") {
  const Problem p = random_problem(6, 2, 600, CovarianceType::full, 67);
  FitOptions o;
  o.init = Init::random_from_data;
  o.seed = 5;
  o.n_init = 6;
  o.short_iter = 4;
  int told = 0, start = -1, first = 0;
  o.callback = [&](const FitProgress& progress) {
    if (told++ == 0) {
      start = progress.start;
      first = progress.n_iter;
    }
    CHECK(progress.start == start);
    return false;
  };
  const FitResult found = fit(p.rows(), 5, o);
  CHECK(first == 5);
  CHECK(told == found.n_iter - 4);
  Index best = -1;
  double furthest = -inf;
  for (int i = 0; i < o.n_init; ++i) {
    FitOptions one;
    one.init = o.init;
    one.seed = o.seed + static_cast<std::uint64_t>(i) * 0x9E3779B97F4A7C15u;
    one.max_iter = o.short_iter;
    const FitResult run = fit(p.rows(), 5, one);
    REQUIRE(run.report.n_floored == 0);
    if (run.trace.back() > furthest) {
      furthest = run.trace.back();
      best = i;
    }
  }
  CHECK(start == best);
  FitOptions alone;
  alone.init = o.init;
  alone.seed = o.seed + static_cast<std::uint64_t>(best) * 0x9E3779B97F4A7C15u;
  CHECK(fit(p.rows(), 5, alone).mixture == found.mixture);
}

TEST_CASE("a search and short runs: where starts fail, or an M-step of the end would") {
  Doubles x = four_clusters(60, 10, 71);
  for (int copy = 0; copy < 8; ++copy) x.push_back(30.0);  // four equal rows
  const MatrixView<const double> rows(x.data(), 244, 2);
  FitOptions o;
  o.init = Init::random_from_data;
  o.on_degenerate = OnDegenerate::raise;
  int returned = 0, failed = 0;
  for (o.seed = 0; o.seed < 12; ++o.seed) {
    CAPTURE(o.seed);
    for (const int max_iter : {3, 7, 20}) {
      FitOptions one = o;
      one.max_iter = max_iter;
      std::optional<FitResult> plain;
      try {
        plain = fit(rows, 4, one);
      } catch (const NumericalError&) {
        continue;
      }
      ++returned;
      CHECK(fit(rows, 4, searching(one)).log_likelihood >= plain->log_likelihood);
    }
    FitOptions some = o;
    some.n_init = 8;
    some.short_iter = 2;
    const std::string message =
        message_of<NumericalError>([&] { failed += fit(rows, 4, some).report.n_failed_starts > 0; });
    CHECK((message == "no error" || message.find("all 8 starts failed") == 0));
  }
  CHECK(returned > 0);
  CHECK(failed > 0);
}

TEST_CASE("a search and short runs do not call, and end where a callback or the deadline says so") {
  const Doubles x = four_clusters(100, 10, 68);
  const MatrixView<const double> rows(x.data(), 400, 2);
  FitOptions o;
  o.mixture_init = wrong_start();
  const int n_iter = fit(rows, 4, o).n_iter;
  int told = 0;
  o.callback = [&](const FitProgress&) { return ++told < 0; };
  CHECK(fit(rows, 4, searching(o)).report.n_moves >= 1);
  CHECK(told == n_iter);
  o.callback = [](const FitProgress& progress) { return progress.n_iter == 1; };
  CHECK(fit(rows, 4, searching(o)).report.n_moves_tried == 0);
  FitOptions two;
  two.init = Init::random_from_data;
  two.n_init = 2;
  two.callback = [](const FitProgress& progress) { return progress.start == 1; };  // whichever of them is kept
  for (two.seed = 0; two.seed < 6; ++two.seed) CHECK(fit(rows, 4, searching(two)).report.n_moves_tried == 0);
  o.callback = nullptr;
  o.deadline = 1e-9;
  const FitResult cut = fit(rows, 4, searching(o));
  CHECK(cut.report.n_moves_tried == 0);
  CHECK(cut.report.ended_by_deadline);
}

TEST_CASE("search and short_iter: names, and what has no effect") {
  const Problem p = random_problem(3, 2, 60, CovarianceType::full, 69);
  const auto refused = [&](const FitOptions& o) { return message_of([&] { fit(p.rows(), 3, o); }); };
  CHECK(search_from_string(to_string(Search::split_merge)) == Search::split_merge);
  CHECK(message_of([] { search_from_string("smem"); }) == "search must be 'none' or 'split_merge', but is 'smem'");
  FitOptions o;
  o.search = static_cast<Search>(9);
  CHECK(refused(o) == "search must be one of its enumeration, but is 9");
  o = searching();
  o.max_iter = 0;
  CHECK(refused(o) == "search must be 'none' when max_iter is 0, as there are no iterations, but is 'split_merge'");
  o = {};
  o.short_iter = 3;
  CHECK(refused(o) == "short_iter must be 0 when n_init is 1, as a short run chooses among starts, but is 3");
  o.n_init = 2;
  o.short_iter = -1;
  CHECK(refused(o) == "short_iter must be at least 0, but is -1");
  o.short_iter = 100;
  CHECK(refused(o) == "short_iter must be below max_iter, 100, or every start would run to its end, but is 100");
}
