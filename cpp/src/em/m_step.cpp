#include "em/m_step.hpp"

#include "base/message.hpp"
#include "em/covariance_floor.hpp"
#include "em/covariance_model.hpp"
#include "em/degenerate_component.hpp"
#include "model/mixture_data.hpp"
#include "numeric/linalg.hpp"
#include "numeric/pivoted_cholesky.hpp"
#include "parallel/parallel.hpp"

#include <gaussmix/error.hpp>

#include <algorithm>
#include <cmath>
#include <memory>
#include <numeric>
#include <optional>

namespace gaussmix {
namespace {

using detail::CovarianceLayout;
using detail::SufficientStatistics;

/// A feature is blurred when reg_covar is more than this share of its variance.
constexpr double blurring_share = 1e-2;

/// A component whose share of the weight is at most this is empty.
constexpr double empty_share = 0x1p-53;

std::size_t at(Index i) { return static_cast<std::size_t>(i); }

/// The M-step under way (Bishop 2006, eqs. 9.24–9.26): π_k = n_k / Σ n, μ_k = pivot_k + δ_k, Σ_k of the covariance model, and what
/// the policy makes of components for which that is no mixture.
class MStep {
 public:
  MStep(const SufficientStatistics& sums, CovarianceType type, const Mixture* previous, const MaximizeOptions& options,
        MaximizeReport& report, const Execution& execution)
      : sums_(sums),
        previous_(previous),
        options_(options),
        report_(report),
        execution_(execution),
        type_(type),
        layout_(detail::layout_of(type)),
        d_(sums.d),
        size_(layout_.values_each(sums.d)),
        total_(std::accumulate(sums.weight.begin(), sums.weight.end(), 0.0)) {
    if (!(total_ > 0.0 && std::isfinite(total_)))
      throw NumericalError("statistics must hold a positive, finite total weight before they are maximized, but hold " +
                           detail::format(total_));
    if (!sums.finite())
      throw NumericalError("the squared differences of X must stay within the range of float64, but do not; scale X");
  }

  Mixture run() {
    if (options_.reg_covar > 0.0) find_blurred_features();
    if (options_.on_degenerate == OnDegenerate::floor)
      floor_.emplace(sums_, layout_, options_.reg_covar, options_.allow_singular);
    if (floor_) report_.constant_features = floor_->constant_features();
    if (options_.on_degenerate == OnDegenerate::keep)
      rank_of_data_ = rank_of(detail::covariance_of_all(sums_, layout_).data());
    covariances_.resize(layout_.count(sums_.k) * size_);
    detail::covariance_model(type_).estimate(sums_, covariances_.data());
    judge_covariances();
    collect();
    if (weights_.empty())
      throw NumericalError("every component has collapsed; raise reg_covar or use fewer components");
    for (std::size_t i = 0; i < report_.reseeded.size(); ++i) reseed();
    const double kept_weight = std::accumulate(weights_.begin(), weights_.end(), 0.0);
    for (double& weight : weights_) weight /= kept_weight;
    return finish();
  }

 private:
  using Kind = detail::DegenerateComponent::Kind;

  void find_blurred_features() {
    const std::vector<double> variances = detail::feature_variances(sums_);
    for (Index j = 0; j < d_; ++j)
      if (variances[at(j)] > 0.0 && options_.reg_covar > blurring_share * variances[at(j)])
        report_.blurred_features.push_back(j);
  }

  bool is_empty(Index k) const { return sums_.weight[at(k)] <= empty_share * total_; }
  double* covariance(Index k) { return covariances_.data() + layout_.offset(k, d_); }

  /// Completes each estimate: regularized, and then raised to the floor or found singular.
  void judge_covariances() {
    const Index n = layout_.count(sums_.k);
    raised_.assign(at(n), false);
    leans_.assign(at(n), false);
    rank_.assign(at(n), d_);
    const double d = static_cast<double>(d_);
    const int threads =
        detail::plan_threads(execution_, n, static_cast<double>(n) * (layout_.is_matrix() ? d * d * d : d));
    detail::parallel_for(n, threads, execution_, [this](Index k, detail::Worker&) {
      if (layout_.shared || !is_empty(k)) judge_covariance(k);
    });
  }

