#include "em/m_step.hpp"

#include "base/enum_names.hpp"
#include "base/message.hpp"
#include "base/subscript.hpp"
#include "em/covariance_floor.hpp"
#include "em/covariance_model.hpp"
#include "em/degeneracy.hpp"
#include "em/prior.hpp"
#include "model/covariance_type.hpp"
#include "model/mixture_data.hpp"
#include "parallel/parallel.hpp"

#include <gaussmix/error.hpp>

#include <cmath>
#include <memory>
#include <numeric>
#include <optional>
#include <utility>

namespace gaussmix {
namespace {

using detail::at;
using detail::CovarianceLayout;
using detail::SufficientStatistics;

/// A feature is blurred when reg_covar is more than this share of its variance.
constexpr double blurring_share = 1e-2;

/// Throws NumericalError unless the sums have some weight and are in range.
void check_sums(const SufficientStatistics& sums) {
  const double total = std::accumulate(sums.weight.begin(), sums.weight.end(), 0.0);
  if (!(total > 0.0 && std::isfinite(total)))
    throw NumericalError("statistics must hold a positive, finite total weight before they are maximized, but hold " +
                         detail::format(total));
  if (!sums.finite())
    throw NumericalError("the squared differences of X must stay within the range of float64, but do not; scale X");
}

std::vector<Index> blurred_features(const SufficientStatistics& sums, double reg_covar) {
  std::vector<Index> blurred;
  if (!(reg_covar > 0.0)) return blurred;
  const std::vector<double> variances = detail::feature_variances(sums);
  for (Index j = 0; j < sums.d; ++j)
    if (variances[at(j)] > 0.0 && reg_covar > blurring_share * variances[at(j)]) blurred.push_back(j);
  return blurred;
}

/// Judges each Σ_k of `covariances` on the threads of `execution`.
void judge_all(detail::DegeneracyPolicy& policy, const CovarianceLayout& layout, const SufficientStatistics& sums,
               detail::Buffer<double>& covariances, const Execution& execution) {
  const Index n = layout.count(sums.k);
  const double d = static_cast<double>(sums.d);
  const double work = static_cast<double>(n) * (layout.is_matrix() ? d * d * d : d);
  detail::parallel_for(n, detail::plan_threads(execution, n, work), execution, [&](Index k, detail::Worker&) {
    if (policy.has_estimate(k)) policy.judge(k, covariances.data() + layout.offset(k, sums.d));
  });
}

}  // namespace

Mixture detail::m_step(const SufficientStatistics& data, CovarianceType type, const Mixture* previous,
                       const MaximizeOptions& options, MaximizeReport& report, const Execution& execution) {
  const CovarianceLayout& layout = layout_of(type);
  check_sums(data);
  report.blurred_features = blurred_features(data, options.reg_covar);
  std::optional<SufficientStatistics> with_prior;
  if (options.prior) with_prior.emplace(with_pseudo_data(data, *options.prior, layout));
  const SufficientStatistics& sums = with_prior ? *with_prior : data;
  const double beyond = options.prior ? pseudo_weight(*options.prior, layout, data.k, data.d) : 0.0;
  DegeneracyPolicy policy(data, sums, layout, previous, options);
  Buffer<double> covariances(layout.count(sums.k) * layout.values_each(sums.d));
  covariance_model(type).estimate(sums, beyond, covariances.data());
  judge_all(policy, layout, sums, covariances, execution);
  Parameters parameters = policy.collect(std::move(covariances), report);
  const auto k = static_cast<Index>(parameters.weights.size());
  return Mixture(std::make_shared<const MixtureData>(std::move(parameters), k, sums.d, type, options.allow_singular,
                                                     ParameterNames{}, execution),
                 previous ? previous->shared_names() : Mixture::Names());
}

Mixture Statistics::maximize(const MaximizeOptions& options, MaximizeReport* report, const Execution& execution) const {
  detail::check_non_negative(options.reg_covar, "reg_covar");
  detail::check_enumerator(options.on_degenerate, "on_degenerate");
  detail::check_prior(options.prior, mixture_.data().layout, mixture_.n_features(), options.allow_singular);
  MaximizeReport own;
  try {
    Mixture result = detail::m_step(*sums_, mixture_.covariance_type(), &mixture_, options, own, execution);
    if (report) *report = std::move(own);
    return result;
  } catch (const detail::DegenerateComponent& error) {
    throw NumericalError(error.what());
  }
}

}  // namespace gaussmix
