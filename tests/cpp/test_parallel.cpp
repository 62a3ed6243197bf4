#include <doctest/doctest.h>
#include <gaussmix/error.hpp>
#include <gaussmix/threads.hpp>

#include "parallel/parallel.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <functional>
#include <numeric>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#ifdef __linux__
#include <sys/wait.h>
#include <unistd.h>
#endif

// How many parallel regions, of one thread or more, enclose the caller. Weak, because a build without OpenMP lacks it.
extern "C" int omp_get_level(void) __attribute__((weak));

using namespace gaussmix;
using namespace gaussmix::detail;

namespace {

int openmp_level() { return openmp_version() == 0 ? 0 : omp_get_level(); }

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr double much_work = 1e12;

/// Uneven pauses, so that tasks end out of order.
void dawdle(Index i) { std::this_thread::sleep_for(std::chrono::microseconds((i * 7919) % 5 * 100)); }

std::vector<Index> count_up(Index n) {
  std::vector<Index> indices(static_cast<std::size_t>(n));
  std::iota(indices.begin(), indices.end(), Index{0});
  return indices;
}

/// A loop whose tasks wait until they are cancelled, 10 s at most, under a stop that says true 60 ms after the start.
/// @returns the seconds from that moment to the end of the call
double seconds_to_interrupt(int threads, const std::function<bool(Worker&)>& waits) {
  const Clock::time_point due = Clock::now() + milliseconds(60);
  const Execution execution{threads, [&] { return Clock::now() >= due; }};
  const auto task = [&](Index, Worker& worker) {
    if (!waits(worker)) return;
    const Clock::time_point limit = due + std::chrono::seconds(10);
    while (!worker.cancelled() && Clock::now() < limit) std::this_thread::sleep_for(milliseconds(1));
  };
  CHECK_THROWS_AS(parallel_for(threads, threads, execution, task, [](Index, int) {}), Interrupted);
  return std::chrono::duration<double>(Clock::now() - due).count();
}

/// The best of five, for a machine that does other things as well.
double best_seconds_to_interrupt(int threads, const std::function<bool(Worker&)>& waits) {
  double best = seconds_to_interrupt(threads, waits);
  for (int attempt = 1; attempt < 5 && best > 0.1; ++attempt) {
    best = std::min(best, seconds_to_interrupt(threads, waits));
  }
  return best;
}

}  // namespace

TEST_CASE("parallel: every index runs once, and commits come in order, at any thread count") {
  for (int threads = 1; threads <= 8; ++threads) {
    for (const Index count : {0, 1, 2, 7, 64}) {
      CAPTURE(threads);
      CAPTURE(count);
      std::vector<std::atomic<int>> runs(static_cast<std::size_t>(count));
      std::vector<Index> committed;  // unguarded: commits run one at a time
      std::atomic<bool> ids_in_range{true};
      parallel_for(
          count, threads, {},
          [&](Index i, Worker& worker) {
            if (worker.id() < 0 || worker.id() >= threads) ids_in_range = false;
            ++runs[static_cast<std::size_t>(i)];
            dawdle(i);
          },
          [&](Index i, int) { committed.push_back(i); });
      CHECK(std::all_of(runs.begin(), runs.end(), [](const std::atomic<int>& n) { return n == 1; }));
      CHECK(committed == count_up(count));
      CHECK(ids_in_range);
    }
  }
}

TEST_CASE("parallel: a worker id is one thread, and 0 is the calling thread") {
  constexpr int threads = 4;
  std::vector<std::vector<std::thread::id>> seen(threads);
  parallel_for(200, threads, {}, [&](Index i, Worker& worker) {
    seen[static_cast<std::size_t>(worker.id())].push_back(std::this_thread::get_id());
    dawdle(i);
  });
  seen[0].push_back(std::this_thread::get_id());
  for (const auto& ids : seen) {
    CHECK(std::all_of(ids.begin(), ids.end(), [&](std::thread::id id) { return id == ids.front(); }));
  }
}

