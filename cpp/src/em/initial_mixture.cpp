#include "em/initial_mixture.hpp"

#include "data/samples.hpp"
#include "em/e_step.hpp"
#include "em/fit_arguments.hpp"
#include "em/m_step.hpp"
#include "model/mixture_data.hpp"
#include "model/tolerance.hpp"
#include "numeric/linalg.hpp"
#include "start/start.hpp"

#include <gaussmix/error.hpp>

#include <algorithm>
#include <memory>
#include <numeric>
#include <vector>

namespace gaussmix::detail {
namespace {

using Sums = SufficientStatistics;

/// The mixture that precisions_init would make if they were covariances: it has the checks of shape, symmetry and
/// definiteness.
Mixture mixture_of_precisions(const FitProblem& p) {
  const std::vector<double> weights(static_cast<std::size_t>(p.k), 1.0 / static_cast<double>(p.k));
  const std::vector<double> means(static_cast<std::size_t>(p.k * p.d()));
  return Mixture(std::make_shared<const MixtureData>(
      weights, MatrixView<const double>(means.data(), p.k, p.d()), p.options.precisions_init, p.options.covariance_type,
      false, ParameterNames{"weights", "means", "precisions_init", p.options.source}));
}

/// Σ from precisions_init in the layout of the covariance type.
std::vector<double> covariances_from_precisions(const FitProblem& p) {
  const Mixture checked = mixture_of_precisions(p);
  const VectorView<const double> precisions = checked.covariances();
  std::vector<double> out(static_cast<std::size_t>(precisions.size()));
  const CovarianceType type = p.options.covariance_type;
  if (!layout_of(type).is_matrix()) {
    std::transform(precisions.data(), precisions.data() + precisions.size(), out.begin(),
                   [](double v) { return 1.0 / v; });
    return out;
  }
  const auto size = static_cast<std::size_t>(p.d() * p.d());
  for (std::size_t at = 0; at < out.size(); at += size)
    if (!spd_inverse(precisions.data() + at, p.d(), out.data() + at))
      throw NumericalError("precisions_init must have an inverse in range, but that of component " +
                           std::to_string(at / size) + " has none");
  return out;
}

/// Where the start's means are measured from: the first row of X for every component.
std::vector<double> first_row(const FitProblem& p) {
  std::vector<double> row(static_cast<std::size_t>(p.d()));
  read_rows(p.x, 0, 1, row.data());
  std::vector<double> pivots;
  for (Index k = 0; k < p.k; ++k) pivots.insert(pivots.end(), row.begin(), row.end());
  return pivots;
}

/// The responsibilities that the start gives each row.
Assignment make_assignment(const FitProblem& p, std::uint64_t seed) {
  const FitOptions& o = p.options;
  const Index k = p.k;
  const auto one_hot = [k](auto label_of) -> Assignment {
    return [k, label_of](Index begin, Index end, double* out) {
      std::fill(out, out + (end - begin) * k, 0.0);
      for (Index i = begin; i < end; ++i) out[(i - begin) * k + label_of(i)] = 1.0;
    };
  };
  if (!o.labels_init.empty()) return one_hot([labels = o.labels_init](Index i) { return labels[i]; });
  if (o.responsibilities_init.rows() > 0)
    return [k, r = o.responsibilities_init](Index begin, Index end, double* out) {
      for (Index i = begin; i < end; ++i, out += k) {
        for (Index c = 0; c < k; ++c) out[c] = r(i, c);
        normalize(out, k);
      }
    };
  if (o.init == Init::random)
    return [seed, k](Index begin, Index end, double* out) { random_responsibilities(seed, begin, end, k, out); };
  auto labels = std::make_shared<const std::vector<std::int32_t>>(
      start_labels(p.x, k, o.init, seed, p.weight, p.execution, [&p] { return p.deadline.has_passed(); }, p.kernels));
  return one_hot([labels](Index i) { return static_cast<Index>((*labels)[static_cast<std::size_t>(i)]); });
}

/// The start of these parameters, but for the weights and means that are given.
Mixture assemble_start(const FitProblem& p, VectorView<const double> weights, MatrixView<const double> means,
                       VectorView<const double> covariances) {
  const FitOptions& o = p.options;
  const ParameterNames names{"weights_init", "means_init",
                             o.precisions_init.empty() ? "covariances_init" : "the inverse of precisions_init",
                             o.source};
  if (!o.weights_init.empty()) weights = o.weights_init;
  if (o.means_init.rows() > 0) means = o.means_init;
  return Mixture(
      std::make_shared<const MixtureData>(weights, means, covariances, o.covariance_type, o.allow_singular, names));
}

/// The start whose covariances are given: only the weights and means of the rows' shares are wanted.
Mixture start_with_covariances(const FitProblem& p, const Sums& sums, VectorView<const double> covariances) {
  const double total = std::accumulate(sums.weight.begin(), sums.weight.end(), 0.0);
  std::vector<double> weights, means;
  for (const double n : sums.weight) weights.push_back(n / total);
  for (std::size_t i = 0; i < sums.pivot.size(); ++i) means.push_back(sums.pivot[i] + sums.delta[i]);
  return assemble_start(p, weights, {means.data(), p.k, p.d()}, covariances);
}

}  // namespace

Mixture initial_mixture(const FitProblem& p, std::uint64_t seed, MaximizeReport& report) {
  const FitOptions& o = p.options;
  if (o.mixture_init) return *o.mixture_init;
  std::vector<double> inverted;
  VectorView<const double> covariances = o.covariances_init;
  if (!o.precisions_init.empty()) covariances = inverted = covariances_from_precisions(p);
  if (o.all_parameters_given()) return assemble_start(p, {}, {}, covariances);
  const std::vector<double> pivots = first_row(p);
  Sums sums(p.k, p.d(), o.covariance_type, pivots.data());
  accumulate_assignment(make_assignment(p, seed), p.x, p.weight, p.execution, sums, p.kernels);
  settle(p.constant, sums);
  if (!covariances.empty()) return start_with_covariances(p, sums, covariances);
  const Mixture estimate = m_step(sums, o.covariance_type, nullptr, p.maximize_options(), report, p.execution);
  const std::string given = given_parameters(o);
  if (given.empty()) return estimate;
  if (estimate.n_components() != p.k)
    throw NumericalError("on_degenerate='drop' must not meet a collapsed component in the start when " + given +
                         " is given, but " + std::to_string(p.k - estimate.n_components()) + " collapsed");
  return assemble_start(p, estimate.weights(), estimate.means(), estimate.covariances());
}

}  // namespace gaussmix::detail
