#pragma once

// What the tests of bad input share: cases, and the arguments that many functions must refuse alike.

#include "messages.hpp"

#include <doctest/doctest.h>
#include <gaussmix/gaussmix.hpp>

#include <cstdint>
#include <functional>
#include <limits>
#include <string>
#include <vector>

namespace bad_input {

using namespace gaussmix;

inline constexpr double quiet_nan = std::numeric_limits<double>::quiet_NaN();
inline constexpr double inf = std::numeric_limits<double>::infinity();
inline constexpr Index huge = Index{1} << 40;

using Doubles = std::vector<double>;
using Indices = std::vector<Index>;

/// A call that must fail, and what its message must contain: the argument, the place, the value.
struct Case {
  std::string name;
  std::function<void()> call;
  std::vector<std::string> message;
};

template <class E>
void check_all(const std::vector<Case>& cases) {
  for (const Case& c : cases) {
    CAPTURE(c.name);
    const std::string message = messages::message_of<E>(c.call);
    CHECK(message != "no error");
    for (const std::string& part : c.message) {
      CAPTURE(message);
      CAPTURE(part);
      CHECK(message.find(part) != std::string::npos);
    }
  }
}

/// Six rows in two clusters, (6, 2).
inline const Doubles rows = {0, 0.1, 0.2, -0.3, -0.1, 0.4, 4, 4.1, 4.2, 3.7, 3.9, 4.4};

inline MatrixView<const double> matrix(const Doubles& values, Index cols) {
  return {values.data(), static_cast<Index>(values.size()) / cols, cols};
}

inline Doubles rows_with(std::size_t at, double value) {
  Doubles x = rows;
  x[at] = value;
  return x;
}

/// The elements of `values`, each but the last a byte beyond its place: not aligned.
template <class T>
T* misaligned(std::vector<T>& values) {
  return reinterpret_cast<T*>(reinterpret_cast<char*>(values.data()) + 1);
}

inline constexpr Index max_index = std::numeric_limits<Index>::max();

using Use = std::function<void(const Samples&)>;
using WeightedUse = std::function<void(const Samples&, VectorView<const double>)>;

/// X that every function of an (N, 2) data set must refuse.
inline std::vector<Case> bad_samples(const std::string& name, const Use& use) {
  static const Doubles with_nan = rows_with(7, quiet_nan), with_inf = rows_with(2, -inf);
  static const std::vector<float> single = {0, 0, 1, std::numeric_limits<float>::infinity(), 4, 4, 5, 5};
  const auto read_nan = [](Index begin, Index end, double* out) {
    for (Index i = begin; i < end; ++i, out += 2) out[0] = out[1] = i == 4 ? quiet_nan : static_cast<double>(i);
  };
  const auto with = [&](const Samples& x) { return [use, x] { use(x); }; };
  const double* p = rows.data();
  static Doubles copy = rows;
  static std::vector<float> single_copy = single;
  const double* odd = misaligned(copy);
  const float* odd_single = misaligned(single_copy);
  return {
      {name + ": nan", with(matrix(with_nan, 2)), {"X[3, 1]", "finite", "nan"}},
      {name + ": -inf", with(matrix(with_inf, 2)), {"X[1, 0]", "finite", "-inf"}},
      {name + ": inf in float32", with(MatrixView<const float>(single.data(), 4, 2)), {"X[1, 1]", "finite", "inf"}},
      {name + ": nan from a reader", with(Samples(6, 2, read_nan)), {"X[4, 0]", "finite", "nan"}},
      {name + ": nan behind strides",
       with(MatrixView<const double>(with_nan.data() + 10, 6, 2, -2, 1)),
       {"X[2, 1]", "nan"}},
      {name + ": no columns", with(MatrixView<const double>(p, 6, 0)), {"X", "0"}},
      {name + ": negative rows", with(MatrixView<const double>(p, -6, 2)), {"X", "-6"}},
      {name + ": negative columns", with(MatrixView<const double>(p, 6, -2)), {"X", "-2"}},
      {name + ": null", with(MatrixView<const double>(nullptr, 6, 2)), {"X", "null"}},
      {name + ": null reader", with(Samples(6, 2, Samples::Reader{})), {"X", "null"}},
      {name + ": not aligned", with(MatrixView<const double>(odd, 5, 2)), {"X", "multiple of 8 bytes", "1 past"}},
      {name + ": float32 not aligned", with(MatrixView<const float>(odd_single, 3, 2)), {"X", "multiple of 4 bytes"}},
      {name + ": rows without end", with(MatrixView<const double>(p, 6, 2, max_index, 1)), {"X", "address space"}},
      {name + ": columns without end", with(MatrixView<const double>(p, 6, 2, 2, max_index)), {"X", "address space"}},
      {name + ": rows before all memory",
       with(MatrixView<const double>(p, 6, 2, -(max_index / 64), 1)),
       {"X", "address space"}},
      {name + ": too large to count", with(MatrixView<const double>(p, Index{1} << 62, 4, 0, 0)), {"X"}},
  };
}

/// X of a wrong number of features, for what knows D = 2.
inline std::vector<Case> bad_features(const std::string& name, const Use& use) {
  return {{name + ": D = 3", [use] { use(matrix(rows, 3)); }, {"X", "2", "3"}},
          {name + ": D = 1", [use] { use(matrix(rows, 1)); }, {"X", "2", "1"}}};
}

/// Sample weights that every weighted function of six rows must refuse.
inline std::vector<Case> bad_weights(const std::string& name, const WeightedUse& use) {
  const auto with = [&](const Doubles& w) { return [use, w] { use(matrix(rows, 2), w); }; };
  return {
      {name + ": short", with({1, 1, 1}), {"sample_weight", "6", "3"}},
      {name + ": negative", with({1, 1, 1, 1, -0.5, 1}), {"sample_weight[4]", "-0.5"}},
      {name + ": nan", with({1, quiet_nan, 1, 1, 1, 1}), {"sample_weight[1]", "nan"}},
      {name + ": inf", with({inf, 1, 1, 1, 1, 1}), {"sample_weight[0]", "inf"}},
      {name + ": null",
       [use] { use(matrix(rows, 2), VectorView<const double>(nullptr, 6)); },
       {"sample_weight", "null"}},
      {name + ": not aligned",
       [use] {
         Doubles w(7, 1.0);
         use(matrix(rows, 2), {misaligned(w), 6});
       },
       {"sample_weight", "multiple of 8 bytes"}},
      {name + ": without end",
       [use] { use(matrix(rows, 2), {rows.data(), 6, max_index}); },
       {"sample_weight", "stride"}},
      {name + ": negative size", [use] { use(matrix(rows, 2), {rows.data(), -6}); }, {"sample_weight", "-6"}},
  };
}

inline void append(std::vector<Case>& cases, const std::vector<Case>& more) {
  cases.insert(cases.end(), more.begin(), more.end());
}

/// Two full covariances, (2, 2, 2).
inline const Doubles identities = {1, 0, 0, 1, 1, 0, 0, 1};

/// K = 2, D = 2, full.
inline Mixture two_components() {
  const Doubles weights = {0.25, 0.75}, means = {0, 0, 4, 4};
  return {weights, matrix(means, 2), identities, CovarianceType::full};
}

}  // namespace bad_input
