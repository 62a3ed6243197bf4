// What each kernel takes of the machine: bench_kernels [D ...], by default powers of two.
//
// One block of rows that stays in the nearest caches, one thread, the instruction set in use (GAUSSMIX_SIMD). The peak is that of
// independent multiply-adds in registers, of the widest vectors that the machine has, measured between the kernels; the
// operations of a kernel are the additions and multiplications that its formula needs. Prints Markdown.

#include "data/block_loader.hpp"
#include "simd/dispatch.hpp"

#include <gaussmix/simd.hpp>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <functional>
#include <random>
#include <string>
#include <vector>

namespace {

using namespace gaussmix;
using detail::Buffer;

constexpr Index n_components = 16;
constexpr double least_seconds = 0.01;  // of one measurement
constexpr int n_turns = 7;

/// Median seconds of a call: the processor's, so that other work on the machine counts as little as can be.
double seconds_of(const std::function<void()>& call) {
  const auto time = [&](int calls) {
    const std::clock_t start = std::clock();
    for (int i = 0; i < calls; ++i) call();
    return static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
  };
  int calls = 1;
  while (time(calls) < least_seconds) calls *= 2;
  std::vector<double> times;
  for (int turn = 0; turn < n_turns; ++turn) times.push_back(time(calls) / calls);
  std::nth_element(times.begin(), times.begin() + n_turns / 2, times.end());
  return times[n_turns / 2];
}

#if defined(__AVX512F__)
constexpr int peak_bytes = 64;
#elif defined(__AVX__)
constexpr int peak_bytes = 32;
#else
constexpr int peak_bytes = 16;
#endif

constexpr int peak_sums = 10;  // hide the latency of two multiply-adds a cycle, and fit 16 registers
constexpr int peak_steps = 4096;

/// peak_sums × peak_steps multiply-adds that do not wait for one another; something that depends on all of them.
template <class T>
__attribute__((noinline)) T multiply_adds(T factor, T term) {
  typedef T Vec __attribute__((vector_size(peak_bytes)));
  const Vec a = Vec{} + factor, b = Vec{} + term;
  Vec sum[peak_sums];
  for (int i = 0; i < peak_sums; ++i) sum[i] = b * static_cast<T>(i);
  for (int step = 0; step < peak_steps; ++step) {
#pragma GCC unroll 16
    for (int i = 0; i < peak_sums; ++i) sum[i] = sum[i] * a + b;
  }
  for (int i = 1; i < peak_sums; ++i) sum[0] += sum[i];
  return sum[0][0];
}

/// Operations a second.
template <class T>
double measured_peak() {
  volatile T result = 0;
  const double seconds = seconds_of([&] { result = multiply_adds(T(0.5), T(0.25)); });
  return 2.0 * peak_sums * peak_steps * (peak_bytes / static_cast<double>(sizeof(T))) / seconds;
}

/// One block under one component's parameters, or under n_components of them, and what the kernels write.
template <class T>
class Block {
 public:
  Block(const simd::Kernels<T>& kernels, Index d) : kernels_(kernels), d_(d) {
    const Index fitting = (Index{1} << 17) / (d * static_cast<Index>(sizeof(T)));
    n_ = std::clamp<Index>(fitting / simd::strip_multiple, 1, 20) * simd::strip_multiple;
    std::mt19937_64 generator(7);
    std::normal_distribution<double> normal;
    const auto fill = [&](Buffer<T>& values, Index size) {
      values.resize(size);
      for (Index i = 0; i < size; ++i) values[i] = static_cast<T>(0.1 * normal(generator));
    };
    for (Buffer<T>* values : {&x_, &strips_, &transformed_}) fill(*values, n_ * d);
    for (Buffer<T>* values : {&mean_, &mean_low_, &inv_std_}) fill(*values, d);
    fill(panels_, (d + simd::panel_rows) * (d + simd::panel_rows));
    for (Buffer<T>* values : {&log_norm_, &log_weight_}) fill(*values, n_components);
    for (Buffer<T>* values : {&q_, &source_}) values->resize(n_components * n_);
    for (Index i = 0; i < source_.size(); ++i)
      source_[i] = static_cast<T>(d) * static_cast<T>(1.0 + 0.1 * normal(generator));
    dense_n_ = std::min(n_, simd::dense_rows);
    scratch_.resize(std::max({2 * d * kernels.strip, kernels.moments_scratch(d), kernels.dense_scratch(d)}));
    log_p_.resize(n_);
    gamma_.resize(n_);
    rows_.resize(n_);
    for (Index i = 0; i < n_; ++i) gamma_[i] = T(0.5), rows_[i] = static_cast<std::int32_t>(i);
    first_.resize(d);
    second_.resize(d * d);
    sum_of_.resize(n_components);
    sums_.resize(n_components * kernels.dense_size(d, true));
  }

