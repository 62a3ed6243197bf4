#pragma once

#include <gaussmix/views.hpp>

#include <limits>

namespace gaussmix::detail {

/// log(K / u), u = 2⁻²⁴ or 2⁻⁵³, the cut of the exclusion rule: a component whose log N lies further below the row's
/// largest log-joint adds less than π_k · u / K of the row's sum, and all such components together less than u / K of
/// it, nothing that T can hold.
template <class T>
T exclusion_cut(Index n_components);

/// A cut that excludes nothing.
template <class T>
inline constexpr T no_cut = std::numeric_limits<T>::infinity();

}  // namespace gaussmix::detail
