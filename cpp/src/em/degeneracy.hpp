#pragma once

#include "base/buffer.hpp"
#include "em/covariance_floor.hpp"
#include "em/sufficient_statistics.hpp"
#include "model/component_terms.hpp"
#include "model/covariance_layout.hpp"

#include <gaussmix/error.hpp>
#include <gaussmix/mixture.hpp>

#include <optional>
#include <string>
#include <vector>

namespace gaussmix::detail {

/// A component of an M-step that OnDegenerate::raise does not go on with. Callers of the library meet it as a
/// NumericalError.
class DegenerateComponent : public NumericalError {
 public:
  enum class Kind { empty, collapsed };
  DegenerateComponent(Kind kind, const std::string& message) : NumericalError(message), kind_(kind) {}
  Kind kind() const noexcept { return kind_; }

 private:
  Kind kind_;
};

/// What an OnDegenerate makes of the components that an M-step estimates: each estimate is judged, and then the
/// components that go on are collected.
class DegeneracyPolicy {
 public:
  /// Arguments must outlive the policy.
  /// @param data  the sums of the data, from which the floor and what the data themselves lack are taken
  /// @param sums  those that the components are estimated from: `data`, or these with the pseudo-data of a prior
  DegeneracyPolicy(const SufficientStatistics& data, const SufficientStatistics& sums, const CovarianceLayout& layout,
                   const Mixture* previous, const MaximizeOptions& options);

  /// Whether Σ_k says something: the component has weight, or shares its covariance with one that has.
  bool has_estimate(Index k) const { return layout_.shared || !is_empty(k); }
  /// Completes Σ_k: reg_covar added, and then raised to the floor or found singular. Any number of k at once.
  void judge(Index k, double* sigma);
  /// π, μ, Σ of the components that go on, from the covariances judged; what was done with others goes to `report`.
  /// @throws DegenerateComponent, as the policy says  @throws NumericalError when none is left
  Parameters collect(Buffer<double> covariances, MaximizeReport& report);

 private:
  using Kind = DegenerateComponent::Kind;
  class Kept;

  bool is_empty(Index k) const { return is_empty_[static_cast<std::size_t>(k)]; }
  Index rank_of(const double* sigma) const;
  double weight_of(Index k) const;
  std::vector<double> mean_of(Index k) const;
  void treat(Index k, Kind kind, const std::string& what, Kept& kept, MaximizeReport& report) const;
  void keep_empty(Index k, Kept& kept) const;

  const SufficientStatistics& sums_;
  CovarianceLayout layout_;
  double total_;                ///< Σ_k n_k of the data
  std::vector<char> is_empty_;  ///< whether each has no weight, and no prior says what its covariance is
  const Mixture* previous_;
  const MaximizeOptions& options_;
  std::optional<CovarianceFloor> floor_;  ///< of OnDegenerate::floor; none where a prior bounds Σ itself
  Index rank_of_data_ = 0;                ///< of OnDegenerate::keep
  std::vector<char> raised_;              ///< whether each was raised to the floor
  std::vector<char> leans_;  ///< whether each has less rank than the data but for reg_covar: OnDegenerate::keep
  std::vector<Index> rank_;  ///< of each, where the policy asks for it; else D
};

}  // namespace gaussmix::detail
