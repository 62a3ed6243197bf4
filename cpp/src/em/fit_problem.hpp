#pragma once

#include "em/constant_features.hpp"
#include "simd/dispatch.hpp"

#include <gaussmix/fit.hpp>

#include <chrono>

namespace gaussmix::detail {

/// A number of seconds from its making on.
class Deadline {
 public:
  /// @param seconds  ≥ 0; 0 never passes
  explicit Deadline(double seconds) : seconds_(seconds) {}
  bool has_passed() const {
    return seconds_ > 0.0 && std::chrono::duration<double>(Clock::now() - begin_).count() >= seconds_;
  }

 private:
  using Clock = std::chrono::steady_clock;
  double seconds_;
  Clock::time_point begin_ = Clock::now();
};

/// Everything of one call of fit(): the data, what was asked, and how to run.
struct FitProblem {
  const Samples& x;
  Index k;
  const FitOptions& options;
  VectorView<const double> weight;
  const Execution& execution;
  const simd::KernelTable& kernels;  ///< of the whole call, whatever level is set meanwhile
  Deadline deadline;
  ConstantFeatures constant = {};  ///< of X

  Index n() const { return x.rows(); }
  Index d() const { return x.cols(); }
  MaximizeOptions maximize_options() const {
    return {options.reg_covar, options.on_degenerate, options.allow_singular, options.prior};
  }
};

}  // namespace gaussmix::detail
