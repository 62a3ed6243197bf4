#include "c_api/mixture.hpp"

#include <gaussmix/mixture.hpp>
#include <gaussmix/sample.hpp>

#include <memory>

using namespace gaussmix;
using c_api::guarded;
using c_api::live;
using c_api::required;

namespace {

/// The numbers of C and of files are those of the enumeration.
template <class E>
constexpr bool is_numbered(CovarianceType type, E number) {
  return static_cast<int>(type) == static_cast<int>(number);
}
static_assert(is_numbered(CovarianceType::full, GAUSSMIX_COVARIANCE_FULL) &&
              is_numbered(CovarianceType::tied, GAUSSMIX_COVARIANCE_TIED) &&
              is_numbered(CovarianceType::diag, GAUSSMIX_COVARIANCE_DIAG) &&
              is_numbered(CovarianceType::spherical, GAUSSMIX_COVARIANCE_SPHERICAL) &&
              is_numbered(CovarianceType::tied_diag, GAUSSMIX_COVARIANCE_TIED_DIAG) &&
              is_numbered(CovarianceType::tied_spherical, GAUSSMIX_COVARIANCE_TIED_SPHERICAL));

}  // namespace

gaussmix_status gaussmix_mixture_create(const gaussmix_parameters* parameters, const gaussmix_execution* execution,
                                        gaussmix_mixture** mixture) {
  return c_api::create(mixture, "mixture", [&] {
    const gaussmix_parameters p = c_api::input(parameters, "parameters");
    return Mixture({p.weights, p.n_components}, {p.means, p.n_components, p.n_features},
                   {p.covariances, p.n_covariances}, static_cast<CovarianceType>(p.covariance_type),
                   p.allow_singular != 0, c_api::execution_argument(execution));
  });
}

gaussmix_status gaussmix_mixture_copy(const gaussmix_mixture* mixture, gaussmix_mixture** copy) {
  return guarded([&] {
    required(copy, "copy") = nullptr;
    const gaussmix_mixture& from = live(mixture, "mixture");
    auto made = std::make_unique<gaussmix_mixture>(from.value);
    made->info = from.info;
    *copy = made.release();
  });
}

gaussmix_status gaussmix_mixture_free(gaussmix_mixture* mixture) { return c_api::destroy(mixture, "mixture"); }

gaussmix_status gaussmix_mixture_parameters(const gaussmix_mixture* mixture, gaussmix_parameters* parameters) {
  return guarded([&] {
    const Mixture& m = live(mixture, "mixture").value;
    gaussmix_parameters out = {};
    out.covariance_type = static_cast<std::int32_t>(m.covariance_type());
    out.allow_singular = m.allow_singular() ? 1 : 0;
    out.n_components = m.n_components();
    out.n_features = m.n_features();
    out.n_covariances = m.covariances().size();
    out.weights = m.weights().data();
    out.means = m.means().data();
    out.covariances = m.covariances().data();
    c_api::output(parameters, "parameters", out);
  });
}

gaussmix_status gaussmix_mixture_n_parameters(const gaussmix_mixture* mixture, std::int64_t* n_parameters) {
  return guarded([&] { required(n_parameters, "n_parameters") = live(mixture, "mixture").value.n_parameters(); });
}

gaussmix_status gaussmix_mixture_rank(const gaussmix_mixture* mixture, const std::int64_t** rank,
                                      std::int64_t* n_components) {
  return guarded([&] {
    const VectorView<const Index> values = live(mixture, "mixture").value.rank();
    const std::int64_t*& out = required(rank, "rank");
    required(n_components, "n_components") = values.size();
    out = values.data();
  });
}

gaussmix_status gaussmix_sample(const gaussmix_mixture* mixture, std::uint64_t seed, double* x, std::int64_t x_rows,
                                std::int64_t x_cols, std::int64_t x_row_stride, std::int64_t x_col_stride,
                                std::int64_t* z, std::int64_t z_size, std::int64_t z_stride,
                                const gaussmix_execution* execution) {
  return guarded([&] {
    sample(live(mixture, "mixture").value, seed, {x, x_rows, x_cols, x_row_stride, x_col_stride}, {z, z_size, z_stride},
           c_api::execution_argument(execution));
  });
}
