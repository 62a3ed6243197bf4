#include "base/buffer.hpp"
#include "simd/kernel_table.hpp"

#include <doctest/doctest.h>

#include <cstdint>
#include <limits>
#include <new>

using namespace gaussmix;
using namespace gaussmix::detail;

TEST_CASE_TEMPLATE("a Buffer is aligned, grows, and keeps its memory", T, float, double, Index, std::int32_t) {
  Buffer<T> buffer;
  CHECK(buffer.size() == 0);
  for (const Index size : {1, 3, 16, 17, 1000, 600001}) {
    buffer.resize(size);
    CHECK(buffer.size() == size);
    CHECK(reinterpret_cast<std::uintptr_t>(buffer.data()) % simd::alignment == 0);
    buffer[0] = T(1);
    buffer[size - 1] = T(2);
    CHECK(buffer[size - 1] == T(2));
  }
  CHECK(reinterpret_cast<std::uintptr_t>(buffer.data()) % (1 << 21) == 0);  // large enough for large pages
  const T* before = buffer.data();
  buffer.resize(5);
  CHECK(buffer.size() == 5);
  buffer.resize(600001);
  CHECK(buffer.data() == before);
  CHECK(Buffer<T>(7).size() == 7);
}

TEST_CASE("a Buffer that cannot grow stays as it was") {
  Buffer<double> buffer(4);
  buffer[3] = 0.5;
  constexpr Index largest = std::numeric_limits<Index>::max();
  for (const Index size : {Index{-1}, largest, largest / 8, largest / 8 + 1, Index{1} << 61}) {
    CHECK_THROWS_AS(buffer.resize(size), std::bad_alloc);
  }
  CHECK(buffer.size() == 4);
  CHECK(buffer[3] == 0.5);
}
