#pragma once

#include <vector>

namespace gaussmix {

/// A conjugate prior of the parameters, of which EM then finds the maximum a posteriori (Fraley & Raftery 2007): it
/// keeps components of few rows away from singular covariances. Each part is flat unless it is given:
///
///     π ~ Dirichlet(α, …, α),   μ_k | Σ_k ~ N(m, Σ_k / κ),   Σ ~ inverse Wishart(ν, Λ)
///
/// and for variances σ²_j ~ inverse gamma(ν/2, Λ_j/2). Where components share Σ, it is drawn once.
struct Prior {
  double weight_concentration = 1.0;  ///< α ≥ 1; finite. 1 is flat
  double mean_precision = 0.0;        ///< κ ≥ 0; finite; as many rows at m for each component. 0 is flat
  std::vector<double> mean;           ///< m, (D,); empty where κ = 0
  /// ν; finite. Above D − 1 where covariances are matrices, above 0 where they are variances; 0, which is flat, where
  /// `scale` is empty.
  double degrees_of_freedom = 0.0;
  /// Λ, in the shape of one covariance: (D, D) row-major, symmetric and positive definite; (D,) or (1,), positive.
  std::vector<double> scale;
};

}  // namespace gaussmix
