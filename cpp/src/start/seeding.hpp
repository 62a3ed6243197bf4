#pragma once

#include "start/points.hpp"
#include "start/start.hpp"

#include <cstdint>
#include <vector>

namespace gaussmix::detail {

/// Rows chosen as seeds, (K,) or fewer where the start was ended, and the component of each row, (N,): its nearest
/// seed, a seed's own for the seeds.
struct Seeds {
  std::vector<Index> rows;
  std::vector<std::int32_t> labels;
};

/// K rows by greedy k-means++; fewer where `end_start` says so.
template <class T>
Seeds seeds_by_distance(const Points<T>& points, Index n_components, std::uint64_t seed,
                        const EndStart& end_start = {});

/// K rows by weight, without replacement. `end_start` leaves the rows that are not labelled yet to the components of
/// later seeds.
template <class T>
Seeds seeds_by_weight(const Points<T>& points, Index n_components, std::uint64_t seed, const EndStart& end_start = {});

}  // namespace gaussmix::detail
