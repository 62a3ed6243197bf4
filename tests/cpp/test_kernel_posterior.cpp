#include "kernel_blocks.hpp"

#include <doctest/doctest.h>

// posterior and log_prob of every table that this processor runs, in float and double, and through them exp and log.

namespace {

using namespace kernel_blocks;
using simd::Posterior;

constexpr Posterior all_outputs[] = {Posterior::log_joint, Posterior::log_responsibilities,
                                     Posterior::responsibilities};

/// Squared distances of n rows to k components, (k, stride), and what turns them into log-joints.
template <class T>
struct Softmax {
  const simd::Kernels<T>& kernels;
  Index n, k, stride;
  Buffer<T> q, log_p;
  std::vector<T> log_norm, log_weight;

  Softmax(const simd::Kernels<T>& table, Index rows, Index components)
      : kernels(table),
        n((rows + table.strip - 1) / table.strip * table.strip),
        k(components),
        stride(n + table.strip),
        q(k * stride),
        log_p(n),
        log_norm(at(k)),
        log_weight(at(k)) {
    std::fill(q.data(), q.data() + q.size(), T(0));
  }
  T& operator()(Index i, Index c) { return q[c * stride + i]; }
  bool posterior(Posterior what) {
    return kernels.posterior(q.data(), stride, n, k, log_norm.data(), log_weight.data(), what);
  }
  bool log_prob(T cut, const T* weight = nullptr, bool responsibilities = true) {
    return kernels.log_prob(q.data(), stride, n, k, log_norm.data(), log_weight.data(), cut, weight, responsibilities,
                            log_p.data(), &counted);
  }
  Index counted = 0;
  Real density(Index i, Index c) { return Real(log_norm[at(c)]) - Real((*this)(i, c)) / 2; }
};

template <class T>
constexpr T no_cut = std::numeric_limits<T>::infinity();

/// Below the argument of the smallest exponential the kernels give 0: e⁻⁷⁰⁸, in float32 e⁻⁸⁷.
template <class T>
constexpr Real vanishing = sizeof(T) == 8 ? 1e-307L : 2e-38L;

/// The three outputs and log p of one row, and what rounding may do to them.
struct Exact {
  std::vector<Real> log_joint, log_gamma, gamma, error;
  Real log_p = 0, mean_error = 0;
};

template <class T>
Exact exact_row(Softmax<T>& s, Index i) {
  constexpr Real u = unit<T>;
  Exact out;
  Real largest = -std::numeric_limits<Real>::infinity(), sum = 0;
  for (Index c = 0; c < s.k; ++c)
    largest = std::max(largest, out.log_joint.emplace_back(s.density(i, c) + s.log_weight[at(c)]));
  for (const Real t : out.log_joint) sum += std::exp(t - largest);
  out.log_p = largest + std::log(sum);
  for (Index c = 0; c < s.k; ++c) {
    const Real t = out.log_joint[at(c)];
    out.log_gamma.push_back(t - out.log_p);
    out.gamma.push_back(std::exp(t - out.log_p));
    // One rounding each of log_norm + log π, of t and of t − max; t's own of max once more.
    const Real log_scale = Real(s.log_norm[at(c)]) + Real(s.log_weight[at(c)]);
    out.error.push_back(u * (std::abs(log_scale) + std::abs(t) + std::abs(largest) + std::abs(t - largest)));
    out.mean_error += out.gamma.back() * out.error.back();
  }
  out.mean_error +=
      u * static_cast<Real>(s.k + 8);  // k additions; exp and log within 2 roundings; quotient and product
  return out;
}

template <class T>
void fill(Softmax<T>& s, Random& random, double spread) {
  for (Index c = 0; c < s.k; ++c) {
    s.log_norm[at(c)] = static_cast<T>(symmetric(random, 5));
    s.log_weight[at(c)] = static_cast<T>(std::log(random.uniform()));
    for (Index i = 0; i < s.n; ++i) s(i, c) = static_cast<T>(spread * random.uniform());
  }
}

/// |value − exact| ≤ tolerance for every row and component.
template <class T, class Tolerance>
bool all_close(const Softmax<T>& s, const std::vector<Exact>& rows, std::vector<Real> Exact::* exact,
               const Tolerance& tolerance) {
  for (Index i = 0; i < s.n; ++i)
    for (Index c = 0; c < s.k; ++c)
      if (!(std::abs(Real(s.q[c * s.stride + i]) - (rows[at(i)].*exact)[at(c)]) <= tolerance(rows[at(i)], at(c))))
        return false;
  return true;
}

template <class T>
T ulp_of(Real value) {
  const T nearest = static_cast<T>(value);
  return std::nextafter(nearest, std::numeric_limits<T>::infinity()) - nearest;
}

template <class T, class Check>
void for_each_table(const Check& check) {
  for (const simd::KernelTable* table : tables()) {
    CAPTURE(table->name);
    check(simd::kernels_of<T>(*table));
  }
}

}  // namespace

