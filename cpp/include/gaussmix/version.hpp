#pragma once

#include <gaussmix/export.h>

#include <string>
#include <utility>
#include <vector>

namespace gaussmix {

/// The version of the library, "major.minor.patch".
GAUSSMIX_API const char* version() noexcept;

/// What this binary was built with, as (name, value): version, compiler, eigen, nlohmann_json, openmp, simd_levels,
/// build_type, assertions.
GAUSSMIX_API std::vector<std::pair<std::string, std::string>> build_info();

}  // namespace gaussmix
