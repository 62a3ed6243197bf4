#include "em/row_moments.hpp"

#include "base/subscript.hpp"
#include "em/tuning.hpp"

namespace gaussmix::detail {

template <class T>
RowMoments<T>::RowMoments(const simd::Kernels<T>& kernels, Index n_features, bool full)
    : kernels_(kernels), d_(n_features), scratch_(full ? kernels.moments_scratch(n_features) : 0), center_(at(d_)) {}

template <class T>
void RowMoments<T>::choose(const BlockLoader<T>& block, const BlockResponsibilities<T>& responsibilities,
                           Index component, bool full) {
  if (!responsibilities.begin) return choose(block, responsibilities.gamma + component * responsibilities.stride, full);
  const Index begin = responsibilities.begin[component];
  take({responsibilities.rows + begin, responsibilities.gamma + begin, responsibilities.begin[component + 1] - begin});
}

template <class T>
void RowMoments<T>::choose(const BlockLoader<T>& block, const T* gamma, bool full) {
  const auto most = [&] {
    return static_cast<double>(kernels_.count_positive(gamma, block.size())) >
           tuning::strip_share * static_cast<double>(block.size());
  };
  const bool from_strips = d_ <= simd::small_features || (full && d_ <= simd::few_features && most());
  if (from_strips)
    gamma_ = gamma;
  else
    list(gamma, 0, block.size());
}

// Without a branch: a row that does not count is written and then overwritten by the next one.
template <class T>
void RowMoments<T>::list(const T* gamma, Index begin, Index end) {
  rows_.resize(end - begin);
  weights_.resize(end - begin);
  Index count = 0;
  for (Index i = begin; i < end; ++i) {
    rows_[count] = static_cast<std::int32_t>(i);
    weights_[count] = gamma[i];
    count += gamma[i] > T(0) ? 1 : 0;
  }
  take({rows_.data(), weights_.data(), count});
}

template <class T>
void RowMoments<T>::take(simd::WeightedRows<T> rows) noexcept {
  gamma_ = nullptr;
  listed_ = rows;
}

template <class T>
void RowMoments<T>::sum(const BlockLoader<T>& block, const double* center, Moments<T>& out) {
  out.center.assign(center, d_);
  const simd::Location<T> location = out.center.at(0);
  double *first = out.first.data(), *second = out.second.data();
  if (gamma_ && d_ <= simd::small_features)
    kernels_.moments_small(block.strips(), block.padded(), d_, location, gamma_, out.full, &out.n, first, second);
  else if (gamma_)
    kernels_.moments_few(block.strips(), block.padded(), d_, location, gamma_, scratch_.data(), &out.n, first, second);
  else if (out.full)
    kernels_.moments_full(block.rows(), block.row_stride(), listed_, d_, location, scratch_.data(), &out.n, first,
                          second);
  else
    kernels_.moments_diag(block.rows(), block.row_stride(), listed_, d_, location, &out.n, first, second);
}

template <class T>
void RowMoments<T>::sum_near(const BlockLoader<T>& block, const double* pivot, Moments<T>& out) {
  sum(block, pivot, out);
  if (out.mean_is_far()) sum_about_mean(block, pivot, out);
}

template <class T>
void RowMoments<T>::sum_about_mean(const BlockLoader<T>& block, const double* pivot, Moments<T>& out) {
  out.shift_from(pivot, center_.data());
  for (Index j = 0; j < d_; ++j) center_[at(j)] = pivot[j] + center_[at(j)];
  sum(block, center_.data(), out);
}

template class RowMoments<float>;
template class RowMoments<double>;

}  // namespace gaussmix::detail
