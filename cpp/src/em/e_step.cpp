#include "em/e_step.hpp"

#include "data/partition.hpp"
#include "data/samples.hpp"
#include "em/block_moments.hpp"
#include "em/tuning.hpp"
#include "model/mixture_data.hpp"
#include "numeric/compensated_sum.hpp"
#include "parallel/parallel.hpp"
#include "score/block_evaluator.hpp"
#include "score/component_search.hpp"
#include "simd/dispatch.hpp"

#include <algorithm>
#include <cmath>
#include <optional>

namespace gaussmix::detail {
namespace {

using Sums = SufficientStatistics;

/// Sample weights of a block in T, divided by the power of two that brings the largest into [1, 2), so that none
/// overflows or vanishes in float32.
template <class T>
class BlockWeights {
 public:
  BlockWeights(VectorView<const double> weight, Index capacity)
      : weight_(weight), values_(weight.empty() ? 0 : capacity) {}

  void load(Index begin, Index size, Index padded) {
    if (weight_.empty()) return;
    double largest = 0.0;
    for (Index i = 0; i < size; ++i) largest = std::max(largest, weight_[begin + i]);
    exponent_ = largest > 0.0 ? std::ilogb(largest) : 0;
    for (Index i = 0; i < padded; ++i) values_[i] = i < size ? scaled_weight<T>(weight_[begin + i], exponent_) : T(0);
  }
  /// Null when all rows weigh 1.
  const T* values() const noexcept { return weight_.empty() ? nullptr : values_.data(); }
  int exponent() const noexcept { return exponent_; }

 private:
  VectorView<const double> weight_;
  Buffer<T> values_;
  int exponent_ = 0;
};

/// Merges the sums of leaves, which come in their order, as a balanced binary tree, like the carries of a binary
/// counter: at most ⌈log₂(leaves)⌉ + 1 sums are held at a time. The tree depends on the number of leaves alone, and so
/// do the bits.
class MergeTree {
 public:
  void push(Sums&& sums) {
    std::optional<Sums> carry(std::move(sums));
    for (std::size_t level = 0;; ++level) {
      if (level == levels_.size()) levels_.emplace_back();
      if (!levels_[level]) {
        levels_[level] = std::move(carry);
        return;
      }
      levels_[level]->merge(*carry);
      carry = std::move(levels_[level]);
      levels_[level].reset();
    }
  }
  /// The sums of all leaves, none when there are no leaves. The later leaves lie on the lower levels.
  std::optional<Sums> total() && {
    std::optional<Sums> later;
    for (std::optional<Sums>& level : levels_) {
      if (!level) continue;
      if (later) level->merge(*later);
      later = std::move(level);
    }
    return later;
  }

