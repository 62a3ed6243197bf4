#include "model/row_layout.hpp"

#include "model/component_terms.hpp"

#include <algorithm>
#include <limits>
#include <vector>

namespace gaussmix::detail {
namespace {

constexpr Index group = simd::row_group;

/// (K, D) values as (groups, D, group), zeros in unused places.
Buffer<double> grouped(const double* values, Index k, Index d) {
  Buffer<double> out(groups_of(k) * d * group);
  std::fill(out.data(), out.data() + out.size(), 0.0);
  for (Index c = 0; c < k; ++c)
    for (Index j = 0; j < d; ++j) out[(c / group * d + j) * group + c % group] = values[c * d + j];
  return out;
}

/// The panels of every component, entry by entry beside those of its group.
Buffer<double> grouped_panels(const ComponentTerms& m) {
  const Index n = panel_entries(m.d);
  Buffer<double> out(groups_of(m.k) * n * group);
  for (Index g = 0; g < groups_of(m.k); ++g)
    for (Index i = 0; i < n; ++i)
      for (Index c = g * group; c < (g + 1) * group; ++c)
        out[(g * n + i) * group + c % group] = c < m.k ? m.factor(c).panels[i] : 0.0;
  return out;
}

/// L⁻¹, (d, d), column by column, each padded with zeros to whole groups.
Buffer<double> columns(const CovarianceFactor& factor, Index d) {
  const Index rows = groups_of(d) * group;
  Buffer<double> out(d * rows);
  std::fill(out.data(), out.data() + out.size(), 0.0);
  for (Index j = 0; j < d; ++j)
    for (Index i = j; i < d; ++i) out[j * rows + i] = factor.inverse(i, j);
  return out;
}

/// (K,) values padded to whole groups.
Buffer<double> padded(const std::vector<double>& values, double fill) {
  Buffer<double> out(groups_of(static_cast<Index>(values.size())) * group);
  std::fill(out.data(), out.data() + out.size(), fill);
  std::copy(values.begin(), values.end(), out.data());
  return out;
}

RowLayout::Kind kind_of(const ComponentTerms& data) {
  using Kind = RowLayout::Kind;
  if (data.factors.empty())
    return std::all_of(data.inv_std.begin(), data.inv_std.end(), [](double v) { return v > 0.0; }) ? Kind::diag
                                                                                                   : Kind::block;
  for (const CovarianceFactor& factor : data.factors)
    if (factor.rank < data.d || !factor.order.empty()) return Kind::block;
  return data.center.empty() ? Kind::full : Kind::transformed;
}

}  // namespace

RowLayout make_row_layout(const ComponentTerms& data) {
  RowLayout out{kind_of(data), groups_of(data.k), {}, {}, {}, {}};
  out.log_norm = padded(data.log_norm, 0.0);
  out.log_weight = padded(data.log_weight, -std::numeric_limits<double>::infinity());
  switch (out.kind) {
    case RowLayout::Kind::full:
      out.means = grouped(data.means.data(), data.k, data.d);
      out.factors = grouped_panels(data);
      break;
    case RowLayout::Kind::diag:
      out.means = grouped(data.means.data(), data.k, data.d);
      out.factors = grouped(data.inv_std.data(), data.k, data.d);
      break;
    case RowLayout::Kind::transformed:
      out.means = grouped(data.block_layout<double>().means.at(0).hi, data.k, data.d);
      out.factors = columns(data.factors[0], data.d);
      break;
    case RowLayout::Kind::block: break;
  }
  return out;
}

}  // namespace gaussmix::detail