TEST_CASE("parallel: more than one thread takes part") {
  if (openmp_version() == 0) return;
  std::atomic<int> present{0};
  std::atomic<bool> met{false};
  parallel_for(2, 2, {}, [&](Index, Worker&) {
    ++present;
    const Clock::time_point limit = Clock::now() + std::chrono::seconds(10);
    while (present < 2 && Clock::now() < limit) std::this_thread::yield();
    if (present == 2) met = true;
  });
  CHECK(met);
}

TEST_CASE("parallel: a commit finds what its task left in its slot, which is one of the task's thread") {
  for (int threads = 1; threads <= 4; ++threads) {
    for (const int slots : {1, 2, 8}) {
      CAPTURE(threads);
      CAPTURE(slots);
      std::vector<Index> kept(static_cast<std::size_t>(threads * slots), -1);
      std::vector<Index> committed;
      std::atomic<int> wrong{0};
      parallel_for(
          100, threads, {},
          [&](Index i, Worker& worker) {
            wrong += worker.slot() / slots != worker.id();
            kept[static_cast<std::size_t>(worker.slot())] = i;
            dawdle(i);
          },
          [&](Index i, int slot) {
            wrong += kept[static_cast<std::size_t>(slot)] != i;
            committed.push_back(i);
          },
          slots);
      CHECK(wrong == 0);
      CHECK(committed == count_up(100));
    }
  }
}

TEST_CASE("parallel: a thread goes on while its commits wait, until its slots are full") {
  if (openmp_version() == 0) return;
  for (const int slots : {1, 3}) {
    CAPTURE(slots);
    std::atomic<int> ended{0}, begun{0};
    int committed_late = 0;
    parallel_for(
        20, 2, {},
        [&](Index i, Worker&) {
          ++begun;
          const Clock::time_point limit = Clock::now() + std::chrono::seconds(10);
          // The first index is held back until the other thread has filled its slots, and a while beyond.
          while (i == 0 && ended < slots && Clock::now() < limit) std::this_thread::sleep_for(milliseconds(1));
          if (i == 0) std::this_thread::sleep_for(milliseconds(20));
          if (i == 0) committed_late = begun;
          ++ended;
        },
        [](Index, int) {}, slots);
    CHECK(committed_late == 1 + slots);
  }
}

TEST_CASE("parallel: the failure is the one of a serial loop, and so are the commits") {
  const auto fails = [](Index i) { return i == 23 || i == 24 || i == 40; };
  for (int threads = 1; threads <= 8; ++threads) {
    for (int repeat = 0; repeat < 10; ++repeat) {
      CAPTURE(threads);
      std::vector<Index> committed;
      std::string message;
      try {
        parallel_for(
            64, threads, {},
            [&](Index i, Worker&) {
              if (i != 24) dawdle(i);  // 24 fails before 23 does
              if (fails(i)) throw std::runtime_error("task " + std::to_string(i));
            },
            [&](Index i, int) { committed.push_back(i); }, 1 + repeat % 4);
      } catch (const std::runtime_error& error) {
        message = error.what();
      }
      REQUIRE(message == "task 23");
      REQUIRE(committed == count_up(23));
    }
  }
}

TEST_CASE("parallel: a commit that throws ends the loop") {
  for (int threads = 1; threads <= 4; ++threads) {
    std::vector<Index> committed;
    const auto commit = [&](Index i, int) {
      if (i == 9) throw std::out_of_range("commit");
      committed.push_back(i);
    };
    const auto task = [](Index i, Worker&) { dawdle(i); };
    for (const int slots : {1, 4}) {
      committed.clear();
      CHECK_THROWS_AS(parallel_for(50, threads, {}, task, commit, slots), std::out_of_range);
      CHECK(committed == count_up(9));
    }
  }
}

