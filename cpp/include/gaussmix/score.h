#pragma once

// A part of gaussmix.h: what a mixture says of rows, in blocks and one at a time.

#include <gaussmix/export.h>
#include <gaussmix/mixture.h>
#include <gaussmix/runtime.h>

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum gaussmix_dtype { GAUSSMIX_DTYPE_FLOAT32 = 1, GAUSSMIX_DTYPE_FLOAT64 = 2 } gaussmix_dtype;

/// X, (N, D): element (i, j) is data[i * row_stride + j * col_stride]. Every value must be finite.
typedef struct gaussmix_samples {
  size_t struct_size;
  const void* data;    ///< float or double, as dtype says
  int64_t n_samples;   ///< N ≥ 0; without rows, outputs have none and nothing is added; a fit wants N ≥ K
  int64_t n_features;  ///< D
  int64_t row_stride;
  int64_t col_stride;
  int32_t dtype;  ///< a gaussmix_dtype; float rows are evaluated in float
  /// NULL, or X in place of `data`, which must then be NULL: writes rows [begin, end), row-major and contiguous, to
  /// `out`. It is called from several threads at once, for some rows more than once; dtype says which values it has,
  /// the strides say nothing.
  void (*read)(int64_t begin, int64_t end, double* out, void* context);
  void* context;  ///< handed to `read`
} gaussmix_samples;

/// X of double values, contiguous, row-major.
static inline gaussmix_samples gaussmix_samples_f64(const double* data, int64_t n_samples, int64_t n_features) {
  const gaussmix_samples x = {sizeof(gaussmix_samples), data, n_samples, n_features, n_features, 1,
                              GAUSSMIX_DTYPE_FLOAT64,   NULL, NULL};
  return x;
}

/// X of float values, contiguous, row-major.
static inline gaussmix_samples gaussmix_samples_f32(const float* data, int64_t n_samples, int64_t n_features) {
  const gaussmix_samples x = {sizeof(gaussmix_samples), data, n_samples, n_features, n_features, 1,
                              GAUSSMIX_DTYPE_FLOAT32,   NULL, NULL};
  return x;
}

// The result is written as the type that the name ends in, whatever X holds. `execution` may be NULL. After
// GAUSSMIX_ERROR_INVALID_ARGUMENT for a value of X the output is unspecified. What mixes components is
// GAUSSMIX_ERROR_NUMERICAL when their supports differ in rank.

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

/// Σ_i w_i log p(x_i), 0 without rows. `sample_weight` is NULL (all 1) or (N,), finite, ≥ 0; a row of weight 0 is
/// absent.
GAUSSMIX_API gaussmix_status gaussmix_log_likelihood(const gaussmix_mixture* mixture, const gaussmix_samples* x,
                                                     const double* sample_weight, int64_t sample_weight_stride,
                                                     const gaussmix_execution* execution, double* log_likelihood);
/// Akaike's criterion −2 ℓ + 2 p, p the free parameters: lower is better. Arguments as in gaussmix_log_likelihood().
GAUSSMIX_API gaussmix_status gaussmix_aic(const gaussmix_mixture* mixture, const gaussmix_samples* x,
                                          const double* sample_weight, int64_t sample_weight_stride,
                                          const gaussmix_execution* execution, double* aic);
/// Schwarz's criterion −2 ℓ + p log n, n = Σ_i w_i: lower is better. Arguments as in gaussmix_log_likelihood().
GAUSSMIX_API gaussmix_status gaussmix_bic(const gaussmix_mixture* mixture, const gaussmix_samples* x,
                                          const double* sample_weight, int64_t sample_weight_stride,
                                          const gaussmix_execution* execution, double* bic);

/// Scores one row of doubles at a time, for services: one scorer per thread. Gives the bits of the batch functions,
/// takes no lock, and a call that returns GAUSSMIX_OK has allocated nothing.
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

#ifdef __cplusplus
}
#endif
