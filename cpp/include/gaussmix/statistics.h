#pragma once

// A part of gaussmix.h: the sums of EM.

#include <gaussmix/export.h>
#include <gaussmix/mixture.h>
#include <gaussmix/runtime.h>
#include <gaussmix/score.h>

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/// The sums of EM's E-step under a mixture: additive over data, mergeable over machines.
typedef struct gaussmix_statistics gaussmix_statistics;

/// What is done with a component that is empty or collapsed; the C++ header statistics.hpp has the thresholds.
typedef enum gaussmix_on_degenerate {
  GAUSSMIX_ON_DEGENERATE_RAISE = 0,   ///< GAUSSMIX_ERROR_NUMERICAL that names the component
  GAUSSMIX_ON_DEGENERATE_FLOOR = 1,   ///< keep every covariance above 1e-6 of the data's own
  GAUSSMIX_ON_DEGENERATE_DROP = 2,    ///< go on without the component
  GAUSSMIX_ON_DEGENERATE_RESEED = 3,  ///< put the component beside the heaviest one, which it halves
  GAUSSMIX_ON_DEGENERATE_KEEP = 4     ///< go on with it: collapsed, with what reg_covar leaves it; empty, as it was
} gaussmix_on_degenerate;

/// A conjugate prior of the parameters, of which EM then finds the maximum a posteriori; the C++ header prior.hpp has
/// the densities. {sizeof, 1.0, 0.0, NULL, 0.0, NULL} is flat.
typedef struct gaussmix_prior {
  size_t struct_size;
  double weight_concentration;  ///< of the Dirichlet distribution of the weights; ≥ 1, where it is flat
  double mean_precision;        ///< ≥ 0: as many rows at `mean` for each component
  const double* mean;           ///< (D,); NULL where mean_precision is 0
  double degrees_of_freedom;    ///< above D - 1 for matrices, above 0 for variances; 0 where `scale` is NULL
  const double* scale;          ///< in the shape of one covariance; NULL for a flat density of covariances
} gaussmix_prior;

/// Options of the M-step; NULL stands for {sizeof, GAUSSMIX_ON_DEGENERATE_RAISE, 0, 0.0, NULL}.
typedef struct gaussmix_maximize_options {
  size_t struct_size;
  int32_t on_degenerate;        ///< a gaussmix_on_degenerate
  int32_t allow_singular;       ///< not 0: keep singular covariances
  double reg_covar;             ///< added to every variance; finite, ≥ 0
  const gaussmix_prior* prior;  ///< NULL for the maximum likelihood; not together with allow_singular
} gaussmix_maximize_options;

/// Which components an M-step had to treat, by their index before it, in ascending order. The arrays are the caller's,
/// of `capacity` ≥ K values each, or NULL for what is not asked.
typedef struct gaussmix_maximize_report {
  size_t struct_size;
  int64_t capacity;   ///< of each array
  int64_t* floored;   ///< (n_floored,)
  int64_t* dropped;   ///< (n_dropped,)
  int64_t* reseeded;  ///< (n_reseeded,)
  int64_t* kept;      ///< (n_kept,)
  int64_t n_floored;  ///< set by the call, as the three below
  int64_t n_dropped;
  int64_t n_reseeded;
  int64_t n_kept;
} gaussmix_maximize_report;

/// Empty sums under `mixture`, which may be freed before them.
GAUSSMIX_API gaussmix_status gaussmix_statistics_create(const gaussmix_mixture* mixture,
                                                        gaussmix_statistics** statistics);
GAUSSMIX_API gaussmix_status gaussmix_statistics_free(gaussmix_statistics* statistics);
/// One E-step over X, added to the sums. `sample_weight` as in gaussmix_log_likelihood().
GAUSSMIX_API gaussmix_status gaussmix_statistics_accumulate(gaussmix_statistics* statistics, const gaussmix_samples* x,
                                                            const double* sample_weight, int64_t sample_weight_stride,
                                                            const gaussmix_execution* execution);
/// Adds the sums of other data; K, D and covariance type must be equal.
GAUSSMIX_API gaussmix_status gaussmix_statistics_merge(gaussmix_statistics* statistics,
                                                       const gaussmix_statistics* other);
/// Multiplies all sums by `factor`, finite and ≥ 0.
GAUSSMIX_API gaussmix_status gaussmix_statistics_scale(gaussmix_statistics* statistics, double factor);
/// The sum of the weights and Σ_i w_i log p(x_i) under the mixture of the sums; either may be NULL.
GAUSSMIX_API gaussmix_status gaussmix_statistics_totals(const gaussmix_statistics* statistics, double* total_weight,
                                                        double* log_likelihood);
/// out[k] = n_k = Σ_i w_i p(z_k = 1 | x_i), n_components = K values.
GAUSSMIX_API gaussmix_status gaussmix_statistics_component_weights(const gaussmix_statistics* statistics, double* out,
                                                                   int64_t n_components);
/// A handle of its own for the mixture that the sums were made under.
GAUSSMIX_API gaussmix_status gaussmix_statistics_mixture(const gaussmix_statistics* statistics,
                                                         gaussmix_mixture** mixture);
/// The M-step: the mixture that these sums make most likely. `options`, `report` and `execution` may be NULL; after an
/// error the report is as it was.
GAUSSMIX_API gaussmix_status gaussmix_statistics_maximize(const gaussmix_statistics* statistics,
                                                          const gaussmix_maximize_options* options,
                                                          gaussmix_maximize_report* report,
                                                          const gaussmix_execution* execution,
                                                          gaussmix_mixture** mixture);
/// Saves the sums, loads them, and the same with bytes, in the manner of gaussmix_mixture_save() and the functions that
/// follow it. `with_mixture` 0: without their mixture, of which a digest is kept; down to a third of the bytes.
/// `mixture` is the one that the sums were made under, needed for what was saved without it, and may be NULL for what
/// was saved with it; another one is GAUSSMIX_ERROR_FORMAT.
GAUSSMIX_API gaussmix_status gaussmix_statistics_save(const gaussmix_statistics* statistics, const char* path,
                                                      int32_t with_mixture);
GAUSSMIX_API gaussmix_status gaussmix_statistics_load(const char* path, const gaussmix_mixture* mixture,
                                                      const gaussmix_execution* execution,
                                                      gaussmix_statistics** statistics);
GAUSSMIX_API gaussmix_status gaussmix_statistics_to_bytes(const gaussmix_statistics* statistics, int32_t with_mixture,
                                                          uint8_t* out, int64_t capacity, int64_t* size);
GAUSSMIX_API gaussmix_status gaussmix_statistics_from_bytes(const uint8_t* bytes, int64_t size,
                                                            const gaussmix_mixture* mixture,
                                                            const gaussmix_execution* execution,
                                                            gaussmix_statistics** statistics);

#ifdef __cplusplus
}
#endif
