// What the C ABI does with memory: a row that is scored allocates nothing; when any one allocation of a call fails, or all from
// it on, the call ends in a status, nothing is leaked, and what was there before works as before.

#include "c_api_parameters.hpp"
#include "counted_memory.hpp"
#include "model_files.hpp"
#include "problems.hpp"

#include <gaussmix/gaussmix.h>
#include <gaussmix/statistics.hpp>

#include <cstdio>
#include <cstdlib>
#include <functional>
#include <string>

using namespace gaussmix;
using namespace problems;

namespace {

int n_failures = 0;

void check(bool holds, const std::string& what) {
  if (holds) return;
  ++n_failures;
  std::printf("FAILED: %s (last error: %s)\n", what.c_str(), gaussmix_last_error());
}

constexpr gaussmix_execution one_thread = {sizeof one_thread, 1, nullptr, nullptr};

/// A mixture and what it says of its rows, to be found again after every failure.
class TestedModel {
 public:
  explicit TestedModel(const Problem& p, bool allow_singular = false)
      : problem_(p),
        parameters_(parameters_of(problem_, allow_singular)),
        rows_(gaussmix_samples_f64(problem_.x.data(), p.n, p.d)),
        far_(at(p.d), 1e200),
        single_(p.x.begin(), p.x.end()),
        single_rows_(gaussmix_samples_f32(single_.data(), p.n, p.d)),
        log_p_(at(p.n)),
        out_(at(p.n * p.k)),
        single_out_(at(p.n * p.k)) {
    check(gaussmix_mixture_create(&parameters_, nullptr, &mixture_) == GAUSSMIX_OK, "the model is made");
    check(score(mixture_) == GAUSSMIX_OK, "the model scores");
    expected_ = log_p_;
    Index size = 0;
    check(gaussmix_mixture_to_bytes(mixture_, nullptr, nullptr, 0, &size) == GAUSSMIX_OK, "the model has a size");
    bytes_.resize(at(size));
    check(gaussmix_mixture_to_bytes(mixture_, nullptr, bytes_.data(), size, &size) == GAUSSMIX_OK, "it is written");
  }
  ~TestedModel() { gaussmix_mixture_free(mixture_); }

  const gaussmix_parameters& parameters() const { return parameters_; }
  const gaussmix_samples& rows() const { return rows_; }
  const Problem& problem() const { return problem_; }
  const gaussmix_mixture* mixture() const { return mixture_; }
  /// Of its model file.
  const std::vector<std::uint8_t>& bytes() const { return bytes_; }

  gaussmix_status score(const gaussmix_mixture* mixture) {
    return gaussmix_log_prob_f64(mixture, &rows_, log_p_.data(), problem_.n, 1, &one_thread);
  }
  gaussmix_status score_in_float(const gaussmix_mixture* mixture) {
    return gaussmix_responsibilities_f32(mixture, &single_rows_, single_out_.data(), problem_.n, problem_.k, problem_.k,
                                         1, &one_thread);
  }
  std::vector<float> float_scores(const gaussmix_mixture* mixture) {
    std::fill(single_out_.begin(), single_out_.end(), 0.0f);
    check(score_in_float(mixture) == GAUSSMIX_OK, "the model scores in float");
    return single_out_;
  }
  gaussmix_status score_rows(gaussmix_row_scorer* scorer) {
    gaussmix_status status = GAUSSMIX_OK;
    for (Index i = 0; i <= problem_.n && status == GAUSSMIX_OK; ++i) {
      const double* row = i < problem_.n ? problem_.row(i) : far_.data();
      double log_p = 0;
      Index label = 0;
      status = gaussmix_row_scorer_log_prob(scorer, row, problem_.d, &log_p);
      if (status == GAUSSMIX_OK)
        status = gaussmix_row_scorer_responsibilities(scorer, row, problem_.d, out_.data(), problem_.k);
      if (status == GAUSSMIX_OK) status = gaussmix_row_scorer_predict(scorer, row, problem_.d, &label);
    }
    return status;
  }
  /// By the functions that take any number of rows.
  gaussmix_status score_rows_one_by_one() {
    gaussmix_status status = GAUSSMIX_OK;
    const Index d = problem_.d, k = problem_.k;
    for (Index i = 0; i < problem_.n && status == GAUSSMIX_OK; ++i) {
      const gaussmix_samples row = gaussmix_samples_f64(problem_.row(i), 1, d);
      Index label = 0;
      status = gaussmix_log_prob_f64(mixture_, &row, log_p_.data(), 1, 1, nullptr);
      if (status == GAUSSMIX_OK)
        status = gaussmix_responsibilities_f64(mixture_, &row, out_.data(), 1, k, k, 1, nullptr);
      if (status == GAUSSMIX_OK) status = gaussmix_predict(mixture_, &row, &label, 1, 1, nullptr);
    }
    return status;
  }
  bool is_as_it_was() { return score(mixture_) == GAUSSMIX_OK && log_p_ == expected_; }

