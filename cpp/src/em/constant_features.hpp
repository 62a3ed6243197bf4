#pragma once

#include "em/sufficient_statistics.hpp"

#include <gaussmix/threads.hpp>

#include <vector>

namespace gaussmix::detail {

/// The features in which all rows of positive weight have the same value.
struct ConstantFeatures {
  std::vector<Index> features;  ///< ascending
  std::vector<double> values;   ///< one for each
};

/// Those of X, by its values. The rows of X are read to the first that shows that none is constant.
ConstantFeatures constant_features(const Samples& x, VectorView<const double> sample_weight,
                                   const Execution& execution);

/// Takes the rounding of constant features out of sums over X: every mean there is the value, and nothing scatters.
void settle(const ConstantFeatures& constant, SufficientStatistics& sums);

}  // namespace gaussmix::detail
