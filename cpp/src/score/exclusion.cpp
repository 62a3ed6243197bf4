#include "score/exclusion.hpp"

#include <cmath>

namespace gaussmix::detail {

template <class T>
T exclusion_cut(Index n_components) {
  const double bits = static_cast<double>(std::numeric_limits<T>::digits);
  return static_cast<T>(std::log(static_cast<double>(n_components)) + bits * std::log(2.0));
}

template float exclusion_cut<float>(Index);
template double exclusion_cut<double>(Index);

}  // namespace gaussmix::detail