 private:
  Problem problem_;
  gaussmix_parameters parameters_;
  gaussmix_samples rows_;
  Doubles far_;  ///< a row whose squared distances overflow, and that lies off every support
  std::vector<float> single_;
  gaussmix_samples single_rows_;
  Doubles log_p_, expected_, out_;
  std::vector<float> single_out_;
  std::vector<std::uint8_t> bytes_;
  gaussmix_mixture* mixture_ = nullptr;
};

/// A call that frees what it makes.
using Operation = std::function<gaussmix_status()>;

/// Refuses the n-th allocation of `operation` for every n. @returns the allocations it makes
long refuse_each(const std::string& name, const Operation& operation, const std::function<bool()>& is_as_it_was) {
  namespace memory = counted_memory;
  check(operation() == GAUSSMIX_OK, name + ", with memory enough");  // what is made once is made now
  for (long n = 0;; ++n)
    for (const bool for_good : {true, false}) {
      const long live = memory::n_live, refused = memory::n_refused;
      memory::refuses_for_good = for_good;
      memory::n_granted = n;
      const gaussmix_status status = operation();
      memory::n_granted = memory::unlimited;
      const long leaked = memory::n_live - live;
      const std::string where = name + ", allocation " + std::to_string(n) + (for_good ? " and all after it" : "");
      if (memory::n_refused == refused) {
        check(status == GAUSSMIX_OK, where + ": nothing was refused");
        return n;
      }
      check(status == GAUSSMIX_ERROR_OUT_OF_MEMORY, where + ": the status is " + std::to_string(status));
      check(leaked == 0, where + ": " + std::to_string(leaked) + " allocations leaked");
      check(is_as_it_was(), where + ": the model has changed");
    }
}

void refuse_to_create_and_score(const std::string& name, TestedModel& model) {
  const auto report = [&](const char* what, const Operation& operation) {
    const long n = refuse_each(name + ", " + what, operation, [&] { return model.is_as_it_was(); });
    std::printf("%s, %s: each of %ld allocations refused\n", name.c_str(), what, n);
  };
  report("create and score in float", [&] {
    gaussmix_mixture* made = nullptr;
    gaussmix_status status = gaussmix_mixture_create(&model.parameters(), nullptr, &made);
    if (status == GAUSSMIX_OK) status = model.score_in_float(made);
    gaussmix_mixture_free(made);
    return status;
  });
  report("write, read and score", [&] {
    gaussmix_mixture* made = nullptr;
    Index size = 0;
    gaussmix_status status = gaussmix_mixture_to_bytes(model.mixture(), nullptr, nullptr, 0, &size);
    if (status == GAUSSMIX_OK)
      status =
          gaussmix_mixture_from_bytes(model.bytes().data(), static_cast<Index>(model.bytes().size()), nullptr, &made);
    if (status == GAUSSMIX_OK) status = model.score(made);
    gaussmix_mixture_free(made);
    return status;
  });
  report("score", [&] { return model.score(model.mixture()); });
  report("score row by row", [&] {
    gaussmix_row_scorer* scorer = nullptr;
    gaussmix_status status = gaussmix_row_scorer_create(model.mixture(), &scorer);
    if (status == GAUSSMIX_OK) status = model.score_rows(scorer);
    gaussmix_row_scorer_free(scorer);
    return status;
  });
}

/// What a mixture makes at its first float row is made whole or not at all, and tried again.
void refuse_first_float_rows(const std::string& name, TestedModel& model) {
  const std::vector<float> expected = model.float_scores(model.mixture());
  long n = 0;
  for (bool refused = true; refused; ++n) {
    gaussmix_mixture* fresh = nullptr;
    check(gaussmix_mixture_create(&model.parameters(), nullptr, &fresh) == GAUSSMIX_OK, name + ": a mixture is made");
    const long refused_before = counted_memory::n_refused;
    counted_memory::refuses_for_good = true;
    counted_memory::n_granted = n;
    model.score_in_float(fresh);
    counted_memory::n_granted = counted_memory::unlimited;
    refused = counted_memory::n_refused > refused_before;
    check(model.float_scores(fresh) == expected, name + ": float scores after a failure");
    gaussmix_mixture_free(fresh);
  }
  std::printf("%s, first rows in float: each of %ld allocations refused, then tried again\n", name.c_str(), n - 1);
}

void refuse_to_save_and_load(TestedModel& model) {
  const model_files::TemporaryFolder folder;
  const std::string path = folder.path("model");
  const auto save_and_load = [&] {
    gaussmix_mixture* made = nullptr;
    gaussmix_status status = gaussmix_mixture_save(model.mixture(), path.c_str(), nullptr);
    if (status == GAUSSMIX_OK) status = gaussmix_mixture_load(path.c_str(), nullptr, &made);
    if (status == GAUSSMIX_OK) status = model.score(made);
    gaussmix_mixture_free(made);
    return status;
  };
  const long n = refuse_each("save, load and score", save_and_load, [&] {
    return folder.names().size() == 1 && folder.content("model") == model.bytes() && model.is_as_it_was();
  });
  std::printf("save, load and score: each of %ld allocations refused\n", n);
}

/// Bytes of the statistics, for comparison.
std::vector<std::uint8_t> bytes_of(const gaussmix_statistics* statistics) {
  Index size = 0;
  check(gaussmix_statistics_to_bytes(statistics, 1, nullptr, 0, &size) == GAUSSMIX_OK, "the bytes have a size");
  std::vector<std::uint8_t> bytes(at(size));
  check(gaussmix_statistics_to_bytes(statistics, 1, bytes.data(), size, &size) == GAUSSMIX_OK, "the bytes are written");
  return bytes;
}

gaussmix_statistics* new_statistics(const TestedModel& model) {
  gaussmix_statistics* made = nullptr;
  check(gaussmix_statistics_create(model.mixture(), &made) == GAUSSMIX_OK, "statistics are made");
  return made;
}

gaussmix_status accumulate(gaussmix_statistics* sums, const TestedModel& model) {
  return gaussmix_statistics_accumulate(sums, &model.rows(), nullptr, 0, &one_thread);
}

void refuse_statistics(const TestedModel& model) {
  gaussmix_statistics *kept = new_statistics(model), *full = new_statistics(model);
  check(accumulate(full, model) == GAUSSMIX_OK, "rows are added");
  check(accumulate(kept, model) == GAUSSMIX_OK, "rows are added");
  check(gaussmix_statistics_scale(kept, 0) == GAUSSMIX_OK,
        "the sums are emptied");  // which leaves zeros of both signs
  const std::vector<std::uint8_t> no_sums = bytes_of(kept), sums = bytes_of(full);
  const auto report = [&](const char* what, const Operation& operation, const std::function<bool()>& is_as_it_was) {
    const long n = refuse_each(what, operation, is_as_it_was);
    std::printf("statistics, %s: each of %ld allocations refused\n", what, n);
  };
  report(
      "read, merge, maximize",
      [&] {
        gaussmix_statistics* read = nullptr;
        gaussmix_mixture* next = nullptr;
        gaussmix_status status =
            gaussmix_statistics_from_bytes(no_sums.data(), static_cast<Index>(no_sums.size()), nullptr, nullptr, &read);
        if (status == GAUSSMIX_OK) status = gaussmix_statistics_merge(read, full);
        if (status == GAUSSMIX_OK) status = gaussmix_statistics_maximize(read, nullptr, nullptr, nullptr, &next);
        gaussmix_mixture_free(next);
        gaussmix_statistics_free(read);
        return status;
      },
      [&] { return bytes_of(full) == sums; });
  // Adding rows and taking them away again: between the two the sums are whole as well.
  report(
      "accumulate, scale",
      [&] {
        const gaussmix_status status = accumulate(kept, model);
        return status == GAUSSMIX_OK ? gaussmix_statistics_scale(kept, 0) : status;
      },
      [&] {
        const bool is_full = bytes_of(kept) == sums;
        if (is_full) check(gaussmix_statistics_scale(kept, 0) == GAUSSMIX_OK, "the sums are emptied");
        return is_full || bytes_of(kept) == no_sums;
      });
  gaussmix_statistics_free(kept);
  gaussmix_statistics_free(full);
}

void refuse_to_fit(TestedModel& model, gaussmix_init init, const char* name) {
  gaussmix_fit_options options;
  check(gaussmix_fit_options_defaults(&options, sizeof options) == GAUSSMIX_OK, "the options have defaults");
  options.covariance_type = static_cast<std::int32_t>(model.problem().type);
  options.init = init;
  options.max_iter = 3;
  const auto fit = [&] {
    gaussmix_fit_result* result = nullptr;
    const gaussmix_status status =
        gaussmix_fit(&model.rows(), model.problem().k, &options, nullptr, 0, &one_thread, &result);
    gaussmix_fit_result_free(result);
    return status;
  };
  const long n = refuse_each(name, fit, [&] { return model.is_as_it_was(); });
  std::printf("fit from %s: each of %ld allocations refused\n", name, n);
}

/// `operation` scores all rows and allocates nothing.
void count_allocations(const std::string& name, const TestedModel& model, const Operation& operation) {
  const long before = counted_memory::n_allocations;
  const gaussmix_status status = operation();
  const long n = counted_memory::n_allocations - before;
  check(status == GAUSSMIX_OK, name + ": the rows are scored");
  check(n == 0, name + ": " + std::to_string(n) + " allocations");
  std::printf("%s: %ld allocations in %lld rows\n", name.c_str(), n, static_cast<long long>(model.problem().n));
}

/// A row scorer allocates when it is made, and not again.
void count_row_allocations(const std::string& name, TestedModel& model) {
  gaussmix_row_scorer* scorer = nullptr;
  check(gaussmix_row_scorer_create(model.mixture(), &scorer) == GAUSSMIX_OK, name + ": the scorer is made");
  count_allocations(name, model, [&] { return model.score_rows(scorer); });
  gaussmix_row_scorer_free(scorer);
}

/// Of one row the other functions too allocate once for a mixture, and not again.
void count_single_row_allocations(const std::string& name, TestedModel& model) {
  check(model.score_rows_one_by_one() == GAUSSMIX_OK, name + ": the rows are scored");
  count_allocations(name + ", one row a call", model, [&] { return model.score_rows_one_by_one(); });
}

/// A row more costs the sums of that row, not copies of all that were there: streams come row by row.
void count_accumulated_bytes() {
  constexpr Index k = 16, d = 128;
  const Problem p = random_problem(k, d, 4, CovarianceType::full, 9);
  Statistics statistics(p.mixture());
  statistics.accumulate(p.rows(), {}, {1, {}});
  const long before = counted_memory::n_bytes;
  statistics.accumulate(p.rows(0, 1), {}, {1, {}});
  const long sums = k * d * d * static_cast<long>(sizeof(double));
  check(counted_memory::n_bytes - before < 2 * sums, "one row asks for " +
                                                         std::to_string(counted_memory::n_bytes - before) +
                                                         " bytes, the sums hold " + std::to_string(sums));
}

/// What a log-likelihood asks for does not grow with the rows.
void count_bytes_of_log_likelihood() {
  const Problem p = random_problem(2, 1, 1, CovarianceType::diag, 11);
  const Mixture mixture = p.mixture();
  const auto bytes_for = [&](Index n) {
    const Samples rows(n, 1, [](Index begin, Index end, double* out) {
      for (Index i = begin; i < end; ++i) *out++ = static_cast<double>(i % 7);
    });
    const long before = counted_memory::n_bytes;
    log_likelihood(mixture, rows, {}, {1, {}});
    return counted_memory::n_bytes - before;
  };
  const long few = bytes_for(Index{1} << 17), many = bytes_for(Index{1} << 21);
  check(many <= few + 1024, "2^17 rows ask for " + std::to_string(few) + " bytes, 2^21 for " + std::to_string(many));
}

/// Two variances of the second component are 0, where every row has the value of its mean.
Problem singular_problem() {
  Problem p = random_problem(3, 5, 30, CovarianceType::diag, 7);
  for (Index k = 0; k < 3; ++k) p.means[at(k * 5 + 4)] = 1, p.covariances[at(k * 5 + 4)] = 0;
  for (Index i = 0; i < p.n; ++i) p.x[at(i * 5 + 4)] = 1;
  return p;
}

}  // namespace

int main() {
  for (const CovarianceType type : all_types) {
    TestedModel large(random_problem(8, 16, 50, type, 5));
    count_row_allocations(to_string(type), large);
    count_single_row_allocations(to_string(type), large);
    TestedModel small(random_problem(3, 4, 40, type, 3));
    refuse_to_create_and_score(to_string(type), small);
    refuse_first_float_rows(to_string(type), small);
    refuse_to_save_and_load(small);
    refuse_statistics(small);
    for (const auto& [init, name] : {std::pair(GAUSSMIX_INIT_KMEANS, "k-means"), {GAUSSMIX_INIT_RANDOM, "random"}})
      refuse_to_fit(small, init, name);
  }
  count_accumulated_bytes();
  count_bytes_of_log_likelihood();
  TestedModel singular(singular_problem(), true);
  count_row_allocations("singular", singular);
  refuse_to_create_and_score("singular", singular);
  std::printf("%d checks failed\n", n_failures);
  return n_failures == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
