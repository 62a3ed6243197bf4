#include "kernel_blocks.hpp"

#include <doctest/doctest.h>

// What the search for the components that count finds, against distances and posteriors of all of them.

namespace {

using namespace kernel_blocks;

enum class Shape { full, diag, unit };

/// K components about means `spread` apart, in the layout of the kernels, and rows drawn about them.
template <class T>
struct Problem {
  const simd::Kernels<T>& kernels;
  Index n, d, k;
  Shape shape;
  std::vector<T> x, means, means_lo, inv_std, log_norm, log_weight, panels;
  std::vector<simd::Factor<T>> factors;
  std::vector<std::int32_t> labels;
  Buffer<T> strips;

  Problem(const simd::Kernels<T>& table, Index rows, Index features, Index components, Shape s, double spread,
          Random& random)
      : kernels(table), n(rows), d(features), k(components), shape(s), means_lo(at(k * d)) {
    means = random_values<T>(k * d, random, spread);
    const Index panel_entries = [this] {
      Index size = 0;
      for (Index row = 0; row < d; row += simd::panel_rows)
        size += simd::panel_rows * std::min(row + simd::panel_rows, d);
      return size;
    }();
    panels.resize(at(k * panel_entries));
    for (Index c = 0; c < k; ++c) {
      T* out = panels.data() + c * panel_entries;
      factors.push_back({out, nullptr, d, nullptr, nullptr});
      for (Index row = 0; row < d; row += simd::panel_rows)
        for (Index j = 0; j < std::min(row + simd::panel_rows, d); ++j)
          for (Index i = row; i < row + simd::panel_rows; ++i, ++out)
            if (i < d && j <= i) *out = static_cast<T>(i == j ? 1 + random.uniform() : symmetric(random, 0.2));
      log_norm.push_back(static_cast<T>(symmetric(random, 2)));
      log_weight.push_back(static_cast<T>(-5 * random.uniform()));
    }
    for (Index i = 0; i < k * d; ++i) inv_std.push_back(static_cast<T>(0.5 + random.uniform()));
    for (Index i = 0; i < n; ++i) {
      const auto from = static_cast<Index>(random.below(k));
      for (Index j = 0; j < d; ++j) x.push_back(means[at(from * d + j)] + static_cast<T>(symmetric(random, 1)));
    }
    strips.resize(padded() * d);
    labels.resize(at(padded()));
    T largest = 0;
    kernels.pack(x.data(), d, 1, nullptr, n, d, strips.data(), &largest);
  }
  Index n_strips() const { return (n + kernels.strip - 1) / kernels.strip; }
  Index padded() const { return n_strips() * kernels.strip; }
  simd::Components<T> components() const {
    return {k,
            d,
            {means.data(), sizeof(T) == sizeof(float) ? means_lo.data() : nullptr},
            shape == Shape::full ? factors.data() : nullptr,
            shape == Shape::diag ? inv_std.data() : nullptr,
            log_norm.data(),
            log_weight.data()};
  }
};

/// L⁻¹ of a component, (d, d) row-major, in double.
template <class T>
std::vector<double> inverse_factor(const Problem<T>& p, Index k) {
  std::vector<double> out(at(p.d * p.d));
  const T* entry = p.factors[at(k)].panels;
  for (Index i = 0; i < p.d; ++i) {
    if (p.shape == Shape::diag) out[at(i * p.d + i)] = static_cast<double>(p.inv_std[at(k * p.d + i)]);
    if (p.shape == Shape::unit) out[at(i * p.d + i)] = 1;
  }
  for (Index row = 0; p.shape == Shape::full && row < p.d; row += simd::panel_rows)
    for (Index j = 0; j < std::min(row + simd::panel_rows, p.d); ++j)
      for (Index i = row; i < row + simd::panel_rows; ++i, ++entry)
        if (i < p.d) out[at(i * p.d + j)] = static_cast<double>(*entry);
  return out;
}

/// The arrays by which far components are left out: ‖L_k⁻¹ (μ_l − μ_k)‖, and ‖L_k⁻¹ L_l‖ or, in place of it, a larger norm.
template <class T>
struct Bounds {
  std::vector<T> separation, stretch;

