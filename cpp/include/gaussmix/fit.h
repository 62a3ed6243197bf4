#pragma once

// A part of gaussmix.h: fits.

#include <gaussmix/export.h>
#include <gaussmix/init.h>
#include <gaussmix/mixture.h>
#include <gaussmix/runtime.h>
#include <gaussmix/score.h>
#include <gaussmix/statistics.h>

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/// How EM gets to its end.
typedef enum gaussmix_acceleration {
  GAUSSMIX_ACCELERATION_NONE = 0,  ///< step by step
  GAUSSMIX_ACCELERATION_SQUAREM =
      1  ///< after two steps to a point beyond them, where it is no worse (Varadhan & Roland 2008)
} gaussmix_acceleration;

/// How a better optimum is looked for, once EM has come to one.
typedef enum gaussmix_search {
  GAUSSMIX_SEARCH_NONE = 0,        ///< not at all
  GAUSSMIX_SEARCH_SPLIT_MERGE = 1  ///< by split and merge, never to a worse one (Ueda et al. 2000)
} gaussmix_search;

/// What is compared with tol.
typedef enum gaussmix_stopping {
  GAUSSMIX_STOPPING_CHANGE = 0,    ///< the change of the mean log-likelihood in one step
  GAUSSMIX_STOPPING_PROJECTED = 1  ///< that, and what is left up to the end to which the last three values tend
} gaussmix_stopping;

/// What a fit tells its callback after each iteration, and gaussmix_em_step() its caller.
typedef struct gaussmix_fit_progress {
  size_t struct_size;
  int32_t start;               ///< which of the n_init starts, from 0
  int32_t n_iter;              ///< iterations done in this start, from 1
  double mean_log_likelihood;  ///< of the mixture before this iteration's M-step, with its prior, per unit of weight
  double change;               ///< its change since the iteration before; +inf in the first
  int32_t converged;           ///< not 0: the loop ends here, as the change is below tol and no component went or came
  /// After this iteration's M-step; it lives as long as the call of the callback: gaussmix_mixture_copy() keeps it.
  const gaussmix_mixture* mixture;
  int32_t rejected;  ///< of gaussmix_em_step(): 1 when an accelerated point was no better; all else is as before it
} gaussmix_fit_progress;

/// Options of gaussmix_fit(), to be set up by gaussmix_fit_options_defaults(). Initial values that are NULL are taken
/// from the start.
typedef struct gaussmix_fit_options {
  size_t struct_size;
  int32_t covariance_type;  ///< a gaussmix_covariance_type; full
  int32_t init;             ///< a gaussmix_init; k-means
  int32_t n_init;           ///< starts, of which the best is kept; 1
  /// ≥ 0; 100. 0 returns the start itself: then n_init must be 1, tol keep its default, deadline be 0, callback
  /// NULL, accelerate, stopping and search 0; and reg_covar, on_degenerate and prior must keep theirs when a mixture,
  /// covariances or precisions are given.
  int32_t max_iter;
  int32_t on_degenerate;   ///< a gaussmix_on_degenerate; floor
  int32_t allow_singular;  ///< not 0: keep singular covariances; 0
  double tol;              ///< stop when the mean log-likelihood changes by less; ≥ 0; 1e-3
  double reg_covar;        ///< added to every variance; ≥ 0; 0
  /// Seconds, ≥ 0; 0 for none. The fit ends with what it has after the first iteration that ends later than this; a
  /// start by `init` that takes longer ends with its pass over X, and one iteration follows.
  double deadline;
  uint64_t seed;                         ///< of the start; 0, also where the start is given
  const gaussmix_mixture* mixture_init;  ///< go on from this mixture; then `init` and all ..._init must be unset
  const double* weights_init;            ///< (K,)
  const double* means_init;              ///< (K, D)
  const double* covariances_init;        ///< in the layout of covariance_type
  const double* precisions_init;         ///< Σ⁻¹, same layout; not together with covariances_init
  const double* responsibilities_init;   ///< (N, K), rows that sum to 1 within 1e-8; replaces `init`
  const int64_t* labels_init;            ///< (N,), in [0, K); replaces `init`
  /// NULL, or called on the calling thread after each iteration but those of short runs and of a search: not 0 ends
  /// the fit with what it has.
  int (*callback)(const gaussmix_fit_progress* progress, void* context);
  void* context;                ///< handed to `callback`
  const gaussmix_prior* prior;  ///< NULL for the maximum likelihood; not together with allow_singular; NULL
  int32_t accelerate;           ///< a gaussmix_acceleration; none
  int32_t stopping;             ///< a gaussmix_stopping; change
  int32_t search;               ///< a gaussmix_search; none
  /// 0, or the iterations that each of n_init > 1 starts is given first, below max_iter: the best of them goes on
  /// alone; 0.
  int32_t short_iter;
} gaussmix_fit_options;

