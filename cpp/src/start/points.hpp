#pragma once

// The rows that are clustered, as seeding and Lloyd's iterations see them.

#include "data/partition.hpp"
#include "parallel/parallel.hpp"
#include "simd/dispatch.hpp"

#include <gaussmix/views.hpp>

#include <algorithm>
#include <cmath>

namespace gaussmix::detail {

/// Sample weights as s_i = w_i / 2^exponent() with max s_i near 1, so that no sum of them overflows or vanishes.
class ScaledWeights {
 public:
  explicit ScaledWeights(VectorView<const double> weight) : weight_(weight) {
    double largest = weight.empty() ? 1.0 : 0.0;
    for (Index i = 0; i < weight.size(); ++i) largest = std::max(largest, weight[i]);
    std::frexp(largest, &exponent_);
    exponent_ = std::max(exponent_, -1000);  // so that the factor is finite
    factor_ = std::ldexp(1.0, -exponent_);
  }

  /// 0 for rows of weight 0 only: a positive weight that would vanish beside the largest counts as 1e-200 of it.
  double operator[](Index i) const noexcept {
    if (weight_.empty()) return factor_;
    return weight_[i] > 0.0 ? std::max(weight_[i] * factor_, 1e-200) : 0.0;
  }
  int exponent() const noexcept { return exponent_; }
  /// Whether all are equal because none were given; each then is (*this)[0].
  bool are_equal() const noexcept { return weight_.empty(); }

 private:
  VectorView<const double> weight_;
  int exponent_ = 0;
  double factor_ = 1.0;
};

/// The points that are clustered, and how a pass over them runs. T is float for float32 samples, double for all others.
template <class T>
struct Points {
  const Samples& x;
  const ScaledWeights& weight;
  const Execution& execution;
  Partition partition;
  const simd::Kernels<T>& kernels;

  Points(const Samples& samples, Index n_components, const ScaledWeights& weights, const Execution& run,
         const simd::KernelTable& table)
      : x(samples),
        weight(weights),
        execution(run),
        partition(Partition::of(samples.rows(), samples.cols(), n_components, sizeof(T))),
        kernels(simd::kernels_of<T>(table)) {}

  Index n_samples() const noexcept { return x.rows(); }
  Index n_features() const noexcept { return x.cols(); }
  /// Threads for a pass that evaluates `distances` distances per row.
  int threads(Index distances) const {
    const double work = static_cast<double>(n_samples()) * static_cast<double>(n_features());
    return plan_threads(execution, partition.leaves(), work * static_cast<double>(distances));
  }
  /// Calls body(begin, end) for each tile of a leaf until the work is given up.
  template <class Body>
  void for_tiles(Index leaf, Worker& worker, const Body& body) const {
    const Index leaf_end = partition.leaf_end(leaf);
    for (Index begin = partition.leaf_begin(leaf); begin < leaf_end && !worker.cancelled();
         begin += partition.tile_rows) {
      body(begin, std::min(begin + partition.tile_rows, leaf_end));
    }
  }
};

}  // namespace gaussmix::detail
