#include "parallel/parallel.hpp"

#include "base/message.hpp"

#include <gaussmix/error.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <exception>
#include <mutex>

#ifdef _OPENMP
#include <omp.h>
#endif
#if defined(_OPENMP) && defined(__linux__)
#include <pthread.h>

// GNU's OpenMP runtime hangs in a forked child when the forking thread has used it, unless that thread puts its pool
// away before the fork. LLVM's runtime, known by its kmp_ functions, sees to itself and must not be touched at that
// point. Both symbols are weak: a runtime may lack either.
#pragma weak omp_pause_resource_all
#pragma weak kmp_get_blocktime
extern "C" int kmp_get_blocktime(void);
#endif

namespace gaussmix::detail {

namespace {

using Body = std::function<void(Index, Worker&)>;
using Clock = std::chrono::steady_clock;

/// Multiply-adds that one core does in about 50 µs; of speed alone. Below, waking a second thread costs more than it
/// brings.
constexpr double small_work = 2e5;
/// Between two calls of a stop function: with tasks of a few milliseconds far below the 0.1 s that Execution promises.
constexpr std::chrono::milliseconds poll_interval(20);

/// When a stop function was last asked on this thread. It outlives the calls, so that a fit made of thousands of short
/// calls is interruptible and a service of short calls is not slowed.
thread_local Clock::time_point last_poll;

/// What the threads of one parallel_for share.
class Loop {
 public:
  Loop(Index count, const Execution& execution, const Body& task, const Body& commit)
      : count_(count), execution_(execution), task_(task), commit_(commit), end_(count) {}

  /// What each of the `team` threads does: takes indices until none is left. The calling thread (id 0) comes back last.
  void run(int id, int team) noexcept;
  /// Whether index i is to be given up: an index below it has failed, or the caller stopped.
  bool given_up(Index i) const noexcept { return i >= end_.load(std::memory_order_relaxed); }
  /// Asks the stop function when it is time; on the calling thread only.
  void poll() noexcept;
  void rethrow() const {
    if (error_) std::rethrow_exception(error_);
  }

 private:
  // What a stop fails at: gives up every index and outranks the failure of any.
  static constexpr Index stopped = -1;

  void attempt(const Body& body, Index i, Worker& worker) noexcept;
  void fail(Index i, std::exception_ptr error) noexcept;
  template <class Ready>
  void wait(int id, Ready ready) noexcept;
  template <class Change>
  void announce(Change change) noexcept;

  const Index count_;
  const Execution& execution_;
  const Body& task_;
  const Body& commit_;
  std::atomic<Index> next_{0};  // the index to take next
  std::atomic<Index> end_;      // indices from here on are given up: the lowest that failed, or the count
  std::mutex mutex_;            // guards what follows, and changes of end_
  std::condition_variable changed_;
  Index turn_ = 0;            // the index to commit next
  int at_rest_ = 0;           // threads that found no index left
  std::exception_ptr error_;  // of index end_, when it failed
};

class LoopWorker final : public Worker {
 public:
  LoopWorker(Loop& loop, int id) : loop_(loop), id_(id) {}
  int id() const noexcept override { return id_; }
  bool cancelled() override {
    if (id_ == 0) loop_.poll();
    return loop_.given_up(index_);
  }
  void begin(Index i) noexcept { index_ = i; }

