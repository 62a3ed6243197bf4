#include "base/message.hpp"
#include "em/degenerate_component.hpp"
#include "em/sufficient_statistics.hpp"
#include "model/mixture_data.hpp"
#include "numeric/linalg.hpp"
#include "numeric/pivoted_cholesky.hpp"

#include <gaussmix/error.hpp>

#include <algorithm>
#include <cmath>
#include <numeric>

namespace gaussmix {
namespace {

using Sums = Statistics::Sums;

/// A component whose share of the weight is at most this is empty.
constexpr double empty_share = 0x1p-53;
/// Pivots of an estimated covariance that its rounding may have made of zeros, in units of d · 2⁻⁵³.
constexpr double rounded_zero_pivot = 512.0;
/// OnDegenerate::floor keeps each covariance above this times that of all the data.
constexpr double relative_floor = 1e-6;

std::size_t at(Index i) { return static_cast<std::size_t>(i); }

/// The M-step under way: parameters of the components that are still there.
class MStep {
 public:
  MStep(const Sums& sums, CovarianceType type, const Mixture* previous, const MaximizeOptions& options,
        MaximizeReport& report)
      : sums_(sums),
        previous_(previous),
        options_(options),
        report_(report),
        type_(type),
        d_(sums.d),
        size_(type_ == CovarianceType::spherical ? 1
              : type_ == CovarianceType::diag    ? d_
                                                 : d_ * d_),
        total_(std::accumulate(sums.weight.begin(), sums.weight.end(), 0.0)) {
    if (!(total_ > 0.0 && std::isfinite(total_)))
      throw NumericalError("statistics must hold a positive, finite total weight before they are maximized, but hold " +
                           detail::format(total_));
    if (!sums.finite())
      throw NumericalError("the squared differences of X must stay within the range of float64, but do not; scale X");
  }

  Mixture run() {
    if (options_.on_degenerate == OnDegenerate::floor) total_covariance();
    for (Index k = 0; k < sums_.k; ++k) take_component(k);
    if (sums_.pooled) take_pooled_covariance();
    if (weights_.empty())
      throw NumericalError("every component has collapsed; raise reg_covar or use fewer components");
    for (std::size_t i = 0; i < report_.reseeded.size(); ++i) reseed();
    double kept_weight = std::accumulate(weights_.begin(), weights_.end(), 0.0);
    for (double& weight : weights_) weight /= kept_weight;
    return Mixture(weights_, {means_.data(), static_cast<Index>(weights_.size()), d_}, covariances_, type_,
                   options_.allow_singular);
  }

 private:
  using Kind = detail::DegenerateComponent::Kind;

  bool matrices() const { return sums_.full; }

  /// Σ = S / n + reg_covar · I in the layout of the type, from a scatter of weight n.
  std::vector<double> covariance(const double* scatter, double n) const {
    std::vector<double> out(at(size_));
    if (matrices()) {
      for (Index i = 0; i < d_; ++i)
        for (Index j = 0; j <= i; ++j) out[at(i * d_ + j)] = out[at(j * d_ + i)] = scatter[i * d_ + j] / n;
      for (Index j = 0; j < d_; ++j) out[at(j * d_ + j)] += options_.reg_covar;
      if (options_.allow_singular) make_semi_definite(out);
    } else if (type_ == CovarianceType::diag) {
      for (Index j = 0; j < d_; ++j) out[at(j)] = scatter[j] / n + options_.reg_covar;
    } else {
      const double mean = std::accumulate(scatter, scatter + d_, 0.0) / static_cast<double>(d_);
      out[0] = mean / n + options_.reg_covar;
    }
    return out;
  }

  /// Takes a covariance that is singular but for the rounding of its sums to the singular one beside it: F Fᵀ of its rank.
  void make_semi_definite(std::vector<double>& sigma) const {
    for (Index j = 0; j < d_; ++j)
      if (!(sigma[at(j * d_ + j)] > 0.0))
        for (Index i = 0; i < d_; ++i) sigma[at(i * d_ + j)] = sigma[at(j * d_ + i)] = 0.0;
    const detail::PivotedCholesky f = detail::pivoted_cholesky(sigma.data(), d_, rounded_zero_pivot);
    if (f.kind != detail::PivotedCholesky::Kind::singular) return;
    for (Index i = 0; i < d_; ++i)
      for (Index j = 0; j <= i; ++j) {
        double product = 0.0;
        for (Index r = 0; r < f.rank; ++r) product += f.l[at(i * f.rank + r)] * f.l[at(j * f.rank + r)];
        const Index row = f.order[at(i)], column = f.order[at(j)];
        sigma[at(row * d_ + column)] = sigma[at(column * d_ + row)] = f.scale[at(row)] * product * f.scale[at(column)];
      }
  }

