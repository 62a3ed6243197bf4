#include "model/row_layout.hpp"

#include "model/component_terms.hpp"

#include <algorithm>
#include <limits>
#include <vector>

namespace gaussmix::detail {
namespace {

/// (K, D) values as (groups, D, group), zeros in unused places; nothing without values.
template <class T>
Buffer<T> grouped(const T* values, Index k, Index d) {
  constexpr Index group = simd::row_group<T>;
  if (!values) return {};
  Buffer<T> out(groups_of<T>(k) * d * group);
  std::fill(out.data(), out.data() + out.size(), T(0));
  for (Index c = 0; c < k; ++c)
    for (Index j = 0; j < d; ++j) out[(c / group * d + j) * group + c % group] = values[c * d + j];
  return out;
}

/// The panels of every component, entry by entry beside those of its group.
template <class T>
Buffer<T> grouped_panels(const ComponentTerms& m) {
  constexpr Index group = simd::row_group<T>;
  const Index n = panel_entries(m.d);
  Buffer<T> out(groups_of<T>(m.k) * n * group);
  for (Index g = 0; g < groups_of<T>(m.k); ++g)
    for (Index i = 0; i < n; ++i)
      for (Index c = g * group; c < (g + 1) * group; ++c)
        out[(g * n + i) * group + c % group] = c < m.k ? static_cast<T>(m.factor(c).panels[i]) : T(0);
  return out;
}

/// L⁻¹, (d, d), column by column, each padded with zeros to whole groups.
template <class T>
Buffer<T> columns(const CovarianceFactor& factor, Index d) {
  const Index rows = groups_of<T>(d) * simd::row_group<T>;
  Buffer<T> out(d * rows);
  std::fill(out.data(), out.data() + out.size(), T(0));
  for (Index j = 0; j < d; ++j)
    for (Index i = j; i < d; ++i) out[j * rows + i] = static_cast<T>(factor.inverse(i, j));
  return out;
}

/// (K,) values padded to whole groups.
template <class T>
Buffer<T> padded(const std::vector<T>& values, T fill) {
  Buffer<T> out(groups_of<T>(static_cast<Index>(values.size())) * simd::row_group<T>);
  std::fill(out.data(), out.data() + out.size(), fill);
  std::copy(values.begin(), values.end(), out.data());
  return out;
}

template <class T>
typename RowLayout<T>::Kind kind_of(const ComponentTerms& data) {
  using Kind = typename RowLayout<T>::Kind;
  if (data.factors.empty())
    return std::all_of(data.inv_std.begin(), data.inv_std.end(), [](double v) { return v > 0.0; }) ? Kind::diag
                                                                                                   : Kind::block;
  for (const CovarianceFactor& factor : data.factors)
    if (factor.rank < data.d || !factor.order.empty()) return Kind::block;
  return data.center.empty() ? Kind::full : Kind::transformed;
}

}  // namespace

template <class T>
RowLayout<T> make_row_layout(const ComponentTerms& data) {
  using Kind = typename RowLayout<T>::Kind;
  const BlockLayout<T>& block = data.block_layout<T>();
  RowLayout<T> out{kind_of<T>(data), groups_of<T>(data.k), {}, {}, {}, {}, {}};
  out.log_norm = padded(block.log_norm, T(0));
  out.log_weight = padded(block.log_weight, -std::numeric_limits<T>::infinity());
  if (out.kind == Kind::block) return out;
  const simd::Location<T> means = block.means.at(0);
  out.means_hi = grouped(means.hi, data.k, data.d);
  out.means_lo = grouped(means.lo, data.k, data.d);
  switch (out.kind) {
    case Kind::full: out.factors = grouped_panels<T>(data); break;
    case Kind::diag: out.factors = grouped(block.inv_std.data(), data.k, data.d); break;
    case Kind::transformed: out.factors = columns<T>(data.factors[0], data.d); break;
    case Kind::block: break;
  }
  return out;
}

template RowLayout<double> make_row_layout(const ComponentTerms&);
template RowLayout<float> make_row_layout(const ComponentTerms&);

}  // namespace gaussmix::detail