  /// A line for each kernel: nanoseconds a row and component, and the share of the peak where operations are counted.
  void report(const char* type, double peak) {
    const double d = static_cast<double>(d_), n = static_cast<double>(n_), k = static_cast<double>(n_components);
    const Index n_strips = n_ / kernels_.strip;
    const simd::Location<T> mean{mean_.data(), sizeof(T) < sizeof(double) ? mean_low_.data() : nullptr};
    const simd::Factor<T> factor{panels_.data(), nullptr, d_, nullptr, nullptr};
    const simd::WeightedRows<T> weighted{rows_.data(), gamma_.data(), n_};
    const auto line = [&](const char* name, double pairs, double operations, const std::function<void()>& call) {
      const double seconds = seconds_of(call);
      std::printf("| %s | %s | %lld | %.2f |", name, type, static_cast<long long>(d_), 1e9 * seconds / pairs);
      if (operations > 0)
        std::printf(" %.0f %% |\n", 100.0 * pairs * operations / seconds / peak);
      else
        std::printf(" |\n");
    };
    line("distances_full", n, d * (d + 1) + 3 * d,
         [&] { kernels_.distances_full(strips_.data(), n_strips, d_, mean, factor, scratch_.data(), q_.data()); });
    line("distances_diag", n, 4 * d,
         [&] { kernels_.distances_diag(strips_.data(), n_strips, d_, mean, inv_std_.data(), q_.data()); });
    line("distances_unit", n, 3 * d, [&] { kernels_.distances_unit(strips_.data(), n_strips, d_, mean, q_.data()); });
    line("transform", n, d * (d + 1) + d,
         [&] { kernels_.transform(strips_.data(), n_strips, d_, mean, factor, scratch_.data(), transformed_.data()); });
    line("moments_full", n, d * (d + 1) + 4 * d, [&] {
      kernels_.moments_full(x_.data(), d_, weighted, d_, mean, scratch_.data(), &sum_, first_.data(), second_.data());
    });
    line("moments_diag", n, 6 * d,
         [&] { kernels_.moments_diag(x_.data(), d_, weighted, d_, mean, &sum_, first_.data(), second_.data()); });
    const auto dense = [&](bool full) {
      kernels_.moments_dense(x_.data(), d_, dense_n_, source_.data(), n_, n_components, d_, full, mean, scratch_.data(),
                             sum_of_.data(), sums_.data());
    };
    line("moments_dense, full", static_cast<double>(dense_n_) * k, d * (d + 1) + 2 * d, [&] { dense(true); });
    line("moments_dense, diag", static_cast<double>(dense_n_) * k, 4 * d, [&] { dense(false); });
    if (d_ <= simd::small_features)
      line("moments_small", n, d * (d + 1) + 4 * d, [&] {
        kernels_.moments_small(strips_.data(), n_, d_, mean, gamma_.data(), true, &sum_, first_.data(), second_.data());
      });
    if (d_ > simd::small_features && d_ <= simd::few_features)
      line("moments_few", n, d * (d + 1) + 4 * d, [&] {
        kernels_.moments_few(strips_.data(), n_, d_, mean, gamma_.data(), scratch_.data(), &sum_, first_.data(),
                             second_.data());
      });
    line("pack", n, 0, [&] {
      T largest = 0;
      kernels_.pack(x_.data(), d_, 1, nullptr, n_, d_, strips_.data(), &largest);
    });
    line("log_prob", n * k, 0, [&] {
      Index counted = 0;
      std::copy(source_.data(), source_.data() + source_.size(), q_.data());
      kernels_.log_prob(q_.data(), n_, n_, n_components, log_norm_.data(), log_weight_.data(), T(40), nullptr, true,
                        log_p_.data(), &counted);
    });
    line("posterior", n * k, 0, [&] {
      std::copy(source_.data(), source_.data() + source_.size(), q_.data());
      kernels_.posterior(q_.data(), n_, n_, n_components, log_norm_.data(), log_weight_.data(),
                         simd::Posterior::responsibilities);
    });
  }

 private:
  const simd::Kernels<T>& kernels_;
  Index d_, n_ = 0, dense_n_ = 0;
  Buffer<T> x_, strips_, transformed_, mean_, mean_low_, inv_std_, panels_, log_norm_, log_weight_, q_, source_,
      scratch_, log_p_, gamma_;
  Buffer<std::int32_t> rows_;
  double sum_ = 0;
  Buffer<double> first_, second_, sum_of_, sums_;
};

template <class T>
void report(const char* type, const std::vector<Index>& features) {
  const simd::Kernels<T>& kernels = simd::kernels_of<T>(simd::active_kernels());
  std::vector<double> peaks;
  for (const Index d : features) {
    peaks.push_back(measured_peak<T>());
    Block<T>(kernels, d).report(type, peaks.back());
  }
  std::fprintf(stderr, "%s: peak from %.1f to %.1f GF/s\n", type, *std::min_element(peaks.begin(), peaks.end()) / 1e9,
               *std::max_element(peaks.begin(), peaks.end()) / 1e9);
}

}  // namespace

int main(int argc, char** argv) {
  std::vector<Index> features;
  for (int i = 1; i < argc; ++i) features.push_back(std::atoll(argv[i]));
  if (features.empty()) features = {1, 2, 3, 4, 8, 16, 32, 64, 128, 256, 512};
  if (*std::min_element(features.begin(), features.end()) < 1) {
    std::fprintf(stderr, "bench_kernels [D ...]: numbers of features, at least 1\n");
    return EXIT_FAILURE;
  }
  std::printf("Kernels at %s; %d components in log_prob and posterior.\n\n", simd_level().c_str(),
              static_cast<int>(n_components));
  std::printf("| kernel | type | D | ns a row and component | of the peak |\n|---|---|---:|---:|---:|\n");
  report<double>("float64", features);
  report<float>("float32", features);
}
