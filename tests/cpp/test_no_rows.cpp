// X without rows, and rows that all weigh 0: legal wherever the answer is defined.

#include "bad_input.hpp"
#include "c_api_handles.hpp"

using namespace bad_input;
using namespace c_api_handles;

namespace {

/// X, (0, 2), in every form.
std::vector<Samples> no_rows() {
  return {MatrixView<const double>(rows.data(), 0, 2), MatrixView<const double>(nullptr, 0, 2),
          MatrixView<const float>(nullptr, 0, 2), Samples(0, 2, [](Index, Index, double*) { FAIL("nothing to read"); }),
          Samples(0, 2, nullptr, true)};
}

}  // namespace

TEST_CASE_TEMPLATE("no rows: scores without rows, and sums of nothing", T, double, float) {
  const Mixture mixture = two_components();
  for (const Samples& x : no_rows()) {
    component_log_prob(mixture, x, MatrixView<T>(nullptr, 0, 2));
    log_joint(mixture, x, MatrixView<T>(nullptr, 0, 2));
    log_responsibilities(mixture, x, MatrixView<T>(nullptr, 0, 2));
    responsibilities(mixture, x, MatrixView<T>(nullptr, 0, 2, 0, 0));
    log_prob(mixture, x, VectorView<T>());
    predict(mixture, x, VectorView<Index>());
    CHECK(log_likelihood(mixture, x) == 0);
    CHECK(aic(mixture, x) == 2 * static_cast<double>(mixture.n_parameters()));
    CHECK_THROWS_WITH_AS(bic(mixture, x), doctest::Contains("X must have rows of positive weight for bic"),
                         InvalidArgument);
    CHECK_THROWS_AS(log_prob(mixture, x, VectorView<T>(nullptr, 1)), InvalidArgument);
    CHECK_THROWS_AS(log_likelihood(mixture, x, Doubles{1}), InvalidArgument);
  }
}

TEST_CASE("no rows: nothing is added to statistics, nor by rows that weigh 0") {
  const Doubles none(6);
  const std::vector<float> single(rows.begin(), rows.end());
  for (const bool filled : {false, true}) {
    Statistics statistics(two_components());
    if (filled) statistics.accumulate(matrix(rows, 2));
    const Statistics before = statistics;
    for (const Samples& x : no_rows()) statistics.accumulate(x);
    statistics.accumulate(matrix(rows, 2), none);
    statistics.accumulate(MatrixView<const float>(single.data(), 6, 2), none);
    CHECK(statistics == before);
    CHECK_THROWS_WITH_AS(statistics.accumulate(matrix(rows_with(7, quiet_nan), 2), none),
                         "X[3, 1] must be finite, but is nan", InvalidArgument);
    CHECK(statistics == before);
  }
  const Mixture mixture = two_components();
  CHECK(log_likelihood(mixture, matrix(rows, 2), none) == 0);
  CHECK(aic(mixture, matrix(rows, 2), none) == 2 * static_cast<double>(mixture.n_parameters()));
  CHECK_THROWS_WITH_AS(bic(mixture, matrix(rows, 2), none), doctest::Contains("the weights of its 6 rows sum to 0"),
                       InvalidArgument);
}

TEST_CASE("no rows: the C ABI") {
  const OwnedMixture mixture = mixture_of(parameters_of(problems::random_problem(2, 2, 1, CovarianceType::full, 5)));
  const OwnedStatistics statistics =
      made<OwnedStatistics>([&](gaussmix_statistics** s) { return gaussmix_statistics_create(mixture.get(), s); });
  for (const gaussmix_samples& x : {gaussmix_samples_f64(nullptr, 0, 2), gaussmix_samples_f32(nullptr, 0, 2)}) {
    CHECK(gaussmix_log_prob_f64(mixture.get(), &x, nullptr, 0, 1, nullptr) == GAUSSMIX_OK);
    CHECK(gaussmix_responsibilities_f32(mixture.get(), &x, nullptr, 0, 2, 2, 1, nullptr) == GAUSSMIX_OK);
    CHECK(gaussmix_predict(mixture.get(), &x, nullptr, 0, 1, nullptr) == GAUSSMIX_OK);
    double sum = 1, weight = 1;
    CHECK(gaussmix_log_likelihood(mixture.get(), &x, nullptr, 0, nullptr, &sum) == GAUSSMIX_OK);
    CHECK(sum == 0);
    CHECK(gaussmix_statistics_accumulate(statistics.get(), &x, nullptr, 0, nullptr) == GAUSSMIX_OK);
    CHECK(gaussmix_statistics_totals(statistics.get(), &weight, &sum) == GAUSSMIX_OK);
    CHECK((weight == 0 && sum == 0));
    gaussmix_fit_result* result = nullptr;
    CHECK(gaussmix_fit(&x, 2, nullptr, nullptr, 0, nullptr, &result) == GAUSSMIX_ERROR_INVALID_ARGUMENT);
  }
}
