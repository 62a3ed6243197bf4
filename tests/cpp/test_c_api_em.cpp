// EM, fits that end early, k-means and the reports of the M-step through the C ABI, against the C++ API.

#include "c_api_handles.hpp"

#include <gaussmix/gaussmix.hpp>

#include <limits>
#include <string>

using namespace gaussmix;
using namespace problems;
using namespace c_api_handles;

namespace {

OwnedEM em_of(const OwnedMixture& mixture, const gaussmix_em_options* options) {
  return made<OwnedEM>([&](gaussmix_em** e) { return gaussmix_em_create(mixture.get(), options, e); });
}

OwnedStatistics sums_under(const gaussmix_mixture* mixture, const gaussmix_samples& x) {
  OwnedStatistics sums =
      made<OwnedStatistics>([&](gaussmix_statistics** s) { return gaussmix_statistics_create(mixture, s); });
  REQUIRE(gaussmix_statistics_accumulate(sums.get(), &x, nullptr, 0, nullptr) == GAUSSMIX_OK);
  return sums;
}

OwnedMixture mixture_so_far(const OwnedEM& em) {
  return made<OwnedMixture>([&](gaussmix_mixture** m) { return gaussmix_em_mixture(em.get(), m); });
}

gaussmix_em_state state_of(const OwnedEM& em) {
  gaussmix_em_state state{};
  state.struct_size = sizeof state;
  REQUIRE(gaussmix_em_get_state(em.get(), &state) == GAUSSMIX_OK);
  return state;
}

/// Three points, each twice, so that a component that has one of them collapses.
const Doubles points = {0, 0, 0, 0, 5, 5, 5, 5, 9, 1, 9, 1};

}  // namespace

TEST_CASE("c api: EM takes the steps of C++") {
  const Problem p = random_problem(3, 2, 60, CovarianceType::diag, 19);
  const gaussmix_samples x = gaussmix_samples_f64(p.x.data(), p.n, p.d);
  gaussmix_em_options options{};
  REQUIRE(gaussmix_em_options_defaults(&options, sizeof options) == GAUSSMIX_OK);
  const EMOptions defaults;
  CHECK(options.tol == defaults.tol);
  CHECK(options.max_iter == defaults.max_iter);
  CHECK(options.on_degenerate == static_cast<int>(defaults.on_degenerate));
  options.reg_covar = 0.01;
  options.max_iter = 5;
  options.tol = 0;
  EM expected(p.mixture(), {0, 5, 0.01, OnDegenerate::floor, false});
  OwnedMixture start = mixture_of(parameters_of(p));
  const OwnedEM em = em_of(start, &options);
  start.reset();
  while (!expected.done()) {
    CHECK(state_of(em).done == 0);
    const OwnedMixture mixture = mixture_so_far(em);
    gaussmix_fit_progress progress{};
    progress.struct_size = sizeof progress;
    const OwnedStatistics sums = sums_under(mixture.get(), x);
    REQUIRE(gaussmix_em_step(em.get(), sums.get(), nullptr, &progress) == GAUSSMIX_OK);
    Statistics expected_sums(expected.mixture());
    expected_sums.accumulate(p.rows());
    const FitProgress expected_progress = expected.step(expected_sums);
    CHECK(progress.n_iter == expected_progress.n_iter);
    CHECK(progress.mean_log_likelihood == expected_progress.mean_log_likelihood);
    CHECK(progress.change == expected_progress.change);
    CHECK(progress.mixture == nullptr);
    CHECK(value_of(mixture_so_far(em).get()) == expected.mixture());
    CHECK(error_of(gaussmix_em_step(em.get(), sums.get(), nullptr, nullptr)).find("statistics") == 0);
  }
  const gaussmix_em_state state = state_of(em);
  CHECK(state.done == 1);
  CHECK(state.converged == 0);
  CHECK(state.n_iter == 5);
  const double* trace = nullptr;
  Index n_iter = 0;
  REQUIRE(gaussmix_em_trace(em.get(), &trace, &n_iter) == GAUSSMIX_OK);
  CHECK(Doubles(trace, trace + n_iter) == expected.trace());
}

