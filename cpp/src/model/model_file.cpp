#include "base/message.hpp"
#include "io/files.hpp"
#include "model/mixture_tensors.hpp"
#include "parallel/parallel.hpp"

#include <gaussmix/model_file.hpp>

#include <algorithm>
#include <iterator>

namespace gaussmix {
namespace {

using detail::Read;
using detail::Shape;
using detail::TensorFile;

constexpr const char* tensor_names[] = {"weights", "means", "covariances"};
constexpr detail::TensorFormat format{"a model file", "gaussmix", "1", {tensor_names, 3}, 3};

/// The metadata names of the format itself.
bool is_own_name(const std::string& name) {
  constexpr const char* names[] = {"format",        "version",  "covariance_type", "allow_singular",
                                   "checksum_type", "checksum", "feature_names"};
  return std::any_of(std::begin(names), std::end(names), [&](const char* own) { return name == own; });
}

void check_info(const Mixture& mixture, const std::vector<std::string>& feature_names,
                const detail::Metadata& metadata) {
  const auto n_names = static_cast<Index>(feature_names.size());
  if (n_names != 0 && n_names != mixture.n_features())
    detail::throw_invalid("feature_names must have " + std::to_string(mixture.n_features()) +
                          " names (features), but has " + std::to_string(n_names));
  for (const auto& [name, value] : metadata)
    if (is_own_name(name))
      detail::throw_invalid("metadata must not hold the name " + detail::in_quotes(name) +
                            ", which the format uses itself");
}

/// The user's metadata and the mixture's.
detail::Metadata metadata_of(const Mixture& mixture, const ModelInfo& info) {
  const std::vector<std::string>& names = info.feature_names.empty() ? mixture.feature_names() : info.feature_names;
  check_info(mixture, names, info.metadata);
  detail::Metadata metadata = detail::metadata_of(mixture, names);
  metadata.insert(info.metadata.begin(), info.metadata.end());
  return metadata;
}

Model read_model(std::uint64_t size, const Read& read, const Execution& execution) {
  detail::check_num_threads(execution.num_threads);
  const TensorFile file(format, TensorFile::read_length(format, size, read), size, read);
  const CovarianceType type = detail::covariance_type_of(file);
  const bool allow_singular = detail::allow_singular_of(file);
  detail::Parameters parameters = detail::room_for_parameters(file, type);
  const Shape& means = file.shape("means");
  ModelInfo info;
  for (const auto& [name, value] : file.metadata())
    if (!is_own_name(name)) info.metadata.emplace(name, value);
  info.feature_names = detail::feature_names_of(file, means[1]);
  file.read_values(read, detail::places_of(parameters));
  const Mixture mixture = detail::mixture_of(format.noun, std::move(parameters), type, allow_singular,
                                             static_cast<Index>(means[0]), static_cast<Index>(means[1]), execution);
  return {mixture.with_feature_names(info.feature_names), std::move(info)};
}

}  // namespace

std::vector<std::uint8_t> Mixture::to_bytes(const ModelInfo& info) const {
  return detail::tensor_bytes(format, metadata_of(*this, info), detail::tensors_of(*this));
}

void Mixture::save(const std::string& path, const ModelInfo& info) const {
  detail::save_tensors(path, format, metadata_of(*this, info), detail::tensors_of(*this));
}

Mixture Mixture::from_bytes(VectorView<const std::uint8_t> bytes, const Execution& execution) {
  return model_from_bytes(bytes, execution).mixture;
}

Mixture Mixture::load(const std::string& path, const Execution& execution) {
  return load_model(path, execution).mixture;
}

Model model_from_bytes(VectorView<const std::uint8_t> bytes, const Execution& execution) {
  const Read read = detail::reader_of(bytes);
  return read_model(static_cast<std::uint64_t>(bytes.size()), read, execution);
}

Model load_model(const std::string& path, const Execution& execution) {
  return detail::parse_file(path,
                            [&](std::uint64_t size, const Read& read) { return read_model(size, read, execution); });
}

}  // namespace gaussmix
