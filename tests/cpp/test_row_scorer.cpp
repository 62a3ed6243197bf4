#include "messages.hpp"
#include "problems.hpp"

#include <doctest/doctest.h>

using namespace gaussmix;
using namespace problems;

namespace {

/// Whether the verbs give other bits for this row alone.
template <class T>
bool differs_alone(const Mixture& mixture, VectorView<const T> row, T log_p, const T* gamma, Index label) {
  const MatrixView<const T> x(row.data(), 1, row.size());
  T own_log_p = 0;
  Index own_label = -1;
  std::vector<T> own(at(mixture.n_components()));
  log_prob<T>(mixture, x, {&own_log_p, 1});
  responsibilities<T>(mixture, x, {own.data(), 1, mixture.n_components()});
  predict(mixture, x, {&own_label, 1});
  return own_log_p != log_p || own_label != label || !std::equal(own.begin(), own.end(), gamma);
}

/// Rows whose bits differ between the batch verbs and a RowScorer, or the batch verbs of one row.
template <class T>
Index rows_that_differ(const Mixture& mixture, const std::vector<T>& x) {
  const Index d = mixture.n_features(), k = mixture.n_components(), n = static_cast<Index>(x.size()) / d;
  const MatrixView<const T> rows(x.data(), n, d);
  std::vector<T> log_p(at(n)), gamma(at(n * k)), own(at(k));
  std::vector<Index> labels(at(n));
  log_prob<T>(mixture, rows, log_p);
  responsibilities<T>(mixture, rows, {gamma.data(), n, k});
  predict(mixture, rows, labels);
  RowScorer scorer(mixture);
  Index different = 0;
  for (Index i = 0; i < n; ++i) {
    const VectorView<const T> row(x.data() + i * d, d);
    scorer.responsibilities(row, own);
    different += differs_alone(mixture, row, log_p[at(i)], gamma.data() + i * k, labels[at(i)]) ||
                 static_cast<T>(scorer.log_prob(row)) != log_p[at(i)] || scorer.predict(row) != labels[at(i)] ||
                 !std::equal(own.begin(), own.end(), gamma.begin() + i * k);
  }
  return different;
}

/// In float32, what is beyond its range as its ends.
std::vector<float> single(const Doubles& values) {
  constexpr double most = std::numeric_limits<float>::max();
  std::vector<float> out;
  for (const double value : values) out.push_back(static_cast<float>(std::clamp(value, -most, most)));
  return out;
}

/// Numbers of rows, of 1 to 40, for which log p, responsibilities or labels of the first n rows of X are other than those
/// of `whole` rows at once, too many to be evaluated row by row.
template <class T>
Index numbers_that_differ(const Mixture& mixture, const std::vector<T>& x, Index whole) {
  const Index d = mixture.n_features(), k = mixture.n_components();
  std::vector<T> expected_log_p(at(whole)), expected_gamma(at(whole * k));
  std::vector<Index> expected_labels(at(whole));
  const auto evaluate = [&](Index n, std::vector<T>& log_p, std::vector<T>& gamma, std::vector<Index>& labels) {
    const MatrixView<const T> rows(x.data(), n, d);
    log_prob<T>(mixture, rows, {log_p.data(), n});
    responsibilities<T>(mixture, rows, {gamma.data(), n, k});
    predict(mixture, rows, {labels.data(), n});
  };
  evaluate(whole, expected_log_p, expected_gamma, expected_labels);
  Index different = 0;
  for (Index n = 1; n <= 40; ++n) {
    std::vector<T> log_p(at(n)), gamma(at(n * k));
    std::vector<Index> labels(at(n));
    evaluate(n, log_p, gamma, labels);
    different += !std::equal(log_p.begin(), log_p.end(), expected_log_p.begin()) ||
                 !std::equal(gamma.begin(), gamma.end(), expected_gamma.begin()) ||
                 !std::equal(labels.begin(), labels.end(), expected_labels.begin());
  }
  return different;
}

}  // namespace

TEST_CASE("few rows: the bits of a block") {
  for (const CovarianceType type : all_types)
    for (const Index d : {1, 2, 3, 4, 5, 8, 17, 64})
      for (const Index k : {1, 3, 8, 15, 16, 17})
        for (const double spread : {3.0, 200.0}) {
          CAPTURE(to_string(type));
          CAPTURE(d);
          CAPTURE(k);
          CAPTURE(spread);
          const Problem p = random_problem(k, d, 50, type, 83, spread);
          CHECK(numbers_that_differ(p.mixture(), p.x, p.n) == 0);
          CHECK(numbers_that_differ(p.mixture(), single(p.x), p.n) == 0);
        }
}

