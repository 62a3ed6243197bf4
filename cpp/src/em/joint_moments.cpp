#include "em/joint_moments.hpp"

#include "base/subscript.hpp"
#include "em/tuning.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace gaussmix::detail {

template <class T>
JointMoments<T>::JointMoments(const simd::Kernels<T>& kernels, Index n_components, Index n_features)
    : kernels_(kernels), k_(n_components), d_(n_features), tile_(n_features, false) {}

template <class T>
void JointMoments<T>::begin_block(const BlockResponsibilities<T>& responsibilities) {
  begin_ = end_ = 0;
  if (responsibilities.begin) next_.assign(responsibilities.begin, responsibilities.begin + k_);
}

// c = Σ_k pivot_k / K. A product of two features of x − c is at most (2 · largest)², and a block has less than 2¹³ rows
// of weights below 2: with largest < √max / 2¹⁰ all sums stay below 2² · 2 · 2¹³ · max / 2²⁰ = max / 16.
template <class T>
bool JointMoments<T>::set_center(const BlockLoader<T>& block, const double* pivots) {
  center_.assign(at(d_), 0.0);
  for (Index k = 0; k < k_; ++k)
    for (Index j = 0; j < d_; ++j) center_[at(j)] += pivots[k * d_ + j] / static_cast<double>(k_);
  double largest = static_cast<double>(block.largest());
  for (const double value : center_) largest = std::max(largest, std::abs(value));
  return largest < std::sqrt(static_cast<double>(std::numeric_limits<T>::max())) / 1024;
}

/// Makes room for the sums of components [begin, end), all zero.
template <class T>
void JointMoments<T>::hold(Index begin, Index end, bool full, bool dense) {
  begin_ = begin;
  end_ = end;
  full_ = full;
  dense_ = dense;
  n_.assign(at(end - begin), 0.0);
  if (dense) {
    sums_.resize((end - begin) * kernels_.dense_size(d_, full));
    std::fill(sums_.data(), sums_.data() + sums_.size(), 0.0);
  } else {
    first_.assign(at((end - begin) * d_), 0.0);
    second_.assign(at((end - begin) * d_), 0.0);
  }
}

/// A component's next listed rows, those before `end`.
template <class T>
simd::WeightedRows<T> JointMoments<T>::next_rows(const BlockResponsibilities<T>& responsibilities, Index component,
                                                 Index end) {
  Index& next = next_[at(component)];
  const Index first = next, stop = responsibilities.begin[component + 1];
  while (next < stop && responsibilities.rows[next] < end) ++next;
  return {responsibilities.rows + first, responsibilities.gamma + first, next - first};
}

template <class T>
void JointMoments<T>::sum_diag(const BlockLoader<T>& block, const BlockResponsibilities<T>& responsibilities,
                               const double* pivots, bool in_tiles, RowMoments<T>& rows) {
  hold(0, k_, false, false);
  const Index fitting = std::max<Index>(tuning::tile_bytes / static_cast<Index>(sizeof(T)) / d_, simd::strip_multiple);
  const Index tile = in_tiles ? fitting : block.size();
  for (Index begin = 0; begin < block.size(); begin += tile) {
    const Index end = std::min(begin + tile, block.size());
    for (Index k = 0; k < k_; ++k) {
      if (responsibilities.begin)
        rows.take(next_rows(responsibilities, k, end));
      else
        rows.list(responsibilities.gamma + k * responsibilities.stride, begin, end);
      if (rows.listed().count == 0) continue;
      rows.sum(block, pivots + k * d_, tile_);
      n_[at(k)] += tile_.n;
      for (Index j = 0; j < d_; ++j) {
        first_[at(k * d_ + j)] += tile_.first[at(j)];
        second_[at(k * d_ + j)] += tile_.second[at(j)];
      }
    }
  }
}

template <class T>
void JointMoments<T>::sum_dense(const BlockLoader<T>& block, const BlockResponsibilities<T>& responsibilities,
                                Index begin_component, bool full) {
  const Index most = std::max(tuning::held_values / kernels_.dense_size(d_, true), tuning::least_held_components);
  hold(begin_component, full ? std::min(k_, begin_component + most) : k_, full, true);
  const Index components = end_ - begin_;
  location_.assign(center_.data(), d_);
  scratch_.resize(kernels_.dense_scratch(d_));
  if (responsibilities.begin) tile_gamma_.resize(components * simd::dense_rows);
  for (Index begin = 0; begin < block.size(); begin += simd::dense_rows) {
    const Index end = std::min(begin + simd::dense_rows, block.size());
    const T* gamma = tile_gamma_.data();
    Index stride = simd::dense_rows;
    if (responsibilities.begin) {
      std::fill(tile_gamma_.data(), tile_gamma_.data() + tile_gamma_.size(), T(0));
      for (Index c = 0; c < components; ++c) {
        const simd::WeightedRows<T> listed = next_rows(responsibilities, begin_ + c, end);
        for (Index p = 0; p < listed.count; ++p)
          tile_gamma_[c * simd::dense_rows + listed.rows[p] - begin] = listed.gamma[p];
      }
    } else {
      stride = responsibilities.stride;
      gamma = responsibilities.gamma + begin_ * stride + begin;
    }
    kernels_.moments_dense(block.rows() + begin * block.row_stride(), block.row_stride(), end - begin, gamma, stride,
                           components, d_, full, location_.at(0), scratch_.data(), n_.data(), sums_.data());
  }
}

template <class T>
void JointMoments<T>::get(Index component, const double* pivot, Moments<T>& out) const {
  const Index held = component - begin_;
  out.n = n_[at(held)];
  out.center.assign(dense_ ? center_.data() : pivot, d_);
  if (dense_) {
    kernels_.dense_moments(sums_.data(), end_ - begin_, held, d_, full_, out.first.data(), out.second.data());
    return;
  }
  std::copy_n(first_.data() + held * d_, d_, out.first.data());
  std::copy_n(second_.data() + held * d_, d_, out.second.data());
}

template class JointMoments<float>;
template class JointMoments<double>;

}  // namespace gaussmix::detail
