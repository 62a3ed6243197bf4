#include "model/split_vector.hpp"

namespace gaussmix::detail {

template <class T>
void SplitVector<T>::assign(const double* values, Index n) {
  hi_.resize(static_cast<std::size_t>(n));
  lo_.resize(sizeof(T) < sizeof(double) ? hi_.size() : 0);
  for (std::size_t i = 0; i < hi_.size(); ++i) hi_[i] = static_cast<T>(values[i]);
  for (std::size_t i = 0; i < lo_.size(); ++i) lo_[i] = static_cast<T>(values[i] - static_cast<double>(hi_[i]));
}

template <class T>
double SplitVector<T>::value(Index i) const noexcept {
  const auto at = static_cast<std::size_t>(i);
  return static_cast<double>(hi_[at]) + (lo_.empty() ? 0.0 : static_cast<double>(lo_[at]));
}

template class SplitVector<float>;
template class SplitVector<double>;

}  // namespace gaussmix::detail
