#pragma once

#include <cstddef>
#include <cstdint>

namespace gaussmix::detail {

/// CRC-32 as zlib, gzip and PNG have it: of `size` bytes that follow those whose sum is `crc`.
std::uint32_t crc32(const void* data, std::size_t size, std::uint32_t crc = 0) noexcept;

}  // namespace gaussmix::detail
