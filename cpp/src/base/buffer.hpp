#pragma once

#include <gaussmix/views.hpp>

#include <cstdlib>
#include <memory>

namespace gaussmix::detail {

/// Bytes that the start of every buffer is a multiple of: what the kernels' widest vectors and a cache line ask for.
constexpr Index alignment = 64;

/// The least multiple that holds `value`, 0 or more.
constexpr Index round_up(Index value, Index multiple) { return (value + multiple - 1) / multiple * multiple; }

/// A growing, cache-line-aligned array for kernels; contents are not kept when it grows.
template <class T>
class Buffer {
 public:
  Buffer() = default;
  explicit Buffer(Index size) { resize(size); }
  /// @throws std::bad_alloc; the buffer then stays as it was
  void resize(Index size);
  T* data() noexcept { return data_.get(); }
  const T* data() const noexcept { return data_.get(); }
  Index size() const noexcept { return size_; }
  T& operator[](Index i) noexcept { return data_.get()[i]; }
  const T& operator[](Index i) const noexcept { return data_.get()[i]; }

 private:
  struct Free {
    void operator()(T* p) const noexcept { std::free(p); }
  };
  std::unique_ptr<T, Free> data_;
  Index size_ = 0;
  Index capacity_ = 0;
};

}  // namespace gaussmix::detail
