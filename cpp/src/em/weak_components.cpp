#include "em/weak_components.hpp"

#include "em/covariance_model.hpp"
#include "model/mixture_data.hpp"

#include <algorithm>
#include <vector>

namespace gaussmix::detail {
namespace {

/// What a covariance that was raised to the floor is multiplied by, so that rounding does not lift it above: far more
/// than that, far less than anything that matters.
constexpr double beside_floor = 1.0 - 0x1p-20;

double n_positive(const FitProblem& p) {
  if (p.weight.empty()) return static_cast<double>(p.n());
  Index n = 0;
  for (Index i = 0; i < p.n(); ++i) n += p.weight[i] > 0.0;
  return static_cast<double>(n);
}

}  // namespace

// Where the data lack a direction, the floor has nothing to say about it: with allow_singular there is none.
WeakComponents::WeakComponents(const FitProblem& p, const SufficientStatistics& whole)
    : floor_(whole, layout_of(p.options.covariance_type), 0.0, true),
      n_rows_(n_positive(p)),
      reg_covar_(p.options.reg_covar) {}

Index WeakComponents::count(const Mixture& mixture) const {
  const double least = static_cast<double>(mixture.n_features() + 1);
  Index n = 0;
  for (Index k = 0; k < mixture.n_components(); ++k)
    n += mixture.weights()[k] * n_rows_ < least || is_narrow(mixture, k);
  return n;
}

bool WeakComponents::is_narrow(const Mixture& mixture, Index component) const {
  const MixtureData& m = mixture.data();
  const double* sigma = m.covariances.data() + m.layout.offset(component, m.d);
  std::vector<double> lowered(sigma, sigma + m.layout.values_each(m.d));
  add_to_variances(lowered.data(), m.layout.shape, m.d, -reg_covar_);
  std::transform(lowered.begin(), lowered.end(), lowered.begin(), [](double v) { return v * beside_floor; });
  return floor_.raise(lowered.data());
}

}  // namespace gaussmix::detail
