#include "messages.hpp"
#include "problems.hpp"

#include <doctest/doctest.h>

using namespace gaussmix;
using namespace problems;

namespace {

/// The value of out that `verb` writes for all rows.
template <class T, class Verb>
std::vector<T> matrix_of(Verb verb, const Mixture& mixture, const Samples& x, const Execution& execution = {}) {
  std::vector<T> out(at(x.rows() * mixture.n_components()));
  verb(mixture, x, MatrixView<T>(out.data(), x.rows(), mixture.n_components()), execution);
  return out;
}

template <class T>
std::vector<T> log_prob_of(const Mixture& mixture, const Samples& x, const Execution& execution = {}) {
  std::vector<T> out(at(x.rows()));
  log_prob<T>(mixture, x, out, execution);
  return out;
}

std::vector<Index> predict_of(const Mixture& mixture, const Samples& x, const Execution& execution = {}) {
  std::vector<Index> out(at(x.rows()));
  predict(mixture, x, out, execution);
  return out;
}

/// All verbs of one mixture and data set.
template <class T>
struct Scores {
  std::vector<T> log_normal, log_joint, log_gamma, gamma, log_p;
  std::vector<Index> labels;
  Scores(const Mixture& m, const Samples& x, const Execution& execution = {})
      : log_normal(matrix_of<T>(component_log_prob<T>, m, x, execution)),
        log_joint(matrix_of<T>(gaussmix::log_joint<T>, m, x, execution)),
        log_gamma(matrix_of<T>(log_responsibilities<T>, m, x, execution)),
        gamma(matrix_of<T>(responsibilities<T>, m, x, execution)),
        log_p(log_prob_of<T>(m, x, execution)),
        labels(predict_of(m, x, execution)) {}
  bool operator==(const Scores& other) const {
    return log_normal == other.log_normal && log_joint == other.log_joint && log_gamma == other.log_gamma &&
           gamma == other.gamma && log_p == other.log_p && labels == other.labels;
  }
};

/// |value − exact| ≤ error for row i's k values.
template <class T>
bool close(const std::vector<T>& values, Index i, const std::vector<Real>& exact, const std::vector<Real>& error) {
  for (std::size_t c = 0; c < exact.size(); ++c)
    if (!(std::abs(Real(values[at(i) * exact.size() + c]) - exact[c]) <= error[c])) return false;
  return true;
}

template <class T>
std::vector<Real> log_gamma_error(const RowReference& row) {
  std::vector<Real> out;
  for (std::size_t c = 0; c < row.log_joint.size(); ++c)
    out.push_back(row.log_joint_error[c] + row.log_p_error + 2 * unit<T> * std::abs(row.log_joint[c] - row.log_p));
  return out;
}

template <class T>
void check_scores(const Problem& p) {
  const Mixture mixture = p.mixture();
  const Reference reference(mixture);
  const std::vector<T> x(p.x.begin(), p.x.end());
  const Scores<T> scores(mixture, MatrixView<const T>(x.data(), p.n, p.d));
  Index wrong = 0, largest = 0;
  for (Index i = 0; i < p.n; ++i) {
    const RowReference row = row_reference(mixture, reference, x.data() + i * p.d);
    wrong += !close(scores.log_normal, i, row.log_normal, row.log_normal_error);
    wrong += !close(scores.log_joint, i, row.log_joint, row.log_joint_error);
    wrong += !close(scores.gamma, i, row.gamma, row.gamma_error);
    wrong += !(std::abs(Real(scores.log_p[at(i)]) - row.log_p) <= row.log_p_error);
    std::vector<Real> log_gamma = row.log_joint;
    for (Real& value : log_gamma) value -= row.log_p;
    wrong += !close(scores.log_gamma, i, log_gamma, log_gamma_error<T>(row));
    Real sum = 0;
    for (Index c = 0; c < p.k; ++c) sum += scores.gamma[at(i * p.k + c)];
    wrong += !(std::abs(sum - 1) <= 4 * static_cast<Real>(p.k) * unit<T>);
    const auto begin = scores.log_joint.begin() + i * p.k;
    largest += scores.labels[at(i)] != std::max_element(begin, begin + p.k) - begin;
  }
  CHECK(wrong == 0);
  CHECK(largest == 0);
}

/// Whether an exception of type E says `part`.
template <class E, class Call>
bool says(const Call& call, const std::string& part) {
  const std::string message = messages::message_of<E>(call);
  CAPTURE(message);
  return message.find(part) != std::string::npos;
}

Mixture make(const Doubles& weights, const Doubles& means, const Doubles& covariances, CovarianceType type,
             bool singular = false) {
  const auto k = static_cast<Index>(weights.size());
  return {weights, MatrixView<const double>(means.data(), k, static_cast<Index>(means.size()) / k), covariances, type,
          singular};
}

}  // namespace

