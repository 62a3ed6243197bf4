#include "em/constant_features.hpp"

#include "base/subscript.hpp"
#include "data/samples.hpp"
#include "em/tuning.hpp"
#include "parallel/parallel.hpp"

#include <algorithm>
#include <atomic>

namespace gaussmix::detail {
namespace {

bool has_weight(VectorView<const double> weight, Index i) { return weight.empty() || weight[i] > 0.0; }

/// The first row of positive weight; there is one.
std::vector<double> first_row(const Samples& x, VectorView<const double> weight) {
  Index i = 0;
  while (!has_weight(weight, i)) ++i;
  std::vector<double> row(at(x.cols()));
  read_rows(x, i, i + 1, row.data());
  return row;
}

/// Marks in `varies`, (D,), the features in which a row of [begin, end) differs from `first`. @returns whether all
/// features are marked
bool compare_rows(const Samples& x, VectorView<const double> weight, Index begin, Index end,
                  const std::vector<double>& first, std::vector<std::atomic<bool>>& varies) {
  const Index d = x.cols();
  std::vector<double> rows(at((end - begin) * d));
  read_rows(x, begin, end, rows.data());
  for (Index i = begin; i < end; ++i)
    for (Index j = 0; j < d && has_weight(weight, i); ++j)
      if (rows[at((i - begin) * d + j)] != first[at(j)]) varies[at(j)] = true;
  return std::all_of(varies.begin(), varies.end(), [](const std::atomic<bool>& v) { return v.load(); });
}

}  // namespace

ConstantFeatures constant_features(const Samples& x, VectorView<const double> sample_weight,
                                   const Execution& execution) {
  const Index n = x.rows(), d = x.cols();
  const std::vector<double> first = first_row(x, sample_weight);
  std::vector<std::atomic<bool>> varies(at(d));
  const Index few = std::min(n, tuning::first_compared_rows);
  if (compare_rows(x, sample_weight, 0, few, first, varies)) return {};
  const Index rows = std::max(Index{1}, tuning::compared_values / d), blocks = (n - few + rows - 1) / rows;
  std::atomic<bool> all_vary{false};
  const int threads = plan_threads(execution, blocks, static_cast<double>((n - few) * d));
  parallel_for(blocks, threads, execution, [&](Index block, Worker&) {
    const Index begin = few + block * rows;
    if (!all_vary && compare_rows(x, sample_weight, begin, std::min(n, begin + rows), first, varies)) all_vary = true;
  });
  ConstantFeatures constant;
  for (Index j = 0; j < d; ++j) {
    if (varies[at(j)]) continue;
    constant.features.push_back(j);
    constant.values.push_back(first[at(j)]);
  }
  return constant;
}

void settle(const ConstantFeatures& constant, SufficientStatistics& sums) {
  const Index d = sums.d, size = sums.scatter_size();
  for (std::size_t i = 0; i < constant.features.size(); ++i) {
    const Index j = constant.features[i];
    for (Index k = 0; k < sums.k; ++k)
      if (sums.weight[at(k)] > 0.0) sums.delta[at(k * d + j)] = constant.values[i] - sums.pivot[at(k * d + j)];
    for (std::size_t begin = 0; begin < sums.scatter.size(); begin += at(size)) {
      double* scatter = sums.scatter.data() + begin;
      if (!sums.full) scatter[j] = 0.0;
      for (Index m = 0; sums.full && m < d; ++m) scatter[j * d + m] = scatter[m * d + j] = 0.0;
    }
  }
}

}  // namespace gaussmix::detail
