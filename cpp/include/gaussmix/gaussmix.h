#pragma once

/// gaussmix.h: the C ABI, for C99 and for every language that calls C.
///
/// Status    Every function that can fail returns GAUSSMIX_STATUS_OK or an error, of which gaussmix_last_error() then says what
///           went wrong. No exception crosses this border; after an error every handle is as it was.
/// Handles   are opaque. What a function makes, its last argument receives (NULL on an error) and its ..._free gives back, in
///           any order. A mixture is immutable: any number of threads may use it at once. Row scorers and statistics hold
///           scratch and sums: one thread at a time each. A handle must not be used after it is freed: that is undefined
///           behavior, and the errors that often tell of it are no protection.
/// Arrays    belong to the caller and are read or written in place, never kept. Sizes are in elements, strides too; any
///           stride is legal, but elements are aligned and lie within the address space, and none of an output shares memory
///           with another one of the call. Outputs may stand beside or between the columns of X in one table; layouts that
///           interleave in another way are refused. Arrays without a stride are contiguous, row-major.
/// Structs   begin with struct_size, their sizeof in the caller's header: later versions add members at the end. A library that
///           does not know a member refuses it unless its bytes are 0, and sets it to 0 in what it fills. No struct has
///           more than 4096 bytes.
/// Memory    A lack of it is a status, GAUSSMIX_STATUS_OUT_OF_MEMORY, and leaves everything as it was; but an OpenMP runtime that
///           finds none for its threads ends the process. With num_threads 1, or gaussmix_set_num_threads(1) for calls without
///           an execution, there are no threads to start.
///
/// N rows, D features, K components. Values and rules are those of the C++ headers, bit for bit.

#include <gaussmix/export.h>

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/// Grows when a function or struct below changes its meaning; additions leave it as it is.
#define GAUSSMIX_ABI_VERSION 1

typedef enum gaussmix_status {
  GAUSSMIX_STATUS_OK = 0,
  GAUSSMIX_STATUS_INVALID_ARGUMENT = 1,  ///< an argument breaks a documented rule: null, shape, range, finiteness
  GAUSSMIX_STATUS_NUMERICAL = 2,         ///< no finite answer: a singular covariance, a collapsed component
  GAUSSMIX_STATUS_FORMAT = 3,  ///< bytes that this library did not write: truncated, corrupt, of another version
  GAUSSMIX_STATUS_IO = 4,      ///< the operating system refused: no such file, no permission, disk full
  GAUSSMIX_STATUS_OUT_OF_MEMORY = 5,
  GAUSSMIX_STATUS_INTERRUPTED = 6,  ///< the caller's stop function ended the call
  GAUSSMIX_STATUS_INTERNAL = 7      ///< a defect of this library
} gaussmix_status;

/// Why the last call that failed on this thread did: argument, place, rule and value, in UTF-8, at most 1023 bytes; "" before
/// any failed. Valid until the next failure on this thread.
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

// ---- mixtures ---------------------------------------------------------------------------------------------------------

/// p(x) = Σ_k π_k N(x | μ_k, Σ_k), ready to score.
typedef struct gaussmix_mixture gaussmix_mixture;

/// The structure of the covariances and the layout of their values.
typedef enum gaussmix_covariance_type {
  GAUSSMIX_COVARIANCE_TYPE_FULL = 0,      ///< (K, D, D), each its own matrix
  GAUSSMIX_COVARIANCE_TYPE_TIED = 1,      ///< (D, D), one for all
  GAUSSMIX_COVARIANCE_TYPE_DIAG = 2,      ///< (K, D), variances
  GAUSSMIX_COVARIANCE_TYPE_SPHERICAL = 3  ///< (K,), one variance each
} gaussmix_covariance_type;

/// What a mixture is made from, and what it tells of itself.
typedef struct gaussmix_parameters {
  size_t struct_size;
  int32_t covariance_type;    ///< a gaussmix_covariance_type
  int32_t allow_singular;     ///< not 0: positive semi-definite covariances too, the density on their support
  int64_t n_components;       ///< K ≥ 1
  int64_t n_features;         ///< D ≥ 1
  int64_t n_covariances;      ///< values in `covariances`, as the layout of covariance_type has them
  const double* weights;      ///< π, (K,), each in [0, 1], their sum 1 within 1e-8
  const double* means;        ///< μ, (K, D)
  const double* covariances;  ///< Σ in the layout of covariance_type
} gaussmix_parameters;

