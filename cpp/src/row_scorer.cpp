#include "evaluate.hpp"
#include "simd/dispatch.hpp"
#include "validate.hpp"

#include <gaussmix/mixture.hpp>

#include <algorithm>
#include <cmath>
#include <optional>

namespace gaussmix {
namespace {

using detail::Buffer;
using detail::CovarianceFactor;
using detail::MixtureData;

constexpr Index group = simd::row_group;

enum class Layout { full, diag, transformed, block };

/// Singular components go by the block kernels, whose support test the one-row kernels do not have.
Layout choose_layout(const MixtureData& m) {
  if (m.factors.empty())
    return std::all_of(m.inv_std.begin(), m.inv_std.end(), [](double v) { return v > 0.0; }) ? Layout::diag
                                                                                             : Layout::block;
  for (const CovarianceFactor& factor : m.factors)
    if (factor.rank < m.d || !factor.order.empty()) return Layout::block;
  return m.center.empty() ? Layout::full : Layout::transformed;
}

/// (K, D) values as (groups, D, group), zeros in unused places.
Buffer<double> grouped(const double* values, Index k, Index d) {
  const Index groups = (k + group - 1) / group;
  Buffer<double> out(groups * d * group);
  std::fill(out.data(), out.data() + out.size(), 0.0);
  for (Index c = 0; c < k; ++c)
    for (Index j = 0; j < d; ++j) out[(c / group * d + j) * group + c % group] = values[c * d + j];
  return out;
}

/// The panels of every component, entry by entry beside those of its group.
Buffer<double> grouped_panels(const MixtureData& m) {
  const Index groups = (m.k + group - 1) / group;
  std::vector<double> entries;
  for (Index g = 0; g < groups; ++g)
    for (Index row = 0; row < m.d; row += simd::panel_rows)
      for (Index j = 0; j < std::min(row + simd::panel_rows, m.d); ++j)
        for (Index r = row; r < row + simd::panel_rows; ++r)
          for (Index c = g * group; c < (g + 1) * group; ++c)
            entries.push_back(c < m.k && r < m.d && j <= r ? m.factor(c).inverse[static_cast<std::size_t>(r * m.d + j)]
                                                           : 0.0);
  Buffer<double> out(static_cast<Index>(entries.size()));
  std::copy(entries.begin(), entries.end(), out.data());
  return out;
}

/// A (d, d) matrix column by column, each padded with zeros to whole groups.
Buffer<double> columns(const std::vector<double>& matrix, Index d) {
  const Index rows = (d + group - 1) / group * group;
  Buffer<double> out(d * rows);
  std::fill(out.data(), out.data() + out.size(), 0.0);
  for (Index j = 0; j < d; ++j)
    for (Index i = 0; i < d; ++i) out[j * rows + i] = matrix[static_cast<std::size_t>(i * d + j)];
  return out;
}

/// (K,) values padded to whole groups.
Buffer<double> padded(const std::vector<double>& values, double fill) {
  Buffer<double> out((static_cast<Index>(values.size()) + group - 1) / group * group);
  std::fill(out.data(), out.data() + out.size(), fill);
  std::copy(values.begin(), values.end(), out.data());
  return out;
}

}  // namespace

class RowScorer::Impl {
 public:
  explicit Impl(const Mixture& mixture)
      : mixture_(mixture),
        m_(mixture.data()),
        table_(simd::active_kernels()),
        layout_(choose_layout(m_)),
        groups_((m_.k + group - 1) / group),
        row_(m_.d),
        q_(groups_ * group),
        scratch_(m_.d * group),
        log_norm_(padded(m_.log_norm, 0.0)),
        log_weight_(padded(m_.log_weight, -std::numeric_limits<double>::infinity())) {
    m_.require_common_measure();
    switch (layout_) {
      case Layout::full:
        means_ = grouped(m_.means.data(), m_.k, m_.d);
        factors_ = grouped_panels(m_);
        break;
      case Layout::diag:
        means_ = grouped(m_.means.data(), m_.k, m_.d);
        factors_ = grouped(m_.inv_std.data(), m_.k, m_.d);
        break;
      case Layout::transformed: {
        means_ = grouped(m_.packed<double>().means.at(0).hi, m_.k, m_.d);
        factors_ = columns(m_.factors[0].inverse, m_.d);
        break;
      }
      case Layout::block:
        samples_.emplace(MatrixView<const double>(row_.data(), 1, m_.d));
        block_.emplace(m_, *samples_, table_.f64, detail::Partition::of(1, m_.d, m_.k, sizeof(double)));
        break;
    }
  }

