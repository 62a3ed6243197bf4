#include "em/block_moments.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace gaussmix::detail {
namespace {

/// A block whose mean lies further from the center than this many variances, δ² > 64 σ², is summed again about its own mean.
constexpr double max_shift = 64.0;

/// How many times larger than within the components the variance of a block may be for a pooled scatter to be had as the
/// difference of the two: that many units of rounding are lost.
constexpr double max_spread = 256.0;

/// Share of a block's rows above which the full sums of few features take all rows, not the positive alone: a matter of speed.
constexpr double strip_share = 0.4;

/// Bytes of rows that stay in the nearest cache while every component takes its diagonal sums.
constexpr Index tile_bytes = Index{1} << 15;
/// Components that count for a row, on average, from which on that is worth it.
constexpr double tiled_pairs = 2.0;

/// Share of all pairs of rows and components above which diagonal and full sums take all of them, not the positive alone: a
/// matter of speed. From as few components on; full sums of more than few_features have a share of their own.
constexpr double dense_share = 0.4;
constexpr double dense_full_share = 0.6;
constexpr Index least_dense_components = 4;

/// Values of dense sums that are held at a time, of at least so many components.
constexpr Index held_values = Index{1} << 18;
constexpr Index least_held_components = 6;

std::size_t at(Index i) { return static_cast<std::size_t>(i); }

}  // namespace

template <class T>
BlockMoments<T>::BlockMoments(const simd::Kernels<T>& kernels, const SufficientStatistics& shape)
    : kernels_(kernels),
      k_(shape.k),
      d_(shape.d),
      full_(shape.full),
      pooled_(shape.pooled),
      scratch_(shape.full ? kernels.moments_scratch(shape.d) : 0),
      at_once_(shape.d > simd::small_features && (!shape.full || (shape.pooled && shape.k > 1))),
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
void BlockMoments<T>::add(const BlockLoader<T>& block, const Responsibilities& responsibilities, int exponent,
                          SufficientStatistics& sums) {
  const double factor = std::ldexp(1.0, exponent);
  held_end_ = held_begin_ = 0;
  if (responsibilities.begin) next_.assign(responsibilities.begin, responsibilities.begin + k_);
  const bool whole = full_ && !pooled_;
  const bool may_be_dense = k_ >= least_dense_components && (at_once_ || (whole && d_ > simd::small_features));
  const double share = whole && d_ > simd::few_features ? dense_full_share : dense_share;
  const double pairs_a_row =
      at_once_ || may_be_dense ? count_pairs(block, responsibilities) / static_cast<double>(block.size()) : 0.0;
  dense_ = may_be_dense && pairs_a_row > share * static_cast<double>(k_) && set_common_center(block, sums.pivot.data());
  if (at_once_) {
    hold(0, k_, false);
    if (dense_)
      sum_all_dense(block, responsibilities);
    else
      sum_all_diag(block, responsibilities, sums.pivot.data(), pairs_a_row > tiled_pairs);
  }
  if (pooled_ && k_ > 1 && add_pooled(block, responsibilities, factor, sums)) return;
  for (Index k = 0; k < k_; ++k) {
    if (dense_ && whole && k == held_end_) {
      hold(k, std::min(k_, k + std::max(held_values / kernels_.dense_size(d_, true), least_held_components)), true);
      sum_all_dense(block, responsibilities);
    }
    add_component(block, responsibilities, factor, k, sums);
  }
}

/// Empties the sums of components [begin, end).
template <class T>
void BlockMoments<T>::hold(Index begin, Index end, bool full) {
  held_begin_ = begin;
  held_end_ = end;
  held_full_ = full;
  held_n_.assign(at(end - begin), 0.0);
  if (dense_) {
    dense_sums_.resize((end - begin) * kernels_.dense_size(d_, full));
    std::fill(dense_sums_.data(), dense_sums_.data() + dense_sums_.size(), 0.0);
  } else {
    held_first_.assign(at((end - begin) * d_), 0.0);
    held_second_.assign(at((end - begin) * d_), 0.0);
  }
}

/// Takes the rows and weights of one component to be summed; `full`: to a whole scatter.
template <class T>
void BlockMoments<T>::choose(const BlockLoader<T>& block, const Responsibilities& responsibilities, Index component,
                             bool full) {
  if (!responsibilities.begin) return choose(block, responsibilities.gamma + component * responsibilities.stride, full);
  const Index begin = responsibilities.begin[component];
  gamma_ = nullptr;
  weighted_ = {responsibilities.rows + begin, responsibilities.gamma + begin,
               responsibilities.begin[component + 1] - begin};
}

template <class T>
void BlockMoments<T>::choose(const BlockLoader<T>& block, const T* gamma, bool full) {
  const auto most = [&] {
    return static_cast<double>(kernels_.count_positive(gamma, block.size())) >
           strip_share * static_cast<double>(block.size());
  };
  const bool from_strips = d_ <= simd::small_features || (full && d_ <= simd::few_features && most());
  gamma_ = from_strips ? gamma : nullptr;
  if (!from_strips) choose(gamma, 0, block.size());
}