TEST_CASE("c api: EM counts what it treats and refuses what C++ refuses") {
  const Problem p = random_problem(3, 2, 60, CovarianceType::diag, 19);
  const gaussmix_samples x = gaussmix_samples_f64(points.data(), 6, 2);
  const OwnedMixture start = mixture_of(parameters_of(p));
  gaussmix_em_options options{};
  REQUIRE(gaussmix_em_options_defaults(&options, sizeof options) == GAUSSMIX_OK);
  const OwnedEM em = em_of(start, nullptr);
  const OwnedStatistics sums = sums_under(start.get(), x);
  REQUIRE(gaussmix_em_step(em.get(), sums.get(), nullptr, nullptr) == GAUSSMIX_OK);
  EM expected(p.mixture());
  Statistics expected_sums(p.mixture());
  expected_sums.accumulate(MatrixView<const double>(points.data(), 6, 2));
  expected.step(expected_sums);
  CHECK(state_of(em).n_floored == expected.report().n_floored);
  gaussmix_em* made = nullptr;
  options.tol = -1;
  CHECK(error_of(gaussmix_em_create(start.get(), &options, &made)).find("tol must be") == 0);
  options.struct_size = 8;
  CHECK(error_of(gaussmix_em_create(start.get(), &options, &made)).find("options.struct_size") == 0);
  CHECK(error_of(gaussmix_em_create(nullptr, nullptr, &made)) == "mixture must not be null");
  CHECK(made == nullptr);
  gaussmix_fit_progress progress{};  // of no size
  CHECK(error_of(gaussmix_em_step(em.get(), sums.get(), nullptr, &progress)).find("progress") == 0);
  CHECK(state_of(em).n_iter == 1);
  CHECK(error_of(gaussmix_em_trace(em.get(), nullptr, nullptr)) == "trace must not be null");
  CHECK(error_of(gaussmix_em_mixture(nullptr, nullptr)) == "mixture must not be null");
  CHECK(error_of(gaussmix_em_free(reinterpret_cast<gaussmix_em*>(start.get()))).find("em must be") == 0);
}

TEST_CASE("c api: the M-step tells which components it treated") {
  const Problem p = random_problem(3, 2, 60, CovarianceType::diag, 19);
  const OwnedMixture start = mixture_of(parameters_of(p));
  const OwnedStatistics sums = sums_under(start.get(), gaussmix_samples_f64(points.data(), 6, 2));
  Statistics expected_sums(p.mixture());
  expected_sums.accumulate(MatrixView<const double>(points.data(), 6, 2));
  for (const OnDegenerate policy : {OnDegenerate::floor, OnDegenerate::drop, OnDegenerate::reseed}) {
    CAPTURE(to_string(policy));
    const gaussmix_maximize_options options = {sizeof options, static_cast<std::int32_t>(policy), 0, 0.0, nullptr};
    Index floored[3], dropped[3], reseeded[3], kept[3];
    gaussmix_maximize_report report = {sizeof report, 3, floored, dropped, reseeded, kept, -1, -1, -1, -1};
    const auto next = made<OwnedMixture>(
        [&](gaussmix_mixture** m) { return gaussmix_statistics_maximize(sums.get(), &options, &report, nullptr, m); });
    MaximizeReport expected;
    CHECK(value_of(next.get()) == expected_sums.maximize({0.0, policy, false}, &expected));
    CHECK(Indices(floored, floored + report.n_floored) == expected.floored);
    CHECK(Indices(dropped, dropped + report.n_dropped) == expected.dropped);
    CHECK(Indices(reseeded, reseeded + report.n_reseeded) == expected.reseeded);
    CHECK(Indices(kept, kept + report.n_kept) == expected.kept);
    CHECK(report.n_floored + report.n_dropped + report.n_reseeded > 0);
  }
  gaussmix_mixture* next = nullptr;
  Index short_room[2];
  gaussmix_maximize_report report = {sizeof report, 2, nullptr, short_room, nullptr, nullptr, 0, 0, 0, 0};
  CHECK(error_of(gaussmix_statistics_maximize(sums.get(), nullptr, &report, nullptr, &next))
            .find("report.capacity must be at least 3") == 0);
  const auto under =
      made<OwnedMixture>([&](gaussmix_mixture** m) { return gaussmix_statistics_mixture(sums.get(), m); });
  CHECK(value_of(under.get()) == p.mixture());
}

