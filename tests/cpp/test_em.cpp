// EM stepped by hand against fit, which is the same loop over one X; errors that leave it as it was.

#include "problems.hpp"

#include <gaussmix/em.hpp>
#include <gaussmix/error.hpp>

#include <doctest/doctest.h>

#include <string>

using namespace gaussmix;
using namespace problems;

namespace {

Problem two_features(CovarianceType type) { return random_problem(3, 2, 400, type, 7); }

Statistics statistics_of(const Mixture& mixture, const MatrixView<const double>& rows) {
  Statistics statistics(mixture);
  statistics.accumulate(rows);
  return statistics;
}

/// Two components of which the second is far from every row, so that it is empty.
Mixture with_an_empty_component() {
  const Doubles weights = {0.5, 0.5}, means = {0.0, 1e6}, variances = {1.0, 1.0};
  return {weights, MatrixView<const double>(means.data(), 2, 1), variances, CovarianceType::diag};
}

}  // namespace

TEST_CASE("steps over whole passes give the bits of fit") {
  for (const CovarianceType type : all_types) {
    CAPTURE(to_string(type));
    const Problem p = two_features(type);
    FitOptions options;
    options.covariance_type = type;
    options.mixture_init = p.mixture();
    const FitResult expected = fit(p.rows(), p.k, options);
    EM em(p.mixture());
    double change = inf;
    while (!em.done()) {
      const FitProgress progress = em.step(statistics_of(em.mixture(), p.rows()));
      CHECK(progress.start == 0);
      CHECK(progress.n_iter == em.n_iter());
      CHECK(progress.mean_log_likelihood == em.trace().back());
      CHECK(progress.mixture == em.mixture());
      change = progress.change;
    }
    CHECK(em.converged());
    CHECK(std::abs(change) < em.options().tol);
    CHECK(em.trace() == expected.trace);
    CHECK(em.mixture() == expected.mixture);
    CHECK(em.report().n_floored == expected.report.n_floored);
  }
}

TEST_CASE("max_iter ends it, with nothing converged") {
  const Problem p = two_features(CovarianceType::full);
  EM em(p.mixture(), {0.0, 2});
  CHECK_FALSE(em.done());
  em.step(statistics_of(em.mixture(), p.rows()));
  CHECK_FALSE(em.done());
  em.step(statistics_of(em.mixture(), p.rows()));
  CHECK(em.done());
  CHECK_FALSE(em.converged());
  CHECK(EM(p.mixture(), {1e-3, 0}).done());
}

TEST_CASE("rows that come in pieces take the same way") {
  const Problem p = two_features(CovarianceType::full);
  EM whole(p.mixture()), pieces(p.mixture());
  while (!whole.done()) {
    whole.step(statistics_of(whole.mixture(), p.rows()));
    Statistics statistics = statistics_of(pieces.mixture(), p.rows(0, 150));
    statistics.merge(statistics_of(pieces.mixture(), p.rows(150, 400)));
    pieces.step(statistics);
    // Sums of 400 terms of about 1 in two orders, over at most 100 well-conditioned steps.
    CHECK(pieces.trace().back() == doctest::Approx(whole.trace().back()).epsilon(1e-12));
  }
  CHECK(pieces.converged() == whole.converged());
}

TEST_CASE("a component that is dropped is counted, and nothing has converged in that step") {
  const Doubles x = {-1.0, 0.0, 1.0, 2.0};
  const MatrixView<const double> rows(x.data(), 4, 1);
  EM em(with_an_empty_component(), {1e300, 100, 0.0, OnDegenerate::drop});
  CHECK(em.step(statistics_of(em.mixture(), rows)).mixture.n_components() == 1);
  CHECK(em.report().n_dropped == 1);
  CHECK_FALSE(em.converged());  // the first change is infinite in any case
  em.step(statistics_of(em.mixture(), rows));
  CHECK(em.converged());
}

