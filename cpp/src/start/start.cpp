#include "start/start.hpp"

#include "numeric/random.hpp"
#include "start/data_range.hpp"
#include "start/lloyd.hpp"
#include "start/seeding.hpp"

#include <utility>

namespace gaussmix::detail {

namespace {

// What a start by k-means costs and where it ends; another value gives EM another start.
/// Lloyd's iterations end when no more of the weight than this changes cluster: EM moves more from there.
constexpr double settled_share = 3e-3;
/// And after so many at the latest.
constexpr int most_iterations = 300;

/// Gives every component without a row of positive weight the first such row whose component has another one.
void give_each_a_row(std::vector<std::int32_t>& labels, Index n_components, VectorView<const double> weight) {
  std::vector<Index> count(static_cast<std::size_t>(n_components));
  const auto present = [&](std::size_t i) { return weight.empty() || weight[static_cast<Index>(i)] > 0.0; };
  for (std::size_t i = 0; i < labels.size(); ++i) count[static_cast<std::size_t>(labels[i])] += present(i);
  std::size_t k = 0;
  for (std::size_t i = 0; i < labels.size(); ++i) {
    while (k < count.size() && count[k] > 0) ++k;
    if (k == count.size()) return;
    Index& old = count[static_cast<std::size_t>(labels[i])];
    if (!present(i) || old < 2) continue;
    --old;
    labels[i] = static_cast<std::int32_t>(k);
    count[k] = 1;
  }
}

}  // namespace

std::vector<std::int32_t> start_labels(const Samples& x, Index n_components, Init init, std::uint64_t seed,
                                       VectorView<const double> sample_weight, const Execution& execution,
                                       const EndStart& end_start, const simd::KernelTable& kernels) {
  std::vector<std::int32_t> labels =
      with_points(x, n_components, sample_weight, execution, kernels, [&](const auto& points, int) {
        Seeds seeds = init == Init::random_from_data ? seeds_by_weight(points, n_components, seed, end_start)
                                                     : seeds_by_distance(points, n_components, seed, end_start);
        const bool ended = static_cast<Index>(seeds.rows.size()) < n_components;
        if (init != Init::kmeans || ended) return std::move(seeds.labels);
        return lloyd_labels(points, seeds.rows, most_iterations, settled_share, end_start);
      });
  give_each_a_row(labels, n_components, sample_weight);
  return labels;
}

void random_responsibilities(std::uint64_t seed, Index begin, Index end, Index n_components, double* out) {
  for (Index i = begin; i < end; ++i, out += n_components) {
    double sum = 0.0;
    for (Index k = 0; k < n_components; ++k) {
      const auto words = Philox::words(seed, static_cast<std::uint64_t>(i), static_cast<std::uint32_t>(k / 2),
                                       responsibilities_stream);
      out[k] = uniform_from(words[static_cast<std::size_t>(k % 2)]);
      sum += out[k];
    }
    for (Index k = 0; k < n_components; ++k) out[k] /= sum;
  }
}

}  // namespace gaussmix::detail
