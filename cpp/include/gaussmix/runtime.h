#pragma once

// A part of gaussmix.h: what every function shares, and the process.

#include <gaussmix/export.h>

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/// Grows when a function or struct below changes its meaning; additions leave it as it is.
#define GAUSSMIX_ABI_VERSION 2

typedef enum gaussmix_status {
  GAUSSMIX_OK = 0,
  GAUSSMIX_ERROR_INVALID_ARGUMENT = 1,  ///< an argument breaks a documented rule: null, shape, range, finiteness
  GAUSSMIX_ERROR_NUMERICAL = 2,         ///< no finite answer: a singular covariance, a collapsed component
  GAUSSMIX_ERROR_FORMAT = 3,  ///< bytes that this library did not write: truncated, corrupt, of another version
  GAUSSMIX_ERROR_IO = 4,      ///< the operating system refused: no such file, no permission, disk full
  GAUSSMIX_ERROR_OUT_OF_MEMORY = 5,
  GAUSSMIX_ERROR_INTERRUPTED = 6,  ///< the caller's stop function ended the call
  GAUSSMIX_ERROR_INTERNAL = 7      ///< a defect of this library
} gaussmix_status;

/// Why the last call that failed on this thread did: argument, place, rule and value, in UTF-8, at most 1023 bytes; ""
/// before any failed. Valid until the next failure on this thread.
GAUSSMIX_API const char* gaussmix_last_error(void);
/// The version of the library, "major.minor.patch".
GAUSSMIX_API const char* gaussmix_version(void);
/// GAUSSMIX_ABI_VERSION of the library that is linked, to be compared with that of the header.
GAUSSMIX_API int32_t gaussmix_abi_version(void);

/// How a call runs; NULL stands for {sizeof, 0, NULL, NULL}. The result never depends on it.
typedef struct gaussmix_execution {
  size_t struct_size;
  int32_t num_threads;  ///< in [0, 1024]; 0: gaussmix_get_num_threads(). Small work runs on the calling thread alone
  int (*stop)(void* context);  ///< NULL, or asked on the calling thread at least every 0.1 s: not 0 ends the call
  void* context;               ///< handed to `stop`
} gaussmix_execution;

/// The threads that a call uses when it names none: the last number set, else OMP_NUM_THREADS, else the processors that
/// affinity and the cgroup quota leave; 1 in a build without OpenMP.
GAUSSMIX_API gaussmix_status gaussmix_get_num_threads(int32_t* num_threads);
/// Sets that number for the whole process, in [0, 1024]; 0 returns to the rule.
GAUSSMIX_API gaussmix_status gaussmix_set_num_threads(int32_t num_threads);

// Texts and lists below belong to the library and live as long as it does.

/// The instruction-set level in use: "baseline" (SSE2 on x86-64, NEON on arm64), "avx2" or "avx512". Chosen once, at
/// first use: the one that GAUSSMIX_SIMD names in the environment, else the best of gaussmix_simd_levels().
GAUSSMIX_API gaussmix_status gaussmix_get_simd_level(const char** level);
/// Forces a level for all later calls. Those that run end at the level that they began with; a row scorer stays at its
/// own.
GAUSSMIX_API gaussmix_status gaussmix_set_simd_level(const char* level);
/// The levels of this build that this processor runs, from the least to the best, (n_levels,).
GAUSSMIX_API gaussmix_status gaussmix_simd_levels(const char* const** levels, int64_t* n_levels);
/// What the library was built with, (n_entries,) each: version, compiler, eigen, nlohmann_json, openmp, simd_levels,
/// build_type, assertions.
GAUSSMIX_API gaussmix_status gaussmix_build_info(const char* const** names, const char* const** values,
                                                 int64_t* n_entries);

#ifdef __cplusplus
}
#endif
