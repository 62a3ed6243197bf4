#pragma once

#include <gaussmix/views.hpp>

#include <cstdint>

namespace gaussmix::detail {

/// Responsibilities of a block times its rows' weights and 2^−exponent: gamma is (K, stride), zero in the padding; or, where
/// `begin` is given, of component k only the rows that count, at [begin[k], begin[k + 1]) of `gamma` and, ascending, of `rows`.
template <class T>
struct BlockResponsibilities {
  const T* gamma;
  Index stride;
  const Index* begin = nullptr;
  const std::int32_t* rows = nullptr;
};

}  // namespace gaussmix::detail
