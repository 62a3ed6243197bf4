#include "score/row_evaluator.hpp"

#include "score/exclusion.hpp"

#include <algorithm>
#include <limits>

namespace gaussmix::detail {

RowEvaluator::RowEvaluator(const ComponentTerms& mixture, const simd::RowKernels& kernels, double* scratch)
    : mixture_(mixture),
      layout_(mixture.row_layout()),
      kernels_(kernels),
      q_(scratch),
      scratch_(q_ + layout_.log_norm.size()),
      row_(scratch_ + mixture.d * simd::row_group) {}

Index RowEvaluator::scratch_size(const ComponentTerms& mixture) noexcept {
  return (groups_of(mixture.k) + mixture.d) * simd::row_group + mixture.d;
}

void RowEvaluator::prepare_extended_range() {
  if (!extended_row_) extended_row_.emplace(mixture_);
}

const ExtendedRangeRow& RowEvaluator::extended_row() {
  prepare_extended_range();
  extended_row_->evaluate(row_);
  return *extended_row_;
}

double RowEvaluator::log_prob() {
  distances();
  double log_p = 0.0;
  if (!kernels_.posterior(q_, mixture_.k, layout_.log_norm.data(), layout_.log_weight.data(),
                          exclusion_cut<double>(mixture_.k), &log_p))
    return static_cast<double>(extended_row().log_p());
  return log_p;
}

const double* RowEvaluator::responsibilities() {
  distances();
  double log_p = 0.0;
  if (!kernels_.posterior(q_, mixture_.k, layout_.log_norm.data(), layout_.log_weight.data(), no_cut<double>, &log_p)) {
    const std::vector<double>& gamma = extended_row().gamma();
    std::copy(gamma.begin(), gamma.end(), q_);
  }
  return q_;
}

Index RowEvaluator::predict() {
  distances();
  bool finite = true;
  for (Index k = 0; k < mixture_.k; ++k) {
    finite = finite && q_[k] < std::numeric_limits<double>::infinity();
    q_[k] =
        (layout_.log_norm[k] + layout_.log_weight[k]) - 0.5 * q_[k];  // q / 2 is exact: the bits of the block kernels
  }
  const double* best = std::max_element(q_, q_ + mixture_.k);
  return finite && *best > -std::numeric_limits<double>::infinity() ? best - q_ : extended_row().label();
}

void RowEvaluator::distances() {
  const double *means = layout_.means.data(), *factors = layout_.factors.data();
  switch (layout_.kind) {
    case RowLayout::Kind::full:
      return kernels_.distances_full(row_, mixture_.d, layout_.groups, means, factors, scratch_, q_);
    case RowLayout::Kind::diag: return kernels_.distances_diag(row_, mixture_.d, layout_.groups, means, factors, q_);
    case RowLayout::Kind::transformed:
      kernels_.transform(row_, mixture_.d, mixture_.center.data(), factors, scratch_);
      return kernels_.distances_unit(scratch_, mixture_.d, layout_.groups, means, q_);
    case RowLayout::Kind::block: return;
  }
}

}  // namespace gaussmix::detail
