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

/// The constant features of X, by comparison of its rows, which are read until they show that none is constant.
ConstantFeatures constant_features(const Samples& x, VectorView<const double> sample_weight,
                                   const Execution& execution);

/// Removes rounding from the constant features of sums over X: all means become the constant value, all scatters 0.
void settle(const ConstantFeatures& constant, SufficientStatistics& sums);

}  // namespace gaussmix::detail
