#include "kernel_blocks.hpp"

#include <doctest/doctest.h>

#include <numeric>

// pack, the distances and the one-row kernels of every table that this processor runs, in float and double, against
// plain loops in long double.

namespace {

using namespace kernel_blocks;

/// A lower-triangular matrix (rank, rank) and its panels.
template <class T>
struct Triangle {
  Index rank;
  std::vector<T> values, panels;

  Triangle(Index r, Random& random) : Triangle(r, random_values<T>(r * r, random)) {}
  /// The unit matrix.
  explicit Triangle(Index r) : Triangle(r, std::vector<T>(at(r * r))) {
    for (Index i = 0; i < r; ++i) values[at(i * r + i)] = 1;
    write_panels();
  }
  simd::Factor<T> factor(const Index* order = nullptr) const { return {panels.data(), order, rank, nullptr, nullptr}; }

 private:
  Triangle(Index r, std::vector<T> square) : rank(r), values(std::move(square)) {
    for (Index i = 0; i < r; ++i)
      for (Index j = i + 1; j < r; ++j) values[at(i * r + j)] = 0;
    write_panels();
  }
  void write_panels() {
    panels.clear();
    const Index r = rank;
    for (Index row = 0; row < r; row += simd::panel_rows)
      for (Index j = 0; j < std::min(row + simd::panel_rows, r); ++j)
        for (Index i = row; i < row + simd::panel_rows; ++i) panels.push_back(i < r ? values[at(i * r + j)] : T(0));
  }
};

/// Σ_j L_ij c_j and Σ_j |L_ij| · the sizes of c_j.
struct Term {
  Real value, size;
};

template <class T>
Term product(const Block<T>& block, const Triangle<T>& l, const std::vector<Index>& order, Index i, Index row) {
  Term out{0, 0};
  for (Index j = 0; j <= row; ++j) {
    const Real a = l.values[at(row * l.rank + j)];
    out.value += a * block.centered(i, order[at(j)]);
    out.size += std::abs(a) * block.size(i, order[at(j)]);
  }
  return out;
}

template <class T, class Check>
void for_each_problem(const Check& check) {
  for (const simd::KernelTable* table : tables()) {
    CAPTURE(table->name);
    const simd::Kernels<T>& kernels = simd::kernels_of<T>(*table);
    Random random(7);
    for (Index d = 1; d <= 40; ++d)
      for (const Index n : lengths(kernels.strip)) {
        CAPTURE(d);
        CAPTURE(n);
        Block<T> block(kernels, n, d, random);
        check(block, random);
      }
  }
}

/// Largest of |value − exact| / tolerance over the rows.
template <class T, class Exact>
Real worst(const Block<T>& block, const Exact& exact) {
  Real result = 0;
  for (Index i = 0; i < block.n; ++i) {
    const Term e = exact(i);
    const Real error = std::abs(Real(block.out[i]) - e.value);
    result = std::max(result, error <= e.size ? error / std::max(e.size, std::numeric_limits<Real>::min()) : 2);
  }
  return result;
}

}  // namespace

TEST_CASE_TEMPLATE("kernels: pack writes strips, padded with the last row, from any strides", T, float, double) {
  for (const simd::KernelTable* table : tables()) {
    const simd::Kernels<T>& kernels = simd::kernels_of<T>(*table);
    CHECK(simd::strip_multiple % kernels.strip == 0);
    Random random(1);
    for (const Index d : {1, 3, 8})
      for (const Index n : lengths(kernels.strip)) {
        const Block<T> block(kernels, n, d, random);
        CHECK(block.finite);
        std::vector<T> fortran(block.x.size());
        for (Index i = 0; i < n; ++i)
          for (Index j = 0; j < d; ++j) fortran[at(j * n + (n - 1 - i))] = block.x[at(i * d + j)];
        Buffer<T> other(block.padded() * d), reversed(block.padded() * d);
        T largest = 0;
        CHECK(kernels.pack(fortran.data() + (n - 1), -1, n, nullptr, n, d, other.data(), &largest));
        CHECK(largest == block.largest);
        CHECK(largest == std::abs(*std::max_element(block.x.begin(), block.x.end(),
                                                    [](T a, T b) { return std::abs(a) < std::abs(b); })));
        std::vector<std::int32_t> backwards;
        for (Index i = n; i-- > 0;) backwards.push_back(static_cast<std::int32_t>(i));
        CHECK(kernels.pack(block.x.data(), d, 1, backwards.data(), n, d, reversed.data(), &largest));
        Index wrong = 0;
        for (Index i = 0; i < block.padded(); ++i)
          for (Index j = 0; j < d; ++j) {
            const T expected = block.x[at(std::min(i, n - 1) * d + j)];
            wrong += block.entry(block.strips, i, j) != expected || block.entry(other, i, j) != expected;
            wrong += block.entry(reversed, i, j) != block.x[at(std::max<Index>(n - 1 - i, 0) * d + j)];
          }
        CHECK(wrong == 0);
      }
  }
}

