#pragma once

#include "blocks.hpp"
#include "far_row.hpp"
#include "mixture_data.hpp"

#include <limits>

namespace gaussmix::detail {

/// log(K / u): a component whose log N lies further below the row's largest log-joint adds nothing that T can hold.
template <class T>
T exclusion_cut(Index n_components);

/// A cut that excludes nothing.
template <class T>
inline constexpr T no_cut = std::numeric_limits<T>::infinity();

/// The E-step on one block of rows: one per worker, reused from block to block.
template <class T>
class BlockEvaluator {
 public:
  /// @param row_major  whether loader().rows() will be asked for
  BlockEvaluator(const MixtureData& mixture, const Samples& x, const simd::Kernels<T>& kernels,
                 const Partition& partition, bool row_major = false);

  /// Loads rows [begin, end). @throws InvalidArgument naming the first value that is not finite
  void load(Index begin, Index end);

  /// (K, stride()) values of the loaded block: component_log_prob.
  const T* log_normal();
  /// log-joint, log-responsibilities or responsibilities, (K, stride()).
  const T* posterior(simd::Posterior what);
  /// The component with the largest log-joint of each row, the first of equals, (size,).
  const Index* labels();
  /// log p of each row, (size,).
  const T* log_prob();
  /// log p of each row; and in gamma() the responsibilities by the exclusion rule times weight[i] (null: 1), zero in the padding.
  const T* expectation(const T* weight, T cut);

  const T* gamma() const noexcept { return values_.data(); }
  Index stride() const noexcept { return stride_; }
  Index size() const noexcept { return loader_.size(); }
  Index n_components() const noexcept { return mixture_.k; }
  const BlockLoader<T>& loader() const noexcept { return loader_; }

 private:
  void distances();
  void patch_far_expectation(const T* weight, bool responsibilities);
  template <class Patch>
  void for_each_far_row(const Patch& patch);

  const MixtureData& mixture_;
  const Packed<T>& packed_;
  const simd::Kernels<T>& kernels_;
  BlockLoader<T> loader_;
  Index stride_;
  Buffer<T> values_;
  Buffer<T> log_p_;
  Buffer<Index> labels_;
  Buffer<T> scratch_;
  Buffer<T> transformed_;
  std::vector<double> row_;
};

}  // namespace gaussmix::detail