TEST_CASE_TEMPLATE("mixture: every verb within the bound on its error", T, float, double) {
  for (const CovarianceType type : all_types)
    for (const Index d : {1, 2, 5, 17})
      for (const Index k : {1, 3, 20}) {
        CAPTURE(to_string(type));
        CAPTURE(d);
        CAPTURE(k);
        check_scores<T>(random_problem(k, d, 61, type, 31));
        check_scores<T>(random_problem(k, d, 61, type, 37, 100));  // tied: beyond a common center
      }
}

TEST_CASE("mixture: what has been moved from is still the mixture") {
  Mixture mixture = make({0.25, 0.75}, {0, 1}, {1, 2}, CovarianceType::diag);
  const Mixture copy = mixture, moved = std::move(mixture);
  CHECK(mixture == copy);
  CHECK(moved == copy);
  Mixture assigned = make({1}, {0}, {1}, CovarianceType::diag);
  assigned = std::move(mixture);
  CHECK(mixture == copy);
  CHECK(assigned == copy);
  static_assert(std::is_nothrow_move_constructible_v<Mixture> && std::is_nothrow_move_assignable_v<Mixture>);
}

TEST_CASE("mixture: an offset of the data costs nothing beside its own rounding") {
  for (const CovarianceType type : all_types) {
    Problem p = random_problem(3, 4, 50, type, 41);
    for (double& value : p.means) value += 1e8;
    for (double& value : p.x) value += 1e8;
    CAPTURE(to_string(type));
    check_scores<double>(p);
  }
}

TEST_CASE("mixture: far rows have log-densities in range or −inf, and responsibilities all the same") {
  for (const CovarianceType type : all_types) {
    CAPTURE(to_string(type));
    const Problem p = random_problem(4, 3, 1, type, 43);
    const Mixture mixture = p.mixture();
    for (const double far : {1e30, 1e150, 1e160, 1e300, std::numeric_limits<double>::max()})
      for (const double sign : {-1.0, 1.0}) {
        CAPTURE(far);
        const Doubles row = {sign * far, far, -far};
        const Scores<double> scores(mixture, MatrixView<const double>(row.data(), 1, 3));
        double sum = 0;
        for (Index c = 0; c < 4; ++c) {
          CHECK(scores.gamma[at(c)] >= 0);
          CHECK(scores.log_gamma[at(c)] <= 0);
          sum += scores.gamma[at(c)];
        }
        CHECK(std::abs(sum - 1) <= 16 * unit<double>);
        // −½ (x − μ)ᵀ Σ⁻¹ (x − μ) ≈ −far², which leaves the range from 1e155 on.
        CHECK(scores.log_p[0] < -far);
        CHECK(std::isfinite(scores.log_p[0]) == (far < 1e155));
        CHECK(scores.gamma[at(scores.labels[0])] == *std::max_element(scores.gamma.begin(), scores.gamma.end()));
      }
  }
}

TEST_CASE("mixture: rows beyond the range belong to the widest component, or stay with the prior") {
  const Mixture wide = make({0.5, 0.5}, {0, 0}, {1, 4}, CovarianceType::spherical);
  const Doubles far = {1e200, -1e200};
  const Scores<double> scores(wide, MatrixView<const double>(far.data(), 2, 1));
  CHECK(scores.gamma == Doubles{0, 1, 0, 1});
  CHECK(scores.labels == std::vector<Index>{1, 1});
  CHECK(scores.log_p == Doubles{-inf, -inf});
  // Where the means are below the rounding of x − μ, equal covariances leave the prior.
  const Mixture equal = make({0.25, 0.75}, {-1, 1}, {1}, CovarianceType::tied);
  const Scores<double> prior(equal, MatrixView<const double>(far.data(), 2, 1));
  for (const Index i : {0, 1}) CHECK(std::abs(prior.gamma[at(2 * i)] - 0.25) <= 8 * unit<double>);
  CHECK(prior.labels == std::vector<Index>{1, 1});
}

