#include "kernel_blocks.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>

// The kernels of seeding and of Lloyd's iterations, of every table that this processor runs, in float and double, against
// plain loops in long double.

namespace {

using namespace kernel_blocks;

/// Rows, and K centers as kernels take them.
template <class T>
struct Clusters {
  Index k;
  Block<T> block;
  std::vector<T> hi, lo;

  Clusters(const simd::Kernels<T>& kernels, Index n, Index d, Index n_centers, Random& random, double spread = 3,
           double offset = 0)
      : k(n_centers),
        block(kernels, n, d, moved(random_values<T>(n * d, random, 3), offset), std::vector<T>(at(d))),
        hi(moved(random_values<T>(k * d, random, spread), offset)),
        lo(at(k * d)) {
    for (std::size_t i = 0; i < lo.size() && sizeof(T) == sizeof(float); ++i)
      lo[i] = hi[i] * static_cast<T>(0.25 * unit<T> * static_cast<double>(i % 5));
  }
  static std::vector<T> moved(std::vector<T> values, double offset) {
    for (T& v : values) v += static_cast<T>(offset);
    return values;
  }
  simd::Location<T> centers() const { return {hi.data(), sizeof(T) == sizeof(float) ? lo.data() : nullptr}; }
  Real difference(Index i, Index c, Index j) const {
    return (Real(block.x[at(i * block.d + j)]) - hi[at(c * block.d + j)]) - lo[at(c * block.d + j)];
  }
  Real distance(Index i, Index c) const {
    Real q = 0;
    for (Index j = 0; j < block.d; ++j) q += difference(i, c, j) * difference(i, c, j);
    return q;
  }
  /// Bounds the rounding of a distance: two of the difference, of |x − hi| + |lo| each, doubled by the square; its own, and d sums.
  Real error(Index i, Index c) const {
    Real q = 0;
    for (Index j = 0; j < block.d; ++j) {
      const Real size = std::abs(Real(block.x[at(i * block.d + j)]) - hi[at(c * block.d + j)]) +
                        std::abs(Real(lo[at(c * block.d + j)]));
      q += size * size;
    }
    return static_cast<Real>(block.d + 8) * unit<T> * q;
  }
};

/// Calls check(clusters, random) for sizes around a strip, few and many features and centers, near, far and offset.
template <class T, class Check>
void for_each_case(const Check& check) {
  for (const simd::KernelTable* table : tables()) {
    CAPTURE(table->name);
    const simd::Kernels<T>& kernels = simd::kernels_of<T>(*table);
    Random random(17);
    for (const Index d : {1, 2, 3, 4, 5, 8, 13, 40, 129})
      for (const Index k : {1, 2, 3, 4, 7, 24})
        for (const Index n : lengths(kernels.strip)) {
          CAPTURE(d);
          CAPTURE(k);
          CAPTURE(n);
          check(Clusters<T>(kernels, n, d, k, random), random);
        }
    for (const double spread : {1e6, 1e-6})
      check(Clusters<T>(kernels, 2 * kernels.strip + 1, 3, 5, random, spread), random);
    check(Clusters<T>(kernels, kernels.strip + 1, 3, 5, random, 3, 1e8), random);
  }
}

template <class T>
std::vector<T> unit_distances(const Clusters<T>& c, Index center) {
  Buffer<T> out(c.block.padded());
  const simd::Location<T> all = c.centers();
  const Index d = c.block.d;
  c.block.kernels.distances_unit(c.block.strips.data(), c.block.n_strips(), d,
                                 {all.hi + center * d, all.lo ? all.lo + center * d : nullptr}, out.data());
  return {out.data(), out.data() + c.block.n};
}

}  // namespace

