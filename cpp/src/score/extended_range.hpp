#pragma once

#include "model/component_terms.hpp"

#include <vector>

namespace gaussmix::detail {

/// One row in long double, whose exponents have a wider range: for rows whose squared distances overflow in the
/// kernels, and for those off every support. They are rare, so the loops are plain. x86-64's long double, of 80 bits,
/// and arm64's, of 128, hold the square of any distance between float64 numbers in units of any float64 standard
/// deviation.
class ExtendedRangeRow {
 public:
  explicit ExtendedRangeRow(const ComponentTerms& mixture);

  /// Evaluates x, (D,), finite; allocates nothing.
  void evaluate(const double* x);

  /// log N(x | μ_k, Σ_k), (K,); −inf off the support.
  const std::vector<long double>& log_normal() const noexcept { return log_normal_; }
  /// log π_k + log N, (K,).
  const std::vector<long double>& log_joint() const noexcept { return log_joint_; }
  /// log γ(z_k), (K,); log π_k off every support.
  const std::vector<double>& log_gamma() const noexcept { return log_gamma_; }
  /// γ(z_k), (K,).
  const std::vector<double>& gamma() const noexcept { return gamma_; }
  /// log p(x).
  long double log_p() const noexcept { return log_p_; }
  /// The component with the largest γ, the first of equals.
  Index label() const noexcept;

 private:
  void load(Index component, const double* x, const std::vector<Index>& order);
  long double matrix_distance(const CovarianceFactor& factor);
  long double variance_distance(Index component) const;
  long double distance(Index component, const double* x);
  long double ahead(std::size_t a, std::size_t b) const;

  const ComponentTerms& mixture_;
  std::vector<long double> log_normal_, log_joint_;
  std::vector<double> log_gamma_, gamma_;
  long double log_p_ = 0;
  std::vector<long double> z_, size_;      ///< x_j − μ_j and |x_j| + |μ_j| of one component, (D,)
  std::vector<long double> q_, constant_;  ///< log_joint = constant − q / 2, (K,)
  std::vector<long double> behind_;        ///< log-joint less the largest one, (K,)
};

}  // namespace gaussmix::detail