 private:
  std::vector<std::optional<Sums>> levels_;
};

/// Sums of leaves that each thread may hold until their turn in the merge comes.
int slots_for(const Sums& shape) {
  const auto values = static_cast<Index>(shape.pivot.size() + shape.delta.size() + shape.scatter.size());
  const Index affordable = tuning::held_sums_bytes / (values * static_cast<Index>(sizeof(double)));
  return static_cast<int>(std::clamp<Index>(affordable, 1, tuning::most_held_sums));
}

/// The sums of one pass over all rows, of the scatter shape and about the pivots of `shape`. make_process() makes what
/// each worker does with a block: process(begin, end, sums) adds rows [begin, end) to `sums`.
template <class MakeProcess>
std::optional<Sums> sums_of_leaves(const Partition& partition, double work, const Execution& execution,
                                   const Sums& shape, const MakeProcess& make_process) {
  using Process = decltype(make_process());
  const int threads = plan_threads(execution, partition.leaves(), work);
  std::vector<std::optional<Process>> process(static_cast<std::size_t>(threads));
  const int slots = slots_for(shape);
  std::vector<std::optional<Sums>> leaf_sums(static_cast<std::size_t>(threads * slots));
  MergeTree tree;
  parallel_for(
      partition.leaves(), threads, execution,
      [&](Index leaf, Worker& worker) {
        const auto id = static_cast<std::size_t>(worker.id());
        if (!process[id]) process[id].emplace(make_process());
        std::optional<Sums>& sums = leaf_sums[static_cast<std::size_t>(worker.slot())];
        sums = shape.empty_copy();
        const Index end = partition.leaf_end(leaf);
        for (Index begin = partition.leaf_begin(leaf); begin < end && !worker.cancelled();
             begin += partition.block_rows)
          (*process[id])(begin, std::min(begin + partition.block_rows, end), *sums);
      },
      [&](Index, int slot) {
        std::optional<Sums>& sums = leaf_sums[static_cast<std::size_t>(slot)];
        tree.push(std::move(*sums));
        sums.reset();
      },
      slots);
  return std::move(tree).total();
}

/// The E-step of one block, and its M-step sums while it is in cache.
template <class T>
class ExpectationPass {
 public:
  ExpectationPass(const ComponentTerms& mixture, const Samples& x, VectorView<const double> weight, const Sums& shape,
                  const Partition& partition, T cut, VectorView<std::int32_t> labels, bool skip,
                  const simd::Kernels<T>& kernels)
      : weight_(weight),
        cut_(cut),
        labels_(labels),
        evaluator_(std::make_unique<BlockEvaluator<T>>(mixture, x, kernels, partition,
                                                       skip && cut<no_cut<T>, shape.d> simd::small_features)),
        weights_(weight, partition.block_rows),
        moments_(kernels, shape) {}

  void operator()(Index begin, Index end, Sums& sums) {
    evaluator_->load(begin, end, labels_.empty() ? nullptr : &labels_[begin]);
    weights_.load(begin, end - begin, evaluator_->loader().padded());
    const T* log_p = evaluator_->expectation(weights_.values(), cut_);
    CompensatedSum log_likelihood, total;
    for (Index i = begin; i < end; ++i) {
      const double w = weight_.empty() ? 1.0 : weight_[i];
      if (!(w > 0.0)) continue;
      total.add(w);
      log_likelihood.add(w * static_cast<double>(log_p[i - begin]));
    }
    sums.total_weight += total.value();
    sums.log_likelihood += log_likelihood.value();
    moments_.add(evaluator_->loader(), evaluator_->responsibilities(), weights_.exponent(), sums);
  }

 private:
  VectorView<const double> weight_;
  T cut_;
  VectorView<std::int32_t> labels_;
  std::unique_ptr<BlockEvaluator<T>> evaluator_;
  BlockWeights<T> weights_;
  BlockMoments<T> moments_;
};

/// The M-step sums of one block with given responsibilities.
template <class T>
class AssignmentPass {
 public:
  AssignmentPass(const Assignment& assignment, const Samples& x, VectorView<const double> weight, const Sums& shape,
                 const Partition& partition, const simd::Kernels<T>& kernels)
      : assignment_(assignment),
        weight_(weight),
        loader_(std::make_unique<BlockLoader<T>>(x, partition.block_rows, kernels, shape.d > simd::small_features)),
        weights_(weight, partition.block_rows),
        moments_(kernels, shape),
        rows_(static_cast<std::size_t>(partition.block_rows * shape.k)),
        stride_(partition.block_rows),
        gamma_(partition.block_rows * shape.k) {}

  void operator()(Index begin, Index end, Sums& sums) {
    loader_->load(begin, end);
    weights_.load(begin, end - begin, loader_->padded());
    assignment_(begin, end, rows_.data());
    CompensatedSum total;
    for (Index i = begin; i < end; ++i) total.add(weight_.empty() ? 1.0 : weight_[i]);
    sums.total_weight += total.value();
    for (Index k = 0; k < sums.k; ++k)
      for (Index i = 0; i < loader_->padded(); ++i) {
        const T gamma = i < end - begin ? static_cast<T>(rows_[static_cast<std::size_t>(i * sums.k + k)]) : T(0);
        gamma_[k * stride_ + i] = weights_.values() ? gamma * weights_.values()[i] : gamma;
      }
    moments_.add(*loader_, {gamma_.data(), stride_}, weights_.exponent(), sums);
  }

