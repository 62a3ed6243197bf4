// Nanoseconds a row of log_prob of a few rows in one call, beside a loop of RowScorer calls over the same rows:
// bench_few_rows [float32].
//
// Medians of turns, the loop and the batch by turns, on rows drawn from the mixture.

#include "made_mixture.hpp"

#include <gaussmix/gaussmix.hpp>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <string>
#include <vector>

namespace {

using namespace gaussmix;
using Clock = std::chrono::steady_clock;
using Doubles = std::vector<double>;

constexpr Index n_rows = 64;
constexpr int n_turns = 31;

/// Nanoseconds of one call, from as many as take about a hundred microseconds.
template <class Call>
double nanoseconds(const Call& call, int n_calls) {
  const Clock::time_point start = Clock::now();
  for (int i = 0; i < n_calls; ++i) call();
  return std::chrono::duration<double, std::nano>(Clock::now() - start).count() / n_calls;
}

double median(Doubles values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

template <class T>
void measure(Index d, Index k) {
  const Mixture mixture = made_mixture(d, k);
  RowScorer scorer(mixture);
  Doubles x(static_cast<std::size_t>(n_rows * d));
  std::vector<Index> z(static_cast<std::size_t>(n_rows));
  sample(mixture, 1, {x.data(), n_rows, d}, z);
  const std::vector<T> rows(x.begin(), x.end());
  Doubles out(static_cast<std::size_t>(n_rows));
  std::printf("| %lld × %lld |", static_cast<long long>(d), static_cast<long long>(k));
  for (const Index n : {1, 2, 4, 8, 12, 16, 24, 48}) {
    const auto loop = [&] {
      for (Index i = 0; i < n; ++i)
        out[static_cast<std::size_t>(i)] = scorer.log_prob(VectorView<const double>(x.data() + i * d, d));
    };
    const auto batch = [&] {
      log_prob(mixture, MatrixView<const T>(rows.data(), n, d), VectorView<double>(out.data(), n));
    };
    const int n_calls = 1 + static_cast<int>(1e5 / nanoseconds(loop, 1));
    Doubles loops, batches;
    for (int turn = 0; turn < n_turns; ++turn) {
      loops.push_back(nanoseconds(loop, n_calls));
      batches.push_back(nanoseconds(batch, n_calls));
    }
    std::printf(" %.0f / %.0f |", median(batches) / static_cast<double>(n), median(loops) / static_cast<double>(n));
  }
  std::printf("\n");
}

}  // namespace

int main(int argc, char** argv) {
  try {
    const bool single = argc > 1 && std::string(argv[1]) == "float32";
    std::printf("%s, %s: nanoseconds a row, one call / RowScorer\n", simd_level().c_str(),
                single ? "float32" : "float64");
    std::printf("| D × K | N = 1 | 2 | 4 | 8 | 12 | 16 | 24 | 48 |\n|---|---|---|---|---|---|---|---|---|\n");
    const Index sizes[][2] = {{1, 1}, {2, 3}, {8, 3}, {16, 8}, {32, 32}, {64, 15}, {64, 16}, {128, 64}, {300, 40}};
    for (const auto& [d, k] : sizes) single ? measure<float>(d, k) : measure<double>(d, k);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return EXIT_FAILURE;
  }
}
