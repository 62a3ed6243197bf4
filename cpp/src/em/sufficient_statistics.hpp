#pragma once

#include <gaussmix/statistics.hpp>

#include <vector>

namespace gaussmix::detail {

/// Which scatters of the rows are summed.
struct ScatterShape {
  bool full;    ///< matrices (d, d), lower triangle; else variances (d,)
  bool pooled;  ///< one for all components, each about its own mean
};

/// The sums of Statistics, all in float64 (Bishop 2006, eqs. 9.24 to 9.27): of each component n_k = Σγ, its mean and
/// its scatter about that mean. They know of the covariance type the shape of the scatter alone.
class SufficientStatistics {
 public:
  /// Empty sums about the pivots (K, D), row-major.
  SufficientStatistics(Index n_components, Index n_features, CovarianceType type, const double* pivots);
  SufficientStatistics(Index n_components, Index n_features, ScatterShape shape, const double* pivots);

  Index k;
  Index d;
  bool full;                    ///< as in ScatterShape
  bool pooled;                  ///< likewise
  std::vector<double> pivot;    ///< (K, D)
  std::vector<double> weight;   ///< n_k, (K,)
  std::vector<double> delta;    ///< mean − pivot, (K, D); 0 where n_k = 0
  std::vector<double> scatter;  ///< Σ γ (x − mean)(x − mean)ᵀ, K or 1 of scatter_size()
  double log_likelihood = 0.0;
  double total_weight = 0.0;

  Index scatter_size() const noexcept { return full ? d * d : d; }
  double* scatter_of(Index component) noexcept { return scatter.data() + (pooled ? 0 : component * scatter_size()); }
  const double* scatter_of(Index component) const noexcept {
    return scatter.data() + (pooled ? 0 : component * scatter_size());
  }

  /// Adds rows of weight n, mean pivot + shift, (d,), and scatter s about that mean to one component. A null `s` stands
  /// for zeros. The pairwise update of Chan, Golub & LeVeque (1983), with δ' = shift:
  ///   S += s + n_k n / (n_k + n) (δ' − δ)(δ' − δ)ᵀ,  δ += n / (n_k + n) (δ' − δ),  n_k += n
  void add(Index component, double n, const double* shift, const double* s);
  /// Adds other sums of the same shape, whatever their pivots.
  void merge(const SufficientStatistics& other);
  /// Multiplies all sums by factor ≥ 0; means stay, but for those of components that are left without weight.
  void scale(double factor);
  /// Whether every sum is finite; the log-likelihood is not looked at.
  bool finite() const noexcept;
  /// Empty sums of the same shape about the same pivots.
  SufficientStatistics empty_copy() const;

  friend bool operator==(const SufficientStatistics& a, const SufficientStatistics& b) noexcept;
};

}  // namespace gaussmix::detail
