#include "em/degeneracy.hpp"

#include "base/enum_names.hpp"
#include "base/message.hpp"
#include "base/subscript.hpp"
#include "em/covariance_model.hpp"
#include "em/prior.hpp"
#include "numeric/pivoted_cholesky.hpp"

#include <algorithm>
#include <numeric>
#include <utility>

namespace gaussmix {
namespace detail {
namespace {

/// A component whose share of the weight is at most this is empty.
constexpr double empty_share = 0x1p-53;

constexpr EnumName<OnDegenerate> policies[] = {{OnDegenerate::raise, "raise"},
                                               {OnDegenerate::floor, "floor"},
                                               {OnDegenerate::drop, "drop"},
                                               {OnDegenerate::reseed, "reseed"},
                                               {OnDegenerate::keep, "keep"}};

}  // namespace

/// The components that go on, in their order. Each covariance of its own moves to the first free place of the
/// estimates' array: no more were kept before it than were judged before it, so that the place is free.
class DegeneracyPolicy::Kept {
 public:
  Kept(Buffer<double> covariances, const CovarianceLayout& layout, Index d)
      : layout_(layout), d_(d), size_(layout.values_each(d)), covariances_(std::move(covariances)) {}

  bool empty() const { return weights_.empty(); }
  double* covariance(Index k) { return covariances_.data() + layout_.offset(k, d_); }

  void add(double weight, const double* mean, const double* sigma) {
    double* place = covariance(static_cast<Index>(weights_.size()));
    weights_.push_back(weight);
    means_.insert(means_.end(), mean, mean + d_);
    if (place != sigma && !layout_.shared) std::copy(sigma, sigma + size_, place);
  }

  /// Splits the heaviest component into two halves, half a standard deviation to each side along its widest axis.
  void split_heaviest() {
    const Index heaviest = std::max_element(weights_.begin(), weights_.end()) - weights_.begin();
    const std::vector<double> axis = widest_axis(covariance(heaviest), layout_.shape, d_);
    const double half = 0.5 * weights_[at(heaviest)];
    std::vector<double> mean(at(d_));
    for (Index j = 0; j < d_; ++j) {
      double& own = means_[at(heaviest * d_ + j)];
      mean[at(j)] = own + 0.5 * axis[at(j)];
      own -= 0.5 * axis[at(j)];
    }
    weights_[at(heaviest)] = half;
    add(half, mean.data(), covariance(heaviest));
  }

  /// π_k = n_k / Σ n over those that were kept, with their μ and Σ.
  Parameters parameters() && {
    const double total = std::accumulate(weights_.begin(), weights_.end(), 0.0);
    for (double& weight : weights_) weight /= total;
    covariances_.resize(layout_.count(static_cast<Index>(weights_.size())) * size_);
    return {std::move(weights_), std::move(means_), std::move(covariances_)};
  }

