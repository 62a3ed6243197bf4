#include "score/row_groups.hpp"

#include "base/subscript.hpp"

#include <algorithm>
#include <vector>

namespace gaussmix::detail {

std::int32_t* RowGroups::labels_to_group() {
  labels_.resize(block_rows_);
  return labels_.data();
}

// A counting sort: stable, so that rows of one label keep the order of X.
void RowGroups::group(Index n, Index k) {
  std::vector<Index> next(static_cast<std::size_t>(k) + 1);  // where the next row of each component goes
  order_.resize(block_rows_);
  place_.resize(block_rows_);
  for (Index i = 0; i < n; ++i) ++next[static_cast<std::size_t>(labels_[i]) + 1];
  for (std::size_t c = 1; c < next.size(); ++c) next[c] += next[c - 1];
  for (Index i = 0; i < n; ++i) {
    const Index place = next[at(labels_[i])]++;
    order_[place] = static_cast<std::int32_t>(i);
    place_[i] = static_cast<std::int32_t>(place);
  }
  Index place = 0;  // next[c] is where the rows of component c end
  for (Index c = 0; c < k; ++c)
    for (; place < next[at(c)]; ++place) labels_[place] = static_cast<std::int32_t>(c);
  std::fill(labels_.data() + n, labels_.data() + block_rows_, labels_[n - 1]);
}

}  // namespace gaussmix::detail
