#include "base/buffer.hpp"

#include <cstdint>
#include <limits>
#include <new>

#ifdef __linux__
#include <sys/mman.h>
#endif

namespace gaussmix::detail {
namespace {

/// Bytes of a large page; of speed alone. The first touch of each page costs a call of the operating system, and one of
/// 2 MiB costs little more than one of 4 KiB.
constexpr Index large_page = Index{1} << 21;

/// Memory for std::free, null when there is none; in large pages as far as it fills them, where the system has some.
void* allocate(Index bytes) {
  const Index multiple = bytes < large_page ? alignment : large_page;
  void* data =
      std::aligned_alloc(static_cast<std::size_t>(multiple), static_cast<std::size_t>(round_up(bytes, multiple)));
#ifdef MADV_HUGEPAGE
  if (data != nullptr && bytes >= large_page)
    (void)madvise(data, static_cast<std::size_t>(bytes / large_page * large_page), MADV_HUGEPAGE);
#endif
  return data;
}

}  // namespace

template <class T>
void Buffer<T>::resize(Index size) {
  constexpr Index largest = std::numeric_limits<Index>::max() - large_page;
  if (size < 0 || size > largest / static_cast<Index>(sizeof(T))) throw std::bad_alloc();
  if (size > capacity_) {
    T* data = static_cast<T*>(allocate(size * static_cast<Index>(sizeof(T))));
    if (data == nullptr) throw std::bad_alloc();
    data_.reset(data);
    capacity_ = size;
  }
  size_ = size;
}

template class Buffer<std::uint8_t>;
template class Buffer<float>;
template class Buffer<double>;
template class Buffer<Index>;
template class Buffer<std::int32_t>;

}  // namespace gaussmix::detail
