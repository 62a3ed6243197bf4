// Any bytes are a model, which then survives being saved, or a FormatError.

#include <gaussmix/error.hpp>
#include <gaussmix/model_file.hpp>

#include <cstddef>
#include <cstdint>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace gaussmix;
  try {
    const Model model = model_from_bytes({data, static_cast<Index>(size)});
    const Model again = model_from_bytes(model.mixture.to_bytes(model.info));
    if (again.mixture != model.mixture || again.info.feature_names != model.info.feature_names ||
        again.info.metadata != model.info.metadata)
      __builtin_trap();
  } catch (const FormatError&) {
  }
  return 0;
}
