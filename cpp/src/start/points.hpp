#pragma once

// What k-means++ seeding and Lloyd's iterations share: the points as they see them, chosen rows in kernel layout, centers.

#include "base/message.hpp"
#include "data/block_loader.hpp"
#include "data/partition.hpp"
#include "data/samples.hpp"
#include "parallel/parallel.hpp"
#include "simd/dispatch.hpp"
#include "start/start.hpp"

#include <gaussmix/init.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <type_traits>
#include <vector>

namespace gaussmix::detail {

/// Sample weights as s_i = w_i / 2^exponent() with max s_i near 1, so that no sum of them overflows or vanishes.
class ScaledWeights {
 public:
  explicit ScaledWeights(VectorView<const double> weight) : weight_(weight) {
    double largest = weight.empty() ? 1.0 : 0.0;
    for (Index i = 0; i < weight.size(); ++i) largest = std::max(largest, weight[i]);
    std::frexp(largest, &exponent_);
    exponent_ = std::max(exponent_, -1000);  // so that the factor is finite
    factor_ = std::ldexp(1.0, -exponent_);
  }

  /// 0 for rows of weight 0 only: a positive weight that would vanish beside the largest counts as 1e-200 of it.
  double operator[](Index i) const noexcept {
    if (weight_.empty()) return factor_;
    return weight_[i] > 0.0 ? std::max(weight_[i] * factor_, 1e-200) : 0.0;
  }
  int exponent() const noexcept { return exponent_; }

 private:
  VectorView<const double> weight_;
  int exponent_ = 0;
  double factor_ = 1.0;
};

/// X is 2^exponent times these samples, whose squared distances neither overflow nor vanish.
struct ScaledSamples {
  Samples samples;
  int exponent;
};

/// The points that are clustered, and how a pass over them runs. T is float for float32 samples, double for all others.
template <class T>
struct Points {
  const Samples& x;
  const ScaledWeights& weight;
  const Execution& execution;
  Partition partition;
  const simd::Kernels<T>& kernels;

  Points(const Samples& samples, Index n_components, const ScaledWeights& weights, const Execution& run,
         const simd::KernelTable& table)
      : x(samples),
        weight(weights),
        execution(run),
        partition(Partition::of(samples.rows(), samples.cols(), n_components, sizeof(T))),
        kernels(simd::kernels_of<T>(table)) {}

  Index n_samples() const noexcept { return x.rows(); }
  Index n_features() const noexcept { return x.cols(); }
  /// Threads for a pass that evaluates `distances` distances per row.
  int threads(Index distances) const {
    const double work = static_cast<double>(n_samples()) * static_cast<double>(n_features());
    return plan_threads(execution, partition.leaves(), work * static_cast<double>(distances));
  }
  /// Calls body(begin, end) for each block of a leaf until the work is given up.
  template <class Body>
  void for_blocks(Index leaf, Worker& worker, const Body& body) const {
    const Index leaf_end = partition.leaf_end(leaf);
    for (Index begin = partition.leaf_begin(leaf); begin < leaf_end && !worker.cancelled();
         begin += partition.block_rows) {
      body(begin, std::min(begin + partition.block_rows, leaf_end));
    }
  }
};

/// Any rows of a block, packed for kernels.
template <class T>
class PackedRows {
 public:
  explicit PackedRows(const Points<T>& points)
      : x_(points.x), kernels_(points.kernels), strips_(points.partition.block_rows * points.n_features()) {}

  /// Packs rows begin + offsets[0 … n), offsets ascending, n ≥ 1 and at most a block.
  void load(Index begin, const std::int32_t* offsets, Index n) {
    const Index first = begin + offsets[0], span = offsets[n - 1] - offsets[0] + 1, d = x_.cols();
    MatrixView<const T> rows = view(first, span);
    if (span > n) rows = gathered(rows, offsets, n);
    T largest = 0;
    kernels_.pack(rows.data(), rows.row_stride(), rows.col_stride(), nullptr, n, d, strips_.data(), &largest);
    size_ = n;
  }

  Index n_strips() const noexcept { return (size_ + kernels_.strip - 1) / kernels_.strip; }
  const T* strips() const noexcept { return strips_.data(); }
  /// Feature 0 of packed row i; feature j stands j · stride() further.
  const T* row(Index i) const noexcept {
    return strips_.data() + i / kernels_.strip * x_.cols() * kernels_.strip + i % kernels_.strip;
  }
  Index stride() const noexcept { return kernels_.strip; }

 private:
  MatrixView<const T> view(Index begin, Index n) {
    if (x_.reader()) return read(begin, n);
    if constexpr (std::is_same_v<T, double>) {
      return part(x_.float64(), begin, n);
    } else {
      return part(x_.float32(), begin, n);
    }
  }
  MatrixView<const T> read(Index begin, Index n) {
    const Index size = n * x_.cols();
    read_.resize(size);
    x_.reader()(begin, begin + n, read_.data());
    if constexpr (std::is_same_v<T, double>) {
      return {read_.data(), n, x_.cols()};
    } else {
      narrowed_.resize(size);
      for (Index i = 0; i < size; ++i) narrowed_[i] = static_cast<T>(read_[i]);  // exact: the values read were float32
      return {narrowed_.data(), n, x_.cols()};
    }
  }
  static MatrixView<const T> part(MatrixView<const T> x, Index begin, Index n) {
    return {x.data() + begin * x.row_stride(), n, x.cols(), x.row_stride(), x.col_stride()};
  }
  MatrixView<const T> gathered(MatrixView<const T> rows, const std::int32_t* offsets, Index n) {
    const Index d = x_.cols();
    gathered_.resize(n * d);
    for (Index i = 0; i < n; ++i) {
      for (Index j = 0; j < d; ++j) gathered_[i * d + j] = rows(offsets[i] - offsets[0], j);
    }
    return {gathered_.data(), n, d};
  }

