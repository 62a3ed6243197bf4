#include "model/block_layout.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <vector>

using namespace gaussmix;
using namespace gaussmix::detail;

TEST_CASE("packed: panels hold each entry of the triangle at its place, and zeros") {
  for (Index rank = 0; rank <= 13; ++rank) {
    CAPTURE(rank);
    std::vector<double> square(static_cast<std::size_t>(rank * rank), -1.0);  // −1 above the diagonal: not to be seen
    std::vector<double> panels(static_cast<std::size_t>(panel_entries(rank)), -2.0);
    double value = 0.0;
    for (Index i = 0; i < rank; ++i)
      for (Index j = 0; j <= i; ++j) square[static_cast<std::size_t>(i * rank + j)] = ++value;
    write_panels(square.data(), rank, panels.data());
    const CovarianceFactor factor{rank, panels.data(), {}, {}, {}, 0.0};
    for (Index i = 0; i < rank; ++i)
      for (Index j = 0; j <= i; ++j) CHECK(factor.inverse(i, j) == square[static_cast<std::size_t>(i * rank + j)]);
    const auto n_zeros = static_cast<std::size_t>(std::count(panels.begin(), panels.end(), 0.0));
    CHECK(n_zeros + static_cast<std::size_t>(rank * (rank + 1) / 2) == panels.size());
  }
}
