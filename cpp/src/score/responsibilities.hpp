#pragma once

#include <gaussmix/views.hpp>

#include <cstdint>

namespace gaussmix::detail {

/// Responsibilities of a block times its rows' weights; the weights are divided by a power of two that their owner
/// keeps. As an array, gamma is (K, stride), zero in the padding. As lists, where `begin` is given, component k has
/// only the rows that count: their places, ascending, at [begin[k], begin[k + 1]) of `rows`, and their values there in
/// `gamma`.
template <class T>
struct BlockResponsibilities {
  const T* gamma;
  Index stride;
  const Index* begin = nullptr;
  const std::int32_t* rows = nullptr;
};

}  // namespace gaussmix::detail
