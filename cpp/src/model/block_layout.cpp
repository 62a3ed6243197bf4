#include "model/block_layout.hpp"

#include "base/subscript.hpp"
#include "model/component_terms.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace gaussmix::detail {
namespace {

/// The largest |value| of n, 0 for none.
double largest_of(const double* values, Index n) {
  constexpr Index lanes = 4;  // maxima side by side: each waits for the one before it
  double largest[lanes] = {};
  Index i = 0;
  for (; i + lanes <= n; i += lanes)
    for (Index lane = 0; lane < lanes; ++lane) largest[lane] = std::max(largest[lane], std::abs(values[i + lane]));
  for (; i < n; ++i) largest[0] = std::max(largest[0], std::abs(values[i]));
  return *std::max_element(largest, largest + lanes);
}

double largest_of(const std::vector<double>& values) {
  return largest_of(values.data(), static_cast<Index>(values.size()));
}

/// See BlockLayout::largest_row. With |x_j − c_j| ≤ a and |L⁻¹_ij| ≤ b all partial sums of y = L⁻¹(x − c) are at most D
/// a b, and those of ‖y − ν‖² at most D (D a b + max |ν|)². That is kept below max / 8, whence
///   a = (√(max / (8 D)) − max |ν|) / (D b),
/// of which a half, less the largest mean, is left to |x|.
template <class T>
T largest_row(const ComponentTerms& data, const std::vector<double>& nu) {
  const auto d = static_cast<double>(data.d);
  double b = largest_of(data.inv_std);
  for (const CovarianceFactor& factor : data.factors) {
    if (factor.rank < data.d || !factor.order.empty()) return -1;
    b = std::max(b, largest_of(factor.panels, panel_entries(data.d)));
  }
  if (std::any_of(data.rank.begin(), data.rank.end(), [&data](Index rank) { return rank < data.d; })) return -1;
  const double a =
      (std::sqrt(static_cast<double>(std::numeric_limits<T>::max()) / (8.0 * d)) - largest_of(nu)) / (d * b);
  return static_cast<T>(0.5 * std::min(a, static_cast<double>(std::numeric_limits<T>::max())) - largest_of(data.means));
}

}  // namespace

template <class T>
void BlockLayout<T>::set_factors(const std::vector<CovarianceFactor>& factors, Index k) {
  std::size_t n_values = 0, n_orders = 0;
  for (const CovarianceFactor& factor : factors) {
    if (!shares_panels) n_values += static_cast<std::size_t>(panel_entries(factor.rank));
    n_values += factor.residual.size() + factor.inv_scale.size();
    n_orders += factor.order.size();
  }
  values_.reserve(n_values);  // so that the pointers stay
  orders_.reserve(n_orders);
  for (const CovarianceFactor& factor : factors) factors_.push_back(append(factor));
  if (factors_.size() == 1) factors_.resize(static_cast<std::size_t>(k), simd::Factor<T>(factors_[0]));
}

template <class T>
simd::Components<T> BlockLayout<T>::components(Index d) const noexcept {
  const bool full = !factors_.empty() && !transformed;
  return {static_cast<Index>(log_norm.size()),
          d,
          means.at(0),
          full ? factors_.data() : nullptr,
          inv_std.empty() ? nullptr : inv_std.data(),
          log_norm.data(),
          log_weight.data()};
}

template <class T>
simd::Factor<T> BlockLayout<T>::append(const CovarianceFactor& factor) {
  const auto push = [this](const double* values, Index n) {
    const T* begin = values_.data() + values_.size();
    for (Index i = 0; i < n; ++i) values_.push_back(static_cast<T>(values[i]));
    return begin;
  };
  const auto push_all = [&push](const std::vector<double>& values) {
    return push(values.data(), static_cast<Index>(values.size()));
  };
  const T* panels = nullptr;
  if constexpr (shares_panels)
    panels = factor.panels;
  else
    panels = push(factor.panels, panel_entries(factor.rank));
  const Index* order = factor.order.empty() ? nullptr : orders_.data() + orders_.size();
  orders_.insert(orders_.end(), factor.order.begin(), factor.order.end());
  const T* residual = push_all(factor.residual);
  return {panels, order, factor.rank, residual, push_all(factor.inv_scale)};
}

// Of tied components ν_k = L⁻¹(μ_k − c), so that ‖L⁻¹(x − μ_k)‖ = ‖L⁻¹(x − c) − ν_k‖.
template <class T>
BlockLayout<T> make_block_layout(const ComponentTerms& data) {
  BlockLayout<T> out;
  out.log_norm.assign(data.log_norm.begin(), data.log_norm.end());
  out.log_weight.assign(data.log_weight.begin(), data.log_weight.end());
  out.inv_std.assign(data.inv_std.begin(), data.inv_std.end());
  out.set_factors(data.factors, data.k);
  out.transformed = !data.center.empty();
  if (!out.transformed) {
    out.means.assign(data.means.data(), data.k * data.d);
    out.largest_row = largest_row<T>(data, {});
    return out;
  }
  out.center.assign(data.center.data(), data.d);
  std::vector<double> nu(data.means.size());
  for (Index k = 0; k < data.k; ++k)
    for (Index i = 0; i < data.d; ++i) {
      double sum = 0.0;
      for (Index j = 0; j <= i; ++j) {
        // The center that rows are taken about is the one that T can hold.
        const double difference = data.means[at(k * data.d + j)] - out.center.value(j);
        sum += data.factors[0].inverse(i, j) * difference;
      }
      nu[at(k * data.d + i)] = sum;
    }
  out.means.assign(nu.data(), data.k * data.d);
  out.largest_row = largest_row<T>(data, nu);
  return out;
}

template struct BlockLayout<double>;
template struct BlockLayout<float>;
template BlockLayout<double> make_block_layout(const ComponentTerms&);
template BlockLayout<float> make_block_layout(const ComponentTerms&);

}  // namespace gaussmix::detail
