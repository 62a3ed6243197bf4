#pragma once

#include <gaussmix/threads.hpp>
#include <gaussmix/views.hpp>

#include <functional>
#include <string>

namespace gaussmix::detail {

/// One of the threads that share a parallel_for.
class Worker {
 public:
  virtual ~Worker() = default;
  /// In [0, threads); 0 is the calling thread.
  virtual int id() const noexcept = 0;
  /// Where the task keeps what its commit is to take: one of the slots of this thread, id() · slots + [0, slots), that
  /// no other task uses before the commit. With one slot a thread it is id().
  virtual int slot() const noexcept = 0;
  /// To be called between pieces of work of at most a few milliseconds. Returns true when the task is to be given up:
  /// one of lower index failed, or the caller's stop function said so (asked on the calling thread only, every 20 ms at
  /// most).
  virtual bool cancelled() = 0;
};

/// The threads a call should use: those of `execution`, but 1 for work below about 50 µs or inside another parallel
/// region, never more than there are tasks, and each with about 25 µs of work or more. `work` is an estimate in
/// multiply-adds.
/// @throws InvalidArgument as check_num_threads(execution.num_threads)
int plan_threads(const Execution& execution, Index tasks, double work);

using Task = std::function<void(Index, Worker&)>;
/// Takes what task i left in its slot, on any of the threads.
using Commit = std::function<void(Index, int slot)>;

/// Runs task(i, worker) for each i in [0, count), in parallel and in any order; after it commit(i, slot), if given, one
/// at a time and in the order of i. A commit is skipped once its task is given up. A thread whose commit must wait for
/// those of lower indices goes on with its next task meanwhile, until the commits of all its `slots` wait. When all
/// workers have come to rest, what the failure of lowest index threw is rethrown on the calling thread: commits and
/// exception are those of a serial loop, whatever the number of threads. A stop that says true ends in Interrupted.
/// With one thread, or inside another region, OpenMP is not entered.
void parallel_for(Index count, int threads, const Execution& execution, const Task& task, const Commit& commit = {},
                  int slots = 1);

/// @throws InvalidArgument unless num_threads is in [0, max_num_threads]
void check_num_threads(int num_threads);

/// The OpenMP specification that this binary was built for, as yyyymm; 0 without OpenMP.
int openmp_version() noexcept;
/// What the OpenMP runtime would use: OMP_NUM_THREADS or the processors; 1 without OpenMP.
int openmp_max_threads() noexcept;

/// Processors that the CPU quotas of this process's cgroups (version 1 and 2) leave it, rounded down but at least 1;
/// INT_MAX without a quota. `root` stands before /proc and /sys.
int cgroup_processors(const std::string& root);

}  // namespace gaussmix::detail
