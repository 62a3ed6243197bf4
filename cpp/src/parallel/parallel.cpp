#include "parallel/parallel.hpp"

#include "base/message.hpp"

#include <gaussmix/error.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <utility>
#include <vector>

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

using Clock = std::chrono::steady_clock;

/// Multiply-adds that one core does in about 50 µs; of speed alone. Below, waking a second thread costs more than it
/// brings.
constexpr double small_work = 2e5;
/// Multiply-adds that each thread is given at the least, about 25 µs: that many threads are worth waking.
constexpr double least_share = small_work / 2.0;
/// Between two calls of a stop function: with tasks of a few milliseconds far below the 0.1 s that Execution promises.
constexpr std::chrono::milliseconds poll_interval(20);

/// When a stop function was last asked on this thread. It outlives the calls, so that a fit made of thousands of short
/// calls is interruptible and a service of short calls is not slowed.
thread_local Clock::time_point last_poll;

/// What the threads of one parallel_for share.
class Loop {
 public:
  Loop(Index count, int threads, const Execution& execution, const Task& task, const Commit& commit, int slots)
      : count_(count),
        execution_(execution),
        task_(task),
        commit_(commit),
        slots_(slots),
        end_(count),
        // Indices that are taken and not committed: one in each slot, and one for each thread that waits for a slot.
        done_(commit ? static_cast<std::size_t>(threads * (slots + 1)) : 0, no_slot),
        held_(commit ? static_cast<std::size_t>(threads * slots) : 0, -1) {}

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

  static constexpr int no_slot = -1;

  template <class Body>
  void attempt(Index i, const Body& body) noexcept;
  void wait_for_slot(Index i, const Worker& worker) noexcept;
  void commit_done(Index i, Worker& worker) noexcept;
  int& done(Index i) noexcept { return done_[static_cast<std::size_t>(i) % done_.size()]; }
  void fail(Index i, std::exception_ptr error) noexcept;
  template <class Ready>
  void wait(int id, Ready ready) noexcept;
  template <class Change>
  void announce(Change change) noexcept;

  const Index count_;
  const Execution& execution_;
  const Task& task_;
  const Commit& commit_;
  const int slots_;             // of each thread
  std::atomic<Index> next_{0};  // the index to take next
  std::atomic<Index> end_;      // indices from here on are given up: the lowest that failed, or the count
  std::mutex mutex_;            // guards what follows, and changes of end_
  std::condition_variable changed_;
  Index turn_ = 0;            // the index to commit next
  bool committing_ = false;   // whether a thread is at it
  std::vector<int> done_;     // the slots of the indices that are done and not committed, a ring; else no_slot
  std::vector<Index> held_;   // (threads · slots,): the last index of each slot; -1 before the first
  int at_rest_ = 0;           // threads that found no index left
  std::exception_ptr error_;  // of index end_, when it failed
};

class LoopWorker final : public Worker {
 public:
  LoopWorker(Loop& loop, int id, int slots) : loop_(loop), id_(id), slots_(slots) {}
  int id() const noexcept override { return id_; }
  int slot() const noexcept override { return id_ * slots_ + turn_; }
  bool cancelled() override {
    if (id_ == 0) loop_.poll();
    return loop_.given_up(index_);
  }
  void begin(Index i) noexcept {
    index_ = i;
    turn_ = (turn_ + 1) % slots_;
  }

 private:
  Loop& loop_;
  int id_;
  int slots_;
  int turn_ = 0;  // of its slots
  Index index_ = 0;
};

// The lowest index that is not committed is taken by a thread that does not wait, since that thread's earlier indices
// are committed: nobody waits in vain. The failure that is reported is the one that a serial loop would have met, for
// these are never cancelled by later ones.
void Loop::run(int id, int team) noexcept {
  LoopWorker worker(*this, id, slots_);
  for (Index i; (i = next_.fetch_add(1, std::memory_order_relaxed)) < count_;) {
    worker.begin(i);
    if (commit_) wait_for_slot(i, worker);
    if (worker.cancelled()) break;
    attempt(i, [&] { task_(i, worker); });
    if (commit_) commit_done(i, worker);
  }
  announce([&] { ++at_rest_; });
  if (id != 0) return;
  poll();  // here too: the other threads may have taken every index, in each of a thousand short calls
  wait(id, [&] { return at_rest_ == team; });
}

/// Returns when the slot's last index is committed, and takes the slot for index i.
void Loop::wait_for_slot(Index i, const Worker& worker) noexcept {
  Index& held = held_[static_cast<std::size_t>(worker.slot())];  // of this thread alone
  wait(worker.id(), [&] { return turn_ > held || given_up(i); });
  held = i;
}

/// Notes that index i is done, and commits what is done and in turn, unless another thread is at it: that one will.
void Loop::commit_done(Index i, Worker& worker) noexcept {
  std::unique_lock<std::mutex> lock(mutex_);
  done(i) = worker.slot();
  if (committing_) return;
  committing_ = true;
  while (turn_ < count_ && !given_up(turn_) && done(turn_) != no_slot) {
    const Index committed = turn_;
    const int slot = std::exchange(done(committed), no_slot);
    lock.unlock();
    if (worker.id() == 0) poll();
    if (!given_up(committed)) attempt(committed, [&] { commit_(committed, slot); });
    lock.lock();
    if (given_up(committed)) break;
    ++turn_;
    changed_.notify_all();
  }
  committing_ = false;
}

/// Calls body(), which is of index i.
template <class Body>
void Loop::attempt(Index i, const Body& body) noexcept {
  try {
    body();
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
  const double worth = std::min(work / least_share, static_cast<double>(max_num_threads));
  return static_cast<int>(std::min({static_cast<Index>(threads), tasks, static_cast<Index>(worth)}));
}

void parallel_for(Index count, int threads, const Execution& execution, const Task& task, const Commit& commit,
                  int slots) {
  const bool serial = threads < 2 || count < 2 || must_be_serial();
  const int team = serial ? 1 : static_cast<int>(std::min<Index>(threads, count));
  Loop loop(count, team, execution, task, commit, slots);
  if (serial) {
    loop.run(0, 1);
  } else {
    run_team(loop, team);
  }
  loop.rethrow();
}

}  // namespace gaussmix::detail
