#pragma once

#include <gaussmix/mixture.hpp>

#include <optional>
#include <vector>

namespace gaussmix::detail {

/// A point beyond two steps of EM.
struct Extrapolation {
  std::optional<Mixture> mixture;  ///< none where it would not be beyond, or has no factor in range
  bool is_longest = false;         ///< whether the step would have been longer, had it been let
};

/// A squared extrapolation of EM's steps (SQUAREM; Varadhan & Roland 2008), in the coordinates log π, μ and the
/// Cholesky factors of Σ with log diagonals, in which every point is a mixture; μ and the factors in units of the
/// features' standard deviations.
/// @param theta2  M(θ₁), with θ₁ = M(θ₀), all of one K
/// @param feature_variances  of all the data, (D,)
/// @param longest  the longest step, > 1; 1 is EM's own
Extrapolation extrapolate(const Mixture& theta0, const Mixture& theta1, const Mixture& theta2,
                          const std::vector<double>& feature_variances, double longest, const Execution& execution);

}  // namespace gaussmix::detail
