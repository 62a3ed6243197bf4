#include "em/weak_components.hpp"

#include "base/subscript.hpp"
#include "data/samples.hpp"
#include "em/covariance_floor.hpp"
#include "em/covariance_model.hpp"
#include "model/mixture_data.hpp"
#include "numeric/linalg.hpp"
#include "numeric/pivoted_cholesky.hpp"

#include <algorithm>

namespace gaussmix::detail {
namespace {

/// What a covariance that was raised to the floor is multiplied by, so that rounding does not lift it above: far more
/// than that, far less than anything that matters.
constexpr double beside_floor = 1.0 - 0x1p-20;

/// Features of which none is constant or a linear function of others, of one covariance of all the data.
std::vector<Index> independent_features(const std::vector<double>& total, CovarianceShape shape, Index d) {
  std::vector<Index> features;
  if (shape == CovarianceShape::matrix) {
    const PivotedCholesky pivoted = pivoted_cholesky(total.data(), d);
    if (!pivoted.order.empty()) features.assign(pivoted.order.begin(), pivoted.order.begin() + pivoted.rank);
    std::sort(features.begin(), features.end());
    return features;
  }
  for (Index j = 0; j < static_cast<Index>(total.size()); ++j)
    if (total[at(j)] > 0.0) features.push_back(j);
  return features;
}

/// One covariance, of d features, in some of them.
std::vector<double> restricted(const double* sigma, CovarianceShape shape, Index d,
                               const std::vector<Index>& features) {
  std::vector<double> out;
  for (const Index i : features) {
    if (shape != CovarianceShape::matrix)
      out.push_back(sigma[i]);
    else
      for (const Index j : features) out.push_back(sigma[i * d + j]);
  }
  return out;
}

}  // namespace

WeakComponents::WeakComponents(const FitProblem& p, const SufficientStatistics& whole)
    : n_rows_(static_cast<double>(check_sample_weight(p.weight, p.n()))), reg_covar_(p.options.reg_covar) {
  const CovarianceLayout& layout = layout_of(p.options.covariance_type);
  const std::vector<double> total = covariance_of_all(whole, layout);
  features_ = independent_features(total, layout.shape, p.d());
  total_ = restricted(total.data(), layout.shape, p.d(), features_);
}

Index WeakComponents::count(const Mixture& mixture) const {
  const double least = static_cast<double>(mixture.n_features() + 1);
  Index n = 0;
  for (Index k = 0; k < mixture.n_components(); ++k)
    n += mixture.weights()[k] * n_rows_ < least || is_narrow(mixture, k);
  return n;
}

bool WeakComponents::is_narrow(const Mixture& mixture, Index component) const {
  const MixtureData& m = mixture.data();
  const double* sigma = m.covariances.data() + m.layout.offset(component, m.d);
  std::vector<double> before(sigma, sigma + m.layout.values_each(m.d));
  add_to_variances(before.data(), m.layout.shape, m.d, -reg_covar_);
  before = restricted(before.data(), m.layout.shape, m.d, features_);
  for (double& value : before) value *= beside_floor;
  if (m.layout.is_matrix())
    return floor_covariance(before.data(), total_.data(), static_cast<Index>(features_.size()), relative_floor);
  for (std::size_t j = 0; j < total_.size(); ++j)
    if (before[j] < relative_floor * total_[j]) return true;
  return false;
}

}  // namespace gaussmix::detail
