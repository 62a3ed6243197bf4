#include "em/moments.hpp"

#include "base/subscript.hpp"

#include <algorithm>

namespace gaussmix::detail {
namespace {

/// With δ = mean − center and the variance σ² of a feature, Σγd² / n = σ² + δ²: where δ² = 64 σ², the scatter about the
/// mean is a 65th of the one about the center, and its difference to n δ² has lost 65 units of rounding. Beyond, the
/// rows are summed again about their mean.
constexpr double max_shift = 64.0;

}  // namespace

template <class T>
Moments<T>::Moments(Index n_features, bool whole_scatter)
    : d(n_features), full(whole_scatter), first(at(d)), second(at(full ? d * d : d)) {}

// mean − pivot = (c − pivot) + Σγd / n: differences, so that an offset of the data costs no digits.
template <class T>
void Moments<T>::shift_from(const double* pivot, double* shift) const {
  if (n > 0.0)
    for (Index j = 0; j < d; ++j) shift[j] = (center.value(j) - pivot[j]) + mean(j);
}

// δ_j² > 64 σ_j² for some feature j, with δ_j = Σγd_j / n and σ_j² = Σγd_j² / n − δ_j².
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

// Σγ (x − mean)(x − mean)ᵀ = Σγ d dᵀ − n δ δᵀ = Σγ d dᵀ − (Σγd) δᵀ with δ = Σγd / n.
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
