#include "em/block_moments.hpp"
#include "problems.hpp"
#include "simd/dispatch.hpp"

#include <doctest/doctest.h>

#include <string>

// The sums of one block against plain loops in long double, from arrays of responsibilities and from lists of those that count.

namespace {

using namespace gaussmix;
using namespace problems;
using detail::BlockLoader;
using detail::BlockMoments;
using detail::BlockResponsibilities;
using detail::Buffer;
using detail::Random;

/// How many rows, features and components, and what share of their pairs counts.
struct Size {
  Index n, d, k;
  double share;
};

/// Rows within `scale` of `offset`, pivots within `spread` scales.
template <class T>
struct Case {
  CovarianceType type;
  Index n, d, k, stride;
  double span;  ///< bounds what rows, pivots and means lie apart
  std::vector<T> x;
  Doubles pivots;
  Buffer<T> gamma;  ///< (K, stride)

  Case(CovarianceType covariance_type, const Size& size, double offset = 0, double scale = 1, double spread = 1)
      : type(covariance_type),
        n(size.n),
        d(size.d),
        k(size.k),
        stride((n + simd::strip_multiple - 1) / simd::strip_multiple * simd::strip_multiple),
        span(2 * scale * (1 + spread)),
        gamma(k * stride) {
    Random random(41);
    for (Index i = 0; i < n * d; ++i) x.push_back(static_cast<T>(offset + symmetric(random, scale)));
    for (Index i = 0; i < k * d; ++i) pivots.push_back(offset + symmetric(random, spread * scale));
    for (Index i = 0; i < k * stride; ++i)
      gamma[i] = i % stride < n && random.uniform() < size.share ? static_cast<T>(1 - random.uniform()) : T(0);
  }

  detail::SufficientStatistics sums(bool as_lists = false) const {
    const simd::Kernels<T>& kernels = simd::kernels_of<T>(simd::active_kernels());
    const Samples samples(MatrixView<const T>(x.data(), n, d));
    BlockLoader<T> block(samples, stride, kernels, true);
    block.load(0, n);
    detail::SufficientStatistics out(k, d, type, pivots.data());
    BlockMoments<T> moments(kernels, out);
    if (!as_lists) {
      moments.add(block, {gamma.data(), stride}, 0, out);
      return out;
    }
    std::vector<Index> begin{0};
    std::vector<std::int32_t> rows;
    std::vector<T> listed;
    for (Index c = 0; c < k; ++c) {
      for (Index i = 0; i < n; ++i) {
        if (!(gamma[c * stride + i] > T(0))) continue;
        rows.push_back(static_cast<std::int32_t>(i));
        listed.push_back(gamma[c * stride + i]);
      }
      begin.push_back(static_cast<Index>(rows.size()));
    }
    moments.add(block, {listed.data(), 0, begin.data(), rows.data()}, 0, out);
    return out;
  }
};

/// Weights, means and (co)variances within the rounding of sums about a center no further than 8 standard deviations from the mean.
template <class T>
void check_sums(const Case<T>& c) {
  const detail::SufficientStatistics found = c.sums();
  // 128 rows in T with the roundings of their products and differences, the rest in double.
  const Real rounding = Real(136) * unit<T> + static_cast<Real>(c.n) * unit<double>;
  const Real least = 4 * unit<T> * c.span;  // of a difference to a mean that was found once already
  const Real own = std::numeric_limits<Real>::epsilon() * c.span;  // rounding of the means below
  Real worst = 0;
  std::vector<Real> means(at(c.k * c.d)), sizes(at(c.k * c.d));
  for (Index j = 0; j < c.d; ++j) {
    Real pooled = 0, bound = 0;
    for (Index a = 0; a < c.k; ++a) {
      Real weight = 0, mean = 0, scatter = 0;
      const auto moved = [&](Index i) { return Real(c.x[at(i * c.d + j)]) - c.pivots[at(a * c.d + j)]; };
      for (Index i = 0; i < c.n; ++i) {
        weight += c.gamma[a * c.stride + i];
        mean += c.gamma[a * c.stride + i] * moved(i);
      }
      if (weight == 0) continue;
      mean /= weight;
      for (Index i = 0; i < c.n; ++i) scatter += c.gamma[a * c.stride + i] * (moved(i) - mean) * (moved(i) - mean);
      const Real size = std::sqrt(65 * scatter / weight) + least;
      means[at(a * c.d + j)] = mean;
      sizes[at(a * c.d + j)] = size;
      worst = std::max(worst, std::abs(found.weight[at(a)] - weight) / (rounding * weight));
      worst = std::max(
          worst, std::abs(found.delta[at(a * c.d + j)] - mean) / (2 * rounding * size + 4 * unit<double> * c.span));
      pooled += scatter;
      bound += (4 * rounding * size * size + own * own) * weight;
      const Index place = found.full ? j * c.d + j : j;
      if (!found.pooled) worst = std::max(worst, std::abs(found.scatter_of(a)[place] - scatter) / bound);
      for (Index l = 0; found.full && !found.pooled && l < j; ++l) {
        Real expected = 0;
        for (Index i = 0; i < c.n; ++i)
          expected += c.gamma[a * c.stride + i] * (moved(i) - mean) *
                      (Real(c.x[at(i * c.d + l)]) - c.pivots[at(a * c.d + l)] - means[at(a * c.d + l)]);
        worst = std::max(worst, std::abs(found.scatter_of(a)[j * c.d + l] - expected) /
                                    ((4 * rounding * size * sizes[at(a * c.d + l)] + own * own) * weight));
      }
      if (!found.pooled) pooled = bound = 0;
    }
    if (found.pooled && bound > 0)
      worst = std::max(worst, std::abs(found.scatter[at(j * c.d + j)] - pooled) / (4 * bound));
  }
  CHECK(worst <= 1);
}

}  // namespace

