#pragma once

// A part of gaussmix.h: mixtures, their files and samples of them.

#include <gaussmix/export.h>
#include <gaussmix/runtime.h>

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/// p(x) = Σ_k π_k N(x | μ_k, Σ_k), ready to score.
typedef struct gaussmix_mixture gaussmix_mixture;

/// The structure of the covariances and the layout of their values.
typedef enum gaussmix_covariance_type {
  GAUSSMIX_COVARIANCE_FULL = 0,           ///< (K, D, D), each its own matrix
  GAUSSMIX_COVARIANCE_TIED = 1,           ///< (D, D), one for all
  GAUSSMIX_COVARIANCE_DIAG = 2,           ///< (K, D), variances
  GAUSSMIX_COVARIANCE_SPHERICAL = 3,      ///< (K,), one variance each
  GAUSSMIX_COVARIANCE_TIED_DIAG = 4,      ///< (D,), variances for all
  GAUSSMIX_COVARIANCE_TIED_SPHERICAL = 5  ///< (1,), one variance for all
} gaussmix_covariance_type;

/// What a mixture is made from, and what it tells of itself. All values are double: weights and matrices that were
/// float are to be normalized and symmetrized in double first.
typedef struct gaussmix_parameters {
  size_t struct_size;
  int32_t covariance_type;    ///< a gaussmix_covariance_type
  int32_t allow_singular;     ///< not 0: positive semi-definite covariances too, the density on their support
  int64_t n_components;       ///< K ≥ 1
  int64_t n_features;         ///< D ≥ 1
  int64_t n_covariances;      ///< values in `covariances`, as the layout of covariance_type has them
  const double* weights;      ///< π, (K,), each in [0, 1], their sum 1 within 1e-8
  const double* means;        ///< μ, (K, D)
  const double* covariances;  ///< Σ in the layout of covariance_type; matrices symmetric within 1e-8 relative
} gaussmix_parameters;

/// Copies the parameters into a new mixture. `execution` may be NULL.
/// GAUSSMIX_ERROR_NUMERICAL for an indefinite covariance, and for a singular one unless allow_singular.
GAUSSMIX_API gaussmix_status gaussmix_mixture_create(const gaussmix_parameters* parameters,
                                                     const gaussmix_execution* execution, gaussmix_mixture** mixture);
/// Another handle of the same mixture, such as one to keep; the parameters are not copied.
GAUSSMIX_API gaussmix_status gaussmix_mixture_copy(const gaussmix_mixture* mixture, gaussmix_mixture** copy);
GAUSSMIX_API gaussmix_status gaussmix_mixture_free(gaussmix_mixture* mixture);
/// Fills `parameters`, whose struct_size must be set; the arrays belong to the mixture and live as long as it does.
GAUSSMIX_API gaussmix_status gaussmix_mixture_parameters(const gaussmix_mixture* mixture,
                                                         gaussmix_parameters* parameters);
/// *n_parameters = the free parameters: K − 1 weights, K·D means, and the covariances of the type.
GAUSSMIX_API gaussmix_status gaussmix_mixture_n_parameters(const gaussmix_mixture* mixture, int64_t* n_parameters);
/// The rank of each Σ_k, D unless singular, (n_components,); it lives as long as the mixture.
GAUSSMIX_API gaussmix_status gaussmix_mixture_rank(const gaussmix_mixture* mixture, const int64_t** rank,
                                                   int64_t* n_components);

/// Draws z_i ~ π, then x_i ~ N(μ_z, Σ_z), into x, (N, D), and z, (N,), of x_rows = z_size = N. Row i depends on the
/// seed and i alone: the same on every platform, and a longer draw begins with the shorter one. `execution` may be
/// NULL.
GAUSSMIX_API gaussmix_status gaussmix_sample(const gaussmix_mixture* mixture, uint64_t seed, double* x, int64_t x_rows,
                                             int64_t x_cols, int64_t x_row_stride, int64_t x_col_stride, int64_t* z,
                                             int64_t z_size, int64_t z_stride, const gaussmix_execution* execution);

/// What a model file holds beside the mixture; all text UTF-8, up to its first NUL.
typedef struct gaussmix_model_info {
  size_t struct_size;
  int64_t n_feature_names;             ///< 0 or D
  int64_t n_metadata;                  ///< the caller's own entries
  const char* const* feature_names;    ///< (n_feature_names,)
  const char* const* metadata_names;   ///< (n_metadata,), distinct up to a NUL within one
  const char* const* metadata_values;  ///< (n_metadata,)
} gaussmix_model_info;

/// Saves a mixture as a safetensors file: whoever opens `path` at any time finds the old file or the new one, whole.
/// `info` may be NULL; where it has no feature names, those of the file that the mixture came from go along.
/// GAUSSMIX_ERROR_IO when the system refuses; the old file is then as it was.
GAUSSMIX_API gaussmix_status gaussmix_mixture_save(const gaussmix_mixture* mixture, const char* path,
                                                   const gaussmix_model_info* info);
/// Loads what any language saved; it scores with the same bits. Safe for files of strangers: what is truncated, corrupt
/// or no mixture is GAUSSMIX_ERROR_FORMAT; GAUSSMIX_ERROR_IO when the system refuses. `execution` may be NULL.
GAUSSMIX_API gaussmix_status gaussmix_mixture_load(const char* path, const gaussmix_execution* execution,
                                                   gaussmix_mixture** mixture);
/// Writes the bytes of a model file to `out`, and their number to *size. With a NULL `out` and a capacity of 0 it only
/// tells the size; a capacity below it is GAUSSMIX_ERROR_INVALID_ARGUMENT, with *size set. `info` may be NULL.
GAUSSMIX_API gaussmix_status gaussmix_mixture_to_bytes(const gaussmix_mixture* mixture, const gaussmix_model_info* info,
                                                       uint8_t* out, int64_t capacity, int64_t* size);
/// The mixture in the bytes of a model file, such as one that is part of a program. `execution` may be NULL.
GAUSSMIX_API gaussmix_status gaussmix_mixture_from_bytes(const uint8_t* bytes, int64_t size,
                                                         const gaussmix_execution* execution,
                                                         gaussmix_mixture** mixture);
/// Fills `info`, whose struct_size must be set, with what the mixture's file held; of other mixtures there is none. The
/// texts belong to the mixture and live as long as it does.
GAUSSMIX_API gaussmix_status gaussmix_mixture_info(const gaussmix_mixture* mixture, gaussmix_model_info* info);

#ifdef __cplusplus
}
#endif
