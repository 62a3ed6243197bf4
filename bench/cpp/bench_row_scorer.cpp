// Nanoseconds of one-row calls of the C ABI: bench_row_scorer [D] [K], by default 16 and 8.
//
// Each call is timed by itself on rows drawn from the mixture, so the 99th percentile is that of single calls; what the clock
// takes, measured the same way, is subtracted.

#include "made_mixture.hpp"

#include <gaussmix/gaussmix.h>
#include <gaussmix/gaussmix.hpp>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <stdexcept>
#include <vector>

namespace {

using namespace gaussmix;
using Clock = std::chrono::steady_clock;
using Doubles = std::vector<double>;

constexpr int n_calls = 200000;
constexpr Index n_rows = 1024;

void require(gaussmix_status status) {
  if (status != GAUSSMIX_OK) throw std::runtime_error(gaussmix_last_error());
}

/// The nanoseconds of each of n_calls calls, in ascending order.
template <class Call>
Doubles timed(const Call& call) {
  Doubles times;
  times.reserve(n_calls);
  for (int i = 0; i < n_calls; ++i) {
    const Clock::time_point start = Clock::now();
    call(i);
    times.push_back(std::chrono::duration<double, std::nano>(Clock::now() - start).count());
  }
  std::sort(times.begin(), times.end());
  return times;
}

double quantile(const Doubles& sorted, double q) {
  return sorted[static_cast<std::size_t>(q * static_cast<double>(sorted.size() - 1))];
}

template <class Call>
void report(const char* name, double clock, const Call& call) {
  timed(call);  // warm
  const Doubles times = timed(call);
  std::printf("%-18s median %6.0f ns   p99 %6.0f ns\n", name, quantile(times, 0.5) - clock,
              quantile(times, 0.99) - clock);
}

void measure(Index d, Index k) {
  const Mixture mixture = made_mixture(d, k);
  Doubles x(static_cast<std::size_t>(n_rows * d)), gamma(static_cast<std::size_t>(k));
  std::vector<Index> z(static_cast<std::size_t>(n_rows));
  sample(mixture, 1, {x.data(), n_rows, d}, z);
  const auto row = [&](int i) { return x.data() + i % n_rows * d; };

  const gaussmix_parameters parameters = {sizeof parameters,
                                          GAUSSMIX_COVARIANCE_FULL,
                                          0,
                                          k,
                                          d,
                                          mixture.covariances().size(),
                                          mixture.weights().data(),
                                          mixture.means().data(),
                                          mixture.covariances().data()};
  gaussmix_mixture* handle = nullptr;
  gaussmix_row_scorer* scorer = nullptr;
  require(gaussmix_mixture_create(&parameters, nullptr, &handle));
  require(gaussmix_row_scorer_create(handle, &scorer));

  const double clock = quantile(timed([](int) {}), 0.5);
  double log_p = 0.0;
  Index label = 0;
  std::printf("D = %lld, K = %lld, %s, clock %.0f ns subtracted\n", static_cast<long long>(d),
              static_cast<long long>(k), simd_level().c_str(), clock);
  report("log_prob", clock, [&](int i) { require(gaussmix_row_scorer_log_prob(scorer, row(i), d, &log_p)); });
  report("responsibilities", clock,
         [&](int i) { require(gaussmix_row_scorer_responsibilities(scorer, row(i), d, gamma.data(), k)); });
  report("predict", clock, [&](int i) { require(gaussmix_row_scorer_predict(scorer, row(i), d, &label)); });
  gaussmix_row_scorer_free(scorer);
  gaussmix_mixture_free(handle);
}

}  // namespace

int main(int argc, char** argv) {
  try {
    measure(argc > 1 ? std::atoll(argv[1]) : 16, argc > 2 ? std::atoll(argv[2]) : 8);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return EXIT_FAILURE;
  }
}
