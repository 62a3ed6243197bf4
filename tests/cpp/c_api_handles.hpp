#pragma once

// Owners of the C ABI's handles, and what its tests make them from.

#include "c_api_parameters.hpp"

#include <doctest/doctest.h>
#include <gaussmix/gaussmix.h>
#include <gaussmix/mixture.hpp>

#include <memory>
#include <string>
#include <vector>

namespace c_api_handles {

using namespace gaussmix;
using problems::parameters_of;
using problems::Problem;

using Indices = std::vector<Index>;

template <class H, gaussmix_status (*free_handle)(H*)>
struct Free {
  void operator()(H* handle) const { CHECK(free_handle(handle) == GAUSSMIX_OK); }
};
template <class H, gaussmix_status (*free_handle)(H*)>
using Owned = std::unique_ptr<H, Free<H, free_handle>>;
using OwnedMixture = Owned<gaussmix_mixture, gaussmix_mixture_free>;
using OwnedScorer = Owned<gaussmix_row_scorer, gaussmix_row_scorer_free>;
using OwnedStatistics = Owned<gaussmix_statistics, gaussmix_statistics_free>;
using OwnedEM = Owned<gaussmix_em, gaussmix_em_free>;
using OwnedResult = Owned<gaussmix_fit_result, gaussmix_fit_result_free>;

/// What a ..._create function makes.
template <class O, class Create>
O made(const Create& create) {
  typename O::pointer handle = nullptr;
  const gaussmix_status status = create(&handle);
  INFO(gaussmix_last_error());
  REQUIRE(status == GAUSSMIX_OK);
  return O(handle);
}

/// The message of a call that must fail with `expected`.
inline std::string error_of(gaussmix_status status, gaussmix_status expected = GAUSSMIX_ERROR_INVALID_ARGUMENT) {
  CHECK(status == expected);
  return gaussmix_last_error();
}

inline OwnedMixture mixture_of(const gaussmix_parameters& parameters) {
  return made<OwnedMixture>([&](gaussmix_mixture** m) { return gaussmix_mixture_create(&parameters, nullptr, m); });
}

/// The C++ mixture of the same parameters.
inline Mixture value_of(const gaussmix_mixture* mixture) {
  gaussmix_parameters p{};
  p.struct_size = sizeof p;
  REQUIRE(gaussmix_mixture_parameters(mixture, &p) == GAUSSMIX_OK);
  return {{p.weights, p.n_components},
          {p.means, p.n_components, p.n_features},
          {p.covariances, p.n_covariances},
          static_cast<CovarianceType>(p.covariance_type),
          p.allow_singular != 0};
}

inline gaussmix_fit_options fit_options() {
  gaussmix_fit_options options;
  REQUIRE(gaussmix_fit_options_defaults(&options, sizeof options) == GAUSSMIX_OK);
  return options;
}

}  // namespace c_api_handles