TEST_CASE_TEMPLATE("kernels: pack reports every value that is not finite, and no other", T, float, double) {
  using Limits = std::numeric_limits<T>;
  for (const simd::KernelTable* table : tables()) {
    const simd::Kernels<T>& kernels = simd::kernels_of<T>(*table);
    const Index n = kernels.strip + 3, d = 3;
    const auto finite_with = [&](Index place, T value) {
      std::vector<T> x(at(n * d), T(1));
      x[at(place)] = value;
      return Block<T>(kernels, n, d, x, std::vector<T>(at(d))).finite;
    };
    Index wrong = 0;
    for (Index place = 0; place < n * d; ++place) {
      for (const T bad : {Limits::quiet_NaN(), Limits::infinity(), -Limits::infinity()})
        wrong += finite_with(place, bad);
      for (const T good : {Limits::max(), -Limits::max(), Limits::denorm_min(), T(0)})
        wrong += !finite_with(place, good);
    }
    CHECK(wrong == 0);
  }
}

TEST_CASE_TEMPLATE("kernels: distances_full in any order of features", T, float, double) {
  for_each_problem<T>([](Block<T>& block, Random& random) {
    const Triangle<T> l(block.d, random);
    std::vector<Index> order(at(block.d));
    std::iota(order.begin(), order.end(), Index{0});
    // y_i: 2 roundings of c, i + 1 multiply-adds of at most 2; q: twice that, and 2 for each of d squares.
    const Real roundings = static_cast<Real>(6 * block.d + 6) * unit<T>;
    const auto exact = [&](Index i) {
      Term q{0, 0};
      for (Index row = 0; row < block.d; ++row) {
        const Term y = product(block, l, order, i, row);
        q.value += y.value * y.value;
        q.size += roundings * y.size * y.size;
      }
      return q;
    };
    block.kernels.distances_full(block.strips.data(), block.n_strips(), block.d, block.location(), l.factor(),
                                 block.scratch.data(), block.out.data());
    CHECK(worst(block, exact) <= 1);
    const std::vector<T> as_they_come(block.out.data(), block.out.data() + block.padded());
    block.kernels.distances_full(block.strips.data(), block.n_strips(), block.d, block.location(),
                                 l.factor(order.data()), block.scratch.data(), block.out.data());
    CHECK(std::equal(as_they_come.begin(), as_they_come.end(), block.out.data()));
    std::reverse(order.begin(), order.end());
    block.kernels.distances_full(block.strips.data(), block.n_strips(), block.d, block.location(),
                                 l.factor(order.data()), block.scratch.data(), block.out.data());
    CHECK(worst(block, exact) <= 1);
  });
}

TEST_CASE_TEMPLATE("kernels: distances_diag, distances_unit and transform", T, float, double) {
  for_each_problem<T>([](Block<T>& block, Random& random) {
    const Index d = block.d;
    const std::vector<T> inv_std = random_values<T>(d, random, 2);
    // c: 2 roundings, the product 1, each doubled by the square; its own and d sums.
    const Real roundings = static_cast<Real>(d + 8) * unit<T>;
    const auto exact = [&](const std::vector<T>& scale) {
      return [&, scale](Index i) {
        Term q{0, 0};
        for (Index j = 0; j < d; ++j) {
          const Real s = scale[at(j)];
          q.value += block.centered(i, j) * s * block.centered(i, j) * s;
          q.size += roundings * block.size(i, j) * s * block.size(i, j) * s;
        }
        return q;
      };
    };
    block.kernels.distances_diag(block.strips.data(), block.n_strips(), d, block.location(), inv_std.data(),
                                 block.out.data());
    CHECK(worst(block, exact(inv_std)) <= 1);
    block.kernels.distances_unit(block.strips.data(), block.n_strips(), d, block.location(), block.out.data());
    CHECK(worst(block, exact(std::vector<T>(at(d), T(1)))) <= 1);

    const Triangle<T> l(d, random);
    std::vector<Index> order(at(d));
    std::iota(order.begin(), order.end(), Index{0});
    block.kernels.transform(block.strips.data(), block.n_strips(), d, block.location(), l.factor(),
                            block.scratch.data(), block.out.data());
    Index wrong = 0;
    for (Index i = 0; i < block.n; ++i)
      for (Index row = 0; row < d; ++row) {
        const Term y = product(block, l, order, i, row);
        // 2 roundings of c, and 2 for each of row + 1 multiply-adds.
        const Real tolerance = static_cast<Real>(2 * row + 4) * unit<T> * y.size;
        wrong += !(std::abs(Real(block.entry(block.out, i, row)) - y.value) <= tolerance);
      }
    CHECK(wrong == 0);
  });
}