TEST_CASE_TEMPLATE("block moments: lists and arrays of responsibilities give the same bits", T, float, double) {
  for (const CovarianceType type : all_types)
    for (const Index d : {5, 8, 13, 40})
      for (const Index n : {1, 47, 48, 127, 128, 129, 300})
        for (const Index k : {1, 3, 4, 9})
          for (const double share : {0.0, 0.2, 0.38, 0.42, 0.7, 1.0}) {
            CAPTURE(std::string(to_string(type)));
            CAPTURE(d);
            CAPTURE(n);
            CAPTURE(k);
            CAPTURE(share);
            const bool in_matrices = has_matrices(type);
            if (in_matrices && d <= simd::few_features) continue;  // never searched: from strips
            const Case<T> c(type, {n, d, k, share});
            CHECK(c.sums(true) == c.sums());
          }
}

TEST_CASE_TEMPLATE("block moments: sums of all types, sizes and shares that count", T, float, double) {
  for (const CovarianceType type : all_types)
    for (const Index d : {3, 5, 6, 7, 8, 9, 10, 11, 12, 17, 40})
      for (const Index n : {1, 2, 11, 12, 13, 49, 300})
        for (const double share : {0.1, 0.6, 1.0}) {
          CAPTURE(std::string(to_string(type)));
          CAPTURE(d);
          CAPTURE(n);
          CAPTURE(share);
          for (const Index k : {1, 5}) check_sums(Case<T>(type, {n, d, k, share}));
        }
}

TEST_CASE_TEMPLATE("block moments: at an offset, at any scale, from pivots far apart", T, float, double) {
  constexpr bool is_double = sizeof(T) == sizeof(double);
  for (const CovarianceType type : all_types)
    for (const Index d : {5, 8, 17}) {
      CAPTURE(std::string(to_string(type)));
      CAPTURE(d);
      for (const double spread : {1.0, 30.0, 1e4}) {
        CAPTURE(spread);
        check_sums(Case<T>(type, {300, d, 5, 1.0}, 0, 1, spread));
        check_sums(Case<T>(type, {300, d, 5, 1.0}, is_double ? 1e8 : 1e4, 1, spread));
      }
      for (const double scale : {is_double ? 1e-140 : 1e-14, is_double ? 1e150 : 1e15, is_double ? 1e151 : 1e16}) {
        CAPTURE(scale);
        check_sums(Case<T>(type, {300, d, 5, 1.0}, 0, scale));
      }
    }
}

TEST_CASE_TEMPLATE("block moments: rows of weight 0 may lie anywhere", T, float, double) {
  for (const CovarianceType type : all_types)
    for (const Index d : {3, 5, 8, 11, 17})
      for (const T far : {static_cast<T>(sizeof(T) == 8 ? 1e150 : 1e16), std::numeric_limits<T>::max() / 4}) {
        CAPTURE(std::string(to_string(type)));
        CAPTURE(d);
        CAPTURE(far);
        Case<T> c(type, {200, d, 5, 1.0});
        for (Index i = 0; i < c.n; i += 7) {
          for (Index a = 0; a < c.k; ++a) c.gamma[a * c.stride + i] = T(0);
          for (Index j = 0; j < d; ++j) c.x[at(i * d + j)] = far;
        }
        check_sums(c);
      }
}
