// Data, options and bytes that estimation must refuse: the type of the error, what its message names, and that the
// statistics are unchanged afterwards.

#include "bad_input.hpp"

using namespace bad_input;

namespace {

/// fit() of the six rows with K = 2 and one option changed.
std::function<void()> fitting(const std::function<void(FitOptions&)>& change, Index n_components = 2) {
  return [=] {
    FitOptions options;
    change(options);
    fit(matrix(rows, 2), n_components, options);
  };
}

const Doubles even_shares = Doubles(12, 0.5);  // responsibilities, (6, 2)

Doubles shares_with(std::size_t at, double value) {
  Doubles r = even_shares;
  r[at] = value;
  return r;
}

std::function<void()> fitting_shares(const Doubles& values, Index cols = 2) {
  return [=] { fitting([&](FitOptions& o) { o.responsibilities_init = matrix(values, cols); })(); };
}

std::function<void()> fitting_labels(const Indices& labels) {
  return [=] { fitting([&](FitOptions& o) { o.labels_init = labels; })(); };
}

std::function<void()> fitting_covariances(const Doubles& values) {
  return [=] { fitting([&](FitOptions& o) { o.covariances_init = values; })(); };
}

std::function<void()> fitting_precisions(const Doubles& values) {
  return [=] { fitting([&](FitOptions& o) { o.precisions_init = values; })(); };
}

std::function<void()> continuing(const std::function<void(FitOptions&)>& change, Index n_components = 2) {
  return fitting(
      [=](FitOptions& o) {
        o.mixture_init = two_components();
        change(o);
      },
      n_components);
}

}  // namespace

TEST_CASE("statistics refuse bad data and stay as they were") {
  Statistics stats(two_components());
  stats.accumulate(matrix(rows, 2), Doubles{1, 2, 3, 1, 2, 3});
  const Statistics before = stats;
  const std::vector<std::uint8_t> bytes = stats.to_bytes();
  std::vector<Case> cases = bad_samples("accumulate", [&](const Samples& x) { stats.accumulate(x); });
  append(cases, bad_features("accumulate", [&](const Samples& x) { stats.accumulate(x); }));
  append(cases,
         bad_weights("accumulate", [&](const Samples& x, VectorView<const double> w) { stats.accumulate(x, w); }));
  Doubles late(60000, 0.25);  // the bad value comes after many good blocks
  late[59999] = quiet_nan;
  const auto scale = [&](double factor) { return [&stats, factor] { stats.scale(factor); }; };
  const auto maximize = [&](const MaximizeOptions& o) { return [&stats, o] { stats.maximize(o); }; };
  append(cases,
         {{"late nan", [&] { stats.accumulate(matrix(late, 2)); }, {"X[29999, 1]", "nan"}},
          {"-1 threads", [&] { stats.accumulate(matrix(rows, 2), {}, Execution{-1, {}}); }, {"num_threads", "-1"}},
          {"negative factor", scale(-1), {"factor", "-1"}},
          {"nan factor", scale(quiet_nan), {"factor", "nan"}},
          {"inf factor", scale(inf), {"factor", "inf"}},
          {"negative reg_covar", maximize({-1e-6, {}, false}), {"reg_covar", "-1e-06"}},
          {"nan reg_covar", maximize({quiet_nan, {}, false}), {"reg_covar", "nan"}},
          {"inf reg_covar", maximize({inf, {}, false}), {"reg_covar", "inf"}},
          {"unknown policy", maximize({0, static_cast<OnDegenerate>(9), false}), {"on_degenerate", "9"}},
          {"unknown name", [] { on_degenerate_from_string("ignore"); }, {"on_degenerate", "ignore", "reseed"}}});
  check_all<InvalidArgument>(cases);
  CHECK(stats == before);
  CHECK(stats.to_bytes() == bytes);
}

TEST_CASE("statistics of other shapes do not merge") {
  Statistics stats(two_components());
  stats.accumulate(matrix(rows, 2));
  const Statistics before = stats;
  const auto merge = [&](const Mixture& other) { return [&stats, other] { stats.merge(Statistics(other)); }; };
  const Doubles one = {1}, half = {0.5, 0.5}, zero = {0, 0}, unit = {1, 1};
  const MatrixView<const double> two_by_one(zero.data(), 2, 1), one_by_two(zero.data(), 1, 2);
  check_all<InvalidArgument>({
      {"K = 1",
       merge(Mixture(one, one_by_two, {identities.data(), 4}, CovarianceType::full)),
       {"other must have n_components 2, but has 1"}},
      {"D = 1",
       merge(Mixture(half, two_by_one, unit, CovarianceType::full)),
       {"other must have n_features 2, but has 1"}},
      {"diag",
       merge(Mixture(half, {rows.data(), 2, 2}, {even_shares.data(), 4}, CovarianceType::diag)),
       {"full", "diag"}},
  });
  CHECK(stats == before);
}

