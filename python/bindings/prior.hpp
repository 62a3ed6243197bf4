#pragma once

#include "arguments.hpp"

#include <gaussmix/prior.hpp>

#include <optional>

namespace gaussmix::bindings {

/// None as nothing, else a gaussmix.Prior. @throws py::type_error for anything else
std::optional<Prior> prior_argument(py::handle prior);

}  // namespace gaussmix::bindings
