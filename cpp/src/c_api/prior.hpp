#pragma once

#include <gaussmix/gaussmix.h>
#include <gaussmix/prior.hpp>
#include <gaussmix/views.hpp>

#include <optional>

namespace gaussmix {
enum class CovarianceType;
}

namespace gaussmix::c_api {

/// Null is none. Its arrays have the sizes that a prior of covariances of `type` in `n_features` has.
std::optional<Prior> prior_argument(const gaussmix_prior* prior, CovarianceType type, Index n_features);

}  // namespace gaussmix::c_api