  void judge_covariance(Index k) {
    double* sigma = covariance(k);
    Index own_rank = 0;  // that of the estimate, where it is asked
    if (options_.on_degenerate == OnDegenerate::keep && !layout_.shared) {
      own_rank = rank_of(sigma);
      leans_[at(k)] = own_rank < rank_of_data_;
    }
    detail::add_to_variances(sigma, layout_.shape, d_, options_.reg_covar);
    if (layout_.is_matrix() && options_.allow_singular) detail::make_semi_definite(sigma, d_);
    if (floor_)
      raised_[at(k)] = floor_->raise(sigma);
    else if (!layout_.shared && !options_.allow_singular && own_rank < d_)  // reg_covar takes no rank away
      rank_[at(k)] = rank_of(sigma);
  }

  /// The rank of a covariance, by the rule of Mixture.
  Index rank_of(const double* sigma) const {
    if (layout_.is_matrix()) {
      const detail::PivotedCholesky pivoted = detail::pivoted_cholesky(sigma, d_);
      return pivoted.kind == detail::PivotedCholesky::Kind::positive_definite ? d_ : std::min(pivoted.rank, d_ - 1);
    }
    const Index positive = std::count_if(sigma, sigma + size_, [](double v) { return v > 0.0; });
    return layout_.shape == detail::CovarianceShape::spherical ? positive * d_ : positive;
  }

  /// Takes the components in their order, each as it is or as the policy says.
  void collect() {
    for (Index k = 0; k < sums_.k; ++k) {
      if (is_empty(k)) {
        const double share = sums_.weight[at(k)] / total_;
        treat(k, Kind::empty, "is empty: its share of the weight is " + detail::format(share));
      } else if (const Index rank = rank_[at(layout_.shared ? 0 : k)]; rank < d_) {
        treat(k, Kind::collapsed,
              "has collapsed: its covariance has rank " + std::to_string(rank) + " of " + std::to_string(d_));
      } else {
        if (!layout_.shared && raised_[at(k)]) report_.floored.push_back(k);
        if (!layout_.shared && leans_[at(k)]) report_.kept.push_back(k);
        keep(sums_.weight[at(k)], mean_of(k).data(), covariance(k));
      }
    }
    if (!layout_.shared || !raised_[0]) return;
    report_.floored.resize(at(sums_.k));
    std::iota(report_.floored.begin(), report_.floored.end(), Index{0});
  }

  std::vector<double> mean_of(Index k) const {
    std::vector<double> mean(at(d_));
    for (Index j = 0; j < d_; ++j) mean[at(j)] = sums_.pivot[at(k * d_ + j)] + sums_.delta[at(k * d_ + j)];
    return mean;
  }

  /// Appends a component. Those before it were no more than were taken, so that its covariance finds a place that is free.
  void keep(double weight, const double* mean, const double* sigma) {
    double* place = covariance(static_cast<Index>(weights_.size()));
    weights_.push_back(weight);
    means_.insert(means_.end(), mean, mean + d_);
    if (place != sigma && !layout_.shared) std::copy(sigma, sigma + size_, place);
  }

  void treat(Index k, Kind kind, const std::string& what) {
    const bool nothing_to_keep = (options_.on_degenerate == OnDegenerate::floor && !previous_) ||
                                 (options_.on_degenerate == OnDegenerate::keep && kind == Kind::collapsed);
    switch (nothing_to_keep ? OnDegenerate::raise : options_.on_degenerate) {
      case OnDegenerate::raise:
        throw detail::DegenerateComponent(
            kind, "component " + std::to_string(k) + " " + what +
                      "; use fewer components, raise reg_covar, or choose another on_degenerate");
      case OnDegenerate::floor:
        report_.floored.push_back(k);
        return keep(sums_.weight[at(k)], previous_->means().data() + k * d_,
                    previous_->covariances().data() + layout_.offset(k, d_));
      case OnDegenerate::keep: return keep_empty(k);
      case OnDegenerate::drop: return report_.dropped.push_back(k);
      case OnDegenerate::reseed: return report_.reseeded.push_back(k);
    }
  }

  /// An empty component under OnDegenerate::keep: as it was before, or where the sums say, with the variance of reg_covar.
  void keep_empty(Index k) {
    report_.kept.push_back(k);
    const double weight = sums_.weight[at(k)];
    if (previous_)
      return keep(weight, previous_->means().data() + k * d_, previous_->covariances().data() + layout_.offset(k, d_));
    if (!layout_.shared) {
      std::fill_n(covariance(k), size_, 0.0);
      detail::add_to_variances(covariance(k), layout_.shape, d_, options_.reg_covar);
    }
    keep(weight, mean_of(k).data(), covariance(k));
  }

