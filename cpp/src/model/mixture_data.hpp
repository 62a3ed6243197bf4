#pragma once

#include "model/component_terms.hpp"
#include "model/covariance_type.hpp"

namespace gaussmix::detail {

/// The parameters of a Mixture, checked, and what is computed from them once.
class MixtureData : public ComponentTerms {
 public:
  MixtureData(VectorView<const double> weights, MatrixView<const double> means, VectorView<const double> covariances,
              CovarianceType type, bool allow_singular, const ParameterNames& names = {},
              const Execution& execution = {});
  /// Takes the parameters over, (K, D) being the shape of the means.
  MixtureData(Parameters parameters, Index k, Index d, CovarianceType type, bool allow_singular,
              const ParameterNames& names = {}, const Execution& execution = {});

  CovarianceType type;
  bool allow_singular;
};

}  // namespace gaussmix::detail
