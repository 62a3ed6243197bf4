#pragma once

#include "em/joint_moments.hpp"
#include "em/moments.hpp"
#include "em/row_moments.hpp"
#include "em/sufficient_statistics.hpp"

#include <optional>
#include <vector>

namespace gaussmix::detail {

/// Adds the weighted moments of a block of rows to the sums of a pass while the block is in cache, in the way that is
/// the quickest for it.
template <class T>
class BlockMoments {
 public:
  BlockMoments(const simd::Kernels<T>& kernels, const SufficientStatistics& shape);

  /// @param exponent  responsibilities times 2^exponent are those with the rows' own weights
  void add(const BlockLoader<T>& block, const BlockResponsibilities<T>& responsibilities, int exponent,
           SufficientStatistics& sums);

 private:
  using Responsibilities = BlockResponsibilities<T>;

  double pairs_a_row(const BlockLoader<T>& block, const Responsibilities& responsibilities) const;
  void sum_component(const BlockLoader<T>& block, const Responsibilities& responsibilities, Index component,
                     const double* pivot, Moments<T>& out);
  void add_each(const BlockLoader<T>& block, const Responsibilities& responsibilities, double factor, bool dense,
                SufficientStatistics& sums);
  bool add_pooled(const BlockLoader<T>& block, const Responsibilities& responsibilities, double factor,
                  SufficientStatistics& sums);

  /// What add_pooled works with.
  struct Pooled {
    Moments<T> variances;         ///< of one component
    Buffer<T> row_weight;         ///< Σ_k γ_ik, (padded,)
    std::vector<double> weights;  ///< n_k, (K,)
    std::vector<double> shifts;   ///< mean − pivot, (K, D)
    std::vector<double> scatter;  ///< (D, D)
    std::vector<double> middle;   ///< the mean of the block less the first pivot, (D,)
  };

  const simd::Kernels<T>& kernels_;
  Index k_;
  Index d_;
  bool at_once_;  ///< whether variances are summed for many components at once
  bool whole_;    ///< whether each component has a whole scatter
  RowMoments<T> rows_;
  JointMoments<T> joint_;
  Moments<T> moments_;
  std::vector<double> shift_;  ///< mean − pivot
  std::optional<Pooled> pooled_;
};

}  // namespace gaussmix::detail
