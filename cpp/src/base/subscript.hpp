#pragma once

#include <gaussmix/views.hpp>

#include <cstddef>

namespace gaussmix::detail {

/// The subscript of a standard container for an index i ≥ 0: those are unsigned, an Index is signed.
constexpr std::size_t at(Index i) noexcept { return static_cast<std::size_t>(i); }

}  // namespace gaussmix::detail