/// Copies the parameters into a new mixture.
/// GAUSSMIX_STATUS_NUMERICAL for an indefinite covariance, and for a singular one unless allow_singular.
GAUSSMIX_API gaussmix_status gaussmix_mixture_create(const gaussmix_parameters* parameters, gaussmix_mixture** mixture);
GAUSSMIX_API gaussmix_status gaussmix_mixture_free(gaussmix_mixture* mixture);
/// Fills `parameters`, whose struct_size must be set; the arrays belong to the mixture and live as long as it does.
GAUSSMIX_API gaussmix_status gaussmix_mixture_parameters(const gaussmix_mixture* mixture,
                                                         gaussmix_parameters* parameters);

// ---- model files ------------------------------------------------------------------------------------------------------

/// What a model file holds beside the mixture; all text UTF-8, up to its first NUL.
typedef struct gaussmix_model_info {
  size_t struct_size;
  int64_t n_feature_names;             ///< 0 or D
  int64_t n_metadata;                  ///< the caller's own entries
  const char* const* feature_names;    ///< (n_feature_names,)
  const char* const* metadata_names;   ///< (n_metadata,), distinct up to a NUL within one
  const char* const* metadata_values;  ///< (n_metadata,)
} gaussmix_model_info;

/// Saves a mixture as a safetensors file: whoever opens `path` at any time finds the old file or the new one, whole. `info` may
/// be NULL. GAUSSMIX_STATUS_IO when the system refuses; the old file is then as it was.
GAUSSMIX_API gaussmix_status gaussmix_mixture_save(const gaussmix_mixture* mixture, const char* path,
                                                   const gaussmix_model_info* info);
/// Loads what any language saved; it scores with the same bits. Safe for files of strangers: what is truncated, corrupt or no
/// mixture is GAUSSMIX_STATUS_FORMAT; GAUSSMIX_STATUS_IO when the system refuses. `execution` may be NULL.
GAUSSMIX_API gaussmix_status gaussmix_mixture_load(const char* path, const gaussmix_execution* execution,
                                                   gaussmix_mixture** mixture);
/// Writes the bytes of a model file to `out`, and their number to *size. With a NULL `out` and a capacity of 0 it only tells
/// the size; a capacity below it is GAUSSMIX_STATUS_INVALID_ARGUMENT, with *size set. `info` may be NULL.
GAUSSMIX_API gaussmix_status gaussmix_mixture_to_bytes(const gaussmix_mixture* mixture, const gaussmix_model_info* info,
                                                       uint8_t* out, int64_t capacity, int64_t* size);
/// The mixture in the bytes of a model file, such as one that is part of a program. `execution` may be NULL.
GAUSSMIX_API gaussmix_status gaussmix_mixture_from_bytes(const uint8_t* bytes, int64_t size,
                                                         const gaussmix_execution* execution,
                                                         gaussmix_mixture** mixture);
/// Fills `info`, whose struct_size must be set, with what the mixture's file held; of other mixtures there is none. The texts
/// belong to the mixture and live as long as it does.
GAUSSMIX_API gaussmix_status gaussmix_mixture_info(const gaussmix_mixture* mixture, gaussmix_model_info* info);

// ---- scoring ----------------------------------------------------------------------------------------------------------

typedef enum gaussmix_dtype { GAUSSMIX_DTYPE_FLOAT32 = 1, GAUSSMIX_DTYPE_FLOAT64 = 2 } gaussmix_dtype;

/// X, (N, D): element (i, j) is data[i * row_stride + j * col_stride]. Every value must be finite.
typedef struct gaussmix_samples {
  size_t struct_size;
  const void* data;    ///< float or double, as dtype says
  int64_t n_samples;   ///< N
  int64_t n_features;  ///< D
  int64_t row_stride;
  int64_t col_stride;
  int32_t dtype;  ///< a gaussmix_dtype; float rows are evaluated in float
} gaussmix_samples;

/// X of double values, contiguous, row-major.
static inline gaussmix_samples gaussmix_samples_f64(const double* data, int64_t n_samples, int64_t n_features) {
  const gaussmix_samples x = {sizeof(gaussmix_samples), data, n_samples, n_features, n_features, 1,
                              GAUSSMIX_DTYPE_FLOAT64};
  return x;
}

/// X of float values, contiguous, row-major.
static inline gaussmix_samples gaussmix_samples_f32(const float* data, int64_t n_samples, int64_t n_features) {
  const gaussmix_samples x = {sizeof(gaussmix_samples), data, n_samples, n_features, n_features, 1,
                              GAUSSMIX_DTYPE_FLOAT32};
  return x;
}

