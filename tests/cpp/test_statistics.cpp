#include "messages.hpp"
#include "model_files.hpp"
#include "problems.hpp"

#include <gaussmix/statistics.hpp>

#include <doctest/doctest.h>

#include <filesystem>
#include <system_error>

using namespace gaussmix;
using namespace problems;
using messages::message_of;

namespace {

/// What an M-step may be off, in standard deviations, beside the rounding of the means themselves.
constexpr double in_deviations = 1e-12;

Statistics statistics_of(const Mixture& mixture, const Samples& x, VectorView<const double> weight = {}) {
  Statistics out(mixture);
  out.accumulate(x, weight);
  return out;
}

/// π, μ and Σ of the next mixture by plain loops, means as differences to those of the mixture before.
struct MStep {
  std::vector<Real> n, means, covariances;  ///< (K,), (K, D), (K, D, D), the last without regard to the type
  Real log_likelihood = 0, total = 0;
};

MStep reference_step(const Problem& p, const Mixture& mixture, const Doubles& weight) {
  const Reference reference(mixture);
  MStep out{std::vector<Real>(at(p.k)), std::vector<Real>(at(p.k * p.d)), std::vector<Real>(at(p.k * p.d * p.d)), 0, 0};
  std::vector<Real> gamma;
  const auto moved = [&](Index i, Index c, Index j) { return Real(p.row(i)[j]) - mixture.means()(c, j); };
  for (Index i = 0; i < p.n; ++i) {
    const RowReference row = row_reference(mixture, reference, p.row(i));
    const Real w = weight.empty() ? 1 : weight[at(i)];
    out.log_likelihood += w * row.log_p;
    out.total += w;
    for (Index c = 0; c < p.k; ++c) {
      out.n[at(c)] += gamma.emplace_back(w * row.gamma[at(c)]);
      for (Index j = 0; j < p.d; ++j) out.means[at(c * p.d + j)] += gamma.back() * moved(i, c, j);
    }
  }
  for (Index at_mean = 0; at_mean < p.k * p.d; ++at_mean) out.means[at(at_mean)] /= out.n[at(at_mean / p.d)];
  for (Index i = 0; i < p.n; ++i)
    for (Index c = 0; c < p.k; ++c)
      for (Index j = 0; j < p.d; ++j)
        for (Index l = 0; l < p.d; ++l)
          out.covariances[at((c * p.d + j) * p.d + l)] += gamma[at(i * p.k + c)] / out.n[at(c)] *
                                                          (moved(i, c, j) - out.means[at(c * p.d + j)]) *
                                                          (moved(i, c, l) - out.means[at(c * p.d + l)]);
  return out;
}

/// Entry (j, l) of component c's covariance as the type has it.
Real covariance_of(const MStep& step, const Problem& p, Index c, Index j, Index l) {
  const auto own = [&](Index k, Index a, Index b) { return step.covariances[at((k * p.d + a) * p.d + b)]; };
  const auto tied = [&](Index a, Index b) {
    Real sum = 0;
    for (Index k = 0; k < p.k; ++k) sum += step.n[at(k)] / step.total * own(k, a, b);
    return sum;
  };
  Real sum = 0;
  switch (p.type) {
    case CovarianceType::full: return own(c, j, l);
    case CovarianceType::tied: return tied(j, l);
    case CovarianceType::diag: return j == l ? own(c, j, j) : 0;
    case CovarianceType::spherical:
      for (Index a = 0; a < p.d; ++a) sum += own(c, a, a) / static_cast<Real>(p.d);
      return j == l ? sum : 0;
    case CovarianceType::tied_diag: return j == l ? tied(j, j) : 0;
    case CovarianceType::tied_spherical:
      for (Index a = 0; a < p.d; ++a) sum += tied(a, a) / static_cast<Real>(p.d);
      return j == l ? sum : 0;
  }
  return 0;
}

void check_step(const Problem& p, const Mixture& before, const Doubles& weight, const Statistics& found) {
  const MStep step = reference_step(p, before, weight);
  const Mixture after = found.maximize();
  const Reference reference(after);
  CHECK(std::abs(found.log_likelihood() - step.log_likelihood) <= in_deviations * std::abs(step.log_likelihood));
  CHECK(std::abs(found.total_weight() - step.total) <= in_deviations * step.total);
  Real worst = 0;
  for (Index c = 0; c < p.k; ++c) {
    worst = std::max(worst, std::abs(found.component_weights()[c] - step.n[at(c)]) / step.total);
    worst = std::max(worst, std::abs(after.weights()[c] - step.n[at(c)] / step.total));
    for (Index j = 0; j < p.d; ++j) {
      const Real deviation = std::sqrt(covariance_of(step, p, c, j, j));
      const Real mean = Real(before.means()(c, j)) + step.means[at(c * p.d + j)];
      const Real off = std::abs(after.means()(c, j) - mean) - unit<double> * std::abs(mean);  // less its own rounding
      worst = std::max(worst, off / deviation);
      for (Index l = 0; l < p.d; ++l)
        worst = std::max(worst, std::abs(reference.sigma(c, j, l) - covariance_of(step, p, c, j, l)) /
                                    (deviation * std::sqrt(covariance_of(step, p, c, l, l))));
    }
  }
  CHECK(worst <= in_deviations);
}

/// The same of two statistics, to rounding.
void check_close(const Statistics& a, const Statistics& b) {
  const Mixture x = a.maximize(), y = b.maximize();
  CHECK(std::abs(a.log_likelihood() - b.log_likelihood()) <= in_deviations * std::abs(b.log_likelihood()));
  double worst = 0;
  for (Index c = 0; c < x.n_components(); ++c) {
    worst = std::max(worst, std::abs(x.weights()[c] - y.weights()[c]));
    for (Index j = 0; j < x.n_features(); ++j) worst = std::max(worst, std::abs(x.means()(c, j) - y.means()(c, j)));
  }
  for (Index i = 0; i < x.covariances().size(); ++i)
    worst = std::max(worst, std::abs(x.covariances()[i] - y.covariances()[i]));
  CHECK(worst <= 4 * in_deviations);  // the problems' variances are of order 1
}

Doubles random_weights(Index n, std::uint64_t seed) {
  detail::Random random(seed);
  Doubles out;
  for (Index i = 0; i < n; ++i) out.push_back(static_cast<double>(random.below(5)) / 2);
  return out;
}

using Indices = std::vector<Index>;

}  // namespace

