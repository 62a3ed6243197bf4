#pragma once

#include <cmath>

namespace gaussmix::detail {

/// A running sum with its rounding error carried along (Neumaier 1974): the error of n terms stays near u · |sum|.
class CompensatedSum {
 public:
  void add(double value) noexcept {
    const double next = sum_ + value;
    lost_ += std::abs(sum_) >= std::abs(value) ? (sum_ - next) + value : (value - next) + sum_;
    sum_ = next;
  }
  /// An infinite sum has lost nothing.
  double value() const noexcept { return std::isfinite(sum_) ? sum_ + lost_ : sum_; }

 private:
  double sum_ = 0.0;
  double lost_ = 0.0;
};

}  // namespace gaussmix::detail