  /// The widest axis of a kept component times its standard deviation.
  std::vector<double> widest_axis(Index component) {
    std::vector<double> axis(at(d_));
    const double* sigma = covariance(component);
    if (layout_.is_matrix()) {
      detail::principal_axis(sigma, d_, axis.data());
    } else {
      const Index widest = std::max_element(sigma, sigma + size_) - sigma;
      axis[at(widest)] = std::sqrt(sigma[widest]);
    }
    return axis;
  }

  /// Splits the heaviest component into two halves, half a standard deviation to each side along its widest axis.
  void reseed() {
    const Index heaviest = std::max_element(weights_.begin(), weights_.end()) - weights_.begin();
    const std::vector<double> axis = widest_axis(heaviest);
    const double half = 0.5 * weights_[at(heaviest)];
    std::vector<double> mean(at(d_));
    for (Index j = 0; j < d_; ++j) {
      double& own = means_[at(heaviest * d_ + j)];
      mean[at(j)] = own + 0.5 * axis[at(j)];
      own -= 0.5 * axis[at(j)];
    }
    weights_[at(heaviest)] = half;
    keep(half, mean.data(), covariance(heaviest));
  }

  /// The mixture of what is kept, its covariances factored on the threads of the call.
  Mixture finish() {
    const auto k = static_cast<Index>(weights_.size());
    covariances_.resize(layout_.count(k) * size_);
    return Mixture(std::make_shared<const detail::MixtureData>(
                       detail::Parameters{std::move(weights_), std::move(means_), std::move(covariances_)}, k, d_,
                       type_, options_.allow_singular, detail::ParameterNames{}, execution_),
                   previous_ ? previous_->shared_names() : Mixture::Names());
  }

  const SufficientStatistics& sums_;
  const Mixture* previous_;
  const MaximizeOptions& options_;
  MaximizeReport& report_;
  const Execution& execution_;
  CovarianceType type_;
  CovarianceLayout layout_;
  Index d_;
  Index size_;  ///< values of one covariance
  double total_;
  std::optional<detail::CovarianceFloor> floor_;
  std::vector<char> raised_;  ///< whether each was raised to the floor
  std::vector<char> leans_;   ///< whether each has less rank than the data but for reg_covar, where that is asked
  Index rank_of_data_ = 0;    ///< where that is asked
  std::vector<Index> rank_;   ///< of each, where the policy asks for it; else D
  std::vector<double> weights_, means_;  ///< of the components that are kept
  detail::Buffer<double> covariances_;   ///< the estimates of all, of which the kept ones move to the front
};

}  // namespace

const char* to_string(OnDegenerate policy) noexcept {
  switch (policy) {
    case OnDegenerate::raise: return "raise";
    case OnDegenerate::floor: return "floor";
    case OnDegenerate::drop: return "drop";
    case OnDegenerate::reseed: return "reseed";
    case OnDegenerate::keep: return "keep";
  }
  return "";
}

OnDegenerate on_degenerate_from_string(const std::string& name) {
  for (const OnDegenerate policy :
       {OnDegenerate::raise, OnDegenerate::floor, OnDegenerate::drop, OnDegenerate::reseed, OnDegenerate::keep})
    if (name == to_string(policy)) return policy;
  detail::throw_invalid("on_degenerate must be 'raise', 'floor', 'drop', 'reseed' or 'keep', but is '" + name + "'");
}

Mixture detail::m_step(const SufficientStatistics& sums, CovarianceType type, const Mixture* previous,
                       const MaximizeOptions& options, MaximizeReport& report, const Execution& execution) {
  return MStep(sums, type, previous, options, report, execution).run();
}

Mixture Statistics::maximize(const MaximizeOptions& options, MaximizeReport* report, const Execution& execution) const {
  detail::check_non_negative(options.reg_covar, "reg_covar");
  if (*to_string(options.on_degenerate) == '\0')
    detail::throw_invalid("on_degenerate must be one of its enumeration, but is " +
                          std::to_string(static_cast<int>(options.on_degenerate)));
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
