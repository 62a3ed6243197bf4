#pragma once

#include <gaussmix/statistics.hpp>

#include <vector>

namespace gaussmix::detail {

/// What is gathered of the scatter of the rows.
struct ScatterShape {
  bool full;    ///< matrices (d, d), lower triangle; else variances (d,)
  bool pooled;  ///< one for all components, each about its own mean
};

/// The sums of Statistics. They know only the scatter's shape: whole matrices or variances, per component or pooled.
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

  /// Adds `n` of weight whose mean is pivot + `shift` and whose scatter about that mean is `s`, to component `component`:
  /// the pairwise update of Chan, Golub & LeVeque (1983). A null `s` stands for zeros.
  void add(Index component, double n, const double* shift, const double* s);
  /// Adds other sums of the same shape, whatever their pivots.
  void merge(const SufficientStatistics& other);
  void scale(double factor);
  /// Whether every sum is, the log-likelihood aside.
  bool finite() const noexcept;
  /// Empty sums of the same shape about the same pivots.
  SufficientStatistics empty_copy() const;

  friend bool operator==(const SufficientStatistics& a, const SufficientStatistics& b) noexcept;
};

}  // namespace gaussmix::detail