TEST_CASE_TEMPLATE("kernels: the rounding of a distance does not grow with the features", T, float, double) {
  for (const simd::KernelTable* table : tables()) {
    CAPTURE(table->name);
    const simd::Kernels<T>& kernels = simd::kernels_of<T>(*table);
    for (const Index d : {127, 128, 129, 500, 16384, 16385, 40000}) {
      CAPTURE(d);
      // Equal terms, all of which are rounded the same way; of the three sums each takes 128 terms, or d / 128² of them, and each
      // term has 3 roundings of its own, doubled by the square.
      Block<T> block(kernels, 2 * kernels.strip + 1, d, std::vector<T>(at((2 * kernels.strip + 1) * d), T(0.7)),
                     std::vector<T>(at(d), T(0.1)));
      const std::vector<T> inv_std(at(d), T(1.3));
      const Real roundings = (2 * 128 + static_cast<Real>(d) / (128 * 128) + 8) * unit<T>;
      const auto exact = [&](Real scale) {
        return [&block, d, scale, roundings](Index i) {
          Real q = 0;
          for (Index j = 0; j < d; ++j) q += block.centered(i, j) * scale * block.centered(i, j) * scale;
          return Term{q, roundings * q};
        };
      };
      const Real scale = inv_std[0];
      kernels.distances_diag(block.strips.data(), block.n_strips(), d, block.location(), inv_std.data(),
                             block.out.data());
      CHECK(worst(block, exact(scale)) <= 1);
      kernels.distances_unit(block.strips.data(), block.n_strips(), d, block.location(), block.out.data());
      CHECK(worst(block, exact(1)) <= 1);
      if (d > 500) continue;
      Triangle<T> l{d};
      kernels.distances_full(block.strips.data(), block.n_strips(), d, block.location(), l.factor(),
                             block.scratch.data(), block.out.data());
      CHECK(worst(block, exact(1)) <= 1);
    }
  }
}

TEST_CASE_TEMPLATE("kernels: a product is added unrounded wherever the instruction set can", T, float, double) {
  // (1 + e)² − (1 + 2e) is e², which a product rounded by itself loses.
  const T e = sizeof(T) == sizeof(float) ? T(0x1p-13) : T(0x1p-30);
  for (const simd::KernelTable* table : tables()) {
    CAPTURE(table->name);
    const simd::Kernels<T>& kernels = simd::kernels_of<T>(*table);
    Block<T> block(kernels, 1, 2, {-(1 + 2 * e), 1 + e}, {0, 0});
    const std::vector<T> panels = {1, 1, 0, 0, 0, 1 + e, 0, 0};
    kernels.transform(block.strips.data(), 1, 2, block.location(), {panels.data(), nullptr, 2, nullptr, nullptr},
                      block.scratch.data(), block.out.data());
    const bool can = (table->features & (simd::feature_fma | simd::feature_neon)) != 0;
    CHECK(block.entry(block.out, 0, 1) == (can ? e * e : 0));
  }
}

TEST_CASE_TEMPLATE("kernels: points off a support are marked, points within rounding of it are not", T, float, double) {
  for (const simd::KernelTable* table : tables()) {
    CAPTURE(table->name);
    const simd::Kernels<T>& kernels = simd::kernels_of<T>(*table);
    Random random(3);
    // Rank 2 of 4 in the order 2, 0, 3, 1: z₂ = M z₁ with small integers, so that points on the support are exact.
    const std::vector<Index> order = {2, 0, 3, 1};
    const std::vector<T> residual = {2, -1, 3, 4}, inv_scale = {1, T(0.5), 2, 1}, mean = {4, -2, 1, 8};
    const Index n = kernels.strip + 1;
    std::vector<T> x;
    for (Index i = 0; i < n; ++i) {
      const auto a = static_cast<T>(random.below(9) - 4), b = static_cast<T>(random.below(9) - 4);
      const T z[] = {a, b, 2 * a - b, 3 * a + 4 * b};
      std::vector<T> row(4);
      for (std::size_t j = 0; j < 4; ++j) row[at(order[j])] = mean[at(order[j])] + z[j] / inv_scale[j];
      // Rows 1 mod 3 leave it by 2⁻¹⁰, rows 2 mod 3 by an ulp.
      if (i % 3 == 1) row[1] += T(0x1p-10);
      if (i % 3 == 2) row[1] += std::abs(row[1]) * std::numeric_limits<T>::epsilon();
      x.insert(x.end(), row.begin(), row.end());
    }
    Block<T> block(kernels, n, 4, x, mean);
    std::fill(block.lo.begin(), block.lo.end(), T(0));
    const Triangle<T> l(2, random);
    const simd::Factor<T> factor{l.panels.data(), order.data(), 2, residual.data(), inv_scale.data()};
    kernels.distances_full(block.strips.data(), block.n_strips(), 4, block.location(), factor, block.scratch.data(),
                           block.out.data());
    for (Index i = 0; i < n; ++i) CHECK((block.out[i] == T(simd::off_support)) == (i % 3 == 1));

    const std::vector<T> inv_std = {0, 1, 0, 1};
    const std::vector<T> close = {4, 7, 1, 7, 4 + 8 * std::numeric_limits<T>::epsilon(), 7, 1, 7, T(4.001), 7, 1, 7};
    Block<T> flat(kernels, 3, 4, close, mean);
    std::fill(flat.lo.begin(), flat.lo.end(), T(0));
    kernels.distances_diag(flat.strips.data(), 1, 4, flat.location(), inv_std.data(), flat.out.data());
    CHECK(flat.out[0] == 82);
    CHECK(flat.out[1] == 82);
    CHECK(flat.out[2] == simd::off_support);
  }
}