TEST_CASE("an M-step without an answer is a numerical error") {
  const Statistics empty(two_components());
  Statistics collapsed(two_components());
  const Doubles point = {1, 2, 1, 2, 1, 2};
  collapsed.accumulate(matrix(point, 2));
  check_all<NumericalError>({
      {"no weight", [&] { empty.maximize(); }, {"weight", "0"}},
      {"one point", [&] { collapsed.maximize(); }, {"component 0 has collapsed", "rank 0 of 2"}},
  });
}

TEST_CASE("bytes of another length are a format error") {
  Statistics stats(two_components());
  stats.accumulate(matrix(rows, 2));
  const std::vector<std::uint8_t> bytes = stats.to_bytes();
  CHECK(Statistics::from_bytes(bytes) == stats);
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    const std::vector<std::uint8_t> cut(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(size));
    CAPTURE(size);
    CHECK_THROWS_AS(Statistics::from_bytes(cut), FormatError);
  }
  std::vector<std::uint8_t> longer = bytes;
  longer.push_back(0);
  CHECK_THROWS_AS(Statistics::from_bytes(longer), FormatError);
  CHECK_THROWS_AS(Statistics::from_bytes(VectorView<const std::uint8_t>(nullptr, 80)), InvalidArgument);
  CHECK_THROWS_AS(Statistics::from_bytes(VectorView<const std::uint8_t>(bytes.data(), -8)), InvalidArgument);
}

TEST_CASE("fit refuses bad data") {
  std::vector<Case> cases = bad_samples("fit", [](const Samples& x) { fit(x, 2); });
  append(cases, bad_samples("kmeans", [](const Samples& x) { kmeans(x, 2, 1); }));
  append(cases, bad_samples("kmeans_plus_plus", [](const Samples& x) { kmeans_plus_plus(x, 2, 1); }));
  append(cases, bad_weights("fit", [](const Samples& x, VectorView<const double> w) { fit(x, 2, {}, w); }));
  append(cases, bad_weights("kmeans", [](const Samples& x, VectorView<const double> w) { kmeans(x, 2, 1, w); }));
  append(cases, bad_weights("kmeans_plus_plus",
                            [](const Samples& x, VectorView<const double> w) { kmeans_plus_plus(x, 2, 1, w); }));
  const MatrixView<const double> x = matrix(rows, 2);
  const Doubles one_positive = {0, 0, 3, 0, 0, 0}, none_positive(6);
  const MatrixView<const double> no_rows(rows.data(), 0, 2);
  append(cases, {{"fit: no rows", [=] { fit(no_rows, 2); }, {"X must have at least 1 row", "(0, 2)"}},
                 {"kmeans: no rows", [=] { kmeans(no_rows, 2, 1); }, {"X must have at least 1 row", "(0, 2)"}},
                 {"fit: all zero", [&] { fit(x, 2, {}, none_positive); }, {"sample_weight", "positive", "but has 0"}},
                 {"kmeans: all zero", [&] { kmeans(x, 2, 1, none_positive); }, {"positive", "but has 0"}}});
  for (const Index k : {Index{0}, Index{-1}, Index{7}, huge}) {
    const std::vector<std::string> message = {"n_components", std::to_string(k)};
    append(cases, {{"fit", [=] { fit(x, k); }, message},
                   {"kmeans", [=] { kmeans(x, k, 1); }, message},
                   {"kmeans_plus_plus", [=] { kmeans_plus_plus(x, k, 1); }, message}});
  }
  append(cases,
         {{"fit: one positive weight", [&] { fit(x, 2, {}, one_positive); }, {"sample_weight", "positive", "2", "1"}},
          {"kmeans: one positive weight", [&] { kmeans(x, 2, 1, one_positive); }, {"positive", "2", "1"}},
          {"kmeans: max_iter", [&] { kmeans(x, 2, 1, {}, -1); }, {"max_iter", "-1"}},
          {"kmeans: threads", [&] { kmeans(x, 2, 1, {}, 300, Execution{-2, {}}); }, {"num_threads", "-2"}},
          {"fit: threads", [&] { fit(x, 2, {}, {}, Execution{-2, {}}); }, {"num_threads", "-2"}}});
  check_all<InvalidArgument>(cases);
}

