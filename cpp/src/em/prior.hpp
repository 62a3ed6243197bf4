#pragma once

#include "em/sufficient_statistics.hpp"
#include "model/component_terms.hpp"
#include "model/covariance_layout.hpp"

#include <gaussmix/prior.hpp>

#include <optional>

namespace gaussmix::detail {

/// @throws InvalidArgument for a prior that breaks the rules of Prior in `d` features, or beside `allow_singular`
void check_prior(const std::optional<Prior>& prior, const CovarianceLayout& layout, Index d, bool allow_singular);

/// The sums as if the prior were more data: κ rows at m and the scatter Λ; n_k + α − 1, in proportion to which the
/// weights are.
SufficientStatistics with_pseudo_data(const SufficientStatistics& sums, const Prior& prior,
                                      const CovarianceLayout& layout);

/// What a covariance is divided by beyond the weights of these sums, so that it is the mode.
double pseudo_weight(const Prior& prior, const CovarianceLayout& layout, Index k, Index d);

/// log p(π, μ, Σ), normalized; of parts that are flat on an unbounded set, 0.
double log_density(const Prior& prior, const ComponentTerms& terms);

}  // namespace gaussmix::detail
