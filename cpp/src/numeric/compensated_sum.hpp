#pragma once

#include <cmath>

namespace gaussmix::detail {

/// A running sum s with the sum of its rounding errors e carried along (Neumaier 1974; Higham 2002, section 4.3):
///   s' = fl(s + x),  e' = e + (s − s') + x where |s| ≥ |x|, else e + (x − s') + s;  the value is s + e.
/// The error of n terms is u · |sum|, and terms of n²u² times the sum of magnitudes.
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

/// A sum of any number of terms: runs of 64 are added up plainly and the runs as a CompensatedSum. A run loses at most
/// 63 · 2⁻⁵³ of its sum of magnitudes, and so do all runs together, however many there are.
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
