// The C ABI against the C++ API.

#include "c_api_handles.hpp"
#include "model_files.hpp"

#include <gaussmix/gaussmix.hpp>

#include <string>

using namespace gaussmix;
using namespace problems;
using namespace c_api_handles;

namespace {

/// The functions of one type of output.
template <class T>
struct Functions;
template <>
struct Functions<double> {
  static constexpr auto log_prob = gaussmix_log_prob_f64;
  static constexpr auto component_log_prob = gaussmix_component_log_prob_f64;
  static constexpr auto log_joint = gaussmix_log_joint_f64;
  static constexpr auto responsibilities = gaussmix_responsibilities_f64;
  static constexpr auto log_responsibilities = gaussmix_log_responsibilities_f64;
};
template <>
struct Functions<float> {
  static constexpr auto log_prob = gaussmix_log_prob_f32;
  static constexpr auto component_log_prob = gaussmix_component_log_prob_f32;
  static constexpr auto log_joint = gaussmix_log_joint_f32;
  static constexpr auto responsibilities = gaussmix_responsibilities_f32;
  static constexpr auto log_responsibilities = gaussmix_log_responsibilities_f32;
};

/// The C functions on X, written at strides of their own, against the C++ verbs.
template <class T>
void check_scores(const gaussmix_mixture* handle, const Mixture& mixture, const gaussmix_samples& x,
                  const Samples& samples) {
  using F = Functions<T>;
  const Index n = samples.rows(), k = mixture.n_components();
  const auto check_matrix = [&](auto function, auto verb) {
    std::vector<T> found(at(2 * n * k)), expected(at(n * k));
    REQUIRE(function(handle, &x, found.data(), n, k, 2, 2 * n, nullptr) == GAUSSMIX_OK);
    verb(mixture, samples, MatrixView<T>(expected.data(), n, k), Execution{});
    Index different = 0;
    for (Index i = 0; i < n; ++i)
      for (Index c = 0; c < k; ++c) different += found[at(2 * i + 2 * n * c)] != expected[at(i * k + c)];
    CHECK(different == 0);
  };
  check_matrix(F::component_log_prob, component_log_prob<T>);
  check_matrix(F::log_joint, log_joint<T>);
  check_matrix(F::responsibilities, responsibilities<T>);
  check_matrix(F::log_responsibilities, log_responsibilities<T>);
  std::vector<T> found(at(n)), expected(at(n));
  REQUIRE(F::log_prob(handle, &x, found.data() + n - 1, n, -1, nullptr) == GAUSSMIX_OK);
  log_prob<T>(mixture, samples, expected);
  CHECK(std::equal(expected.begin(), expected.end(), found.rbegin()));
  std::vector<Index> labels(at(n)), expected_labels(at(n));
  REQUIRE(gaussmix_predict(handle, &x, labels.data(), n, 1, nullptr) == GAUSSMIX_OK);
  predict(mixture, samples, expected_labels);
  CHECK(labels == expected_labels);
  const std::vector<double> weight(at(n), 0.5);
  double sum = 0;
  REQUIRE(gaussmix_log_likelihood(handle, &x, weight.data(), 1, nullptr, &sum) == GAUSSMIX_OK);
  CHECK(sum == log_likelihood(mixture, samples, weight));
}

OwnedResult fitted(const gaussmix_samples& x, Index k, const gaussmix_fit_options* options) {
  return made<OwnedResult>(
      [&](gaussmix_fit_result** r) { return gaussmix_fit(&x, k, options, nullptr, 0, nullptr, r); });
}

OwnedMixture mixture_of(const OwnedResult& result) {
  return made<OwnedMixture>([&](gaussmix_mixture** m) { return gaussmix_fit_result_mixture(result.get(), m); });
}

}  // namespace

TEST_CASE("c api: the bits of the C++ verbs, in double and float, at any stride") {
  for (const CovarianceType type : all_types) {
    CAPTURE(to_string(type));
    const Problem p = random_problem(5, 4, 60, type, 11);
    const OwnedMixture handle = mixture_of(parameters_of(p));
    const Mixture mixture = p.mixture();
    CHECK(value_of(handle.get()) == mixture);
    const std::vector<float> single(p.x.begin(), p.x.end());
    gaussmix_samples x = gaussmix_samples_f64(p.x.data(), p.n, p.d);
    check_scores<double>(handle.get(), mixture, x, p.rows());
    check_scores<float>(handle.get(), mixture, x, p.rows());
    x = gaussmix_samples_f32(single.data(), p.n, p.d);
    check_scores<float>(handle.get(), mixture, x, MatrixView<const float>(single.data(), p.n, p.d));
    check_scores<double>(handle.get(), mixture, x, MatrixView<const float>(single.data(), p.n, p.d));
    // every second row, backwards
    x = {sizeof x, p.row(p.n - 1), p.n / 2, p.d, -2 * p.d, 1, GAUSSMIX_DTYPE_FLOAT64, nullptr, nullptr};
    check_scores<double>(handle.get(), mixture, x, MatrixView<const double>(p.row(p.n - 1), p.n / 2, p.d, -2 * p.d, 1));
  }
}