TEST_CASE("statistics: an M-step of all types, weighted and not, at an offset, from near and far") {
  for (const CovarianceType type : all_types)
    for (const Index d : {1, 2, 4, 7})
      for (const double offset : {0.0, 1e8})
        for (const double moved : {0.0, 3.0}) {
          CAPTURE(to_string(type));
          CAPTURE(d);
          CAPTURE(offset);
          CAPTURE(moved);
          Problem p = random_problem(3, d, 301, type, 83, 4);
          for (double& value : p.x) value += offset;
          for (double& value : p.means) value += offset + moved;
          const Mixture mixture = p.mixture();
          check_step(p, mixture, {}, statistics_of(mixture, p.rows()));
          const Doubles weight = random_weights(p.n, 89);
          check_step(p, mixture, weight, statistics_of(mixture, p.rows(), weight));
        }
}

TEST_CASE("statistics: a single component moves by 1 to 1e4 standard deviations") {
  for (const CovarianceType type : all_types)
    for (const double moved : {1.0, 1e2, 1e4}) {
      CAPTURE(to_string(type));
      CAPTURE(moved);
      Problem p = random_problem(1, 5, 3000, type, 97);
      for (double& value : p.means) value += moved;
      check_step(p, p.mixture(), {}, statistics_of(p.mixture(), p.rows()));
    }
}

