// Fits two Gaussians to rows of data and scores a new row.

#include <gaussmix/gaussmix.hpp>

#include <cstdio>
#include <vector>

int main() {
  using gaussmix::MatrixView;
  using gaussmix::VectorView;

  // Ten eruptions of Old Faithful: minutes of eruption, minutes until the next.
  const std::vector<double> rows{3.600, 79, 1.800, 54, 3.333, 74, 2.283, 62, 4.533, 85,
                                 2.883, 55, 4.700, 88, 3.600, 85, 1.950, 51, 4.350, 85};
  const MatrixView<const double> x(rows.data(), 10, 2);

  try {
    gaussmix::FitOptions options;
    options.covariance_type = gaussmix::CovarianceType::diag;
    const gaussmix::FitResult result = gaussmix::fit(x, 2, options);
    const gaussmix::Mixture& mixture = result.mixture;
    for (gaussmix::Index k = 0; k < mixture.n_components(); ++k) {
      std::printf("weight %.2f, mean (%.2f, %.2f)\n", mixture.weights()[k], mixture.means()(k, 0),
                  mixture.means()(k, 1));
    }

    gaussmix::RowScorer scorer(mixture);  // one per thread
    const std::vector<double> row{2.1, 58};
    std::vector<double> gamma(2);
    scorer.responsibilities(row, gamma);
    std::printf("log p = %.3f, responsibilities %.3f and %.3f\n", scorer.log_prob(row), gamma[0], gamma[1]);
  } catch (const gaussmix::Error& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