TEST_CASE("c api: a row scorer outlives its mixture and gives the bits of the batch") {
  const Problem p = random_problem(8, 16, 20, CovarianceType::full, 13);
  OwnedMixture mixture = mixture_of(parameters_of(p));
  const auto scorer =
      made<OwnedScorer>([&](gaussmix_row_scorer** s) { return gaussmix_row_scorer_create(mixture.get(), s); });
  mixture.reset();
  RowScorer expected(p.mixture());
  for (Index i = 0; i < p.n; ++i) {
    const VectorView<const double> row(p.row(i), p.d);
    double log_p = 0;
    Index label = -1;
    Doubles gamma(8), expected_gamma(8);
    REQUIRE(gaussmix_row_scorer_log_prob(scorer.get(), p.row(i), p.d, &log_p) == GAUSSMIX_OK);
    REQUIRE(gaussmix_row_scorer_responsibilities(scorer.get(), p.row(i), p.d, gamma.data(), 8) == GAUSSMIX_OK);
    REQUIRE(gaussmix_row_scorer_predict(scorer.get(), p.row(i), p.d, &label) == GAUSSMIX_OK);
    expected.responsibilities(row, expected_gamma);
    CHECK(log_p == expected.log_prob(row));
    CHECK(gamma == expected_gamma);
    CHECK(label == expected.predict(row));
  }
}

TEST_CASE("c api: statistics are those of the C++ class, through bytes too") {
  const Problem p = random_problem(3, 2, 50, CovarianceType::tied, 17);
  const gaussmix_samples x = gaussmix_samples_f64(p.x.data(), p.n, p.d);
  const Doubles weight(at(p.n), 2.0);
  const OwnedMixture mixture = mixture_of(parameters_of(p));
  const auto create = [&](gaussmix_statistics** s) { return gaussmix_statistics_create(mixture.get(), s); };
  const auto sums = made<OwnedStatistics>(create), other = made<OwnedStatistics>(create);
  Statistics expected(p.mixture()), expected_other(p.mixture());
  REQUIRE(gaussmix_statistics_accumulate(sums.get(), &x, weight.data(), 1, nullptr) == GAUSSMIX_OK);
  REQUIRE(gaussmix_statistics_accumulate(other.get(), &x, nullptr, 0, nullptr) == GAUSSMIX_OK);
  REQUIRE(gaussmix_statistics_merge(sums.get(), other.get()) == GAUSSMIX_OK);
  REQUIRE(gaussmix_statistics_scale(sums.get(), 0.25) == GAUSSMIX_OK);
  expected.accumulate(p.rows(), weight);
  expected_other.accumulate(p.rows());
  expected.merge(expected_other);
  expected.scale(0.25);

  double total = 0, log_likelihood = 0;
  Doubles n(3);
  REQUIRE(gaussmix_statistics_totals(sums.get(), &total, &log_likelihood) == GAUSSMIX_OK);
  REQUIRE(gaussmix_statistics_component_weights(sums.get(), n.data(), 3) == GAUSSMIX_OK);
  CHECK(total == expected.total_weight());
  CHECK(log_likelihood == expected.log_likelihood());
  for (Index c = 0; c < 3; ++c) CHECK(n[at(c)] == expected.component_weights()[c]);

  Index size = 0;
  REQUIRE(gaussmix_statistics_to_bytes(sums.get(), 1, nullptr, 0, &size) == GAUSSMIX_OK);
  std::vector<std::uint8_t> bytes(at(size));
  REQUIRE(gaussmix_statistics_to_bytes(sums.get(), 1, bytes.data(), size, &size) == GAUSSMIX_OK);
  CHECK(bytes == expected.to_bytes());
  const auto read = made<OwnedStatistics>(
      [&](gaussmix_statistics** s) { return gaussmix_statistics_from_bytes(bytes.data(), size, nullptr, nullptr, s); });
  const model_files::TemporaryFolder folder;
  const std::string path = folder.path("sums");
  REQUIRE(gaussmix_statistics_save(sums.get(), path.c_str(), 1) == GAUSSMIX_OK);
  CHECK(folder.content("sums") == bytes);
  const auto loaded = made<OwnedStatistics>(
      [&](gaussmix_statistics** s) { return gaussmix_statistics_load(path.c_str(), nullptr, nullptr, s); });
  CHECK(Statistics::load(path) == expected);
  REQUIRE(gaussmix_statistics_totals(loaded.get(), &total, nullptr) == GAUSSMIX_OK);
  CHECK(total == expected.total_weight());
  const gaussmix_maximize_options options = {sizeof options, GAUSSMIX_ON_DEGENERATE_FLOOR, 0, 0.125, nullptr};
  const auto next = made<OwnedMixture>(
      [&](gaussmix_mixture** m) { return gaussmix_statistics_maximize(read.get(), &options, nullptr, nullptr, m); });
  CHECK(value_of(next.get()) == expected.maximize({0.125, OnDegenerate::floor, false}));
}

