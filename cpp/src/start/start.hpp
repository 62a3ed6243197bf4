#pragma once

// Where EM starts, as fit() needs it: a component for every row, or random responsibilities.

#include "simd/dispatch.hpp"

#include <gaussmix/init.hpp>

#include <cstdint>
#include <functional>
#include <vector>

namespace gaussmix::detail {

/// Streams of random numbers (numeric/random.hpp) that a start draws from, apart so that none repeats another.
inline constexpr std::uint32_t seeding_stream = 1, responsibilities_stream = 2, unseeded_stream = 3;

/// Asked between passes over X: true ends a start with what it has. Empty never does.
using EndStart = std::function<bool()>;

/// The component of each row, (N,), in [0, K): its cluster for Init::kmeans, the nearest seed (the first of equals) for
/// Init::kmeans_plus_plus and Init::random_from_data. Every component owns at least one row of positive weight: a seed
/// belongs to its own component, and a cluster that ended empty takes a row from one that can spare it. `init` is not
/// Init::random, which has no labels.
/// @param end_start  empty, or asked between passes over X; true ends a start with what it has: the components without
/// a seed by then take 1 of K rows each, drawn by lot
/// @throws InvalidArgument as kmeans_plus_plus
std::vector<std::int32_t> start_labels(const Samples& x, Index n_components, Init init, std::uint64_t seed,
                                       VectorView<const double> sample_weight, const Execution& execution,
                                       const EndStart& end_start = {},
                                       const simd::KernelTable& kernels = simd::active_kernels());

/// Writes uniform random responsibilities of rows [begin, end) to `out`, (end − begin, K) row-major; each row sums to
/// 1. A row depends on (seed, row) alone.
void random_responsibilities(std::uint64_t seed, Index begin, Index end, Index n_components, double* out);

}  // namespace gaussmix::detail