TEST_CASE("c api: a prior is that of C++ at each of its doors") {
  const Problem p = random_problem(2, 2, 60, CovarianceType::diag, 37);
  const gaussmix_samples x = gaussmix_samples_f64(p.x.data(), p.n, p.d);
  const Doubles mean = {0.5, -0.5}, scale = {2, 3};
  const Prior expected{1.5, 0.25, mean, 4.0, scale};
  gaussmix_prior prior = {sizeof prior, 1.5, 0.25, mean.data(), 4.0, scale.data()};
  const OwnedMixture start = mixture_of(parameters_of(p));
  const OwnedStatistics sums = sums_under(start.get(), x);
  Statistics expected_sums(p.mixture());
  expected_sums.accumulate(p.rows());
  const gaussmix_maximize_options maximize = {sizeof maximize, GAUSSMIX_ON_DEGENERATE_RAISE, 0, 0.0, &prior};
  const auto next = made<OwnedMixture>(
      [&](gaussmix_mixture** m) { return gaussmix_statistics_maximize(sums.get(), &maximize, nullptr, nullptr, m); });
  CHECK(value_of(next.get()) == expected_sums.maximize({0.0, OnDegenerate::raise, false, expected}));

  gaussmix_em_options em_options;
  REQUIRE(gaussmix_em_options_defaults(&em_options, sizeof em_options) == GAUSSMIX_OK);
  CHECK(em_options.prior == nullptr);
  em_options.prior = &prior;
  const auto em = made<OwnedEM>([&](gaussmix_em** e) { return gaussmix_em_create(start.get(), &em_options, e); });
  gaussmix_fit_progress progress{};
  progress.struct_size = sizeof progress;
  REQUIRE(gaussmix_em_step(em.get(), sums.get(), nullptr, &progress) == GAUSSMIX_OK);
  EM expected_em(p.mixture(), {1e-3, 100, 0.0, OnDegenerate::floor, false, expected});
  CHECK(progress.mean_log_likelihood == expected_em.step(expected_sums).mean_log_likelihood);

  gaussmix_fit_options options = fit_options();
  options.covariance_type = GAUSSMIX_COVARIANCE_DIAG;
  options.prior = &prior;
  const auto result =
      made<OwnedResult>([&](gaussmix_fit_result** r) { return gaussmix_fit(&x, 2, &options, nullptr, 0, nullptr, r); });
  const auto found =
      made<OwnedMixture>([&](gaussmix_mixture** m) { return gaussmix_fit_result_mixture(result.get(), m); });
  FitOptions expected_options;
  expected_options.covariance_type = CovarianceType::diag;
  expected_options.prior = expected;
  CHECK(value_of(found.get()) == fit(p.rows(), 2, expected_options).mixture);

  gaussmix_fit_result* none = nullptr;
  const auto fails = [&](const gaussmix_samples& rows) {
    return error_of(gaussmix_fit(&rows, 2, &options, nullptr, 0, nullptr, &none));
  };
  prior.mean = nullptr;
  CHECK(fails(x) == "prior.mean must have 2 values, but has 0");
  prior.mean = mean.data();
  prior.struct_size = 8;
  CHECK(fails(x).find("prior.struct_size must be in [48, 4096], but is 8") == 0);
  prior.struct_size = sizeof prior;
  gaussmix_samples bad = x;
  bad.n_features = std::numeric_limits<std::int64_t>::max();
  CHECK(fails(bad).find("X must") == 0);
  bad.n_features = -1;
  CHECK(fails(bad).find("X must") == 0);
}

