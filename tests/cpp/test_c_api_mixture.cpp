// Through the C ABI, against the C++ API: what a mixture tells of itself, samples of it, criteria, rows from a function, the process.

#include "c_api_handles.hpp"

#include <gaussmix/gaussmix.hpp>

#include <algorithm>
#include <string>

using namespace gaussmix;
using namespace problems;
using namespace c_api_handles;

namespace {

/// Hands out the rows of a Problem.
void read_rows(std::int64_t begin, std::int64_t end, double* out, void* problem) {
  const auto& p = *static_cast<const Problem*>(problem);
  std::copy(p.row(begin), p.row(begin) + (end - begin) * p.d, out);
}

}  // namespace

TEST_CASE("c api: parameters in number, ranks, copies") {
  Problem p = random_problem(3, 2, 1, CovarianceType::diag, 3);
  p.covariances[2] = 0;
  gaussmix_parameters parameters = parameters_of(p);
  parameters.allow_singular = 1;
  OwnedMixture mixture = mixture_of(parameters);
  Index n_parameters = 0, n_components = 0;
  const Index* rank = nullptr;
  REQUIRE(gaussmix_mixture_n_parameters(mixture.get(), &n_parameters) == GAUSSMIX_OK);
  REQUIRE(gaussmix_mixture_rank(mixture.get(), &rank, &n_components) == GAUSSMIX_OK);
  CHECK(n_parameters == 2 + 6 + 6);
  CHECK(Indices(rank, rank + n_components) == Indices{2, 1, 2});
  const auto copy = made<OwnedMixture>([&](gaussmix_mixture** m) { return gaussmix_mixture_copy(mixture.get(), m); });
  const Mixture expected = value_of(mixture.get());
  mixture.reset();
  CHECK(value_of(copy.get()) == expected);
  CHECK(error_of(gaussmix_mixture_rank(copy.get(), nullptr, &n_components)) == "rank must not be null");
  CHECK(error_of(gaussmix_mixture_n_parameters(nullptr, &n_parameters)) == "mixture must not be null");
}

TEST_CASE("c api: samples are those of C++, at any strides") {
  const Problem p = random_problem(3, 2, 1, CovarianceType::full, 3);
  const OwnedMixture mixture = mixture_of(parameters_of(p));
  Doubles x(40), expected_x(40);
  Indices z(20), expected_z(20);
  REQUIRE(gaussmix_sample(mixture.get(), 5, x.data(), 20, 2, 1, 20, &z[19], 20, -1, nullptr) == GAUSSMIX_OK);
  sample(p.mixture(), 5, {expected_x.data(), 20, 2, 1, 20}, expected_z);
  CHECK(x == expected_x);
  CHECK(std::equal(expected_z.begin(), expected_z.end(), z.rbegin()));
  CHECK(error_of(gaussmix_sample(mixture.get(), 5, x.data(), 20, 2, 2, 1, z.data(), 19, 1, nullptr)).find("z must") ==
        0);
  CHECK(error_of(gaussmix_sample(mixture.get(), 5, x.data(), 20, 2, 2, 1, reinterpret_cast<Index*>(&x[20]), 20, 1,
                                 nullptr)) == "x must not share memory with z, but does");
}

TEST_CASE("c api: aic and bic") {
  const Problem p = random_problem(3, 2, 50, CovarianceType::full, 3);
  const OwnedMixture mixture = mixture_of(parameters_of(p));
  const gaussmix_samples x = gaussmix_samples_f64(p.x.data(), p.n, p.d);
  const Doubles weight(at(p.n), 0.5);
  double found = 0;
  REQUIRE(gaussmix_aic(mixture.get(), &x, weight.data(), 1, nullptr, &found) == GAUSSMIX_OK);
  CHECK(found == aic(p.mixture(), p.rows(), weight));
  REQUIRE(gaussmix_bic(mixture.get(), &x, nullptr, 0, nullptr, &found) == GAUSSMIX_OK);
  CHECK(found == bic(p.mixture(), p.rows()));
  CHECK(error_of(gaussmix_bic(mixture.get(), &x, nullptr, 0, nullptr, nullptr)) == "bic must not be null");
}