  const Samples& x_;
  const simd::Kernels<T>& kernels_;
  Index size_ = 0;
  Buffer<T> strips_;
  Buffer<T> gathered_;
  Buffer<double> read_;
  Buffer<T> narrowed_;
};

/// K places as kernels take them: T = double as they are, float as the sum of two.
template <class T>
class Centers {
 public:
  Centers(Index n_components, Index n_features)
      : d_(n_features),
        values_(static_cast<std::size_t>(n_components * n_features)),
        hi_(values_.size()),
        lo_(std::is_same_v<T, float> ? values_.size() : 0) {}

  /// The nearest number to `value` that a center can be.
  static double rounded(double value) {
    const T hi = static_cast<T>(value);
    return static_cast<double>(hi) + static_cast<double>(static_cast<T>(value - static_cast<double>(hi)));
  }
  /// Puts center k at `center`, (D,), rounded.
  void set(Index k, const double* center) {
    for (Index j = 0; j < d_; ++j) {
      const auto at = static_cast<std::size_t>(k * d_ + j);
      values_[at] = rounded(center[j]);
      hi_[at] = static_cast<T>(values_[at]);
      if (!lo_.empty()) lo_[at] = static_cast<T>(values_[at] - static_cast<double>(hi_[at]));
    }
  }
  const std::vector<double>& values() const noexcept { return values_; }  ///< (K, D)
  const double* operator[](Index k) const noexcept { return values_.data() + k * d_; }
  simd::Location<T> location(Index k) const noexcept {
    return {hi_.data() + k * d_, lo_.empty() ? nullptr : lo_.data() + k * d_};
  }

 private:
  Index d_;
  std::vector<double> values_;
  std::vector<T> hi_, lo_;
};

/// ‖a − b‖².
inline double squared_distance(const double* a, const double* b, Index d) {
  double sum = 0.0;
  for (Index j = 0; j < d; ++j) sum += (a[j] - b[j]) * (a[j] - b[j]);
  return sum;
}

/// Bounds the relative rounding error of a squared distance over D features in T: two subtractions in float, their square, and
/// D sums.
template <class T>
double distance_error(Index n_features) {
  constexpr double unit_roundoff = std::numeric_limits<T>::epsilon() / 2;
  return static_cast<double>(n_features + 8) * unit_roundoff;
}

/// Rows chosen as seeds, (K,) or fewer where the start was ended, and the component of each row, (N,): its nearest seed, a
/// seed's own for the seeds.
struct Seeds {
  std::vector<Index> rows;
  std::vector<std::int32_t> labels;
};

/// K rows by greedy k-means++.
template <class T>
Seeds seeds_by_distance(const Points<T>& points, Index n_components, std::uint64_t seed);

/// Lloyd's iterations from the places of rows `seeds`, (K,), as kmeans() says, at least one pass; or until no more than
/// `settled_share` of the weight changes cluster while none is empty; 0: never.
template <class T>
KMeansResult lloyd(const Points<T>& points, const std::vector<Index>& seeds, int max_iter, double settled_share = 0.0,
                   const EndStart& end_start = {});

/// Whether points of this range have squared distances that neither overflow nor, as long as they matter beside the range,
/// lose digits in the type of X; in float64 with room for weights down to 1e-200.
inline bool range_is_fit(double range, bool single_precision) {
  const double limit = single_precision ? 0x1p40 : 0x1p150;
  return range == 0.0 || (range >= 1.0 / limit && range <= limit);
}

/// The least and the greatest value of each feature over rows of positive weight.
template <class T>
class Extent {
 public:
  explicit Extent(const Points<T>& points)
      : points_(points),
        block_(points.x, points.partition.block_rows, points.kernels, true),
        least_(static_cast<std::size_t>(points.n_features()), std::numeric_limits<T>::infinity()),
        most_(least_.size(), -std::numeric_limits<T>::infinity()) {}

  /// Takes in rows [begin, end), a block. @throws InvalidArgument for the first value that is not finite
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
    points.for_blocks(leaf, worker, [&](Index begin, Index end) { part.take(begin, end); });
  });
  for (const Extent<T>& part : parts) parts.front().merge(part);
  return parts.front().half_range();
}

/// @throws InvalidArgument for shapes, weights and numbers of components that break the rules
inline void check_clustering(const Samples& x, Index n_components, VectorView<const double> sample_weight) {
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

/// X itself, or X times a power of two when squared distances would overflow or vanish. The first pass over X.
/// @throws InvalidArgument for the first value that is not finite
inline ScaledSamples scaled_to_range(const Samples& x, Index n_components, const ScaledWeights& weight,
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

/// Checks what k-means and its seeding are given and calls body(points, exponent) with the Points<float> or Points<double> to
/// work on; X is 2^exponent times these.
template <class Body>
auto with_points(const Samples& x, Index n_components, VectorView<const double> sample_weight,
                 const Execution& execution, const simd::KernelTable& kernels, const Body& body) {
  check_clustering(x, n_components, sample_weight);
  const ScaledWeights weight(sample_weight);
  const ScaledSamples scaled = scaled_to_range(x, n_components, weight, execution, kernels);
  const auto run = [&](const auto& points) { return body(points, scaled.exponent); };
  if (scaled.samples.single_precision())
    return run(Points<float>(scaled.samples, n_components, weight, execution, kernels));
  return run(Points<double>(scaled.samples, n_components, weight, execution, kernels));
}

}  // namespace gaussmix::detail