TEST_CASE("c api: acceleration and stopping are those of C++") {
  const Problem p = random_problem(4, 2, 400, CovarianceType::full, 51);
  const gaussmix_samples x = gaussmix_samples_f64(p.x.data(), p.n, p.d);
  const OwnedMixture start = mixture_of(parameters_of(p));
  gaussmix_em_options options;
  REQUIRE(gaussmix_em_options_defaults(&options, sizeof options) == GAUSSMIX_OK);
  CHECK(options.accelerate == GAUSSMIX_ACCELERATION_NONE);
  CHECK(options.stopping == GAUSSMIX_STOPPING_CHANGE);
  options.accelerate = GAUSSMIX_ACCELERATION_SQUAREM;
  options.stopping = GAUSSMIX_STOPPING_PROJECTED;
  const auto em = made<OwnedEM>([&](gaussmix_em** e) { return gaussmix_em_create(start.get(), &options, e); });
  EMOptions expected_options;
  expected_options.accelerate = Acceleration::squarem;
  expected_options.stopping = Stopping::projected;
  EM expected(p.mixture(), expected_options);
  bool differed = false;
  for (int pass = 0; pass < 60 && !expected.done(); ++pass) {
    const auto under = made<OwnedMixture>([&](gaussmix_mixture** m) { return gaussmix_em_mixture(em.get(), m); });
    const auto best = made<OwnedMixture>([&](gaussmix_mixture** m) { return gaussmix_em_result(em.get(), m); });
    CHECK(value_of(under.get()) == expected.mixture());
    CHECK(value_of(best.get()) == expected.result());
    differed = differed || expected.mixture() != expected.result();
    const OwnedStatistics sums = sums_under(under.get(), x);
    REQUIRE(gaussmix_em_step(em.get(), sums.get(), nullptr, nullptr) == GAUSSMIX_OK);
    Statistics expected_sums(expected.mixture());
    expected_sums.accumulate(p.rows());
    expected.step(expected_sums);
  }
  CHECK(differed);
  gaussmix_em_state state{};
  state.struct_size = sizeof state;
  REQUIRE(gaussmix_em_get_state(em.get(), &state) == GAUSSMIX_OK);
  CHECK(state.done == 1);
  CHECK(state.n_rejected == expected.report().n_rejected);

  gaussmix_fit_options fit_with = fit_options();
  fit_with.accelerate = GAUSSMIX_ACCELERATION_SQUAREM;
  fit_with.stopping = GAUSSMIX_STOPPING_PROJECTED;
  const auto result = made<OwnedResult>(
      [&](gaussmix_fit_result** r) { return gaussmix_fit(&x, 3, &fit_with, nullptr, 0, nullptr, r); });
  const auto found =
      made<OwnedMixture>([&](gaussmix_mixture** m) { return gaussmix_fit_result_mixture(result.get(), m); });
  FitOptions fit_expected;
  fit_expected.accelerate = Acceleration::squarem;
  fit_expected.stopping = Stopping::projected;
  CHECK(value_of(found.get()) == fit(p.rows(), 3, fit_expected).mixture);
}

TEST_CASE("c api: a search and short runs are those of C++") {
  const Problem p = random_problem(5, 2, 400, CovarianceType::full, 52);
  const gaussmix_samples x = gaussmix_samples_f64(p.x.data(), p.n, p.d);
  gaussmix_fit_options options = fit_options();
  CHECK(options.search == GAUSSMIX_SEARCH_NONE);
  CHECK(options.short_iter == 0);
  options.search = GAUSSMIX_SEARCH_SPLIT_MERGE;
  options.n_init = 3;
  options.short_iter = 2;
  const auto result =
      made<OwnedResult>([&](gaussmix_fit_result** r) { return gaussmix_fit(&x, 4, &options, nullptr, 0, nullptr, r); });
  const auto found =
      made<OwnedMixture>([&](gaussmix_mixture** m) { return gaussmix_fit_result_mixture(result.get(), m); });
  gaussmix_fit_summary summary{};
  summary.struct_size = sizeof summary;
  REQUIRE(gaussmix_fit_result_summary(result.get(), &summary) == GAUSSMIX_OK);
  FitOptions o;
  o.search = Search::split_merge;
  o.n_init = 3;
  o.short_iter = 2;
  const FitResult expected = fit(p.rows(), 4, o);
  CHECK(value_of(found.get()) == expected.mixture);
  CHECK(summary.n_moves == expected.report.n_moves);
  CHECK(summary.n_moves_tried == expected.report.n_moves_tried);
  CHECK(summary.n_moves_tried > 0);
}

TEST_CASE("c api: a callback sees the mixture so far and may keep it") {
  const Problem p = random_problem(3, 2, 60, CovarianceType::full, 29);
  const gaussmix_samples x = gaussmix_samples_f64(p.x.data(), p.n, p.d);
  gaussmix_fit_options options = fit_options();
  gaussmix_mixture* kept = nullptr;
  options.tol = 0;
  options.context = &kept;
  options.callback = [](const gaussmix_fit_progress* progress, void* context) {
    auto** copy = static_cast<gaussmix_mixture**>(context);
    return progress->n_iter == 2 && gaussmix_mixture_copy(progress->mixture, copy) == GAUSSMIX_OK ? 1 : 0;
  };
  const auto result =
      made<OwnedResult>([&](gaussmix_fit_result** r) { return gaussmix_fit(&x, 3, &options, nullptr, 0, nullptr, r); });
  const OwnedMixture owner(kept);
  const auto last =
      made<OwnedMixture>([&](gaussmix_mixture** m) { return gaussmix_fit_result_mixture(result.get(), m); });
  REQUIRE(kept != nullptr);
  CHECK(value_of(kept) == value_of(last.get()));
}

