#pragma once

// Random numbers that are the same on every platform: integers by Philox, everything else in plain double arithmetic
// with the IEEE square root and a logarithm of our own. Whatever includes this is compiled without contraction of a·b +
// c.

#include <gaussmix/views.hpp>

#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace gaussmix::detail {

/// Philox4x32-10 (Salmon, Moraes, Dror & Shaw 2011): a bijection of 128-bit counters for each 64-bit key, whose values
/// pass for independent random bits.
class Philox {
 public:
  using Counter = std::array<std::uint32_t, 4>;
  using Key = std::array<std::uint32_t, 2>;

  static Counter apply(Counter c, Key k) noexcept {
    for (int round = 0; round < 10; ++round) {
      const std::uint64_t p0 = std::uint64_t{0xD2511F53u} * c[0];
      const std::uint64_t p1 = std::uint64_t{0xCD9E8D57u} * c[2];
      c = {high(p1) ^ c[1] ^ k[0], low(p1), high(p0) ^ c[3] ^ k[1], low(p0)};
      k = {k[0] + 0x9E3779B9u, k[1] + 0xBB67AE85u};
    }
    return c;
  }

  /// Two 64-bit words for one place: `row` and `column` of a table in the stream `stream` of `seed`.
  static std::array<std::uint64_t, 2> words(std::uint64_t seed, std::uint64_t row, std::uint32_t column,
                                            std::uint32_t stream) noexcept {
    const Counter c = apply({low(row), high(row), column, stream}, {low(seed), high(seed)});
    return {c[0] | std::uint64_t{c[1]} << 32, c[2] | std::uint64_t{c[3]} << 32};
  }

 private:
  static constexpr std::uint32_t low(std::uint64_t v) noexcept { return static_cast<std::uint32_t>(v); }
  static constexpr std::uint32_t high(std::uint64_t v) noexcept { return static_cast<std::uint32_t>(v >> 32); }
};

/// The stream that sample() draws from; those below it are free for Random.
inline constexpr std::uint32_t sample_stream = 0x80000000u;

/// (k + ½)·2⁻⁵² with k the upper 52 bits of `word`: uniform in (0, 1), exact, symmetric about ½. One bit more, and k +
/// ½ would be rounded, to 1 at the end.
inline double uniform_from(std::uint64_t word) noexcept { return (static_cast<double>(word >> 12) + 0.5) * 0x1p-52; }

namespace random_math {

/// c[0] + c[1] x + … by Horner's rule.
template <std::size_t N>
double polynomial(const std::array<double, N>& c, double x) noexcept {
  double sum = c[N - 1];
  for (std::size_t i = N - 1; i > 0; --i) sum = sum * x + c[i - 1];
  return sum;
}

}  // namespace random_math

/// log x within 1 ulp for normal x > 0, with the same bits everywhere.
///
/// x = 2^k (1 + f) with 1 + f in [√½, √2). With s = f / (2 + f), log(1 + f) = 2 artanh s = 2s + s·r, r = 2s²/3 + 2s⁴/5
/// + …; as 2s = f − s·f and h = f²/2 = s·(f + h) this is f − (h − s·(h + r)), where only the correction to f is
/// rounded.
inline double portable_log(double x) noexcept {
  // The first term left out, 2/23 s²², adds less than 2⁻⁵⁹ of the result: |s| ≤ 0.1716.
  constexpr std::array<double, 10> series = {2.0 / 3,  2.0 / 5,  2.0 / 7,  2.0 / 9,  2.0 / 11,
                                             2.0 / 13, 2.0 / 15, 2.0 / 17, 2.0 / 19, 2.0 / 21};
  constexpr double log2_high = 0x1.62e42fefa38p-1;  // 42 bits: k · log2_high is exact
  constexpr double log2_low = 0x1.ef35793c7673p-45;
  constexpr std::uint64_t sqrt_half = 0x3FE6A09E667F3BCDu;  // the bits of √½, rounded up

  std::uint64_t bits = 0;
  std::memcpy(&bits, &x, sizeof bits);
  const std::uint64_t above = bits - sqrt_half;  // its upper 12 bits are k
  const auto k = static_cast<double>(static_cast<std::int64_t>(above) >> 52);
  bits = (above & 0x000FFFFFFFFFFFFFu) + sqrt_half;
  double m = 0.0;
  std::memcpy(&m, &bits, sizeof m);

  const double f = m - 1.0;
  const double s = f / (2.0 + f);
  const double h = 0.5 * f * f;
  const double s2 = s * s;
  const double r = s2 * random_math::polynomial(series, s2);
  const double low = k * log2_low;
  const double correction = h - (s * (h + r) + low);
  return k * log2_high - (correction - f);
}

