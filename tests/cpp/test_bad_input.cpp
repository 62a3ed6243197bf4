// Parameters, data and outputs that a mixture and its verbs must refuse: the type of the error, what its message names,
// and that the object is unchanged afterwards.

#include "bad_input.hpp"

using namespace bad_input;

namespace {

/// Builds K = 2, D = 2 full mixtures with one argument replaced.
struct MixtureArguments {
  Doubles weights = {0.25, 0.75};
  Doubles means = {0, 0, 4, 4};
  Doubles covariances = identities;
  CovarianceType type = CovarianceType::full;
  bool allow_singular = false;

  Mixture build() const {
    return {weights, MatrixView<const double>(means.data(), 2, 2), covariances, type, allow_singular};
  }
};

/// D = 2 components of rank 2 and 1, which have no common measure.
Mixture unequal_ranks() {
  MixtureArguments a;
  a.covariances = {1, 0, 0, 1, 1, 0, 0, 0};
  a.allow_singular = true;
  return a.build();
}

std::function<void()> building(const std::function<void(MixtureArguments&)>& change) {
  return [change] {
    MixtureArguments a;
    change(a);
    a.build();
  };
}

std::function<void()> with_covariances(CovarianceType type, Doubles values, bool allow_singular = false) {
  return building([=](MixtureArguments& a) {
    a.type = type;
    a.covariances = values;
    a.allow_singular = allow_singular;
  });
}

}  // namespace

TEST_CASE("a mixture refuses parameters that break its invariants") {
  const Doubles weights = {0.25, 0.75}, means = {0, 0, 4, 4};
  const auto build = [&](VectorView<const double> w, MatrixView<const double> m, VectorView<const double> s) {
    return [=] { Mixture(w, m, s, CovarianceType::full); };
  };
  const MatrixView<const double> m(means.data(), 2, 2);
  const double* p = means.data();
  Doubles odd(9, 1.0);
  check_all<InvalidArgument>({
      {"no weights", build({}, m, identities), {"weights"}},
      {"null weights", build({nullptr, 2}, m, identities), {"weights", "null"}},
      {"negative number of weights", build({weights.data(), -2}, m, identities), {"weights", "-2"}},
      {"one weight too few", build({weights.data(), 1}, m, identities), {"weights", "1", "2"}},
      {"nan weight", building([](auto& a) { a.weights[1] = quiet_nan; }), {"weights[1]", "nan"}},
      {"inf weight", building([](auto& a) { a.weights[0] = inf; }), {"weights[0]", "inf"}},
      {"negative weight", building([](auto& a) { a.weights = {-0.25, 1.25}; }), {"weights[0]", "-0.25"}},
      {"weight above 1", building([](auto& a) { a.weights = {0.0, 1.25}; }), {"weights[1]", "1.25"}},
      {"sum of weights", building([](auto& a) { a.weights = {0.25, 0.5}; }), {"weights", "sum", "0.75"}},
      {"sum off by 2e-8", building([](auto& a) { a.weights[1] += 2e-8; }), {"weights", "sum", "1.00000001999"}},
      {"no means", build(weights, {}, identities), {"means"}},
      {"no features", build(weights, {p, 2, 0}, identities), {"means", "0"}},
      {"null means", build(weights, {nullptr, 2, 2}, identities), {"means", "null"}},
      {"negative number of means", build(weights, {p, -2, 2}, identities), {"means", "-2"}},
      {"negative number of features", build(weights, {p, 2, -2}, identities), {"means", "-2"}},
      {"nan mean", building([](auto& a) { a.means[3] = quiet_nan; }), {"means[1, 1]", "nan"}},
      {"inf mean", building([](auto& a) { a.means[1] = -inf; }), {"means[0, 1]", "-inf"}},
      {"weights not aligned", build({misaligned(odd), 2}, m, identities), {"weights", "multiple of 8 bytes"}},
      {"means not aligned", build(weights, {misaligned(odd), 2, 2}, identities), {"means", "multiple of 8 bytes"}},
      {"covariances not aligned", build(weights, m, {misaligned(odd), 8}), {"covariances", "multiple of 8 bytes"}},
      {"weights without end", build({p, 2, max_index}, m, identities), {"weights", "address space"}},
      {"means without end", build(weights, {p, 2, 2, 2, max_index}, identities), {"means", "address space"}},
      {"covariances without end", build(weights, m, {p, 8, -max_index}), {"covariances", "address space"}},
      {"D * D beyond 64 bits", build(weights, {p, 2, Index{1} << 33, 0, 0}, identities), {"covariances"}},
      {"K * D beyond 64 bits", build({p, huge, 0}, {p, huge, huge, 0, 0}, identities), {"means", "1099511627776"}},
      {"no covariances", build(weights, m, {}), {"covariances", "0"}},
      {"null covariances", build(weights, m, {nullptr, 8}), {"covariances", "null"}},
      {"covariances of one component", build(weights, m, {identities.data(), 4}), {"covariances", "8", "4"}},
      {"nan covariance", building([](auto& a) { a.covariances[6] = quiet_nan; }), {"covariances[1, 1, 0]", "nan"}},
      {"inf variance", with_covariances(CovarianceType::diag, {1, 1, inf, 1}), {"covariances[1, 0]", "inf"}},
      {"asymmetric", building([](auto& a) { a.covariances[5] = 0.5; }), {"covariances[1", "mirror image", "0.5"}},
      {"tied asymmetric",
       with_covariances(CovarianceType::tied, {2, 0.5, 0.25, 2}),
       {"covariances[", "mirror image", "0.25"}},
      {"values of another type", with_covariances(CovarianceType::diag, identities), {"covariances", "4", "8"}},
      {"spherical in the layout of diag",
       with_covariances(CovarianceType::spherical, {1, 1, 1, 1}),
       {"covariances", "2", "4"}},
      {"unknown type", building([](auto& a) { a.type = static_cast<CovarianceType>(17); }), {"covariance_type", "17"}},
      {"unknown name", [] { covariance_type_from_string("Full"); }, {"covariance_type", "Full", "spherical"}},
  });
}

