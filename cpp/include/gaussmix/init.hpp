#pragma once

#include <gaussmix/export.h>
#include <gaussmix/threads.hpp>
#include <gaussmix/views.hpp>

#include <cstdint>
#include <string>
#include <vector>

namespace gaussmix {

/// Where EM starts. Each gives every row a share in some component, so that the first covariances are real ones.
enum class Init {
  /// "kmeans": k-means++ seeding and Lloyd until 0.3 % of the weight or less moves; a row belongs to its cluster.
  kmeans,
  kmeans_plus_plus,  ///< "k-means++": a row belongs to the nearest seed
  random,            ///< "random": uniform random responsibilities
  random_from_data,  ///< "random_from_data": K rows drawn without replacement; a row belongs to the nearest
};

/// "kmeans", "k-means++", "random" or "random_from_data".
GAUSSMIX_API const char* to_string(Init init) noexcept;
/// The inverse of to_string. @throws InvalidArgument for any other text
GAUSSMIX_API Init init_from_string(const std::string& name);

/// K rows of X chosen by greedy k-means++ (Arthur & Vassilvitskii 2007, with 2 + ⌊log K⌋ trials a step): each step
/// draws rows with probability proportional to w · (distance to the nearest chosen row)² and keeps the best draw.
/// @returns the row indices, (K,); once every row of positive weight coincides with a chosen one, rows are drawn by
/// weight
/// @throws InvalidArgument when n_components is not in [1, N] or exceeds the rows of positive weight, or X or the
///                         weights are bad
GAUSSMIX_API std::vector<Index> kmeans_plus_plus(const Samples& x, Index n_components, std::uint64_t seed,
                                                 VectorView<const double> sample_weight = {},
                                                 const Execution& execution = {});

/// What kmeans() finds.
struct KMeansResult {
  std::vector<double> centers;       ///< (K, D), row-major, in the units of X
  std::vector<std::int32_t> labels;  ///< (N,), the nearest center, the first of equals
  double inertia = 0.0;              ///< Σ_i w_i ‖x_i − center‖²
  int n_iter = 0;                    ///< Lloyd's iterations, at most max_iter
};

/// k-means (Bishop 2006, section 9.1): k-means++ seeding, then Lloyd's iterations until no label changes, at most
/// `max_iter` of them. A cluster that loses all rows is put on the row farthest from its center.
/// @throws InvalidArgument as kmeans_plus_plus
GAUSSMIX_API KMeansResult kmeans(const Samples& x, Index n_components, std::uint64_t seed,
                                 VectorView<const double> sample_weight = {}, int max_iter = 300,
                                 const Execution& execution = {});

}  // namespace gaussmix
