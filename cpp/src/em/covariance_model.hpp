#pragma once

#include "base/buffer.hpp"
#include "em/sufficient_statistics.hpp"
#include "model/covariance_layout.hpp"

#include <gaussmix/mixture.hpp>

namespace gaussmix::detail {

/// The maximum likelihood estimate of the covariances under the constraint of a type (Celeux & Govaert 1995): the one place where
/// types differ in the M-step.
class CovarianceModel {
 public:
  virtual ~CovarianceModel() = default;
  /// What the E-step has to gather.
  virtual ScatterShape scatter() const noexcept = 0;
  /// Σ in the layout of the type into `out`; those of components without any weight are left as they are.
  /// @param pseudo_weight  what each covariance is divided by beyond the weight of its rows: that of a prior, or 0
  virtual void estimate(const SufficientStatistics& sums, double pseudo_weight, double* out) const = 0;
};

/// Σ = S / n of one scatter S of weight n, in this shape.
void divide_scatter(const double* scatter, double n, CovarianceShape shape, Index d, double* out);

/// Adds `term` to each variance of one covariance.
void add_to_variances(double* sigma, CovarianceShape shape, Index d, double term);

/// Takes a matrix that is singular but for the rounding of its sums to the singular one beside it: F Fᵀ of its rank.
void make_semi_definite(double* sigma, Index d);

/// @throws InvalidArgument for a value outside the enumeration
const CovarianceModel& covariance_model(CovarianceType type);

}  // namespace gaussmix::detail