TEST_CASE_TEMPLATE("kernels: log-joints, log-responsibilities, responsibilities and log p", T, float, double) {
  for_each_table<T>([](const simd::Kernels<T>& kernels) {
    constexpr Real u = unit<T>;
    Random random(5);
    for (const Index k : {1, 2, 3, 8, 40, 100})
      for (const double spread : {1.0, 50.0, 5000.0}) {
        CAPTURE(k);
        CAPTURE(spread);
        Softmax<T> s(kernels, 2 * kernels.strip, k);
        fill(s, random, spread);
        const std::vector<T> distances(s.q.data(), s.q.data() + s.q.size());
        std::vector<Exact> rows;
        for (Index i = 0; i < s.n; ++i) rows.push_back(exact_row(s, i));
        const auto restore = [&] { std::copy(distances.begin(), distances.end(), s.q.data()); };
        const auto relative = [&](const Exact& e, std::size_t c) {
          return e.gamma[c] * (e.error[c] + e.mean_error) + vanishing<T>;
        };

        REQUIRE(s.posterior(Posterior::log_joint));
        CHECK(all_close(s, rows, &Exact::log_joint, [](const Exact& e, std::size_t c) { return e.error[c]; }));
        restore();
        REQUIRE(s.posterior(Posterior::log_responsibilities));
        CHECK(all_close(s, rows, &Exact::log_gamma, [](const Exact& e, std::size_t c) {
          return e.error[c] + e.mean_error + 2 * u * std::abs(e.log_gamma[c]);
        }));
        restore();
        REQUIRE(s.posterior(Posterior::responsibilities));
        CHECK(all_close(s, rows, &Exact::gamma, relative));
        for (Index i = 0; i < s.n; ++i) {
          Real sum = 0;
          for (Index c = 0; c < k; ++c) sum += s(i, c);
          CHECK(std::abs(sum - 1) <= 4 * static_cast<Real>(k) * u);
        }
        restore();
        REQUIRE(s.log_prob(no_cut<T>));
        CHECK(all_close(s, rows, &Exact::gamma, relative));
        for (Index i = 0; i < s.n; ++i)
          CHECK(std::abs(Real(s.log_p[i]) - rows[at(i)].log_p) <=
                rows[at(i)].mean_error + 2 * u * std::abs(rows[at(i)].log_p));
      }
  });
}

