// Every misuse of the C ABI that can be seen ends in a status and a message.

#include "bad_input.hpp"
#include "c_api/border.hpp"
#include "c_api_handles.hpp"

#include <cstddef>
#include <cstring>
#include <functional>
#include <limits>
#include <new>
#include <string>
#include <thread>

using namespace gaussmix;
using namespace problems;
using namespace c_api_handles;

namespace {

/// A struct to which a later header has added a member.
struct Grown {
  std::size_t struct_size;
  double first;
  double added;
};

}  // namespace

template <>
inline constexpr std::size_t gaussmix::c_api::least_size<Grown> = offsetof(Grown, added);

namespace {

/// A call that must fail, and what its message must contain.
struct Misuse {
  std::string name;
  gaussmix_status expected;
  std::function<gaussmix_status()> call;
  std::vector<std::string> message;
};

void check_misuses(const std::vector<Misuse>& misuses) {
  for (const Misuse& m : misuses) {
    CAPTURE(m.name);
    CHECK(m.call() == m.expected);
    const std::string message = gaussmix_last_error();
    CAPTURE(message);
    for (const std::string& part : m.message) CHECK(message.find(part) != std::string::npos);
  }
}

constexpr gaussmix_status invalid = GAUSSMIX_ERROR_INVALID_ARGUMENT;

}  // namespace

TEST_CASE("c api: null, wrong sizes, values that are not finite") {
  const Problem p = random_problem(2, 2, 6, CovarianceType::diag, 31);
  const OwnedMixture handle = mixture_of(parameters_of(p));
  const gaussmix_mixture* m = handle.get();
  const auto scorer = made<OwnedScorer>([&](gaussmix_row_scorer** s) { return gaussmix_row_scorer_create(m, s); });
  gaussmix_row_scorer* s = scorer.get();
  const gaussmix_samples x = gaussmix_samples_f64(p.x.data(), 6, 2);
  Doubles with_nan = p.x, out(12);
  with_nan[7] = bad_input::quiet_nan;
  const gaussmix_samples nan_rows = gaussmix_samples_f64(with_nan.data(), 6, 2);
  gaussmix_samples small = x, odd_type = x, null_data = x, negative = x, wide = x, far_apart = x;
  small.struct_size = 8;
  odd_type.dtype = 7;
  null_data.data = nullptr;
  negative.n_samples = -6;
  wide.n_features = 3;
  far_apart.row_stride = std::numeric_limits<std::int64_t>::max() / 2;
  const gaussmix_execution bad_threads = {sizeof bad_threads, -2, nullptr, nullptr};
  const gaussmix_execution bad_size = {1, 0, nullptr, nullptr};
  double value = 0;
  Index label = 0;
  const auto log_prob = [&](const gaussmix_samples& rows, const gaussmix_execution* execution = nullptr) {
    return [&, execution] { return gaussmix_log_prob_f64(m, &rows, out.data(), 6, 1, execution); };
  };
  check_misuses({
      {"no mixture",
       invalid,
       [&] { return gaussmix_log_prob_f64(nullptr, &x, out.data(), 6, 1, nullptr); },
       {"mixture", "null"}},
      {"no X", invalid, [&] { return gaussmix_log_prob_f64(m, nullptr, out.data(), 6, 1, nullptr); }, {"X", "null"}},
      {"no out", invalid, [&] { return gaussmix_log_prob_f64(m, &x, nullptr, 6, 1, nullptr); }, {"out", "null"}},
      {"short out", invalid, [&] { return gaussmix_log_prob_f64(m, &x, out.data(), 5, 1, nullptr); }, {"out", "(5,)"}},
      {"folded out", invalid, [&] { return gaussmix_log_prob_f64(m, &x, out.data(), 6, 0, nullptr); }, {"stride 0"}},
      {"narrow out",
       invalid,
       [&] { return gaussmix_log_joint_f64(m, &x, out.data(), 6, 1, 1, 1, nullptr); },
       {"out", "(6, 2)", "(6, 1)"}},
      {"labels", invalid, [&] { return gaussmix_predict(m, &x, nullptr, 6, 1, nullptr); }, {"out", "null"}},
      {"nan", invalid, log_prob(nan_rows), {"X[3, 1]", "nan"}},
      {"X of another size", invalid, log_prob(small), {"X.struct_size", "8"}},
      {"X of another type", invalid, log_prob(odd_type), {"X.dtype", "7"}},
      {"X without data", invalid, log_prob(null_data), {"X", "null"}},
      {"X of negative size", invalid, log_prob(negative), {"X", "-6"}},
      {"X beyond all memory", invalid, log_prob(far_apart), {"X", "strides"}},
      {"X too wide", invalid, log_prob(wide), {"X", "3"}},
      {"threads", invalid, log_prob(x, &bad_threads), {"num_threads", "-2"}},
      {"execution of another size", invalid, log_prob(x, &bad_size), {"execution.struct_size", "1"}},
      {"no likelihood",
       invalid,
       [&] { return gaussmix_log_likelihood(m, &x, nullptr, 0, nullptr, nullptr); },
       {"log_likelihood", "null"}},
      {"weights",
       invalid,
       [&] { return gaussmix_log_likelihood(m, &x, with_nan.data(), 1, nullptr, &value); },
       {"sample_weight"}},
      {"no scorer", invalid, [&] { return gaussmix_row_scorer_create(m, nullptr); }, {"scorer", "null"}},
      {"row of null", invalid, [&] { return gaussmix_row_scorer_log_prob(s, nullptr, 2, &value); }, {"x", "null"}},
      {"row too long", invalid, [&] { return gaussmix_row_scorer_log_prob(s, p.row(0), 3, &value); }, {"x", "3"}},
      {"row with nan",
       invalid,
       [&] { return gaussmix_row_scorer_log_prob(s, &with_nan[6], 2, &value); },
       {"x[1]", "nan"}},
      {"row to null", invalid, [&] { return gaussmix_row_scorer_log_prob(s, p.row(0), 2, nullptr); }, {"log_prob"}},
      {"shares too few",
       invalid,
       [&] { return gaussmix_row_scorer_responsibilities(s, p.row(0), 2, out.data(), 1); },
       {"out", "(2,)"}},
      {"label to null", invalid, [&] { return gaussmix_row_scorer_predict(s, p.row(0), 2, nullptr); }, {"component"}},
      {"label of no scorer",
       invalid,
       [&] { return gaussmix_row_scorer_predict(nullptr, p.row(0), 2, &label); },
       {"scorer", "null"}},
      {"threads of the process", invalid, [] { return gaussmix_set_num_threads(-1); }, {"num_threads", "-1"}},
      {"threads to null", invalid, [] { return gaussmix_get_num_threads(nullptr); }, {"num_threads", "null"}},
  });
}