  explicit Bounds(const Problem<T>& p) {
    const Index d = p.d;
    // The first column of row i that is not 0.
    const auto first = [&p](Index i) { return p.shape == Shape::full ? Index{0} : i; };
    for (Index l = 0; l < p.k; ++l) {
      const std::vector<double> inverse = inverse_factor(p, l);
      std::vector<double> factor(at(d * d));  // L_l, (d, d) column-major
      for (Index i = 0; i < d; ++i)
        for (Index j = first(i); j <= i; ++j) {
          double sum = i == j ? 1 : 0;
          for (Index m = j; m < i; ++m) sum -= inverse[at(i * d + m)] * factor[at(j * d + m)];
          factor[at(j * d + i)] = sum / inverse[at(i * d + i)];
        }
      for (Index k = 0; k < p.k; ++k) {
        const std::vector<double> own = inverse_factor(p, k);
        double square = 0, frobenius = 0, largest = 0;
        for (Index i = 0; i < d; ++i) {
          double y = 0;
          for (Index j = first(i); j <= i; ++j) {
            const T apart = p.means[at(l * d + j)] - p.means[at(k * d + j)];
            y += own[at(i * d + j)] * static_cast<double>(apart);
            double product = 0;
            for (Index m = j; m <= i; ++m) product += own[at(i * d + m)] * factor[at(j * d + m)];
            frobenius += product * product;
            largest = std::max(largest, product * product);
          }
          square += y * y;
        }
        separation.push_back(static_cast<T>(std::sqrt(square) * (1 - 0x1p-10)));
        stretch.push_back(static_cast<T>(std::sqrt(p.shape == Shape::full ? frobenius : largest) * (1 + 0x1p-10)));
      }
    }
  }
};

/// Responsibilities, (K, padded), and log p of every row.
template <class T>
struct Posterior {
  Buffer<T> gamma, log_p;
  Index kept = 0;
  explicit Posterior(const Problem<T>& p) : gamma(p.k * p.padded()), log_p(p.padded()) {
    std::fill(gamma.data(), gamma.data() + gamma.size(), T(0));
  }
  bool operator==(const Posterior& other) const {
    return std::equal(gamma.data(), gamma.data() + gamma.size(), other.gamma.data()) &&
           std::equal(log_p.data(), log_p.data() + log_p.size(), other.log_p.data());
  }
};

template <class T>
Posterior<T> whole(const Problem<T>& p, T cut, const T* weight) {
  Posterior<T> out(p);
  Buffer<T> scratch(2 * p.d * p.kernels.strip);
  const simd::Components<T> c = p.components();
  for (Index k = 0; k < p.k; ++k) {
    const simd::Location<T> mean{c.means.hi + k * p.d, c.means.lo ? c.means.lo + k * p.d : nullptr};
    T* q = out.gamma.data() + k * p.padded();
    switch (p.shape) {
      case Shape::full:
        p.kernels.distances_full(p.strips.data(), p.n_strips(), p.d, mean, p.factors[at(k)], scratch.data(), q);
        break;
      case Shape::diag:
        p.kernels.distances_diag(p.strips.data(), p.n_strips(), p.d, mean, c.inv_std + k * p.d, q);
        break;
      case Shape::unit: p.kernels.distances_unit(p.strips.data(), p.n_strips(), p.d, mean, q); break;
    }
  }
  CHECK(p.kernels.log_prob(out.gamma.data(), p.padded(), p.padded(), p.k, c.log_norm, c.log_weight, cut, weight, true,
                           out.log_p.data(), &out.kept));
  return out;
}

template <class T>
Posterior<T> searched(const Problem<T>& p, T cut, const T* weight, const Bounds<T>* bounds = nullptr) {
  Posterior<T> out(p);
  const Index strip = p.kernels.strip;
  Buffer<T> scratch(p.kernels.pruned_scratch(p.d)), gamma(p.k * p.padded());
  Buffer<std::int32_t> component(p.n_strips() * p.k);
  Buffer<Index> kept(p.n_strips());
  simd::Components<T> components = p.components();
  if (bounds) components.lower = bounds->separation.data(), components.lipschitz = bounds->stretch.data();
  CHECK(p.kernels.pruned_log_prob(p.strips.data(), p.n_strips(), components, cut, weight, p.labels.data(), true,
                                  scratch.data(), component.data(), kept.data(), gamma.data(), out.log_p.data()));
  for (Index s = 0; s < p.n_strips(); ++s)
    for (Index a = 0; a < kept[s]; ++a, ++out.kept) {
      const Index k = component[out.kept];
      CHECK((a == 0 || component[out.kept - 1] < k));
      std::copy_n(gamma.data() + out.kept * strip, strip, out.gamma.data() + k * p.padded() + s * strip);
    }
  return out;
}

template <class T, class Check>
void for_each_problem(const Check& check) {
  for (const simd::KernelTable* table : tables()) {
    CAPTURE(table->name);
    const simd::Kernels<T>& kernels = simd::kernels_of<T>(*table);
    Random random(29);
    for (const Shape shape : {Shape::full, Shape::diag, Shape::unit})
      for (const Index d : {5, 8, 9, 16, 33})
        for (const Index k : {1, 2, 7, 20})
          for (const double spread : {0.2, 3.0, 30.0}) {
            CAPTURE(d);
            CAPTURE(k);
            CAPTURE(spread);
            check(Problem<T>(kernels, 2 * simd::strip_multiple + 5, d, k, shape, spread, random), random);
          }
  }
}

}  // namespace

