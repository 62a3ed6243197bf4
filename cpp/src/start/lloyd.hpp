#pragma once

#include "start/points.hpp"
#include "start/start.hpp"

#include <gaussmix/init.hpp>

#include <vector>

namespace gaussmix::detail {

/// Lloyd's iterations from the places of rows `seeds`, (K,), as kmeans() says, at least one pass; or until no more than
/// `settled_share` of the weight changes cluster while none is empty; 0: never.
template <class T>
KMeansResult lloyd(const Points<T>& points, const std::vector<Index>& seeds, int max_iter, double settled_share = 0.0,
                   const EndStart& end_start = {});

}  // namespace gaussmix::detail