TEST_CASE("fit without iterations refuses what only they would ask for") {
  using Change = std::function<void(FitOptions&)>;
  const auto fitting_both = [](const Change& start, const Change& option) {
    return fitting([=](FitOptions& o) {
      o.max_iter = 0;
      start(o);
      option(o);
    });
  };
  const Change tol = [](FitOptions& o) { o.tol = 0; };
  const std::vector<std::string> about_tol = {"tol must be 0.001 when max_iter is 0", "but is 0"};
  const Change mixture = [](FitOptions& o) { o.mixture_init = two_components(); };
  std::vector<Case> cases = {{"tol", fitting_both([](FitOptions&) {}, tol), about_tol},
                             {"allow_singular",
                              fitting_both(mixture, [](FitOptions& o) { o.allow_singular = true; }),
                              {"allow_singular must be false when max_iter is 0", "but is true"}}};
  for (const Change& start : std::vector<Change>{mixture, [](FitOptions& o) { o.covariances_init = identities; },
                                                 [](FitOptions& o) { o.precisions_init = identities; }})
    append(cases, {{"tol", fitting_both(start, tol), about_tol},
                   {"reg_covar",
                    fitting_both(start, [](FitOptions& o) { o.reg_covar = 0.5; }),
                    {"reg_covar must be 0 when max_iter is 0 and the covariances are given", "but is 0.5"}},
                   {"on_degenerate",
                    fitting_both(start, [](FitOptions& o) { o.on_degenerate = OnDegenerate::drop; }),
                    {"on_degenerate must be 'floor' when max_iter is 0", "but is 'drop'"}}});
  check_all<InvalidArgument>(cases);

  const Indices labels = {0, 0, 0, 1, 1, 1};
  FitOptions estimated;
  estimated.max_iter = 0;
  estimated.labels_init = labels;
  const Mixture plain = fit(matrix(rows, 2), 2, estimated).mixture;
  estimated.reg_covar = 0.5;
  estimated.on_degenerate = OnDegenerate::raise;
  CHECK(fit(matrix(rows, 2), 2, estimated).mixture.covariances()[0] == plain.covariances()[0] + 0.5);
}