/// Lists rows [begin, end) of positive weight.
template <class T>
void BlockMoments<T>::choose(const T* gamma, Index begin, Index end) {
  rows_.resize(end - begin);
  kept_.resize(end - begin);
  Index count = 0;
  for (Index i = begin; i < end; ++i) {
    rows_[count] = static_cast<std::int32_t>(i);
    kept_[count] = gamma[i];
    count += gamma[i] > T(0) ? 1 : 0;
  }
  weighted_ = {rows_.data(), kept_.data(), count};
}

/// How many pairs of rows and components count. How they are summed follows from this number alone, which lists and arrays of
/// responsibilities share.
template <class T>
double BlockMoments<T>::count_pairs(const BlockLoader<T>& block, const Responsibilities& responsibilities) const {
  Index count = 0;
  if (responsibilities.begin)
    count = responsibilities.begin[k_];
  else
    for (Index k = 0; k < k_; ++k)
      count += kernels_.count_positive(responsibilities.gamma + k * responsibilities.stride, block.size());
  return static_cast<double>(count);
}

/// Puts common_ amid the pivots. False where the squares of differences might overflow: times a weight of 0 they must add nothing.
template <class T>
bool BlockMoments<T>::set_common_center(const BlockLoader<T>& block, const double* pivots) {
  common_.assign(at(d_), 0.0);
  for (Index k = 0; k < k_; ++k)
    for (Index j = 0; j < d_; ++j) common_[at(j)] += pivots[k * d_ + j] / static_cast<double>(k_);
  double largest = static_cast<double>(block.largest());
  for (const double value : common_) largest = std::max(largest, std::abs(value));
  return largest < std::sqrt(static_cast<double>(std::numeric_limits<T>::max())) / 1024;  // and their sums
}

/// A component's next rows, those before `end`.
template <class T>
simd::WeightedRows<T> BlockMoments<T>::next_rows(const Responsibilities& responsibilities, Index component, Index end) {
  const Index first = next_[at(component)], stop = responsibilities.begin[component + 1];
  Index& next = next_[at(component)];
  while (next < stop && responsibilities.rows[next] < end) ++next;
  return {responsibilities.rows + first, responsibilities.gamma + first, next - first};
}

/// The diagonal sums of all components about their pivots; `in_tiles`: a few rows at a time for all of them.
template <class T>
void BlockMoments<T>::sum_all_diag(const BlockLoader<T>& block, const Responsibilities& responsibilities,
                                   const double* pivots, bool in_tiles) {
  const Index fitting = std::max<Index>(tile_bytes / static_cast<Index>(sizeof(T)) / d_, simd::strip_multiple);
  const Index tile = in_tiles ? fitting : block.size();
  for (Index begin = 0; begin < block.size(); begin += tile) {
    const Index end = std::min(begin + tile, block.size());
    for (Index k = 0; k < k_; ++k) {
      if (responsibilities.begin)
        weighted_ = next_rows(responsibilities, k, end);
      else
        choose(responsibilities.gamma + k * responsibilities.stride, begin, end);
      if (weighted_.count > 0) add_tile(block, k, pivots + k * d_);
    }
  }
}

/// The sums of the held components about common_, from all rows whatever their weights.
template <class T>
void BlockMoments<T>::sum_all_dense(const BlockLoader<T>& block, const Responsibilities& responsibilities) {
  const Index components = held_end_ - held_begin_;
  location_.assign(common_.data(), d_);
  dense_scratch_.resize(kernels_.dense_scratch(d_, held_full_));
  if (responsibilities.begin) tile_gamma_.resize(components * simd::dense_rows);
  for (Index begin = 0; begin < block.size(); begin += simd::dense_rows) {
    const Index end = std::min(begin + simd::dense_rows, block.size());
    const T* gamma = tile_gamma_.data();
    Index stride = simd::dense_rows;
    if (responsibilities.begin) {
      std::fill(tile_gamma_.data(), tile_gamma_.data() + tile_gamma_.size(), T(0));
      for (Index c = 0; c < components; ++c) {
        const WeightedRows listed = next_rows(responsibilities, held_begin_ + c, end);
        for (Index p = 0; p < listed.count; ++p)
          tile_gamma_[c * simd::dense_rows + listed.rows[p] - begin] = listed.gamma[p];
      }
    } else {
      stride = responsibilities.stride;
      gamma = responsibilities.gamma + held_begin_ * stride + begin;
    }
    kernels_.moments_dense(block.rows() + begin * block.row_stride(), block.row_stride(), end - begin, gamma, stride,
                           components, d_, held_full_, location_.at(0), dense_scratch_.data(), held_n_.data(),
                           dense_sums_.data());
  }
}

