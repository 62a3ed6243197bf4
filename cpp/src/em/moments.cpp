#include "em/moments.hpp"

#include <algorithm>

namespace gaussmix::detail {
namespace {

/// δ² > 64 σ²: the scatter about the mean is then less than a 65th of that about the center, and loses as many units.
constexpr double max_shift = 64.0;

std::size_t at(Index i) { return static_cast<std::size_t>(i); }

}  // namespace

template <class T>
Moments<T>::Moments(Index n_features, bool whole_scatter)
    : d(n_features), full(whole_scatter), first(at(d)), second(at(full ? d * d : d)) {}

template <class T>
void Moments<T>::shift_from(const double* pivot, double* shift) const {
  if (n > 0.0)
    for (Index j = 0; j < d; ++j) shift[j] = (center.value(j) - pivot[j]) + mean(j);
}

template <class T>
bool Moments<T>::mean_is_far() const {
  if (!(n > 0.0)) return false;
  for (Index j = 0; j < d; ++j) {
    const double square = mean(j) * mean(j);
    const double variance = second[at(full ? j * d + j : j)] / n;
    if (square > max_shift * (variance - square)) return true;
  }
  return false;
}

template <class T>
void Moments<T>::center_at_mean() {
  for (Index i = 0; i < d; ++i) {
    if (full)
      for (Index j = 0; j <= i; ++j) second[at(i * d + j)] -= first[at(i)] * mean(j);
    else
      second[at(i)] -= std::min(second[at(i)], first[at(i)] * mean(i));  // rounding leaves no negative variance
  }
}

template struct Moments<float>;
template struct Moments<double>;

}  // namespace gaussmix::detail
