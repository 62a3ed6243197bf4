#pragma once

#include "base/buffer.hpp"

#include <vector>

namespace gaussmix::detail {

class ComponentTerms;

/// What the distance of a row from one component tells of its distances from all others, by the triangle inequality. With
/// d_k(x) = ‖L_k⁻¹ (x − μ_k)‖: d_k(x) ≥ distance(l, k) − stretch(l, k) · d_l(x), in exact numbers and as kernels of T round.
template <class T>
struct DistanceBounds {
  std::vector<T> lower;      ///< (K, K) row-major: less than d_k(μ_l)
  std::vector<T> lipschitz;  ///< (K, K): more than ‖L_k⁻¹ L_l‖
};

/// Whether the two arrays are made in a small part of the time of a pass over so many rows, and are no burden to memory.
bool is_worth_bounding(Index rows, const ComponentTerms& mixture);

/// For mixtures without singular components.
template <class T>
DistanceBounds<T> make_distance_bounds(const ComponentTerms& mixture);

}  // namespace gaussmix::detail