TEST_CASE("parallel: a failure cancels the tasks after it, not those before it") {
  if (openmp_version() == 0) return;
  std::atomic<bool> later_cancelled{false}, earlier_cancelled{false}, later_started{false}, failed{false};
  const auto task = [&](Index i, Worker& worker) {
    const Clock::time_point limit = Clock::now() + std::chrono::seconds(10);
    const auto pause_until = [&](const std::function<bool()>& done) {
      while (!done() && Clock::now() < limit) std::this_thread::sleep_for(milliseconds(1));
    };
    if (i == 0) {
      pause_until([&] { return later_cancelled.load(); });
      earlier_cancelled = worker.cancelled();
    } else if (i == 1) {
      pause_until([&] { return later_started.load(); });
      failed = true;
      throw std::runtime_error("task 1");
    } else {
      later_started = true;
      pause_until([&] { return failed && worker.cancelled(); });
      later_cancelled = worker.cancelled();
    }
  };
  CHECK_THROWS_AS(parallel_for(3, 3, {}, task), std::runtime_error);
  CHECK(later_cancelled);
  CHECK_FALSE(earlier_cancelled);
}

TEST_CASE("parallel: a nested call runs on the thread that makes it") {
  std::atomic<int> strangers{0};
  std::atomic<Index> inner_runs{0};
  std::atomic<int> inner_plan{0}, inner_level{0};
  parallel_for(4, 2, {}, [&](Index, Worker&) {
    const std::thread::id outer = std::this_thread::get_id();
    inner_plan = std::max(inner_plan.load(), plan_threads(Execution{4, {}}, 100, much_work));
    parallel_for(8, 4, {}, [&](Index, Worker& worker) {
      ++inner_runs;
      inner_level = std::max(inner_level.load(), openmp_level());
      strangers += std::this_thread::get_id() != outer || worker.id() != 0;
    });
  });
  CHECK(inner_runs == 32);
  CHECK(strangers == 0);
  CHECK(inner_plan == 1);
  CHECK(inner_level == (openmp_version() == 0 ? 0 : 1));
}

TEST_CASE("parallel: one thread, or one task, does not enter OpenMP") {
  std::atomic<int> level{0};
  const auto task = [&](Index, Worker&) { level = std::max(level.load(), openmp_level()); };
  parallel_for(5, 1, {}, task);
  parallel_for(1, 5, {}, task);
  CHECK(level == 0);
}

TEST_CASE("parallel: stop ends the call within 0.1 s") {
  for (const int threads : {1, 2, 4}) {
    CAPTURE(threads);
    CHECK(best_seconds_to_interrupt(threads, [](Worker&) { return true; }) < 0.1);
  }
}

TEST_CASE("parallel: stop is asked while the calling thread waits for the others") {
  if (openmp_version() == 0) return;
  CHECK(best_seconds_to_interrupt(2, [](Worker& worker) {
          if (worker.id() == 0) std::this_thread::sleep_for(milliseconds(5));  // lets the other thread have a task
          return worker.id() != 0;
        }) < 0.1);
}

TEST_CASE("parallel: stop is asked on the calling thread, and at most every 20 ms, across calls too") {
  std::atomic<int> asked{0}, elsewhere{0};
  const std::thread::id caller = std::this_thread::get_id();
  const Execution execution{2, [&] {
                              ++asked;
                              elsewhere += std::this_thread::get_id() != caller;
                              return false;
                            }};
  const Clock::time_point begin = Clock::now();
  for (int call = 0; call < 20; ++call) {
    parallel_for(20, 2, execution, [](Index, Worker& worker) {
      std::this_thread::sleep_for(milliseconds(1));
      worker.cancelled();
    });
  }
  const double seconds = std::chrono::duration<double>(Clock::now() - begin).count();
  CHECK(elsewhere == 0);
  CHECK(asked >= 1);
  CHECK(asked <= seconds / 0.020 + 1);
}