  detail::PivotedCholesky rank_of(const std::vector<double>& sigma) const {
    return detail::pivoted_cholesky(sigma.data(), d_);
  }

  /// The covariance of all the data, from within and between the components.
  void total_covariance() {
    Sums whole(1, d_, matrices() ? CovarianceType::full : CovarianceType::diag, sums_.pivot.data());
    std::vector<double> shift(at(d_));
    for (Index k = 0; k < sums_.k; ++k) {
      for (Index j = 0; j < d_; ++j)
        shift[at(j)] = (sums_.pivot[at(k * d_ + j)] - sums_.pivot[at(j)]) + sums_.delta[at(k * d_ + j)];
      whole.add(0, sums_.weight[at(k)], shift.data(), sums_.pooled ? nullptr : sums_.scatter_of(k));
    }
    if (sums_.pooled)
      for (std::size_t i = 0; i < whole.scatter.size(); ++i) whole.scatter[i] += sums_.scatter[i];
    total_covariance_ = covariance(whole.scatter.data(), total_);
    check_total();
  }

  /// Data that vary in fewer directions than they have features leave the floor without a scale.
  void check_total() {
    if (options_.allow_singular) return;
    for (Index j = 0; j < (type_ == CovarianceType::spherical ? 1 : d_); ++j)
      if (!(total_covariance_[at(matrices() ? j * d_ + j : j)] > 0.0))
        throw NumericalError(
            (type_ == CovarianceType::spherical ? std::string("X has") : "feature " + std::to_string(j) + " of X has") +
            " no variance, so no covariance can be positive definite; drop it, raise reg_covar or pass "
            "allow_singular");
    if (!matrices()) return;
    const detail::PivotedCholesky pivoted = rank_of(total_covariance_);
    if (pivoted.kind != detail::PivotedCholesky::Kind::positive_definite)
      throw NumericalError(
          "the covariance of X has rank " + std::to_string(pivoted.rank) + " of " + std::to_string(d_) +
          " (linearly dependent features, or fewer rows than features), so no "
          "covariance can be positive definite; drop features, raise reg_covar or pass allow_singular");
  }

  /// Raises a covariance to the floor. @returns whether it was below
  bool raise_to_floor(std::vector<double>& sigma) const {
    if (matrices()) return detail::floor_covariance(sigma.data(), total_covariance_.data(), d_, relative_floor);
    bool raised = false;
    for (std::size_t j = 0; j < sigma.size(); ++j) {
      const double least = relative_floor * total_covariance_[j];
      raised = raised || sigma[j] < least;
      sigma[j] = std::max(sigma[j], least);
    }
    return raised;
  }

  /// The rank of a covariance, by the rule of Mixture.
  Index rank(const std::vector<double>& sigma) const {
    if (matrices()) {
      const detail::PivotedCholesky pivoted = rank_of(sigma);
      return pivoted.kind == detail::PivotedCholesky::Kind::positive_definite ? d_ : std::min(pivoted.rank, d_ - 1);
    }
    const Index positive = std::count_if(sigma.begin(), sigma.end(), [](double v) { return v > 0.0; });
    return type_ == CovarianceType::spherical ? positive * d_ : positive;
  }

  void keep(double weight, const double* mean, const double* covariance) {
    weights_.push_back(weight);
    means_.insert(means_.end(), mean, mean + d_);
    if (!sums_.pooled) covariances_.insert(covariances_.end(), covariance, covariance + size_);
  }

