// Model files through the C ABI, against those of the C++ API.

#include "c_api_handles.hpp"
#include "model_files.hpp"

#include <doctest/doctest.h>
#include <gaussmix/model_file.hpp>

#include <filesystem>
#include <fstream>
#include <string>

using namespace gaussmix;
using namespace c_api_handles;
using model_files::golden_files;
using model_files::TemporaryFolder;
using problems::random_problem;

namespace {

OwnedMixture loaded(const std::string& path) {
  return made<OwnedMixture>([&](gaussmix_mixture** m) { return gaussmix_mixture_load(path.c_str(), nullptr, m); });
}

gaussmix_model_info info_of(const gaussmix_mixture* mixture) {
  gaussmix_model_info info{};
  info.struct_size = sizeof info;
  REQUIRE(gaussmix_mixture_info(mixture, &info) == GAUSSMIX_OK);
  return info;
}

ModelInfo value_of(const gaussmix_model_info& info) {
  ModelInfo out;
  out.feature_names.assign(info.feature_names, info.feature_names + info.n_feature_names);
  for (Index i = 0; i < info.n_metadata; ++i) out.metadata[info.metadata_names[i]] = info.metadata_values[i];
  return out;
}

}  // namespace

TEST_CASE("c api: a saved mixture is loaded with the bits and the texts it had, by C and C++") {
  const TemporaryFolder folder;
  const std::string path = folder.path("model.safetensors");
  const Problem p = random_problem(3, 2, 1, CovarianceType::full, 5);
  const OwnedMixture mixture = mixture_of(parameters_of(p));
  const char *features[] = {"length", "width / µm"}, *names[] = {"author", "note"}, *values[] = {"K. F. Gauß", ""};
  const gaussmix_model_info info = {sizeof info, 2, 2, features, names, values};
  REQUIRE(gaussmix_mixture_save(mixture.get(), path.c_str(), &info) == GAUSSMIX_OK);
  const Model expected{p.mixture(), {{"length", "width / µm"}, {{"author", "K. F. Gauß"}, {"note", ""}}}};
  CHECK(load_model(path) == expected);

  const OwnedMixture again = loaded(path);
  const ModelInfo found = value_of(info_of(again.get()));
  CHECK(found.feature_names == expected.info.feature_names);
  CHECK(found.metadata == expected.info.metadata);
  REQUIRE(gaussmix_mixture_save(again.get(), path.c_str(), nullptr) == GAUSSMIX_OK);
  CHECK(load_model(path) == Model{p.mixture(), {expected.info.feature_names, {}}});  // names go with the mixture
  CHECK(info_of(mixture.get()).n_feature_names == 0);                                // of no file
}

TEST_CASE("c api: golden files are loaded, from their bytes too") {
  for (const model_files::GoldenFile& golden : golden_files()) {
    CAPTURE(golden.name);
    const std::vector<std::uint8_t> bytes = model_files::read(model_files::data_path(golden.name));
    const OwnedMixture from_file = loaded(model_files::data_path(golden.name));
    const auto size = static_cast<Index>(bytes.size());
    const auto from_bytes = made<OwnedMixture>(
        [&](gaussmix_mixture** m) { return gaussmix_mixture_from_bytes(bytes.data(), size, nullptr, m); });
    for (const gaussmix_mixture* mixture : {from_file.get(), from_bytes.get()}) {
      const gaussmix_model_info info = info_of(mixture);
      Index written = 0;
      REQUIRE(gaussmix_mixture_to_bytes(mixture, &info, nullptr, 0, &written) == GAUSSMIX_OK);
      std::vector<std::uint8_t> out(problems::at(written));
      REQUIRE(gaussmix_mixture_to_bytes(mixture, &info, out.data(), written, &written) == GAUSSMIX_OK);
      CHECK(model_from_bytes(out) == golden.model);
    }
  }
}

TEST_CASE("c api: what cannot be loaded or saved is told by its status and path") {
  const TemporaryFolder folder;
  const std::string absent = folder.path("absent.safetensors"), corrupt = folder.path("corrupt.safetensors");
  const Problem p = random_problem(2, 2, 1, CovarianceType::diag, 7);
  const OwnedMixture mixture = mixture_of(parameters_of(p));
  std::ofstream(corrupt) << "no model";
  gaussmix_mixture* made = mixture.get();
  CHECK(error_of(gaussmix_mixture_load(absent.c_str(), nullptr, &made), GAUSSMIX_ERROR_IO).find(absent) !=
        std::string::npos);
  CHECK(made == nullptr);
  CHECK(error_of(gaussmix_mixture_load(corrupt.c_str(), nullptr, &made), GAUSSMIX_ERROR_FORMAT).find(corrupt) !=
        std::string::npos);
  CHECK(error_of(gaussmix_mixture_load(nullptr, nullptr, &made)) == "path must not be null");
  CHECK(error_of(gaussmix_mixture_load(absent.c_str(), nullptr, nullptr)) == "mixture must not be null");
  const std::string nowhere = folder.path("no folder/model.safetensors");
  CHECK(error_of(gaussmix_mixture_save(mixture.get(), nowhere.c_str(), nullptr), GAUSSMIX_ERROR_IO).find("no folder") !=
        std::string::npos);
  CHECK(error_of(gaussmix_mixture_from_bytes(nullptr, 8, nullptr, &made)) ==
        "bytes must have data, but its pointer is null");
  CHECK(error_of(gaussmix_mixture_from_bytes(nullptr, 0, nullptr, &made), GAUSSMIX_ERROR_FORMAT) != "");
}

TEST_CASE("c api: texts that make no model file") {
  const TemporaryFolder folder;
  const std::string path = folder.path("model.safetensors");
  const Problem p = random_problem(2, 2, 1, CovarianceType::diag, 7);
  const OwnedMixture mixture = mixture_of(parameters_of(p));
  const char *texts[] = {"a", "a"}, *with_null[] = {"a", nullptr};
  const auto refusal = [&](const gaussmix_model_info& info) {
    return error_of(gaussmix_mixture_save(mixture.get(), path.c_str(), &info));
  };
  constexpr std::size_t size = sizeof(gaussmix_model_info);
  CHECK(refusal({size, 2, 0, with_null, nullptr, nullptr}) == "info.feature_names[1] must not be null");
  CHECK(refusal({size, 2, 0, nullptr, nullptr, nullptr}) == "info.feature_names must not be null");
  CHECK(refusal({size, -1, 0, nullptr, nullptr, nullptr}) == "info.n_feature_names must be ≥ 0, but is -1");
  CHECK(refusal({size, 0, -1, nullptr, nullptr, nullptr}) == "info.n_metadata must be ≥ 0, but is -1");
  CHECK(refusal({size, 0, 2, nullptr, texts, texts}) == "info.metadata_names must be distinct, but has 'a' twice");
  CHECK(refusal({size, 0, 2, nullptr, texts, with_null}).find("metadata_values[1]") != std::string::npos);
  CHECK(refusal({size, 1, 0, texts, nullptr, nullptr}).find("feature_names") != std::string::npos);  // D = 2
  CHECK(refusal({size - 1, 0, 0, nullptr, nullptr, nullptr}).find("info.struct_size") != std::string::npos);
  CHECK(folder.names().empty());
}
