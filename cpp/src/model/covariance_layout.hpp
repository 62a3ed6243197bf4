#pragma once

#include <gaussmix/views.hpp>

#include <string>
#include <vector>

namespace gaussmix::detail {

/// What one covariance of a mixture consists of: a symmetric (D, D) matrix, D variances, or one variance for all
/// features.
enum class CovarianceShape { matrix, diagonal, spherical };

/// How the covariances of a mixture lie in one row-major array: one of `shape` for each component or one that all
/// share.
struct CovarianceLayout {
  CovarianceShape shape;
  bool shared;

  bool is_matrix() const noexcept { return shape == CovarianceShape::matrix; }
  /// How many covariances there are for `k` components.
  Index count(Index k) const noexcept { return shared ? 1 : k; }
  /// Values of one covariance of `d` features.
  Index values_each(Index d) const noexcept {
    return shape == CovarianceShape::matrix ? d * d : shape == CovarianceShape::diagonal ? d : 1;
  }
  /// Free parameters of one covariance of `d` features.
  Index parameters_each(Index d) const noexcept { return is_matrix() ? d * (d + 1) / 2 : values_each(d); }
  /// Where the covariance of `component` begins.
  Index offset(Index component, Index d) const noexcept { return shared ? 0 : component * values_each(d); }
  /// Where the variance of `feature` of `component` stands.
  Index variance_at(Index component, Index feature, Index d) const noexcept {
    const Index stride = shape == CovarianceShape::matrix ? d + 1 : shape == CovarianceShape::diagonal ? 1 : 0;
    return offset(component, d) + feature * stride;
  }
  /// The shape of the array: (K, D, D), (D, D), (K, D), (D,), (K,) or (1,).
  std::vector<Index> dims(Index k, Index d) const;
  /// Values of the array. @throws InvalidArgument, which calls it `name`, when they are too many to count
  Index size(Index k, Index d, const char* name) const;
  /// "name[k, i, j]" for the position in the flattened array.
  std::string place(const std::string& name, Index d, Index position) const;
};

}  // namespace gaussmix::detail
