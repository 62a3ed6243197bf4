#include "c_api/border.hpp"

#include <gaussmix/simd.hpp>
#include <gaussmix/version.hpp>

#include <algorithm>

using namespace gaussmix;
using c_api::guarded;
using c_api::required;
using c_api::Texts;

namespace {

// Never destroyed: what they hold is the caller's until the process ends.

const Texts& levels() {
  static const Texts& texts = *new Texts(simd_levels());
  return texts;
}

/// Names, or values.
Texts* new_entries(std::string std::pair<std::string, std::string>::* part) {
  std::vector<std::string> texts;
  for (const auto& entry : build_info()) texts.push_back(entry.*part);
  return new Texts(std::move(texts));
}

}  // namespace

const char* gaussmix_version() { return version(); }
std::int32_t gaussmix_abi_version() { return GAUSSMIX_ABI_VERSION; }

gaussmix_status gaussmix_get_num_threads(std::int32_t* num_threads) {
  return guarded([&] { required(num_threads, "num_threads") = get_num_threads(); });
}

gaussmix_status gaussmix_set_num_threads(std::int32_t num_threads) {
  return guarded([&] { set_num_threads(num_threads); });
}

gaussmix_status gaussmix_get_simd_level(const char** level) {
  return guarded([&] {
    const char*& out = required(level, "level");
    const std::string name = simd_level();
    out = *std::find(levels().data(), levels().data() + levels().size(), name);
  });
}

gaussmix_status gaussmix_set_simd_level(const char* level) {
  return guarded([&] { set_simd_level(&required(level, "level")); });
}

gaussmix_status gaussmix_simd_levels(const char* const** out, std::int64_t* n_levels) {
  return guarded([&] {
    required(n_levels, "n_levels") = levels().size();
    required(out, "levels") = levels().data();
  });
}

gaussmix_status gaussmix_build_info(const char* const** names, const char* const** values, std::int64_t* n_entries) {
  return guarded([&] {
    static const Texts& all_names = *new_entries(&std::pair<std::string, std::string>::first);
    static const Texts& all_values = *new_entries(&std::pair<std::string, std::string>::second);
    required(n_entries, "n_entries") = all_names.size();
    required(names, "names") = all_names.data();
    required(values, "values") = all_values.data();
  });
}