TEST_CASE("mixture: singular covariances have their density on the support and none off it") {
  // x₂ = 2 x₁, variance 1 + 4 along the line: pseudo-determinant 5.
  const Mixture line = make({1}, {0, 0}, {1, 2, 2, 4}, CovarianceType::full, true);
  CHECK(line.rank()[0] == 1);
  const Doubles x = {1, 2, 0, 0, 1, 2.0001, -3, -6};
  const Doubles log_p = log_prob_of<double>(line, MatrixView<const double>(x.data(), 4, 2));
  const double at_mean = -0.5 * std::log(2 * 3.14159265358979323846 * 5);
  CHECK(std::abs(log_p[0] - (at_mean - 0.5)) <= 64 * unit<double>);
  CHECK(std::abs(log_p[1] - at_mean) <= 64 * unit<double>);
  CHECK(log_p[2] == -inf);
  CHECK(std::abs(log_p[3] - (at_mean - 4.5)) <= 64 * unit<double>);

  const Mixture point = make({1}, {3, 4}, {0, 0}, CovarianceType::diag, true);
  const Doubles near = {3, 4, 3, 5};
  CHECK(log_prob_of<double>(point, MatrixView<const double>(near.data(), 2, 2)) == Doubles{0, -inf});
}

TEST_CASE("mixture: off every support γ is π") {
  const Mixture mixture = make({0.25, 0.75}, {0, 0, 1, 1}, {1, 0, 1, 0}, CovarianceType::diag, true);
  const Doubles x = {0, 5, 0, 0};
  const Scores<double> scores(mixture, MatrixView<const double>(x.data(), 2, 2));
  CHECK(scores.gamma == Doubles{0.25, 0.75, 1, 0});
  CHECK(scores.log_gamma == Doubles{std::log(0.25), std::log(0.75), 0, -inf});
  CHECK(scores.labels == std::vector<Index>{1, 0});
  CHECK(scores.log_p[0] == -inf);
  CHECK(scores.log_joint == Doubles{-inf, -inf, scores.log_p[1], -inf});
}

TEST_CASE("mixture: components of unequal rank are scored apart, and not mixed") {
  const Mixture mixture = make({0.5, 0.5}, {0, 0}, {0, 1}, CovarianceType::spherical, true);
  const Doubles x = {0, 1};
  const Samples samples = MatrixView<const double>(x.data(), 2, 1);
  const Doubles found = matrix_of<double>(component_log_prob<double>, mixture, samples);
  CHECK(found[0] == 0);
  CHECK(found[2] == -inf);
  CHECK(std::abs(found[3] - found[1] + 0.5) <= 4 * unit<double>);
  Doubles out(2);
  CHECK(says<NumericalError>([&] { log_prob<double>(mixture, samples, out); },
                             "component 0 has rank 0 and component 1 has rank 1"));
}

TEST_CASE_TEMPLATE("mixture: the same bits for any strides, reader, thread count and cut of the rows", T, float,
                   double) {
  for (const CovarianceType type : all_types) {
    CAPTURE(to_string(type));
    const Problem p = random_problem(5, 6, 1000, type, 47);
    const Mixture mixture = p.mixture();
    const std::vector<T> x(p.x.begin(), p.x.end());
    const Scores<T> plain(mixture, MatrixView<const T>(x.data(), p.n, p.d));
    std::vector<T> fortran(x.size()), backwards(2 * x.size());
    for (Index i = 0; i < p.n; ++i)
      for (Index j = 0; j < p.d; ++j) {
        fortran[at(j * p.n + i)] = x[at(i * p.d + j)];
        backwards[at(2 * ((p.n - 1 - i) * p.d + j))] = x[at(i * p.d + j)];
      }
    CHECK(Scores<T>(mixture, MatrixView<const T>(fortran.data(), p.n, p.d, 1, p.n)) == plain);
    CHECK(Scores<T>(mixture, MatrixView<const T>(backwards.data() + 2 * (p.n - 1) * p.d, p.n, p.d, -2 * p.d, 2)) ==
          plain);
    const auto read = [&](Index begin, Index end, double* out) {
      std::copy(x.begin() + begin * p.d, x.begin() + end * p.d, out);
    };
    CHECK(Scores<T>(mixture, Samples(p.n, p.d, read, sizeof(T) == sizeof(float))) == plain);
    for (const int threads : {1, 2, 3, 4})
      CHECK(Scores<T>(mixture, MatrixView<const T>(x.data(), p.n, p.d), {threads, {}}) == plain);
    for (const Index i : {0, 1, 500, 999}) {
      const Scores<T> row(mixture, MatrixView<const T>(x.data() + i * p.d, 1, p.d));
      CHECK(row.log_p[0] == plain.log_p[at(i)]);
      CHECK(row.labels[0] == plain.labels[at(i)]);
      for (const auto member :
           {&Scores<T>::log_normal, &Scores<T>::log_joint, &Scores<T>::log_gamma, &Scores<T>::gamma})
        CHECK(std::equal((row.*member).begin(), (row.*member).end(), (plain.*member).begin() + i * p.k));
    }
  }
}

