#include "c_api/prior.hpp"

#include "c_api/border.hpp"

#include <gaussmix/mixture.hpp>

namespace gaussmix::c_api {
namespace {

/// Null is empty.
std::vector<double> copied(const double* values, const char* name, Index size) {
  if (optional(values, name) == nullptr) return {};
  return {values, values + size};
}

}  // namespace

std::optional<Prior> prior_argument(const gaussmix_prior* prior, CovarianceType type, Index n_features) {
  if (prior == nullptr) return std::nullopt;
  if (n_features < 1) detail::throw_invalid("X must have at least 1 feature, but has " + std::to_string(n_features));
  const gaussmix_prior given = input(prior, "prior");
  Index size = 1;
  for (const Index dim : covariance_shape(type, 1, n_features))
    size = detail::checked_product(size, dim, "prior.scale");
  return Prior{given.weight_concentration, given.mean_precision, copied(given.mean, "prior.mean", n_features),
               given.degrees_of_freedom, copied(given.scale, "prior.scale", size)};
}

}  // namespace gaussmix::c_api
