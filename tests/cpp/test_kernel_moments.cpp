#include "kernel_blocks.hpp"

#include <doctest/doctest.h>

// The M-step's sums of every table that this processor runs, in float and double, against plain loops in long double.

namespace {

using namespace kernel_blocks;

/// Σγ, Σγd and Σγd dᵀ about the location of a block.
struct Sums {
  double sum = 0;
  std::vector<double> first, second;
  explicit Sums(Index d, Index size) : first(at(d)), second(at(size)) {}
  bool operator==(const Sums& other) const {
    return sum == other.sum && first == other.first && second == other.second;
  }
};

/// Weights of n rows in [0, 1], about a third of them 0, padded with zeros.
template <class T>
Buffer<T> random_gamma(const Block<T>& block, Random& random) {
  Buffer<T> gamma(block.padded());
  for (Index i = 0; i < block.padded(); ++i)
    gamma[i] = i < block.n && random.below(3) > 0 ? static_cast<T>(random.uniform()) : T(0);
  return gamma;
}

/// The rows of positive weight, as kernels take them.
template <class T>
struct Kept {
  std::vector<std::int32_t> rows;
  std::vector<T> gamma;
  Kept(const Block<T>& block, const Buffer<T>& weights) {
    for (Index i = 0; i < block.n; ++i) {
      if (!(weights[i] > T(0))) continue;
      rows.push_back(static_cast<std::int32_t>(i));
      gamma.push_back(weights[i]);
    }
  }
  simd::WeightedRows<T> weighted() const { return {rows.data(), gamma.data(), static_cast<Index>(rows.size())}; }
};

/// The rows of a block `row_stride` apart, with NaN between them.
template <class T>
std::vector<T> apart(const Block<T>& block, Index row_stride) {
  std::vector<T> rows(at(block.n * row_stride), std::numeric_limits<T>::quiet_NaN());
  for (Index i = 0; i < block.n; ++i)
    for (Index j = 0; j < block.d; ++j) rows[at(i * row_stride + j)] = block.x[at(i * block.d + j)];
  return rows;
}

/// Diagonal or full moments; by the lanes of points where there are few features, as the library takes them.
template <class T>
Sums moments(const Block<T>& block, const Buffer<T>& gamma, bool matrix, Index row_stride) {
  Sums out(block.d, matrix ? block.d * block.d : block.d);
  if (block.d <= simd::small_features) {
    block.kernels.moments_small(block.strips.data(), block.padded(), block.d, block.location(), gamma.data(), matrix,
                                &out.sum, out.first.data(), out.second.data());
    return out;
  }
  const std::vector<T> rows = apart(block, row_stride);
  const Kept<T> kept(block, gamma);
  Buffer<T> scratch(block.kernels.moments_scratch(block.d));
  if (matrix)
    block.kernels.moments_full(rows.data(), row_stride, kept.weighted(), block.d, block.location(), scratch.data(),
                               &out.sum, out.first.data(), out.second.data());
  else
    block.kernels.moments_diag(rows.data(), row_stride, kept.weighted(), block.d, block.location(), &out.sum,
                               out.first.data(), out.second.data());
  return out;
}

/// Full moments from the strips, D in (small_features, few_features].
template <class T>
Sums few(const Block<T>& block, const Buffer<T>& gamma) {
  Sums out(block.d, block.d * block.d);
  Buffer<T> scratch(block.kernels.moments_scratch(block.d));
  block.kernels.moments_few(block.strips.data(), block.padded(), block.d, block.location(), gamma.data(),
                            scratch.data(), &out.sum, out.first.data(), out.second.data());
  return out;
}

/// Whether moments_few() takes as many features.
bool are_few(Index d) { return d > simd::small_features && d <= simd::few_features; }

template <class T>
Sums diag(const Block<T>& block, const Buffer<T>& gamma) {
  return moments(block, gamma, false, block.d);
}

template <class T>
Sums full(const Block<T>& block, const Buffer<T>& gamma, Index row_stride) {
  return moments(block, gamma, true, row_stride);
}

/// Whether `found` is Σ_i of terms(i) = (value, size) within the rounding of its sums: 128 or fewer in T, n in double.
template <class T, class Terms>
bool is_sum(double found, const Block<T>& block, const Terms& terms) {
  Real exact = 0, size = 0;
  for (Index i = 0; i < block.n; ++i) {
    const auto [value, magnitude] = terms(i);
    exact += value;
    size += magnitude;
  }
  // Beside the additions: 2 roundings of each of two differences, the product's and the multiply-add's.
  const Real in_t = static_cast<Real>(std::min<Index>(block.n, 128) + 6) * unit<T>;
  const Real in_double = static_cast<Real>(block.n) * unit<double>;
  return std::abs(found - exact) <= (in_t + in_double) * size;
}

template <class T>
bool all_sums(const Block<T>& block, const Buffer<T>& gamma, const Sums& found, bool matrix) {
  using Pair = std::pair<Real, Real>;
  bool right = is_sum(found.sum, block, [&](Index i) { return Pair(gamma[i], gamma[i]); });
  for (Index j = 0; j < block.d; ++j)
    right = right && is_sum(found.first[at(j)], block, [&](Index i) {
              return Pair(gamma[i] * block.centered(i, j), gamma[i] * block.size(i, j));
            });
  for (Index j = 0; j < block.d; ++j)
    for (Index l = matrix ? 0 : j; l <= j; ++l)
      right = right && is_sum(found.second[at(matrix ? j * block.d + l : j)], block, [&](Index i) {
                return Pair(gamma[i] * block.centered(i, j) * block.centered(i, l),
                            gamma[i] * block.size(i, j) * block.size(i, l));
              });
  return right;
}

template <class T, class Check>
void for_each_block(const std::vector<Index>& more, const Check& check) {
  for (const simd::KernelTable* table : tables()) {
    CAPTURE(table->name);
    const simd::Kernels<T>& kernels = simd::kernels_of<T>(*table);
    Random random(17);
    std::vector<Index> sizes = lengths(kernels.strip);
    sizes.insert(sizes.end(), more.begin(), more.end());
    for (Index d = 1; d <= 40; ++d)
      for (const Index n : sizes) {
        CAPTURE(d);
        CAPTURE(n);
        const Block<T> block(kernels, n, d, random);
        check(block, random_gamma(block, random), random);
      }
  }
}

}  // namespace

