#include "accumulate.hpp"

#include "evaluate.hpp"
#include "parallel.hpp"
#include "simd/dispatch.hpp"
#include "sum.hpp"

#include <algorithm>
#include <cmath>
#include <optional>

namespace gaussmix::detail {
namespace {

using Sums = Statistics::Sums;

/// A block whose mean lies further from the center than this many variances, δ² > 64 σ², is summed again about its own mean.
constexpr double max_shift = 64.0;

/// Adds one component's weighted block to sums.
template <class T>
class BlockMoments {
 public:
  BlockMoments(const simd::Kernels<T>& kernels, const Sums& shape)
      : kernels_(kernels),
        full_(shape.full),
        d_(shape.d),
        scratch_(shape.full ? kernels.moments_scratch(shape.d) : 0),
        first_(static_cast<std::size_t>(d_)),
        second_(static_cast<std::size_t>(shape.scatter_size())),
        center_(static_cast<std::size_t>(d_)),
        shift_(static_cast<std::size_t>(d_)) {}

  /// gamma: weights of the block's rows times 2^−exponent, zero in the padding.
  void add(const BlockLoader<T>& block, const T* gamma, int exponent, Index component, Sums& sums) {
    const double* pivot = sums.pivot.data() + component * d_;
    std::copy(pivot, pivot + d_, center_.begin());
    sum(block, gamma, pivot);
    if (n_ > 0.0 && far_from_center()) {
      for (Index j = 0; j < d_; ++j) center_[at(j)] = pivot[j] + shift_[at(j)];
      sum(block, gamma, pivot);
    }
    if (!(n_ > 0.0)) return;
    subtract_mean();
    const double factor = std::ldexp(1.0, exponent);
    if (exponent != 0)
      for (double& value : second_) value *= factor;
    sums.add(component, n_ * factor, shift_.data(), second_.data());
  }

 private:
  static std::size_t at(Index i) { return static_cast<std::size_t>(i); }
  double variance(Index j) const { return second_[at(full_ ? j * d_ + j : j)] / n_; }
  /// The mean as a difference to the center that was summed about.
  double mean(Index j) const { return first_[at(j)] / n_; }

  /// Weight, Σγd and Σγd² (or dᵀ) about center_; then shift_ = mean − pivot.
  void sum(const BlockLoader<T>& block, const T* gamma, const double* pivot) {
    location_.assign(center_.data(), d_);
    if (full_)
      kernels_.moments_full(block.strips(), block.rows(), block.row_stride(), block.padded(), d_, location_.at(0), gamma,
                            scratch_.data(), &n_, first_.data(), second_.data());
    else
      kernels_.moments_diag(block.strips(), block.padded(), d_, location_.at(0), gamma, &n_, first_.data(), second_.data());
    if (n_ > 0.0)
      for (Index j = 0; j < d_; ++j) shift_[at(j)] = (location_.value(j) - pivot[j]) + mean(j);
  }

  bool far_from_center() const {
    for (Index j = 0; j < d_; ++j) {
      const double square = mean(j) * mean(j);
      if (square > max_shift * (variance(j) - square)) return true;
    }
    return false;
  }

  /// From sums about the center to the scatter about the mean: Σγd² − n δ².
  void subtract_mean() {
    if (!full_) {
      for (Index j = 0; j < d_; ++j) second_[at(j)] = std::max(0.0, second_[at(j)] - first_[at(j)] * mean(j));
      return;
    }
    for (Index i = 0; i < d_; ++i)
      for (Index j = 0; j <= i; ++j) second_[at(i * d_ + j)] -= first_[at(i)] * mean(j);
  }

  const simd::Kernels<T>& kernels_;
  bool full_;
  Index d_;
  Buffer<T> scratch_;
  double n_ = 0.0;
  std::vector<double> first_, second_, center_, shift_;
  Split<T> location_;
};

/// Sample weights of a block in T, times a power of two that brings the largest near 1.
template <class T>
class BlockWeights {
 public:
  BlockWeights(VectorView<const double> weight, Index capacity) : weight_(weight), values_(weight.empty() ? 0 : capacity) {}

