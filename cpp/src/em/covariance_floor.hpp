#pragma once

#include "em/sufficient_statistics.hpp"
#include "model/covariance_layout.hpp"

#include <vector>

namespace gaussmix::detail {

/// The bound Σ_k ⪰ 1e-6 T: no direction of a component has a standard deviation below 1e-3 of the data's. It is a
/// choice, which OnDegenerate::floor states: small enough not to touch components that the data resolve, far above
/// rounding.
inline constexpr double relative_floor = 1e-6;

/// The variances of the features over all the data, (D,); 0 where they are no more than rounding of the sums.
std::vector<double> feature_variances(const SufficientStatistics& sums);

/// The covariance of all the data in the shape of one covariance of a layout.
std::vector<double> covariance_of_all(const SufficientStatistics& sums, const CovarianceLayout& layout);

/// The bound of OnDegenerate::floor, Σ_k ⪰ 1e-6 T with the covariance T of all the data, for covariances of one layout.
///
/// Two kinds of data leave T without a scale in some direction. A constant feature is given a variance, in T and in
/// every component: 1e-6 of the mean variance of the features that vary. Linearly dependent features, or fewer rows
/// than features, get T + 1e-2 diag(T) in place of T, as does a component that the bound by T leaves singular. In a
/// direction that all the data lack the least standard deviation is then √(1e-6 · 1e-2) = 1e-4 of that of the features:
/// as far below the spread of the data as it is above what the rounding of rows at an offset of 1e8 standard deviations
/// leaves there, 1e8 · 2⁻⁵³ of them.
class CovarianceFloor {
 public:
  /// @param reg_covar  added to the variances of the data too
  /// @throws NumericalError for data without any variance, unless `allow_singular`
  CovarianceFloor(const SufficientStatistics& sums, const CovarianceLayout& layout, double reg_covar,
                  bool allow_singular);

  /// The features that were given a variance, ascending; of spherical covariances, whose variance all features share,
  /// the constant ones. None where reg_covar gives all of them one, or with allow_singular.
  const std::vector<Index>& constant_features() const noexcept { return constant_features_; }

  /// Raises one covariance to the bound, once constant features have their variance. @returns whether it was below
  bool raise(double* sigma) const;

 private:
  void find_constant_features(const SufficientStatistics& sums);
  void add_constant_variance(double* sigma) const;
  void widen();

  CovarianceLayout layout_;
  Index d_;
  std::vector<double> total_;    ///< T, in the shape of one covariance
  std::vector<double> widened_;  ///< T + 1e-2 diag(T), (D, D); empty where no component can need it
  std::vector<Index> constant_features_;
  double constant_variance_ = 0.0;  ///< what these are given
};

}  // namespace gaussmix::detail
