// Any bytes are statistics, which then survive being saved with their mixture and without it, or a FormatError.

#include <gaussmix/error.hpp>
#include <gaussmix/statistics.hpp>

#include <cstddef>
#include <cstdint>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace gaussmix;
  try {
    const Statistics sums = Statistics::from_bytes({data, static_cast<Index>(size)});
    if (Statistics::from_bytes(sums.to_bytes()) != sums) __builtin_trap();
    if (Statistics::from_bytes(sums.to_bytes(false), sums.mixture()) != sums) __builtin_trap();
  } catch (const FormatError&) {
  }
  return 0;
}
