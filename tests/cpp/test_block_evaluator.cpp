#include "em/e_step.hpp"
#include "model/mixture_data.hpp"
#include "problems.hpp"
#include "score/block_evaluator.hpp"
#include "simd/dispatch.hpp"

#include <gaussmix/fit.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

// Leaving out what rows exclude changes no bit of any result, however the rows lie.

namespace {

using namespace gaussmix;
using detail::Random;
using problems::at;

/// A problem with some rare components, and its rows in T.
template <class T>
struct Rows {
  problems::Problem p;
  std::vector<T> x;

  Rows(CovarianceType type, Index d, Index k, double spread)
      : p(problems::random_problem(k, d, 4201, type, 37, spread)), x(p.x.begin(), p.x.end()) {
    for (std::size_t c = 4; c < p.weights.size(); c += 5) p.weights[c] = 1e-6;
    double sum = 0;
    for (const double weight : p.weights) sum += weight;
    for (double& weight : p.weights) weight /= sum;
  }
  Samples samples() const { return MatrixView<const T>(x.data(), p.n, p.d); }
};

Execution everything() {
  Execution execution;
  execution.num_threads = 1;
  execution.skip_excluded = false;
  return execution;
}

Execution skipping(int threads) {
  Execution execution;
  execution.num_threads = threads;
  return execution;
}

template <class T>
void check_same(const Rows<T>& rows, const std::vector<double>& sample_weight) {
  const Mixture mixture = rows.p.mixture();
  const Samples x = rows.samples();
  std::vector<T> expected(at(x.rows())), log_p(at(x.rows()));
  log_prob(mixture, x, VectorView<T>(expected), everything());
  Statistics sums(mixture);
  sums.accumulate(x, sample_weight, everything());
  for (const int threads : {1, 3}) {
    log_prob(mixture, x, VectorView<T>(log_p), skipping(threads));
    CHECK(log_p == expected);
    Statistics other(mixture);
    other.accumulate(x, sample_weight, skipping(threads));
    CHECK(other == sums);
  }
}

template <class T, class Check>
void for_each_problem(const Check& check) {
  for (const CovarianceType type : problems::all_types)
    for (const auto& size : {std::pair<Index, Index>(5, 9), {16, 20}, {33, 7}})
      for (const double spread : {0.3, 3.0, 20.0}) {
        const Index d = size.first, k = size.second;
        CAPTURE(to_string(type));
        CAPTURE(d);
        CAPTURE(k);
        CAPTURE(spread);
        check(Rows<T>(type, d, k, spread));
      }
}

}  // namespace

TEST_CASE_TEMPLATE("evaluate: leaving out what is excluded changes no bit", T, float, double) {
  Random random(37);
  for_each_problem<T>([&](const Rows<T>& rows) {
    std::vector<double> weights;
    for (Index i = 0; i < rows.p.n; ++i) weights.push_back(i % 7 == 0 ? 0.0 : 3.0 * random.uniform());
    check_same(rows, {});
    check_same(rows, weights);
  });
}

TEST_CASE_TEMPLATE("evaluate: nor does it among rows far away, or with columns apart", T, float, double) {
  for (const CovarianceType type : {CovarianceType::full, CovarianceType::diag}) {
    Rows<T> rows(type, 24, 12, 10.0);
    const Index n = rows.p.n, d = rows.p.d;
    for (Index i = 0; i < n; i += 499)
      for (Index j = 0; j < d; ++j) rows.x[at(i * d + j)] *= static_cast<T>(sizeof(T) == 8 ? 1e152 : 1e17);
    check_same(rows, {});

    std::vector<T> fortran(rows.x.size());
    for (Index i = 0; i < n; ++i)
      for (Index j = 0; j < d; ++j) fortran[at(j * n + i)] = rows.x[at(i * d + j)];
    Statistics whole(rows.p.mixture()), columns(rows.p.mixture());
    whole.accumulate(rows.samples(), {}, everything());
    columns.accumulate(MatrixView<const T>(fortran.data(), n, d, 1, n), {}, skipping(1));
    CHECK(whole == columns);
  }
}

