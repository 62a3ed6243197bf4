#pragma once

#include "simd/kernel_table.hpp"

#include <gaussmix/views.hpp>

#include <vector>

namespace gaussmix::detail {

/// Numbers kept as hi + lo in T, hi = fl(v) and lo = fl(v − hi): v to twice T's precision. lo is empty in float64,
/// where hi is exact.
template <class T>
class SplitVector {
 public:
  void assign(const double* values, Index n);
  /// The numbers from `offset` on, as the kernels take them.
  simd::Location<T> at(Index offset) const noexcept {
    return {hi_.data() + offset, lo_.empty() ? nullptr : lo_.data() + offset};
  }
  /// The number that hi and lo stand for.
  double value(Index i) const noexcept;

 private:
  std::vector<T> hi_;
  std::vector<T> lo_;
};

}  // namespace gaussmix::detail
