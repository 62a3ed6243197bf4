#pragma once

#include "start/points.hpp"
#include "start/start.hpp"

#include <gaussmix/init.hpp>

#include <cstdint>
#include <vector>

namespace gaussmix::detail {

/// Lloyd's iterations from the places of rows `seeds`, (K,), as kmeans() says; at least one pass.
template <class T>
KMeansResult lloyd(const Points<T>& points, const std::vector<Index>& seeds, int max_iter);

/// The clusters of all rows, (N,), after max_iter iterations, or once no more than `settled_share` of the weight changes
/// cluster while none is empty, or `end_start` says so.
template <class T>
std::vector<std::int32_t> lloyd_labels(const Points<T>& points, const std::vector<Index>& seeds, int max_iter,
                                       double settled_share, const EndStart& end_start);

}  // namespace gaussmix::detail
