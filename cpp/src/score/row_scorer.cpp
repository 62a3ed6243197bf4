#include "base/memory.hpp"
#include "base/message.hpp"
#include "data/samples.hpp"
#include "model/mixture_data.hpp"
#include "score/block_evaluator.hpp"
#include "score/row_evaluator.hpp"
#include "simd/dispatch.hpp"

#include <gaussmix/mixture.hpp>

#include <algorithm>
#include <cmath>
#include <optional>
#include <type_traits>

namespace gaussmix {

using detail::BlockEvaluator;
using detail::ComponentTerms;
using detail::RowEvaluator;

namespace {

/// Evaluates rows one at a time in T, with everything that any row needs.
template <class T>
class Evaluator {
 public:
  Evaluator(const ComponentTerms& m, const simd::KernelTable& kernels)
      : m_(m),
        scratch_(RowEvaluator<T>::scratch_size(m_)),
        row_(m_, simd::row_kernels_of<T>(kernels), scratch_.data()),
        samples_(MatrixView<const T>(row_.row(), 1, m_.d)) {
    if (m_.row_layout<T>().kind != detail::RowLayout<T>::Kind::block) {
      row_.prepare_extended_range();
      return;
    }
    block_.emplace(m_, samples_, simd::kernels_of<T>(kernels), detail::Partition::of(1, m_.d, m_.k, sizeof(T)));
    block_->prepare_extended_range();
    std::copy(m_.means.begin(), m_.means.begin() + m_.d, row_.row());
    block_->load(0, 1);
    block_->labels();  // what grows at its first use grows here
  }

  template <class U>
  void load(VectorView<const U> x) {
    if (x.size() != m_.d)
      detail::throw_invalid("x must have " + std::to_string(m_.d) + " values (n_features of the mixture), but has " +
                            std::to_string(x.size()));
    detail::check_input("x", x);
    for (Index j = 0; j < m_.d; ++j) {
      if (!std::isfinite(x[j]))
        detail::throw_invalid("x[" + std::to_string(j) + "] must be finite, but is " + detail::format(x[j]));
      row_.row()[j] = static_cast<T>(x[j]);
    }
    if (block_) block_->load(0, 1);
  }

  T log_prob() { return block_ ? *block_->log_prob() : row_.log_prob(); }

  template <class U>
  void responsibilities(VectorView<U> out) {
    const T* gamma = block_ ? block_->posterior(simd::Posterior::responsibilities) : row_.responsibilities();
    const Index stride = block_ ? block_->stride() : 1;
    for (Index k = 0; k < m_.k; ++k) out[k] = static_cast<U>(gamma[k * stride]);
  }

  Index predict() { return block_ ? *block_->labels() : row_.predict(); }

 private:
  const ComponentTerms& m_;
  detail::Buffer<T> scratch_;
  RowEvaluator<T> row_;
  Samples samples_;                         ///< the place of row_'s row
  std::optional<BlockEvaluator<T>> block_;  ///< of samples_, where there are singular components
};

}  // namespace

class RowScorer::Impl {
 public:
  Impl(const Mixture& mixture, const simd::KernelTable& kernels)
      : mixture_(mixture), kernels_(kernels), m_(mixture_.data()), f64_(m_, kernels) {
    m_.require_common_measure();
  }

  template <class U>
  double log_prob(VectorView<const U> x) {
    return with(x, [](auto& evaluator) { return static_cast<double>(evaluator.log_prob()); });
  }

  template <class U>
  void responsibilities(VectorView<const U> x, VectorView<U> out) {
    if (out.size() != m_.k)
      detail::throw_invalid("out must have shape (" + std::to_string(m_.k) + ",), but has shape (" +
                            std::to_string(out.size()) + ",)");
    detail::check_output("out", out);
    with(x, [&](auto& evaluator) {
      detail::check_apart("out", out, "x", x);
      evaluator.responsibilities(out);
    });
  }

  template <class U>
  Index predict(VectorView<const U> x) {
    return with(x, [](auto& evaluator) { return evaluator.predict(); });
  }

  const ComponentTerms& data() const noexcept { return m_; }

 private:
  /// Calls use(evaluator) with x loaded, in the precision of the batch verbs.
  template <class U, class Use>
  auto with(VectorView<const U> x, const Use& use) {
    if constexpr (std::is_same_v<U, float>)
      if (m_.fits_single()) {
        if (!f32_) f32_.emplace(m_, kernels_);
        f32_->load(x);
        return use(*f32_);
      }
    f64_.load(x);
    return use(f64_);
  }

  Mixture mixture_;
  const simd::KernelTable& kernels_;
  const ComponentTerms& m_;
  Evaluator<double> f64_;
  std::optional<Evaluator<float>> f32_;  ///< from the first float32 row on
};

RowScorer::RowScorer(const Mixture& mixture) : impl_(std::make_unique<Impl>(mixture, simd::active_kernels())) {}
RowScorer::~RowScorer() = default;
RowScorer::RowScorer(RowScorer&&) noexcept = default;
RowScorer& RowScorer::operator=(RowScorer&&) noexcept = default;

Index RowScorer::n_components() const noexcept { return impl_->data().k; }
Index RowScorer::n_features() const noexcept { return impl_->data().d; }
double RowScorer::log_prob(VectorView<const double> x) { return impl_->log_prob(x); }
void RowScorer::responsibilities(VectorView<const double> x, VectorView<double> out) {
  impl_->responsibilities(x, out);
}
Index RowScorer::predict(VectorView<const double> x) { return impl_->predict(x); }
double RowScorer::log_prob(VectorView<const float> x) { return impl_->log_prob(x); }
void RowScorer::responsibilities(VectorView<const float> x, VectorView<float> out) { impl_->responsibilities(x, out); }
Index RowScorer::predict(VectorView<const float> x) { return impl_->predict(x); }

}  // namespace gaussmix
