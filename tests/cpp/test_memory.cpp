#include "messages.hpp"

#include <doctest/doctest.h>

#include "base/memory.hpp"

#include <limits>
#include <random>
#include <set>
#include <string>
#include <vector>

using namespace gaussmix;
using namespace gaussmix::detail;
using messages::message_of;

namespace {

constexpr Index max_index = std::numeric_limits<Index>::max();

bool are_apart(const Elements& a, const Elements& b) {
  const bool apart = message_of([&] { check_apart("out", a, "X", b); }) == "no error";
  CHECK(apart == (message_of([&] { check_apart("z", b, "x", a); }) == "no error"));
  return apart;
}

bool is_output(const Elements& elements) {
  return message_of([&] { check_output("out", elements); }) == "no error";
}

/// The first bytes of the elements.
std::multiset<const char*> places(const Elements& e) {
  std::multiset<const char*> out;
  for (Index i = 0; i < e.rows; ++i)
    for (Index j = 0; j < e.cols; ++j)
      out.insert(static_cast<const char*>(e.data) + (i * e.row_stride + j * e.col_stride) * e.size);
  return out;
}

bool share(const Elements& a, const Elements& b) {
  for (const char* p : places(a))
    for (const char* q : places(b))
      if (p < q + b.size && q < p + a.size) return true;
  return false;
}

}  // namespace

TEST_CASE("memory: data, alignment and the address space") {
  std::vector<double> values(8);
  double* p = values.data();
  auto* odd = reinterpret_cast<double*>(reinterpret_cast<char*>(p) + 3);
  const auto input = [](const Elements& e) { return message_of([&] { check_input("X", e); }); };
  CHECK(input(VectorView<double>(p, 8)) == "no error");
  CHECK(input(VectorView<double>(p + 7, 8, -1)) == "no error");
  CHECK(input(VectorView<double>(p, max_index, 0)) == "no error");
  CHECK(input(VectorView<double>(nullptr, 0, max_index)) == "no error");
  CHECK(input(MatrixView<double>(odd, 0, 3)) == "no error");
  CHECK(input(VectorView<double>(p, 1, max_index)) == "no error");
  CHECK(input(VectorView<double>(nullptr, 2)) == "X must have data, but its pointer is null");
  CHECK(input(VectorView<double>(odd, 2)) ==
        "X must lie at a multiple of 8 bytes, but lies 3 past one; pass an aligned copy");
  CHECK(input(VectorView<double>(p, 2, max_index)) ==
        "X must lie within the address space, but has stride 9223372036854775807 over 2 elements");
  CHECK(input(MatrixView<double>(p, 2, 3, 1, -max_index / 2)) ==
        "X must lie within the address space, but has strides (1, -4611686018427387903) over (2, 3) elements");
  CHECK(input(MatrixView<double>(p, 2, 2, max_index / 16, max_index / 16 + 16)) != "no error");  // only both together
  CHECK(input(VectorView<double>(p, 2, -max_index / 8)) != "no error");                          // before address 0
}

TEST_CASE("memory: elements of an output are distinct") {
  std::vector<double> values(64);
  double* p = values.data();
  CHECK(is_output(VectorView<double>(p, 1, 0)));
  CHECK(!is_output(VectorView<double>(p, 2, 0)));
  CHECK(is_output(MatrixView<double>(p, 4, 3, 1, 4)));
  CHECK(is_output(MatrixView<double>(p + 63, 4, 3, -3, -1)));
  CHECK(!is_output(MatrixView<double>(p, 4, 3, 1, 1)));
  CHECK(!is_output(MatrixView<double>(p, 4, 3, 0, 1)));
  CHECK(!is_output(MatrixView<double>(p, 4, 3, 2, 1)));
  CHECK(message_of([&] { check_output("out", MatrixView<double>(p, 4, 3, 2, 1)); }) ==
        "out must have elements that do not share memory, but has strides (2, 1) over (4, 3) elements");
}

TEST_CASE("memory: outputs beside and between the columns of X, in either order") {
  std::vector<double> table(50 * 9);
  std::vector<float> single(50);
  double* p = table.data();
  const MatrixView<double> odd(p + 1, 50, 4, 9, 2), even(p, 50, 3, 9, 2), left(p, 50, 4, 9, 1), all(p, 50, 9);
  CHECK(are_apart(odd, even));
  CHECK(are_apart(left, VectorView<double>(p + 4, 50, 9)));
  CHECK(are_apart(left, MatrixView<double>(p + 49 * 9 + 4, 50, 5, -9, 1)));
  CHECK(!are_apart(left, VectorView<double>(p + 3, 50, 9)));
  CHECK(!are_apart(all, VectorView<double>(p + 449, 1)));
  CHECK(are_apart(all, VectorView<float>(single)));
  CHECK(are_apart(MatrixView<double>(p, 50, 4, 1, 100), MatrixView<double>(p + 50, 50, 4, 1, 100)));
  CHECK(message_of([&] { check_apart("out", odd, "X", all); }) == "out must not share memory with X, but does");
  CHECK(are_apart(VectorView<double>(p, 0), all));
}

TEST_CASE("memory: whatever shares memory is seen, at any strides") {
  std::mt19937 random(1);
  std::vector<double> memory(400);
  const auto below = [&](int n) { return static_cast<Index>(random() % static_cast<unsigned>(n)); };
  int n_sharing = 0, n_apart = 0, n_distinct = 0;
  for (int trial = 0; trial < 20000; ++trial) {
    const auto view = [&] {
      return MatrixView<double>(memory.data() + 100 + below(100), 1 + below(4), 1 + below(4), below(19) - 9,
                                below(19) - 9);
    };
    const MatrixView<double> a = view(), b = view();
    if (share(a, b)) {
      ++n_sharing;
      CHECK(!are_apart(a, b));
    } else {
      n_apart += are_apart(a, b);
    }
    const std::multiset<const char*> all = places(a);
    if (is_output(a)) {
      ++n_distinct;
      CHECK(std::set<const char*>(all.begin(), all.end()).size() == all.size());
    }
  }
  CHECK(n_sharing > 1000);
  CHECK(n_apart > 1000);
  CHECK(n_distinct > 1000);
}
