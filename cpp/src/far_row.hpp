#pragma once

#include "mixture_data.hpp"

#include <vector>

namespace gaussmix::detail {

/// One row whose squared distances leave the range of the kernels' numbers, or that lies off every support, evaluated in a
/// wider exponent range: rare, so plain.
struct FarRow {
  std::vector<long double> log_normal;  ///< log N(x | μ_k, Σ_k), (K,); −inf off the support
  std::vector<long double> log_joint;   ///< log π_k + log N, (K,)
  std::vector<double> log_gamma;        ///< log γ(z_k), (K,); log π_k off every support
  std::vector<double> gamma;            ///< γ(z_k), (K,)
  long double log_p;                    ///< log p(x)
};

/// @param x  (D,), finite
FarRow evaluate_far_row(const MixtureData& mixture, const double* x);

}  // namespace gaussmix::detail
