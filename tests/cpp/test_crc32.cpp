#include "io/crc32.hpp"

#include <doctest/doctest.h>

#include <string>

using gaussmix::detail::crc32;

TEST_CASE("crc32: the check values of its catalog and of zlib") {
  CHECK(crc32("", 0) == 0);
  CHECK(crc32("123456789", 9) == 0xCBF43926);
  std::string bytes;  // 0, 1, …, 255 four times over
  for (int i = 0; i < 1024; ++i) bytes.push_back(static_cast<char>(i));
  CHECK(crc32(bytes.data(), bytes.size()) == 0xB70B4C26);
}

TEST_CASE("crc32: a sum is written as eight digits") {
  CHECK(gaussmix::detail::hexadecimal(0xCBF43926) == "cbf43926");
  CHECK(gaussmix::detail::hexadecimal(0x0000000A) == "0000000a");
}

TEST_CASE("crc32: bytes summed in pieces of any size and at any address are the bytes summed at once") {
  std::string bytes;
  for (int i = 0; i < 300; ++i) bytes.push_back(static_cast<char>(i * i + 3 * i));
  for (std::size_t begin = 0; begin < 9; ++begin)
    for (std::size_t cut = begin; cut <= bytes.size(); ++cut) {
      const std::uint32_t first = crc32(bytes.data() + begin, cut - begin);
      CHECK(crc32(bytes.data() + cut, bytes.size() - cut, first) == crc32(bytes.data() + begin, bytes.size() - begin));
    }
}
