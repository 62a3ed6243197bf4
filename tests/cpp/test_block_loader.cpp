#include <doctest/doctest.h>
#include <gaussmix/error.hpp>

#include "data/block_loader.hpp"
#include "data/partition.hpp"
#include "data/samples.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <limits>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <vector>

using namespace gaussmix;
using namespace gaussmix::detail;

namespace {

constexpr Index local_strip = 8;

/// pack() as the kernel table documents it, in plain loops.
template <class T>
bool plain_pack(const T* x, Index row_stride, Index col_stride, const std::int32_t* order, Index n, Index d, T* strips,
                T* largest) {
  bool finite = true;
  const Index padded = (n + local_strip - 1) / local_strip * local_strip;
  for (Index i = 0; i < padded; ++i) {
    for (Index j = 0; j < d; ++j) {
      const Index row = std::min(i, n - 1);
      const T value = x[(order ? order[row] : row) * row_stride + j * col_stride];
      *largest = std::max(*largest, std::abs(value));
      finite = finite && std::isfinite(value);
      strips[i / local_strip * d * local_strip + j * local_strip + i % local_strip] = value;
    }
  }
  return finite;
}

template <class T>
simd::Kernels<T> plain_kernels() {
  simd::Kernels<T> kernels{};
  kernels.strip = local_strip;
  kernels.pack = plain_pack<T>;
  return kernels;
}

/// A matrix with strides of any sign, inside memory that holds nothing else that is finite.
template <class T>
class Matrix {
 public:
  Matrix(Index n, Index d, Index row_stride, Index col_stride)
      : values_(static_cast<std::size_t>((n - 1) * std::abs(row_stride) + (d - 1) * std::abs(col_stride) + 1),
                std::numeric_limits<T>::quiet_NaN()),
        view_(values_.data() + std::max<Index>(0, -row_stride) * (n - 1) + std::max<Index>(0, -col_stride) * (d - 1), n,
              d, row_stride, col_stride) {
    for (Index i = 0; i < n; ++i) {
      for (Index j = 0; j < d; ++j) view_(i, j) = static_cast<T>(1000 * i + j) / 7;
    }
  }
  MatrixView<T> view() { return view_; }