TEST_CASE("parallel: what stop throws reaches the caller before any failure, and nothing is committed after it") {
  struct Signal {};
  for (const int threads : {1, 2, 4}) {
    std::atomic<bool> stopped{false};
    std::atomic<int> asked_again{0}, committed_after{0};
    const Execution execution{threads, [&]() -> bool {
                                asked_again += stopped;
                                stopped = true;
                                throw Signal();
                              }};
    const auto task = [&](Index, Worker& worker) {
      const Clock::time_point limit = Clock::now() + std::chrono::seconds(10);
      while (!worker.cancelled() && Clock::now() < limit) std::this_thread::sleep_for(milliseconds(1));
      throw std::runtime_error("a task that fails when it is cancelled");
    };
    const auto commit = [&](Index, int) { committed_after += stopped; };
    CHECK_THROWS_AS(parallel_for(8, threads, execution, task, commit), Signal);
    CHECK(asked_again == 0);
    CHECK(committed_after == 0);
  }
}

TEST_CASE("parallel: many threads may call at once") {
  std::vector<std::thread> callers;
  std::vector<Index> sums(4, 0);
  for (std::size_t c = 0; c < sums.size(); ++c) {
    callers.emplace_back([&sums, c] {
      for (int repeat = 0; repeat < 20; ++repeat) {
        const auto add = [&sums, c](Index i, int) { sums[c] += i; };
        parallel_for(10, 2, {}, [](Index, Worker&) {}, add);
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
  for (const Index sum : sums) CHECK(sum == 20 * 45);
}

TEST_CASE("parallel: plan_threads") {
  const int several = openmp_version() == 0 ? 1 : 3;
  CHECK(plan_threads(Execution{3, {}}, 100, much_work) == several);
  CHECK(plan_threads(Execution{3, {}}, 100, 3e5) == several);
  CHECK(plan_threads(Execution{64, {}}, 100, 3.9e5) == several);
  CHECK(plan_threads(Execution{3, {}}, 100, 2e5) == (several == 1 ? 1 : 2));
  CHECK(plan_threads(Execution{3, {}}, 100, 1.9e5) == 1);
  CHECK(plan_threads(Execution{8, {}}, 3, much_work) == several);
  CHECK(plan_threads(Execution{8, {}}, 1, much_work) == 1);
  CHECK(plan_threads(Execution{8, {}}, 0, much_work) == 1);
  CHECK(plan_threads(Execution{}, 1000000, much_work) == get_num_threads());
  CHECK_THROWS_WITH_AS(plan_threads(Execution{-1, {}}, 0, 0.0), "num_threads must be in [0, 1024], but is -1",
                       InvalidArgument);
}

#ifdef __linux__

namespace {

/// Whether two threads meet in one loop, within 10 s (the alarm ends a process that hangs).
bool two_threads_meet() {
  alarm(10);
  std::atomic<int> sum{0};
  parallel_for(8, 2, {}, [&](Index i, Worker&) {
    sum += static_cast<int>(i);
    dawdle(i);
  });
  alarm(0);
  return sum == 28;
}

/// Whether a child forked now runs a loop of two threads to its end.
bool child_runs() {
  const pid_t child = fork();
  if (child == 0) _exit(two_threads_meet() ? 0 : 1);
  int status = 0;
  return child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

}  // namespace

TEST_CASE("parallel: a child forked after a loop runs loops of its own, and so does the parent") {
  CHECK(two_threads_meet());
  for (int repeat = 0; repeat < 3; ++repeat) {
    CHECK(child_runs());
    CHECK(two_threads_meet());
  }
}

TEST_CASE("parallel: fork while another thread is inside a loop, and from a second thread") {
  std::atomic<bool> done{false};
  std::thread busy([&] {
    while (!done) parallel_for(4, 2, {}, [](Index i, Worker&) { dawdle(i); });
  });
  bool from_second_thread = false;
  std::thread([&] { from_second_thread = two_threads_meet() && child_runs(); }).join();
  CHECK(two_threads_meet());
  CHECK(child_runs());
  CHECK(from_second_thread);
  done = true;
  busy.join();
}

#endif
