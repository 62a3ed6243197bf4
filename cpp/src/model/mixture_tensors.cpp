#include "model/mixture_tensors.hpp"

#include "model/mixture_data.hpp"

#include <gaussmix/error.hpp>

#include <memory>

namespace gaussmix::detail {
namespace {

std::vector<Tensor> tensors_of(const double* weights, const double* means, const double* covariances,
                               CovarianceType type, Index k, Index d) {
  const std::vector<Index> dims = covariance_shape(type, k, d);
  const auto rows = static_cast<std::uint64_t>(k), cols = static_cast<std::uint64_t>(d);
  return {{"weights", {rows}, weights},
          {"means", {rows, cols}, means},
          {"covariances", Shape(dims.begin(), dims.end()), covariances}};
}

}  // namespace

std::vector<Tensor> tensors_of(const Mixture& mixture) {
  return tensors_of(mixture.weights().data(), mixture.means().data(), mixture.covariances().data(),
                    mixture.covariance_type(), mixture.n_components(), mixture.n_features());
}

std::vector<Tensor> tensors_of(const Parameters& parameters, CovarianceType type, Index k, Index d) {
  return tensors_of(parameters.weights.data(), parameters.means.data(), parameters.covariances.data(), type, k, d);
}

Metadata metadata_of(const Mixture& mixture, const std::vector<std::string>& feature_names) {
  Metadata metadata{{"covariance_type", to_string(mixture.covariance_type())},
                    {"allow_singular", mixture.allow_singular() ? "true" : "false"}};
  if (!feature_names.empty()) metadata["feature_names"] = to_json(feature_names);
  return metadata;
}

CovarianceType covariance_type_of(const TensorFile& file) {
  const std::string& name = file.entry("covariance_type");
  try {
    return covariance_type_from_string(name);
  } catch (const InvalidArgument&) {
    file.refuse("have the covariance_type " + covariance_type_names() + ", but has " + in_quotes(name));
  }
}

bool allow_singular_of(const TensorFile& file) {
  const auto found = file.metadata().find("allow_singular");
  if (found == file.metadata().end() || found->second == "false") return false;
  if (found->second != "true")
    file.refuse("have allow_singular 'true' or 'false', but has " + in_quotes(found->second));
  return true;
}

std::vector<std::string> feature_names_of(const TensorFile& file, std::uint64_t n_features) {
  const auto found = file.metadata().find("feature_names");
  if (found == file.metadata().end()) return {};
  std::vector<std::string> names = feature_names_from_json(found->second, file.noun());
  if (names.size() != n_features)
    file.refuse("have " + std::to_string(n_features) + " feature names, but has " + std::to_string(names.size()));
  return names;
}

Parameters room_for_parameters(const TensorFile& file, CovarianceType type) {
  const Shape& means = file.shape("means");
  if (means.size() != 2) file.refuse("have means of shape [K, D], but has " + shape_text(means));
  const auto k = static_cast<Index>(means[0]), d = static_cast<Index>(means[1]);
  const std::string reason = std::string("'") + to_string(type) + "' and means of shape " + shape_text(means);
  const std::vector<Index> dims = covariance_shape(type, k, d);
  file.require_shape("weights", {means[0]}, reason);
  const Shape covariances(dims.begin(), dims.end());
  file.require_shape("covariances", covariances, reason);
  Index n_covariances = 1;
  for (const Index dim : dims) n_covariances *= dim;
  return {std::vector<double>(means[0]), std::vector<double>(means[0] * means[1]), Buffer<double>(n_covariances)};
}

std::map<std::string, double*> places_of(Parameters& parameters) {
  return {{"weights", parameters.weights.data()},
          {"means", parameters.means.data()},
          {"covariances", parameters.covariances.data()}};
}

Mixture mixture_of(const char* noun, Parameters parameters, CovarianceType type, bool allow_singular, Index k, Index d,
                   const Execution& execution) {
  try {
    return Mixture(std::make_shared<const MixtureData>(std::move(parameters), k, d, type, allow_singular,
                                                       ParameterNames{}, execution));
  } catch (const Interrupted&) {
    throw;
  } catch (const Error& error) {
    throw_format(noun, std::string("hold a valid mixture, but: ") + error.what());
  }
}

}  // namespace gaussmix::detail