 private:
  const Assignment& assignment_;
  VectorView<const double> weight_;
  std::unique_ptr<BlockLoader<T>> loader_;
  BlockWeights<T> weights_;
  BlockMoments<T> moments_;
  std::vector<double> rows_;
  Index stride_;
  Buffer<T> gamma_;
};

/// Multiply-adds of the sums of one row, about, for the choice of threads: d and γd of D features, and the lower
/// triangle of γ d dᵀ or its diagonal.
double moments_work(const Sums& sums) {
  const double d = static_cast<double>(sums.d);
  return static_cast<double>(sums.k) * (sums.full ? d * (d + 5.0) / 2.0 : 3.0 * d);
}

template <class T>
std::optional<Sums> expectation_as(const Mixture& mixture, const Samples& x, VectorView<const double> weight,
                                   bool whole, const Execution& execution, VectorView<std::int32_t> labels,
                                   const simd::Kernels<T>& kernels, const Sums& sums) {
  const ComponentTerms& m = mixture.data();
  const Partition partition = Partition::of(x.rows(), m.d, m.k, sizeof(T));
  const T cut = whole ? no_cut<T> : exclusion_cut<T>(m.k);
  // Where the last pass left likely components, blocks are searched: their bounds are made on all threads beforehand,
  // not on the first that asks for them while the others wait.
  if (!whole && execution.skip_excluded && !labels.empty() && labels[0] >= 0 && is_worth_searching<T>(m) &&
      is_worth_bounding(x.rows(), m))
    m.distance_bounds<T>(execution);
  return sums_of_leaves(partition, 2.0 * moments_work(sums) * static_cast<double>(x.rows()), execution, sums, [&] {
    return ExpectationPass<T>(m, x, weight, sums, partition, cut, labels, execution.skip_excluded, kernels);
  });
}

template <class T>
std::optional<Sums> assignment_as(const Assignment& assignment, const Samples& x, VectorView<const double> weight,
                                  const Execution& execution, const simd::Kernels<T>& kernels, const Sums& sums) {
  const Partition partition = Partition::of(x.rows(), sums.d, sums.k, sizeof(T));
  return sums_of_leaves(partition, moments_work(sums) * static_cast<double>(x.rows()), execution, sums,
                        [&] { return AssignmentPass<T>(assignment, x, weight, sums, partition, kernels); });
}

}  // namespace

void accumulate_expectation(const Mixture& mixture, const Samples& x, VectorView<const double> sample_weight,
                            bool whole, const Execution& execution, SufficientStatistics& sums,
                            VectorView<std::int32_t> labels, const simd::KernelTable& kernels) {
  std::optional<Sums> added;
  if (x.single_precision() && mixture.data().fits_single())
    added = expectation_as<float>(mixture, x, sample_weight, whole, execution, labels, kernels.f32, sums);
  // Squares overflow in float32 where they do not in float64: rows of float32 are then read once more.
  if (!added || !added->finite() || !std::isfinite(added->log_likelihood))
    added = expectation_as<double>(mixture, x, sample_weight, whole, execution, labels, kernels.f64, sums);
  if (added) sums.merge(*added);
}

void accumulate_assignment(const Assignment& assignment, const Samples& x, VectorView<const double> sample_weight,
                           const Execution& execution, SufficientStatistics& sums, const simd::KernelTable& kernels) {
  const std::optional<Sums> added = assignment_as<double>(assignment, x, sample_weight, execution, kernels.f64, sums);
  if (added) sums.merge(*added);
}

}  // namespace gaussmix::detail