 private:
  std::vector<T> values_;
  MatrixView<T> view_;
};

/// Loads X in blocks and compares each with plain indexing, element by element, bit for bit.
template <class T, class At>
void check_loads(const Samples& x, bool row_major, At at) {
  const simd::Kernels<T> kernels = plain_kernels<T>();
  constexpr Index block_rows = 24;
  const Index d = x.cols();
  BlockLoader<T> loader(x, block_rows, kernels, row_major);
  Index wrong = 0;
  for (Index begin = 0; begin < x.rows(); begin += block_rows) {
    const Index end = std::min(begin + block_rows, x.rows());
    // Strips backwards first: the rows must come out the same, and the strips in order after.
    std::vector<std::int32_t> backwards;
    for (Index i = end - begin; i-- > 0;) backwards.push_back(static_cast<std::int32_t>(i));
    loader.load(begin, end, backwards.data());
    for (Index i = 0; i < loader.size(); ++i)
      for (Index j = 0; j < d; ++j) {
        const T expected = at(end - 1 - i, j);
        wrong += loader.strips()[i / local_strip * d * local_strip + j * local_strip + i % local_strip] != expected;
        wrong += std::abs(expected) > loader.largest();
      }
    loader.reorder(nullptr);
    CHECK(loader.size() == end - begin);
    CHECK(loader.n_strips() == (end - begin + local_strip - 1) / local_strip);
    CHECK(loader.padded() == loader.n_strips() * local_strip);
    CHECK(reinterpret_cast<std::uintptr_t>(loader.strips()) % simd::alignment == 0);
    CHECK((loader.rows() != nullptr) == row_major);
    for (Index i = 0; i < loader.padded(); ++i) {
      for (Index j = 0; j < d; ++j) {
        const T expected = at(std::min(begin + i, end - 1), j);
        wrong += loader.strips()[i / local_strip * d * local_strip + j * local_strip + i % local_strip] != expected;
        if (row_major && i < loader.size()) wrong += loader.rows()[i * loader.row_stride() + j] != expected;
      }
    }
  }
  CHECK(wrong == 0);
}

template <class T>
void check_all_sources(Index n, Index d, Index row_stride, Index col_stride) {
  Matrix<T> matrix(n, d, row_stride, col_stride);
  const MatrixView<T> view = matrix.view();
  const auto at = [&](Index i, Index j) { return view(i, j); };
  const auto at_double = [&](Index i, Index j) { return static_cast<double>(view(i, j)); };
  const auto read = [&](Index begin, Index end, double* out) {
    for (Index i = begin; i < end; ++i) {
      for (Index j = 0; j < d; ++j) *out++ = view(i, j);
    }
  };
  for (const bool row_major : {false, true}) {
    check_loads<T>(view, row_major, at);
    check_loads<double>(view, row_major, at_double);
    check_loads<double>(Samples(n, d, read), row_major, at_double);
    check_loads<T>(Samples(n, d, read, std::is_same_v<T, float>), row_major, at);
  }
}

template <class T>
void check_stride_grid() {
  for (const Index n : {1, 7, 8, 9, 24, 25, 100}) {
    for (const Index d : {1, 2, 5, 17}) {
      CAPTURE(n);
      CAPTURE(d);
      check_all_sources<T>(n, d, d, 1);       // C order
      check_all_sources<T>(n, d, 1, n);       // Fortran order
      check_all_sources<T>(n, d, 3 * d, 2);   // every third row, every second column
      check_all_sources<T>(n, d, -d - 1, 1);  // rows backwards, with gaps
      check_all_sources<T>(n, d, d, -1);      // columns backwards
      check_all_sources<T>(n, d, -1, -n);     // both, Fortran order
      check_all_sources<T>(n, d, 0, 1);       // one row, broadcast
      check_all_sources<T>(n, d, 1, 0);       // one column, broadcast
    }
  }
}

template <class T>
void check_in_place(Index row_stride, Index col_stride, Index d, bool expected) {
  Matrix<T> matrix(30, d, row_stride, col_stride);
  const simd::Kernels<T> kernels = plain_kernels<T>();
  const Samples x = matrix.view();
  BlockLoader<T> loader(x, 16, kernels, true);
  loader.load(16, 30);
  CHECK((loader.rows() == &matrix.view()(16, 0)) == expected);
}

/// What load(begin, end) says about X.
std::string load_message(const Samples& x, Index begin, Index end) {
  const simd::Kernels<double> kernels = plain_kernels<double>();
  BlockLoader<double> loader(x, x.rows(), kernels, false);
  try {
    loader.load(begin, end);
  } catch (const InvalidArgument& error) {
    return error.what();
  }
  return "no error";
}

}  // namespace