  double log_prob(VectorView<const double> x) {
    load(x);
    if (block_) return *block_->log_prob();
    distances();
    double log_p = 0.0;
    if (!table_.row.posterior(q_.data(), m_.k, log_norm_.data(), log_weight_.data(),
                              detail::exclusion_cut<double>(m_.k), &log_p))
      return static_cast<double>(detail::evaluate_far_row(m_, row_.data()).log_p);
    return log_p;
  }

  void responsibilities(VectorView<const double> x, VectorView<double> out) {
    if (out.size() != m_.k)
      detail::throw_invalid("out must have shape (" + std::to_string(m_.k) + ",), but has shape (" +
                            std::to_string(out.size()) + ",)");
    detail::check_output("out", out.data(), out.size(), out.stride());
    load(x);
    if (block_) {
      const double* gamma = block_->posterior(simd::Posterior::responsibilities);
      for (Index k = 0; k < m_.k; ++k) out[k] = gamma[k * block_->stride()];
      return;
    }
    distances();
    double log_p = 0.0;
    if (table_.row.posterior(q_.data(), m_.k, log_norm_.data(), log_weight_.data(), detail::no_cut<double>, &log_p)) {
      for (Index k = 0; k < m_.k; ++k) out[k] = q_[k];
    } else {
      const detail::FarRow far = detail::evaluate_far_row(m_, row_.data());
      for (Index k = 0; k < m_.k; ++k) out[k] = far.gamma[static_cast<std::size_t>(k)];
    }
  }

  Index predict(VectorView<const double> x) {
    load(x);
    if (block_) return *block_->labels();
    distances();
    bool finite = true;
    for (Index k = 0; k < m_.k; ++k) {
      finite = finite && q_[k] < std::numeric_limits<double>::infinity();
      q_[k] = (log_norm_[k] - 0.5 * q_[k]) + log_weight_[k];
    }
    const double* best = std::max_element(q_.data(), q_.data() + m_.k);
    return finite && *best > -std::numeric_limits<double>::infinity() ? best - q_.data() : predict_far();
  }

  const MixtureData& data() const noexcept { return m_; }

 private:
  void load(VectorView<const double> x) {
    if (x.size() != m_.d)
      detail::throw_invalid("x must have " + std::to_string(m_.d) + " values (n_features of the mixture), but has " +
                            std::to_string(x.size()));
    detail::check_data("x", x.data(), x.size());
    for (Index j = 0; j < m_.d; ++j) {
      if (!std::isfinite(x[j]))
        detail::throw_invalid("x[" + std::to_string(j) + "] must be finite, but is " + detail::format(x[j]));
      row_[j] = x[j];
    }
    if (block_) block_->load(0, 1);
  }

  void distances() {
    const simd::RowKernels& kernels = table_.row;
    switch (layout_) {
      case Layout::full:
        return kernels.distances_full(row_.data(), m_.d, groups_, means_.data(), factors_.data(), scratch_.data(),
                                      q_.data());
      case Layout::diag:
        return kernels.distances_diag(row_.data(), m_.d, groups_, means_.data(), factors_.data(), q_.data());
      case Layout::transformed:
        kernels.transform(row_.data(), m_.d, m_.center.data(), factors_.data(), scratch_.data());
        return kernels.distances_unit(scratch_.data(), m_.d, groups_, means_.data(), q_.data());
      case Layout::block: return;
    }
  }

  Index predict_far() const {
    const std::vector<double> log_gamma = detail::evaluate_far_row(m_, row_.data()).log_gamma;
    return std::max_element(log_gamma.begin(), log_gamma.end()) - log_gamma.begin();
  }

  Mixture mixture_;
  const MixtureData& m_;
  const simd::KernelTable& table_;
  Layout layout_;
  Index groups_;
  Buffer<double> row_, q_, scratch_, log_norm_, log_weight_, means_, factors_;
  std::optional<Samples> samples_;
  std::optional<detail::BlockEvaluator<double>> block_;
};

RowScorer::RowScorer(const Mixture& mixture) : impl_(std::make_unique<Impl>(mixture)) {}
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