TEST_CASE("a mixture refuses covariances without a density") {
  const Doubles indefinite = {1, 0, 0, 1, 1, 2, 2, 1}, singular = {1, 0, 0, 1, 4, 2, 2, 1};
  check_all<NumericalError>({
      {"indefinite", with_covariances(CovarianceType::full, indefinite), {"component 1", "positive semi-definite"}},
      {"indefinite, singular allowed",
       with_covariances(CovarianceType::full, indefinite, true),
       {"component 1", "positive semi-definite"}},
      {"negative variance", with_covariances(CovarianceType::diag, {1, 1, -0.5, 1}), {"covariances[1", "-0.5"}},
      {"negative, singular allowed",
       with_covariances(CovarianceType::spherical, {1, -0.5}, true),
       {"covariances[1]", "-0.5"}},
      {"tied indefinite",
       with_covariances(CovarianceType::tied, {1, 2, 2, 1}),
       {"covariances must be positive semi-definite"}},
      {"singular", with_covariances(CovarianceType::full, singular), {"component 1", "rank 1 of 2", "allow_singular"}},
      {"diag singular",
       with_covariances(CovarianceType::diag, {1, 1, 0, 1}),
       {"component 1", "rank 1 of 2", "allow_singular"}},
      {"spherical singular",
       with_covariances(CovarianceType::spherical, {0, 1}),
       {"component 0", "rank 0 of 2", "allow_singular"}},
      {"tied singular",
       with_covariances(CovarianceType::tied, {0, 0, 0, 0}),
       {"covariances must be", "rank 0 of 2", "allow_singular"}},
  });
}