 private:
  Loop& loop_;
  int id_;
  Index index_ = 0;
};

// An index that is not given up has all indices below it taken and not given up, so its turn comes: nobody waits in
// vain. The failure that is reported is the one that a serial loop would have met, for these are never cancelled by
// later ones.
void Loop::run(int id, int team) noexcept {
  LoopWorker worker(*this, id);
  for (Index i; (i = next_.fetch_add(1, std::memory_order_relaxed)) < count_;) {
    worker.begin(i);
    if (worker.cancelled()) break;
    attempt(task_, i, worker);
    if (!commit_) continue;
    wait(id, [&] { return turn_ == i || given_up(i); });
    if (given_up(i)) break;
    attempt(commit_, i, worker);
    announce([&] { turn_ = i + 1; });
  }
  announce([&] { ++at_rest_; });
  if (id != 0) return;
  poll();  // here too: the other threads may have taken every index, in each of a thousand short calls
  wait(id, [&] { return at_rest_ == team; });
}

void Loop::attempt(const Body& body, Index i, Worker& worker) noexcept {
  try {
    body(i, worker);
  } catch (...) {
    fail(i, std::current_exception());
  }
}

void Loop::fail(Index i, std::exception_ptr error) noexcept {
  announce([&] {
    if (i >= end_.load(std::memory_order_relaxed)) return;
    end_.store(i, std::memory_order_relaxed);
    error_ = std::move(error);
  });
}

void Loop::poll() noexcept {
  if (!execution_.stop || given_up(stopped) || Clock::now() - last_poll < poll_interval) return;
  try {
    if (execution_.stop()) throw Interrupted("the call was interrupted by the caller's stop function");
  } catch (...) {
    fail(stopped, std::current_exception());
  }
  last_poll = Clock::now();
}

/// Returns when ready() holds. The calling thread goes on asking the stop function meanwhile.
template <class Ready>
void Loop::wait(int id, Ready ready) noexcept {
  std::unique_lock<std::mutex> lock(mutex_);
  if (id != 0 || !execution_.stop) {
    changed_.wait(lock, ready);
    return;
  }
  while (!changed_.wait_for(lock, poll_interval, ready)) {
    lock.unlock();
    poll();
    lock.lock();
  }
}

template <class Change>
void Loop::announce(Change change) noexcept {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    change();
  }
  changed_.notify_all();
}

#ifdef _OPENMP

#ifdef __linux__

std::atomic<bool> guard_registered{false};
std::atomic<bool> fork_broken{false};  // a child whose runtime could not be put away: it runs serially

void before_fork() {
  if (&omp_pause_resource_all != nullptr) omp_pause_resource_all(omp_pause_hard);
}

void in_child() {
  if (&omp_pause_resource_all == nullptr) fork_broken = true;
}

void guard_forks() {
  if (&kmp_get_blocktime != nullptr || guard_registered.exchange(true)) return;
  if (pthread_atfork(before_fork, nullptr, in_child) != 0) guard_registered = false;
}

bool must_be_serial() { return omp_in_parallel() || fork_broken; }

#else

void guard_forks() {}
bool must_be_serial() { return omp_in_parallel(); }

#endif

void run_team(Loop& loop, int threads) {
  guard_forks();
#pragma omp parallel num_threads(threads)
  loop.run(omp_get_thread_num(), omp_get_num_threads());
}

#else

bool must_be_serial() { return true; }
void run_team(Loop& loop, int) { loop.run(0, 1); }

#endif

}  // namespace

int openmp_version() noexcept {
#ifdef _OPENMP
  return _OPENMP;
#else
  return 0;
#endif
}

int openmp_max_threads() noexcept {
#ifdef _OPENMP
  return omp_get_max_threads();
#else
  return 1;
#endif
}

int plan_threads(const Execution& execution, Index tasks, double work) {
  check_num_threads(execution.num_threads);
  if (tasks < 2 || work < small_work || must_be_serial()) return 1;
  const int threads = execution.num_threads != 0 ? execution.num_threads : get_num_threads();
  return static_cast<int>(std::min<Index>(threads, tasks));
}

void parallel_for(Index count, int threads, const Execution& execution, const std::function<void(Index, Worker&)>& task,
                  const std::function<void(Index, Worker&)>& commit) {
  Loop loop(count, execution, task, commit);
  const int team = static_cast<int>(std::min<Index>(threads, count));
  if (team < 2 || must_be_serial()) {
    loop.run(0, 1);
  } else {
    run_team(loop, team);
  }
  loop.rethrow();
}

}  // namespace gaussmix::detail
