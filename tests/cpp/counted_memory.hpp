#pragma once

// The memory functions of the C library, counted, and refused when asked to. operator new, aligned_alloc and Eigen's malloc all
// end in them. To be included by one source of a program with one thread, on glibc.

#include <gaussmix/export.h>

#include <cerrno>
#include <cstddef>
#include <cstring>
#include <limits>

// What glibc's own functions are called underneath.
extern "C" {
void* __libc_malloc(std::size_t size);
void* __libc_memalign(std::size_t alignment, std::size_t size);
void* __libc_realloc(void* memory, std::size_t size);
void __libc_free(void* memory);
}

namespace counted_memory {

constexpr long unlimited = std::numeric_limits<long>::max();

inline long n_allocations = 0;         ///< asked for so far
inline long n_bytes = 0;               ///< asked for so far
inline long n_refused = 0;             ///< of these
inline long n_live = 0;                ///< given and not yet freed
inline long n_granted = unlimited;     ///< still to be given before one is refused
inline bool refuses_for_good = false;  ///< then every later one too; else only that one

inline bool grant(std::size_t bytes) noexcept {
  ++n_allocations;
  n_bytes += static_cast<long>(bytes);
  if (n_granted > 0) {
    if (n_granted != unlimited) --n_granted;
    return true;
  }
  if (!refuses_for_good) n_granted = unlimited;
  ++n_refused;
  errno = ENOMEM;
  return false;
}

inline void* counted(void* memory) noexcept {
  if (memory != nullptr) ++n_live;
  return memory;
}

}  // namespace counted_memory

extern "C" {

GAUSSMIX_API void* malloc(std::size_t size) noexcept {
  using namespace counted_memory;
  return grant(size) ? counted(__libc_malloc(size)) : nullptr;
}

GAUSSMIX_API void* calloc(std::size_t n, std::size_t size) noexcept {
  std::size_t bytes = 0;
  if (__builtin_mul_overflow(n, size, &bytes)) return nullptr;
  void* memory = malloc(bytes);
  return memory == nullptr ? nullptr : std::memset(memory, 0, bytes);
}

GAUSSMIX_API void* realloc(void* memory, std::size_t size) noexcept {
  if (memory == nullptr) return malloc(size);
  return counted_memory::grant(size) ? __libc_realloc(memory, size) : nullptr;
}

GAUSSMIX_API void* aligned_alloc(std::size_t alignment, std::size_t size) noexcept {
  using namespace counted_memory;
  return grant(size) ? counted(__libc_memalign(alignment, size)) : nullptr;
}

GAUSSMIX_API int posix_memalign(void** memory, std::size_t alignment, std::size_t size) noexcept {
  *memory = aligned_alloc(alignment, size);
  return *memory == nullptr ? ENOMEM : 0;
}

GAUSSMIX_API void free(void* memory) noexcept {
  if (memory != nullptr) --counted_memory::n_live;
  __libc_free(memory);
}
}
