#pragma once

#include "arguments.hpp"

#include <gaussmix/mixture.hpp>
#include <gaussmix/prior.hpp>

#include <optional>

namespace gaussmix::bindings {

/// None as nothing, else a gaussmix.Prior of covariances of this type.
/// @throws py::type_error   for anything else
/// @throws InvalidArgument  for arrays of other shapes
std::optional<Prior> prior_argument(py::handle prior, CovarianceType type, Index n_features);

}  // namespace gaussmix::bindings
