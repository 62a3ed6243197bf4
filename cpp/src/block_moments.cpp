#include "block_moments.hpp"

#include <algorithm>
#include <cmath>

namespace gaussmix::detail {
namespace {

/// A block whose mean lies further from the center than this many variances, δ² > 64 σ², is summed again about its own mean.
constexpr double max_shift = 64.0;

/// How many times larger than within the components the variance of a block may be for a pooled scatter to be had as the
/// difference of the two: that many units of rounding are lost.
constexpr double max_spread = 256.0;

std::size_t at(Index i) { return static_cast<std::size_t>(i); }

}  // namespace

template <class T>
BlockMoments<T>::BlockMoments(const simd::Kernels<T>& kernels, const Statistics::Sums& shape)
    : kernels_(kernels),
      k_(shape.k),
      d_(shape.d),
      full_(shape.full),
      pooled_(shape.pooled),
      scratch_(shape.full ? kernels.moments_scratch(shape.d) : 0),
      first_(at(d_)),
      second_(at(shape.scatter_size())),
      center_(at(d_)),
      shift_(at(d_)) {
  if (!pooled_) return;
  weights_.resize(at(k_));
  shifts_.resize(at(k_ * d_));
  pooled_scatter_.resize(at(d_ * d_));
}

template <class T>
void BlockMoments<T>::add(const BlockLoader<T>& block, const T* gamma, Index stride, int exponent,
                          Statistics::Sums& sums) {
  const double factor = std::ldexp(1.0, exponent);
  if (pooled_ && k_ > 1 && add_pooled(block, gamma, stride, factor, sums)) return;
  for (Index k = 0; k < k_; ++k) add_component(block, gamma + k * stride, factor, k, sums);
}

/// Weight, Σγd and Σγd² (`full`: d dᵀ) about center_; then shift_ = mean − pivot.
template <class T>
void BlockMoments<T>::sum(const BlockLoader<T>& block, const T* gamma, const double* pivot, bool full) {
  location_.assign(center_.data(), d_);
  if (full)
    kernels_.moments_full(block.strips(), block.rows(), block.row_stride(), block.size(), block.padded(), d_,
                          location_.at(0), gamma, scratch_.data(), &n_, first_.data(), second_.data());
  else
    kernels_.moments_diag(block.strips(), block.padded(), d_, location_.at(0), gamma, &n_, first_.data(),
                          second_.data());
  if (n_ > 0.0)
    for (Index j = 0; j < d_; ++j) shift_[at(j)] = (location_.value(j) - pivot[j]) + mean(j);
}

template <class T>
bool BlockMoments<T>::far_from_center(bool full) const {
  for (Index j = 0; j < d_; ++j) {
    const double square = mean(j) * mean(j);
    if (square > max_shift * (variance(j, full) - square)) return true;
  }
  return false;
}

/// sum() about the pivot, or about the mean itself where the pivot is far.
template <class T>
void BlockMoments<T>::sum_component(const BlockLoader<T>& block, const T* gamma, const double* pivot, bool full) {
  std::copy(pivot, pivot + d_, center_.begin());
  sum(block, gamma, pivot, full);
  if (!(n_ > 0.0) || !far_from_center(full)) return;
  for (Index j = 0; j < d_; ++j) center_[at(j)] = pivot[j] + shift_[at(j)];
  sum(block, gamma, pivot, full);
}

/// From sums about the center to the scatter about the mean: Σγd² − n δ².
template <class T>
void BlockMoments<T>::subtract_mean(bool full) {
  for (Index i = 0; i < d_; ++i) {
    if (full)
      for (Index j = 0; j <= i; ++j) second_[at(i * d_ + j)] -= first_[at(i)] * mean(j);
    else
      second_[at(i)] -= std::min(second_[at(i)], first_[at(i)] * mean(i));  // rounding leaves no negative variance
  }
}

template <class T>
void BlockMoments<T>::add_component(const BlockLoader<T>& block, const T* gamma, double factor, Index component,
                                    Statistics::Sums& sums) {
  sum_component(block, gamma, sums.pivot.data() + component * d_, full_);
  if (!(n_ > 0.0)) return;
  subtract_mean(full_);
  if (factor != 1.0)
    for (double& value : second_) value *= factor;
  sums.add(component, n_ * factor, shift_.data(), second_.data());
}

/// The scatter within all components at once, as the scatter of the rows about one center less that of the components' means:
/// a K-th of the work. False, with nothing added, where the difference would lose too much.
template <class T>
bool BlockMoments<T>::add_pooled(const BlockLoader<T>& block, const T* gamma, Index stride, double factor,
                                 Statistics::Sums& sums) {
  row_total_.resize(block.padded());
  std::copy(gamma, gamma + block.padded(), row_total_.data());
  for (Index k = 1; k < k_; ++k)
    for (Index i = 0; i < block.padded(); ++i) row_total_[i] += gamma[k * stride + i];
  for (Index k = 0; k < k_; ++k) {
    sum_component(block, gamma + k * stride, sums.pivot.data() + k * d_, false);
    weights_[at(k)] = n_;
    std::copy(shift_.begin(), shift_.end(), shifts_.begin() + k * d_);
  }
  const double* pivot = sums.pivot.data();
  sum_component(block, row_total_.data(), pivot, true);
  if (!(n_ > 0.0)) return true;
  subtract_mean(true);
  const std::vector<double> middle = shift_;  // of the block, less the first pivot
  std::copy(second_.begin(), second_.end(), pooled_scatter_.begin());
  for (Index k = 0; k < k_; ++k) {
    if (!(weights_[at(k)] > 0.0)) continue;
    for (Index j = 0; j < d_; ++j)
      shift_[at(j)] = ((sums.pivot[at(k * d_ + j)] - pivot[j]) + shifts_[at(k * d_ + j)]) - middle[at(j)];
    for (Index i = 0; i < d_; ++i) {
      const double weighted = weights_[at(k)] * shift_[at(i)];
      for (Index j = 0; j <= i; ++j) pooled_scatter_[at(i * d_ + j)] -= weighted * shift_[at(j)];
    }
  }
  for (Index j = 0; j < d_; ++j)
    if (second_[at(j * d_ + j)] > max_spread * pooled_scatter_[at(j * d_ + j)]) return false;
  for (Index k = 0; k < k_; ++k) sums.add(k, weights_[at(k)] * factor, shifts_.data() + k * d_, nullptr);
  for (std::size_t i = 0; i < pooled_scatter_.size(); ++i) sums.scatter[i] += factor * pooled_scatter_[i];
  return true;
}

template class BlockMoments<float>;
template class BlockMoments<double>;

}  // namespace gaussmix::detail
