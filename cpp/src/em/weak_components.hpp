#pragma once

#include "em/covariance_floor.hpp"
#include "em/fit_problem.hpp"

#include <gaussmix/mixture.hpp>

namespace gaussmix::detail {

/// Which components of a mixture rest on too little of the data to be believed: spikes, which raise a likelihood
/// without bound where nothing holds them (Bishop 2006, section 9.2.1). By them searches judge what they find.
class WeakComponents {
 public:
  /// @param whole  the sums over all the data, of one component
  WeakComponents(const FitProblem& p, const SufficientStatistics& whole);

  /// The components of a share of fewer than D + 1 rows, or with a covariance at the floor of OnDegenerate::floor or
  /// below it, before reg_covar was added. One covariance that all share is that of each.
  Index count(const Mixture& mixture) const;

 private:
  bool is_narrow(const Mixture& mixture, Index component) const;

  CovarianceFloor floor_;
  double n_rows_;  ///< of positive weight
  double reg_covar_;
};

}  // namespace gaussmix::detail
