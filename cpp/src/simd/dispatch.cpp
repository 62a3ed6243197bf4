#include "simd/dispatch.hpp"

#include "simd/cpu_features.hpp"

#include <gaussmix/error.hpp>
#include <gaussmix/simd.hpp>

#include <atomic>
#include <cstdlib>
#include <iterator>

namespace gaussmix {

namespace simd {

#ifdef GAUSSMIX_HAVE_AVX2
extern const KernelTable kernels_avx2;
#endif
#ifdef GAUSSMIX_HAVE_AVX512
extern const KernelTable kernels_avx512;
#endif

namespace {

/// The tables of this build, from the least to the best.
constexpr const KernelTable* compiled[] = {
    &kernels_baseline,
#ifdef GAUSSMIX_HAVE_AVX2
    &kernels_avx2,
#endif
#ifdef GAUSSMIX_HAVE_AVX512
    &kernels_avx512,
#endif
};

std::atomic<const KernelTable*> active{nullptr};

const std::vector<const KernelTable*>& runnable() {
  static const std::vector<const KernelTable*> tables =
      runnable_tables({std::begin(compiled), std::end(compiled)}, cpu_features());
  return tables;
}

}  // namespace

std::vector<const KernelTable*> runnable_tables(const std::vector<const KernelTable*>& tables, std::uint32_t features) {
  std::vector<const KernelTable*> runnable;
  for (const KernelTable* table : tables) {
    if ((table->features & features) == table->features) runnable.push_back(table);
  }
  if (runnable.empty()) throw Error("this build of gaussmix needs instructions that the processor lacks");
  return runnable;
}

const KernelTable& table_named(const std::vector<const KernelTable*>& tables, const std::string& level,
                               const char* argument) {
  std::string names;
  for (const KernelTable* table : tables) {
    if (level == table->name) return *table;
    names += std::string(names.empty() ? "" : ", ") + '"' + table->name + '"';
  }
  throw InvalidArgument(std::string(argument) + " must be one of " + names +
                        " (the levels that this build holds and this processor runs), but is \"" + level + "\"");
}

const KernelTable& first_table(const std::vector<const KernelTable*>& tables, const char* forced) {
  if (forced == nullptr || *forced == '\0') return *tables.back();
  return table_named(tables, forced, "GAUSSMIX_SIMD");
}

const KernelTable& active_kernels() {
  if (const KernelTable* table = active.load(std::memory_order_acquire)) return *table;
  const KernelTable& chosen = first_table(runnable(), std::getenv("GAUSSMIX_SIMD"));
  const KernelTable* table = nullptr;  // a level that another thread has set meanwhile stays
  return active.compare_exchange_strong(table, &chosen) ? chosen : *table;
}

}  // namespace simd

std::string simd_level() { return simd::active_kernels().name; }

void set_simd_level(const std::string& level) {
  simd::active.store(&simd::table_named(simd::runnable(), level, "level"), std::memory_order_release);
}

std::vector<std::string> simd_levels() {
  std::vector<std::string> levels;
  for (const simd::KernelTable* table : simd::runnable()) levels.emplace_back(table->name);
  return levels;
}

}  // namespace gaussmix