TEST_CASE_TEMPLATE("kernels: one row gives the bits of a block", T, float, double) {
  for (const simd::KernelTable* table : tables()) {
    CAPTURE(table->name);
    const simd::Kernels<T>& kernels = simd::kernels_of<T>(*table);
    const simd::RowKernels<T>& row = simd::row_kernels_of<T>(*table);
    Random random(11);
    for (const Index d : {1, 2, 3, 4, 5, 8, 13, 40, 128, 129, 261})
      for (const Index k : {1, 7, 8, 9, 16, 17}) {
        constexpr Index group = simd::row_group<T>;
        const Index groups = (k + group - 1) / group;
        Block<T> block(kernels, 1, d, random);
        Buffer<T> means(groups * d * group), lo(groups * d * group), inv_std(groups * d * group), scratch(d * group),
            q(groups * group);
        const Triangle<T> shape(d, random);
        Buffer<T> panels(groups * static_cast<Index>(shape.panels.size()) * group);
        for (Buffer<T>* zeroed : {&means, &lo, &inv_std, &panels})
          std::fill(zeroed->data(), zeroed->data() + zeroed->size(), T(0));
        std::vector<std::vector<T>> expected(3);
        const Index strips = block.n_strips();
        for (Index c = 0; c < k; ++c) {
          const std::vector<T> scale = random_values<T>(d, random);
          const Triangle<T> l(d, random);
          block.hi = random_values<T>(d, random, 3);
          const auto size = static_cast<Index>(l.panels.size());
          for (Index e = 0; e < size; ++e) panels[(c / group * size + e) * group + c % group] = l.panels[at(e)];
          for (Index j = 0; j < d; ++j) {
            means[(c / group * d + j) * group + c % group] = block.hi[at(j)];
            lo[(c / group * d + j) * group + c % group] = block.lo[at(j)];
            inv_std[(c / group * d + j) * group + c % group] = scale[at(j)];
          }
          const T* x = block.strips.data();
          kernels.distances_full(x, strips, d, block.location(), l.factor(), block.scratch.data(), block.out.data());
          expected[0].push_back(block.out[0]);
          kernels.distances_diag(x, strips, d, block.location(), scale.data(), block.out.data());
          expected[1].push_back(block.out[0]);
          kernels.distances_unit(x, strips, d, block.location(), block.out.data());
          expected[2].push_back(block.out[0]);
        }
        const T* x = block.x.data();
        const simd::Location<T> location{means.data(), lo.data()};
        row.distances_full(x, d, groups, location, panels.data(), scratch.data(), q.data());
        CHECK(std::equal(expected[0].begin(), expected[0].end(), q.data()));
        row.distances_diag(x, d, groups, location, inv_std.data(), q.data());
        CHECK(std::equal(expected[1].begin(), expected[1].end(), q.data()));
        row.distances_unit(x, d, groups, location, q.data());
        CHECK(std::equal(expected[2].begin(), expected[2].end(), q.data()));

        const Index padded = (d + group - 1) / group * group;
        Buffer<T> columns(d * padded), y(padded);
        std::fill(columns.data(), columns.data() + columns.size(), T(0));
        for (Index i = 0; i < d; ++i)
          for (Index j = 0; j < d; ++j) columns[j * padded + i] = shape.values[at(i * d + j)];
        row.transform(x, d, block.location(), columns.data(), y.data());
        kernels.transform(block.strips.data(), strips, d, block.location(), shape.factor(), block.scratch.data(),
                          block.out.data());
        for (Index i = 0; i < d; ++i) CHECK(block.entry(block.out, 0, i) == y[i]);
      }
  }
}
