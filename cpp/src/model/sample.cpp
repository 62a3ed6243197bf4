#include <gaussmix/sample.hpp>

#include "base/memory.hpp"
#include "base/message.hpp"
#include "model/mixture_data.hpp"
#include "numeric/linalg.hpp"
#include "numeric/pivoted_cholesky.hpp"
#include "numeric/random.hpp"
#include "parallel/parallel.hpp"

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

namespace gaussmix {

namespace {

using detail::PivotedCholesky;

/// n standard normal numbers of one row, by inversion: e_j = Φ⁻¹(u_j). Number j stands in column 1 + ⌊j / 2⌋ of the
/// row's random words; column 0 chooses z.
void draw_normals(std::uint64_t seed, std::uint64_t row, Index n, double* out) {
  for (Index j = 0; j < n; j += 2) {
    const auto words = detail::Philox::words(seed, row, static_cast<std::uint32_t>(1 + j / 2), detail::sample_stream);
    out[j] = detail::normal_quantile(detail::uniform_from(words[0]));
    if (j + 1 < n) out[j + 1] = detail::normal_quantile(detail::uniform_from(words[1]));
  }
}

/// z ~ π by inversion: the least k with π_0 + … + π_k > u for a uniform number u.
class ComponentSampler {
 public:
  explicit ComponentSampler(VectorView<const double> weights) : cumulative_(static_cast<std::size_t>(weights.size())) {
    double sum = 0.0;
    for (Index k = 0; k < weights.size(); ++k) {
      sum += weights[k];
      cumulative_[static_cast<std::size_t>(k)] = sum;
      if (weights[k] > 0.0) last_ = k;
    }
  }

  Index operator()(std::uint64_t seed, std::uint64_t row) const {
    const double u = detail::uniform_from(detail::Philox::words(seed, row, 0, detail::sample_stream)[0]);
    // A component of weight 0 never is the first to exceed u. Where rounding leaves the whole sum below u, the last one
    // of positive weight is meant.
    const auto found = std::upper_bound(cumulative_.begin(), cumulative_.end(), u) - cumulative_.begin();
    return std::min(static_cast<Index>(found), last_);
  }

 private:
  std::vector<double> cumulative_;
  Index last_ = 0;
};

/// The maps F_k with Σ_k = F_k F_kᵀ, so that x = μ_k + F_k e ~ N(μ_k, Σ_k) for standard normal e (Bishop 2006, section
/// 11.1.1): a pivoted Cholesky factor each (one where all share a covariance), or standard deviations.
class CovarianceFactors {
 public:
  CovarianceFactors(const Mixture& mixture, const Execution& execution)
      : d_(mixture.n_features()), layout_(mixture.data().layout) {
    const VectorView<const double> values = mixture.covariances();
    if (!layout_.is_matrix()) {
      for (Index i = 0; i < values.size(); ++i) deviations_.push_back(std::sqrt(values[i]));
      return;
    }
    const Index n = values.size() / (d_ * d_);
    factors_.resize(static_cast<std::size_t>(n));
    const double d = static_cast<double>(d_);
    const int threads = detail::plan_threads(execution, n, static_cast<double>(n) * d * d * d / 6.0);
    detail::parallel_for(n, threads, execution, [&](Index k, detail::Worker&) {
      factors_[static_cast<std::size_t>(k)] = detail::pivoted_cholesky(values.data() + k * d_ * d_, d_);
    });
  }

  /// Multiply-adds for one row: those of the map, and about 50 for each normal number; for the choice of threads alone.
  double row_work() const {
    const double d = static_cast<double>(d_);
    return d * (factors_.empty() ? 50.0 : 50.0 + d);
  }

  /// How many normal numbers component k takes: its rank, or D where every feature has its own.
  Index n_normals(Index k) const { return factors_.empty() ? d_ : factor(k).rank; }

  /// x = μ + F e for component k.
  void place(Index k, const double* mean, const double* e, MatrixView<double> x, Index row) const {
    if (!factors_.empty()) return place_correlated(factor(k), mean, e, x, row);
    for (Index j = 0; j < d_; ++j) {
      const double offset = deviations_[static_cast<std::size_t>(layout_.variance_at(k, j, d_))] * e[j];
      x(row, j) = mean[j] + offset;
    }
  }

 private:
  const PivotedCholesky& factor(Index k) const { return factors_[layout_.shared ? 0 : static_cast<std::size_t>(k)]; }

  /// x_j = μ_j + s_j Σ_m l_im e_m with j = order[i], for F = S Pᵀ L.
  static void place_correlated(const PivotedCholesky& f, const double* mean, const double* e, MatrixView<double> x,
                               Index row) {
    for (std::size_t i = 0; i < f.order.size(); ++i) {
      const double* l = f.l.data() + i * static_cast<std::size_t>(f.rank);
      const Index terms = std::min(static_cast<Index>(i) + 1, f.rank);
      double sum = 0.0;
      for (Index m = 0; m < terms; ++m) sum += l[m] * e[m];
      const Index j = f.order[i];
      const double offset = f.scale[static_cast<std::size_t>(j)] * sum;
      x(row, j) = mean[j] + offset;
    }
  }

  Index d_;
  detail::CovarianceLayout layout_;
  std::vector<PivotedCholesky> factors_;
  std::vector<double> deviations_;
};

void check_outputs(const Mixture& mixture, MatrixView<double> x, VectorView<Index> z) {
  const auto text = [](Index n) { return std::to_string(n); };
  if (x.cols() != mixture.n_features() || x.rows() < 0) {
    detail::throw_invalid("x must be (N, " + text(mixture.n_features()) + "), but is (" + text(x.rows()) + ", " +
                          text(x.cols()) + ")");
  }
  if (z.size() != x.rows()) {
    detail::throw_invalid("z must be (" + text(x.rows()) + ",) like the rows of x, but is (" + text(z.size()) + ",)");
  }
  detail::check_output("x", x);
  detail::check_output("z", z);
  detail::check_apart("x", x, "z", z);
}

}  // namespace

void sample(const Mixture& mixture, std::uint64_t seed, MatrixView<double> x, VectorView<Index> z,
            const Execution& execution) {
  check_outputs(mixture, x, z);
  const Index d = mixture.n_features();
  const ComponentSampler component(mixture.weights());
  const CovarianceFactors factors(mixture, execution);
  const MatrixView<const double> means = mixture.means();

  // Rows of about a millisecond, after which a stop is heard; no row depends on it.
  const Index block = std::max<Index>(1, static_cast<Index>(1e6 / factors.row_work()));
  const Index n_blocks = x.rows() / block + (x.rows() % block != 0 ? 1 : 0);
  const int threads = detail::plan_threads(execution, n_blocks, factors.row_work() * static_cast<double>(x.rows()));

  detail::parallel_for(n_blocks, threads, execution, [&](Index b, detail::Worker&) {
    std::vector<double> e(static_cast<std::size_t>(d));
    for (Index i = b * block; i < std::min(x.rows(), (b + 1) * block); ++i) {
      const auto row = static_cast<std::uint64_t>(i);
      const Index k = component(seed, row);
      z[i] = k;
      draw_normals(seed, row, factors.n_normals(k), e.data());
      factors.place(k, means.data() + k * d, e.data(), x, i);
    }
  });
}

}  // namespace gaussmix
