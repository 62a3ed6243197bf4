#pragma once

#include "em/run.hpp"
#include "em/weak_components.hpp"

#include <vector>

namespace gaussmix::detail {

/// Two components become one, and the place that this leaves goes to one half of a third.
struct Move {
  Index first, second;  ///< merged, into the place of the first
  Index split;          ///< into its own place and that of the second; neither of the two
};

/// The most promising moves, best first, at most `n`; none where K < 3. Merges are ranked by what they may cost at most
/// (Runnalls 2007, eq. 16), splits by the weight of the component, moves by the sum of both ranks.
std::vector<Move> promising_moves(const Mixture& mixture, Index n, const Execution& execution);

/// The mixture after a move that keeps weight, mean and covariance of what was merged and of what was split, as far as
/// the covariance type has room for it: the halves lie half a standard deviation to each side of the mean, along the
/// widest axis in units of `scale`, of a spherical one along the feature of the largest. Where all share one covariance,
/// what all components have together is kept.
/// @param scale  of the features, (D,), > 0
Mixture moved(const Mixture& mixture, const Move& move, const std::vector<double>& scale, const Execution& execution);

/// Improves what a fit has come to, by split and merge (SMEM; Ueda, Nakano, Ghahramani & Hinton 2000): as long as one
/// of the promising moves leads EM to a likelihood that is higher by more than tol, with no more weak components, that
/// one is gone on from. Counts moves in `spent`. A deadline ends it with the best so far.
/// @param whole  the sums over all the data, of one component
void split_and_merge(const FitProblem& p, const SufficientStatistics& whole, const WeakComponents& weak, Run& best,
                     FitReport& spent);

}  // namespace gaussmix::detail
