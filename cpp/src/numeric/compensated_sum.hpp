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

/// A sum of any number of terms: runs of 64 are added up plainly, for an error of 32 units of their sum of |terms| at most, and
/// the runs as a CompensatedSum.
class SumOfRuns {
 public:
  void add(double value) noexcept {
    run_ += value;
    if (++length_ < 64) return;
    total_.add(run_);
    run_ = 0.0;
    length_ = 0;
  }
  double value() const noexcept {
    CompensatedSum whole = total_;
    whole.add(run_);
    return whole.value();
  }

 private:
  CompensatedSum total_;
  double run_ = 0.0;
  int length_ = 0;
};

}  // namespace gaussmix::detail