TEST_CASE_TEMPLATE("kernels: exp is within an ulp down to where it vanishes", T, float, double) {
  for_each_table<T>([](const simd::Kernels<T>& kernels) {
    // γ of two components of log-joints 0 and −q / 2, which is exact: their quotient is exp(−q / 2).
    const Index n = 60000;
    Softmax<T> s(kernels, n, 2);
    for (Index i = 0; i < s.n; ++i) s(i, 1) = static_cast<T>(1500) * static_cast<T>(i) / static_cast<T>(s.n);
    const std::vector<T> q(s.q.data() + s.stride, s.q.data() + s.stride + s.n);
    REQUIRE(s.posterior(Posterior::responsibilities));
    Real in_ulps = 0, of_quotient = 0;
    bool vanished = true;
    for (Index i = 0; i < s.n; ++i) {
      const Real e = std::exp(-Real(q[at(i)]) / 2), found = s(i, 1);
      if (e < vanishing<T>) {
        vanished = vanished && found <= vanishing<T>;
      } else if (s(i, 0) == 1) {
        in_ulps = std::max(in_ulps, std::abs(found - e) / ulp_of<T>(e));  // the exponential as it came
      } else {
        of_quotient = std::max(of_quotient, std::abs(found / s(i, 0) / e - 1) / unit<T>);
      }
    }
    CHECK(vanished);
    CHECK(in_ulps <= 1);
    CHECK(of_quotient <= 4);  // an ulp is up to 2u, and each product may add one
  });
}

TEST_CASE_TEMPLATE("kernels: log is within an ulp", T, float, double) {
  for_each_table<T>([](const simd::Kernels<T>& kernels) {
    Real of_integers = 0, of_sums = 0;
    for (Index k = 1; k <= 300; ++k) {
      Softmax<T> s(kernels, 1, k);
      REQUIRE(s.log_prob(no_cut<T>, nullptr, false));
      const Real exact = std::log(static_cast<Real>(k));
      if (k == 1) CHECK(s.log_p[0] == 0);
      if (k > 1) of_integers = std::max(of_integers, std::abs(Real(s.log_p[0]) - exact) / ulp_of<T>(exact));
    }
    Softmax<T> s(kernels, 20000, 3);
    for (Index i = 0; i < s.n; ++i) s(i, 1) = s(i, 2) = static_cast<T>(80) * static_cast<T>(i) / static_cast<T>(s.n);
    const std::vector<T> q(s.q.data() + s.stride, s.q.data() + s.stride + s.n);
    REQUIRE(s.log_prob(no_cut<T>, nullptr, false));
    for (Index i = 0; i < s.n; ++i) {
      const Real sum = 2 * std::exp(-Real(q[at(i)]) / 2), exact = std::log1p(sum);
      // Two exponentials within 2u, two additions; log within an ulp, at most 2u.
      const Real tolerance = unit<T> * (2 * sum + 2 * (1 + sum)) / (1 + sum) + 2 * unit<T> * exact;
      of_sums = std::max(of_sums, std::abs(Real(s.log_p[i]) - exact) / tolerance);
    }
    CHECK(of_integers <= 1);
    CHECK(of_sums <= 1);
  });
}

TEST_CASE_TEMPLATE("kernels: the exclusion rule is per row and looks at the density without its weight", T, float,
                   double) {
  for_each_table<T>([](const simd::Kernels<T>& kernels) {
    // Log-densities 0, −2, −2 − 2⁻¹⁰, −1 under a cut of 2; the last has a tiny weight and keeps its tail.
    const T distances[] = {0, 4, 4 + T(0x1p-9), 2};
    const T weights[] = {0, 0, 0, -20};
    Softmax<T> s(kernels, 2 * kernels.strip, 4);
    std::copy(weights, weights + 4, s.log_weight.begin());
    for (Index i = 0; i < s.n; ++i)
      for (Index c = 0; c < 4; ++c) s(i, c) = i % 2 == 0 ? distances[c] : T(0);
    std::vector<T> row_weight(at(s.n));
    for (Index i = 0; i < s.n; ++i) row_weight[at(i)] = static_cast<T>(i % 5) / 4;
    REQUIRE(s.log_prob(2, row_weight.data()));
    const Real sum = 1 + std::exp(-2.0L) + std::exp(-21.0L);
    for (Index i = 0; i < s.n; i += 2) {
      const T w = row_weight[at(i)];
      const Real tolerance = 12 * unit<T>;
      CHECK(s(i, 2) == 0);
      CHECK(std::abs(Real(s.log_p[i]) - std::log(sum)) <= tolerance);
      CHECK(std::abs(Real(s(i, 0)) - w / sum) <= w / sum * tolerance);
      CHECK(std::abs(Real(s(i, 1)) - w * std::exp(-2.0L) / sum) <= w * std::exp(-2.0L) / sum * tolerance);
      CHECK(std::abs(Real(s(i, 3)) - w * std::exp(-21.0L) / sum) <= w * std::exp(-21.0L) / sum * 4 * tolerance);
    }
    for (Index i = 1; i < s.n; i += 2) CHECK((s(i, 2) > 0) == (row_weight[at(i)] > 0));
  });
}