  void load(Index begin, Index size, Index padded) {
    if (weight_.empty()) return;
    double largest = 0.0;
    for (Index i = 0; i < size; ++i) largest = std::max(largest, weight_[begin + i]);
    exponent_ = largest > 0.0 ? std::ilogb(largest) : 0;
    for (Index i = 0; i < padded; ++i)
      values_[i] = i < size ? static_cast<T>(std::ldexp(weight_[begin + i], -exponent_)) : T(0);
  }
  /// Null when all rows weigh 1.
  const T* values() const noexcept { return weight_.empty() ? nullptr : values_.data(); }
  int exponent() const noexcept { return exponent_; }

 private:
  VectorView<const double> weight_;
  Buffer<T> values_;
  int exponent_ = 0;
};

/// Joins the sums of leaves, given in their order, as a balanced binary tree: at most log₂(leaves) are held at a time.
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
  /// The later leaves lie on the lower levels.
  void merge_into(Sums& sums) const {
    std::optional<Sums> later;
    for (const std::optional<Sums>& level : levels_) {
      if (!level) continue;
      Sums earlier = *level;
      if (later) earlier.merge(*later);
      later = std::move(earlier);
    }
    if (later) sums.merge(*later);
  }

 private:
  std::vector<std::optional<Sums>> levels_;
};

/// A worker's view of one pass: what to do with each block is `process(begin, end, sums)`.
template <class MakeProcess>
void accumulate_leaves(const Partition& partition, double work, const Execution& execution, Sums& sums,
                       const MakeProcess& make_process) {
  using Process = decltype(make_process());
  const int threads = plan_threads(execution, partition.leaves(), work);
  std::vector<std::optional<Process>> process(static_cast<std::size_t>(threads));
  std::vector<std::optional<Sums>> leaf_sums(static_cast<std::size_t>(threads));
  Sums empty = sums;
  empty.clear();
  MergeTree tree;
  parallel_for(
      partition.leaves(), threads, execution,
      [&](Index leaf, Worker& worker) {
        const auto id = static_cast<std::size_t>(worker.id());
        if (!process[id]) process[id].emplace(make_process());
        leaf_sums[id] = empty;
        const Index end = partition.leaf_end(leaf);
        for (Index begin = partition.leaf_begin(leaf); begin < end && !worker.cancelled(); begin += partition.block_rows)
          (*process[id])(begin, std::min(begin + partition.block_rows, end), *leaf_sums[id]);
      },
      [&](Index, Worker& worker) { tree.push(std::move(*leaf_sums[static_cast<std::size_t>(worker.id())])); });
  tree.merge_into(sums);
}

/// The E-step of one block, and its M-step sums while it is in cache.
template <class T>
class ExpectationPass {
 public:
  ExpectationPass(const MixtureData& mixture, const Samples& x, VectorView<const double> weight, const Sums& shape,
                  const Partition& partition, T cut)
      : mixture_(mixture),
        weight_(weight),
        cut_(cut),
        evaluator_(std::make_unique<BlockEvaluator<T>>(mixture, x, simd::kernels_of<T>(simd::active_kernels()), partition,
                                                       shape.full)),
        weights_(weight, partition.block_rows),
        moments_(simd::kernels_of<T>(simd::active_kernels()), shape) {}

  void operator()(Index begin, Index end, Sums& sums) {
    evaluator_->load(begin, end);
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
    for (Index k = 0; k < mixture_.k; ++k)
      moments_.add(evaluator_->loader(), evaluator_->gamma() + k * evaluator_->stride(), weights_.exponent(), k, sums);
  }