TEST_CASE("c api: rows from a function have the bits of rows in memory") {
  Problem p = random_problem(3, 2, 50, CovarianceType::full, 3);
  const OwnedMixture mixture = mixture_of(parameters_of(p));
  for (double& value : p.x) value = static_cast<float>(value);
  const std::vector<float> single(p.x.begin(), p.x.end());
  gaussmix_samples read = {sizeof read, nullptr, p.n, p.d, 0, 0, GAUSSMIX_DTYPE_FLOAT64, read_rows, &p};
  const auto scores = [&](const gaussmix_samples& x) {
    Doubles out(at(p.n));
    REQUIRE(gaussmix_log_prob_f64(mixture.get(), &x, out.data(), p.n, 1, nullptr) == GAUSSMIX_OK);
    return out;
  };
  CHECK(scores(read) == scores(gaussmix_samples_f64(p.x.data(), p.n, p.d)));
  read.dtype = GAUSSMIX_DTYPE_FLOAT32;
  CHECK(scores(read) == scores(gaussmix_samples_f32(single.data(), p.n, p.d)));
  double sum = 0;
  read.data = p.x.data();
  CHECK(error_of(gaussmix_log_likelihood(mixture.get(), &read, nullptr, 0, nullptr, &sum)) ==
        "X.data must be null beside X.read, but is not");
}

TEST_CASE("c api: the instruction-set level and what the library was built with") {
  const char *level = nullptr, *again = nullptr;
  const char *const *levels = nullptr, *const *names = nullptr, *const *values = nullptr;
  Index n = 0;
  REQUIRE(gaussmix_get_simd_level(&level) == GAUSSMIX_OK);
  CHECK(level == simd_level());
  REQUIRE(gaussmix_simd_levels(&levels, &n) == GAUSSMIX_OK);
  CHECK(std::vector<std::string>(levels, levels + n) == simd_levels());
  REQUIRE(gaussmix_set_simd_level("baseline") == GAUSSMIX_OK);
  CHECK(simd_level() == "baseline");
  REQUIRE(gaussmix_set_simd_level(level) == GAUSSMIX_OK);
  REQUIRE(gaussmix_get_simd_level(&again) == GAUSSMIX_OK);
  CHECK(again == level);
  CHECK(error_of(gaussmix_set_simd_level("sse9")).find("sse9") != std::string::npos);
  CHECK(error_of(gaussmix_set_simd_level(nullptr)) == "level must not be null");
  REQUIRE(gaussmix_build_info(&names, &values, &n) == GAUSSMIX_OK);
  std::vector<std::pair<std::string, std::string>> found;
  for (Index i = 0; i < n; ++i) found.emplace_back(names[i], values[i]);
  CHECK(found == build_info());
}

TEST_CASE("c api: a stop function ends the making of a mixture, and loading one") {
  const Problem p = random_problem(40, 40, 1, CovarianceType::full, 3);
  const gaussmix_parameters parameters = parameters_of(p);
  const gaussmix_execution stopped = {sizeof stopped, 1, [](void*) { return 1; }, nullptr};
  const std::vector<std::uint8_t> bytes = p.mixture().to_bytes();
  const auto until_stopped = [&](auto make) {
    gaussmix_status status = GAUSSMIX_OK;
    for (int i = 0; i < 1000000 && status == GAUSSMIX_OK; ++i) {  // asked every 20 ms
      gaussmix_mixture* mixture = nullptr;
      status = make(&mixture);
      CHECK(gaussmix_mixture_free(mixture) == GAUSSMIX_OK);
    }
    return status;
  };
  CHECK(until_stopped([&](gaussmix_mixture** m) { return gaussmix_mixture_create(&parameters, &stopped, m); }) ==
        GAUSSMIX_ERROR_INTERRUPTED);
  CHECK(until_stopped([&](gaussmix_mixture** m) {
          return gaussmix_mixture_from_bytes(bytes.data(), static_cast<Index>(bytes.size()), &stopped, m);
        }) == GAUSSMIX_ERROR_INTERRUPTED);
}
