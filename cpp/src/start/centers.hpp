#pragma once

#include "simd/kernel_table.hpp"

#include <gaussmix/views.hpp>

#include <vector>

namespace gaussmix::detail {

/// K places as kernels take them: T = double as they are, float as the sum of two.
template <class T>
class Centers {
 public:
  Centers(Index n_components, Index n_features);

  /// The nearest number to `value` that a center can be.
  static double rounded(double value);
  /// Puts center k at `center`, (D,), rounded.
  void set(Index k, const double* center);

  const std::vector<double>& values() const noexcept { return values_; }  ///< (K, D)
  const double* operator[](Index k) const noexcept { return values_.data() + k * d_; }
  simd::Location<T> location(Index k) const noexcept {
    return {hi_.data() + k * d_, lo_.empty() ? nullptr : lo_.data() + k * d_};
  }

 private:
  Index d_;
  std::vector<double> values_;
  std::vector<T> hi_, lo_;
};

/// ‖a − b‖².
double squared_distance(const double* a, const double* b, Index d);

/// Bounds the relative rounding error of a squared distance over D features in T.
template <class T>
double distance_error(Index n_features);

}  // namespace gaussmix::detail
