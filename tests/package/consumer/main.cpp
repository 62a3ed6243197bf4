// A program outside the repository: it sees the installed headers and library only.
#include <gaussmix/gaussmix.hpp>

#include <cmath>
#include <cstdlib>
#include <iostream>
#include <string>
#include <vector>

namespace {

/// log p(0) of the standard normal in D dimensions, −½ D log 2π, through the installed library.
double log_density_at_mean(gaussmix::Index d) {
  const auto n = static_cast<std::size_t>(d);
  const std::vector<double> weights{1.0}, mean(n, 0.0), variances(n, 1.0), x(n, 0.0);
  const gaussmix::Mixture mixture(weights, {mean.data(), 1, d}, variances, gaussmix::CovarianceType::diag);
  std::vector<double> out(1);
  const gaussmix::Samples rows(gaussmix::MatrixView<const double>(x.data(), 1, d));
  gaussmix::log_prob<double>(mixture, rows, gaussmix::VectorView<double>(out));
  return out[0];
}

/// Whether an error of the library is caught by its type outside of it.
bool catches_its_error() {
  try {
    gaussmix::covariance_type_from_string("round");
  } catch (const gaussmix::InvalidArgument&) {
    return true;
  }
  return false;
}

}  // namespace

int main() {
  const double expected = -1.5 * std::log(2.0 * std::acos(-1.0));
  const bool version = gaussmix::version() == std::string(EXPECTED_VERSION);
  const bool density = std::abs(log_density_at_mean(3) - expected) < 1e-14;
  const bool error = catches_its_error();
  std::cout << "version " << version << ", density " << density << ", error " << error << '\n';
  return version && density && error ? EXIT_SUCCESS : EXIT_FAILURE;
}
