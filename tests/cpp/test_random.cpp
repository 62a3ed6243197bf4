#include "numeric/random.hpp"

#include <doctest/doctest.h>

#include <array>
#include <cmath>
#include <cstdint>
#include <initializer_list>
#include <limits>
#include <vector>

namespace {

using namespace gaussmix::detail;
using gaussmix::Index;

constexpr double u = 0x1p-53;

/// |computed − log x| in units in the last place of the result.
double log_error_in_ulp(double x) {
  const long double truth = std::log(static_cast<long double>(x));
  const double computed = portable_log(x);
  const double rounded = std::fabs(static_cast<double>(truth));
  const double ulp = std::nextafter(rounded, std::numeric_limits<double>::infinity()) - rounded;
  return static_cast<double>(std::fabs(truth - static_cast<long double>(computed))) / ulp;
}

}  // namespace

TEST_CASE("Philox4x32-10 gives the known answers of its authors") {
  CHECK(Philox::apply({0, 0, 0, 0}, {0, 0}) == Philox::Counter{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8});
  const std::uint32_t ones = 0xffffffff;
  CHECK(Philox::apply({ones, ones, ones, ones}, {ones, ones}) ==
        Philox::Counter{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd});
  CHECK(Philox::apply({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}) ==
        Philox::Counter{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1});
}

TEST_CASE("a place in the table is the counter, the seed is the key, low halves first") {
  const auto words = Philox::words(0x299f31d0a4093822u, 0x85a308d3243f6a88u, 0x13198a2e, 0x03707344);
  CHECK(words[0] == 0x94fdccebd16cfe09u);
  CHECK(words[1] == 0x24126ea15001e420u);
}

TEST_CASE("uniform numbers are inside (0, 1), symmetric and exact at both ends") {
  CHECK(uniform_from(0) == 0x1p-53);
  CHECK(uniform_from(~std::uint64_t{0}) == 1.0 - 0x1p-53);
  Random random(1);
  for (int i = 0; i < 1000; ++i) {
    const std::uint64_t word = Philox::words(3, static_cast<std::uint64_t>(i), 0, 0)[0];
    REQUIRE(uniform_from(~word) == 1.0 - uniform_from(word));
    const double value = random.uniform();
    REQUIRE((value > 0.0 && value < 1.0));
  }
}

TEST_CASE("portable_log is within 1 ulp of the logarithm") {
  static_assert(std::numeric_limits<long double>::digits >= 64, "the reference needs more digits than double has");
  CHECK(portable_log(1.0) == 0.0);
  const double sqrt_half = 0x1.6a09e667f3bcdp-1;
  for (const double center : {1.0, 0.5, 2.0, sqrt_half, 2 * sqrt_half, 4 * sqrt_half, 0x1p-53, 1e300}) {
    double below = center;
    double above = center;
    for (int step = 0; step < 50; ++step) {
      below = std::nextafter(below, 0.0);
      above = std::nextafter(above, std::numeric_limits<double>::infinity());
      CAPTURE(below);
      REQUIRE(log_error_in_ulp(below) <= 1.0);
      REQUIRE(log_error_in_ulp(above) <= 1.0);
    }
  }
  CHECK(log_error_in_ulp(std::numeric_limits<double>::min()) <= 1.0);
  CHECK(log_error_in_ulp(std::numeric_limits<double>::max()) <= 1.0);
  Random random(2);
  for (int i = 0; i < 100000; ++i) {
    const double spread = std::ldexp(1.0 + random.uniform(), static_cast<int>(random.below(2046)) - 1022);
    const double near_one = 1.0 + std::ldexp(random.uniform() - 0.5, -static_cast<int>(random.below(50)));
    CAPTURE(spread);
    CAPTURE(near_one);
    REQUIRE(log_error_in_ulp(spread) <= 1.0);
    REQUIRE((near_one == 1.0 || log_error_in_ulp(near_one) <= 1.0));
  }
}