TEST_CASE_TEMPLATE("kernels: a search gives the bits of all components, whatever the labels", T, float, double) {
  const T cut = sizeof(T) == sizeof(double) ? T(40) : T(20);
  for_each_problem<T>([cut](Problem<T> p, Random& random) {
    Buffer<T> weight(p.padded());
    for (Index i = 0; i < weight.size(); ++i) weight[i] = static_cast<T>(random.uniform());
    const Posterior<T> expected = whole(p, cut, static_cast<const T*>(nullptr));
    CHECK(searched(p, cut, static_cast<const T*>(nullptr)) == expected);
    const Bounds<T> bounds(p);
    CHECK(searched(p, cut, static_cast<const T*>(nullptr), &bounds) == expected);
    for (std::int32_t& label : p.labels) label = static_cast<std::int32_t>(random.below(p.k));
    CHECK(searched(p, cut, static_cast<const T*>(nullptr)) == expected);
    CHECK(searched(p, cut, static_cast<const T*>(nullptr), &bounds) == expected);
    Buffer<T> scratch(p.kernels.pruned_scratch(p.d));
    p.kernels.likely_components(p.strips.data(), p.n_strips(), p.components(), scratch.data(), p.labels.data());
    CHECK(searched(p, cut, static_cast<const T*>(nullptr), &bounds) == expected);
    CHECK(searched(p, cut, weight.data()) == whole(p, cut, weight.data()));
  });
}

TEST_CASE_TEMPLATE("kernels: a search gives these bits for sums of many features too", T, float, double) {
  const T cut = sizeof(T) == sizeof(double) ? T(40) : T(20);
  for (const simd::KernelTable* table : tables()) {
    CAPTURE(table->name);
    for (const Shape shape : {Shape::full, Shape::diag, Shape::unit})
      for (const Index d : {128, 129, 300})
        for (const double spread : {0.02, 0.3, 3.0}) {
          CAPTURE(d);
          CAPTURE(spread);
          Random random(33);
          Problem<T> p(simd::kernels_of<T>(*table), simd::strip_multiple, d, 4, shape, spread, random);
          const Bounds<T> bounds(p);
          const Posterior<T> expected = whole(p, cut, static_cast<const T*>(nullptr));
          CHECK(searched(p, cut, static_cast<const T*>(nullptr)) == expected);
          CHECK(searched(p, cut, static_cast<const T*>(nullptr), &bounds) == expected);
        }
  }
}

TEST_CASE_TEMPLATE("kernels: far components are left out, near ones found by their first features", T, float, double) {
  for (const simd::KernelTable* table : tables()) {
    const simd::Kernels<T>& kernels = simd::kernels_of<T>(*table);
    for (const Shape shape : {Shape::full, Shape::diag, Shape::unit}) {
      Random random(31);
      Problem<T> p(kernels, 5 * simd::strip_multiple, 16, 20, shape, 100.0, random);
      Buffer<T> scratch(kernels.pruned_scratch(p.d));
      kernels.likely_components(p.strips.data(), p.n_strips(), p.components(), scratch.data(), p.labels.data());
      const Posterior<T> expected = whole(p, T(20), static_cast<const T*>(nullptr));
      CHECK(expected.kept == p.padded());  // one component a row
      for (Index i = 0; i < p.n; ++i) CHECK(expected.gamma[p.labels[at(i)] * p.padded() + i] == 1);
      // A strip keeps a component for each of its rows at most.
      CHECK(searched(p, T(20), static_cast<const T*>(nullptr)).kept <= expected.kept);
    }
  }
}
