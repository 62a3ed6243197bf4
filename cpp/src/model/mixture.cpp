#include "base/message.hpp"
#include "model/mixture_data.hpp"

#include <gaussmix/mixture.hpp>

#include <algorithm>

namespace gaussmix {

const char* to_string(CovarianceType type) noexcept {
  switch (type) {
    case CovarianceType::full: return "full";
    case CovarianceType::tied: return "tied";
    case CovarianceType::diag: return "diag";
    case CovarianceType::spherical: return "spherical";
  }
  return "";
}

CovarianceType covariance_type_from_string(const std::string& name) {
  for (const CovarianceType type :
       {CovarianceType::full, CovarianceType::tied, CovarianceType::diag, CovarianceType::spherical})
    if (name == to_string(type)) return type;
  detail::throw_invalid("covariance_type must be 'full', 'tied', 'diag' or 'spherical', but is '" + name + "'");
}

Mixture::Mixture(VectorView<const double> weights, MatrixView<const double> means, VectorView<const double> covariances,
                 CovarianceType type, bool allow_singular)
    : data_(std::make_shared<const detail::MixtureData>(weights, means, covariances, type, allow_singular)) {}

Mixture::Mixture(std::shared_ptr<const detail::MixtureData> data) noexcept : data_(std::move(data)) {}

Index Mixture::n_components() const noexcept { return data_->k; }
Index Mixture::n_features() const noexcept { return data_->d; }
CovarianceType Mixture::covariance_type() const noexcept { return data_->type; }
bool Mixture::allow_singular() const noexcept { return data_->allow_singular; }

Index Mixture::n_parameters() const noexcept {
  const Index k = data_->k, d = data_->d;
  const Index matrix = d * (d + 1) / 2;
  const Index covariance = data_->type == CovarianceType::full   ? k * matrix
                           : data_->type == CovarianceType::tied ? matrix
                                                                 : data_->covariances.size();
  return k - 1 + k * d + covariance;
}

VectorView<const double> Mixture::weights() const noexcept { return data_->weights; }
MatrixView<const double> Mixture::means() const noexcept { return {data_->means.data(), data_->k, data_->d}; }
VectorView<const double> Mixture::covariances() const noexcept {
  return {data_->covariances.data(), data_->covariances.size()};
}
VectorView<const Index> Mixture::rank() const noexcept { return data_->rank; }

bool operator==(const Mixture& a, const Mixture& b) noexcept {
  const detail::MixtureData &x = a.data(), &y = b.data();
  return x.k == y.k && x.d == y.d && x.type == y.type && x.allow_singular == y.allow_singular &&
         x.weights == y.weights && x.means == y.means && x.covariances.size() == y.covariances.size() &&
         std::equal(x.covariances.data(), x.covariances.data() + x.covariances.size(), y.covariances.data());
}

}  // namespace gaussmix