  void take_component(Index k) {
    const double n = sums_.weight[at(k)];
    if (n <= empty_share * total_)
      return take_degenerate(k, Kind::empty, "is empty: its share of the weight is " + detail::format(n / total_));
    std::vector<double> mean(at(d_));
    for (Index j = 0; j < d_; ++j) mean[at(j)] = sums_.pivot[at(k * d_ + j)] + sums_.delta[at(k * d_ + j)];
    std::vector<double> sigma;
    if (!sums_.pooled) {
      sigma = covariance(sums_.scatter_of(k), n);
      if (options_.on_degenerate == OnDegenerate::floor) {
        if (raise_to_floor(sigma)) report_.floored.push_back(k);
      } else if (const Index r = options_.allow_singular ? d_ : rank(sigma); r < d_) {
        return take_degenerate(
            k, Kind::collapsed,
            "has collapsed: its covariance has rank " + std::to_string(r) + " of " + std::to_string(d_));
      }
    }
    keep(n, mean.data(), sigma.data());
  }

  void take_degenerate(Index k, Kind kind, const std::string& what) {
    const bool nothing_to_keep = options_.on_degenerate == OnDegenerate::floor && !previous_;
    switch (nothing_to_keep ? OnDegenerate::raise : options_.on_degenerate) {
      case OnDegenerate::raise:
        throw detail::DegenerateComponent(
            kind, "component " + std::to_string(k) + " " + what +
                      "; use fewer components, raise reg_covar, or choose another on_degenerate");
      case OnDegenerate::floor:
        report_.floored.push_back(k);
        return keep(sums_.weight[at(k)], previous_->means().data() + k * d_,
                    previous_->covariances().data() + (sums_.pooled ? 0 : k * size_));
      case OnDegenerate::drop: return report_.dropped.push_back(k);
      case OnDegenerate::reseed: return report_.reseeded.push_back(k);
    }
  }

  void take_pooled_covariance() {
    covariances_ = covariance(sums_.scatter.data(), total_);
    if (options_.on_degenerate != OnDegenerate::floor || !raise_to_floor(covariances_)) return;
    report_.floored.resize(at(sums_.k));
    std::iota(report_.floored.begin(), report_.floored.end(), Index{0});
  }

  /// The widest axis of a kept component times its standard deviation.
  std::vector<double> widest_axis(Index component) const {
    std::vector<double> axis(at(d_));
    const double* sigma = covariances_.data() + (sums_.pooled ? 0 : component * size_);
    if (matrices()) {
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
    const std::vector<double> sigma(covariances_.begin() + (sums_.pooled ? 0 : heaviest * size_),
                                    covariances_.begin() + (sums_.pooled ? 0 : (heaviest + 1) * size_));
    weights_[at(heaviest)] = half;
    keep(half, mean.data(), sigma.data());
  }

  const Sums& sums_;
  const Mixture* previous_;
  const MaximizeOptions& options_;
  MaximizeReport& report_;
  CovarianceType type_;
  Index d_;
  Index size_;  ///< values of one covariance
  double total_;
  std::vector<double> total_covariance_;
  std::vector<double> weights_, means_, covariances_;
};

}  // namespace

const char* to_string(OnDegenerate policy) noexcept {
  switch (policy) {
    case OnDegenerate::raise: return "raise";
    case OnDegenerate::floor: return "floor";
    case OnDegenerate::drop: return "drop";
    case OnDegenerate::reseed: return "reseed";
  }
  return "";
}

OnDegenerate on_degenerate_from_string(const std::string& name) {
  for (const OnDegenerate policy : {OnDegenerate::raise, OnDegenerate::floor, OnDegenerate::drop, OnDegenerate::reseed})
    if (name == to_string(policy)) return policy;
  detail::throw_invalid("on_degenerate must be 'raise', 'floor', 'drop' or 'reseed', but is '" + name + "'");
}

Mixture detail::maximize(const Statistics::Sums& sums, CovarianceType type, const Mixture* previous,
                         const MaximizeOptions& options, MaximizeReport& report) {
  return MStep(sums, type, previous, options, report).run();
}

Mixture Statistics::maximize(const MaximizeOptions& options, MaximizeReport* report) const {
  detail::check_non_negative(options.reg_covar, "reg_covar");
  if (*to_string(options.on_degenerate) == '\0')
    detail::throw_invalid("on_degenerate must be one of its enumeration, but is " +
                          std::to_string(static_cast<int>(options.on_degenerate)));
  MaximizeReport own;
  try {
    Mixture result = detail::maximize(*sums_, mixture_.covariance_type(), &mixture_, options, own);
    if (report) *report = std::move(own);
    return result;
  } catch (const detail::DegenerateComponent& error) {
    throw NumericalError(error.what());
  }
}

}  // namespace gaussmix