TEST_CASE_TEMPLATE("evaluate: nor where a distance is too small a number for its square", T, float, double) {
  constexpr bool is_double = sizeof(T) == sizeof(double);
  // The row lies on the mean of component 1, narrow along feature 0, and as good as on that of component 0, wide there.
  const double wide = is_double ? 1e90 : 1e15, step = is_double ? 1e-75 : 1e-8;
  const Index d = 16, k = 8, n = 4000;
  problems::Problem p{k, d, n, CovarianceType::diag, {}, {}, {}, {}};
  p.weights.assign(at(k), 1.0 / static_cast<double>(k));
  const double other = std::exp((2 * std::log(wide) + 1.5) / static_cast<double>(d - 1));
  for (Index c = 0; c < k; ++c)
    for (Index j = 0; j < d; ++j) {
      p.means.push_back(c > 1 ? 1e4 * static_cast<double>(c) : c == 1 && j == 0 ? step : 0.0);
      const double std_dev = c > 1 ? 1.0 : c == 0 ? (j == 0 ? wide : 1.0) : j == 0 ? 1 / wide : other;
      p.covariances.push_back(std_dev * std_dev);
    }
  std::vector<T> x;
  for (Index i = 0; i < n * d; ++i) x.push_back(static_cast<T>(i % d == 0 ? step : 0.0));
  const Samples samples = MatrixView<const T>(x.data(), n, d);
  std::vector<T> whole(at(n)), searched(at(n));
  log_prob(p.mixture(), samples, VectorView<T>(whole), everything());
  log_prob(p.mixture(), samples, VectorView<T>(searched), skipping(1));
  CHECK(whole == searched);
}

TEST_CASE_TEMPLATE("evaluate: a fit takes the same steps", T, float, double) {
  for_each_problem<T>([&](const Rows<T>& rows) {
    FitOptions options;
    options.covariance_type = rows.p.type;
    options.mixture_init = rows.p.mixture();
    options.max_iter = 4;
    options.tol = 0;
    const FitResult expected = fit(rows.samples(), rows.p.k, options, {}, everything());
    const FitResult found = fit(rows.samples(), rows.p.k, options, {}, skipping(2));
    CHECK(found.trace == expected.trace);
    CHECK(found.mixture == expected.mixture);
    CHECK(found.log_likelihood == expected.log_likelihood);
  });
}

TEST_CASE_TEMPLATE("evaluate: a pass tells the next one each row's likely component", T, float, double) {
  for (const CovarianceType type : problems::all_types) {
    CAPTURE(to_string(type));
    const Rows<T> rows(type, 16, 7, 20.0);
    const Mixture mixture = rows.p.mixture();
    std::vector<std::int32_t> labels(at(rows.p.n), -1);
    detail::SufficientStatistics sums(mixture.n_components(), mixture.n_features(), type, mixture.means().data());
    detail::accumulate_expectation(mixture, rows.samples(), {}, false, skipping(2), sums,
                                   {labels.data(), static_cast<Index>(labels.size())});
    std::vector<Index> expected(labels.size());
    predict(mixture, rows.samples(), VectorView<Index>(expected));
    CHECK(std::equal(labels.begin(), labels.end(), expected.begin()));
  }
}

TEST_CASE_TEMPLATE("evaluate: of components far apart, a row meets its own and few others", T, float, double) {
  for (const CovarianceType type : problems::all_types) {
    CAPTURE(to_string(type));
    const Index k = 20;
    const Rows<T> rows(type, 16, k, 20.0);
    const Mixture mixture = rows.p.mixture();
    const Samples x = rows.samples();
    const auto partition = detail::Partition::of(x.rows(), 16, k, sizeof(T));
    const Index end = std::min(x.rows(), partition.block_rows);
    detail::BlockEvaluator<T> evaluator(mixture.data(), x, simd::kernels_of<T>(simd::active_kernels()), partition,
                                        true);
    std::vector<std::int32_t> labels(at(end), -1);
    for (int pass = 0; pass < 2; ++pass) {  // the second knows where the rows belong
      evaluator.load(0, end, labels.data());
      evaluator.expectation(nullptr, detail::exclusion_cut<T>(k));
    }
    const detail::BlockResponsibilities<T> found = evaluator.responsibilities();
    REQUIRE(found.begin != nullptr);
    CHECK(found.begin[k] >= end);
    CHECK(found.begin[k] < 2 * end);
  }
}