TEST_CASE_TEMPLATE("kernels: two_nearest keeps the two least distances, and the first of equal centers", T, float,
                   double) {
  for_each_case<T>([](const Clusters<T>& c, Random&) {
    const Block<T>& block = c.block;
    Buffer<T> nearest(block.padded()), second(block.padded());
    Buffer<std::int32_t> label(block.padded());
    block.kernels.two_nearest(block.strips.data(), block.n_strips(), block.d, c.k, c.centers(), nearest.data(),
                              second.data(), label.data());
    std::vector<std::vector<T>> found;
    for (Index k = 0; k < c.k; ++k) found.push_back(unit_distances(c, k));
    Index wrong = 0;
    for (Index i = 0; i < block.n; ++i) {
      std::vector<Real> exact;
      Real error = 0;
      for (Index k = 0; k < c.k; ++k) {
        exact.push_back(c.distance(i, k));
        error = std::max(error, c.error(i, k));
        wrong += !(std::abs(Real(found[at(k)][at(i)]) - exact.back()) <= c.error(i, k));
      }
      // The least of numbers that are off by `error` at most is off by no more; so is the second least.
      wrong += !(exact[at(label[i])] <= *std::min_element(exact.begin(), exact.end()) + 2 * error);
      std::sort(exact.begin(), exact.end());
      wrong += !(std::abs(Real(nearest[i]) - exact[0]) <= error);
      if (c.k > 1) wrong += !(std::abs(Real(second[i]) - exact[1]) <= error);
      // Of the distances as they are computed one by one, to their bits.
      std::int32_t first = 0;
      for (Index k = 1; k < c.k; ++k)
        if (found[at(k)][at(i)] < found[at(first)][at(i)]) first = static_cast<std::int32_t>(k);
      T next = std::numeric_limits<T>::infinity();
      for (Index k = 0; k < c.k; ++k)
        if (k != first) next = std::min(next, found[at(k)][at(i)]);
      wrong += label[i] != first || nearest[i] != found[at(first)][at(i)] || second[i] != next;
    }
    CHECK(wrong == 0);
  });
}

TEST_CASE_TEMPLATE("kernels: two_nearest of coinciding centers is the first, and no distance is NaN", T, float,
                   double) {
  for (const simd::KernelTable* table : tables()) {
    CAPTURE(table->name);
    const simd::Kernels<T>& kernels = simd::kernels_of<T>(*table);
    const T big = std::numeric_limits<T>::max();
    Block<T> block(kernels, 3, 1, {T(2), T(-5), big}, {T(0)});
    const std::vector<T> hi = {T(7), T(2), T(2), T(-5), T(7)}, lo(5);
    const simd::Location<T> centers{hi.data(), lo.data()};
    Buffer<T> nearest(block.padded()), second(block.padded());
    Buffer<std::int32_t> label(block.padded());
    kernels.two_nearest(block.strips.data(), 1, 1, 5, centers, nearest.data(), second.data(), label.data());
    CHECK((label[0] == 1 && nearest[0] == 0 && second[0] == 0));
    CHECK((label[1] == 3 && nearest[1] == 0 && second[1] == 49));
    CHECK((label[2] == 0 && nearest[2] == std::numeric_limits<T>::infinity() && second[2] == nearest[2]));
  }
}

TEST_CASE_TEMPLATE("kernels: potential_gains sums what candidates take off, and marks the rows that they are nearer to",
                   T, float, double) {
  for_each_case<T>([](const Clusters<T>& c, Random& random) {
    const Block<T>& block = c.block;
    Buffer<T> closest(block.padded());
    Buffer<double> weight(block.padded());
    Buffer<std::uint8_t> nearer(block.padded());
    const std::vector<T> to_first = unit_distances(c, 0);
    for (Index i = 0; i < block.padded(); ++i) {
      const bool row = i < block.n;
      closest[i] = row ? to_first[at(i)] * static_cast<T>(0.5 + random.uniform()) : T(0);
      weight[i] = row && i % 5 != 0 ? 3 * random.uniform() : 0.0;
      if (row && i % 5 == 0) closest[i] = std::numeric_limits<T>::infinity();  // of weight 0: nearer, but of no gain
    }
    const double before = 0.25;  // gains are added to what is there
    for (const bool weighted : {true, false}) {
      for (Index i = 0; i < block.n && !weighted; ++i)
        if (i % 5 == 0) closest[i] = to_first[at(i)];
      std::vector<double> gains(at(c.k), before);
      block.kernels.potential_gains(block.strips.data(), block.n_strips(), block.d, c.k, c.centers(), closest.data(),
                                    weighted ? weight.data() : nullptr, gains.data(), nearer.data());
      std::vector<unsigned> marks(at(block.n));
      for (Index k = 0; k < c.k; ++k) {
        const std::vector<T> q = unit_distances(c, k);
        Real gain = before, tolerance = 0, size = before;
        for (Index i = 0; i < block.n; ++i) {
          if (q[at(i)] < closest[i]) marks[at(i)] |= 1u << simd::nearer_bit(k);
          const Real w = weighted ? Real(weight[i]) : 1;
          if (w == 0) continue;
          gain += w * std::max<Real>(closest[i] - c.distance(i, k), 0);
          size += w * closest[i];
          tolerance += w * (c.error(i, k) + unit<T> * closest[i]);  // of the distance, and of the difference from it
        }
        // Sums in double of n + 1 terms, each multiplied once, below `size` in all, whose lanes are then added.
        tolerance += static_cast<Real>(block.n + 66) * 0x1p-53L * size;
        CHECK(std::abs(gains[at(k)] - gain) <= tolerance);
      }
      Index wrong = 0;
      for (Index i = 0; i < block.n; ++i) wrong += nearer[i] != marks[at(i)];
      CHECK(wrong == 0);
    }
  });
}