// The result is written as the type that the name ends in, whatever X holds. `execution` may be NULL. After
// GAUSSMIX_STATUS_INVALID_ARGUMENT for a value of X the output is unspecified. What mixes components is
// GAUSSMIX_STATUS_NUMERICAL when their supports differ in rank.

/// out[i] = log p(x_i), (N,).
GAUSSMIX_API gaussmix_status gaussmix_log_prob_f64(const gaussmix_mixture* mixture, const gaussmix_samples* x,
                                                   double* out, int64_t out_size, int64_t out_stride,
                                                   const gaussmix_execution* execution);
GAUSSMIX_API gaussmix_status gaussmix_log_prob_f32(const gaussmix_mixture* mixture, const gaussmix_samples* x,
                                                   float* out, int64_t out_size, int64_t out_stride,
                                                   const gaussmix_execution* execution);

/// out[i, k] = log N(x_i | μ_k, Σ_k), (N, K). Defined for components of unequal rank too.
GAUSSMIX_API gaussmix_status gaussmix_component_log_prob_f64(const gaussmix_mixture* mixture, const gaussmix_samples* x,
                                                             double* out, int64_t out_rows, int64_t out_cols,
                                                             int64_t out_row_stride, int64_t out_col_stride,
                                                             const gaussmix_execution* execution);
GAUSSMIX_API gaussmix_status gaussmix_component_log_prob_f32(const gaussmix_mixture* mixture, const gaussmix_samples* x,
                                                             float* out, int64_t out_rows, int64_t out_cols,
                                                             int64_t out_row_stride, int64_t out_col_stride,
                                                             const gaussmix_execution* execution);

/// out[i, k] = log π_k + log N(x_i | μ_k, Σ_k), (N, K).
GAUSSMIX_API gaussmix_status gaussmix_log_joint_f64(const gaussmix_mixture* mixture, const gaussmix_samples* x,
                                                    double* out, int64_t out_rows, int64_t out_cols,
                                                    int64_t out_row_stride, int64_t out_col_stride,
                                                    const gaussmix_execution* execution);
GAUSSMIX_API gaussmix_status gaussmix_log_joint_f32(const gaussmix_mixture* mixture, const gaussmix_samples* x,
                                                    float* out, int64_t out_rows, int64_t out_cols,
                                                    int64_t out_row_stride, int64_t out_col_stride,
                                                    const gaussmix_execution* execution);

/// out[i, k] = p(z_k = 1 | x_i), (N, K); each row sums to 1.
GAUSSMIX_API gaussmix_status gaussmix_responsibilities_f64(const gaussmix_mixture* mixture, const gaussmix_samples* x,
                                                           double* out, int64_t out_rows, int64_t out_cols,
                                                           int64_t out_row_stride, int64_t out_col_stride,
                                                           const gaussmix_execution* execution);
GAUSSMIX_API gaussmix_status gaussmix_responsibilities_f32(const gaussmix_mixture* mixture, const gaussmix_samples* x,
                                                           float* out, int64_t out_rows, int64_t out_cols,
                                                           int64_t out_row_stride, int64_t out_col_stride,
                                                           const gaussmix_execution* execution);

/// out[i, k] = log p(z_k = 1 | x_i), (N, K).
GAUSSMIX_API gaussmix_status gaussmix_log_responsibilities_f64(const gaussmix_mixture* mixture,
                                                               const gaussmix_samples* x, double* out, int64_t out_rows,
                                                               int64_t out_cols, int64_t out_row_stride,
                                                               int64_t out_col_stride,
                                                               const gaussmix_execution* execution);
GAUSSMIX_API gaussmix_status gaussmix_log_responsibilities_f32(const gaussmix_mixture* mixture,
                                                               const gaussmix_samples* x, float* out, int64_t out_rows,
                                                               int64_t out_cols, int64_t out_row_stride,
                                                               int64_t out_col_stride,
                                                               const gaussmix_execution* execution);

/// out[i] = the component with the largest log-joint, the first of equals, (N,).
GAUSSMIX_API gaussmix_status gaussmix_predict(const gaussmix_mixture* mixture, const gaussmix_samples* x, int64_t* out,
                                              int64_t out_size, int64_t out_stride,
                                              const gaussmix_execution* execution);

/// Σ_i w_i log p(x_i). `sample_weight` is NULL (all 1) or (N,), finite, ≥ 0; a row of weight 0 is absent.
GAUSSMIX_API gaussmix_status gaussmix_log_likelihood(const gaussmix_mixture* mixture, const gaussmix_samples* x,
                                                     const double* sample_weight, int64_t sample_weight_stride,
                                                     const gaussmix_execution* execution, double* log_likelihood);

