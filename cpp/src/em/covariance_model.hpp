#pragma once

#include "base/buffer.hpp"
#include "em/sufficient_statistics.hpp"
#include "model/covariance_layout.hpp"

#include <gaussmix/mixture.hpp>

#include <vector>

namespace gaussmix::detail {

/// The maximum likelihood estimate of the covariances under the constraint of a type (Celeux & Govaert 1995): the one
/// place where types differ in the M-step.
class CovarianceModel {
 public:
  virtual ~CovarianceModel() = default;
  /// The shape of the scatter that the E-step has to sum.
  virtual ScatterShape scatter() const noexcept = 0;
  /// Writes Σ, in the layout of the type, to `out`; covariances of components without weight are left as they are.
  /// @param pseudo_weight  what each covariance is divided by beyond the weight of its rows: that of a prior, or 0
  virtual void estimate(const SufficientStatistics& sums, double pseudo_weight, double* out) const = 0;
};

/// Σ of one scatter S of weight n in `shape`: S / n, diag(S) / n or tr(S) / (D n). S holds what `shape` needs of it: a
/// lower triangle, (d, d), or its diagonal, (d,).
void divide_scatter(const double* scatter, double n, CovarianceShape shape, Index d, double* out);

/// Adds `term` to each variance of one covariance.
void add_to_variances(double* sigma, CovarianceShape shape, Index d, double term);

/// The widest axis of one covariance, (d,), times its standard deviation; of variances along a feature, the first of
/// the widest.
std::vector<double> widest_axis(const double* sigma, CovarianceShape shape, Index d);

/// Replaces a matrix that only rounding keeps from being singular by the singular matrix F Fᵀ next to it; leaves others
/// as they are.
void make_semi_definite(double* sigma, Index d);

/// @throws InvalidArgument for a value outside the enumeration
const CovarianceModel& covariance_model(CovarianceType type);

}  // namespace gaussmix::detail
