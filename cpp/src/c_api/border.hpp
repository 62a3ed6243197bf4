#pragma once

// What the sources of the C ABI share: no exception passes `guarded`, no handle is used before it is `live`.

#include "base/memory.hpp"
#include "base/message.hpp"

#include <gaussmix/gaussmix.h>
#include <gaussmix/threads.hpp>
#include <gaussmix/views.hpp>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

namespace gaussmix::c_api {

/// The status of the exception in flight, whose message becomes this thread's last error.
gaussmix_status report_exception() noexcept;

template <class F>
gaussmix_status guarded(const F& f) noexcept {
  try {
    f();
    return GAUSSMIX_OK;
  } catch (...) {
    return report_exception();
  }
}

/// The object behind a handle. `mark`, one for each type, is gone when the object is, so that many a mistake is seen; a
/// freed handle is read all the same, which is undefined behavior. It stands first, where every type has one.
template <class T, std::uint64_t mark>
class Handle {
  volatile std::uint64_t mark_ = mark;  // volatile: the destructor's store is kept

 public:
  explicit Handle(T object) : value(std::move(object)) {}
  ~Handle() { mark_ = 0; }
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;

  T value;

  bool is_live() const noexcept { return mark_ == mark; }
};

/// Null is legal. @throws InvalidArgument for a pointer that is not aligned
template <class T>
T* optional(T* pointer, const char* name) {
  detail::check_alignment(name, pointer, alignof(T));
  return pointer;
}

/// @throws InvalidArgument for null and for a pointer that is not aligned
template <class T>
T& required(T* pointer, const char* name) {
  if (pointer == nullptr) detail::throw_invalid(std::string(name) + " must not be null");
  return *optional(pointer, name);
}

/// @throws InvalidArgument for null, for a freed handle and for one of another type
template <class H>
H& live(H* handle, const char* name) {
  if (!required(handle, name).is_live())
    detail::throw_invalid(std::string(name) + " must be a live handle, but was freed or is of another type");
  return *handle;
}

/// Gives *out a new handle of what make() returns, null on an error.
template <class H, class Make>
gaussmix_status create(H** out, const char* name, const Make& make) noexcept {
  return guarded([&] {
    required(out, name) = nullptr;
    *out = new H(make());
  });
}

/// Null is nothing to free.
template <class H>
gaussmix_status destroy(H* handle, const char* name) noexcept {
  return guarded([&] {
    if (handle != nullptr) delete &live(handle, name);
  });
}

/// What a caller hands over of a struct at least: its size when this GAUSSMIX_ABI_VERSION began. A struct that has
/// grown since says here how far it reached then; what a caller's header lacks is 0 when it comes in, and is left out
/// when it goes back.
template <class S>
inline constexpr std::size_t least_size = sizeof(S);

/// @throws InvalidArgument when a struct called `name` of this size lacks members, or has more than any header will
/// give it
void check_struct_size(std::size_t size, std::size_t least, const char* name);
/// What a later header added to a struct must be 0, that is unused. @throws InvalidArgument
void check_unknown_members(const void* given, std::size_t size, std::size_t known, const char* name);

/// A struct that the caller filled, by an earlier header, this one or a later one.
template <class S>
S input(const S* given, const char* name) {
  const std::size_t size = required(given, name).struct_size;
  check_struct_size(size, least_size<S>, name);
  if (size > sizeof(S)) check_unknown_members(given, size, sizeof(S), name);
  S known = {};
  std::memcpy(&known, given, std::min(size, sizeof(S)));
  return known;
}

/// Writes to a struct of the caller's; members of a later header become 0.
template <class S>
void output(S* given, const char* name, S values) {
  const std::size_t size = required(given, name).struct_size;
  check_struct_size(size, least_size<S>, name);
  values.struct_size = size;
  std::memcpy(given, &values, std::min(size, sizeof(S)));
  if (size > sizeof(S)) std::memset(reinterpret_cast<unsigned char*>(given) + sizeof(S), 0, size - sizeof(S));
}

/// Lists that live as long as the library does: the texts and, for C, where they begin.
class Texts {
 public:
  explicit Texts(std::vector<std::string> texts) : texts_(std::move(texts)) {
    for (const std::string& text : texts_) pointers_.push_back(text.c_str());
  }
  Texts(const Texts&) = delete;
  Texts& operator=(const Texts&) = delete;

  const char* const* data() const noexcept { return pointers_.data(); }
  std::int64_t size() const noexcept { return static_cast<std::int64_t>(pointers_.size()); }

 private:
  std::vector<std::string> texts_;
  std::vector<const char*> pointers_;  // into texts_
};

/// X, checked by whom it is handed to; its memory is not read.
Samples samples_argument(const gaussmix_samples* x);
/// Throws InvalidArgument for an output that shares memory with X, for functions whose C++ returns what they write.
/// Both are checked before, X here.
void check_apart_from(const char* name, const detail::Elements& output, const Samples& x);
/// `sample_weight` of n_samples values; null is empty.
VectorView<const double> weight_argument(const double* sample_weight, std::int64_t stride, const Samples& x);
Execution execution_argument(const gaussmix_execution* execution);

/// Copies `bytes` to `out`, of `capacity` bytes, and their number to *size; only the number when asked with null and 0.
void write_bytes(const std::vector<std::uint8_t>& bytes, std::uint8_t* out, std::int64_t capacity, std::int64_t* size);

}  // namespace gaussmix::c_api
