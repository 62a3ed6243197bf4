#pragma once

// A part of gaussmix.h: where EM starts, and k-means by itself.

#include <gaussmix/export.h>
#include <gaussmix/runtime.h>
#include <gaussmix/score.h>

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/// Where EM starts.
typedef enum gaussmix_init {
  GAUSSMIX_INIT_KMEANS = 0,
  GAUSSMIX_INIT_KMEANS_PLUS_PLUS = 1,
  GAUSSMIX_INIT_RANDOM = 2,
  GAUSSMIX_INIT_RANDOM_FROM_DATA = 3
} gaussmix_init;

// `sample_weight` as in gaussmix_log_likelihood(); `execution` may be NULL. GAUSSMIX_ERROR_INVALID_ARGUMENT when
// n_components is not in [1, N] or exceeds the rows of positive weight.

/// K rows of X chosen by greedy k-means++, with probability proportional to w · (distance to the nearest chosen row)²:
/// their indices, to rows[0 … n_components).
GAUSSMIX_API gaussmix_status gaussmix_kmeans_plus_plus(const gaussmix_samples* x, int64_t n_components, uint64_t seed,
                                                       const double* sample_weight, int64_t sample_weight_stride,
                                                       const gaussmix_execution* execution, int64_t* rows);

/// What Lloyd's algorithm ends with. The arrays are the caller's, contiguous, or NULL for what is not asked.
typedef struct gaussmix_kmeans_result {
  size_t struct_size;
  double* centers;  ///< (K, D), row-major
  int32_t* labels;  ///< (N,), the nearest center, the first of equals
  double inertia;   ///< set by the call: Σ_i w_i ‖x_i − center‖²
  int32_t n_iter;   ///< set by the call
} gaussmix_kmeans_result;

/// k-means++ seeding, then Lloyd's iterations until no label changes, `max_iter` ≥ 0 at most; C++ has 300 as its
/// default.
GAUSSMIX_API gaussmix_status gaussmix_kmeans(const gaussmix_samples* x, int64_t n_components, uint64_t seed,
                                             const double* sample_weight, int64_t sample_weight_stride,
                                             int32_t max_iter, const gaussmix_execution* execution,
                                             gaussmix_kmeans_result* result);

#ifdef __cplusplus
}
#endif