TEST_CASE("c api: pointers that are not aligned, strides out of all memory, threads without number") {
  const Problem p = random_problem(2, 2, 6, CovarianceType::diag, 31);
  const OwnedMixture handle = mixture_of(parameters_of(p));
  const gaussmix_mixture* m = handle.get();
  const auto scorer = made<OwnedScorer>([&](gaussmix_row_scorer** s) { return gaussmix_row_scorer_create(m, s); });
  const auto sums = made<OwnedStatistics>([&](gaussmix_statistics** s) { return gaussmix_statistics_create(m, s); });
  gaussmix_row_scorer* s = scorer.get();
  Doubles values(20);
  std::vector<Index> labels(7);
  const gaussmix_samples x = gaussmix_samples_f64(p.x.data(), 6, 2);
  const gaussmix_samples shared = gaussmix_samples_f64(values.data(), 6, 2);
  const gaussmix_samples odd_x = gaussmix_samples_f64(bad_input::misaligned(values), 6, 2);
  double* odd = bad_input::misaligned(values);
  Index* odd_label = bad_input::misaligned(labels);
  std::vector<gaussmix_samples> structs(2, x);
  std::vector<gaussmix_mixture*> handles(2);
  gaussmix_parameters parameters = parameters_of(p);
  parameters.means = odd;
  const gaussmix_execution threads = {sizeof threads, std::numeric_limits<std::int32_t>::max(), nullptr, nullptr};
  gaussmix_mixture* made = nullptr;
  const auto* odd_handle = reinterpret_cast<const gaussmix_mixture*>(reinterpret_cast<const char*>(m) + 4);
  check_misuses({
      {"X",
       invalid,
       [&] { return gaussmix_log_prob_f64(m, &odd_x, values.data(), 6, 1, nullptr); },
       {"X", "of 8 bytes"}},
      {"out", invalid, [&] { return gaussmix_log_prob_f64(m, &x, odd, 6, 1, nullptr); }, {"out", "of 8 bytes"}},
      {"labels", invalid, [&] { return gaussmix_predict(m, &x, odd_label, 6, 1, nullptr); }, {"out", "of 8 bytes"}},
      {"row", invalid, [&] { return gaussmix_row_scorer_log_prob(s, odd, 2, values.data()); }, {"x", "of 8 bytes"}},
      {"log_prob",
       invalid,
       [&] { return gaussmix_row_scorer_log_prob(s, p.row(0), 2, odd); },
       {"log_prob", "of 8 bytes"}},
      {"total", invalid, [&] { return gaussmix_statistics_totals(sums.get(), odd, nullptr); }, {"total_weight"}},
      {"n", invalid, [&] { return gaussmix_statistics_component_weights(sums.get(), odd, 2); }, {"out", "of 8 bytes"}},
      {"struct",
       invalid,
       [&] { return gaussmix_log_prob_f64(m, bad_input::misaligned(structs), values.data(), 6, 1, nullptr); },
       {"X", "of 8 bytes"}},
      {"means", invalid, [&] { return gaussmix_mixture_create(&parameters, nullptr, &made); }, {"means", "of 8 bytes"}},
      {"handle to be made",
       invalid,
       [&] { return gaussmix_mixture_load("", nullptr, bad_input::misaligned(handles)); },
       {"mixture", "of 8 bytes"}},
      {"handle",
       invalid,
       [&] { return gaussmix_log_prob_f64(odd_handle, &x, values.data(), 6, 1, nullptr); },
       {"mixture", "of 8 bytes"}},
      {"out of all memory",
       invalid,
       [&] { return gaussmix_log_prob_f64(m, &x, values.data(), 6, bad_input::max_index / 4, nullptr); },
       {"out", "address space"}},
      {"out in X", invalid, [&] { return gaussmix_log_prob_f64(m, &shared, &values[1], 6, 2, nullptr); }, {"out", "X"}},
      {"labels in X",
       invalid,
       [&] { return gaussmix_predict(m, &shared, reinterpret_cast<Index*>(&values[11]), 6, -1, nullptr); },
       {"out", "X"}},
      {"shares in the row",
       invalid,
       [&] { return gaussmix_row_scorer_responsibilities(s, &values[0], 2, &values[1], 2); },
       {"out", "x"}},
      {"threads",
       invalid,
       [&] { return gaussmix_log_prob_f64(m, &x, values.data(), 6, 1, &threads); },
       {"num_threads", "[0, 1024]", "2147483647"}},
      {"threads of the process", invalid, [] { return gaussmix_set_num_threads(1025); }, {"num_threads", "1025"}},
  });
}

