#include <gaussmix/version.hpp>

namespace gaussmix {
namespace {

#if defined(__clang__)
constexpr const char* compiler = "Clang " __clang_version__;
#else
constexpr const char* compiler = "GCC " __VERSION__;
#endif

#if defined(_OPENMP)
constexpr const char* openmp = "on";
#else
constexpr const char* openmp = "off";
#endif

#if defined(NDEBUG)
constexpr const char* assertions = "off";
#else
constexpr const char* assertions = "on";
#endif

}  // namespace

const char* version() noexcept { return GAUSSMIX_VERSION; }

std::vector<std::pair<std::string, std::string>> build_info() {
  return {
      {"version", GAUSSMIX_VERSION},
      {"compiler", compiler},
      {"eigen", GAUSSMIX_EIGEN_VERSION},
      {"nlohmann_json", GAUSSMIX_JSON_VERSION},
      {"openmp", openmp},
      {"simd_levels", GAUSSMIX_SIMD_LEVELS},
      {"build_type", GAUSSMIX_BUILD_TYPE},
      {"assertions", assertions},
  };
}

}  // namespace gaussmix