/// Adds the chosen rows' diagonal sums to those of a component.
template <class T>
void BlockMoments<T>::add_tile(const BlockLoader<T>& block, Index component, const double* pivot) {
  location_.assign(pivot, d_);
  kernels_.moments_diag(block.rows(), block.row_stride(), weighted_, d_, location_.at(0), &n_, first_.data(),
                        second_.data());
  held_n_[at(component)] += n_;
  for (Index j = 0; j < d_; ++j) {
    held_first_[at(component * d_ + j)] += first_[at(j)];
    held_second_[at(component * d_ + j)] += second_[at(j)];
  }
}

/// Weight, Σγd and Σγd² (`full`: d dᵀ) of the chosen rows about center_; then shift_ = mean − pivot.
template <class T>
void BlockMoments<T>::sum(const BlockLoader<T>& block, const double* pivot, bool full) {
  location_.assign(center_.data(), d_);
  if (gamma_ && d_ <= simd::small_features)
    kernels_.moments_small(block.strips(), block.padded(), d_, location_.at(0), gamma_, full, &n_, first_.data(),
                           second_.data());
  else if (gamma_)
    kernels_.moments_few(block.strips(), block.padded(), d_, location_.at(0), gamma_, scratch_.data(), &n_,
                         first_.data(), second_.data());
  else if (full)
    kernels_.moments_full(block.rows(), block.row_stride(), weighted_, d_, location_.at(0), scratch_.data(), &n_,
                          first_.data(), second_.data());
  else
    kernels_.moments_diag(block.rows(), block.row_stride(), weighted_, d_, location_.at(0), &n_, first_.data(),
                          second_.data());
  set_shift(pivot);
}

template <class T>
void BlockMoments<T>::set_shift(const double* pivot) {
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

/// Sums of one component's rows about the pivot, or common_, or about the mean itself where that is far.
template <class T>
void BlockMoments<T>::sum_component(const BlockLoader<T>& block, const Responsibilities& responsibilities,
                                    Index component, const double* pivot, bool full) {
  const Index held = component - held_begin_;
  if (component >= held_end_ || full != held_full_) {
    choose(block, responsibilities, component, full);
    return sum_chosen(block, pivot, full);
  }
  n_ = held_n_[at(held)];
  if (dense_) {
    kernels_.dense_moments(dense_sums_.data(), held_end_ - held_begin_, held, d_, full, first_.data(), second_.data());
  } else {
    std::copy_n(held_first_.data() + held * d_, d_, first_.data());
    std::copy_n(held_second_.data() + held * d_, d_, second_.data());
  }
  location_.assign(dense_ ? common_.data() : pivot, d_);
  set_shift(pivot);
  if (!(n_ > 0.0) || !far_from_center(full)) return;
  for (Index j = 0; j < d_; ++j) center_[at(j)] = pivot[j] + shift_[at(j)];
  choose(block, responsibilities, component, full);
  sum(block, pivot, full);
}

template <class T>
void BlockMoments<T>::sum_chosen(const BlockLoader<T>& block, const double* pivot, bool full) {
  std::copy(pivot, pivot + d_, center_.begin());
  sum(block, pivot, full);
  if (!(n_ > 0.0) || !far_from_center(full)) return;
  for (Index j = 0; j < d_; ++j) center_[at(j)] = pivot[j] + shift_[at(j)];
  sum(block, pivot, full);
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
void BlockMoments<T>::add_component(const BlockLoader<T>& block, const Responsibilities& responsibilities,
                                    double factor, Index component, SufficientStatistics& sums) {
  sum_component(block, responsibilities, component, sums.pivot.data() + component * d_, full_);
  if (!(n_ > 0.0)) return;
  subtract_mean(full_);
  if (factor != 1.0)
    for (double& value : second_) value *= factor;
  sums.add(component, n_ * factor, shift_.data(), second_.data());
}

/// The scatter within all components at once, as the scatter of the rows about one center less that of the components' means:
/// a K-th of the work. False, with nothing added, where the difference would lose too much.
template <class T>
bool BlockMoments<T>::add_pooled(const BlockLoader<T>& block, const Responsibilities& responsibilities, double factor,
                                 SufficientStatistics& sums) {
  row_total_.resize(block.padded());
  std::fill(row_total_.data(), row_total_.data() + block.padded(), T(0));
  for (Index k = 0; k < k_; ++k) {
    if (responsibilities.begin) {
      choose(block, responsibilities, k, false);
      for (Index p = 0; p < weighted_.count; ++p) row_total_[weighted_.rows[p]] += weighted_.gamma[p];
    } else {
      const T* gamma = responsibilities.gamma + k * responsibilities.stride;
      for (Index i = 0; i < block.padded(); ++i) row_total_[i] += gamma[i];
    }
    sum_component(block, responsibilities, k, sums.pivot.data() + k * d_, false);
    weights_[at(k)] = n_;
    std::copy(shift_.begin(), shift_.end(), shifts_.begin() + k * d_);
  }
  const double* pivot = sums.pivot.data();
  choose(block, row_total_.data(), true);
  sum_chosen(block, pivot, true);
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
