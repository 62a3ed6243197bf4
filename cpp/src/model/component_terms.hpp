#pragma once

#include "base/buffer.hpp"
#include "base/once.hpp"
#include "model/block_layout.hpp"
#include "model/covariance_factor.hpp"
#include "model/covariance_layout.hpp"
#include "model/distance_bounds.hpp"
#include "model/row_layout.hpp"

#include <gaussmix/mixture.hpp>

#include <string>
#include <vector>

namespace gaussmix::detail {

/// π (K,), μ (K, D) and Σ in the layout of its type, row-major, as a mixture keeps them.
struct Parameters {
  std::vector<double> weights;
  std::vector<double> means;
  Buffer<double> covariances;
};

/// What messages call the parameters, and the types that these came in.
struct ParameterNames {
  std::string weights = "weights";
  std::string means = "means";
  std::string covariances = "covariances";
  SourceTypes source = {};
};

/// What evaluation needs of K components in D features, in double and in the layouts of the kernels:
///   log N(x | μ_k, Σ_k) = log_norm_k − ½ ‖L_k⁻¹(x − μ_k)‖²  with  Σ_k = L_k L_kᵀ,
///   log_norm_k = −½ D log 2π − Σ_j log(L_k)_jj  (Bishop 2006, eq. 2.43)
/// and log π_k.
class ComponentTerms {
 public:
  /// From parameters whose sizes, weights and means have been checked; the covariances are checked here and factored on
  /// the threads of `execution`. allow_singular: semi-definite ones stand for the density on their support.
  /// @throws InvalidArgument  for covariances that are not finite or not symmetric
  /// @throws NumericalError   for indefinite ones, and for singular ones unless `allow_singular`
  ComponentTerms(Parameters parameters, Index n_components, Index n_features, const CovarianceLayout& layout,
                 bool allow_singular, const ParameterNames& names, const Execution& execution);

  ComponentTerms(const ComponentTerms&) = delete;
  ComponentTerms& operator=(const ComponentTerms&) = delete;

  Index k;
  Index d;
  CovarianceLayout layout;
  std::vector<double> weights;            ///< π, (K,)
  std::vector<double> means;              ///< μ, (K, D)
  Buffer<double> covariances;             ///< Σ in `layout`
  std::vector<Index> rank;                ///< of Σ_k, (K,)
  std::vector<double> log_weight;         ///< log π_k, (K,)
  std::vector<double> log_norm;           ///< log N(μ_k | μ_k, Σ_k), (K,)
  std::vector<CovarianceFactor> factors;  ///< one for each matrix; none for variances
  std::vector<double> inv_std;            ///< 1/σ_kj, (K, D), 0 without variance; of variances alone
  std::vector<double> center;  ///< of one matrix for all: c, (D,), when rows are transformed once; else empty

  const CovarianceFactor& factor(Index component) const noexcept {
    return factors[factors.size() == 1 ? 0 : static_cast<std::size_t>(component)];
  }
  double variance(Index component, Index feature) const noexcept {
    return covariances[layout.variance_at(component, feature, d)];
  }
  /// Whether float32 rows can be evaluated in float32: all standard deviations within 1e±15 or 0, means within ±1e30.
  bool fits_single() const noexcept { return fits_single_; }
  /// The layout for blocks of rows; the one in float32 is made at its first use, by whichever thread comes first.
  template <class T>
  const BlockLayout<T>& block_layout() const;
  /// The distance bounds between components, likewise made at their first use, on the threads of `execution`; none may
  /// be singular.
  template <class T>
  const DistanceBounds<T>& distance_bounds(const Execution& execution = Execution{1, {}}) const;
  /// The layout for one row, likewise made at its first use.
  template <class T>
  const RowLayout<T>& row_layout() const;
  /// @throws NumericalError unless all ranks are equal
  void require_common_measure() const;

 private:
  void factor_matrices(bool allow_singular, const ParameterNames& names, const Execution& execution);
  void factor_variances(bool allow_singular, const std::string& name);
  void choose_center();
  bool scales_fit_single() const;

  Buffer<double> panels_;  ///< of the factors
  bool fits_single_ = false;
  BlockLayout<double> f64_;
  mutable Once f32_once_;
  mutable BlockLayout<float> f32_;
  mutable Once f64_bounds_once_, f32_bounds_once_;
  mutable DistanceBounds<double> f64_bounds_;
  mutable DistanceBounds<float> f32_bounds_;
  mutable Once f64_row_once_, f32_row_once_;
  mutable RowLayout<double> f64_row_{};
  mutable RowLayout<float> f32_row_{};
};

}  // namespace gaussmix::detail