TEST_CASE_TEMPLATE("scoring refuses bad X, bad out, bad thread counts", T, double, float) {
  const Mixture mixture = two_components();
  const Mixture before = mixture;
  std::vector<T> values(64);
  Indices labels(6);
  Doubles in_place = rows;
  using MatrixVerb = void (*)(const Mixture&, const Samples&, MatrixView<T>, const Execution&);
  const std::vector<std::pair<std::string, MatrixVerb>> verbs = {{"component_log_prob", component_log_prob<T>},
                                                                 {"log_joint", log_joint<T>},
                                                                 {"log_responsibilities", log_responsibilities<T>},
                                                                 {"responsibilities", responsibilities<T>}};
  std::vector<Case> cases;
  const MatrixView<const double> x = matrix(rows, 2), shared(in_place.data(), 6, 2);
  T* in_shared = reinterpret_cast<T*>(in_place.data());
  for (const auto& [name, verb] : verbs) {
    const auto to = [&, verb = verb](const Samples& samples, MatrixView<T> out, int threads = 0) {
      return [&mixture, samples, out, threads, verb] { verb(mixture, samples, out, Execution{threads, {}}); };
    };
    const Use use = [&, verb = verb](const Samples& s) { verb(mixture, s, {values.data(), s.rows(), 2}, {}); };
    append(cases, bad_samples(name, use));
    append(cases, bad_features(name, use));
    append(cases,
           {{name + ": out of N - 1 rows", to(x, {values.data(), 5, 2}), {"out", "6", "5"}},
            {name + ": out of 3 columns", to(x, {values.data(), 6, 3}), {"out", "2", "3"}},
            {name + ": null out", to(x, {nullptr, 6, 2}), {"out", "null"}},
            {name + ": out on itself", to(x, {values.data(), 6, 2, 0, 1}), {"out", "stride", "0"}},
            {name + ": columns of out on rows", to(x, {values.data(), 6, 2, 1, 1}), {"out", "share memory"}},
            {name + ": out in X", to(shared, {in_shared, 6, 2}), {"out must not share memory with X"}},
            {name + ": out behind strides",
             to(MatrixView<const double>(shared.data(), 3, 2, 4, 1), {in_shared + 3, 3, 2}),
             {"out must not share memory with X"}},
            {name + ": out not aligned", to(x, {misaligned(values), 6, 2}), {"out", "multiple of"}},
            {name + ": out without end", to(x, {values.data(), 6, 2, max_index, 1}), {"out", "address space"}},
            {name + ": -1 threads", to(x, {values.data(), 6, 2}, -1), {"num_threads", "-1"}},
            {name + ": 1025 threads", to(x, {values.data(), 6, 2}, 1025), {"num_threads", "[0, 1024]", "1025"}}});
  }
  const auto log_p = [&](const Samples& s, VectorView<T> out) {
    return [&mixture, s, out] { log_prob(mixture, s, out); };
  };
  const auto label = [&](VectorView<Index> out) { return [&mixture, x, out] { predict(mixture, x, out); }; };
  append(cases, bad_samples("log_prob", [&](const Samples& s) { log_prob<T>(mixture, s, {values.data(), s.rows()}); }));
  append(cases, bad_features("predict", [&](const Samples& s) { predict(mixture, s, {labels.data(), s.rows()}); }));
  append(cases, {{"log_prob: out of 5", log_p(x, {values.data(), 5}), {"out", "6", "5"}},
                 {"log_prob: null out", log_p(x, {nullptr, 6}), {"out", "null"}},
                 {"log_prob: out on itself", log_p(x, {values.data(), 6, 0}), {"out", "stride", "0"}},
                 {"log_prob: out in X", log_p(shared, {in_shared + 5, 6, -1}), {"out", "X"}},
                 {"predict: out of 5", label({labels.data(), 5}), {"out", "6", "5"}},
                 {"predict: null out", label({nullptr, 6}), {"out", "null"}},
                 {"predict: out on itself", label({labels.data(), 6, 0}), {"out", "stride", "0"}}});
  check_all<InvalidArgument>(cases);
  CHECK(mixture == before);
}

TEST_CASE("mixing components of unequal rank is a numerical error") {
  const Mixture mixture = unequal_ranks();
  const MatrixView<const double> x = matrix(rows, 2);
  Doubles values(12);
  Indices labels(6);
  const MatrixView<double> out(values.data(), 6, 2);
  const std::vector<std::string> ranks = {"rank", "2", "1"};
  check_all<NumericalError>({
      {"log_joint", [&] { log_joint(mixture, x, out); }, ranks},
      {"log_prob", [&] { log_prob<double>(mixture, x, {values.data(), 6}); }, ranks},
      {"log_responsibilities", [&] { log_responsibilities(mixture, x, out); }, ranks},
      {"responsibilities", [&] { responsibilities(mixture, x, out); }, ranks},
      {"predict", [&] { predict(mixture, x, labels); }, ranks},
      {"log_likelihood", [&] { log_likelihood(mixture, x); }, ranks},
      {"accumulate", [&] { Statistics(mixture).accumulate(x); }, ranks},
      {"row log_prob", [&] { RowScorer(mixture).log_prob(Doubles{0, 0}); }, ranks},
  });
  CHECK_NOTHROW(component_log_prob(mixture, x, out));
}

TEST_CASE("likelihood, aic and bic refuse bad X and bad weights") {
  const Mixture mixture = two_components();
  std::vector<Case> cases;
  const std::vector<std::pair<std::string, WeightedUse>> verbs = {
      {"log_likelihood", [&](const Samples& x, VectorView<const double> w) { log_likelihood(mixture, x, w); }},
      {"aic", [&](const Samples& x, VectorView<const double> w) { aic(mixture, x, w); }},
      {"bic", [&](const Samples& x, VectorView<const double> w) { bic(mixture, x, w); }}};
  for (const auto& [name, verb] : verbs) {
    append(cases, bad_samples(name, [verb = verb](const Samples& x) { verb(x, {}); }));
    append(cases, bad_weights(name, verb));
  }
  check_all<InvalidArgument>(cases);
}

