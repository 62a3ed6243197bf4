// Milliseconds of loading a model file: bench_load [D] [K], by default 64 and 256.
//
// The first load is what a service sees when it starts: it makes the threads. The file is in the page cache, as it was just
// written.

#include "made_mixture.hpp"

#include <gaussmix/gaussmix.hpp>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

using namespace gaussmix;
using Clock = std::chrono::steady_clock;
using Doubles = std::vector<double>;

constexpr std::size_t n_loads = 101;

double milliseconds_of_a_load(const std::string& path) {
  const Clock::time_point start = Clock::now();
  const Model model = load_model(path);
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

void measure(Index d, Index k) {
  const std::string path = (std::filesystem::temp_directory_path() /
                            ("bench_load." + std::to_string(Clock::now().time_since_epoch().count())))
                               .string();
  made_mixture(d, k).save(path);
  const double first = milliseconds_of_a_load(path);
  Doubles times;
  for (std::size_t i = 0; i < n_loads; ++i) times.push_back(milliseconds_of_a_load(path));
  std::sort(times.begin(), times.end());
  const auto bytes = static_cast<double>(std::filesystem::file_size(path));
  std::filesystem::remove(path);
  std::printf("D = %lld, K = %lld, %.1f MB, first load %.1f ms, then median %.1f ms [%.1f, %.1f]\n",
              static_cast<long long>(d), static_cast<long long>(k), bytes / 1e6, first, times[n_loads / 2],
              times.front(), times.back());
}

}  // namespace

int main(int argc, char** argv) {
  try {
    measure(argc > 1 ? std::atoll(argv[1]) : 64, argc > 2 ? std::atoll(argv[2]) : 256);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return EXIT_FAILURE;
  }
}
