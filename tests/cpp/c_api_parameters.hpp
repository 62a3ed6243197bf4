#pragma once

// A problem's parameters as the C ABI takes them.

#include "problems.hpp"

#include <gaussmix/gaussmix.h>

namespace problems {

inline gaussmix_parameters parameters_of(const Problem& p, bool allow_singular = false) {
  return {sizeof(gaussmix_parameters),
          static_cast<std::int32_t>(p.type),
          allow_singular ? 1 : 0,
          p.k,
          p.d,
          static_cast<Index>(p.covariances.size()),
          p.weights.data(),
          p.means.data(),
          p.covariances.data()};
}

}  // namespace problems