TEST_CASE("c api: a struct_size beyond every header") {
  const Problem p = random_problem(2, 2, 6, CovarianceType::diag, 33);
  const OwnedMixture handle = mixture_of(parameters_of(p));
  Doubles out(6);
  gaussmix_mixture* made = nullptr;
  for (const std::size_t size : {std::numeric_limits<std::size_t>::max(), std::size_t{4097}}) {
    std::vector<unsigned char> room(8192);  // whose bytes behind the structs may be looked at
    auto* parameters = new (room.data()) gaussmix_parameters(parameters_of(p));
    gaussmix_samples x = gaussmix_samples_f64(p.x.data(), 6, 2);
    gaussmix_fit_options options = fit_options();
    x.struct_size = parameters->struct_size = size;
    check_misuses({
        {"X",
         invalid,
         [&] { return gaussmix_log_prob_f64(handle.get(), &x, out.data(), 6, 1, nullptr); },
         {"X.struct_size", "4096", std::to_string(size)}},
        {"in",
         invalid,
         [&] { return gaussmix_mixture_create(parameters, nullptr, &made); },
         {"parameters.struct_size"}},
        {"out", invalid, [&] { return gaussmix_mixture_parameters(handle.get(), parameters); }, {"struct_size"}},
        {"options", invalid, [&] { return gaussmix_fit_options_defaults(&options, size); }, {"options.struct_size"}},
    });
    CHECK(made == nullptr);
  }
}