TEST_CASE("normal_quantile agrees with 50 digits") {
  struct Pair {
    double p;
    double quantile;
  };
  // erfinv at 60 digits, polished by Newton's method.
  const std::vector<Pair> table = {
      {0x1p-53, -8.209536151601386855630769},
      {0x1p-52, -8.125890664701906858507992},
      {0x1.8p-45, -7.461928540436950251591156},
      {1e-12, -7.034483825301131932614176},
      {1.3887943864964021e-11, -6.657904643501103583720578},  // exp(−25): where the two tail functions meet
      {1e-10, -6.361340902404056199100397},
      {1e-8, -5.612001244174788727930121},
      {1e-5, -4.264890793922824610233749},
      {0.001, -3.090232306167813535358005},
      {0.02, -2.053748910631823044338639},
      {0.0749999, -1.439532177375900586417472},  // 0.075: where tail and center meet
      {0.075, -1.439531470938455934949801},
      {0.0750001, -1.439530764501729686493336},
      {0.1, -1.281551565544600435334517},
      {0.25, -0.674489750196081743202227},
      {0.4999, -0.0002506628300880074923888501},
      {0x1.fffffffffffffp-2, -1.391458212335883461116962e-16},
      {0.5, 0.0},
      {0x1.0000000000001p-1, 2.782916424671766922233923e-16},
      {0.50001, 0.00002506628274882086270557266},
      {0.7, 0.5244005127080406563136292},
      {0.9249, 1.438825392752540374188982},
      {0.925, 1.43953147093845622906332},
      {0.9251, 1.440238267527963859387731},
      {0.975, 1.959963984540053855604431},
      {0.999, 3.090232306167813277758202},
      {0.99999999, 5.612001243305504982604508},
      {0x1.fffffffffffffp-1, 8.209536151601386855630769},
  };
  // Coefficient i of a degree-7 polynomial with positive terms meets 2i + 2 roundings in Horner's rule. Averaged over
  // the terms of numerator and denominator, with the argument's own error through log and square root, at most 24 u
  // come together (at r = 5); Wichura's functions themselves are good to 1e-16, which is 1 u.
  for (const Pair& pair : table) {
    CAPTURE(pair.p);
    CHECK(std::fabs(normal_quantile(pair.p) - pair.quantile) <= 25 * u * std::fabs(pair.quantile));
  }
}

TEST_CASE("normal_quantile is odd about one half, bit for bit") {
  for (int i = 0; i < 1000; ++i) {
    const std::uint64_t word = Philox::words(9, static_cast<std::uint64_t>(i), 0, 0)[0] >> (i % 50);
    CAPTURE(word);
    REQUIRE(normal_quantile(uniform_from(~word)) == -normal_quantile(uniform_from(word)));
  }
}

TEST_CASE("the bits are the same on every platform") {
  // From a second implementation of the same formulas in another language.
  const std::array<double, 5> logs = {-0x1.25e4f7b2737fap+5, -0x1.26bb1bbb55515p+1, -0x1.6d3c324e13f50p-2,
                                      0x1.193ea7aad030ap+0, 0x1.5963447f87fb5p+9};
  const std::array<double, 5> xs = {0x1p-53, 0.1, 0.7, 3.0, 1e300};
  for (std::size_t i = 0; i < xs.size(); ++i) CHECK(portable_log(xs[i]) == logs[i]);

  const std::array<double, 6> quantiles = {-0x1.06b48528cea51p+3, -0x1.97203597a2154p+2, -0x1.06e13e8aadfdbp+1,
                                           -0x1.5956b87528a49p-1, 0x1.0c7e39582c5fap-1,  0x1.8b8cbb7204470p+1};
  const std::array<double, 6> ps = {0x1p-53, 1e-10, 0.02, 0.25, 0.7, 0.999};
  for (std::size_t i = 0; i < ps.size(); ++i) CHECK(normal_quantile(ps[i]) == quantiles[i]);

  Random random(42, 7);
  for (const double value : {0x1.fff675d26fc20p-6, 0x1.e3e08c79156f4p-3, 0x1.5a49a865db037p-1, 0x1.ce2fc86d1b328p-4}) {
    CHECK(random.uniform() == value);
  }
  for (const Index value : {349, 797, 982, 335}) CHECK(random.below(1000) == value);
}

TEST_CASE("a Random is a value, and its seed and stream both matter") {
  Random random(5, 1);
  random.uniform();
  Random copy = random;
  Random other_seed(6, 1);
  Random other_stream(5, 2);
  CHECK(random.uniform() == copy.uniform());
  Random again(5, 1);
  const double first = again.uniform();
  CHECK(first != other_seed.uniform());
  CHECK(first != other_stream.uniform());
}

TEST_CASE("below(n) is uniform over 0 … n − 1") {
  Random random(11);
  CHECK(random.below(1) == 0);
  constexpr int n_draws = 60000;
  std::array<int, 6> counts{};
  for (int i = 0; i < n_draws; ++i) ++counts.at(static_cast<std::size_t>(random.below(6)));
  double chi2 = 0.0;
  for (const int count : counts) chi2 += (count - n_draws / 6.0) * (count - n_draws / 6.0) / (n_draws / 6.0);
  CHECK(chi2 < 30.86);  // exceeded with probability 1e-5 at 5 degrees of freedom
}

TEST_CASE("below(n) has no bias for an n that does not divide 2^64") {
  // With n = 3·2^61 the bare remainder would fall into the lower two thirds with probability 3/4.
  Random random(12);
  constexpr Index n = Index{3} << 61;
  constexpr int n_draws = 20000;
  int lower = 0;
  for (int i = 0; i < n_draws; ++i) {
    const Index value = random.below(n);
    REQUIRE((value >= 0 && value < n));
    if (value < n / 3 * 2) ++lower;
  }
  const double sigma = std::sqrt(2.0 / 9.0 / n_draws);
  CHECK(std::fabs(lower / static_cast<double>(n_draws) - 2.0 / 3.0) < 4.5 * sigma);  // 7e-6 both sides
}
