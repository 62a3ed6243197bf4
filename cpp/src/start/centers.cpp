#include "start/centers.hpp"

#include <limits>
#include <type_traits>

namespace gaussmix::detail {

template <class T>
Centers<T>::Centers(Index n_components, Index n_features)
    : d_(n_features),
      values_(static_cast<std::size_t>(n_components * n_features)),
      hi_(values_.size()),
      lo_(std::is_same_v<T, float> ? values_.size() : 0) {}

template <class T>
double Centers<T>::rounded(double value) {
  const T hi = static_cast<T>(value);
  return static_cast<double>(hi) + static_cast<double>(static_cast<T>(value - static_cast<double>(hi)));
}

template <class T>
void Centers<T>::set(Index k, const double* center) {
  for (Index j = 0; j < d_; ++j) {
    const auto at = static_cast<std::size_t>(k * d_ + j);
    values_[at] = rounded(center[j]);
    hi_[at] = static_cast<T>(values_[at]);
    if (!lo_.empty()) lo_[at] = static_cast<T>(values_[at] - static_cast<double>(hi_[at]));
  }
}

double squared_distance(const double* a, const double* b, Index d) {
  double sum = 0.0;
  for (Index j = 0; j < d; ++j) sum += (a[j] - b[j]) * (a[j] - b[j]);
  return sum;
}

/// Two subtractions in float, their square, and D sums.
template <class T>
double distance_error(Index n_features) {
  constexpr double unit_roundoff = std::numeric_limits<T>::epsilon() / 2;
  return static_cast<double>(n_features + 8) * unit_roundoff;
}

template class Centers<float>;
template class Centers<double>;
template double distance_error<float>(Index);
template double distance_error<double>(Index);

}  // namespace gaussmix::detail