TEST_CASE("mixture: the likelihood of a data set, and what AIC and BIC make of it") {
  for (const CovarianceType type : all_types) {
    CAPTURE(to_string(type));
    const Problem p = random_problem(3, 4, 777, type, 53);
    const Mixture mixture = p.mixture();
    const Reference reference(mixture);
    Doubles weight;
    Real sum = 0, weighted = 0, total = 0, error = 0;
    for (Index i = 0; i < p.n; ++i) {
      const RowReference row = row_reference(mixture, reference, p.row(i));
      weight.push_back(static_cast<double>(i % 4) / 2);
      sum += row.log_p;
      weighted += weight.back() * row.log_p;
      total += weight.back();
      error += 2 * row.log_p_error;
    }
    const double plain = log_likelihood(mixture, p.rows());
    CHECK(std::abs(plain - sum) <= error);
    const double with_weights = log_likelihood(mixture, p.rows(), weight);
    CHECK(std::abs(with_weights - weighted) <= error);
    for (const int threads : {2, 3, 4}) CHECK(log_likelihood(mixture, p.rows(), weight, {threads, {}}) == with_weights);
    const double parameters = type == CovarianceType::full        ? 44
                              : type == CovarianceType::tied      ? 24
                              : type == CovarianceType::diag      ? 26
                              : type == CovarianceType::spherical ? 17
                              : type == CovarianceType::tied_diag ? 18
                                                                  : 15;
    CHECK(mixture.n_parameters() == parameters);
    CHECK(aic(mixture, p.rows()) == -2 * plain + 2 * parameters);
    CHECK(bic(mixture, p.rows()) == -2 * plain + parameters * std::log(777.0));
    CHECK(bic(mixture, p.rows(), weight) == -2 * with_weights + parameters * std::log(static_cast<double>(total)));
  }
}

TEST_CASE("mixture: a component of weight 0 is legal and never chosen") {
  const Mixture mixture = make({0, 1}, {0, 5}, {1, 1}, CovarianceType::spherical);
  const Doubles x = {0, 1e200};
  const Scores<double> scores(mixture, MatrixView<const double>(x.data(), 2, 1));
  CHECK(scores.gamma == Doubles{0, 1, 0, 1});
  CHECK(scores.log_gamma == Doubles{-inf, 0, -inf, 0});
  CHECK(scores.labels == std::vector<Index>{1, 1});
  CHECK(scores.log_p[0] == scores.log_normal[1]);
}

TEST_CASE("mixture: weights keep their bits unless their sum is off by more than 4·K·u") {
  const double u = unit<double>;
  const Doubles kept = {0.5 + 4 * u, 0.5}, off = {0.5 + 16 * u, 0.5};
  const Mixture a = make(kept, {0, 1}, {1, 1}, CovarianceType::spherical),
                b = make(off, {0, 1}, {1, 1}, CovarianceType::spherical);
  CHECK(a.weights()[0] == kept[0]);
  CHECK(b.weights()[0] < off[0]);
  CHECK(std::abs(b.weights()[0] + b.weights()[1] - 1) <= 2 * u);
  const Mixture again(b.weights(), b.means(), b.covariances(), b.covariance_type());
  CHECK(again == b);
}

TEST_CASE("mixture: equal by value of all parameters, type and allow_singular") {
  const Problem p = random_problem(2, 2, 1, CovarianceType::full, 59);
  const Mixture mixture = p.mixture();
  CHECK(mixture == p.mixture());
  CHECK(mixture != p.mixture(true));
  for (Doubles Problem::* values : {&Problem::means, &Problem::covariances}) {
    Problem other = p;
    (other.*values)[0] *= 1 + 4 * unit<double>;
    CHECK(other.mixture() != mixture);
  }
  Problem swapped = p;
  std::swap(swapped.weights[0], swapped.weights[1]);
  CHECK(swapped.mixture() != mixture);
  CHECK(make({1}, {0, 0}, {1, 1}, CovarianceType::diag) != make({1}, {0, 0}, {1}, CovarianceType::spherical));
}