TEST_CASE("c api: sums are saved without their mixture and read with it") {
  const Problem p = random_problem(3, 2, 60, CovarianceType::tied, 17);
  const gaussmix_samples x = gaussmix_samples_f64(p.x.data(), p.n, p.d);
  const OwnedMixture mixture = mixture_of(parameters_of(p));
  const auto sums =
      made<OwnedStatistics>([&](gaussmix_statistics** s) { return gaussmix_statistics_create(mixture.get(), s); });
  REQUIRE(gaussmix_statistics_accumulate(sums.get(), &x, nullptr, 0, nullptr) == GAUSSMIX_OK);
  Statistics expected(p.mixture());
  expected.accumulate(p.rows());

  Index size = 0;
  REQUIRE(gaussmix_statistics_to_bytes(sums.get(), 0, nullptr, 0, &size) == GAUSSMIX_OK);
  std::vector<std::uint8_t> bytes(at(size));
  REQUIRE(gaussmix_statistics_to_bytes(sums.get(), 0, bytes.data(), size, &size) == GAUSSMIX_OK);
  CHECK(bytes == expected.to_bytes(false));
  const model_files::TemporaryFolder folder;
  const std::string path = folder.path("sums");
  REQUIRE(gaussmix_statistics_save(sums.get(), path.c_str(), 0) == GAUSSMIX_OK);
  CHECK(folder.content("sums") == bytes);

  const auto from_bytes = made<OwnedStatistics>([&](gaussmix_statistics** s) {
    return gaussmix_statistics_from_bytes(bytes.data(), size, mixture.get(), nullptr, s);
  });
  const auto from_file = made<OwnedStatistics>(
      [&](gaussmix_statistics** s) { return gaussmix_statistics_load(path.c_str(), mixture.get(), nullptr, s); });
  double log_likelihood = 0;
  for (const gaussmix_statistics* read : {from_bytes.get(), from_file.get()}) {
    REQUIRE(gaussmix_statistics_totals(read, nullptr, &log_likelihood) == GAUSSMIX_OK);
    CHECK(log_likelihood == expected.log_likelihood());
  }
  gaussmix_statistics* none = nullptr;
  CHECK(gaussmix_statistics_from_bytes(bytes.data(), size, nullptr, nullptr, &none) == GAUSSMIX_ERROR_FORMAT);
  CHECK(std::string(gaussmix_last_error()).find("but is read with none") != std::string::npos);
  CHECK(gaussmix_statistics_load(path.c_str(), nullptr, nullptr, &none) == GAUSSMIX_ERROR_FORMAT);
  CHECK(none == nullptr);
  const gaussmix_execution negative = {sizeof negative, -1, nullptr, nullptr};
  CHECK(gaussmix_statistics_load(path.c_str(), mixture.get(), &negative, &none) == GAUSSMIX_ERROR_INVALID_ARGUMENT);
}

