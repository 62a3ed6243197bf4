#include <gaussmix/init.hpp>

#include "base/message.hpp"
#include "start/data_range.hpp"
#include "start/lloyd.hpp"
#include "start/seeding.hpp"

#include <gaussmix/error.hpp>

#include <array>
#include <cmath>
#include <string>

namespace gaussmix {

namespace {

constexpr std::array<Init, 4> all_inits = {Init::kmeans, Init::kmeans_plus_plus, Init::random, Init::random_from_data};

}  // namespace

const char* to_string(Init init) noexcept {
  switch (init) {
    case Init::kmeans: return "kmeans";
    case Init::kmeans_plus_plus: return "k-means++";
    case Init::random: return "random";
    case Init::random_from_data: return "random_from_data";
  }
  return "";
}

Init init_from_string(const std::string& name) {
  for (const Init init : all_inits) {
    if (name == to_string(init)) return init;
  }
  throw InvalidArgument("init must be \"kmeans\", \"k-means++\", \"random\" or \"random_from_data\", but is \"" + name +
                        "\"");
}

std::vector<Index> kmeans_plus_plus(const Samples& x, Index n_components, std::uint64_t seed,
                                    VectorView<const double> sample_weight, const Execution& execution) {
  return detail::with_points(
      x, n_components, sample_weight, execution, simd::active_kernels(),
      [&](const auto& points, int) { return detail::seeds_by_distance(points, n_components, seed).rows; });
}

KMeansResult kmeans(const Samples& x, Index n_components, std::uint64_t seed, VectorView<const double> sample_weight,
                    int max_iter, const Execution& execution) {
  if (max_iter < 0) detail::throw_invalid("max_iter must be ≥ 0, but is " + std::to_string(max_iter));
  return detail::with_points(
      x, n_components, sample_weight, execution, simd::active_kernels(), [&](const auto& points, int exponent) {
        const std::vector<Index> seeds = detail::seeds_by_distance(points, n_components, seed).rows;
        KMeansResult result = detail::lloyd(points, seeds, max_iter);
        for (double& value : result.centers) value = std::ldexp(value, exponent);
        result.inertia = std::ldexp(result.inertia, 2 * exponent + points.weight.exponent());
        return result;
      });
}

}  // namespace gaussmix
