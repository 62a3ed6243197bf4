#include "messages.hpp"

#include <doctest/doctest.h>
#include <gaussmix/error.hpp>
#include <gaussmix/fit.hpp>
#include <gaussmix/simd.hpp>

#include "problems.hpp"
#include "simd/cpu_features.hpp"
#include "simd/dispatch.hpp"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

using namespace gaussmix;
using messages::message_of;
using simd::KernelTable;

namespace {

/// Puts the level back that a test found.
class LevelGuard {
 public:
  LevelGuard() : level_(simd_level()) {}
  ~LevelGuard() { set_simd_level(level_); }
  LevelGuard(const LevelGuard&) = delete;
  LevelGuard& operator=(const LevelGuard&) = delete;

 private:
  std::string level_;
};

KernelTable table(const char* name, std::uint32_t features) {
  KernelTable result{};
  result.name = name;
  result.features = features;
  return result;
}

constexpr std::uint32_t with_avx2 = simd::feature_sse2 | simd::feature_avx | simd::feature_avx2 | simd::feature_fma;

}  // namespace

TEST_CASE("simd: the level of the environment is active, else the best one") {
  const char* forced = std::getenv("GAUSSMIX_SIMD");
  CHECK(simd_level() == (forced != nullptr && *forced != '\0' ? forced : simd_levels().back()));
}

TEST_CASE("simd: every level can be forced and is then in use") {
  const LevelGuard guard;
  const std::vector<std::string> levels = simd_levels();
  REQUIRE(levels.front() == "baseline");
  for (const std::string& level : levels) {
    set_simd_level(level);
    CHECK(simd_level() == level);
    CHECK(simd::active_kernels().name == level);
    CHECK((simd::active_kernels().features & ~simd::cpu_features()) == 0);
  }
}

TEST_CASE("simd: a level that is not there is an error that names those that are, and changes nothing") {
  const LevelGuard guard;
  const std::string before = simd_level();
  for (const std::string level : {"sse9", "", "BASELINE", "baseline "}) {
    const std::string message = message_of([&] { set_simd_level(level); });
    CHECK(message.find("level must be one of \"baseline\"") == 0);
    CHECK(message.find("but is \"" + level + "\"") != std::string::npos);
    CHECK(simd_level() == before);
  }
}

TEST_CASE("simd: tables that need more than the processor has are left out") {
  const KernelTable baseline = table("baseline", simd::feature_sse2);
  const KernelTable avx2 = table("avx2", with_avx2);
  const KernelTable avx512 = table("avx512", with_avx2 | simd::feature_avx512f | simd::feature_avx512vl);
  const std::vector<const KernelTable*> all = {&baseline, &avx2, &avx512};
  using Tables = std::vector<const KernelTable*>;

  CHECK(simd::runnable_tables(all, simd::feature_sse2) == Tables{&baseline});
  CHECK(simd::runnable_tables(all, with_avx2 & ~simd::feature_fma) == Tables{&baseline});
  CHECK(simd::runnable_tables(all, with_avx2) == Tables{&baseline, &avx2});
  CHECK(simd::runnable_tables(all, with_avx2 | simd::feature_avx512f) == Tables{&baseline, &avx2});
  CHECK(simd::runnable_tables(all, ~0u) == all);
  CHECK_THROWS_AS(simd::runnable_tables(all, 0), Error);
}

TEST_CASE("simd: GAUSSMIX_SIMD forces a table, empty means none, anything else is an error") {
  const KernelTable baseline = table("baseline", simd::feature_sse2);
  const KernelTable avx2 = table("avx2", with_avx2);
  const std::vector<const KernelTable*> tables = {&baseline, &avx2};

  CHECK(&simd::first_table(tables, nullptr) == &avx2);
  CHECK(&simd::first_table(tables, "") == &avx2);
  CHECK(&simd::first_table(tables, "baseline") == &baseline);
  CHECK(
      message_of([&] { simd::first_table(tables, "avx512"); }) ==
      "GAUSSMIX_SIMD must be one of \"baseline\", \"avx2\" (the levels that this build holds and this processor runs), "
      "but is \"avx512\"");
}

TEST_CASE("simd: a call ends at the level that it began with, whatever is set meanwhile") {
  const LevelGuard guard;
  const problems::Problem p = problems::random_problem(3, 13, 700, CovarianceType::full, 5);
  for (const std::string& level : simd_levels())
    for (const std::string& other : simd_levels()) {
      CAPTURE(level);
      CAPTURE(other);
      FitOptions options;
      options.tol = 0.0;
      options.max_iter = 4;
      options.reg_covar = 1e-6;
      set_simd_level(level);
      const MatrixView<const double> x = p.rows();
      const FitResult expected = fit(x, 3, options);
      options.callback = [&other](const FitProgress&) {
        set_simd_level(other);
        return false;
      };
      const FitResult found = fit(x, 3, options);
      CHECK(found.mixture == expected.mixture);
      CHECK(found.trace == expected.trace);
      CHECK(found.log_likelihood == expected.log_likelihood);

      // Each row that is read sets another level than the one before.
      set_simd_level(level);
      Statistics sums(expected.mixture);
      sums.accumulate(x, {}, {1, {}});
      const KMeansResult clusters = kmeans(x, 3, 1);
      const Samples restless(700, 13, [&](Index begin, Index end, double* out) {
        set_simd_level(simd_level() == level ? other : level);
        std::copy(x.data() + begin * 13, x.data() + end * 13, out);
      });
      Statistics found_sums(expected.mixture);
      set_simd_level(level);
      found_sums.accumulate(restless, {}, {1, {}});
      CHECK(found_sums == sums);
      set_simd_level(level);
      const KMeansResult found_clusters = kmeans(restless, 3, 1);
      CHECK(found_clusters.centers == clusters.centers);
      CHECK(found_clusters.labels == clusters.labels);
    }
}

#ifdef __aarch64__
TEST_CASE("simd: NEON is the baseline of arm64, and there is no other level") {
  CHECK(simd::cpu_features() == simd::feature_neon);
  CHECK(simd::active_kernels().features == simd::feature_neon);
  CHECK(simd_levels() == std::vector<std::string>{"baseline"});
  CHECK_THROWS_AS(set_simd_level("avx2"), InvalidArgument);
}
#endif

#ifdef __x86_64__
TEST_CASE("simd: the processor's features are those that the compiler's own runtime sees") {
  const std::uint32_t found = simd::cpu_features();
  const auto has = [&](std::uint32_t feature) { return (found & feature) != 0; };
  __builtin_cpu_init();
  CHECK(has(simd::feature_sse2));
  CHECK(has(simd::feature_avx) == static_cast<bool>(__builtin_cpu_supports("avx")));
  CHECK(has(simd::feature_avx2) == static_cast<bool>(__builtin_cpu_supports("avx2")));
  CHECK(has(simd::feature_fma) == static_cast<bool>(__builtin_cpu_supports("fma")));
  CHECK(has(simd::feature_avx512f) == static_cast<bool>(__builtin_cpu_supports("avx512f")));
  CHECK(has(simd::feature_avx512bw) == static_cast<bool>(__builtin_cpu_supports("avx512bw")));
  CHECK(has(simd::feature_avx512dq) == static_cast<bool>(__builtin_cpu_supports("avx512dq")));
  CHECK(has(simd::feature_avx512vl) == static_cast<bool>(__builtin_cpu_supports("avx512vl")));
  CHECK(has(simd::feature_avx512cd) == static_cast<bool>(__builtin_cpu_supports("avx512cd")));
}
#endif
