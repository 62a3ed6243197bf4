#pragma once

#include "em/sufficient_statistics.hpp"
#include "model/covariance_layout.hpp"

#include <vector>

namespace gaussmix::detail {

/// The bound of OnDegenerate::floor, Σ_k ⪰ 1e-6 × the covariance of all the data, for covariances of one layout.
class CovarianceFloor {
 public:
  /// @param reg_covar  added to the variances of the data too
  /// @throws NumericalError for data that vary in fewer directions than they have features, unless `allow_singular`: they leave
  /// the bound without a scale
  CovarianceFloor(const SufficientStatistics& sums, const CovarianceLayout& layout, double reg_covar,
                  bool allow_singular);

  /// Raises one covariance to the bound. @returns whether it was below
  bool raise(double* sigma) const;

 private:
  void check() const;

  CovarianceLayout layout_;
  Index d_;
  std::vector<double> total_;  ///< of all the data, in the shape of one covariance
};

}  // namespace gaussmix::detail
