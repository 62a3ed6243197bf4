#pragma once

#include "base/buffer.hpp"
#include "data/block_loader.hpp"
#include "em/moments.hpp"
#include "score/responsibilities.hpp"
#include "simd/kernel_table.hpp"

#include <vector>

namespace gaussmix::detail {

/// The moments of one component's rows in a block: of all rows, from strips, where features are few; else of the rows
/// of positive weight, from a list.
template <class T>
class RowMoments {
 public:
  RowMoments(const simd::Kernels<T>& kernels, Index n_features, bool full);

  /// Chooses the rows and weights of one component for the next sum; `full`: of a whole scatter.
  void choose(const BlockLoader<T>& block, const BlockResponsibilities<T>& responsibilities, Index component,
              bool full);
  /// Chooses all rows, of weights gamma, (padded,).
  void choose(const BlockLoader<T>& block, const T* gamma, bool full);
  /// Chooses rows [begin, end) of positive weight.
  void list(const T* gamma, Index begin, Index end);
  /// Chooses the rows of a list.
  void take(simd::WeightedRows<T> rows) noexcept;
  const simd::WeightedRows<T>& listed() const noexcept { return listed_; }

  /// The moments of the chosen rows about a center, (D,).
  void sum(const BlockLoader<T>& block, const double* center, Moments<T>& out);
  /// The same about the pivot, or about the rows' mean where that is far from it.
  void sum_near(const BlockLoader<T>& block, const double* pivot, Moments<T>& out);
  /// The same about the mean that `out` has from a sum before.
  void sum_about_mean(const BlockLoader<T>& block, const double* pivot, Moments<T>& out);

 private:
  const simd::Kernels<T>& kernels_;
  Index d_;
  Buffer<T> scratch_;
  const T* gamma_ = nullptr;        ///< of all rows, (padded,), where they are summed from strips; else null
  simd::WeightedRows<T> listed_{};  ///< the rows to be summed otherwise
  Buffer<std::int32_t> rows_;
  Buffer<T> weights_;
  std::vector<double> center_;
};

}  // namespace gaussmix::detail
