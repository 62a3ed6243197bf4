#include "model/distance_bounds.hpp"

#include "base/subscript.hpp"
#include "model/component_terms.hpp"
#include "numeric/linalg.hpp"
#include "parallel/parallel.hpp"
#include "simd/dispatch.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>

namespace gaussmix::detail {
namespace {

/// The share by which lower bounds are lowered and Lipschitz constants raised. A sum of d squares is off by (d + 8)
/// units at most, its root by half of that: at most_features in float32 4104 · 2⁻²⁵ = 2⁻¹³, an eighth of the margin;
/// what is lost in double here is far less.
constexpr double margin = 0x1p-10;
constexpr Index most_features = 4096;

// Of speed and memory alone: whether there are bounds changes no bit.

/// Two (K, K) arrays are 8 MiB each in float64.
constexpr Index most_components = 1024;
/// Nanoseconds, about, that the bounds may take, because nobody asks whether to stop meanwhile: Execution promises 0.1
/// s.
constexpr double most_work = 1e8;

/// Calls each(k) for each of n components, on the threads of `execution`; `work` is an estimate in multiply-adds of one.
void for_each_component(Index n, double work, const Execution& execution, const std::function<void(Index)>& each) {
  const int threads = plan_threads(execution, n, static_cast<double>(n) * work);
  parallel_for(n, threads, execution, [&](Index k, Worker& worker) {
    if (!worker.cancelled()) each(k);
  });
}

/// out(l, k) = d_k(μ_l) = ‖L_k⁻¹(μ_l − μ_k)‖, (K, K).
std::vector<double> distances_of_means(const ComponentTerms& mixture, const Execution& execution) {
  const simd::Kernels<double>& kernels = simd::kernels_of<double>(simd::active_kernels());
  const Index k_all = mixture.k, d = mixture.d, padded = round_up(k_all, kernels.strip);
  const simd::Components<double> c = mixture.block_layout<double>().components(d);
  Buffer<double> strips(padded * d);
  double largest = 0.0;
  kernels.pack(c.means.hi, d, 1, nullptr, k_all, d, strips.data(), &largest);
  std::vector<double> out(at(k_all * k_all));
  const auto kd = static_cast<double>(k_all * d);
  for_each_component(k_all, c.factors ? kd * static_cast<double>(d) / 2.0 : kd, execution, [&](Index k) {
    Buffer<double> scratch(2 * d * kernels.strip), q(padded);
    const simd::Location<double> mean{c.means.hi + k * d, nullptr};
    const Index n_strips = padded / kernels.strip;
    if (c.factors)
      kernels.distances_full(strips.data(), n_strips, d, mean, c.factors[k], scratch.data(), q.data());
    else if (c.inv_std)
      kernels.distances_diag(strips.data(), n_strips, d, mean, c.inv_std + k * d, q.data());
    else
      kernels.distances_unit(strips.data(), n_strips, d, mean, q.data());
    for (Index l = 0; l < k_all; ++l) out[at(l * k_all + k)] = std::sqrt(q[l]);
  });
  return out;
}

/// out(l, k) = ‖L_k⁻¹ L_l‖ = max_j σ_lj / σ_kj of diagonal matrices, (K, K).
std::vector<double> ratios(const ComponentTerms& mixture, const Execution& execution) {
  const Index k_all = mixture.k, d = mixture.d;
  std::vector<double> inv_std(mixture.inv_std.size());  // (D, K), so that one component meets all others
  for (Index k = 0; k < k_all; ++k)
    for (Index j = 0; j < d; ++j) inv_std[at(j * k_all + k)] = mixture.inv_std[at(k * d + j)];
  std::vector<double> out(at(k_all * k_all));
  for_each_component(k_all, static_cast<double>(k_all * d), execution, [&](Index l) {
    for (Index j = 0; j < d; ++j) {
      const double* column = inv_std.data() + j * k_all;
      const double std_l = 1.0 / column[l];
      double* ratio = out.data() + l * k_all;
      for (Index k = 0; k < k_all; ++k) ratio[k] = std::max(ratio[k], column[k] * std_l);
    }
  });
  return out;
}

/// Bounds on the norms of the factors of one component, in units S_j of the features that all components share, so that
/// the units of X do not matter.
struct ScaledNorms {
  double root;     ///< above ‖S⁻¹ L_k‖
  double inverse;  ///< above ‖L_k⁻¹ S‖
};

/// S_j, the root of the mean variance of feature j, (D,).
std::vector<double> common_scale(const ComponentTerms& mixture) {
  std::vector<double> scale;
  for (Index j = 0; j < mixture.d; ++j) {
    double sum = 0.0;
    for (Index k = 0; k < mixture.k; ++k) sum += mixture.variance(k, j) / static_cast<double>(mixture.k);
    scale.push_back(std::sqrt(sum));
  }
  return scale;
}

/// ‖S⁻¹ L_k‖² and 1 / ‖L_k⁻¹ S‖² are the largest and the least eigenvalue of S⁻¹ Σ_k S⁻¹; for each factor of the
/// mixture.
std::vector<ScaledNorms> scaled_norms(const ComponentTerms& mixture, const std::vector<double>& scale,
                                      const Execution& execution) {
  const Index d = mixture.d;
  std::vector<ScaledNorms> out(mixture.factors.size());
  const double work = static_cast<double>(d * d) * static_cast<double>(d);
  for_each_component(static_cast<Index>(out.size()), work, execution, [&](Index k) {
    const double* sigma = mixture.covariances.data() + k * d * d;
    std::vector<double> scaled(at(d * d));
    for (Index i = 0; i < d; ++i)
      for (Index j = 0; j < d; ++j) scaled[at(i * d + j)] = sigma[i * d + j] / scale[at(i)] / scale[at(j)];
    const EigenvalueRange range = eigenvalue_range(scaled.data(), d);
    out[at(k)] = {std::sqrt(range.largest), 1.0 / std::sqrt(range.least)};
  });
  return out;
}

/// Turns the distances of the means into bounds for full covariances: lipschitz(l, k) = ‖L_k⁻¹ S‖ ‖S⁻¹ L_l‖ ≥ ‖L_k⁻¹
/// L_l‖, or 1 where all components share one covariance. Kernels do not compute y = L_k⁻¹(x − μ_k) exactly: it is off
/// by ε_k(x) = `rounding` · ‖L_k⁻¹ S‖_F ‖S⁻¹(x − μ_k)‖ at most, ‖·‖_F ≤ √D ‖·‖. With lost_k = rounding √D ‖L_k⁻¹ S‖:
///   ‖S⁻¹(x − μ_l)‖ ≤ ‖S⁻¹ L_l‖ d_l(x),  so the computed d_l(x) is at least (1 − lost_l ‖S⁻¹ L_l‖) d_l(x);
///   ε_k(x) ≤ lost_k (‖S⁻¹(μ_l − μ_k)‖ + ‖S⁻¹ L_l‖ d_l(x)),  which the bound on d_k(x) gives up.
void bound_full(const ComponentTerms& mixture, double rounding, const Execution& execution, std::vector<double>& lower,
                std::vector<double>& lipschitz) {
  const Index k_all = mixture.k, d = mixture.d;
  const std::vector<double> scale = common_scale(mixture);
  const std::vector<ScaledNorms> norms = scaled_norms(mixture, scale, execution);
  const auto norms_of = [&](Index k) { return norms[norms.size() == 1 ? 0 : at(k)]; };
  const auto lost_by = [&](Index k) { return rounding * std::sqrt(static_cast<double>(d)) * norms_of(k).inverse; };
  for_each_component(k_all, static_cast<double>(k_all * d), execution, [&](Index l) {
    const double root = norms_of(l).root;
    const double kept = 1.0 - lost_by(l) * root;  // of a distance from l, at least
    for (Index k = 0; k < k_all; ++k) {
      double apart = 0.0;
      for (Index j = 0; j < d; ++j) {
        const double y = (mixture.means[at(l * d + j)] - mixture.means[at(k * d + j)]) / scale[at(j)];
        apart += y * y;
      }
      lower[at(l * k_all + k)] -= lost_by(k) * std::sqrt(apart);
      const double product = norms.size() == 1 ? 1.0 : norms_of(k).inverse * root;
      lipschitz[at(l * k_all + k)] =
          kept > 0.0 ? (product + lost_by(k) * root) / kept : std::numeric_limits<double>::infinity();
    }
  });
}

}  // namespace

bool is_worth_bounding(Index rows, const ComponentTerms& mixture) {
  if (mixture.k > most_components || mixture.d > most_features) return false;
  const auto n = static_cast<double>(rows), k = static_cast<double>(mixture.k), d = static_cast<double>(mixture.d);
  // Nanoseconds, about: of the eigenvalues, of the distances of the means and of the bounds; they must be less than
  // what a pass over the rows spends on the first looks at its components at the least, 1 ns a pair for full
  // covariances, ¼ ns for variances.
  if (mixture.block_layout<double>().components(mixture.d).factors) {
    const double work = k * d * d * d + k * k * (d * d / 40.0 + d / 2.0);
    return work < std::min(n * k, most_work);
  }
  const double work = 2.0 * k * k * d;
  return work < std::min(n * k / 4.0, most_work);
}

template <class T>
DistanceBounds<T> make_distance_bounds(const ComponentTerms& mixture, const Execution& execution) {
  std::vector<double> lower = distances_of_means(mixture, execution), lipschitz;
  const simd::Components<double> c = mixture.block_layout<double>().components(mixture.d);
  if (c.factors) {
    lipschitz.resize(lower.size());
    const double unit = 0.5 * static_cast<double>(std::numeric_limits<T>::epsilon());
    bound_full(mixture, 4.0 * static_cast<double>(mixture.d + 8) * unit, execution, lower, lipschitz);
  } else if (c.inv_std) {
    lipschitz = ratios(mixture, execution);
  } else {
    lipschitz.assign(lower.size(), 1.0);
  }
  DistanceBounds<T> out;
  for (const double value : lower) out.lower.push_back(static_cast<T>(value * (1 - margin)));
  for (const double value : lipschitz) out.lipschitz.push_back(static_cast<T>(value * (1 + margin)));
  return out;
}

template DistanceBounds<double> make_distance_bounds(const ComponentTerms&, const Execution&);
template DistanceBounds<float> make_distance_bounds(const ComponentTerms&, const Execution&);

}  // namespace gaussmix::detail
