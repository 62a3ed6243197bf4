// Every kind of call on a thread with a stack of 64 KiB, as applications give to their workers, and with OpenMP workers of the
// same (OMP_STACKSIZE): one that keeps an array of the problem's size on the stack ends the process.

#include "problems.hpp"

#include <gaussmix/gaussmix.hpp>

#include <pthread.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <vector>

using namespace gaussmix;
using namespace problems;

namespace {

void use(const Problem& p) {
  const Execution two_threads{2, {}};
  const Mixture mixture = p.mixture();
  const Mixture loaded = Mixture::from_bytes(mixture.to_bytes());
  Doubles values(at(p.n * p.k));
  const MatrixView<double> by_component(values.data(), p.n, p.k);
  component_log_prob(loaded, p.rows(), by_component, two_threads);
  responsibilities(loaded, p.rows(), by_component, two_threads);
  log_prob(loaded, p.rows(), VectorView<double>(values.data(), p.n), two_threads);
  log_prob(loaded, p.rows(0, 1), VectorView<double>(values.data(), 1));
  RowScorer scorer(mixture);
  scorer.responsibilities({p.row(0), p.d}, {values.data(), p.k});
  Doubles drawn(at(3 * p.d));
  std::vector<Index> components(3);
  sample(mixture, 1, {drawn.data(), 3, p.d}, components);
  Statistics sums(mixture);
  sums.accumulate(p.rows(), {}, two_threads);
  for (const OnDegenerate policy : {OnDegenerate::floor, OnDegenerate::reseed}) {
    MaximizeOptions options;
    options.on_degenerate = policy;
    options.reg_covar = 1e-3;
    (void)sums.maximize(options);
  }
  (void)Statistics::from_bytes(sums.to_bytes());
  FitOptions options;
  options.covariance_type = p.type;
  options.max_iter = 2;
  options.reg_covar = 1e-3;
  (void)fit(p.rows(), p.k, options, {}, two_threads);
  if (p.type != CovarianceType::full) return;
  options.precisions_init = p.covariances;
  (void)fit(p.rows(), p.k, options, {}, two_threads);
}

void* run(void*) {
  try {
    for (const CovarianceType type : all_types)
      for (const Index d : {1, 8, 384}) use(random_problem(2, d, 2 * d + 40, type, 5));
    return nullptr;
  } catch (const std::exception& error) {
    std::printf("%s\n", error.what());
    return const_cast<char*>("failed");
  }
}

}  // namespace

int main() {
  const long least = std::max(sysconf(_SC_THREAD_STACK_MIN), 64L * 1024);
  pthread_attr_t attributes;
  pthread_t thread;
  void* result = nullptr;
  if (pthread_attr_init(&attributes) != 0 ||
      pthread_attr_setstacksize(&attributes, static_cast<std::size_t>(least)) != 0 ||
      pthread_create(&thread, &attributes, run, nullptr) != 0 || pthread_join(thread, &result) != 0)
    return EXIT_FAILURE;
  return result == nullptr ? EXIT_SUCCESS : EXIT_FAILURE;
}
