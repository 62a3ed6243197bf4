#include "model/component_terms.hpp"

#include "base/message.hpp"
#include "base/subscript.hpp"
#include "model/tolerance.hpp"
#include "numeric/compensated_sum.hpp"
#include "numeric/linalg.hpp"
#include "parallel/parallel.hpp"

#include <gaussmix/error.hpp>

#include <algorithm>
#include <cmath>
#include <limits>

namespace gaussmix::detail {
namespace {

constexpr double log_2pi = 1.8378770664093454836;
constexpr double infinity = std::numeric_limits<double>::infinity();

/// How far the means of a tied mixture may lie from its center, in its standard deviations, for rows to be transformed
/// once about that center. With y = L⁻¹(x − c) and ν = L⁻¹(μ − c) the distance ‖y − ν‖ of a row near its mean is that
/// of two vectors up to this long, each rounded by some u of its own length. A radius of 32 costs a log-density some 32
/// u, where it is promised to within 64 u of the sum of the magnitudes that it is made of.
constexpr double max_tied_radius = 32.0;

/// log N_k(μ_k) = −½ (rank log 2π + log det Σ_k), the logarithm of the normalization in Bishop 2006, eq. 2.43; of
/// singular components that of the density on their support.
double log_norm_of(Index rank, double log_det) { return -0.5 * (static_cast<double>(rank) * log_2pi + log_det); }

/// Checks `size` values of which the first is number `begin` of them all: finite, and variances ≥ 0.
void check_covariances(const double* values, Index size, const CovarianceLayout& layout, Index d, Index begin,
                       const std::string& name) {
  const double most = std::numeric_limits<double>::max(), least = layout.is_matrix() ? -most : 0.0;
  Index n_wrong = 0;  // all are counted without a branch, so that the compiler takes several at a time
  for (Index i = 0; i < size; ++i) n_wrong += !(values[i] >= least && values[i] <= most);
  for (Index i = 0; i < size && n_wrong > 0; ++i) {
    if (!std::isfinite(values[i]))
      throw_invalid(layout.place(name, d, begin + i) + " must be finite, but is " + format(values[i]));
    if (!layout.is_matrix() && values[i] < 0.0)
      throw NumericalError(layout.place(name, d, begin + i) + " must be a variance ≥ 0, but is " + format(values[i]));
  }
}

/// Checks symmetry within the tolerance times sqrt(Σ_ii Σ_jj) or the entries, and averages the two triangles.
void symmetrize(double* sigma, Index d, const CovarianceLayout& layout, Index begin, const std::string& name,
                const Tolerance& tolerance) {
  for (Index i = 0; i < d; ++i)
    for (Index j = 0; j < i; ++j) {
      double& a = sigma[i * d + j];
      double& b = sigma[j * d + i];
      if (a == b) continue;
      const double larger = std::max(std::abs(a), std::abs(b));
      const double scale = std::sqrt(std::abs(sigma[i * d + i])) * std::sqrt(std::abs(sigma[j * d + j]));
      if (std::abs(a - b) > tolerance.value * std::max(larger, scale))
        throw_invalid(layout.place(name, d, begin + i * d + j) + " must equal its mirror image within " +
                      tolerance.text + " relative, but " + format(a) + " meets " + format(b));
      a = b = 0.5 * a + 0.5 * b;
    }
}

}  // namespace

ComponentTerms::ComponentTerms(Parameters parameters, Index n_components, Index n_features,
                               const CovarianceLayout& covariance_layout, bool allow_singular,
                               const ParameterNames& names, const Execution& execution)
    : k(n_components),
      d(n_features),
      layout(covariance_layout),
      weights(std::move(parameters.weights)),
      means(std::move(parameters.means)),
      covariances(std::move(parameters.covariances)),
      rank(static_cast<std::size_t>(k)),
      log_norm(static_cast<std::size_t>(k)) {
  for (const double weight : weights) log_weight.push_back(weight > 0.0 ? std::log(weight) : -infinity);
  if (layout.is_matrix())
    factor_matrices(allow_singular, names, execution);
  else
    factor_variances(allow_singular, names.covariances);
  choose_center();
  fits_single_ = scales_fit_single();
  f64_ = make_block_layout<double>(*this);
}

void ComponentTerms::factor_matrices(bool allow_singular, const ParameterNames& names, const Execution& execution) {
  const std::string& name = names.covariances;
  const Tolerance tolerance = symmetry_tolerance(names.source.covariances);
  const Index n = layout.count(k);
  const double size = static_cast<double>(d);
  const int threads = plan_threads(execution, n, static_cast<double>(n) * size * size * size / 3.0);
  factors.resize(static_cast<std::size_t>(n));
  panels_.resize(n * panel_entries(d));
  std::vector<FactorScratch> scratch(static_cast<std::size_t>(threads));
  parallel_for(n, threads, execution, [&](Index i, Worker& worker) {
    double* sigma = covariances.data() + i * d * d;
    check_covariances(sigma, d * d, layout, d, i * d * d, name);
    symmetrize(sigma, d, layout, i * d * d, name, tolerance);
    factors[at(i)] = factor_matrix(sigma, d, layout, i, allow_singular, name, scratch[at(worker.id())],
                                   panels_.data() + i * panel_entries(d));
  });
  for (Index i = 0; i < k; ++i) {
    const CovarianceFactor& f = factor(i);
    rank[at(i)] = f.rank;
    log_norm[at(i)] = log_norm_of(f.rank, f.log_det);
  }
}

void ComponentTerms::factor_variances(bool allow_singular, const std::string& name) {
  check_covariances(covariances.data(), covariances.size(), layout, d, 0, name);
  for (Index i = 0; i < k; ++i) {
    Index positive = 0;
    SumOfRuns log_det;
    for (Index j = 0; j < d; ++j) {
      const double own = variance(i, j);
      if (own > 0.0) {
        ++positive;
        log_det.add(std::log(own));
      }
      inv_std.push_back(own > 0.0 ? 1.0 / std::sqrt(own) : 0.0);
    }
    if (positive < d && !allow_singular) throw_singular(name, layout, i, positive, d);
    rank[at(i)] = positive;
    log_norm[at(i)] = log_norm_of(positive, log_det.value());
  }
}

// c = Σ_k π_k μ_k, the mean of the mixture, where ‖L⁻¹(μ_k − c)‖ ≤ max_tied_radius for all k.
void ComponentTerms::choose_center() {
  if (!layout.is_matrix() || !layout.shared || factors[0].rank < d || !factors[0].order.empty()) return;
  std::vector<double> c(static_cast<std::size_t>(d));
  for (Index i = 0; i < k; ++i)  // as a difference to the first mean, so that an offset of the data costs no digits
    for (Index j = 0; j < d; ++j) c[at(j)] += weights[at(i)] * (means[at(i * d + j)] - means[at(j)]);
  for (Index j = 0; j < d; ++j) c[at(j)] += means[at(j)];
  for (Index i = 0; i < k; ++i) {
    double square = 0.0;
    for (Index r = 0; r < d; ++r) {
      double y = 0.0;
      for (Index j = 0; j <= r; ++j) y += factors[0].inverse(r, j) * (means[at(i * d + j)] - c[at(j)]);
      square += y * y;
    }
    if (!(square <= max_tied_radius * max_tied_radius)) return;
  }
  center = std::move(c);
}

// Squares of 1e±15 and means of 1e30 are far inside the range of float32, 1e±38, and so are sums of some of them.
bool ComponentTerms::scales_fit_single() const {
  for (Index i = 0; i < k; ++i)
    for (Index j = 0; j < d; ++j) {
      const double own = variance(i, j);
      if (own != 0.0 && !(own >= 1e-30 && own <= 1e30)) return false;
    }
  return std::all_of(means.begin(), means.end(), [](double m) { return std::abs(m) <= 1e30; });
}

template <>
const BlockLayout<double>& ComponentTerms::block_layout<double>() const {
  return f64_;
}

template <>
const BlockLayout<float>& ComponentTerms::block_layout<float>() const {
  f32_once_.run([this] { f32_ = make_block_layout<float>(*this); });
  return f32_;
}

template <>
const DistanceBounds<double>& ComponentTerms::distance_bounds<double>(const Execution& execution) const {
  f64_bounds_once_.run([&] { f64_bounds_ = make_distance_bounds<double>(*this, execution); });
  return f64_bounds_;
}

template <>
const DistanceBounds<float>& ComponentTerms::distance_bounds<float>(const Execution& execution) const {
  f32_bounds_once_.run([&] { f32_bounds_ = make_distance_bounds<float>(*this, execution); });
  return f32_bounds_;
}

template <>
const RowLayout<double>& ComponentTerms::row_layout<double>() const {
  f64_row_once_.run([this] { f64_row_ = make_row_layout<double>(*this); });
  return f64_row_;
}

template <>
const RowLayout<float>& ComponentTerms::row_layout<float>() const {
  f32_row_once_.run([this] { f32_row_ = make_row_layout<float>(*this); });
  return f32_row_;
}

void ComponentTerms::require_common_measure() const {
  for (std::size_t i = 1; i < rank.size(); ++i)
    if (rank[i] != rank[0])
      throw NumericalError(
          "the covariances of all components must have equal rank for their densities to be mixed, but "
          "component 0 has rank " +
          std::to_string(rank[0]) + " and component " + std::to_string(i) + " has rank " + std::to_string(rank[i]) +
          "; component_log_prob scores them apart");
}

}  // namespace gaussmix::detail