TEST_CASE("a row scorer refuses bad rows and works on") {
  RowScorer scorer(two_components());
  Doubles gamma(2), odd(3);
  const Doubles x = {1, 2}, with_nan = {1, quiet_nan}, with_inf = {inf, 1}, longer = {1, 2, 3};
  const double expected = scorer.log_prob(x);
  check_all<InvalidArgument>({
      {"nan", [&] { scorer.log_prob(with_nan); }, {"x[1]", "nan"}},
      {"inf", [&] { scorer.predict(with_inf); }, {"x[0]", "inf"}},
      {"too long", [&] { scorer.log_prob(longer); }, {"x", "2", "3"}},
      {"empty", [&] { scorer.predict(VectorView<const double>{}); }, {"x", "2", "0"}},
      {"null", [&] { scorer.log_prob(VectorView<const double>{nullptr, 2}); }, {"x", "null"}},
      {"negative size", [&] { scorer.log_prob({x.data(), -2}); }, {"x", "-2"}},
      {"short out", [&] { scorer.responsibilities(x, {gamma.data(), 1}); }, {"out", "2", "1"}},
      {"null out", [&] { scorer.responsibilities(x, {nullptr, 2}); }, {"out", "null"}},
      {"not aligned", [&] { scorer.log_prob({misaligned(odd), 2}); }, {"x", "multiple of 8 bytes"}},
      {"without end", [&] { scorer.predict({x.data(), 2, max_index}); }, {"x", "address space"}},
      {"before all memory", [&] { scorer.predict({x.data(), 2, -max_index / 8}); }, {"x", "address space"}},
      {"out in x", [&] { scorer.responsibilities({odd.data() + 1, 2}, {odd.data(), 2}); }, {"out", "with x"}},
      {"out not aligned", [&] { scorer.responsibilities(x, {misaligned(odd), 2}); }, {"out", "multiple of 8 bytes"}},
      {"out without end", [&] { scorer.responsibilities(x, {gamma.data(), 2, max_index}); }, {"out", "address space"}},
      {"nan for responsibilities", [&] { scorer.responsibilities(with_nan, gamma); }, {"x[1]", "nan"}},
  });
  CHECK(scorer.log_prob(x) == expected);
}

TEST_CASE("sampling refuses arrays of wrong shape") {
  const Mixture mixture = two_components();
  Doubles x(12);
  Indices z(6);
  const auto draw = [&](MatrixView<double> xs, VectorView<Index> zs) {
    return [&mixture, xs, zs] { sample(mixture, 1, xs, zs); };
  };
  check_all<InvalidArgument>({
      {"D = 3", draw({x.data(), 4, 3}, {z.data(), 4}), {"x", "2", "3"}},
      {"short z", draw({x.data(), 6, 2}, {z.data(), 5}), {"z", "6", "5"}},
      {"negative rows", draw({x.data(), -6, 2}, {z.data(), -6}), {"x", "-6"}},
      {"null x", draw({nullptr, 6, 2}, z), {"x", "null"}},
      {"null z", draw({x.data(), 6, 2}, {nullptr, 6}), {"z", "null"}},
      {"x on itself", draw({x.data(), 6, 2, 0, 1}, z), {"x", "stride", "0"}},
      {"x not aligned", draw({misaligned(x), 5, 2}, {z.data(), 5}), {"x", "multiple of 8 bytes"}},
      {"z not aligned", draw({x.data(), 5, 2}, {misaligned(z), 5}), {"z", "multiple of 8 bytes"}},
      {"x without end", draw({x.data(), 6, 2, 2, max_index / 4}, z), {"x", "address space"}},
      {"z in x", draw({x.data(), 6, 2}, {reinterpret_cast<Index*>(x.data()) + 11, 6}), {"x must not share", "with z"}},
      {"z on itself", draw({x.data(), 6, 2}, {z.data(), 6, 0}), {"z", "stride", "0"}},
  });
}

TEST_CASE("process-wide settings refuse what this machine lacks") {
  const int threads = get_num_threads();
  const std::string level = simd_level();
  check_all<InvalidArgument>({
      {"-1 threads", [] { set_num_threads(-1); }, {"num_threads", "-1"}},
      {"1025 threads", [] { set_num_threads(1025); }, {"num_threads", "1025"}},
      {"unknown level", [] { set_simd_level("sse9"); }, {"level", "sse9", "baseline"}},
      {"empty level", [] { set_simd_level(""); }, {"level", "baseline"}},
  });
  CHECK(get_num_threads() == threads);
  CHECK(simd_level() == level);
}
