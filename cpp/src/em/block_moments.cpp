#include "em/block_moments.hpp"

#include "base/subscript.hpp"
#include "em/tuning.hpp"

#include <algorithm>
#include <cmath>

namespace gaussmix::detail {
namespace {

/// The pooled scatter is a difference, S_W = S_T − S_B, of which rounding takes S_T / S_W units u of a variance: so
/// many are given up at most, 256 · 2⁻⁵³ = 3e-14 of a variance. Where a block is more spread out, components are summed
/// one by one.
constexpr double max_pooled_cancellation = 256.0;

}  // namespace

template <class T>
BlockMoments<T>::BlockMoments(const simd::Kernels<T>& kernels, const SufficientStatistics& shape)
    : kernels_(kernels),
      k_(shape.k),
      d_(shape.d),
      at_once_(shape.d > simd::small_features && (!shape.full || (shape.pooled && shape.k > 1))),
      whole_(shape.full && !shape.pooled),
      rows_(kernels, shape.d, shape.full),
      joint_(kernels, shape.k, shape.d),
      moments_(shape.d, shape.full),
      shift_(at(d_)) {
  if (!shape.pooled) return;
  pooled_.emplace(Pooled{Moments<T>(d_, false),
                         {},
                         std::vector<double>(at(k_)),
                         std::vector<double>(at(k_ * d_)),
                         std::vector<double>(at(d_ * d_)),
                         std::vector<double>(at(d_))});
}

template <class T>
void BlockMoments<T>::add(const BlockLoader<T>& block, const Responsibilities& responsibilities, int exponent,
                          SufficientStatistics& sums) {
  const double factor = std::ldexp(1.0, exponent);
  joint_.begin_block(responsibilities);
  const bool may_be_dense = k_ >= tuning::least_dense_components && (at_once_ || (whole_ && d_ > simd::small_features));
  const double share = whole_ && d_ > simd::few_features ? tuning::dense_full_share : tuning::dense_share;
  const double pairs = at_once_ || may_be_dense ? pairs_a_row(block, responsibilities) : 0.0;
  const bool dense =
      may_be_dense && pairs > share * static_cast<double>(k_) && joint_.set_center(block, sums.pivot.data());
  if (at_once_ && dense) joint_.sum_dense(block, responsibilities, 0, false);
  if (at_once_ && !dense)
    joint_.sum_diag(block, responsibilities, sums.pivot.data(), pairs > tuning::tiled_pairs, rows_);
  if (pooled_ && k_ > 1 && add_pooled(block, responsibilities, factor, sums)) return;
  add_each(block, responsibilities, factor, dense && whole_, sums);
}

/// How many components count for a row of the block, on average. How rows are summed follows from this number alone,
/// which is the same for lists and for arrays of responsibilities: so are the bits of the sums.
template <class T>
double BlockMoments<T>::pairs_a_row(const BlockLoader<T>& block, const Responsibilities& responsibilities) const {
  Index count = 0;
  if (responsibilities.begin)
    count = responsibilities.begin[k_];
  else
    for (Index k = 0; k < k_; ++k)
      count += kernels_.count_positive(responsibilities.gamma + k * responsibilities.stride, block.size());
  return static_cast<double>(count) / static_cast<double>(block.size());
}

/// Moments of one component's rows about its pivot or the common center of dense sums; about their mean where that is
/// far from either.
template <class T>
void BlockMoments<T>::sum_component(const BlockLoader<T>& block, const Responsibilities& responsibilities,
                                    Index component, const double* pivot, Moments<T>& out) {
  if (!joint_.holds(component, out.full)) {
    rows_.choose(block, responsibilities, component, out.full);
    rows_.sum_near(block, pivot, out);
    return;
  }
  joint_.get(component, pivot, out);
  if (!out.mean_is_far()) return;
  rows_.choose(block, responsibilities, component, out.full);
  rows_.sum_about_mean(block, pivot, out);
}

/// Adds the block's sums of each component: n = Σγ, mean = Σγx / n, S = Σγ (x − mean)(x − mean)ᵀ (Bishop 2006, eqs.
/// 9.24 to 9.27).
template <class T>
void BlockMoments<T>::add_each(const BlockLoader<T>& block, const Responsibilities& responsibilities, double factor,
                               bool dense, SufficientStatistics& sums) {
  for (Index k = 0; k < k_; ++k) {
    if (dense && k == joint_.held_end()) joint_.sum_dense(block, responsibilities, k, true);
    const double* pivot = sums.pivot.data() + k * d_;
    sum_component(block, responsibilities, k, pivot, moments_);
    if (!(moments_.n > 0.0)) continue;
    moments_.shift_from(pivot, shift_.data());
    moments_.center_at_mean();
    if (factor != 1.0)
      for (double& value : moments_.second) value *= factor;
    sums.add(k, moments_.n * factor, shift_.data(), moments_.second.data());
  }
}

/// Adds the scatter within all components at once, for a K-th of the work: that of all rows, each of weight Σ_k γ_ik,
/// about their mean m, less that of the components' means m_k,
///   S_W = S_T − Σ_k n_k (m_k − m)(m_k − m)ᵀ.
/// Returns false, with nothing added, where the difference would lose too much.
template <class T>
bool BlockMoments<T>::add_pooled(const BlockLoader<T>& block, const Responsibilities& responsibilities, double factor,
                                 SufficientStatistics& sums) {
  auto& [variances, row_weight, weights, shifts, scatter, middle] = *pooled_;
  row_weight.resize(block.padded());
  std::fill(row_weight.data(), row_weight.data() + block.padded(), T(0));
  for (Index k = 0; k < k_; ++k) {
    if (responsibilities.begin) {
      for (Index p = responsibilities.begin[k]; p < responsibilities.begin[k + 1]; ++p)
        row_weight[responsibilities.rows[p]] += responsibilities.gamma[p];
    } else {
      const T* gamma = responsibilities.gamma + k * responsibilities.stride;
      for (Index i = 0; i < block.padded(); ++i) row_weight[i] += gamma[i];
    }
    const double* pivot = sums.pivot.data() + k * d_;
    sum_component(block, responsibilities, k, pivot, variances);
    weights[at(k)] = variances.n;
    variances.shift_from(pivot, shifts.data() + k * d_);
  }
  const double* pivot = sums.pivot.data();
  rows_.choose(block, row_weight.data(), true);
  rows_.sum_near(block, pivot, moments_);
  if (!(moments_.n > 0.0)) return true;
  moments_.shift_from(pivot, middle.data());
  moments_.center_at_mean();
  std::copy(moments_.second.begin(), moments_.second.end(), scatter.begin());
  for (Index k = 0; k < k_; ++k) {
    if (!(weights[at(k)] > 0.0)) continue;
    for (Index j = 0; j < d_; ++j)
      shift_[at(j)] = ((sums.pivot[at(k * d_ + j)] - pivot[j]) + shifts[at(k * d_ + j)]) - middle[at(j)];
    for (Index i = 0; i < d_; ++i) {
      const double weighted = weights[at(k)] * shift_[at(i)];
      for (Index j = 0; j <= i; ++j) scatter[at(i * d_ + j)] -= weighted * shift_[at(j)];
    }
  }
  for (Index j = 0; j < d_; ++j)
    if (moments_.second[at(j * d_ + j)] > max_pooled_cancellation * scatter[at(j * d_ + j)]) return false;
  for (Index k = 0; k < k_; ++k) sums.add(k, weights[at(k)] * factor, shifts.data() + k * d_, nullptr);
  for (std::size_t i = 0; i < scatter.size(); ++i) sums.scatter[i] += factor * scatter[i];
  return true;
}

template class BlockMoments<float>;
template class BlockMoments<double>;

}  // namespace gaussmix::detail
