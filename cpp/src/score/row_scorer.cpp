#include "base/memory.hpp"
#include "base/message.hpp"
#include "data/samples.hpp"
#include "model/mixture_data.hpp"
#include "score/block_evaluator.hpp"
#include "score/row_evaluator.hpp"
#include "simd/dispatch.hpp"

#include <gaussmix/mixture.hpp>

#include <cmath>
#include <optional>

namespace gaussmix {

using detail::BlockEvaluator;
using detail::ComponentTerms;
using detail::RowEvaluator;

class RowScorer::Impl {
 public:
  Impl(const Mixture& mixture, const simd::KernelTable& kernels)
      : mixture_(mixture),
        m_(mixture.data()),
        scratch_(RowEvaluator::scratch_size(m_)),
        row_(m_, kernels.row, scratch_.data()),
        samples_(MatrixView<const double>(row_.row(), 1, m_.d)) {
    m_.require_common_measure();
    if (m_.row_layout().kind != detail::RowLayout::Kind::block) {
      row_.prepare_extended_range();
      return;
    }
    block_.emplace(m_, samples_, kernels.f64, detail::Partition::of(1, m_.d, m_.k, sizeof(double)));
    block_->prepare_extended_range();
    predict({m_.means.data(), m_.d});  // what grows at its first use grows here
  }

  double log_prob(VectorView<const double> x) {
    load(x);
    return block_ ? *block_->log_prob() : row_.log_prob();
  }

  void responsibilities(VectorView<const double> x, VectorView<double> out) {
    if (out.size() != m_.k)
      detail::throw_invalid("out must have shape (" + std::to_string(m_.k) + ",), but has shape (" +
                            std::to_string(out.size()) + ",)");
    detail::check_output("out", out);
    load(x);
    detail::check_apart("out", out, "x", x);
    const double* gamma = block_ ? block_->posterior(simd::Posterior::responsibilities) : row_.responsibilities();
    const Index stride = block_ ? block_->stride() : 1;
    for (Index k = 0; k < m_.k; ++k) out[k] = gamma[k * stride];
  }

  Index predict(VectorView<const double> x) {
    load(x);
    return block_ ? *block_->labels() : row_.predict();
  }

  const ComponentTerms& data() const noexcept { return m_; }

 private:
  void load(VectorView<const double> x) {
    if (x.size() != m_.d)
      detail::throw_invalid("x must have " + std::to_string(m_.d) + " values (n_features of the mixture), but has " +
                            std::to_string(x.size()));
    detail::check_input("x", x);
    for (Index j = 0; j < m_.d; ++j) {
      if (!std::isfinite(x[j]))
        detail::throw_invalid("x[" + std::to_string(j) + "] must be finite, but is " + detail::format(x[j]));
      row_.row()[j] = x[j];
    }
    if (block_) block_->load(0, 1);
  }

  Mixture mixture_;
  const ComponentTerms& m_;
  detail::Buffer<double> scratch_;
  RowEvaluator row_;
  Samples samples_;                              ///< the place of row_'s row
  std::optional<BlockEvaluator<double>> block_;  ///< of samples_, where there are singular components
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

}  // namespace gaussmix
