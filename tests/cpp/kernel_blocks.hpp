#pragma once

// What the tests of the kernels share: the tables, and blocks of rows in kernel layout.

#include "data/block_loader.hpp"
#include "problems.hpp"
#include "simd/dispatch.hpp"

#include <gaussmix/simd.hpp>

namespace kernel_blocks {

using namespace gaussmix;
using detail::Buffer;
using detail::Random;
using problems::at;
using problems::Real;
using problems::symmetric;
using problems::unit;

/// The tables that this processor runs.
inline std::vector<const simd::KernelTable*> tables() {
  const std::string before = simd_level();
  std::vector<const simd::KernelTable*> out;
  for (const std::string& level : simd_levels()) {
    set_simd_level(level);
    out.push_back(&simd::active_kernels());
  }
  set_simd_level(before);
  return out;
}

template <class T>
std::vector<T> random_values(Index n, Random& random, double size = 1) {
  std::vector<T> out;
  for (Index i = 0; i < n; ++i) out.push_back(static_cast<T>(symmetric(random, size)));
  return out;
}

/// Lengths around a strip and around the smallest block.
inline std::vector<Index> lengths(Index strip) {
  return {1, strip - 1, strip, strip + 1, simd::strip_multiple - 1, simd::strip_multiple, simd::strip_multiple + 1};
}

/// Rows in a block, and a location to measure them from.
template <class T>
struct Block {
  const simd::Kernels<T>& kernels;
  Index n, d;
  std::vector<T> x;  ///< (n, d), row-major
  std::vector<T> hi, lo;
  Buffer<T> strips, scratch, out;
  T largest = 0;
  bool finite;

  Block(const simd::Kernels<T>& table, Index rows, Index features, std::vector<T> values, std::vector<T> mean)
      : kernels(table), n(rows), d(features), x(std::move(values)), hi(std::move(mean)), lo(at(d)) {
    // float32 locations have a second part, of the size of hi's rounding.
    for (Index j = 0; j < d && sizeof(T) == sizeof(float); ++j)
      lo[at(j)] = hi[at(j)] * static_cast<T>(0.25 * unit<T> * static_cast<double>(j % 5));
    strips.resize(padded() * d);
    scratch.resize(2 * d * kernels.strip);
    out.resize(padded() * d);
    finite = kernels.pack(x.data(), d, 1, nullptr, n, d, strips.data(), &largest);
  }
  Block(const simd::Kernels<T>& table, Index rows, Index features, Random& random)
      : Block(table, rows, features, random_values<T>(rows * features, random, 3),
              random_values<T>(features, random, 3)) {}

  Index n_strips() const { return (n + kernels.strip - 1) / kernels.strip; }
  Index padded() const { return n_strips() * kernels.strip; }
  simd::Location<T> location() const { return {hi.data(), sizeof(T) == sizeof(float) ? lo.data() : nullptr}; }
  Real centered(Index i, Index j) const { return (Real(x[at(i * d + j)]) - hi[at(j)]) - lo[at(j)]; }
  /// |x − hi| + |lo|, which bounds what the two subtractions round.
  Real size(Index i, Index j) const { return std::abs(Real(x[at(i * d + j)]) - hi[at(j)]) + std::abs(Real(lo[at(j)])); }
  /// Entry (i, r) of strips of d features.
  T entry(const Buffer<T>& values, Index i, Index r) const {
    return values[i / kernels.strip * d * kernels.strip + r * kernels.strip + i % kernels.strip];
  }
};

}  // namespace kernel_blocks
