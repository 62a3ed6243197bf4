// Eight threads score on one model through the C ABI, each with scorers, statistics and errors of its own; to be run under
// ThreadSanitizer too.

#include "c_api_parameters.hpp"
#include "problems.hpp"

#include <gaussmix/gaussmix.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <iterator>
#include <string>
#include <thread>

using namespace gaussmix;
using namespace problems;

namespace {

constexpr int n_threads = 8;
constexpr int n_rounds = 20;
constexpr gaussmix_execution one_thread = {sizeof one_thread, 1, nullptr, nullptr};

std::atomic<int> n_failures{0};

void check(bool holds, const char* what) {
  if (holds) return;
  ++n_failures;
  std::printf("FAILED: %s (last error: %s)\n", what, gaussmix_last_error());
}

void check(gaussmix_status status, const char* what) { check(status == GAUSSMIX_OK, what); }

/// What every thread must find.
struct Scores {
  Doubles log_p;
  std::vector<float> gamma;
  std::vector<std::uint8_t> statistics;

  friend bool operator==(const Scores& a, const Scores& b) {
    return a.log_p == b.log_p && a.gamma == b.gamma && a.statistics == b.statistics;
  }
};

gaussmix_mixture* new_mixture(const Problem& p) {
  const gaussmix_parameters parameters = parameters_of(p);
  gaussmix_mixture* mixture = nullptr;
  check(gaussmix_mixture_create(&parameters, nullptr, &mixture), "a mixture is made");
  return mixture;
}

std::vector<std::uint8_t> accumulate(const gaussmix_mixture* mixture, const gaussmix_samples& x) {
  gaussmix_statistics* statistics = nullptr;
  Index size = 0;
  check(gaussmix_statistics_create(mixture, &statistics), "statistics are made");
  check(gaussmix_statistics_accumulate(statistics, &x, nullptr, 0, &one_thread), "rows are added");
  check(gaussmix_statistics_to_bytes(statistics, 1, nullptr, 0, &size), "the bytes have a size");
  std::vector<std::uint8_t> bytes(at(size));
  check(gaussmix_statistics_to_bytes(statistics, 1, bytes.data(), size, &size), "the bytes are written");
  check(gaussmix_statistics_free(statistics), "statistics are freed");
  return bytes;
}

Scores score(const gaussmix_mixture* mixture, const Problem& p, const std::vector<float>& single) {
  const gaussmix_samples x = gaussmix_samples_f64(p.x.data(), p.n, p.d);
  const gaussmix_samples single_x = gaussmix_samples_f32(single.data(), p.n, p.d);
  Scores out{Doubles(at(p.n)), std::vector<float>(at(p.n * p.k)), accumulate(mixture, x)};
  check(gaussmix_log_prob_f64(mixture, &x, out.log_p.data(), p.n, 1, &one_thread), "rows are scored");
  check(gaussmix_responsibilities_f32(mixture, &single_x, out.gamma.data(), p.n, p.k, p.k, 1, &one_thread),
        "rows are scored in float");
  return out;
}

void check_rows(const gaussmix_mixture* mixture, const Problem& p, const Doubles& log_p) {
  gaussmix_row_scorer* scorer = nullptr;
  check(gaussmix_row_scorer_create(mixture, &scorer), "a scorer is made");
  for (Index i = 0; i < p.n; ++i) {
    double found = 0;
    check(gaussmix_row_scorer_log_prob(scorer, p.row(i), p.d, &found), "a row is scored");
    check(found == log_p[at(i)], "a row has the bits of the batch");
  }
  check(gaussmix_row_scorer_free(scorer), "a scorer is freed");
}

void check_own_error(int id) {
  const std::string expected = "num_threads must be in [0, 1024], but is -" + std::to_string(id + 1);
  check(gaussmix_set_num_threads(-id - 1) == GAUSSMIX_ERROR_INVALID_ARGUMENT, "an error is a status");
  check(gaussmix_last_error() == expected, "the last error is this thread's");
}

/// All threads meet one new mixture at once, so that what it makes at its first use is made by all of them.
void share(const Problem& p) {
  const std::vector<float> single(p.x.begin(), p.x.end());
  gaussmix_mixture* reference = new_mixture(p);
  const Scores expected = score(reference, p, single);
  check(gaussmix_mixture_free(reference), "a mixture is freed");
  gaussmix_mixture* shared = new_mixture(p);
  std::atomic<int> n_ready{0};
  std::vector<std::thread> threads;
  for (int id = 0; id < n_threads; ++id)
    threads.emplace_back([&, id] {
      ++n_ready;
      while (n_ready < n_threads) std::this_thread::yield();
      check(score(shared, p, single) == expected, "every thread finds the same");
      check_rows(shared, p, expected.log_p);
      check_own_error(id);
    });
  for (std::thread& thread : threads) thread.join();
  check(gaussmix_mixture_free(shared), "a mixture is freed");
}

}  // namespace

int main() {
  for (int round = 0; round < n_rounds; ++round)
    for (const CovarianceType type : all_types)
      share(random_problem(4, 5, 60, type, static_cast<std::uint64_t>(round)));
  std::printf("%d threads, %d models: %d checks failed\n", n_threads, n_rounds * static_cast<int>(std::size(all_types)),
              n_failures.load());
  return n_failures == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
