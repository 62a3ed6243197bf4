#define DOCTEST_CONFIG_IMPLEMENT
#include <doctest/doctest.h>

#include <gaussmix/simd.hpp>

#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <string>

namespace {

/// What ctest shows as skipped.
constexpr int skipped = 77;

/// Whether GAUSSMIX_SIMD asks for a level that this processor cannot run.
bool level_is_absent() {
  const char* level = std::getenv("GAUSSMIX_SIMD");
  const auto levels = gaussmix::simd_levels();
  return level != nullptr && std::find(levels.begin(), levels.end(), level) == levels.end();
}

}  // namespace

int main(int argc, char** argv) {
  if (level_is_absent()) {
    std::cout << "skipped: this processor does not run the level " << std::getenv("GAUSSMIX_SIMD") << '\n';
    return skipped;
  }
  return doctest::Context(argc, argv).run();
}
