#pragma once

#include "em/constant_features.hpp"
#include "simd/dispatch.hpp"

#include <gaussmix/fit.hpp>

namespace gaussmix::detail {

/// Everything of one call of fit(): the data, what was asked, and how to run.
struct FitProblem {
  const Samples& x;
  Index k;
  const FitOptions& options;
  VectorView<const double> weight;
  const Execution& execution;
  const simd::KernelTable& kernels;  ///< of the whole call, whatever level is set meanwhile
  ConstantFeatures constant = {};    ///< of X

  Index n() const { return x.rows(); }
  Index d() const { return x.cols(); }
  MaximizeOptions maximize_options() const {
    return {options.reg_covar, options.on_degenerate, options.allow_singular};
  }
};

}  // namespace gaussmix::detail
