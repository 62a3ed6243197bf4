#pragma once

// Model files for tests: the golden ones with what they hold, those of other writers, and a folder to save them in.

#include <gaussmix/model_file.hpp>

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace gaussmix {

inline bool operator==(const Model& a, const Model& b) {
  return a.mixture == b.mixture && a.info.feature_names == b.info.feature_names && a.info.metadata == b.info.metadata;
}

}  // namespace gaussmix

namespace model_files {

using namespace gaussmix;
using Doubles = std::vector<double>;
using Bytes = std::vector<std::uint8_t>;

inline Bytes read(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

inline std::string data_path(const std::string& name) { return std::string(GAUSSMIX_TEST_DATA) + "/" + name; }

/// A file in tests/data that the first version wrote.
struct GoldenFile {
  std::string name;
  Model model;
};

inline std::vector<GoldenFile> golden_files() {
  const auto mixture = [](const Doubles& weights, const Doubles& means, const Doubles& covariances, CovarianceType type,
                          bool allow_singular) {
    const auto k = static_cast<Index>(weights.size());
    return Mixture(weights, {means.data(), k, static_cast<Index>(means.size()) / k}, covariances, type, allow_singular);
  };
  const Doubles weights = {0.1, 0.9}, means = {-1.5, 1e300, 0.1, -0.0};
  return {
      {"model_full.safetensors",
       {mixture(weights, means, {2, 0.5, 0.5, 1, 1e-3, 0, 0, 7}, CovarianceType::full, false),
        {{"length \"µm\"", "width"}, {{"author", "K. F. Gauß"}, {"note", "two\nlines"}}}}},
      {"model_tied.safetensors", {mixture(weights, means, {2, 0.5, 0.5, 1}, CovarianceType::tied, false), {}}},
      {"model_diag.safetensors", {mixture(weights, means, {2, 0, 0.5, 1}, CovarianceType::diag, true), {}}},
      {"model_spherical.safetensors", {mixture(weights, means, {2, 1e-200}, CovarianceType::spherical, false), {}}},
  };
}

/// The bytes of a file with this header, not padded, and these values.
inline Bytes file(const std::string& header, const Doubles& values) {
  const std::uint64_t length = header.size();
  Bytes bytes(8 + header.size() + 8 * values.size());
  std::memcpy(bytes.data(), &length, 8);
  std::copy(header.begin(), header.end(), bytes.begin() + 8);
  if (!values.empty()) std::memcpy(bytes.data() + 8 + header.size(), values.data(), 8 * values.size());
  return bytes;
}

/// A new folder, gone with its object.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "gaussmix-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("no temporary folder");
    path_ = name;
  }
  ~TemporaryFolder() { std::filesystem::remove_all(path_); }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  std::string path(const std::string& name = "") const { return (path_ / name).string(); }
  Bytes content(const std::string& name) const { return read(path(name)); }
  /// Of all that is in it, hidden files too.
  std::set<std::string> names() const {
    std::set<std::string> found;
    for (const auto& entry : std::filesystem::directory_iterator(path_)) found.insert(entry.path().filename().string());
    return found;
  }

 private:
  std::filesystem::path path_;
};

}  // namespace model_files