TEST_CASE("statistics: merged in any split and order they are those of the whole") {
  for (const CovarianceType type : all_types) {
    CAPTURE(to_string(type));
    const Problem p = random_problem(4, 3, 600, type, 101);
    const Mixture mixture = p.mixture();
    const Statistics whole = statistics_of(mixture, p.rows());
    const Indices splits[] = {{0, 300, 600}, {0, 1, 2, 599, 600}, {0, 100, 101, 250, 600}};
    for (const Indices& split : splits) {
      Statistics forward(mixture), backward(mixture), accumulated(mixture);
      for (std::size_t i = 1; i < split.size(); ++i) {
        forward.merge(statistics_of(mixture, p.rows(split[i - 1], split[i])));
        backward.merge(statistics_of(mixture, p.rows(split[split.size() - i - 1], split[split.size() - i])));
        accumulated.accumulate(p.rows(split[i - 1], split[i]));
      }
      for (const Statistics* found : {&forward, &backward, &accumulated}) check_close(*found, whole);
      CHECK(forward.total_weight() == 600);
    }
    Statistics twice = whole;
    twice.merge(twice);
    check_close(
        [&] {
          Statistics half = twice;
          half.scale(0.5);
          return half;
        }(),
        whole);
    Statistics with_nothing = whole;
    with_nothing.merge(Statistics(mixture));
    CHECK(with_nothing == whole);
  }
}

TEST_CASE("statistics: mixtures of other means merge on the difference of their pivots") {
  for (const CovarianceType type : all_types) {
    CAPTURE(to_string(type));
    // One component: its responsibilities are 1 under any mixture.
    Problem p = random_problem(1, 3, 500, type, 103), moved = p;
    for (Problem* problem : {&p, &moved})
      for (double& value : problem->x) value += 1e8;
    for (Index j = 0; j < 3; ++j) {
      p.means[at(j)] += 1e8;
      moved.means[at(j)] = p.means[at(j)] + 100 * static_cast<double>(j + 1);
    }
    const Statistics whole = statistics_of(p.mixture(), p.rows());
    Statistics merged = statistics_of(p.mixture(), p.rows(0, 200));
    const double own = merged.log_likelihood();
    const Statistics other = statistics_of(moved.mixture(), p.rows(200, 500));
    merged.merge(other);
    CHECK(merged.log_likelihood() == own + other.log_likelihood());
    const Mixture a = merged.maximize(), b = whole.maximize();
    for (Index j = 0; j < 3; ++j) CHECK(std::abs(a.means()(0, j) - b.means()(0, j)) <= 2 * unit<double> * 1e8);
    for (Index i = 0; i < a.covariances().size(); ++i)
      CHECK(std::abs(a.covariances()[i] - b.covariances()[i]) <= in_deviations * 2);
  }
}

TEST_CASE("statistics: scaled sums are those of scaled weights, and 0 forgets everything") {
  for (const CovarianceType type : all_types) {
    CAPTURE(to_string(type));
    const Problem p = random_problem(3, 3, 300, type, 107);
    const Statistics plain = statistics_of(p.mixture(), p.rows());
    Statistics doubled = plain, none = plain;
    doubled.scale(2);
    CHECK(doubled == statistics_of(p.mixture(), p.rows(), Doubles(300, 2.0)));
    CHECK(doubled.maximize() == plain.maximize());
    none.scale(0);
    CHECK(none == Statistics(p.mixture()));
    CHECK(message_of<NumericalError>([&] { none.maximize(); }).find("positive, finite total weight") !=
          std::string::npos);
    for (const double bad : {-1.0, inf, std::nan("")}) CHECK_THROWS_AS(doubled.scale(bad), InvalidArgument);
  }
}

TEST_CASE("statistics: rows of weight 0 are absent, and errors leave the sums as they were") {
  const Problem p = random_problem(3, 2, 200, CovarianceType::full, 109);
  Problem padded = p;
  for (int i = 0; i < 50; ++i) padded.x.insert(padded.x.end(), {1e200, -1e200});
  padded.n += 50;
  Doubles weight(250, 1.0);
  std::fill(weight.begin() + 200, weight.end(), 0.0);
  const Statistics plain = statistics_of(p.mixture(), p.rows());
  check_close(statistics_of(p.mixture(), padded.rows(), weight), plain);
  Statistics kept = plain;
  padded.x[499] = std::nan("");
  CHECK_THROWS_AS(kept.accumulate(padded.rows()), InvalidArgument);
  CHECK_THROWS_AS(kept.merge(Statistics(random_problem(2, 2, 1, CovarianceType::full, 1).mixture())), InvalidArgument);
  CHECK_THROWS_AS(kept.merge(Statistics(random_problem(3, 2, 1, CovarianceType::diag, 1).mixture())), InvalidArgument);
  CHECK(kept == plain);
}