TEST_CASE_TEMPLATE("kernels: a row's bits do not depend on the rows beside it", T, float, double) {
  for_each_table<T>([](const simd::Kernels<T>& kernels) {
    Random random(9);
    const Index k = 6;
    Softmax<T> mixed(kernels, 2 * kernels.strip, k);
    fill(mixed, random, 300);
    const std::vector<T> distances(mixed.q.data(), mixed.q.data() + mixed.q.size());
    Index different = 0;
    REQUIRE(mixed.log_prob(30));
    for (Index i = 0; i < mixed.n; ++i) {
      Softmax<T> alone(kernels, 1, k);
      alone.log_norm = mixed.log_norm;
      alone.log_weight = mixed.log_weight;
      for (Index c = 0; c < k; ++c)
        for (Index l = 0; l < alone.n; ++l) alone(l, c) = distances[at(c * mixed.stride + i)];
      REQUIRE(alone.log_prob(30));
      different += alone.log_p[0] != mixed.log_p[i];
      for (Index c = 0; c < k; ++c) different += alone(0, c) != mixed(i, c);
    }
    CHECK(different == 0);
  });
}

TEST_CASE_TEMPLATE("kernels: rows for the far path are reported, in every lane", T, float, double) {
  for_each_table<T>([](const simd::Kernels<T>& kernels) {
    using Limits = std::numeric_limits<T>;
    Index missed = 0;
    for (Index i = 0; i < 2 * kernels.strip; ++i)
      for (const T bad : {Limits::infinity(), Limits::quiet_NaN()})
        for (Index c = 0; c < 3; ++c) {
          Softmax<T> s(kernels, 2 * kernels.strip, 3);
          for (const Posterior what : all_outputs) {
            std::fill(s.q.data(), s.q.data() + s.q.size(), T(1));
            s(i, c) = bad;
            missed += s.posterior(what);
          }
          std::fill(s.q.data(), s.q.data() + s.q.size(), T(1));
          s(i, c) = bad;
          missed += s.log_prob(1);
        }
    CHECK(missed == 0);

    // Off one support is well; off every support of positive weight needs the other path.
    for (const bool everywhere : {false, true})
      for (const Posterior what : {Posterior::log_responsibilities, Posterior::responsibilities}) {
        Softmax<T> s(kernels, kernels.strip, 3);
        s.log_weight[2] = -Limits::infinity();
        s(1, 0) = T(simd::off_support);
        if (everywhere) s(1, 1) = T(simd::off_support);
        Softmax<T> other(kernels, kernels.strip, 3);
        std::copy(s.q.data(), s.q.data() + s.q.size(), other.q.data());
        other.log_weight = s.log_weight;
        CHECK(s.posterior(what) != everywhere);
        CHECK(other.log_prob(no_cut<T>) != everywhere);
        if (everywhere) continue;
        CHECK(s(1, 1) == (what == Posterior::responsibilities ? T(1) : T(0)));
        CHECK(other(1, 1) == 1);
        CHECK(other.log_p[1] == 0);
        CHECK(other(1, 0) == 0);
      }
  });
}

