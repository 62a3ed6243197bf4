#include "model/mixture_data.hpp"
#include "problems.hpp"

#include <doctest/doctest.h>

#include <string>

// Bounds of a row's distances from all components by its distance from one, against distances in long double.

namespace {

using namespace gaussmix;
using namespace problems;
using detail::DistanceBounds;
using detail::Random;

/// ‖L_k⁻¹ (x − μ_k)‖
class Distances {
 public:
  explicit Distances(const Mixture& mixture) : reference_(mixture) {
    for (Index k = 0; k < mixture.n_components(); ++k)
      largest_.push_back(reference_.density(k, mixture.means().data() + k * mixture.n_features()).log_p);
  }
  Real operator()(Index k, const std::vector<double>& x) const {
    return std::sqrt(std::max<Real>(2 * (largest_[at(k)] - reference_.density(k, x.data()).log_p), 0));
  }

 private:
  Reference reference_;
  std::vector<Real> largest_;
};

/// Rows on the way from one component to another, and beside it.
template <class Check>
void for_each_row(const Problem& p, Random& random, const Check& check) {
  for (Index l = 0; l < p.k; ++l)
    for (Index k = 0; k < p.k; ++k)
      for (const double way : {0.0, 0.1, 0.5, 0.9, 1.0, 3.0})
        for (const double beside : {0.0, 1.0}) {
          std::vector<double> x;
          for (Index j = 0; j < p.d; ++j) {
            const double from = p.means[at(l * p.d + j)], to = p.means[at(k * p.d + j)];
            x.push_back(from + way * (to - from) + symmetric(random, beside));
          }
          check(x);
        }
}

template <class T>
void check_bounds(const Problem& p, Random& random) {
  const Mixture mixture = p.mixture();
  const DistanceBounds<T> s = detail::make_distance_bounds<T>(mixture.data());
  const Distances distance(mixture);
  bool holds = true;
  for_each_row(p, random, [&](const std::vector<double>& x) {
    std::vector<Real> d;
    for (Index k = 0; k < p.k; ++k) d.push_back(distance(k, x));
    for (Index l = 0; l < p.k; ++l)
      for (Index k = 0; k < p.k; ++k) {
        const Real stretch = s.lipschitz[at(l * p.k + k)];
        if (std::isinf(stretch)) continue;
        holds = holds && d[at(k)] >= s.lower[at(l * p.k + k)] - stretch * d[at(l)];
      }
  });
  CHECK(holds);
}

}  // namespace

TEST_CASE_TEMPLATE("distance_bounds: distances are no less than it says", T, float, double) {
  Random random(43);
  for (const CovarianceType type : all_types)
    for (const Index d : {1, 2, 7, 16})
      for (const Index k : {1, 2, 5})
        for (const double spread : {0.1, 10.0, 1e4}) {
          CAPTURE(std::string(to_string(type)));
          CAPTURE(d);
          CAPTURE(k);
          CAPTURE(spread);
          check_bounds<T>(random_problem(k, d, 1, type, 47, spread), random);
        }
}

TEST_CASE_TEMPLATE("distance_bounds: nor are those of narrow components, in any units", T, float, double) {
  Random random(53);
  const Index d = 6, k = 5;
  for (const double narrow : {1e-1, 1e-3, 1e-5})
    for (const double unit : {1e-3, 1.0, 1e5}) {
      CAPTURE(narrow);
      CAPTURE(unit);
      Problem p = random_problem(k, d, 1, CovarianceType::full, 59, 10.0);
      for (Index c = 0; c < k; ++c) {  // of width `narrow` but along one direction
        Doubles along(at(d));
        for (double& value : along) value = symmetric(random, 1);
        for (Index i = 0; i < d; ++i)
          for (Index j = 0; j < d; ++j) {
            double& sigma = p.covariances[at((c * d + i) * d + j)];
            sigma = narrow * narrow * sigma + along[at(i)] * along[at(j)];
          }
      }
      const auto scale = [&](Index j) { return j == 0 ? unit : 1.0; };
      for (Index c = 0; c < k; ++c)
        for (Index i = 0; i < d; ++i) {
          p.means[at(c * d + i)] *= scale(i);
          for (Index j = 0; j < d; ++j) p.covariances[at((c * d + i) * d + j)] *= scale(i) * scale(j);
        }
      check_bounds<T>(p, random);
    }
}

TEST_CASE_TEMPLATE("distance_bounds: it tells components apart that are", T, float, double) {
  for (const CovarianceType type : all_types) {
    CAPTURE(std::string(to_string(type)));
    const Problem p = random_problem(20, 16, 1, type, 61, 40.0);
    const Mixture mixture = p.mixture();
    const DistanceBounds<T> s = detail::make_distance_bounds<T>(mixture.data());
    for (Index i = 0; i < p.k * p.k; ++i) {
      const bool same = i % (p.k + 1) == 0;
      CHECK((s.lower[at(i)] == 0) == same);
      const T least = s.lower[at(i)] - s.lipschitz[at(i)] * T(6);  // √16 is a usual distance from the own component
      CHECK((least > 10) == !same);
    }
  }
}
