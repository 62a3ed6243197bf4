#pragma once

#include "em/sufficient_statistics.hpp"
#include "model/component_terms.hpp"
#include "model/covariance_layout.hpp"

#include <gaussmix/prior.hpp>
#include <gaussmix/statistics.hpp>

#include <optional>

namespace gaussmix::detail {

/// @throws InvalidArgument for a prior that breaks the rules of Prior in `d` features, or beside `allow_singular`
void check_prior(const std::optional<Prior>& prior, const CovarianceLayout& layout, Index d, bool allow_singular);

/// The sums with the prior's means and scatters, as if κ rows at m and the scatter Λ were among the data; their n_k
/// stay those of the data.
SufficientStatistics with_pseudo_data(const SufficientStatistics& sums, const Prior& prior,
                                      const CovarianceLayout& layout);

/// What a covariance is divided by beyond the n_k, so that it is the mode.
double pseudo_weight(const Prior& prior, const CovarianceLayout& layout, Index k, Index d);

/// Whether it says what a covariance is where there are no data.
bool is_proper(const std::optional<Prior>& prior);

/// log p(π, μ, Σ), normalized; of parts that are flat on an unbounded set, 0.
double log_density(const Prior& prior, const ComponentTerms& terms);

/// The mean log-likelihood of the mixture that the sums were made under, beside a prior with its log-density, per unit
/// of weight.
double penalized_mean(const Statistics& statistics, const std::optional<Prior>& prior);

}  // namespace gaussmix::detail