TEST_CASE("c api: parameters that make no mixture") {
  const Problem p = random_problem(2, 2, 6, CovarianceType::full, 37);
  const auto create = [&](auto change) {
    return [&, change] {
      gaussmix_parameters parameters = parameters_of(p);
      change(parameters);
      gaussmix_mixture* mixture = reinterpret_cast<gaussmix_mixture*>(&parameters);
      const gaussmix_status status = gaussmix_mixture_create(&parameters, nullptr, &mixture);
      CHECK(mixture == nullptr);
      return status;
    };
  };
  using C = gaussmix_parameters;
  static const Doubles indefinite = {1, 2, 2, 1, 1, 0, 0, 1}, singular = {1, 1, 1, 1, 1, 0, 0, 1};
  check_misuses({
      {"no components", invalid, create([](C& c) { c.n_components = 0; }), {"means", "(0, 2)"}},
      {"negative components", invalid, create([](C& c) { c.n_components = -3; }), {"means", "(-3, 2)"}},
      {"no features", invalid, create([](C& c) { c.n_features = 0; }), {"means"}},
      {"features without end",
       invalid,
       create([](C& c) { c.n_features = Index{1} << 62; }),
       {"means", "4611686018427387904"}},
      {"no weights", invalid, create([](C& c) { c.weights = nullptr; }), {"weights", "null"}},
      {"no means", invalid, create([](C& c) { c.means = nullptr; }), {"means", "null"}},
      {"no covariances", invalid, create([](C& c) { c.covariances = nullptr; }), {"covariances", "null"}},
      {"covariances too few", invalid, create([](C& c) { c.n_covariances = 4; }), {"covariances", "4"}},
      {"an unknown type", invalid, create([](C& c) { c.covariance_type = 60; }), {"covariance_type", "60"}},
      {"another struct", invalid, create([](C& c) { --c.struct_size; }), {"parameters.struct_size"}},
      {"indefinite",
       GAUSSMIX_ERROR_NUMERICAL,
       create([](C& c) { c.covariances = indefinite.data(); }),
       {"covariances", "component 0"}},
      {"singular", GAUSSMIX_ERROR_NUMERICAL, create([](C& c) { c.covariances = singular.data(); }), {"rank 1"}},
      {"null", invalid, [&] { return gaussmix_mixture_create(nullptr, nullptr, nullptr); }, {"mixture", "null"}},
  });
}