TEST_CASE("fit refuses bad options, and options without effect") {
  const Indices labels = {0, 0, 0, 1, 1, 1};
  const Doubles three = {0.3, 0.3, 0.4}, below = {0.2, 0.2}, negative = {-0.5, 1.5}, with_nan = {quiet_nan, 0.5};
  const Doubles means = {0, 0, 4, 4}, nan_means = {0, 0, quiet_nan, 4};
  check_all<InvalidArgument>({
      {"deadline", fitting([](FitOptions& o) { o.deadline = -1; }), {"deadline", "-1"}},
      {"nan deadline", fitting([](FitOptions& o) { o.deadline = quiet_nan; }), {"deadline", "nan"}},
      {"deadline without iterations",
       fitting([](FitOptions& o) {
         o.deadline = 1;
         o.max_iter = 0;
       }),
       {"deadline must not be given when max_iter is 0"}},
      {"n_init", fitting([](FitOptions& o) { o.n_init = 0; }), {"n_init", "0"}},
      {"negative tol", fitting([](FitOptions& o) { o.tol = -1e-3; }), {"tol", "-0.001"}},
      {"nan tol", fitting([](FitOptions& o) { o.tol = quiet_nan; }), {"tol", "nan"}},
      {"max_iter", fitting([](FitOptions& o) { o.max_iter = -1; }), {"max_iter", "-1"}},
      {"negative reg_covar", fitting([](FitOptions& o) { o.reg_covar = -1; }), {"reg_covar", "-1"}},
      {"inf reg_covar", fitting([](FitOptions& o) { o.reg_covar = inf; }), {"reg_covar", "inf"}},
      {"unknown type",
       fitting([](FitOptions& o) { o.covariance_type = static_cast<CovarianceType>(9); }),
       {"covariance_type", "9"}},
      {"unknown init", fitting([](FitOptions& o) { o.init = static_cast<Init>(9); }), {"init", "9"}},
      {"unknown policy",
       fitting([](FitOptions& o) { o.on_degenerate = static_cast<OnDegenerate>(9); }),
       {"on_degenerate", "9"}},
      {"unknown name", [] { init_from_string("kmeans++"); }, {"init", "kmeans++", "k-means++"}},
      {"three weights", fitting([&](FitOptions& o) { o.weights_init = three; }), {"weights_init", "2", "3"}},
      {"sum of weights", fitting([&](FitOptions& o) { o.weights_init = below; }), {"weights_init", "sum", "0.4"}},
      {"negative weight", fitting([&](FitOptions& o) { o.weights_init = negative; }), {"weights_init[0]", "-0.5"}},
      {"nan weight", fitting([&](FitOptions& o) { o.weights_init = with_nan; }), {"weights_init[0]", "nan"}},
      {"one mean", fitting([&](FitOptions& o) { o.means_init = {means.data(), 1, 2}; }), {"means_init", "2", "1"}},
      {"means of 1 feature",
       fitting([&](FitOptions& o) { o.means_init = {means.data(), 2, 1}; }),
       {"means_init", "2", "1"}},
      {"nan mean", fitting([&](FitOptions& o) { o.means_init = matrix(nan_means, 2); }), {"means_init[1, 0]", "nan"}},
      {"covariances of one", fitting_covariances({1, 0, 0, 1}), {"covariances_init", "8", "4"}},
      {"nan covariance", fitting_covariances({1, 0, 0, quiet_nan, 1, 0, 0, 1}), {"covariances_init[0, 1, 1]", "nan"}},
      {"asymmetric covariance",
       fitting_covariances({1, 0, 0.5, 1, 1, 0, 0, 1}),
       {"covariances_init[0", "mirror image"}},
      {"precisions of one", fitting_precisions({1, 0, 0, 1}), {"precisions_init", "8", "4"}},
      {"inf precision", fitting_precisions({1, 0, 0, inf, 1, 0, 0, 1}), {"precisions_init[0, 1, 1]", "inf"}},
      {"asymmetric precision", fitting_precisions({1, 0, 0, 1, 1, 0.5, 0, 1}), {"precisions_init[1", "mirror image"}},
      {"both",
       fitting([](FitOptions& o) { o.covariances_init = o.precisions_init = identities; }),
       {"covariances_init", "precisions_init"}},
      {"shares of 3", fitting_shares(even_shares, 3), {"responsibilities_init", "3"}},
      {"share of nan", fitting_shares(shares_with(5, quiet_nan)), {"responsibilities_init[2, 1]", "nan"}},
      {"negative share", fitting_shares(shares_with(4, -0.5)), {"responsibilities_init[2, 0]", "-0.5"}},
      {"sum of shares", fitting_shares(shares_with(4, 0.25)), {"responsibilities_init", "[2]", "sum", "0.75"}},
      {"short labels", fitting_labels({0, 1, 0}), {"labels_init", "6", "3"}},
      {"label of 2", fitting_labels({0, 0, 0, 1, 2, 1}), {"labels_init[4]", "2"}},
      {"negative label", fitting_labels({0, -1, 0, 1, 1, 1}), {"labels_init[1]", "-1"}},
      {"missing label", fitting_labels({0, 0, 0, 0, 0, 0}), {"labels_init", "1"}},
      {"shares and labels",
       fitting([](FitOptions& o) {
         static const Indices labels = {0, 0, 0, 1, 1, 1};
         o.labels_init = labels;
         o.responsibilities_init = matrix(even_shares, 2);
       }),
       {"labels_init", "responsibilities_init"}},
      {"shares and init",
       fitting([](FitOptions& o) {
         o.init = Init::random;
         o.responsibilities_init = matrix(even_shares, 2);
       }),
       {"init", "responsibilities_init"}},
      {"another K", continuing([](FitOptions&) {}, 3), {"n_components", "init, 2", "3"}},
      {"another type",
       continuing([](FitOptions& o) { o.covariance_type = CovarianceType::diag; }),
       {"covariance_type", "diag", "full"}},
      {"mixture and means",
       continuing([&](FitOptions& o) { o.means_init = matrix(means, 2); }),
       {"means_init", "init"}},
      {"mixture and seed",
       continuing([](FitOptions& o) { o.seed = 7; }),
       {"seed must be 0 when the start is given", "but is 7"}},
      {"mixture and init", continuing([](FitOptions& o) { o.init = Init::random; }), {"init", "random"}},
      {"another D",
       [] {
         FitOptions o;
         o.mixture_init = two_components();
         fit(matrix(rows, 3), 2, o);
       },
       {"X", "2 columns", "(4, 3)"}},
  });
  check_all<NumericalError>({
      {"indefinite covariance",
       fitting_covariances({1, 2, 2, 1, 1, 0, 0, 1}),
       {"covariances_init", "component 0", "semi-definite"}},
      {"singular covariance",
       fitting_covariances({1, 0, 0, 1, 4, 2, 2, 1}),
       {"covariances_init", "component 1", "rank 1 of 2"}},
      {"indefinite precision",
       fitting_precisions({1, 0, 0, 1, 1, 2, 2, 1}),
       {"precisions_init", "component 1", "semi-definite"}},
      {"one point",
       [] {
         const Doubles x(12, 3.5);
         fit(matrix(x, 2), 2);
       },
       {"X", "no variance in any feature"}},
  });
}