TEST_CASE("c api: a deadline ends a fit with what it has") {
  const Problem p = random_problem(3, 2, 60, CovarianceType::full, 29);
  const gaussmix_samples x = gaussmix_samples_f64(p.x.data(), p.n, p.d);
  const OwnedMixture start = mixture_of(parameters_of(p));
  gaussmix_fit_options options = fit_options();
  CHECK(options.deadline == 0);
  const auto n_iter = [&] {
    const auto result = made<OwnedResult>(
        [&](gaussmix_fit_result** r) { return gaussmix_fit(&x, 3, &options, nullptr, 0, nullptr, r); });
    gaussmix_fit_summary summary{};
    summary.struct_size = sizeof summary;
    REQUIRE(gaussmix_fit_result_summary(result.get(), &summary) == GAUSSMIX_OK);
    CHECK(summary.ended_by_deadline == (options.deadline > 0 && options.deadline < 1 ? 1 : 0));
    return summary.n_iter;
  };
  options.tol = 0;
  options.max_iter = 4;
  options.deadline = std::numeric_limits<double>::min();  // has passed whenever it is looked at
  CHECK(n_iter() == 1);
  options.mixture_init = start.get();
  CHECK(n_iter() == 1);
  options.deadline = 1e9;
  CHECK(n_iter() == 4);
  gaussmix_fit_result* result = nullptr;
  const auto fails = [&] { return error_of(gaussmix_fit(&x, 3, &options, nullptr, 0, nullptr, &result)); };
  options.deadline = -1;
  CHECK(fails() == "deadline must be ≥ 0 and finite, but is -1");
  options.deadline = 1;
  options.max_iter = 0;
  options.tol = 1e-3;
  CHECK(fails() == "deadline must not be given when max_iter is 0, as nothing would be cut short");
}

TEST_CASE("c api: k-means is that of C++") {
  const Problem p = random_problem(3, 2, 60, CovarianceType::full, 29);
  const gaussmix_samples x = gaussmix_samples_f64(p.x.data(), p.n, p.d);
  const Doubles weight(at(p.n), 2.0);
  Indices rows(3);
  REQUIRE(gaussmix_kmeans_plus_plus(&x, 3, 7, weight.data(), 1, nullptr, rows.data()) == GAUSSMIX_OK);
  CHECK(rows == kmeans_plus_plus(p.rows(), 3, 7, weight));
  Doubles centers(6);
  std::vector<std::int32_t> labels(at(p.n));
  gaussmix_kmeans_result result = {sizeof result, centers.data(), labels.data(), 0, 0};
  REQUIRE(gaussmix_kmeans(&x, 3, 7, weight.data(), 1, 300, nullptr, &result) == GAUSSMIX_OK);
  const KMeansResult expected = kmeans(p.rows(), 3, 7, weight);
  CHECK(centers == expected.centers);
  CHECK(labels == expected.labels);
  CHECK(result.inertia == expected.inertia);
  CHECK(result.n_iter == expected.n_iter);
  gaussmix_kmeans_result only_inertia = {sizeof only_inertia, nullptr, nullptr, 0, 0};
  REQUIRE(gaussmix_kmeans(&x, 3, 7, weight.data(), 1, 300, nullptr, &only_inertia) == GAUSSMIX_OK);
  CHECK(only_inertia.inertia == expected.inertia);

  CHECK(error_of(gaussmix_kmeans(&x, 0, 7, nullptr, 0, 300, nullptr, &result)).find("n_components") == 0);
  CHECK(error_of(gaussmix_kmeans_plus_plus(&x, 3, 7, nullptr, 0, nullptr, nullptr)) == "rows must not be null");
  result.labels = reinterpret_cast<std::int32_t*>(centers.data());
  CHECK(error_of(gaussmix_kmeans(&x, 3, 7, nullptr, 0, 300, nullptr, &result)) ==
        "result.centers must not share memory with result.labels, but does");
  Doubles shared = p.x;
  const gaussmix_samples in_place = gaussmix_samples_f64(shared.data(), p.n, p.d);
  result = {sizeof result, shared.data(), nullptr, 0, 0};
  CHECK(error_of(gaussmix_kmeans(&in_place, 3, 7, nullptr, 0, 300, nullptr, &result)) ==
        "result.centers must not share memory with X, but does");
}