TEST_CASE("c api: what statistics and fits refuse") {
  const Problem p = random_problem(2, 2, 6, CovarianceType::diag, 41),
                q = random_problem(3, 2, 6, CovarianceType::diag, 43);
  const gaussmix_samples x = gaussmix_samples_f64(p.x.data(), 6, 2);
  const OwnedMixture mixture = mixture_of(parameters_of(p)), other_mixture = mixture_of(parameters_of(q));
  const auto sums =
      made<OwnedStatistics>([&](gaussmix_statistics** s) { return gaussmix_statistics_create(mixture.get(), s); });
  const auto other = made<OwnedStatistics>(
      [&](gaussmix_statistics** s) { return gaussmix_statistics_create(other_mixture.get(), s); });
  gaussmix_mixture* next = nullptr;
  gaussmix_statistics* read = nullptr;
  gaussmix_fit_result* result = nullptr;
  double n[2];
  const auto fit_with = [&](auto change) {
    return [&, change] {
      gaussmix_fit_options options = fit_options();
      change(options);
      return gaussmix_fit(&x, 2, &options, nullptr, 0, nullptr, &result);
    };
  };
  using C = gaussmix_fit_options;
  const gaussmix_maximize_options odd_policy = {sizeof odd_policy, 9, 0, 0.0, nullptr};
  check_misuses({
      {"merge", invalid, [&] { return gaussmix_statistics_merge(sums.get(), other.get()); }, {"n_components", "3"}},
      {"merge null", invalid, [&] { return gaussmix_statistics_merge(sums.get(), nullptr); }, {"other", "null"}},
      {"scale", invalid, [&] { return gaussmix_statistics_scale(sums.get(), -1); }, {"factor", "-1"}},
      {"component weights",
       invalid,
       [&] { return gaussmix_statistics_component_weights(sums.get(), n, 3); },
       {"out", "3"}},
      {"no weight",
       GAUSSMIX_ERROR_NUMERICAL,
       [&] { return gaussmix_statistics_maximize(sums.get(), nullptr, nullptr, nullptr, &next); },
       {}},
      {"policy",
       invalid,
       [&] { return gaussmix_statistics_maximize(sums.get(), &odd_policy, nullptr, nullptr, &next); },
       {"on_degenerate"}},
      {"bytes",
       GAUSSMIX_ERROR_FORMAT,
       [&] { return gaussmix_statistics_from_bytes(nullptr, 0, nullptr, nullptr, &read); },
       {"bytes"}},
      {"null bytes",
       invalid,
       [&] { return gaussmix_statistics_from_bytes(nullptr, 80, nullptr, nullptr, &read); },
       {"bytes", "null"}},
      {"negative bytes",
       invalid,
       [&] { return gaussmix_statistics_from_bytes(nullptr, -8, nullptr, nullptr, &read); },
       {"-8"}},
      {"K = 0",
       invalid,
       [&] { return gaussmix_fit(&x, 0, nullptr, nullptr, 0, nullptr, &result); },
       {"n_components", "0"}},
      {"K > N",
       invalid,
       [&] { return gaussmix_fit(&x, 7, nullptr, nullptr, 0, nullptr, &result); },
       {"n_components", "7"}},
      {"fit to null", invalid, [&] { return gaussmix_fit(&x, 2, nullptr, nullptr, 0, nullptr, nullptr); }, {"result"}},
      {"type", invalid, fit_with([](C& o) { o.covariance_type = -1; }), {"covariance_type", "-1"}},
      {"init", invalid, fit_with([](C& o) { o.init = 4; }), {"init", "4"}},
      {"tol", invalid, fit_with([](C& o) { o.tol = bad_input::quiet_nan; }), {"tol", "nan"}},
      {"tol of no iteration",
       invalid,
       fit_with([](C& o) {
         o.max_iter = 0;
         o.tol = 0.5;
       }),
       {"tol must be 0.001", "0.5"}},
      {"size", invalid, fit_with([](C& o) { --o.struct_size; }), {"options.struct_size"}},
      {"start", invalid, fit_with([&](C& o) { o.mixture_init = other_mixture.get(); }), {"n_components", "3"}},
      {"defaults", invalid, [] { return gaussmix_fit_options_defaults(nullptr, 8); }, {"options", "null"}},
      {"summary of nothing", invalid, [] { return gaussmix_fit_result_summary(nullptr, nullptr); }, {"result", "null"}},
  });
  CHECK(result == nullptr);
  CHECK(next == nullptr);
  CHECK(read == nullptr);
}

TEST_CASE("c api: structs of later headers, whose new members may be 0 alone") {
  struct Later {
    gaussmix_execution known;
    double added;
  };
  const Problem p = random_problem(2, 2, 6, CovarianceType::diag, 33);
  const OwnedMixture handle = mixture_of(parameters_of(p));
  const gaussmix_samples x = gaussmix_samples_f64(p.x.data(), 6, 2);
  Doubles out(6);
  Later later = {{sizeof later, 1, nullptr, nullptr}, 0};
  CHECK(gaussmix_log_prob_f64(handle.get(), &x, out.data(), 6, 1, &later.known) == GAUSSMIX_OK);
  later.added = 1;
  CHECK(gaussmix_log_prob_f64(handle.get(), &x, out.data(), 6, 1, &later.known) == GAUSSMIX_ERROR_INVALID_ARGUMENT);
  CHECK(std::string(gaussmix_last_error()).find("execution must be 0 beyond the 32 bytes") != std::string::npos);

  struct LaterParameters {
    gaussmix_parameters known;
    double added;
  } filled;
  filled.known.struct_size = sizeof filled;
  filled.added = 7;
  CHECK(gaussmix_mixture_parameters(handle.get(), &filled.known) == GAUSSMIX_OK);
  CHECK(filled.known.struct_size == sizeof filled);
  CHECK(filled.known.n_components == 2);
  CHECK(filled.added == 0);
}