TEST_CASE("statistics: a positive weight counts, however small it is beside the others") {
  const Doubles pi = {0.5, 0.5}, means = {0, 1e3}, variances = {1, 1}, x = {0, 1, 1e3};
  const Mixture mixture(pi, {means.data(), 2, 1}, variances, CovarianceType::diag);
  const std::vector<float> single(x.begin(), x.end());
  const Doubles weight = {1e200, 1e200, 1e-200};
  for (const Samples& samples :
       {Samples(MatrixView<const double>(x.data(), 3, 1)), Samples(MatrixView<const float>(single.data(), 3, 1))}) {
    const Statistics sums = statistics_of(mixture, samples, weight);
    CHECK(sums.component_weights()[1] > 0);
    CHECK(sums.component_weights()[1] <= 0x1p-53 * sums.total_weight());
    CHECK_THROWS_WITH_AS(sums.maximize(), doctest::Contains("component 1 is empty"), NumericalError);
  }
}

TEST_CASE("statistics: bytes round-trip, and every truncation and every corrupt byte is refused") {
  for (const CovarianceType type : all_types) {
    CAPTURE(to_string(type));
    const Problem p = random_problem(2, 2, 50, type, 113);
    const Statistics plain = statistics_of(p.mixture(), p.rows());
    const std::vector<std::uint8_t> bytes = plain.to_bytes();
    CHECK(Statistics::from_bytes(bytes) == plain);
    CHECK(Statistics::from_bytes(bytes).maximize() == plain.maximize());
    const auto refused = [](const std::vector<std::uint8_t>& b) {
      try {
        Statistics::from_bytes(b);
      } catch (const FormatError&) {
        return true;
      }
      return false;
    };
    Index accepted = 0;
    for (std::size_t size = 0; size < bytes.size(); ++size)
      accepted += !refused({bytes.begin(), bytes.begin() + static_cast<Index>(size)});
    for (std::size_t place = 0; place < bytes.size(); ++place)
      for (const int flip : {0x01, 0x80, 0xFF}) {
        std::vector<std::uint8_t> corrupt = bytes;
        corrupt[place] = static_cast<std::uint8_t>(corrupt[place] ^ flip);
        accepted += !refused(corrupt);
      }
    std::vector<std::uint8_t> longer = bytes;
    longer.resize(bytes.size() + 8);
    CHECK(refused(longer));
    CHECK(accepted == 0);
  }
}

TEST_CASE("statistics: a file holds the bytes, and what is none is refused by its path and size") {
  const model_files::TemporaryFolder folder;
  const std::string path = folder.path("sums");
  const Problem p = random_problem(3, 4, 50, CovarianceType::tied, 113);
  const Statistics expected = statistics_of(p.mixture(), p.rows());
  expected.save(path);
  CHECK(folder.content("sums") == expected.to_bytes());
  CHECK(Statistics::load(path) == expected);
  CHECK(folder.names() == std::set<std::string>{"sums"});
  std::filesystem::resize_file(path, std::uintmax_t{1} << 36);  // of zeros, and nowhere on the disk
  try {
    Statistics::load(path);
    FAIL_CHECK("no error");
  } catch (const FormatError& error) {
    CHECK(std::string(error.what()).find("'" + path + "': ") == 0);
  }
  CHECK_THROWS_AS(Statistics::load(folder.path("absent")), std::system_error);
  CHECK_THROWS_AS(expected.save(folder.path("absent/sums")), std::system_error);
  expected.save(path);
  CHECK_THROWS_AS(Statistics::load(path, Execution{-1, {}}), InvalidArgument);
}

TEST_CASE("statistics: those moved from may be copied and assigned to") {
  const Problem p = random_problem(2, 2, 50, CovarianceType::full, 113);
  const Statistics expected = statistics_of(p.mixture(), p.rows());
  Statistics from = expected, to = std::move(from);
  CHECK(to == expected);
  Statistics copy = from;
  to = from;
  from = copy = expected;
  CHECK(from == expected);
  CHECK(copy == expected);
  CHECK(from.mixture() == expected.mixture());
}
