#include "score/row_evaluator.hpp"

#include "score/exclusion.hpp"

#include <algorithm>
#include <limits>

namespace gaussmix::detail {

template <class T>
RowEvaluator<T>::RowEvaluator(const ComponentTerms& mixture, const simd::RowKernels<T>& kernels, T* scratch)
    : mixture_(mixture),
      layout_(mixture.row_layout<T>()),
      kernels_(kernels),
      cut_(exclusion_cut<T>(mixture.k)),
      q_(scratch),
      scratch_(q_ + layout_.log_norm.size()),
      row_(scratch_ + mixture.d * simd::row_group<T>) {}

template <class T>
Index RowEvaluator<T>::scratch_size(const ComponentTerms& mixture) noexcept {
  return (groups_of<T>(mixture.k) + mixture.d) * simd::row_group<T> + mixture.d;
}

template <class T>
void RowEvaluator<T>::prepare_extended_range() {
  if (!extended_row_) extended_row_.emplace(mixture_);
  exact_row_.resize(mixture_.d);
}

template <class T>
const ExtendedRangeRow& RowEvaluator<T>::extended_row() {
  prepare_extended_range();
  std::copy(row_, row_ + mixture_.d, exact_row_.data());
  extended_row_->evaluate(exact_row_.data());
  return *extended_row_;
}

template <class T>
T RowEvaluator<T>::log_prob() {
  distances();
  T log_p = 0;
  if (!kernels_.posterior(q_, mixture_.k, layout_.log_norm.data(), layout_.log_weight.data(), cut_, &log_p))
    return static_cast<T>(extended_row().log_p());
  return log_p;
}

template <class T>
const T* RowEvaluator<T>::responsibilities() {
  distances();
  T log_p = 0;
  if (!kernels_.posterior(q_, mixture_.k, layout_.log_norm.data(), layout_.log_weight.data(), no_cut<T>, &log_p)) {
    const std::vector<double>& gamma = extended_row().gamma();
    std::transform(gamma.begin(), gamma.end(), q_, [](double value) { return static_cast<T>(value); });
  }
  return q_;
}

template <class T>
Index RowEvaluator<T>::predict() {
  distances();
  bool finite = true;
  for (Index k = 0; k < mixture_.k; ++k) {
    finite = finite && q_[k] < std::numeric_limits<T>::infinity();
    // q / 2 is exact: the bits of the block kernels
    q_[k] = (layout_.log_norm[k] + layout_.log_weight[k]) - T(0.5) * q_[k];
  }
  const T* best = std::max_element(q_, q_ + mixture_.k);
  return finite && *best > -std::numeric_limits<T>::infinity() ? best - q_ : extended_row().label();
}

template <class T>
void RowEvaluator<T>::distances() {
  using Kind = typename RowLayout<T>::Kind;
  const simd::Location<T> means = layout_.means();
  const T* factors = layout_.factors.data();
  switch (layout_.kind) {
    case Kind::full: return kernels_.distances_full(row_, mixture_.d, layout_.groups, means, factors, scratch_, q_);
    case Kind::diag: return kernels_.distances_diag(row_, mixture_.d, layout_.groups, means, factors, q_);
    case Kind::transformed:
      kernels_.transform(row_, mixture_.d, mixture_.block_layout<T>().center.at(0), factors, scratch_);
      return kernels_.distances_unit(scratch_, mixture_.d, layout_.groups, means, q_);
    case Kind::block: return;
  }
}

template class RowEvaluator<float>;
template class RowEvaluator<double>;

}  // namespace gaussmix::detail
