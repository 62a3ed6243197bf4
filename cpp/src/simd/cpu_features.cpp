#include "simd/cpu_features.hpp"

#include "simd/kernel_table.hpp"

#ifdef __x86_64__
#include <cpuid.h>
#endif

namespace gaussmix::simd {

#if defined(__x86_64__)

namespace {

constexpr bool bit(unsigned word, int position) { return (word >> position & 1u) != 0; }

/// XCR0: which register states the operating system saves. Only after CPUID has said OSXSAVE.
unsigned saved_states() noexcept {
  unsigned low = 0, high = 0;
  __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return low;
}

}  // namespace

// Intel SDM volume 2, CPUID leaves 1 and 7; volume 1, section 13.3 for XCR0.
std::uint32_t cpu_features() noexcept {
  std::uint32_t found = feature_sse2;  // part of x86-64
  unsigned a = 0, b = 0, c = 0, d = 0;
  if (__get_cpuid(1, &a, &b, &c, &d) == 0 || !bit(c, 27)) return found;  // bit 27: OSXSAVE

  constexpr unsigned avx_states = 0x6;      // bits 1-2: xmm, upper halves of ymm
  constexpr unsigned avx512_states = 0xe6;  // and bits 5-7: masks, zmm 0-15, zmm 16-31
  const unsigned states = saved_states();
  if ((states & avx_states) != avx_states || !bit(c, 28)) return found;
  found |= feature_avx;
  if (bit(c, 12)) found |= feature_fma;

  if (__get_cpuid_count(7, 0, &a, &b, &c, &d) == 0) return found;
  if (bit(b, 5)) found |= feature_avx2;
  if ((states & avx512_states) != avx512_states) return found;
  if (bit(b, 16)) found |= feature_avx512f;
  if (bit(b, 17)) found |= feature_avx512dq;
  if (bit(b, 28)) found |= feature_avx512cd;
  if (bit(b, 30)) found |= feature_avx512bw;
  if (bit(b, 31)) found |= feature_avx512vl;
  return found;
}

#elif defined(__aarch64__)

std::uint32_t cpu_features() noexcept { return feature_neon; }  // part of AArch64

#else

std::uint32_t cpu_features() noexcept { return 0; }

#endif

}  // namespace gaussmix::simd