// ---- one row at a time ------------------------------------------------------------------------------------------------

/// Scores one row of doubles at a time, for services: one scorer per thread. Gives the bits of the batch functions, takes no
/// lock, and a call that returns GAUSSMIX_STATUS_OK has allocated nothing.
typedef struct gaussmix_row_scorer gaussmix_row_scorer;

/// Prepares a scorer; the mixture may be freed before it.
GAUSSMIX_API gaussmix_status gaussmix_row_scorer_create(const gaussmix_mixture* mixture, gaussmix_row_scorer** scorer);
GAUSSMIX_API gaussmix_status gaussmix_row_scorer_free(gaussmix_row_scorer* scorer);
/// *log_prob = log p(x), x of n_features = D values.
GAUSSMIX_API gaussmix_status gaussmix_row_scorer_log_prob(gaussmix_row_scorer* scorer, const double* x,
                                                          int64_t n_features, double* log_prob);
/// out[k] = p(z_k = 1 | x), n_components = K values.
GAUSSMIX_API gaussmix_status gaussmix_row_scorer_responsibilities(gaussmix_row_scorer* scorer, const double* x,
                                                                  int64_t n_features, double* out,
                                                                  int64_t n_components);
/// *component = the one with the largest log-joint.
GAUSSMIX_API gaussmix_status gaussmix_row_scorer_predict(gaussmix_row_scorer* scorer, const double* x,
                                                         int64_t n_features, int64_t* component);

// ---- statistics -------------------------------------------------------------------------------------------------------

/// The sums of EM's E-step under a mixture: additive over data, mergeable over machines.
typedef struct gaussmix_statistics gaussmix_statistics;

/// What is done with a component that is empty or collapsed; the C++ header statistics.hpp has the thresholds.
typedef enum gaussmix_on_degenerate {
  GAUSSMIX_ON_DEGENERATE_RAISE = 0,  ///< GAUSSMIX_STATUS_NUMERICAL that names the component
  GAUSSMIX_ON_DEGENERATE_FLOOR = 1,  ///< keep every covariance above 1e-6 of the data's own
  GAUSSMIX_ON_DEGENERATE_DROP = 2,   ///< go on without the component
  GAUSSMIX_ON_DEGENERATE_RESEED = 3  ///< put the component beside the heaviest one, which it halves
} gaussmix_on_degenerate;

/// Options of the M-step; NULL stands for {sizeof, GAUSSMIX_ON_DEGENERATE_RAISE, 0, 0.0}.
typedef struct gaussmix_maximize_options {
  size_t struct_size;
  int32_t on_degenerate;   ///< a gaussmix_on_degenerate
  int32_t allow_singular;  ///< not 0: keep singular covariances
  double reg_covar;        ///< added to every variance; finite, ≥ 0
} gaussmix_maximize_options;

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
/// The M-step: the mixture that these sums make most likely. `options` may be NULL.
GAUSSMIX_API gaussmix_status gaussmix_statistics_maximize(const gaussmix_statistics* statistics,
                                                          const gaussmix_maximize_options* options,
                                                          gaussmix_mixture** mixture);
/// Saves the sums and their mixture, loads them, and the same with bytes, in the manner of gaussmix_mixture_save() and the
/// functions that follow it.
GAUSSMIX_API gaussmix_status gaussmix_statistics_save(const gaussmix_statistics* statistics, const char* path);
GAUSSMIX_API gaussmix_status gaussmix_statistics_load(const char* path, const gaussmix_execution* execution,
                                                      gaussmix_statistics** statistics);
GAUSSMIX_API gaussmix_status gaussmix_statistics_to_bytes(const gaussmix_statistics* statistics, uint8_t* out,
                                                          int64_t capacity, int64_t* size);
GAUSSMIX_API gaussmix_status gaussmix_statistics_from_bytes(const uint8_t* bytes, int64_t size,
                                                            const gaussmix_execution* execution,
                                                            gaussmix_statistics** statistics);

// ---- fitting ----------------------------------------------------------------------------------------------------------

/// Where EM starts.
typedef enum gaussmix_init {
  GAUSSMIX_INIT_KMEANS = 0,
  GAUSSMIX_INIT_KMEANS_PLUS_PLUS = 1,
  GAUSSMIX_INIT_RANDOM = 2,
  GAUSSMIX_INIT_RANDOM_FROM_DATA = 3
} gaussmix_init;