 private:
  CovarianceLayout layout_;
  Index d_;
  Index size_;  ///< values of one covariance
  std::vector<double> weights_;
  std::vector<double> means_;
  Buffer<double> covariances_;
};

DegeneracyPolicy::DegeneracyPolicy(const SufficientStatistics& data, const SufficientStatistics& sums,
                                   const CovarianceLayout& layout, const Mixture* previous,
                                   const MaximizeOptions& options)
    : sums_(sums),
      layout_(layout),
      total_(std::accumulate(data.weight.begin(), data.weight.end(), 0.0)),
      previous_(previous),
      options_(options) {
  if (options.on_degenerate == OnDegenerate::floor && !is_proper(options.prior))
    floor_.emplace(data, layout, options.reg_covar, options.allow_singular);
  if (options.on_degenerate == OnDegenerate::keep) rank_of_data_ = rank_of(covariance_of_all(data, layout).data());
  for (const double weight : data.weight)
    is_empty_.push_back(!is_proper(options.prior) && weight <= empty_share * total_);
  const std::size_t n = at(layout.count(sums.k));
  raised_.assign(n, false);
  leans_.assign(n, false);
  rank_.assign(n, sums.d);
}

/// The rank of a covariance, by the rule of Mixture.
Index DegeneracyPolicy::rank_of(const double* sigma) const {
  const Index d = sums_.d;
  if (layout_.is_matrix()) {
    const PivotedCholesky pivoted = pivoted_cholesky(sigma, d);
    return pivoted.kind == PivotedCholesky::Kind::positive_definite ? d : std::min(pivoted.rank, d - 1);
  }
  const Index positive = std::count_if(sigma, sigma + layout_.values_each(d), [](double v) { return v > 0.0; });
  return layout_.shape == CovarianceShape::spherical ? positive * d : positive;
}

void DegeneracyPolicy::judge(Index k, double* sigma) {
  const Index d = sums_.d;
  Index own_rank = 0;  // that of the estimate, where it is asked
  if (options_.on_degenerate == OnDegenerate::keep && !layout_.shared) {
    own_rank = rank_of(sigma);
    leans_[at(k)] = own_rank < rank_of_data_;
  }
  add_to_variances(sigma, layout_.shape, d, options_.reg_covar);
  if (layout_.is_matrix() && options_.allow_singular) make_semi_definite(sigma, d);
  if (floor_)
    raised_[at(k)] = floor_->raise(sigma);
  else if (!layout_.shared && !options_.allow_singular && own_rank < d)  // reg_covar takes no rank away
    rank_[at(k)] = rank_of(sigma);
}

Parameters DegeneracyPolicy::collect(Buffer<double> covariances, MaximizeReport& report) {
  if (floor_) report.constant_features = floor_->constant_features();
  Kept kept(std::move(covariances), layout_, sums_.d);
  for (Index k = 0; k < sums_.k; ++k) {
    if (is_empty(k)) {
      const double share = sums_.weight[at(k)] / total_;
      treat(k, Kind::empty, "is empty: its share of the weight is " + format(share), kept, report);
    } else if (const Index rank = rank_[at(layout_.shared ? 0 : k)]; rank < sums_.d) {
      treat(k, Kind::collapsed,
            "has collapsed: its covariance has rank " + std::to_string(rank) + " of " + std::to_string(sums_.d), kept,
            report);
    } else {
      if (!layout_.shared && raised_[at(k)]) report.floored.push_back(k);
      if (!layout_.shared && leans_[at(k)]) report.kept.push_back(k);
      kept.add(weight_of(k), mean_of(k).data(), kept.covariance(k));
    }
  }
  if (layout_.shared && raised_[0]) {
    report.floored.resize(at(sums_.k));
    std::iota(report.floored.begin(), report.floored.end(), Index{0});
  }
  if (kept.empty()) throw NumericalError("every component has collapsed; raise reg_covar or use fewer components");
  for (std::size_t i = 0; i < report.reseeded.size(); ++i) kept.split_heaviest();
  return std::move(kept).parameters();
}

/// n_k + α − 1, in proportion to which π_k is (of a Dirichlet prior; α = 1 without one).
double DegeneracyPolicy::weight_of(Index k) const {
  return sums_.weight[at(k)] + (options_.prior ? options_.prior->weight_concentration - 1.0 : 0.0);
}

/// μ_k = pivot_k + δ_k.
std::vector<double> DegeneracyPolicy::mean_of(Index k) const {
  std::vector<double> mean(at(sums_.d));
  for (Index j = 0; j < sums_.d; ++j) mean[at(j)] = sums_.pivot[at(k * sums_.d + j)] + sums_.delta[at(k * sums_.d + j)];
  return mean;
}

void DegeneracyPolicy::treat(Index k, Kind kind, const std::string& what, Kept& kept, MaximizeReport& report) const {
  const bool nothing_to_keep = (options_.on_degenerate == OnDegenerate::floor && !previous_) ||
                               (options_.on_degenerate == OnDegenerate::keep && kind == Kind::collapsed);
  switch (nothing_to_keep ? OnDegenerate::raise : options_.on_degenerate) {
    case OnDegenerate::raise:
      throw DegenerateComponent(kind, "component " + std::to_string(k) + " " + what +
                                          "; use fewer components, raise reg_covar, or choose another on_degenerate");
    case OnDegenerate::floor: report.floored.push_back(k); return keep_empty(k, kept);
    case OnDegenerate::keep: report.kept.push_back(k); return keep_empty(k, kept);
    case OnDegenerate::drop: return report.dropped.push_back(k);
    case OnDegenerate::reseed: return report.reseeded.push_back(k);
  }
}

/// An empty component goes on as it was before, or where the sums say, with the variance of reg_covar.
void DegeneracyPolicy::keep_empty(Index k, Kept& kept) const {
  const double weight = weight_of(k);
  if (previous_)
    return kept.add(weight, previous_->means().data() + k * sums_.d,
                    previous_->covariances().data() + layout_.offset(k, sums_.d));
  if (!layout_.shared) {
    std::fill_n(kept.covariance(k), layout_.values_each(sums_.d), 0.0);
    add_to_variances(kept.covariance(k), layout_.shape, sums_.d, options_.reg_covar);
  }
  kept.add(weight, mean_of(k).data(), kept.covariance(k));
}

}  // namespace detail

const char* to_string(OnDegenerate policy) noexcept { return detail::name_of(policy, detail::policies); }

OnDegenerate on_degenerate_from_string(const std::string& name) {
  return detail::value_named(name, detail::policies, "on_degenerate");
}

}  // namespace gaussmix