TEST_CASE_TEMPLATE("kernels: finite distances give no NaN, and as good an answer at the ends of the range", T, float,
                   double) {
  for_each_table<T>([](const simd::Kernels<T>& kernels) {
    using Limits = std::numeric_limits<T>;
    const T ends[] = {0, Limits::denorm_min(), Limits::min(), T(1e-20), 1, T(1e20), Limits::max() / 4, Limits::max()};
    for (const T a : ends)
      for (const T b : ends) {
        Softmax<T> s(kernels, 1, 3);
        s.log_weight[2] = -Limits::infinity();
        const auto set = [&] {
          for (Index i = 0; i < s.n; ++i) {
            s(i, 0) = a;
            s(i, 1) = b;
            s(i, 2) = 0;
          }
        };
        const Real larger = 1 / (1 + std::exp(-std::abs(Real(a) - Real(b)) / 2));
        const Real first = a <= b ? larger : 1 - larger;
        for (const Posterior what : all_outputs) {
          set();
          REQUIRE(s.posterior(what));
          for (Index c = 0; c < 3; ++c) CHECK_FALSE(std::isnan(s(0, c)));
        }
        CHECK(std::abs(Real(s(0, 0)) - first) <= 8 * unit<T>);
        CHECK(s(0, 2) == 0);
        set();
        REQUIRE(s.log_prob(40));
        CHECK_FALSE(std::isnan(s.log_p[0]));
        CHECK(std::abs(Real(s(0, 0)) - first) <= 8 * unit<T>);
      }
  });
}

TEST_CASE_TEMPLATE("kernels: the posterior of one row gives the bits of a block", T, float, double) {
  // Thousands of rows: a product that one of them fuses into a sum and the other does not changes one result in 2000.
  for (const simd::KernelTable* table : tables()) {
    CAPTURE(table->name);
    Random random(13);
    for (const Index k : {1, 2, 7, 8, 9, 16, 40})
      for (const double spread : {1.0, 20.0, 300.0}) {
        const Index padded = (k + simd::row_group<T> - 1) / simd::row_group<T> * simd::row_group<T>;
        Softmax<T> s(simd::kernels_of<T>(*table), 2000, k);
        fill(s, random, spread);
        const std::vector<T> distances(s.q.data(), s.q.data() + s.q.size());
        Softmax<T> whole = Softmax<T>(simd::kernels_of<T>(*table), 2000, k);
        std::copy(distances.begin(), distances.end(), whole.q.data());
        REQUIRE(whole.kernels.posterior(whole.q.data(), whole.stride, whole.n, k, s.log_norm.data(),
                                        s.log_weight.data(), Posterior::responsibilities));
        REQUIRE(s.log_prob(40, nullptr, false));
        Buffer<T> q(padded), log_norm(padded), log_weight(padded);
        Index different_log_p = 0, different_gamma = 0;
        T log_p = 0;
        const auto row_posterior = [&](Index i, T cut) {
          for (Index c = 0; c < padded; ++c) {
            q[c] = c < k ? distances[at(c * s.stride + i)] : T(0);
            log_norm[c] = c < k ? s.log_norm[at(c)] : T(0);
            log_weight[c] = c < k ? s.log_weight[at(c)] : -static_cast<T>(problems::inf);
          }
          return simd::row_kernels_of<T>(*table).posterior(q.data(), k, log_norm.data(), log_weight.data(), cut,
                                                           &log_p);
        };
        for (Index i = 0; i < s.n; ++i) {
          REQUIRE(row_posterior(i, 40));
          different_log_p += log_p != s.log_p[i];
          REQUIRE(row_posterior(i, no_cut<T>));
          for (Index c = 0; c < k; ++c) different_gamma += q[c] != whole(i, c);
        }
        CHECK(different_log_p == 0);
        CHECK(different_gamma == 0);
        q[k - 1] = static_cast<T>(problems::inf);
        CHECK_FALSE(
            simd::row_kernels_of<T>(*table).posterior(q.data(), k, log_norm.data(), log_weight.data(), 40, &log_p));
      }
  }
}
