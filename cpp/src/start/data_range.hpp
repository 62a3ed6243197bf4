#pragma once

// X in a range where squared distances can be computed, whatever its unit.

#include "simd/dispatch.hpp"
#include "start/points.hpp"

#include <gaussmix/views.hpp>

namespace gaussmix::detail {

/// X is 2^exponent times these samples, whose squared distances neither overflow nor vanish.
struct ScaledSamples {
  Samples samples;
  int exponent;
};

/// X itself, or X times a power of two when squared distances would overflow or vanish. The first pass over X.
/// @throws InvalidArgument for the first value that is not finite
ScaledSamples scaled_to_range(const Samples& x, Index n_components, const ScaledWeights& weight,
                              const Execution& execution, const simd::KernelTable& kernels);

/// @throws InvalidArgument for shapes, weights and numbers of components that break the rules
void check_clustering(const Samples& x, Index n_components, VectorView<const double> sample_weight);

/// Checks what k-means and its seeding are given and calls body(points, exponent) with the Points<float> or
/// Points<double> to work on; X is 2^exponent times these.
template <class Body>
auto with_points(const Samples& x, Index n_components, VectorView<const double> sample_weight,
                 const Execution& execution, const simd::KernelTable& kernels, const Body& body) {
  check_clustering(x, n_components, sample_weight);
  const ScaledWeights weight(sample_weight);
  const ScaledSamples scaled = scaled_to_range(x, n_components, weight, execution, kernels);
  const auto run = [&](const auto& points) { return body(points, scaled.exponent); };
  if (scaled.samples.single_precision())
    return run(Points<float>(scaled.samples, n_components, weight, execution, kernels));
  return run(Points<double>(scaled.samples, n_components, weight, execution, kernels));
}

}  // namespace gaussmix::detail