TEST_CASE("few rows: the bits of a block for many features, many components, far rows and an offset") {
  for (const CovarianceType type : all_types) {
    CAPTURE(to_string(type));
    const Problem wide = random_problem(2, 300, 50, type, 89);
    CHECK(numbers_that_differ(wide.mixture(), wide.x, wide.n) == 0);
    CHECK(numbers_that_differ(wide.mixture(), single(wide.x), wide.n) == 0);
    const Problem many = random_problem(600, 3, 50, type, 97);
    CHECK(numbers_that_differ(many.mixture(), many.x, many.n) == 0);
    CHECK(numbers_that_differ(many.mixture(), single(many.x), many.n) == 0);
    Problem far = random_problem(5, 4, 50, type, 101);
    for (Index i = 0; i < far.n; i += 3)
      far.x[at(4 * i + i % 4)] = std::ldexp(i % 2 ? 1.5 : -1.5, static_cast<int>(20 * i % 126));
    CHECK(numbers_that_differ(far.mixture(), far.x, far.n) == 0);
    CHECK(numbers_that_differ(far.mixture(), single(far.x), far.n) == 0);
    Problem offset = random_problem(5, 4, 50, type, 103);
    for (double& mean : offset.means) mean += 1e8;
    for (double& value : offset.x) value += 1e8;
    CHECK(numbers_that_differ(offset.mixture(), offset.x, offset.n) == 0);
    CHECK(numbers_that_differ(offset.mixture(), single(offset.x), offset.n) == 0);
  }
}

TEST_CASE("few rows: float32 rows of a mixture whose scales are beyond float32 have the bits of a block") {
  Problem p = random_problem(3, 2, 50, CovarianceType::diag, 109);
  for (double& variance : p.covariances) variance *= 1e36;
  CHECK(numbers_that_differ(p.mixture(), single(p.x), p.n) == 0);
  CHECK(rows_that_differ(p.mixture(), single(p.x)) == 0);
}

TEST_CASE("few rows: the place of the first value that is not finite") {
  Problem p = random_problem(3, 4, 5, CovarianceType::full, 107);
  const Mixture mixture = p.mixture();
  p.x[at(2 * 4 + 3)] = std::nan("");
  p.x[at(4 * 4 + 1)] = inf;
  Doubles log_p(5);
  const std::string message =
      messages::message_of<InvalidArgument>([&] { log_prob<double>(mixture, p.rows(), log_p); });
  CHECK(message == "X[2, 3] must be finite, but is nan");
}

TEST_CASE("row scorer: the bits of the batch verbs") {
  for (const CovarianceType type : all_types)
    for (const Index d : {1, 2, 3, 4, 5, 9, 33})
      for (const Index k : {1, 2, 8, 9, 30})
        for (const double spread : {3.0, 200.0}) {
          CAPTURE(to_string(type));
          CAPTURE(d);
          CAPTURE(k);
          CAPTURE(spread);
          const Problem p = random_problem(k, d, 40, type, 61, spread);
          CHECK(rows_that_differ(p.mixture(), p.x) == 0);
          CHECK(rows_that_differ(p.mixture(), single(p.x)) == 0);
        }
}

TEST_CASE("row scorer: the labels of the batch verbs where two components are equally likely") {
  const Doubles means = {-1, 2};
  const Mixture mixture(Doubles{0.3, 0.7}, MatrixView<const double>(means.data(), 2, 1), Doubles{1, 4},
                        CovarianceType::diag);
  const auto label = [&](double x) {
    Index found = -1;
    predict(mixture, MatrixView<const double>(&x, 1, 1), {&found, 1});
    return found;
  };
  double low = -1, high = 2;
  REQUIRE(label(low) != label(high));
  while (std::nextafter(low, high) < high) {
    const double middle = low + (high - low) / 2;
    (label(middle) == label(low) ? low : high) = middle;
  }
  Doubles x{low};
  for (int i = 0; i < 40; ++i) {
    x.insert(x.begin(), std::nextafter(x.front(), -inf));
    x.push_back(std::nextafter(x.back(), inf));
  }
  CHECK(rows_that_differ(mixture, x) == 0);
}

TEST_CASE("row scorer: the bits of the batch verbs for far rows and beside components of weight 0") {
  for (const CovarianceType type : all_types)
    for (const Index k : {3, 8}) {
      CAPTURE(to_string(type));
      Problem p = random_problem(k, 4, 12, type, 67);
      for (Index i = 0; i < p.n; ++i) p.x[at(4 * i + i % 4)] = std::ldexp(i % 2 ? 1.5 : -1.5, static_cast<int>(90 * i));
      CHECK(rows_that_differ(p.mixture(), p.x) == 0);
      CHECK(rows_that_differ(p.mixture(), single(p.x)) == 0);
      p.weights[1] += p.weights[0];
      p.weights[0] = 0;
      CHECK(rows_that_differ(p.mixture(), p.x) == 0);
      CHECK(rows_that_differ(p.mixture(), single(p.x)) == 0);
    }
}

