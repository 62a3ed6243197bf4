#include "c_api/mixture.hpp"

#include <gaussmix/model_file.hpp>

#include <memory>

using namespace gaussmix;
using c_api::guarded;
using c_api::live;
using c_api::required;

namespace gaussmix::c_api {

class LoadedInfo {
 public:
  explicit LoadedInfo(ModelInfo info) : info_(std::move(info)) {
    for (const std::string& name : info_.feature_names) feature_names_.push_back(name.c_str());
    for (const auto& [name, value] : info_.metadata) {
      metadata_names_.push_back(name.c_str());
      metadata_values_.push_back(value.c_str());
    }
  }
  LoadedInfo(const LoadedInfo&) = delete;
  LoadedInfo& operator=(const LoadedInfo&) = delete;

  gaussmix_model_info view() const noexcept {
    return {sizeof(gaussmix_model_info),
            static_cast<std::int64_t>(feature_names_.size()),
            static_cast<std::int64_t>(metadata_names_.size()),
            feature_names_.data(),
            metadata_names_.data(),
            metadata_values_.data()};
  }

 private:
  ModelInfo info_;
  std::vector<const char*> feature_names_, metadata_names_, metadata_values_;  // into info_
};

}  // namespace gaussmix::c_api

namespace {

std::string text_at(const char* const* texts, std::int64_t i, const char* name) {
  const std::string place = std::string(name) + "[" + std::to_string(i) + "]";
  return &required((&required(texts, name))[i], place.c_str());
}

void check_size(std::int64_t size, const char* name) {
  if (size < 0) detail::throw_invalid(std::string(name) + " must be ≥ 0, but is " + std::to_string(size));
}

ModelInfo info_argument(const gaussmix_model_info* given) {
  ModelInfo out;
  if (given == nullptr) return out;
  const gaussmix_model_info info = c_api::input(given, "info");
  check_size(info.n_feature_names, "info.n_feature_names");
  check_size(info.n_metadata, "info.n_metadata");
  for (std::int64_t i = 0; i < info.n_feature_names; ++i)
    out.feature_names.push_back(text_at(info.feature_names, i, "info.feature_names"));
  for (std::int64_t i = 0; i < info.n_metadata; ++i) {
    const std::string name = text_at(info.metadata_names, i, "info.metadata_names");
    if (!out.metadata.emplace(name, text_at(info.metadata_values, i, "info.metadata_values")).second)
      detail::throw_invalid("info.metadata_names must be distinct, but has '" + name + "' twice");
  }
  return out;
}

/// A handle that keeps the info of the model as well.
gaussmix_mixture* new_mixture(Model model) {
  auto handle = std::make_unique<gaussmix_mixture>(std::move(model.mixture));
  handle->info = std::make_shared<const c_api::LoadedInfo>(std::move(model.info));
  return handle.release();
}

}  // namespace

gaussmix_status gaussmix_mixture_save(const gaussmix_mixture* mixture, const char* path,
                                      const gaussmix_model_info* info) {
  return guarded([&] { live(mixture, "mixture").value.save(&required(path, "path"), info_argument(info)); });
}

gaussmix_status gaussmix_mixture_load(const char* path, const gaussmix_execution* execution,
                                      gaussmix_mixture** mixture) {
  return guarded([&] {
    required(mixture, "mixture") = nullptr;
    *mixture = new_mixture(load_model(&required(path, "path"), c_api::execution_argument(execution)));
  });
}

gaussmix_status gaussmix_mixture_to_bytes(const gaussmix_mixture* mixture, const gaussmix_model_info* info,
                                          std::uint8_t* out, std::int64_t capacity, std::int64_t* size) {
  return guarded(
      [&] { c_api::write_bytes(live(mixture, "mixture").value.to_bytes(info_argument(info)), out, capacity, size); });
}

gaussmix_status gaussmix_mixture_from_bytes(const std::uint8_t* bytes, std::int64_t size,
                                            const gaussmix_execution* execution, gaussmix_mixture** mixture) {
  return guarded([&] {
    required(mixture, "mixture") = nullptr;
    *mixture = new_mixture(model_from_bytes({bytes, size}, c_api::execution_argument(execution)));
  });
}

gaussmix_status gaussmix_mixture_info(const gaussmix_mixture* mixture, gaussmix_model_info* info) {
  return guarded([&] {
    const auto& loaded = live(mixture, "mixture").info;
    c_api::output(info, "info", loaded ? loaded->view() : gaussmix_model_info{});
  });
}
