#pragma once

#include "numpy.hpp"

#include <gaussmix/statistics.hpp>

#include <mutex>
#include <utility>

namespace gaussmix::bindings {

/// Sums that threads may share: each use takes the lock, and waits for it without the GIL, because the holder may need
/// the GIL to ask for signals.
class LockedStatistics {
 public:
  explicit LockedStatistics(Statistics sums) : sums_(std::move(sums)) {}

  /// f(sums) under the lock and without the GIL.
  template <class F>
  auto use(F&& f) {
    return without_gil([&] {
      const std::lock_guard<std::mutex> lock(mutex_);
      return f(sums_);
    });
  }

  /// By value, so that two of them never need both locks at once.
  Statistics copy() {
    return use([](const Statistics& sums) { return sums; });
  }

 private:
  Statistics sums_;
  std::mutex mutex_;
};

}  // namespace gaussmix::bindings
