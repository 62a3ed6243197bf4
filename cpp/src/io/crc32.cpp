#include "io/crc32.hpp"

#include <array>
#include <cstring>

namespace gaussmix::detail {
namespace {

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the first byte of a word is its lowest");

/// Bytes that one step takes; each has a table of what it does to the sum from its place in the step.
constexpr std::size_t step = 16;
using Tables = std::array<std::array<std::uint32_t, 256>, step>;

constexpr Tables make_tables() {
  Tables tables{};
  for (std::uint32_t byte = 0; byte < 256; ++byte) {
    std::uint32_t sum = byte;
    for (int bit = 0; bit < 8; ++bit) sum = (sum >> 1) ^ ((sum & 1) != 0 ? 0xEDB88320u : 0u);
    tables[0][byte] = sum;
  }
  for (std::size_t place = 1; place < step; ++place)
    for (std::size_t byte = 0; byte < 256; ++byte) {
      const std::uint32_t before = tables[place - 1][byte];
      tables[place][byte] = (before >> 8) ^ tables[0][before & 0xFF];
    }
  return tables;
}

constexpr Tables tables = make_tables();

}  // namespace

std::uint32_t crc32(const void* data, std::size_t size, std::uint32_t crc) noexcept {
  const auto* bytes = static_cast<const std::uint8_t*>(data);
  std::uint32_t sum = ~crc;
  for (; size >= step; size -= step, bytes += step) {
    std::uint32_t rest = 0;  // of the bytes that the sum so far does not reach, so that they need not wait for it
    for (std::size_t i = sizeof sum; i < step; ++i) rest ^= tables[step - 1 - i][bytes[i]];
    std::uint32_t first;
    std::memcpy(&first, bytes, sizeof first);
    first ^= sum;
    sum = rest ^ (tables[step - 1][first & 0xFF] ^ tables[step - 2][(first >> 8) & 0xFF]) ^
          (tables[step - 3][(first >> 16) & 0xFF] ^ tables[step - 4][first >> 24]);
  }
  for (; size > 0; --size, ++bytes) sum = (sum >> 8) ^ tables[0][(sum ^ *bytes) & 0xFF];
  return ~sum;
}

std::string hexadecimal(std::uint32_t crc) {
  std::string digits(8, '0');
  for (std::size_t i = 0; i < digits.size(); ++i) digits[i] = "0123456789abcdef"[(crc >> (28 - 4 * i)) & 0xF];
  return digits;
}

}  // namespace gaussmix::detail
