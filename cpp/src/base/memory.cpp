#include "base/memory.hpp"

#include "base/message.hpp"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <numeric>
#include <string>
#include <utility>

namespace gaussmix::detail {
namespace {

/// `length` elements, neighbors `stride` ≥ 0 bytes apart.
struct Axis {
  Index stride = 0;
  Index length = 1;
  Index reach() const noexcept { return (length - 1) * stride; }
};

/// Both axes of a matrix that lies within the address space, the wider one first.
struct Axes {
  explicit Axes(const Elements& e) {
    if (e.rows > 1) wide = {std::abs(e.row_stride * e.size), e.rows};
    if (e.cols > 1) narrow = {std::abs(e.col_stride * e.size), e.cols};
    if (wide.stride < narrow.stride || wide.length == 1) std::swap(wide, narrow);
  }
  Index reach() const noexcept { return wide.reach() + narrow.reach(); }

  Axis wide, narrow;
};

bool is_empty(const Elements& e) { return e.rows < 1 || e.cols < 1; }

/// Sets `reach` to the bytes from the first to the last of `length` elements, which are negative for a negative stride.
/// False when an Index cannot hold them.
bool count_reach(Index length, Index stride, Index size, Index& reach) {
  return !__builtin_mul_overflow(length - 1, stride, &reach) && !__builtin_mul_overflow(reach, size, &reach);
}

/// Whether some element lies beyond the greatest address or before the least.
bool leaves_memory(const Elements& e) {
  Index by_row = 0, by_col = 0, up = 0, down = 0;
  std::uintptr_t address = 0;
  if (!count_reach(e.rows, e.row_stride, e.size, by_row) || !count_reach(e.cols, e.col_stride, e.size, by_col))
    return true;
  const auto begin = reinterpret_cast<std::uintptr_t>(e.data);
  return __builtin_add_overflow(std::max<Index>(by_row, 0), std::max<Index>(by_col, 0), &up) ||
         __builtin_add_overflow(std::min<Index>(by_row, 0), std::min<Index>(by_col, 0), &down) ||
         __builtin_add_overflow(up, e.size, &up) || __builtin_add_overflow(begin, up, &address) ||
         __builtin_add_overflow(begin, down, &address);
}

std::string strides_of(const Elements& e) {
  const auto text = [](Index value) { return std::to_string(value); };
  if (e.is_vector) return "stride " + text(e.row_stride) + " over " + text(e.rows) + " elements";
  return "strides (" + text(e.row_stride) + ", " + text(e.col_stride) + ") over (" + text(e.rows) + ", " +
         text(e.cols) + ") elements";
}

/// The least address of an element.
Index first_byte(const Elements& e) {
  const Index down = std::min<Index>((e.rows - 1) * e.row_stride, 0) + std::min<Index>((e.cols - 1) * e.col_stride, 0);
  return static_cast<Index>(reinterpret_cast<std::uintptr_t>(e.data)) + down * e.size;
}

/// The greatest multiple of `step` > 0 that is at most `value`.
Index multiple_below(Index value, Index step) {
  const Index rest = value % step;
  return value - rest - (rest < 0 ? step : 0);
}

/// Whether elements of a and b may share a byte. From an element of a to one of b it is the distance of their first
/// elements plus some multiple of the greatest common divisor of all strides; where the wide strides of both are equal,
/// their pitch, it is plus a multiple of the pitch and a multiple of the divisor of the narrow strides. They share a
/// byte only if such a sum lies between −size of b and size of a.
bool may_share(const Elements& a, const Elements& b) {
  Axes of_a(a), of_b(b);
  const Index distance = first_byte(b) - first_byte(a);
  if (distance >= of_a.reach() + a.size || -distance >= of_b.reach() + b.size) return false;
  const Index pitch = of_a.wide.stride == of_b.wide.stride ? of_a.wide.stride : 0;
  if (pitch != 0) of_a.wide = of_b.wide = {};
  const Index step = std::gcd(std::gcd(of_a.wide.stride, of_a.narrow.stride),  // 0 where there are no neighbors
                              std::gcd(of_b.wide.stride, of_b.narrow.stride));
  const Index lowest = -of_a.reach(), highest = of_b.reach();
  /// Whether a multiple of `step` in [lowest, highest] lays an element of b, `from` behind one of a, upon it.
  const auto meet = [&](Index from) {
    const Index least = std::max(lowest, 1 - b.size - from), most = std::min(highest, a.size - 1 - from);
    return least <= most && (step == 0 ? least <= 0 && 0 <= most : multiple_below(most, step) >= least);
  };
  if (pitch == 0) return meet(distance);
  Index from = 1 - b.size - highest;  // before it, rows of b end before those of a begin
  from += (distance - from) % pitch;
  if (from < 1 - b.size - highest) from += pitch;
  for (; from + lowest < a.size; from += pitch)
    if (meet(from)) return true;
  return false;
}

template <class T>
Elements elements_of(const Samples& x, const MatrixView<const T>& values) {
  return MatrixView<const T>(values.data(), x.rows(), x.cols(), values.row_stride(), values.col_stride());
}

}  // namespace

Elements elements_of(const Samples& x) {
  return x.single_precision() ? elements_of(x, x.float32()) : elements_of(x, x.float64());
}

void check_alignment(const char* name, const void* data, Index alignment) {
  // Of a power of two a mask gives the remainder without a division.
  const auto past = reinterpret_cast<std::uintptr_t>(data) & (static_cast<std::uintptr_t>(alignment) - 1);
  if (past != 0)
    throw_invalid(std::string(name) + " must lie at a multiple of " + std::to_string(alignment) + " bytes, but lies " +
                  std::to_string(past) + " past one; pass an aligned copy");
}

void check_input(const char* name, const Elements& elements) {
  if (is_empty(elements)) return;
  if (elements.data == nullptr) throw_invalid(std::string(name) + " must have data, but its pointer is null");
  check_alignment(name, elements.data, elements.alignment);
  if (leaves_memory(elements))
    throw_invalid(std::string(name) + " must lie within the address space, but has " + strides_of(elements));
}

void check_output(const char* name, const Elements& elements) {
  check_input(name, elements);
  if (is_empty(elements)) return;
  const Axes axes(elements);
  const auto holds = [](const Axis& axis, Index size) { return axis.length == 1 || axis.stride >= size; };
  if (!holds(axes.narrow, elements.size) || !holds(axes.wide, axes.narrow.reach() + elements.size))
    throw_invalid(std::string(name) + " must have elements that do not share memory, but has " + strides_of(elements));
}

void check_apart(const char* name, const Elements& output, const char* other_name, const Elements& other) {
  if (!is_empty(output) && !is_empty(other) && may_share(output, other))
    throw_invalid(std::string(name) + " must not share memory with " + other_name + ", but does");
}

}  // namespace gaussmix::detail
