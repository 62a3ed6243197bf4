#pragma once

// A part of gaussmix.h: the loop of a fit for whoever has the rows, wherever they are.

#include <gaussmix/export.h>
#include <gaussmix/fit.h>
#include <gaussmix/mixture.h>
#include <gaussmix/runtime.h>
#include <gaussmix/statistics.h>

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/// Expectation-maximization between two passes over the data: the mixture so far, the stopping rule, the policy for
/// degenerate components and the trace. It knows no rows. Until gaussmix_em_get_state() says `done`: make statistics
/// under gaussmix_em_mixture(), accumulate all data, merged from whatever pieces, and step with them. One thread at a
/// time each.
typedef struct gaussmix_em gaussmix_em;

/// Options of EM, to be set up by gaussmix_em_options_defaults(); they mean what they mean in a fit.
typedef struct gaussmix_em_options {
  size_t struct_size;
  int32_t max_iter;             ///< done after so many steps; ≥ 0; 100
  int32_t on_degenerate;        ///< a gaussmix_on_degenerate; floor
  int32_t allow_singular;       ///< not 0: keep singular covariances; 0
  double tol;                   ///< done when the mean log-likelihood changes by less; ≥ 0; 1e-3
  double reg_covar;             ///< added to every variance; ≥ 0; 0
  const gaussmix_prior* prior;  ///< NULL for the maximum likelihood; not together with allow_singular; NULL
  int32_t accelerate;           ///< a gaussmix_acceleration; none
  int32_t stopping;             ///< a gaussmix_stopping; change
} gaussmix_em_options;

/// Where it stands.
typedef struct gaussmix_em_state {
  size_t struct_size;
  int32_t done;  ///< 1 when it has converged or taken max_iter steps, else 0
  int32_t
      converged;   ///< 1 when the last step changed the mean log-likelihood by less than tol, and moved no component;
                   ///< with GAUSSMIX_STOPPING_PROJECTED, what is left of it too
  int32_t n_iter;  ///< steps so far
  int64_t n_floored;  ///< what on_degenerate did, over all steps
  int64_t n_dropped;
  int64_t n_reseeded;
  int64_t n_kept;
  int64_t n_rejected;  ///< accelerated points that were no better
} gaussmix_em_state;

/// Sets every member to its default. `struct_size` is the caller's sizeof(gaussmix_em_options).
GAUSSMIX_API gaussmix_status gaussmix_em_options_defaults(gaussmix_em_options* options, size_t struct_size);

/// Begins at `mixture`, which may be freed before it. `options` may be NULL.
GAUSSMIX_API gaussmix_status gaussmix_em_create(const gaussmix_mixture* mixture, const gaussmix_em_options* options,
                                                gaussmix_em** em);
GAUSSMIX_API gaussmix_status gaussmix_em_free(gaussmix_em* em);
/// The M-step over the sums of a whole pass, and the judgment on whether that was the last one. A step after the last
/// goes on; after an error everything is as it was. Fills `progress`, whose struct_size must be set, with start 0 and
/// no mixture; NULL when it is not asked. `execution` may be NULL. GAUSSMIX_ERROR_INVALID_ARGUMENT for statistics that
/// were made under another mixture or hold no weight.
GAUSSMIX_API gaussmix_status gaussmix_em_step(gaussmix_em* em, const gaussmix_statistics* statistics,
                                              const gaussmix_execution* execution, gaussmix_fit_progress* progress);
/// A handle of its own for the mixture so far, which the next pass is to be made under.
GAUSSMIX_API gaussmix_status gaussmix_em_mixture(const gaussmix_em* em, gaussmix_mixture** mixture);
/// A handle of its own for the best mixture so far, which differs from gaussmix_em_mixture() where that is an
/// accelerated point whose likelihood is not known yet.
GAUSSMIX_API gaussmix_status gaussmix_em_result(const gaussmix_em* em, gaussmix_mixture** mixture);
/// Fills `state`, whose struct_size must be set.
GAUSSMIX_API gaussmix_status gaussmix_em_get_state(const gaussmix_em* em, gaussmix_em_state* state);
/// The mean log-likelihood before each M-step, with a prior plus its log-density per unit of weight, (n_iter,); it
/// lives until the next step.
GAUSSMIX_API gaussmix_status gaussmix_em_trace(const gaussmix_em* em, const double** trace, int64_t* n_iter);

#ifdef __cplusplus
}
#endif
