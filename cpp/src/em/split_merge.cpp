#include "em/split_merge.hpp"

#include "base/subscript.hpp"
#include "em/covariance_floor.hpp"
#include "em/covariance_model.hpp"
#include "em/fit_report.hpp"
#include "em/tuning.hpp"
#include "model/mixture_data.hpp"
#include "numeric/linalg.hpp"
#include "parallel/parallel.hpp"

#include <gaussmix/error.hpp>

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <numeric>
#include <optional>
#include <utility>

namespace gaussmix::detail {
namespace {

/// A gain of a mean of log-densities within this share of it is rounding: the means of two mixtures over one X are off
/// by some units of it each.
constexpr double rounding_of_gain = 0x1p-40;

/// Σ += c v vᵀ, or what the shape has room for: its diagonal, or the mean of that.
void add_outer(double* sigma, CovarianceShape shape, Index d, double c, const double* v) {
  switch (shape) {
    case CovarianceShape::matrix:
      for (Index i = 0; i < d; ++i)
        for (Index j = 0; j < d; ++j) sigma[i * d + j] += c * v[i] * v[j];
      return;
    case CovarianceShape::diagonal:
      for (Index j = 0; j < d; ++j) sigma[j] += c * v[j] * v[j];
      return;
    case CovarianceShape::spherical:
      sigma[0] += c * std::inner_product(v, v + d, v, 0.0) / static_cast<double>(d);
      return;
  }
}

/// log |Σ| of one covariance; +inf where it is not positive definite.
double log_det(const double* sigma, CovarianceShape shape, Index d) {
  const CovarianceLayout one{shape, true};
  std::vector<double> l, inverse;
  if (one.is_matrix()) {
    l.resize(at(d * d));
    inverse.resize(l.size());
    if (!cholesky_inverse(sigma, d, l.data(), inverse.data())) return std::numeric_limits<double>::infinity();
    sigma = l.data();
  }
  double sum = 0.0;
  for (Index j = 0; j < d; ++j) sum += std::log(sigma[one.variance_at(0, j, d)]);
  return one.is_matrix() ? 2.0 * sum : sum;  // of the pivots of L, or of variances
}

/// Components i and j as one that keeps their weight, mean and covariance.
struct Merged {
  double weight;
  std::vector<double> mean, covariance;
};

/// π = π_i + π_j, μ = (π_i μ_i + π_j μ_j) / π, Σ = (π_i Σ_i + π_j Σ_j) / π + (π_i π_j / π²) δδᵀ with δ = μ_i − μ_j; of
/// a covariance that all share, Σ + (π_i π_j / π) δδᵀ.
Merged merged(const MixtureData& m, Index i, Index j) {
  const double wi = m.weights[at(i)], wj = m.weights[at(j)], w = wi + wj;
  const double share = w > 0.0 ? wi / w : 0.5;
  const auto size = m.layout.values_each(m.d);
  const double *a = m.covariances.data() + m.layout.offset(i, m.d), *b = m.covariances.data() + m.layout.offset(j, m.d);
  Merged out{w, std::vector<double>(at(m.d)), std::vector<double>(at(size))};
  std::vector<double> delta(at(m.d));
  for (Index c = 0; c < m.d; ++c) {
    const double other = m.means[at(j * m.d + c)];
    delta[at(c)] = m.means[at(i * m.d + c)] - other;
    out.mean[at(c)] = other + share * delta[at(c)];
  }
  for (Index c = 0; c < size; ++c) out.covariance[at(c)] = share * a[c] + (1.0 - share) * b[c];
  const double between = share * (1.0 - share) * (m.layout.shared ? w : 1.0);
  add_outer(out.covariance.data(), m.layout.shape, m.d, between, delta.data());
  return out;
}

/// The upper bound of Kullback and Leibler's distance that a merge may cost, in nats:
/// ½ (π log|Σ| − π_i log|Σ_i| − π_j log|Σ_j|) (Runnalls 2007, eq. 16); of a covariance that all share, where that of
/// every component changes, ½ (log|Σ after| − log|Σ before|). +inf where something is singular.
double merge_cost(const MixtureData& m, const std::vector<double>& log_dets, Index i, Index j) {
  const Merged one = merged(m, i, j);
  const double after = log_det(one.covariance.data(), m.layout.shape, m.d);
  const double cost =
      m.layout.shared ? after - log_dets[0]
                      : one.weight * after - m.weights[at(i)] * log_dets[at(i)] - m.weights[at(j)] * log_dets[at(j)];
  return std::isfinite(cost) ? 0.5 * cost : std::numeric_limits<double>::infinity();
}

/// The cheapest `n` merges (i, j), i < j, of finite cost, cheapest first.
std::vector<std::pair<Index, Index>> cheapest_merges(const MixtureData& m, std::size_t n, const Execution& execution) {
  std::vector<double> log_dets;
  for (Index c = 0; c < m.layout.count(m.k); ++c)
    log_dets.push_back(log_det(m.covariances.data() + m.layout.offset(c, m.d), m.layout.shape, m.d));
  std::vector<double> cost(at(m.k * m.k), std::numeric_limits<double>::infinity());
  const double d = static_cast<double>(m.d), pairs = static_cast<double>(m.k) * static_cast<double>(m.k - 1) / 2.0;
  const int threads = plan_threads(execution, m.k, pairs * (m.layout.is_matrix() ? d * d * d : 20.0 * d));
  parallel_for(m.k, threads, execution, [&](Index i, Worker& worker) {
    for (Index j = i + 1; j < m.k && !worker.cancelled(); ++j) cost[at(i * m.k + j)] = merge_cost(m, log_dets, i, j);
  });
  std::vector<std::pair<Index, Index>> merges;
  for (Index i = 0; i < m.k; ++i)
    for (Index j = i + 1; j < m.k; ++j)
      if (std::isfinite(cost[at(i * m.k + j)])) merges.emplace_back(i, j);
  std::stable_sort(merges.begin(), merges.end(), [&](const auto& a, const auto& b) {
    return cost[at(a.first * m.k + a.second)] < cost[at(b.first * m.k + b.second)];
  });
  merges.resize(std::min(n, merges.size()));
  return merges;
}

/// The components, heaviest first.
std::vector<Index> by_weight(const MixtureData& m) {
  std::vector<Index> order = numbers_of_start(m.k);
  std::stable_sort(order.begin(), order.end(), [&](Index a, Index b) { return m.weights[at(a)] > m.weights[at(b)]; });
  return order;
}

/// The axis along which one covariance is split: the widest in units of `scale`, or along the feature of the largest
/// scale where all have one variance; times its standard deviation.
std::vector<double> axis_of_split(const double* sigma, CovarianceShape shape, const std::vector<double>& scale) {
  const auto d = static_cast<Index>(scale.size());
  std::vector<double> axis(at(d));
  if (shape == CovarianceShape::spherical) {
    axis[at(std::max_element(scale.begin(), scale.end()) - scale.begin())] = std::sqrt(sigma[0]);
    return axis;
  }
  const Index size = CovarianceLayout{shape, true}.values_each(d);
  std::vector<double> scaled(sigma, sigma + size);
  for (Index i = 0; i < size; ++i) scaled[at(i)] /= scale[at(i % d)] * scale[at(size == d ? i : i / d)];
  axis = widest_axis(scaled.data(), shape, d);
  for (Index j = 0; j < d; ++j) axis[at(j)] *= scale[at(j)];
  return axis;
}

/// Writes the two halves of component k to the places k and `other` of `p`.
void split(const MixtureData& m, Index k, Index other, const std::vector<double>& scale, Parameters& p) {
  const CovarianceLayout& layout = m.layout;
  double* sigma = p.covariances.data() + layout.offset(k, m.d);
  const std::vector<double> axis = axis_of_split(sigma, layout.shape, scale);
  p.weights[at(other)] = p.weights[at(k)] *= 0.5;
  for (Index j = 0; j < m.d; ++j) {
    const double mean = p.means[at(k * m.d + j)];
    p.means[at(k * m.d + j)] = mean - 0.5 * axis[at(j)];
    p.means[at(other * m.d + j)] = mean + 0.5 * axis[at(j)];
  }
  // The two means lie a/2 to each side, which is ¼ a aᵀ of the covariance of both.
  add_outer(sigma, layout.shape, m.d, -0.25 * (layout.shared ? m.weights[at(k)] : 1.0), axis.data());
  if (!layout.shared) std::copy_n(sigma, layout.values_each(m.d), p.covariances.data() + layout.offset(other, m.d));
}

/// Some iterations from the mixture after a move; none where EM cannot go on from there.
std::optional<Run> attempt(const FitProblem& p, const Run& best, const Move& move, const std::vector<double>& scale) {
  EMOptions options = em_options(p.options);
  options.accelerate = Acceleration::squarem;  // to the same ends
  const Mixture& from = best.em.result();
  try {
    Run run{EM(moved(from, move, scale, p.execution), options), report_of(best), numbers_of_start(from.n_components()),
            false, false};
    go_on(p, 0, tuning::tried_iterations, {}, run);
    return run;
  } catch (const NumericalError&) {
    return std::nullopt;
  }
}

/// Standard deviations of the features, 1 where there is none.
std::vector<double> scale_of(const SufficientStatistics& whole) {
  std::vector<double> scale = feature_variances(whole);
  for (double& s : scale) s = s > 0.0 ? std::sqrt(s) : 1.0;
  return scale;
}

/// The moves that have come furthest within a few iterations, furthest first.
std::vector<Run> finalists(const FitProblem& p, const Run& best, const std::vector<double>& scale, FitReport& spent,
                           bool& by_deadline) {
  std::vector<Run> tries;
  for (const Move& move : promising_moves(best.em.result(), tuning::tried_moves, p.execution)) {
    std::optional<Run> tried = attempt(p, best, move, scale);
    ++spent.n_moves_tried;
    by_deadline = p.deadline.has_passed();
    if (tried) tries.push_back(std::move(*tried));
    if (by_deadline) break;
  }
  std::stable_sort(tries.begin(), tries.end(), [](const Run& a, const Run& b) { return level(a) > level(b); });
  if (tries.size() > tuning::finished_moves)
    tries.erase(tries.begin() + tuning::finished_moves, tries.end());  // no resize: a Run has no default
  return tries;
}

}  // namespace

std::vector<Move> promising_moves(const Mixture& mixture, Index n, const Execution& execution) {
  const MixtureData& m = mixture.data();
  std::vector<Move> moves;
  if (m.k < 3) return moves;
  const std::vector<Index> splits = by_weight(m);
  const auto merges = cheapest_merges(m, at(n), execution);
  for (std::size_t sum = 0; sum < merges.size() + splits.size(); ++sum)
    for (std::size_t rank = 0; rank <= sum && rank < merges.size(); ++rank) {
      if (moves.size() == at(n)) return moves;
      if (sum - rank >= splits.size()) continue;
      const auto [i, j] = merges[rank];
      const Index k = splits[sum - rank];
      if (k != i && k != j) moves.push_back({i, j, k});
    }
  return moves;
}

Mixture moved(const Mixture& mixture, const Move& move, const std::vector<double>& scale, const Execution& execution) {
  const MixtureData& m = mixture.data();
  Merged one = merged(m, move.first, move.second);
  Parameters p{m.weights, m.means, Buffer<double>(m.layout.count(m.k) * m.layout.values_each(m.d))};
  std::copy_n(m.covariances.data(), m.layout.count(m.k) * m.layout.values_each(m.d), p.covariances.data());
  p.weights[at(move.first)] = one.weight;
  std::copy(one.mean.begin(), one.mean.end(), p.means.begin() + move.first * m.d);
  std::copy(one.covariance.begin(), one.covariance.end(), p.covariances.data() + m.layout.offset(move.first, m.d));
  split(m, move.split, move.second, scale, p);
  return Mixture(std::make_shared<const MixtureData>(std::move(p), m.k, m.d, m.type, m.allow_singular, ParameterNames{},
                                                     execution),
                 mixture.shared_names());
}

void split_and_merge(const FitProblem& p, const SufficientStatistics& whole, const WeakComponents& weak, Run& best,
                     FitReport& spent) {
  const std::vector<double> scale = scale_of(whole);
  for (bool improved = true, by_deadline = false; improved && !by_deadline;) {
    improved = false;
    const double now = mean_log_likelihood(p, best.em.result());
    const double least = now + std::max(p.options.tol, rounding_of_gain * std::abs(now));
    std::vector<Run> tries = finalists(p, best, scale, spent, by_deadline);
    const Index n_weak = weak.count(best.em.result()), k = best.em.result().n_components();
    std::optional<Run> winner;
    for (Run& tried : tries) {
      if (by_deadline) break;
      try {
        go_on(p, 0, p.options.max_iter, {}, tried);
      } catch (const NumericalError&) {
        continue;
      }
      by_deadline = p.deadline.has_passed();
      const Mixture& end = tried.em.result();
      if (end.n_components() == k && level(tried) > (winner ? level(*winner) : least) && weak.count(end) <= n_weak)
        winner = std::move(tried);
    }
    if (winner) {
      best = std::move(*winner);
      improved = true;
      ++spent.n_moves;
    }
    best.by_deadline = best.by_deadline || by_deadline;
  }
}

}  // namespace gaussmix::detail