TEST_CASE_TEMPLATE("kernels: moments_diag and moments_full", T, float, double) {
  for_each_block<T>({191, 192, 193}, [](const Block<T>& block, const Buffer<T>& gamma, Random&) {
    CHECK(all_sums(block, gamma, diag(block, gamma), false));
    const Sums found = full(block, gamma, block.d);
    CHECK(all_sums(block, gamma, found, true));
    CHECK(full(block, gamma, block.d + 3) == found);
    if (are_few(block.d)) CHECK(all_sums(block, gamma, few(block, gamma), true));
    CHECK(moments(block, gamma, false, block.d + 3) == diag(block, gamma));
  });
}

TEST_CASE_TEMPLATE("kernels: moments of thousands of rows stay as exact as those of a chunk", T, float, double) {
  for (const simd::KernelTable* table : tables())
    for (const Index d : {1, 2, 4, 5, 8, 11, 17}) {
      CAPTURE(d);
      Random random(19);
      const Block<T> block(simd::kernels_of<T>(*table), 3000, d, random);
      const Buffer<T> gamma = random_gamma(block, random);
      CHECK(all_sums(block, gamma, diag(block, gamma), false));
      CHECK(all_sums(block, gamma, full(block, gamma, d), true));
      if (are_few(d)) CHECK(all_sums(block, gamma, few(block, gamma), true));
    }
}

TEST_CASE_TEMPLATE("kernels: rows of weight 0 change no bit of the moments", T, float, double) {
  for_each_block<T>({}, [](const Block<T>& block, const Buffer<T>& gamma, Random&) {
    std::vector<T> other = block.x;
    for (Index i = 0; i < block.n; ++i)
      for (Index j = 0; gamma[i] == T(0) && j < block.d; ++j)
        other[at(i * block.d + j)] = std::numeric_limits<T>::max() / 4;
    // Padding repeats the last row, whatever that is.
    const Block<T> changed(block.kernels, block.n, block.d, other, block.hi);
    CHECK(diag(changed, gamma) == diag(block, gamma));
    CHECK(full(changed, gamma, block.d) == full(block, gamma, block.d));
    if (are_few(block.d)) CHECK(few(changed, gamma) == few(block, gamma));
  });
}

