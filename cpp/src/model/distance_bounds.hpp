#pragma once

#include "base/buffer.hpp"

#include <gaussmix/threads.hpp>

#include <vector>

namespace gaussmix::detail {

class ComponentTerms;

/// What the distance of a row from one component tells of its distances from all others. With d_k(x) = ‖L_k⁻¹(x − μ_k)‖
/// and the triangle inequality in the metric of component k, as in Elkan 2003 for k-means,
///   d_k(x) ≥ d_k(μ_l) − ‖L_k⁻¹(x − μ_l)‖ ≥ d_k(μ_l) − ‖L_k⁻¹ L_l‖ d_l(x)
/// so that d_k(x) ≥ lower(l, k) − lipschitz(l, k) · d_l(x), for exact numbers and for those that the kernels of T
/// compute.
template <class T>
struct DistanceBounds {
  std::vector<T> lower;      ///< (K, K) row-major: less than d_k(μ_l)
  std::vector<T> lipschitz;  ///< (K, K) row-major: more than ‖L_k⁻¹ L_l‖, the Lipschitz constant of d_k against d_l
};

/// Whether making the bounds takes a small part of the time of a pass over so many rows, and little memory; of speed
/// alone.
bool is_worth_bounding(Index rows, const ComponentTerms& mixture);

/// For mixtures without singular components; on the threads of `execution`.
template <class T>
DistanceBounds<T> make_distance_bounds(const ComponentTerms& mixture, const Execution& execution = Execution{1, {}});

}  // namespace gaussmix::detail
