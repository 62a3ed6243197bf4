// An application with an Eigen of its own, of another version and other flags than the one inside of gaussmix: both factorize in
// one program, and each must get its own code.
#include <gaussmix/gaussmix.hpp>

#include <Eigen/Cholesky>
#include <Eigen/Core>

#include <cmath>
#include <cstdlib>
#include <iostream>
#include <vector>

namespace {

constexpr gaussmix::Index d = 9;

/// log N(x | μ, Σ) by the application's Eigen.
double log_normal(const Eigen::VectorXd& x, const Eigen::VectorXd& mean, const Eigen::MatrixXd& covariance) {
  const Eigen::LLT<Eigen::MatrixXd> llt(covariance);
  const Eigen::VectorXd y = llt.matrixL().solve(x - mean);
  const double log_det = llt.matrixLLT().diagonal().array().log().sum();
  return -0.5 * (y.squaredNorm() + static_cast<double>(d) * std::log(2.0 * std::acos(-1.0))) - log_det;
}

/// The same by gaussmix, which reads Eigen's columns in place.
double log_prob(const Eigen::VectorXd& x, const Eigen::VectorXd& mean, const Eigen::MatrixXd& covariance) {
  const std::vector<double> weights{1.0};
  const gaussmix::Mixture mixture(weights, {mean.data(), 1, d}, {covariance.data(), d * d},
                                  gaussmix::CovarianceType::full);
  gaussmix::RowScorer scorer(mixture);
  return scorer.log_prob({x.data(), d});
}

}  // namespace

int main() {
  std::srand(1);
  double worst = 0.0;
  for (int i = 0; i < 20; ++i) {
    const Eigen::MatrixXd a = Eigen::MatrixXd::Random(d, d);
    const Eigen::MatrixXd covariance = Eigen::MatrixXd::Identity(d, d) + a * a.transpose();
    const Eigen::VectorXd x = Eigen::VectorXd::Random(d), mean = Eigen::VectorXd::Random(d);
    worst = std::fmax(worst, std::abs(log_normal(x, mean, covariance) - log_prob(x, mean, covariance)));
  }
  std::cout << "Eigen " << EIGEN_WORLD_VERSION << '.' << EIGEN_MAJOR_VERSION << '.' << EIGEN_MINOR_VERSION
            << " differs by at most " << worst << '\n';
  return worst < 1e-12 ? EXIT_SUCCESS : EXIT_FAILURE;  // ~ 9 log-terms of at most 10, in units of 2⁻⁵³, a hundredfold
}