 private:
  const MixtureData& mixture_;
  VectorView<const double> weight_;
  T cut_;
  std::unique_ptr<BlockEvaluator<T>> evaluator_;
  BlockWeights<T> weights_;
  BlockMoments<T> moments_;
};

/// The M-step sums of one block with given responsibilities.
template <class T>
class AssignmentPass {
 public:
  AssignmentPass(const Assignment& assignment, const Samples& x, VectorView<const double> weight, const Sums& shape,
                 const Partition& partition)
      : assignment_(assignment),
        weight_(weight),
        loader_(std::make_unique<BlockLoader<T>>(x, partition.block_rows, simd::kernels_of<T>(simd::active_kernels()),
                                                 shape.full)),
        weights_(weight, partition.block_rows),
        moments_(simd::kernels_of<T>(simd::active_kernels()), shape),
        rows_(static_cast<std::size_t>(partition.block_rows * shape.k)),
        gamma_(partition.block_rows) {}

  void operator()(Index begin, Index end, Sums& sums) {
    loader_->load(begin, end);
    weights_.load(begin, end - begin, loader_->padded());
    assignment_(begin, end, rows_.data());
    CompensatedSum total;
    for (Index i = begin; i < end; ++i) total.add(weight_.empty() ? 1.0 : weight_[i]);
    sums.total_weight += total.value();
    for (Index k = 0; k < sums.k; ++k) {
      for (Index i = 0; i < loader_->padded(); ++i) {
        const T gamma = i < end - begin ? static_cast<T>(rows_[static_cast<std::size_t>(i * sums.k + k)]) : T(0);
        gamma_[i] = weights_.values() ? gamma * weights_.values()[i] : gamma;
      }
      moments_.add(*loader_, gamma_.data(), weights_.exponent(), k, sums);
    }
  }

 private:
  const Assignment& assignment_;
  VectorView<const double> weight_;
  std::unique_ptr<BlockLoader<T>> loader_;
  BlockWeights<T> weights_;
  BlockMoments<T> moments_;
  std::vector<double> rows_;
  Buffer<T> gamma_;
};

/// Multiply-adds of the sums of one row.
double moments_work(const Sums& sums) {
  const double d = static_cast<double>(sums.d);
  return static_cast<double>(sums.k) * (sums.full ? d * (d + 5.0) / 2.0 : 3.0 * d);
}

template <class T>
void expectation_as(const Mixture& mixture, const Samples& x, VectorView<const double> weight, bool whole,
                    const Execution& execution, Sums& sums) {
  const MixtureData& m = mixture.data();
  const Partition partition = Partition::of(x.rows(), m.d, m.k, sizeof(T));
  const T cut = whole ? no_cut<T> : exclusion_cut<T>(m.k);
  accumulate_leaves(partition, 2.0 * moments_work(sums) * static_cast<double>(x.rows()), execution, sums,
                    [&] { return ExpectationPass<T>(m, x, weight, sums, partition, cut); });
}

template <class T>
void assignment_as(const Assignment& assignment, const Samples& x, VectorView<const double> weight,
                   const Execution& execution, Sums& sums) {
  const Partition partition = Partition::of(x.rows(), sums.d, sums.k, sizeof(T));
  accumulate_leaves(partition, moments_work(sums) * static_cast<double>(x.rows()), execution, sums,
                    [&] { return AssignmentPass<T>(assignment, x, weight, sums, partition); });
}

}  // namespace

void accumulate_expectation(const Mixture& mixture, const Samples& x, VectorView<const double> sample_weight, bool whole,
                            const Execution& execution, Statistics::Sums& sums) {
  if (x.single_precision() && mixture.data().fits_single())
    expectation_as<float>(mixture, x, sample_weight, whole, execution, sums);
  else
    expectation_as<double>(mixture, x, sample_weight, whole, execution, sums);
}

void accumulate_assignment(const Assignment& assignment, const Samples& x, VectorView<const double> sample_weight,
                           const Execution& execution, Statistics::Sums& sums) {
  assignment_as<double>(assignment, x, sample_weight, execution, sums);
}

}  // namespace gaussmix::detail
