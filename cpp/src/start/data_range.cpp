#include "start/data_range.hpp"

#include "base/message.hpp"
#include "data/block_loader.hpp"
#include "data/samples.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

namespace gaussmix::detail {

namespace {

/// Whether points of this range have squared distances that neither overflow nor, as long as they matter beside the
/// range, lose digits in the type of X; in float64 with room for weights down to 1e-200.
bool range_is_fit(double range, bool single_precision) {
  const double limit = single_precision ? 0x1p40 : 0x1p150;
  return range == 0.0 || (range >= 1.0 / limit && range <= limit);
}

/// The least and the greatest value of each feature over rows of positive weight.
template <class T>
class Extent {
 public:
  explicit Extent(const Points<T>& points)
      : points_(points),
        block_(points.x, points.partition.tile_rows, points.kernels, true),
        least_(static_cast<std::size_t>(points.n_features()), std::numeric_limits<T>::infinity()),
        most_(least_.size(), -std::numeric_limits<T>::infinity()) {}

  /// Takes in rows [begin, end), a tile. @throws InvalidArgument for the first value that is not finite
  void take(Index begin, Index end) {
    block_.load(begin, end);
    for (Index i = begin; i < end; ++i) {
      if (points_.weight[i] == 0.0) continue;
      const T* row = block_.rows() + (i - begin) * block_.row_stride();
      include(row, row);
    }
  }
  void merge(const Extent& other) { include(other.least_.data(), other.most_.data()); }

  /// Half of the largest difference in a feature; the whole might overflow.
  double half_range() const {
    double largest = 0.0;
    for (std::size_t j = 0; j < least_.size(); ++j) {
      largest = std::max(largest, static_cast<double>(most_[j]) / 2 - static_cast<double>(least_[j]) / 2);
    }
    return largest;
  }

 private:
  void include(const T* least, const T* most) {
    for (std::size_t j = 0; j < least_.size(); ++j) {
      least_[j] = std::min(least_[j], least[j]);
      most_[j] = std::max(most_[j], most[j]);
    }
  }

  const Points<T>& points_;
  BlockLoader<T> block_;
  std::vector<T> least_, most_;
};

/// Half of the largest range of a feature, by one pass over X.
template <class T>
double half_range(const Points<T>& points) {
  const int threads = points.threads(1);
  std::vector<Extent<T>> parts;
  for (int t = 0; t < threads; ++t) parts.emplace_back(points);
  parallel_for(points.partition.leaves(), threads, points.execution, [&](Index leaf, Worker& worker) {
    Extent<T>& part = parts[static_cast<std::size_t>(worker.id())];
    points.for_tiles(leaf, worker, [&](Index begin, Index end) { part.take(begin, end); });
  });
  for (const Extent<T>& part : parts) parts.front().merge(part);
  return parts.front().half_range();
}

}  // namespace

ScaledSamples scaled_to_range(const Samples& x, Index n_components, const ScaledWeights& weight,
                              const Execution& execution, const simd::KernelTable& kernels) {
  const double half = x.single_precision() ? half_range(Points<float>(x, n_components, weight, execution, kernels))
                                           : half_range(Points<double>(x, n_components, weight, execution, kernels));
  if (range_is_fit(half, x.single_precision())) return {x, 0};
  int exponent = 0;
  std::frexp(half, &exponent);
  exponent = std::max(exponent, -1000);  // so that the factor is finite
  const double factor = std::ldexp(1.0, -exponent);
  const auto read_scaled = [x, factor](Index begin, Index end, double* out) {
    constexpr double largest = std::numeric_limits<double>::max();  // met by rows of weight 0 only
    read_rows(x, begin, end, out);
    for (double* last = out + (end - begin) * x.cols(); out != last; ++out) {
      *out = std::clamp(*out * factor, -largest, largest);
    }
  };
  return {Samples(x.rows(), x.cols(), read_scaled), exponent};
}

/// @throws InvalidArgument for shapes, weights and numbers of components that break the rules
void check_clustering(const Samples& x, Index n_components, VectorView<const double> sample_weight) {
  check_samples(x, 0, 1);
  const Index n_present = check_sample_weight(sample_weight, x.rows());
  const Index most = std::min<Index>(x.rows(), std::numeric_limits<std::int32_t>::max());
  const std::string met = std::to_string(n_components);
  if (n_components < 1 || n_components > most) {
    throw_invalid("n_components must be in [1, " + std::to_string(most) + "] (X has " + std::to_string(x.rows()) +
                  " rows), but is " + met);
  }
  if (n_components > n_present) {
    throw_invalid("sample_weight must have at least n_components = " + met + " positive values, but has " +
                  std::to_string(n_present));
  }
}

}  // namespace gaussmix::detail
