#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace gaussmix::detail {

/// CRC-32 as zlib, gzip and PNG have it: of `size` bytes that follow those whose sum is `crc`.
std::uint32_t crc32(const void* data, std::size_t size, std::uint32_t crc = 0) noexcept;

/// A sum as eight hexadecimal digits.
std::string hexadecimal(std::uint32_t crc);

}  // namespace gaussmix::detail
