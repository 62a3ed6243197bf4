#pragma once

#include <cstdint>

namespace gaussmix::simd {

/// The Features that this processor has and the operating system keeps the registers of.
std::uint32_t cpu_features() noexcept;

}  // namespace gaussmix::simd