TEST_CASE("c api: fits are those of the C++ function, from every kind of start") {
  const Problem p = random_problem(3, 2, 60, CovarianceType::diag, 19);
  const gaussmix_samples x = gaussmix_samples_f64(p.x.data(), p.n, p.d);
  const Mixture start = p.mixture();
  const OwnedMixture start_handle = mixture_of(parameters_of(p));
  Doubles shares;
  std::vector<Index> labels;
  for (Index i = 0; i < p.n; ++i)
    for (Index c = 0; c < 3; ++c) shares.push_back(c == i % 3 ? 0.5 : 0.25);
  for (Index i = 0; i < p.n; ++i) labels.push_back(i % 3);
  const auto check_equal = [&](auto set, auto set_expected) {
    gaussmix_fit_options options = fit_options();
    FitOptions expected_options;
    options.covariance_type = GAUSSMIX_COVARIANCE_DIAG;
    expected_options.covariance_type = CovarianceType::diag;
    set(options);
    set_expected(expected_options);
    const OwnedResult result = fitted(x, 3, &options);
    const FitResult expected = fit(p.rows(), 3, expected_options);
    CHECK(value_of(mixture_of(result).get()) == expected.mixture);
    gaussmix_fit_summary summary{};
    summary.struct_size = sizeof summary;
    REQUIRE(gaussmix_fit_result_summary(result.get(), &summary) == GAUSSMIX_OK);
    CHECK(summary.log_likelihood == expected.log_likelihood);
    CHECK(summary.n_iter == expected.n_iter);
    CHECK((summary.converged != 0) == expected.converged);
    const auto list = [](const Index* first, Index size) { return std::vector<Index>(first, first + size); };
    CHECK(list(summary.floored, summary.n_floored_components) == expected.report.floored);
    CHECK(list(summary.dropped, summary.n_dropped_components) == expected.report.dropped);
    CHECK(list(summary.reseeded, summary.n_reseeded_components) == expected.report.reseeded);
    CHECK(list(summary.constant_features, summary.n_constant_features) == expected.report.constant_features);
    CHECK(list(summary.blurred_features, summary.n_blurred_features) == expected.report.blurred_features);
    const double* trace = nullptr;
    Index n_iter = 0;
    REQUIRE(gaussmix_fit_result_trace(result.get(), &trace, &n_iter) == GAUSSMIX_OK);
    CHECK(Doubles(trace, trace + n_iter) == expected.trace);
  };
  using C = gaussmix_fit_options;
  check_equal([](C& o) { o.seed = 5; }, [](FitOptions& o) { o.seed = 5; });
  check_equal(
      [](C& o) {
        o.init = GAUSSMIX_INIT_RANDOM;
        o.seed = 5;
        o.n_init = 3;
        o.max_iter = 4;
      },
      [](FitOptions& o) {
        o.init = Init::random;
        o.seed = 5;
        o.n_init = 3;
        o.max_iter = 4;
      });
  check_equal([&](C& o) { o.mixture_init = start_handle.get(); }, [&](FitOptions& o) { o.mixture_init = start; });
  check_equal([&](C& o) { o.labels_init = labels.data(); }, [&](FitOptions& o) { o.labels_init = labels; });
  check_equal([&](C& o) { o.responsibilities_init = shares.data(); },
              [&](FitOptions& o) { o.responsibilities_init = {shares.data(), p.n, 3}; });
  check_equal(
      [&](C& o) {
        o.weights_init = p.weights.data();
        o.means_init = p.means.data();
        o.covariances_init = p.covariances.data();
      },
      [&](FitOptions& o) {
        o.weights_init = p.weights;
        o.means_init = {p.means.data(), p.k, p.d};
        o.covariances_init = p.covariances;
      });
  check_equal([&](C& o) { o.precisions_init = p.covariances.data(); },
              [&](FitOptions& o) { o.precisions_init = p.covariances; });
}

TEST_CASE("c api: the defaults are those of C++, also for no options") {
  const Problem p = random_problem(2, 2, 40, CovarianceType::full, 23);
  const gaussmix_samples x = gaussmix_samples_f64(p.x.data(), p.n, p.d);
  const gaussmix_fit_options options = fit_options();
  const Mixture expected = fit(p.rows(), 2).mixture;
  CHECK(value_of(mixture_of(fitted(x, 2, nullptr)).get()) == expected);
  CHECK(value_of(mixture_of(fitted(x, 2, &options)).get()) == expected);
}

TEST_CASE("c api: the callback sees every iteration and ends the fit, the stop function ends any call") {
  const Problem p = random_problem(3, 2, 60, CovarianceType::full, 29);
  const gaussmix_samples x = gaussmix_samples_f64(p.x.data(), p.n, p.d);
  gaussmix_fit_options options = fit_options();
  std::vector<gaussmix_fit_progress> seen;
  options.tol = 0;
  options.context = &seen;
  options.callback = [](const gaussmix_fit_progress* progress, void* context) {
    auto& all = *static_cast<std::vector<gaussmix_fit_progress>*>(context);
    all.push_back(*progress);
    return all.size() == 3 ? 1 : 0;
  };
  fitted(x, 3, &options);
  REQUIRE(seen.size() == 3);
  CHECK(seen[2].n_iter == 3);
  CHECK(seen[0].change == inf);
  CHECK(seen[0].struct_size == sizeof(gaussmix_fit_progress));

  const gaussmix_execution stopped = {sizeof stopped, 1, [](void*) { return 1; }, nullptr};
  const OwnedMixture mixture = mixture_of(parameters_of(p));
  const auto score_until_stopped = [&] {
    Doubles out(at(p.n));
    gaussmix_status status = GAUSSMIX_OK;
    for (int i = 0; i < 1000000 && status == GAUSSMIX_OK; ++i)  // asked every 20 ms
      status = gaussmix_log_prob_f64(mixture.get(), &x, out.data(), p.n, 1, &stopped);
    return status;
  };
  CHECK(score_until_stopped() == GAUSSMIX_ERROR_INTERRUPTED);
  CHECK(std::string(gaussmix_last_error()).find("stop function") != std::string::npos);
}