/// Φ⁻¹(p), the standard normal quantile for p in (0, 1): algorithm AS 241, PPND16 (Wichura 1988), whose rational
/// functions are good to about 10⁻¹⁶; with the rounding of their evaluation the relative error is at most 25·2⁻⁵³.
inline double normal_quantile(double p) noexcept {
  using Coefficients = std::array<double, 8>;
  constexpr Coefficients a = {3.3871328727963666080e0, 1.3314166789178437745e2, 1.9715909503065514427e3,
                              1.3731693765509461125e4, 4.5921953931549871457e4, 6.7265770927008700853e4,
                              3.3430575583588128105e4, 2.5090809287301226727e3};
  constexpr Coefficients b = {1.0,
                              4.2313330701600911252e1,
                              6.8718700749205790830e2,
                              5.3941960214247511077e3,
                              2.1213794301586595867e4,
                              3.9307895800092710610e4,
                              2.8729085735721942674e4,
                              5.2264952788528545610e3};
  constexpr Coefficients c = {1.42343711074968357734e0,  4.63033784615654529590e0, 5.76949722146069140550e0,
                              3.64784832476320460504e0,  1.27045825245236838258e0, 2.41780725177450611770e-1,
                              2.27238449892691845833e-2, 7.74545014278341407640e-4};
  constexpr Coefficients d = {1.0,
                              2.05319162663775882187e0,
                              1.67638483018380384940e0,
                              6.89767334985100004550e-1,
                              1.48103976427480074590e-1,
                              1.51986665636164571966e-2,
                              5.47593808499534494600e-4,
                              1.05075007164441684324e-9};
  constexpr Coefficients e = {6.65790464350110377720e0,  5.46378491116411436990e0,  1.78482653991729133580e0,
                              2.96560571828504891230e-1, 2.65321895265761230930e-2, 1.24266094738807843860e-3,
                              2.71155556874348757815e-5, 2.01033439929228813265e-7};
  constexpr Coefficients g = {1.0,
                              5.99832206555887937690e-1,
                              1.36929880922735805310e-1,
                              1.48753612908506148525e-2,
                              7.86869131145613259100e-4,
                              1.84631831751005468180e-5,
                              1.42151175831644588870e-7,
                              2.04426310338993978564e-15};
  using random_math::polynomial;

  const double q = p - 0.5;
  if (std::fabs(q) <= 0.425) {
    const double r = 0.180625 - q * q;
    return q * polynomial(a, r) / polynomial(b, r);
  }
  const double r = std::sqrt(-portable_log(q < 0.0 ? p : 1.0 - p));
  const double tail =
      r <= 5.0 ? polynomial(c, r - 1.6) / polynomial(d, r - 1.6) : polynomial(e, r - 5.0) / polynomial(g, r - 5.0);
  return q < 0.0 ? -tail : tail;
}

/// A sequence of random numbers, the same for the same (seed, stream). A value: a copy goes on like the original.
class Random {
 public:
  explicit Random(std::uint64_t seed, std::uint32_t stream = 0) noexcept : seed_(seed), stream_(stream) {}

  /// Uniform in (0, 1).
  double uniform() noexcept { return uniform_from(next()); }

  /// Uniform over 0 … n − 1, without bias; n ≥ 1.
  Index below(Index n) noexcept {
    const auto size = static_cast<std::uint64_t>(n);
    const std::uint64_t excess = (0 - size) % size;  // 2⁶⁴ mod n: so many words are one too many
    std::uint64_t word = next();
    while (word < excess) word = next();
    return static_cast<Index>(word % size);
  }

 private:
  std::uint64_t next() noexcept {
    if (drawn_ % 2 == 0) words_ = Philox::words(seed_, drawn_ / 2, 0, stream_);
    return words_[drawn_++ % 2];
  }

  std::uint64_t seed_;
  std::uint32_t stream_;
  std::uint64_t drawn_ = 0;
  std::array<std::uint64_t, 2> words_{};
};

}  // namespace gaussmix::detail