TEST_CASE("mixture: what came in float32 is judged by float32's rounding, and made exact") {
  constexpr double u = 0x1p-24;
  const Doubles means = {0, 1, 2, 3};
  const auto of = [&](const Doubles& w, const Doubles& s, const SourceTypes& source) {
    return Mixture(w, {means.data(), 2, 2}, s, CovarianceType::tied, false, {}, source);
  };
  const Doubles heavy = {0.5, 0.5 + 8 * u}, heavier = {0.5, 0.5 + 9 * u}, half = {0.5, 0.5};
  const Doubles skewed = {1, 0.5, 0.5 + 0x1p-12, 1}, more_skewed = {1, 0.5, 0.5 + 0x1p-11, 1}, unit = {1, 0, 0, 1};
  const SourceTypes weights{FloatType::float32, {}, {}}, covariances{{}, FloatType::float32, {}};
  const Mixture mixture = of(heavy, unit, weights);
  CHECK(std::abs(mixture.weights()[0] + mixture.weights()[1] - 1) <= 0x1p-52);
  CHECK(mixture.weights()[1] == heavy[1] / (1 + 8 * u));
  CHECK(of({1 + 2 * u, 0}, unit, weights).weights()[0] == 1);
  const Mixture symmetric = of(half, skewed, covariances);
  CHECK(symmetric.covariances()[1] == 0.5 + 0x1p-13);
  CHECK(symmetric.covariances()[2] == 0.5 + 0x1p-13);
  const auto refused = [&](const Doubles& w, const Doubles& s, const SourceTypes& source, const std::string& part) {
    return says<InvalidArgument>([&] { of(w, s, source); }, part);
  };
  CHECK(refused(heavier, unit, weights, "weights must sum to 1 within 4.76837158203125e-07 (float32), but sum to"));
  CHECK(refused({1 + 10 * u, 0}, unit, weights, "weights[0] must be in [0, 1]"));
  CHECK(refused(heavy, unit, covariances, "weights must sum to 1 within 1e-8, but sum to"));
  CHECK(refused(half, more_skewed, covariances,
                "covariances[1, 0] must equal its mirror image within 0.000244140625 (float32) relative, but"));
  CHECK(refused(half, skewed, weights, "mirror image within 1e-8 relative, but"));
}

TEST_CASE("mixture: construction names what it refuses") {
  const auto refused = [](const Doubles& w, const Doubles& m, const Doubles& s, CovarianceType type,
                          const std::string& part) {
    return says<InvalidArgument>([&] { make(w, m, s, type); }, part);
  };
  using Type = CovarianceType;
  CHECK(refused({0.5, 0.6}, {0, 1}, {1, 1}, Type::spherical, "weights must sum to 1 within 1e-8, but sum to 1.1"));
  CHECK(refused({-0.5, 1.5}, {0, 1}, {1, 1}, Type::spherical, "weights[0] must be in [0, 1], but is -0.5"));
  CHECK(refused({1}, {0, std::nan("")}, {1, 1}, Type::diag, "means[0, 1] must be finite, but is nan"));
  CHECK(refused({1}, {0, 1}, {1, inf, inf, 1}, Type::full, "covariances[0, 0, 1] must be finite, but is inf"));
  CHECK(refused({1}, {0, 1}, {1, 0.5, 0.25, 1}, Type::tied, "covariances[1, 0] must equal its mirror image"));
  CHECK(refused({1}, {0, 1}, {1, 1, 1}, Type::full, "covariances must have 4 values"));
  const auto fails = [](const Doubles& s, Type type, bool singular, const std::string& part) {
    return says<NumericalError>([&] { make({1}, {0, 1}, s, type, singular); }, part);
  };
  CHECK(fails({1, 1, 1, 1}, Type::full, false,
              "covariances of component 0 must be positive definite, but has rank 1 of 2"));
  CHECK(fails({1, 2, 2, 1}, Type::full, true, "covariances of component 0 must be positive semi-definite"));
  CHECK(fails({1, -1}, Type::diag, true, "covariances[0, 1] must be a variance ≥ 0, but is -1"));
  CHECK(fails({1, 0}, Type::diag, false, "has rank 1 of 2"));
}