TEST_CASE("components that are treated are listed by their numbers in the start") {
  const Doubles x = {-1.0, 0.0, 1.0, 2.0};
  const MatrixView<const double> rows(x.data(), 4, 1);
  using List = std::vector<Index>;
  // Components 0 and 2 are far from every row.
  const Doubles weights(4, 0.25), means = {1e6, 0.0, 1e7, 0.5}, variances(4, 1.0);
  const Mixture start(weights, MatrixView<const double>(means.data(), 4, 1), variances, CovarianceType::diag);
  EM drops(start, {1e-3, 100, 0.0, OnDegenerate::drop});
  drops.step(statistics_of(drops.mixture(), rows));
  drops.step(statistics_of(drops.mixture(), rows));
  CHECK(drops.report().dropped == List{0, 2});
  CHECK(drops.report().floored.empty());

  EM floors(start);
  for (int i = 0; i < 3; ++i) floors.step(statistics_of(floors.mixture(), rows));
  CHECK(floors.report().floored == List{0, 2});
  CHECK(floors.report().n_floored == 6);

  FitOptions options;
  options.covariance_type = CovarianceType::diag;
  options.mixture_init = start;
  options.on_degenerate = OnDegenerate::reseed;
  options.max_iter = 1;
  const FitReport reseeded = fit(rows, 4, options).report;
  CHECK(reseeded.reseeded == List{0, 2});
  CHECK(reseeded.n_reseeded == 2);
}

TEST_CASE("errors leave it as it was") {
  const Problem p = two_features(CovarianceType::full);
  EM em(p.mixture());
  em.step(statistics_of(em.mixture(), p.rows()));
  const Mixture before = em.mixture();
  const auto unchanged = [&] {
    return em.mixture() == before && em.n_iter() == 1 && em.report().n_floored == 0 && !em.converged();
  };
  CHECK_THROWS_WITH_AS(em.step(statistics_of(p.mixture(), p.rows())),
                       "statistics must be made under the mixture of this EM, but are made under another one",
                       InvalidArgument);
  CHECK(unchanged());
  CHECK_THROWS_WITH_AS(em.step(Statistics(em.mixture())),
                       "statistics must hold rows of positive weight, but their total weight is 0", InvalidArgument);
  CHECK(unchanged());
  EM raises(with_an_empty_component(), {1e-3, 100, 0.0, OnDegenerate::raise});
  const Doubles x = {-1.0, 0.0, 1.0};
  CHECK_THROWS_AS(raises.step(statistics_of(raises.mixture(), {x.data(), 3, 1})), NumericalError);
  CHECK(raises.n_iter() == 0);
  CHECK(raises.mixture() == with_an_empty_component());
}

TEST_CASE("a log-likelihood that is not finite is an error that names the iteration") {
  const Doubles weights = {1.0}, means = {0.0, 0.0}, variances = {1.0, 0.0}, x = {0.0, 1.0};
  const Mixture line(weights, MatrixView<const double>(means.data(), 1, 2), variances, CovarianceType::diag, true);
  EM em(line, {1e-3, 100, 0.0, OnDegenerate::raise, true});
  std::string message;
  try {
    em.step(statistics_of(line, {x.data(), 1, 2}));
  } catch (const NumericalError& error) {
    message = error.what();
  }
  CHECK(message.find("must stay finite, but is -inf in iteration 1") != std::string::npos);
}

TEST_CASE("options out of range are refused") {
  const Mixture start = two_features(CovarianceType::full).mixture();
  CHECK_THROWS_AS(EM(start, {-1.0}), InvalidArgument);
  CHECK_THROWS_AS(EM(start, {std::numeric_limits<double>::quiet_NaN()}), InvalidArgument);
  CHECK_THROWS_AS(EM(start, {1e-3, -1}), InvalidArgument);
  CHECK_THROWS_AS(EM(start, {1e-3, 1, -1.0}), InvalidArgument);
  CHECK_THROWS_AS(EM(start, {1e-3, 1, 0.0, static_cast<OnDegenerate>(9)}), InvalidArgument);
}