TEST_CASE("row scorer: singular components, on the support and off it") {
  const Doubles weights = {0.25, 0.75}, means = {0, 0, 0, 1, 1, 1};
  const Doubles covariances = {1, 2, 0, 2, 4, 0, 0, 0, 3, 1, 2, 0, 2, 4, 0, 0, 0, 3};
  const Mixture full(weights, MatrixView<const double>(means.data(), 2, 3), covariances, CovarianceType::full, true);
  const Doubles near_full = {1, 2, 5, 0, 0, 0, 2, 3, 1, 1, 2.5, 0};
  CHECK(rows_that_differ(full, near_full) == 0);
  CHECK(rows_that_differ(full, single(near_full)) == 0);
  const Doubles variances = {1, 0, 2, 1, 0, 3};
  const Mixture diag(weights, MatrixView<const double>(means.data(), 2, 3), variances, CovarianceType::diag, true);
  const Doubles near_diag = {1, 0, 5, 7, 1, 0, 0, 0.5, 0};
  CHECK(rows_that_differ(diag, near_diag) == 0);
  CHECK(rows_that_differ(diag, single(near_diag)) == 0);
}

TEST_CASE("row scorer: rows of any stride, of its own copy of the mixture, after a move") {
  Doubles x;
  std::vector<RowScorer> scorers;
  double expected = 0;
  {
    const Problem p = random_problem(3, 5, 1, CovarianceType::full, 71);
    scorers.emplace_back(p.mixture());
    expected = scorers[0].log_prob(p.x);
    for (const double value : p.x) x.insert(x.begin(), {value, inf});
  }
  RowScorer moved = std::move(scorers[0]);
  CHECK(moved.log_prob({x.data() + 8, 5, -2}) == expected);
  CHECK(moved.n_components() == 3);
  CHECK(moved.n_features() == 5);
  Doubles gamma(6, -1);
  moved.responsibilities({x.data() + 8, 5, -2}, {gamma.data(), 3, 2});
  CHECK(std::abs(gamma[0] + gamma[2] + gamma[4] - 1) <= 12 * unit<double>);
  CHECK(gamma[1] == -1);
}

TEST_CASE("row scorer: refuses rows of the wrong length or that are not finite, and goes on") {
  const Problem p = random_problem(2, 3, 1, CovarianceType::diag, 73);
  RowScorer scorer(p.mixture());
  const double expected = scorer.log_prob(p.x);
  const Doubles bad = {0, std::nan(""), 1}, shorter = {0, 1};
  Doubles gamma(2), longer(3);
  using messages::message_of;
  CHECK(message_of<InvalidArgument>([&] { scorer.log_prob(bad); }).find("must be finite, but is nan") !=
        std::string::npos);
  CHECK_THROWS_AS(scorer.predict(shorter), InvalidArgument);
  CHECK_THROWS_AS(scorer.responsibilities(shorter, gamma), InvalidArgument);
  CHECK_THROWS_AS(scorer.responsibilities(p.x, longer), InvalidArgument);
  CHECK(scorer.log_prob(p.x) == expected);
  const Doubles halves = {0.5, 0.5}, means = {0, 0}, variances = {0, 1};
  const Mixture unequal(halves, MatrixView<const double>(means.data(), 2, 1), variances, CovarianceType::diag, true);
  CHECK_THROWS_AS(RowScorer{unequal}, NumericalError);
}

TEST_CASE("one row: strides, and the place of what is not finite") {
  const Problem p = random_problem(3, 4, 1, CovarianceType::tied, 79);
  const Mixture mixture = p.mixture();
  Doubles log_p(1), spread, gamma(6, -1);
  log_prob<double>(mixture, MatrixView<const double>(p.x.data(), 1, 4), log_p);
  for (const double value : p.x) spread.insert(spread.begin(), {value, inf});
  const MatrixView<const double> reversed(spread.data() + 6, 1, 4, 100, -2);
  std::vector<float> single(1);
  log_prob<float>(mixture, reversed, single);
  CHECK(single[0] == static_cast<float>(log_p[0]));
  responsibilities<double>(mixture, reversed, {gamma.data(), 1, 3, 6, 2});
  CHECK(std::abs(gamma[0] + gamma[2] + gamma[4] - 1) <= 12 * unit<double>);
  CHECK(gamma[1] == -1);

  spread[4] = std::nan("");
  const double before = log_p[0];
  const std::string message =
      messages::message_of<InvalidArgument>([&] { log_prob<double>(mixture, reversed, log_p); });
  CHECK(message == "X[0, 1] must be finite, but is nan");
  CHECK(log_p[0] == before);
  CHECK_THROWS_AS(log_prob<double>(mixture, p.rows(), log_p, {-1, {}}), InvalidArgument);
}
