#include "base/message.hpp"
#include "model/mixture_data.hpp"

#include <gaussmix/mixture.hpp>

#include <algorithm>

namespace gaussmix {

Mixture::Mixture(VectorView<const double> weights, MatrixView<const double> means, VectorView<const double> covariances,
                 CovarianceType type, bool allow_singular, const Execution& execution, const SourceTypes& source)
    : data_(std::make_shared<const detail::MixtureData>(
          weights, means, covariances, type, allow_singular,
          detail::ParameterNames{"weights", "means", "covariances", source}, execution)) {}

Mixture::Mixture(std::shared_ptr<const detail::MixtureData> data, Names names) noexcept
    : data_(std::move(data)), names_(std::move(names)) {}

Index Mixture::n_components() const noexcept { return data_->k; }
Index Mixture::n_features() const noexcept { return data_->d; }
CovarianceType Mixture::covariance_type() const noexcept { return data_->type; }
bool Mixture::allow_singular() const noexcept { return data_->allow_singular; }

Index Mixture::n_parameters() const noexcept {
  const Index k = data_->k, d = data_->d;
  const Index covariance = data_->layout.count(k) * data_->layout.parameters_each(d);
  return k - 1 + k * d + covariance;
}

VectorView<const double> Mixture::weights() const noexcept { return data_->weights; }
MatrixView<const double> Mixture::means() const noexcept { return {data_->means.data(), data_->k, data_->d}; }
VectorView<const double> Mixture::covariances() const noexcept {
  return {data_->covariances.data(), data_->covariances.size()};
}
VectorView<const Index> Mixture::rank() const noexcept { return data_->rank; }

const std::vector<std::string>& Mixture::feature_names() const noexcept {
  static const std::vector<std::string> none;
  return names_ ? *names_ : none;
}

Mixture Mixture::with_feature_names(std::vector<std::string> names) const {
  if (names.empty()) return Mixture(data_);
  if (static_cast<Index>(names.size()) != n_features())
    detail::throw_invalid("feature_names must have " + std::to_string(n_features()) + " names (features), but has " +
                          std::to_string(names.size()));
  return Mixture(data_, std::make_shared<const std::vector<std::string>>(std::move(names)));
}

bool operator==(const Mixture& a, const Mixture& b) noexcept {
  const detail::MixtureData &x = a.data(), &y = b.data();
  return x.k == y.k && x.d == y.d && x.type == y.type && x.allow_singular == y.allow_singular &&
         x.weights == y.weights && x.means == y.means && x.covariances.size() == y.covariances.size() &&
         std::equal(x.covariances.data(), x.covariances.data() + x.covariances.size(), y.covariances.data());
}

}  // namespace gaussmix
