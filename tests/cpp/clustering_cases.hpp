#pragma once

// What the tests of seeding and k-means share: points, the ways to hand them over, and plain loops in long double.

#include <gaussmix/init.hpp>

#include <cstdint>
#include <limits>
#include <random>
#include <vector>

namespace clustering_cases {

using namespace gaussmix;

using Doubles = std::vector<double>;

/// Points as a row-major matrix, (n, d).
struct Cloud {
  Index n, d;
  Doubles values;

  MatrixView<const double> view() const { return {values.data(), n, d}; }
  const double* row(Index i) const { return values.data() + i * d; }
};

/// n points of unit variance about `centers` places that are `spread` apart, in order of their center: i % centers.
inline Cloud blobs(Index n, Index d, Index centers, double spread, unsigned seed) {
  std::mt19937_64 bits(seed);
  std::normal_distribution<double> normal;
  Doubles places(static_cast<std::size_t>(centers * d));
  for (double& p : places) p = spread * normal(bits);
  Cloud cloud{n, d, Doubles(static_cast<std::size_t>(n * d))};
  for (Index i = 0; i < n; ++i) {
    for (Index j = 0; j < d; ++j) {
      cloud.values[static_cast<std::size_t>(i * d + j)] =
          places[static_cast<std::size_t>(i % centers * d + j)] + normal(bits);
    }
  }
  return cloud;
}

inline Cloud transformed(Cloud cloud, double scale, double offset) {
  for (double& v : cloud.values) v = v * scale + offset;
  return cloud;
}

/// Weights from 0 to 4 in quarters, a fifth of them 0.
inline Doubles quarter_weights(Index n, unsigned seed) {
  std::mt19937_64 bits(seed);
  Doubles weights(static_cast<std::size_t>(n));
  for (double& w : weights) w = bits() % 5 == 0 ? 0.0 : static_cast<double>(1 + bits() % 16) / 4;
  return weights;
}

inline double weight_of(const Doubles& weights, Index i) {
  return weights.empty() ? 1.0 : weights[static_cast<std::size_t>(i)];
}

/// The same points in other layouts: Fortran order, rows backwards in memory with gaps, and a reader.
struct Layouts {
  Index n, d;
  Doubles fortran, backwards;
  Doubles plain;

  explicit Layouts(const Cloud& cloud)
      : n(cloud.n), d(cloud.d), fortran(cloud.values.size()), backwards(2 * cloud.values.size()), plain(cloud.values) {
    for (Index i = 0; i < n; ++i) {
      for (Index j = 0; j < d; ++j) {
        fortran[static_cast<std::size_t>(j * n + i)] = cloud.row(i)[j];
        backwards[static_cast<std::size_t>((n - 1 - i) * 2 * d + 2 * j)] = cloud.row(i)[j];
      }
    }
  }
  std::vector<Samples> all() const {
    const auto read = [this](Index begin, Index end, double* out) {
      std::copy(plain.begin() + begin * d, plain.begin() + end * d, out);
    };
    return {MatrixView<const double>(fortran.data(), n, d, 1, n),
            MatrixView<const double>(backwards.data() + (n - 1) * 2 * d, n, d, -2 * d, 2), Samples(n, d, read)};
  }
};

inline long double squared_distance(const double* a, const double* b, Index d) {
  long double sum = 0;
  for (Index j = 0; j < d; ++j) {
    const long double difference = static_cast<long double>(a[j]) - b[j];
    sum += difference * difference;
  }
  return sum;
}

/// The center nearest to x, the first of equals.
inline std::int32_t nearest(const double* x, const Doubles& centers, Index d) {
  std::int32_t best = 0;
  long double least = std::numeric_limits<long double>::infinity();
  for (Index k = 0; k * d < static_cast<Index>(centers.size()); ++k) {
    const long double q = squared_distance(x, centers.data() + k * d, d);
    if (q < least) {
      least = q;
      best = static_cast<std::int32_t>(k);
    }
  }
  return best;
}

inline std::vector<std::int32_t> nearest_of_all(const Cloud& cloud, const Doubles& centers) {
  std::vector<std::int32_t> labels;
  for (Index i = 0; i < cloud.n; ++i) labels.push_back(nearest(cloud.row(i), centers, cloud.d));
  return labels;
}

/// Rows of the cloud as centers.
inline Doubles places_of(const Cloud& cloud, const std::vector<Index>& rows) {
  Doubles centers;
  for (const Index i : rows) centers.insert(centers.end(), cloud.row(i), cloud.row(i) + cloud.d);
  return centers;
}

inline long double inertia(const Cloud& cloud, const Doubles& weights, const Doubles& centers,
                           const std::vector<std::int32_t>& labels) {
  long double sum = 0;
  for (Index i = 0; i < cloud.n; ++i) {
    const double w = weight_of(weights, i);
    if (w > 0)
      sum +=
          w * squared_distance(cloud.row(i), centers.data() + labels[static_cast<std::size_t>(i)] * cloud.d, cloud.d);
  }
  return sum;
}

/// Weighted means of the rows of each label; centers without any stay.
inline Doubles means(const Cloud& cloud, const Doubles& weights, const Doubles& centers,
                     const std::vector<std::int32_t>& labels) {
  std::vector<long double> sums(centers.size()), totals(centers.size());
  for (Index i = 0; i < cloud.n; ++i) {
    for (Index j = 0; j < cloud.d; ++j) {
      const auto at = static_cast<std::size_t>(labels[static_cast<std::size_t>(i)] * cloud.d + j);
      sums[at] += static_cast<long double>(weight_of(weights, i)) * cloud.row(i)[j];
      totals[at] += weight_of(weights, i);
    }
  }
  Doubles result = centers;
  for (std::size_t at = 0; at < centers.size(); ++at) {
    if (totals[at] > 0) result[at] = static_cast<double>(sums[at] / totals[at]);
  }
  return result;
}

}  // namespace clustering_cases
