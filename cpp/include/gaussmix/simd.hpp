#pragma once

#include <gaussmix/export.h>

#include <string>
#include <vector>

namespace gaussmix {

/// The instruction-set level in use: "baseline" (SSE2 on x86-64, NEON on arm64), "avx2" or "avx512". Chosen once, at
/// first use: the one that GAUSSMIX_SIMD names, else the best that this build holds and this processor runs.
/// @throws InvalidArgument when GAUSSMIX_SIMD names a level that is unknown or absent
GAUSSMIX_API std::string simd_level();

/// Forces a level for all later calls. One that runs, on whatever threads, ends at the level that it began with; a
/// RowScorer stays at the level that it was made at.
/// @throws InvalidArgument when the level is unknown, not in this build, or not run by this processor
GAUSSMIX_API void set_simd_level(const std::string& level);

/// The levels of this build that this processor runs, from the least to the best.
GAUSSMIX_API std::vector<std::string> simd_levels();

}  // namespace gaussmix