TEST_CASE_TEMPLATE("kernels: weighted_sum, of values of weight 0 whatever they are", T, float, double) {
  for (const simd::KernelTable* table : tables()) {
    CAPTURE(table->name);
    const simd::Kernels<T>& kernels = simd::kernels_of<T>(*table);
    Random random(19);
    for (const Index n : {0, 1, 2, 15, 63, 64, 65, 500}) {
      CAPTURE(n);
      std::vector<T> values;
      std::vector<double> weight;
      Real plain = 0, sum = 0;
      for (Index i = 0; i < n; ++i) {
        values.push_back(static_cast<T>(random.uniform()));
        weight.push_back(i % 3 == 0 ? 0.0 : random.uniform());
        plain += values.back();
        sum += Real(weight.back()) * values.back();
      }
      // At most n sums of positive terms, and a rounded product each.
      const Real roundings = static_cast<Real>(n + 66) * 0x1p-53L;
      CHECK(std::abs(kernels.weighted_sum(values.data(), nullptr, n) - plain) <= roundings * plain);
      for (Index i = 0; i < n; i += 3)
        values[at(i)] = i % 2 == 0 ? std::numeric_limits<T>::infinity() : std::numeric_limits<T>::max();
      CHECK(std::abs(kernels.weighted_sum(values.data(), weight.data(), n) - sum) <= roundings * sum);
    }
  }
}

TEST_CASE_TEMPLATE("kernels: add_to_clusters sums differences row by row, from any strides", T, float, double) {
  for (const simd::KernelTable* table : tables()) {
    CAPTURE(table->name);
    const simd::Kernels<T>& kernels = simd::kernels_of<T>(*table);
    Random random(23);
    for (const Index d : {1, 2, 3, 4, 7, 8, 9, 33})
      for (const double offset : {0.0, 1e8}) {
        CAPTURE(d);
        constexpr Index n = 50, k = 3;
        std::vector<T> x = random_values<T>(n * d, random, 3), fortran(x.size());
        std::vector<double> reference(at(k * d)), sums(at(k * d)), other(at(k * d));
        for (T& v : x) v += static_cast<T>(offset);
        for (double& r : reference) r = offset + symmetric(random, 2);
        for (Index i = 0; i < n; ++i)
          for (Index j = 0; j < d; ++j) fortran[at(j * n + i)] = x[at(i * d + j)];
        std::vector<std::int32_t> rows, label;
        std::vector<double> weight;
        std::vector<Real> exact(at(k * d)), size(at(k * d));
        for (Index i = 0; i < n; i += 1 + i % 2) {
          rows.push_back(static_cast<std::int32_t>(i));
          label.push_back(static_cast<std::int32_t>(random.below(k)));
          weight.push_back(symmetric(random, 2));
          for (Index j = 0; j < d; ++j) {
            const Index to = label.back() * d + j;
            const Real term = Real(weight.back()) * (Real(x[at(i * d + j)]) - reference[at(to)]);
            exact[at(to)] += term;
            size[at(to)] += std::abs(term);
          }
        }
        const simd::ClusteredRows list{rows.data(), label.data(), weight.data(), static_cast<Index>(rows.size())};
        kernels.add_to_clusters(x.data(), d, 1, list, d, reference.data(), sums.data());
        kernels.add_to_clusters(fortran.data(), 1, n, list, d, reference.data(), other.data());
        CHECK(sums == other);
        // A difference, a product and at most n sums, in double whatever T.
        Index wrong = 0;
        for (std::size_t i = 0; i < sums.size(); ++i)
          wrong += !(std::abs(sums[i] - exact[i]) <= static_cast<Real>(n + 2) * 0x1p-53L * size[i]);
        CHECK(wrong == 0);
      }
  }
}