/// Sets every member to its default. `struct_size` is the caller's sizeof(gaussmix_fit_options).
GAUSSMIX_API gaussmix_status gaussmix_fit_options_defaults(gaussmix_fit_options* options, size_t struct_size);

/// What a fit ends with.
typedef struct gaussmix_fit_result gaussmix_fit_result;

/// Its numbers, and lists that live as long as it does. Components go by their numbers in the start, from 0 to K - 1,
/// in ascending order; where `converged` is 0 or a list is not empty, the mixture may not be what was asked for.
typedef struct gaussmix_fit_summary {
  size_t struct_size;
  double log_likelihood;  ///< Σ_i w_i log p(x_i) of the mixture returned
  int32_t converged;      ///< 1 when the change fell below tol within max_iter, else 0
  int32_t n_iter;         ///< iterations of the start that was kept, or since the last split and merge
  int64_t n_floored;      ///< what on_degenerate did, over these iterations
  int64_t n_dropped;
  int64_t n_reseeded;
  double init_seconds;  ///< spent over all starts
  double em_seconds;
  double closing_seconds;
  int64_t n_failed_starts;  ///< of n_init: each ended in an error, and another one was kept
  int64_t n_floored_components;
  int64_t n_dropped_components;
  int64_t n_reseeded_components;
  const int64_t* floored;   ///< the components that n_floored counts, (n_floored_components,)
  const int64_t* dropped;   ///< the components that n_dropped counts, (n_dropped_components,)
  const int64_t* reseeded;  ///< the components that n_reseeded counts, (n_reseeded_components,)
  int64_t n_constant_features;
  /// The features of X that are constant, where GAUSSMIX_ON_DEGENERATE_FLOOR went on with them, (n_constant_features,).
  const int64_t* constant_features;
  int64_t n_blurred_features;
  const int64_t*
      blurred_features;  ///< the features of whose variance reg_covar is more than 1e-2, (n_blurred_features,)
  int64_t n_kept;        ///< as n_floored
  int64_t n_kept_components;
  const int64_t* kept;        ///< the components that n_kept counts, (n_kept_components,)
  int32_t ended_by_deadline;  ///< 1 when the deadline ended a start or a search that was not done, else 0
  int64_t n_rejected;         ///< accelerated points that were no better, each a pass over X for nothing
  int64_t n_moves;            ///< splits and merges that led to the mixture
  int64_t n_moves_tried;      ///< by some iterations of EM each
} gaussmix_fit_summary;

/// Finds π, μ, Σ of K components by expectation-maximization. `sample_weight` as in gaussmix_log_likelihood();
/// `options` and `execution` may be NULL.
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
/// The mean log-likelihood before each M-step of the start that was kept, with a prior as in gaussmix_em_trace(),
/// (n_iter,); it lives as long as the result.
GAUSSMIX_API gaussmix_status gaussmix_fit_result_trace(const gaussmix_fit_result* result, const double** trace,
                                                       int64_t* n_iter);

#ifdef __cplusplus
}
#endif
