#include <gaussmix/version.hpp>

#include <doctest/doctest.h>

#include <map>
#include <string>

namespace {

std::map<std::string, std::string> info() {
  const auto pairs = gaussmix::build_info();
  return {pairs.begin(), pairs.end()};
}

}  // namespace

TEST_CASE("the version is the project's") {
  CHECK(gaussmix::version() == std::string(GAUSSMIX_PROJECT_VERSION));
  CHECK(info().at("version") == GAUSSMIX_PROJECT_VERSION);
}

TEST_CASE("build_info names every part of the build, each once") {
  const auto by_name = info();
  CHECK(by_name.size() == gaussmix::build_info().size());
  for (const char* name :
       {"version", "compiler", "eigen", "nlohmann_json", "openmp", "simd_levels", "build_type", "assertions"}) {
    CAPTURE(name);
    REQUIRE(by_name.count(name) == 1);
    CHECK_FALSE(by_name.at(name).empty());
  }
}

TEST_CASE("build_info agrees with the compiler") {
#if defined(__clang__)
  CHECK(info().at("compiler").rfind("Clang ", 0) == 0);
#else
  CHECK(info().at("compiler").rfind("GCC ", 0) == 0);
#endif
  CHECK(info().at("compiler").find(std::to_string(__GNUC__)) != std::string::npos);
#if defined(NDEBUG)
  CHECK(info().at("assertions") == "off");
#else
  CHECK(info().at("assertions") == "on");
#endif
}

TEST_CASE("the baseline is in every build") {
  const std::string levels = info().at("simd_levels");
  CHECK(levels.substr(0, levels.find(' ')) == "baseline");
}

TEST_CASE("Eigen is one that was tried") {
  const std::string eigen = info().at("eigen");
  CHECK((eigen.rfind("3.4.", 0) == 0 || eigen.rfind("5.", 0) == 0));
}