TEST_CASE("c api: what an earlier header lacks is 0, and nothing is written beyond it") {
  Grown values[2] = {{offsetof(Grown, added), 1, 2},
                     {}};  // with room behind, which a compiler takes for what may be written
  Grown& value = values[0];
  const Grown seen = c_api::input(&value, "value");
  CHECK(seen.first == 1);
  CHECK(seen.added == 0);
  c_api::output(&value, "value", Grown{0, 3, 4});
  CHECK(value.struct_size == offsetof(Grown, added));
  CHECK(value.first == 3);
  CHECK(value.added == 2);
  value.struct_size = sizeof(Grown);
  c_api::output(&value, "value", Grown{0, 3, 4});
  CHECK(value.added == 4);
  CHECK(c_api::input(&value, "value").added == 4);
  value.struct_size = offsetof(Grown, added) - 1;
  CHECK_THROWS_AS(c_api::input(&value, "value"), InvalidArgument);
  CHECK_THROWS_AS(c_api::output(&value, "value", Grown{0, 5, 6}), InvalidArgument);
  CHECK(value.first == 3);
}

TEST_CASE("c api: handles of another type and freed ones are refused") {
  const Problem p = random_problem(2, 2, 6, CovarianceType::diag, 47);
  const gaussmix_parameters parameters = parameters_of(p);
  const OwnedMixture mixture = mixture_of(parameters);
  gaussmix_statistics* statistics = reinterpret_cast<gaussmix_statistics*>(mixture.get());
  CHECK(gaussmix_statistics_scale(statistics, 1) == invalid);
  CHECK(gaussmix_statistics_free(statistics) == invalid);
#if !defined(__SANITIZE_ADDRESS__)  // which sees the use of freed memory by itself
  gaussmix_mixture* freed = nullptr;
  REQUIRE(gaussmix_mixture_create(&parameters, nullptr, &freed) == GAUSSMIX_OK);
  REQUIRE(gaussmix_mixture_free(freed) == GAUSSMIX_OK);
  CHECK(gaussmix_mixture_free(freed) == invalid);
  CHECK(std::string(gaussmix_last_error()).find("freed") != std::string::npos);
#endif
}

TEST_CASE("c api: each thread has its own last error, which is cut to its place at a whole character") {
  CHECK(gaussmix_set_num_threads(-5) == invalid);
  std::string other = "not asked";
  std::thread([&] { other = gaussmix_last_error(); }).join();
  CHECK(other.empty());
  CHECK(std::string(gaussmix_last_error()) == "num_threads must be in [0, 1024], but is -5");
}

TEST_CASE("c api: an exception of a C++ callback comes back as a status, its message cut at a whole character") {
  const Problem p = random_problem(2, 2, 20, CovarianceType::full, 53);
  const gaussmix_samples x = gaussmix_samples_f64(p.x.data(), p.n, p.d);
  gaussmix_fit_options options = fit_options();
  gaussmix_fit_result* result = nullptr;
  options.callback = [](const gaussmix_fit_progress*, void*) -> int {
    std::string text(1000, 'x');
    for (int i = 0; i < 100; ++i) text += "∞";
    throw std::runtime_error(text);
  };
  CHECK(gaussmix_fit(&x, 2, &options, nullptr, 0, nullptr, &result) == GAUSSMIX_ERROR_INTERNAL);
  const std::string message = gaussmix_last_error();
  CHECK(message.size() == 1000 + 7 * std::strlen("∞"));
  options.callback = [](const gaussmix_fit_progress*, void*) -> int { throw 3; };
  CHECK(gaussmix_fit(&x, 2, &options, nullptr, 0, nullptr, &result) == GAUSSMIX_ERROR_INTERNAL);
}
