#pragma once

#include "em/fit_problem.hpp"

#include <gaussmix/em.hpp>
#include <gaussmix/fit.hpp>

#include <functional>
#include <vector>

namespace gaussmix::detail {

/// EM over the X of a fit, as far as it went.
struct Run {
  EM em;
  FitReport before;            ///< counts and lists of all that led to its first mixture
  std::vector<Index> numbers;  ///< by which `before` knows the components of that mixture
  bool stopped = false;        ///< by the callback or the deadline, before or as it was done
  bool by_deadline = false;    ///< before it was done
};

/// The options of a fit that are those of its loop.
EMOptions em_options(const FitOptions& options);

/// Goes on until EM is done, has made n_iter steps in all, or the callback or the deadline ends it.
/// @param start     what the callback is told
/// @param callback  empty, or what is called after each step
void go_on(const FitProblem& p, int start, int n_iter, const std::function<bool(const FitProgress&)>& callback,
           Run& run);

/// The mean log-likelihood of a mixture, with its prior as EM::trace has it: one pass over X.
double mean_log_likelihood(const FitProblem& p, const Mixture& mixture);

/// The mean log-likelihood that a run has come to: before its last step. −inf where it has made none.
double level(const Run& run);

/// Counts and lists of all that led to what the run has come to.
FitReport report_of(const Run& run);

}  // namespace gaussmix::detail
