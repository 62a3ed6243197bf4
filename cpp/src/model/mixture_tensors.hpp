#pragma once

#include "io/tensor_file.hpp"
#include "model/component_terms.hpp"

#include <string>
#include <vector>

// A mixture in a file of tensors, be it a model or statistics: "weights" (K,), "means" (K, D), "covariances" in the
// shape of their type, and the metadata "covariance_type", "allow_singular" and "feature_names".

namespace gaussmix::detail {

/// In the order weights, means, covariances; they live as long as the mixture.
std::vector<Tensor> tensors_of(const Mixture& mixture);
/// The same of parameters of K components in D features.
std::vector<Tensor> tensors_of(const Parameters& parameters, CovarianceType type, Index k, Index d);
/// Covariance type, allow_singular, and the names as one text, where there are any.
/// @throws InvalidArgument for names that are not UTF-8
Metadata metadata_of(const Mixture& mixture, const std::vector<std::string>& feature_names);

/// @throws FormatError, as all that follow do, for what is no such value
CovarianceType covariance_type_of(const TensorFile& file);
/// False where the file does not say.
bool allow_singular_of(const TensorFile& file);
/// None where the file has none. @throws FormatError also when they are not `n_features`
std::vector<std::string> feature_names_of(const TensorFile& file, std::uint64_t n_features);
/// Room for the parameters, whose shapes are checked.
Parameters room_for_parameters(const TensorFile& file, CovarianceType type);
/// Where TensorFile::read_values puts them.
std::map<std::string, double*> places_of(Parameters& parameters);
/// The mixture of parameters that a file, `noun` in messages, held for K components in D features.
Mixture mixture_of(const char* noun, Parameters parameters, CovarianceType type, bool allow_singular, Index k, Index d,
                   const Execution& execution);

}  // namespace gaussmix::detail
