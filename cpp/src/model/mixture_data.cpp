#include "model/mixture_data.hpp"

#include "base/memory.hpp"
#include "base/message.hpp"
#include "model/tolerance.hpp"
#include "parallel/parallel.hpp"

#include <gaussmix/error.hpp>

#include <cmath>

namespace gaussmix::detail {
namespace {

/// Before anything is allocated.
void check_sizes(Index k, Index d, CovarianceType type, Index n_weights, Index n_covariances,
                 const ParameterNames& names) {
  if (k < 1 || d < 1)
    throw_invalid(names.means + " must have shape (n_components, n_features), both at least 1, but has shape (" +
                  std::to_string(k) + ", " + std::to_string(d) + ")");
  checked_product(k, d, names.means.c_str());
  const Index size = layout_of(type).size(k, d, "covariances");
  if (n_covariances != size)
    throw_invalid(names.covariances + " must have " + std::to_string(size) + " values for covariance_type '" +
                  std::string(to_string(type)) + "' with " + std::to_string(k) + " components and " +
                  std::to_string(d) + " features, but has " + std::to_string(n_covariances));
  if (n_weights != k)
    throw_invalid(names.weights + " must have " + std::to_string(k) + " values (rows of means), but has " +
                  std::to_string(n_weights));
}

std::vector<double> copied(VectorView<const double> values) {
  std::vector<double> out(static_cast<std::size_t>(values.size()));
  for (Index i = 0; i < values.size(); ++i) out[static_cast<std::size_t>(i)] = values[i];
  return out;
}

Parameters copied(VectorView<const double> weights, MatrixView<const double> means,
                  VectorView<const double> covariances, CovarianceType type, const ParameterNames& names) {
  check_sizes(means.rows(), means.cols(), type, weights.size(), covariances.size(), names);
  check_input(names.covariances.c_str(), covariances);
  check_input(names.means.c_str(), means);
  check_input(names.weights.c_str(), weights);
  Parameters out{copied(weights), {}, Buffer<double>(covariances.size())};
  out.means.reserve(static_cast<std::size_t>(means.rows() * means.cols()));
  for (Index k = 0; k < means.rows(); ++k)
    for (Index j = 0; j < means.cols(); ++j) out.means.push_back(means(k, j));
  for (Index i = 0; i < covariances.size(); ++i) out.covariances[i] = covariances[i];
  return out;
}

/// Divides them by their sum where that is off; see Mixture.
void check_weights(std::vector<double>& weights, const ParameterNames& names) {
  const auto k = static_cast<Index>(weights.size());
  const Tolerance tolerance = sum_tolerance(names.source.weights, k);
  const double most = names.source.weights == FloatType::float32 ? 1.0 + tolerance.value : 1.0;
  double sum = 0.0;
  for (std::size_t i = 0; i < weights.size(); ++i) {
    if (!(weights[i] >= 0.0 && weights[i] <= most))
      throw_invalid(names.weights + "[" + std::to_string(i) + "] must be in [0, 1], but is " + format(weights[i]));
    sum += weights[i];
  }
  if (!(sum > 0.0 && std::abs(sum - 1.0) <= tolerance.value))
    throw_invalid(names.weights + " must sum to 1 within " + tolerance.text + ", but sum to " + format(sum));
  normalize(weights.data(), k);
}

/// All but the values of the covariances, which are checked where they are factored.
Parameters checked(Parameters parameters, Index k, Index d, CovarianceType type, const ParameterNames& names,
                   const Execution& execution) {
  check_num_threads(execution.num_threads);
  check_sizes(k, d, type, static_cast<Index>(parameters.weights.size()), parameters.covariances.size(), names);
  check_finite(MatrixView<const double>(parameters.means.data(), k, d), names.means.c_str());
  check_weights(parameters.weights, names);
  return parameters;
}

}  // namespace

MixtureData::MixtureData(VectorView<const double> weight_values, MatrixView<const double> mean_values,
                         VectorView<const double> covariance_values, CovarianceType covariance_type, bool singular,
                         const ParameterNames& names, const Execution& execution)
    : MixtureData(copied(weight_values, mean_values, covariance_values, covariance_type, names), mean_values.rows(),
                  mean_values.cols(), covariance_type, singular, names, execution) {}

MixtureData::MixtureData(Parameters parameters, Index n_components, Index n_features, CovarianceType covariance_type,
                         bool singular, const ParameterNames& names, const Execution& execution)
    : ComponentTerms(checked(std::move(parameters), n_components, n_features, covariance_type, names, execution),
                     n_components, n_features, layout_of(covariance_type), singular, names, execution),
      type(covariance_type),
      allow_singular(singular) {}

}  // namespace gaussmix::detail