/// What a fit tells its callback after each iteration.
typedef struct gaussmix_fit_progress {
  size_t struct_size;
  int32_t start;               ///< which of the n_init starts, from 0
  int32_t n_iter;              ///< iterations done in this start, from 1
  double mean_log_likelihood;  ///< of the mixture before this iteration's M-step, per unit of weight
  double change;               ///< its change since the iteration before; +inf in the first
} gaussmix_fit_progress;

/// Options of gaussmix_fit(), to be set up by gaussmix_fit_options_defaults(). Initial values that are NULL are taken from
/// the start.
typedef struct gaussmix_fit_options {
  size_t struct_size;
  int32_t covariance_type;  ///< a gaussmix_covariance_type; full
  int32_t init;             ///< a gaussmix_init; k-means
  int32_t n_init;           ///< starts, of which the best is kept; 1
  /// ≥ 0; 100. 0 returns the start itself: then n_init must be 1, tol keep its default and callback be NULL; and reg_covar and
  /// on_degenerate must keep theirs when a mixture, covariances or precisions are given.
  int32_t max_iter;
  int32_t on_degenerate;                 ///< a gaussmix_on_degenerate; floor
  int32_t allow_singular;                ///< not 0: keep singular covariances; 0
  double tol;                            ///< stop when the mean log-likelihood changes by less; ≥ 0; 1e-3
  double reg_covar;                      ///< added to every variance; ≥ 0; 0
  uint64_t seed;                         ///< of the start; 0, also where the start is given
  const gaussmix_mixture* mixture_init;  ///< go on from this mixture; then `init` and all ..._init must be unset
  const double* weights_init;            ///< (K,)
  const double* means_init;              ///< (K, D)
  const double* covariances_init;        ///< in the layout of covariance_type
  const double* precisions_init;         ///< Σ⁻¹, same layout; not together with covariances_init
  const double* responsibilities_init;   ///< (N, K), rows that sum to 1; replaces `init`
  const int64_t* labels_init;            ///< (N,), in [0, K); replaces `init`
  /// NULL, or called on the calling thread after each iteration: not 0 ends the fit with what it has.
  int (*callback)(const gaussmix_fit_progress* progress, void* context);
  void* context;  ///< handed to `callback`
} gaussmix_fit_options;

/// Sets every member to its default. `struct_size` is the caller's sizeof(gaussmix_fit_options).
GAUSSMIX_API gaussmix_status gaussmix_fit_options_defaults(gaussmix_fit_options* options, size_t struct_size);

/// What a fit ends with.
typedef struct gaussmix_fit_result gaussmix_fit_result;

/// Its numbers.
typedef struct gaussmix_fit_summary {
  size_t struct_size;
  double log_likelihood;  ///< Σ_i w_i log p(x_i) of the mixture returned
  int32_t converged;      ///< 1 when the change fell below tol within max_iter, else 0
  int32_t n_iter;         ///< iterations of the start that was kept
  int64_t n_floored;      ///< what on_degenerate did, over these iterations
  int64_t n_dropped;
  int64_t n_reseeded;
  double init_seconds;  ///< spent over all starts
  double em_seconds;
  double closing_seconds;
  int64_t n_failed_starts;  ///< of n_init: each ended in an error, and another one was kept
} gaussmix_fit_summary;

/// Finds π, μ, Σ of K components by expectation-maximization. `sample_weight` as in gaussmix_log_likelihood(); `options` and
/// `execution` may be NULL.
GAUSSMIX_API gaussmix_status gaussmix_fit(const gaussmix_samples* x, int64_t n_components,
                                          const gaussmix_fit_options* options, const double* sample_weight,
                                          int64_t sample_weight_stride, const gaussmix_execution* execution,
                                          gaussmix_fit_result** result);
GAUSSMIX_API gaussmix_status gaussmix_fit_result_free(gaussmix_fit_result* result);
/// A handle of its own for the mixture; it outlives the result.
GAUSSMIX_API gaussmix_status gaussmix_fit_result_mixture(const gaussmix_fit_result* result, gaussmix_mixture** mixture);
/// Fills `summary`, whose struct_size must be set.
GAUSSMIX_API gaussmix_status gaussmix_fit_result_summary(const gaussmix_fit_result* result,
                                                         gaussmix_fit_summary* summary);
/// The mean log-likelihood before each M-step of the start that was kept, (n_iter,); it lives as long as the result.
GAUSSMIX_API gaussmix_status gaussmix_fit_result_trace(const gaussmix_fit_result* result, const double** trace,
                                                       int64_t* n_iter);

#ifdef __cplusplus
}
#endif
