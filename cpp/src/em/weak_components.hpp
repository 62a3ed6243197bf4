#pragma once

#include "em/fit_problem.hpp"
#include "em/sufficient_statistics.hpp"

#include <gaussmix/mixture.hpp>

#include <vector>

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

  std::vector<Index> features_;  ///< that do not depend on each other in the data: the others say nothing more
  std::vector<double> total_;    ///< the covariance of the data in these, in the shape of one covariance
  double n_rows_;                ///< of positive weight
  double reg_covar_;
};

}  // namespace gaussmix::detail
