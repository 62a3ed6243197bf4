#include "score/score.hpp"

#include "base/buffer.hpp"
#include "base/message.hpp"
#include "data/partition.hpp"
#include "data/samples.hpp"
#include "model/mixture_data.hpp"
#include "numeric/compensated_sum.hpp"
#include "parallel/parallel.hpp"
#include "score/block_evaluator.hpp"
#include "score/row_evaluator.hpp"
#include "score/tuning.hpp"
#include "simd/dispatch.hpp"

#include <gaussmix/error.hpp>
#include <gaussmix/mixture.hpp>

#include <array>
#include <cmath>
#include <functional>
#include <optional>
#include <vector>

namespace gaussmix {
namespace {

using detail::BlockEvaluator;
using detail::ComponentTerms;
using detail::Partition;
using detail::RowEvaluator;
using detail::Worker;

/// Multiply-adds that one row costs, about: those of L⁻¹(x − μ), or two a feature, and 20 for the exponential of each
/// component. For the choice of threads; of speed alone.
double row_work(const ComponentTerms& m) {
  const double d = static_cast<double>(m.d);
  return static_cast<double>(m.k) * (20.0 + (m.layout.is_matrix() && !m.layout.shared ? d * (d + 3.0) / 2.0 : 2.0 * d));
}

/// The log-likelihoods of the blocks of a leaf, in their order.
using BlockSums = std::vector<double>;
/// Takes the sums of a leaf; called leaf by leaf, in their order.
using Commit = std::function<void(const BlockSums&)>;

/// Calls use(evaluator, begin, sums) for each block of rows, loaded, in parallel and in any order, and then, where it
/// is given, commit(sums) for each leaf with what its blocks appended. skip: only log_prob() is used.
template <class T, class Use>
void for_each_block_as(const ComponentTerms& m, const Samples& x, const Execution& execution,
                       const simd::Kernels<T>& kernels, bool skip, const Use& use, const Commit& commit) {
  const Partition partition = Partition::of(x.rows(), m.d, m.k, sizeof(T));
  const int threads = detail::plan_threads(execution, partition.leaves(), row_work(m) * static_cast<double>(x.rows()));
  std::vector<std::optional<BlockEvaluator<T>>> evaluators(static_cast<std::size_t>(threads));
  std::vector<BlockSums> sums(evaluators.size() * static_cast<std::size_t>(detail::tuning::held_leaves));
  const auto task = [&](Index leaf, Worker& worker) {
    const auto id = static_cast<std::size_t>(worker.id());
    auto& evaluator = evaluators[id];
    if (!evaluator) evaluator.emplace(m, x, kernels, partition, skip);
    BlockSums& own = sums[static_cast<std::size_t>(worker.slot())];
    own.clear();
    const Index end = partition.leaf_end(leaf);
    for (Index begin = partition.leaf_begin(leaf); begin < end && !worker.cancelled(); begin += partition.block_rows) {
      const Index stop = std::min(begin + partition.block_rows, end);
      evaluator->load(begin, stop);
      use(*evaluator, begin, own);
    }
  };
  detail::Commit in_order;
  if (commit) in_order = [&](Index, int slot) { commit(sums[static_cast<std::size_t>(slot)]); };
  detail::parallel_for(partition.leaves(), threads, execution, task, in_order, detail::tuning::held_leaves);
}

/// The same in float32 for float32 X where the mixture's scales fit it, else in float64.
template <class Use>
void for_each_block(const Mixture& mixture, const Samples& x, const Execution& execution,
                    const simd::KernelTable& kernels, bool skip, const Use& use, const Commit& commit = {}) {
  const ComponentTerms& m = mixture.data();
  if (x.single_precision() && m.fits_single())
    for_each_block_as<float>(m, x, execution, kernels.f32, skip, use, commit);
  else
    for_each_block_as<double>(m, x, execution, kernels.f64, skip, use, commit);
}

/// Rows up to which X is evaluated row by row where blocks would have strips of `strip` rows, in T.
template <class T>
Index most_rows_one_by_one(const ComponentTerms& m, Index strip) {
  constexpr Index group = simd::row_group<T>;
  const Index places = detail::groups_of<T>(m.k) * group;  // of components, padding among them
  const Index each = m.layout.is_matrix() && !m.layout.shared ? m.d * (m.d + 3) / 2 : 2 * m.d;
  const Index read = places * each + (m.layout.is_matrix() && m.layout.shared ? m.d * m.d : 0);
  Index rows = strip > group ? strip / detail::tuning::strip_per_row_work : 2 * group;
  if (read > detail::tuning::most_row_values) return 0;
  if (read > detail::tuning::brief_values) rows = rows * m.k / places;
  return read <= detail::tuning::cached_values ? rows : rows / detail::tuning::uncached_cost;
}

/// Reads row i of X, which has no reader, to row(), (D,).
template <class T>
void load_row(const Samples& x, Index i, RowEvaluator<T>& row) {
  const auto load = [&](const auto& values) {
    for (Index j = 0; j < x.cols(); ++j) {
      row.row()[j] = static_cast<T>(values(i, j));
      if (!std::isfinite(row.row()[j])) detail::throw_first_not_finite(x, i, i + 1);
    }
  };
  x.single_precision() ? load(x.float32()) : load(x.float64());
}

template <class T, class Use>
bool on_few_rows_as(const ComponentTerms& m, const Samples& x, const Execution& execution, const Use& use) {
  const simd::KernelTable& kernels = simd::active_kernels();
  if (x.rows() < 1 || x.rows() > most_rows_one_by_one<T>(m, simd::kernels_of<T>(kernels).strip) || x.reader() ||
      m.row_layout<T>().kind == detail::RowLayout<T>::Kind::block)
    return false;
  detail::check_num_threads(execution.num_threads);
  alignas(simd::alignment) std::array<T, detail::tuning::most_row_scratch> scratch;
  const Index scratch_size = RowEvaluator<T>::scratch_size(m);
  const bool fits = scratch_size <= detail::tuning::most_row_scratch;
  detail::Buffer<T> long_scratch(fits ? 0 : scratch_size);
  RowEvaluator<T> row(m, simd::row_kernels_of<T>(kernels), fits ? scratch.data() : long_scratch.data());
  for (Index i = 0; i < x.rows(); ++i) {
    load_row(x, i, row);
    use(row, i);
  }
  return true;
}

/// Calls use(evaluator, i) for every row i when X is a few rows, read in place, so few that blocks would take longer;
/// nothing is allocated then, unless the scratch of one row is beyond what the stack has. Returns false, with nothing
/// done, otherwise. In the precision of for_each_block.
template <class Use>
bool on_few_rows(const ComponentTerms& m, const Samples& x, const Execution& execution, const Use& use) {
  return x.single_precision() && m.fits_single() ? on_few_rows_as<float>(m, x, execution, use)
                                                 : on_few_rows_as<double>(m, x, execution, use);
}

template <class T>
void check_out(const Mixture& mixture, const Samples& x, const MatrixView<T>& out) {
  detail::check_samples(x, mixture.n_features());
  if (out.rows() != x.rows() || out.cols() != mixture.n_components())
    detail::throw_invalid("out must have shape (" + std::to_string(x.rows()) + ", " +
                          std::to_string(mixture.n_components()) + "), but has shape (" + std::to_string(out.rows()) +
                          ", " + std::to_string(out.cols()) + ")");
  detail::check_output("out", out);
  detail::check_apart("out", out, x);
}

template <class T>
void check_out(const Mixture& mixture, const Samples& x, const VectorView<T>& out) {
  detail::check_samples(x, mixture.n_features());
  if (out.size() != x.rows())
    detail::throw_invalid("out must have shape (" + std::to_string(x.rows()) + ",), but has shape (" +
                          std::to_string(out.size()) + ",)");
  detail::check_output("out", out);
  detail::check_apart("out", out, x);
}

/// Writes a block's (K, stride) values as rows of `out`.
template <class T, class U>
void write_rows(const T* values, const BlockEvaluator<T>& block, Index begin, const MatrixView<U>& out) {
  for (Index i = 0; i < block.size(); ++i)
    for (Index k = 0; k < out.cols(); ++k) out(begin + i, k) = static_cast<U>(values[k * block.stride() + i]);
}

template <class U>
void write_posterior(const Mixture& mixture, const Samples& x, MatrixView<U> out, const Execution& execution,
                     simd::Posterior what) {
  check_out(mixture, x, out);
  mixture.data().require_common_measure();
  const auto write_row = [&](auto& row, Index i) {
    const auto* gamma = row.responsibilities();
    for (Index k = 0; k < out.cols(); ++k) out(i, k) = static_cast<U>(gamma[k]);
  };
  if (what == simd::Posterior::responsibilities && on_few_rows(mixture.data(), x, execution, write_row)) return;
  for_each_block(mixture, x, execution, simd::active_kernels(), false,
                 [&](auto& block, Index begin, BlockSums&) { write_rows(block.posterior(what), block, begin, out); });
}

}  // namespace

template <class T>
void component_log_prob(const Mixture& mixture, const Samples& x, MatrixView<T> out, const Execution& execution) {
  check_out(mixture, x, out);
  for_each_block(mixture, x, execution, simd::active_kernels(), false,
                 [&](auto& block, Index begin, BlockSums&) { write_rows(block.log_normal(), block, begin, out); });
}

template <class T>
void log_joint(const Mixture& mixture, const Samples& x, MatrixView<T> out, const Execution& execution) {
  write_posterior(mixture, x, out, execution, simd::Posterior::log_joint);
}

template <class T>
void log_responsibilities(const Mixture& mixture, const Samples& x, MatrixView<T> out, const Execution& execution) {
  write_posterior(mixture, x, out, execution, simd::Posterior::log_responsibilities);
}

template <class T>
void responsibilities(const Mixture& mixture, const Samples& x, MatrixView<T> out, const Execution& execution) {
  write_posterior(mixture, x, out, execution, simd::Posterior::responsibilities);
}

template <class T>
void log_prob(const Mixture& mixture, const Samples& x, VectorView<T> out, const Execution& execution) {
  check_out(mixture, x, out);
  mixture.data().require_common_measure();
  const auto write_row = [&](auto& row, Index i) { out[i] = static_cast<T>(row.log_prob()); };
  if (on_few_rows(mixture.data(), x, execution, write_row)) return;
  for_each_block(mixture, x, execution, simd::active_kernels(), execution.skip_excluded,
                 [&](auto& block, Index begin, BlockSums&) {
                   const auto* values = block.log_prob();
                   for (Index i = 0; i < block.size(); ++i) out[begin + i] = static_cast<T>(values[i]);
                 });
}

void predict(const Mixture& mixture, const Samples& x, VectorView<Index> out, const Execution& execution) {
  check_out(mixture, x, out);
  mixture.data().require_common_measure();
  const auto write_row = [&](auto& row, Index i) { out[i] = row.predict(); };
  if (on_few_rows(mixture.data(), x, execution, write_row)) return;
  for_each_block(mixture, x, execution, simd::active_kernels(), false, [&](auto& block, Index begin, BlockSums&) {
    const Index* labels = block.labels();
    for (Index i = 0; i < block.size(); ++i) out[begin + i] = labels[i];
  });
}

double detail::log_likelihood(const Mixture& mixture, const Samples& x, VectorView<const double> sample_weight,
                              const Execution& execution, const simd::KernelTable& kernels) {
  check_samples(x, mixture.n_features());
  check_sample_weight(sample_weight, x.rows());
  mixture.data().require_common_measure();
  CompensatedSum total;
  const auto sum_block = [&](auto& block, Index begin, BlockSums& sums) {
    const auto* values = block.log_prob();
    CompensatedSum sum;
    for (Index i = 0; i < block.size(); ++i) {
      const double weight = sample_weight.empty() ? 1.0 : sample_weight[begin + i];
      if (weight > 0.0) sum.add(weight * static_cast<double>(values[i]));
    }
    sums.push_back(sum.value());
  };
  for_each_block(mixture, x, execution, kernels, execution.skip_excluded, sum_block, [&total](const BlockSums& sums) {
    for (const double sum : sums) total.add(sum);
  });
  return total.value();
}

double log_likelihood(const Mixture& mixture, const Samples& x, VectorView<const double> sample_weight,
                      const Execution& execution) {
  return detail::log_likelihood(mixture, x, sample_weight, execution, simd::active_kernels());
}

double aic(const Mixture& mixture, const Samples& x, VectorView<const double> sample_weight,
           const Execution& execution) {
  return -2.0 * log_likelihood(mixture, x, sample_weight, execution) +
         2.0 * static_cast<double>(mixture.n_parameters());
}

double bic(const Mixture& mixture, const Samples& x, VectorView<const double> sample_weight,
           const Execution& execution) {
  const double log_p = log_likelihood(mixture, x, sample_weight, execution);
  detail::CompensatedSum weight;
  for (Index i = 0; i < sample_weight.size(); ++i) weight.add(sample_weight[i]);
  const double n = sample_weight.empty() ? static_cast<double>(x.rows()) : weight.value();
  if (n == 0.0)
    detail::throw_invalid("X must have rows of positive weight for bic, but the weights of its " +
                          std::to_string(x.rows()) + " rows sum to 0");
  return -2.0 * log_p + static_cast<double>(mixture.n_parameters()) * std::log(n);
}

#define GAUSSMIX_INSTANTIATE(T)                                                                        \
  template void component_log_prob(const Mixture&, const Samples&, MatrixView<T>, const Execution&);   \
  template void log_joint(const Mixture&, const Samples&, MatrixView<T>, const Execution&);            \
  template void log_prob(const Mixture&, const Samples&, VectorView<T>, const Execution&);             \
  template void log_responsibilities(const Mixture&, const Samples&, MatrixView<T>, const Execution&); \
  template void responsibilities(const Mixture&, const Samples&, MatrixView<T>, const Execution&);
GAUSSMIX_INSTANTIATE(float)
GAUSSMIX_INSTANTIATE(double)
#undef GAUSSMIX_INSTANTIATE

}  // namespace gaussmix