TEST_CASE("blocks: Partition holds its invariants over a grid of sizes") {
  constexpr Index for_rows = 1 << 20, for_values = 1 << 23, for_tile = 1 << 18;
  for (const Index rows : {1, 2, 47, 48, 49, 191, 192, 193, 4127, 4128, 4129, 50000, 1000003, 200000000}) {
    for (const Index d : {1, 2, 8, 16, 64, 300, 5000, 2000000}) {
      for (const Index k : {1, 2, 16, 256, 10000}) {
        for (const Index value_size : {4, 8}) {
          CAPTURE(rows);
          CAPTURE(d);
          CAPTURE(k);
          const Partition p = Partition::of(rows, d, k, value_size);
          const Index up = (rows + simd::strip_multiple - 1) / simd::strip_multiple * simd::strip_multiple;
          const auto fits = [&](Index n) { return n * d * value_size <= for_rows && n * k * value_size <= for_values; };
          const auto fits_tile = [&](Index n) { return n * std::max(d, k) * value_size <= for_tile; };
          REQUIRE(p.rows == rows);
          REQUIRE(p.block_rows % simd::strip_multiple == 0);
          REQUIRE(p.block_rows <= std::min<Index>(4128, up));
          REQUIRE(p.block_rows >= std::min<Index>(192, up));
          REQUIRE((fits(p.block_rows) || p.block_rows <= 192));
          REQUIRE((!fits(p.block_rows + simd::strip_multiple) || p.block_rows == std::min<Index>(4128, up)));
          REQUIRE(p.tile_rows % simd::strip_multiple == 0);
          REQUIRE(p.tile_rows >= std::min<Index>(192, p.block_rows));
          REQUIRE((fits_tile(p.tile_rows) || p.tile_rows <= 192));
          REQUIRE((!fits_tile(p.tile_rows + simd::strip_multiple) || p.tile_rows == p.block_rows));

          const Index blocks_per_leaf = p.leaf_rows / p.block_rows;
          const Index blocks = (rows + p.block_rows - 1) / p.block_rows;
          REQUIRE(p.leaf_rows % p.block_rows == 0);
          REQUIRE(blocks_per_leaf == std::clamp<Index>(blocks / 128, 1, 8));
          REQUIRE(p.leaf_begin(0) == 0);
          REQUIRE(p.leaf_end(p.leaves() - 1) == rows);
          REQUIRE(p.leaf_begin(p.leaves() - 1) < rows);
          if (p.leaves() > 1) REQUIRE(p.leaf_end(0) == p.leaf_begin(1));
        }
      }
    }
  }
}

TEST_CASE("blocks: Partition takes sizes that no memory holds") {
  constexpr Index large = Index{1} << 62;
  CHECK(Partition::of(large, large, large, 8).block_rows == 192);
  CHECK(Partition::of(large, large, large, 8).leaf_rows == 8 * 192);
  CHECK(Partition::of(large, 1, 1, 8).block_rows == 4128);
}

TEST_CASE_TEMPLATE("blocks: BlockLoader reads any strides and any source", T, float, double) { check_stride_grid<T>(); }

TEST_CASE_TEMPLATE("blocks: rows are copied only where their columns are apart", T, float, double) {
  check_in_place<T>(5, 1, 5, true);
  check_in_place<T>(9, 1, 5, true);
  check_in_place<T>(-5, 1, 5, true);
  check_in_place<T>(0, 1, 5, true);
  check_in_place<T>(1, 30, 1, true);  // a single column has no stride
  check_in_place<T>(1, 30, 5, false);
  check_in_place<T>(10, 2, 5, false);
}

TEST_CASE("blocks: the first value that is not finite is named, whatever the source") {
  Matrix<double> matrix(20, 3, -4, 1);
  matrix.view()(11, 2) = std::numeric_limits<double>::quiet_NaN();
  matrix.view()(12, 0) = std::numeric_limits<double>::infinity();
  CHECK(load_message(matrix.view(), 0, 11) == "no error");
  CHECK(load_message(matrix.view(), 8, 20) == "X[11, 2] must be finite, but is nan");
  CHECK(load_message(matrix.view(), 12, 20) == "X[12, 0] must be finite, but is inf");

  Matrix<float> single(20, 3, 1, 20);
  single.view()(19, 1) = -std::numeric_limits<float>::infinity();
  CHECK(load_message(single.view(), 5, 20) == "X[19, 1] must be finite, but is -inf");
}

TEST_CASE("blocks: an X that changes while it is read is an error") {
  int calls = 0;
  const Samples x(4, 1, [&](Index begin, Index end, double* out) {
    const double value = calls++ == 0 ? std::numeric_limits<double>::quiet_NaN() : 0.0;
    std::fill(out, out + (end - begin), value);
  });
  CHECK(load_message(x, 0, 4) == "X must not change while it is read, but a value that was not finite has become so");
}

TEST_CASE("blocks: only float32 X is loaded in float32") {
  Matrix<double> matrix(4, 2, 2, 1);
  const Samples x = matrix.view();
  const simd::Kernels<float> kernels = plain_kernels<float>();
  CHECK_THROWS_AS(BlockLoader<float>(x, 48, kernels, false), std::logic_error);
}