TEST_CASE_TEMPLATE("kernels: without weight all moments are 0", T, float, double) {
  for_each_block<T>({}, [](const Block<T>& block, const Buffer<T>&, Random&) {
    Buffer<T> gamma(block.padded());
    std::fill(gamma.data(), gamma.data() + gamma.size(), T(0));
    CHECK(diag(block, gamma) == Sums(block.d, block.d));
    CHECK(full(block, gamma, block.d) == Sums(block.d, block.d * block.d));
    if (are_few(block.d)) CHECK(few(block, gamma) == Sums(block.d, block.d * block.d));
  });
}

TEST_CASE_TEMPLATE("kernels: moments_dense", T, float, double) {
  for (const simd::KernelTable* table : tables()) {
    CAPTURE(table->name);
    const simd::Kernels<T>& kernels = simd::kernels_of<T>(*table);
    Random random(23);
    std::vector<Index> sizes = lengths(kernels.strip);
    sizes.insert(sizes.end(), {simd::dense_rows - 1, simd::dense_rows});
    for (const bool full : {false, true})
      for (const Index d : {1, 2, 3, 5, 7, 8, 9, 13, 15, 16, 17, 31, 32, 33, 40, 67, 130, 261})
        for (const Index n : sizes)
          for (const Index k : {1, 2, 3, 4, 5, 6, 7, 13}) {
            // The reference is slow: of many features one number of components, a tile's and one more, and the longest block.
            if (d > 20 && (k != 7 || n < simd::dense_rows || (full && d > 67))) continue;
            CAPTURE(full);
            CAPTURE(d);
            CAPTURE(n);
            CAPTURE(k);
            const Block<T> block(kernels, n, d, random);
            const Index stride = block.padded(), row_stride = d + 3, size = full ? d * d : d;
            std::vector<Buffer<T>> weights;
            Buffer<T> gamma(k * stride), scratch(kernels.dense_scratch(d));
            for (Index c = 0; c < k; ++c) {
              weights.push_back(random_gamma(block, random));
              std::copy(weights.back().data(), weights.back().data() + stride, gamma.data() + c * stride);
            }
            std::vector<T> rows = apart(block, row_stride);
            const auto times = [&](int n_times) {
              std::vector<double> sum(at(k));
              Buffer<double> sums(k * kernels.dense_size(d, full));
              std::fill(sums.data(), sums.data() + sums.size(), 0.0);
              for (int i = 0; i < n_times; ++i)
                kernels.moments_dense(rows.data(), row_stride, n, gamma.data(), stride, k, d, full, block.location(),
                                      scratch.data(), sum.data(), sums.data());
              std::vector<Sums> found;
              for (Index c = 0; c < k; ++c) {
                found.emplace_back(d, size);
                found.back().sum = sum[at(c)];
                kernels.dense_moments(sums.data(), k, c, d, full, found.back().first.data(),
                                      found.back().second.data());
              }
              return found;
            };
            const std::vector<Sums> found = times(1);
            for (Index c = 0; c < k; ++c) CHECK(all_sums(block, weights[at(c)], found[at(c)], full));
            // It adds, and rows without weight change no bit, wherever they are.
            for (Index i = 0; i < n; i += 3)
              for (Index c = 0; c < k; ++c) gamma[c * stride + i] = 0;
            std::vector<Sums> twice = times(1);
            for (Sums& sums : twice) {
              sums.sum *= 2;
              for (double& value : sums.first) value *= 2;
              for (double& value : sums.second) value *= 2;
            }
            for (Index i = 0; i < n; i += 3)
              for (Index j = 0; j < d; ++j)
                rows[at(i * row_stride + j)] = static_cast<T>(sizeof(T) == 8 ? 1e150 : 1e17);
            CHECK(times(2) == twice);
          }
  }
}

TEST_CASE_TEMPLATE("kernels: count_positive", T, float, double) {
  for (const simd::KernelTable* table : tables())
    for (Index n = 0; n < 200; ++n) {
      Random random(29);
      std::vector<T> gamma;
      Index expected = 0;
      for (Index i = 0; i < n; ++i) {
        gamma.push_back(random.below(2) ? std::numeric_limits<T>::min() : T(0));
        expected += gamma.back() > 0;
      }
      CHECK(simd::kernels_of<T>(*table).count_positive(gamma.data(), n) == expected);
    }
}
