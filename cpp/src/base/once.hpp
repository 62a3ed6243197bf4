#pragma once

#include <atomic>
#include <mutex>

namespace gaussmix::detail {

/// Does something once, on whichever thread comes first; when it throws, the next thread tries again.
///
/// Not std::call_once: when an exception leaves it, the C library loads an unwinder, and ends the process where there
/// is no memory for that.
class Once {
 public:
  /// Returns when `f` has been done, by this thread or another.
  template <class F>
  void run(const F& f) {
    if (done_.load(std::memory_order_acquire)) return;
    const std::lock_guard<std::mutex> lock(mutex_);
    if (done_.load(std::memory_order_relaxed)) return;
    f();
    done_.store(true, std::memory_order_release);
  }

 private:
  std::atomic<bool> done_{false};
  std::mutex mutex_;
};

}  // namespace gaussmix::detail
