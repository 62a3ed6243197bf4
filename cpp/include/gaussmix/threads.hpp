#pragma once

#include <gaussmix/export.h>

#include <functional>

namespace gaussmix {

/// The most threads that a call may be told to use.
inline constexpr int max_num_threads = 1024;

/// How a call runs. The result never depends on it: every choice gives the same bits.
struct Execution {
  /// Threads to use, in [0, max_num_threads]; 0 means get_num_threads(). Small work runs on the calling thread alone.
  int num_threads = 0;
  /// Asked on the calling thread at least every 0.1 s of work; true ends the call with Interrupted. May throw: what it
  /// throws reaches the caller.
  std::function<bool()> stop;
  /// Whether the arithmetic of components that a row excludes is left out where that is quicker. The bits are the same
  /// without.
  bool skip_excluded = true;
};

/// The threads a call uses when it names none: the last set_num_threads(), else OMP_NUM_THREADS, else the number of
/// processors that affinity and the cgroup quota leave to this process; in [1, max_num_threads], and 1 in a build
/// without OpenMP.
GAUSSMIX_API int get_num_threads();

/// Sets that number for the whole process; 0 returns to the rule above.
/// @throws InvalidArgument unless `num_threads` is in [0, max_num_threads]
GAUSSMIX_API void set_num_threads(int num_threads);

}  // namespace gaussmix
