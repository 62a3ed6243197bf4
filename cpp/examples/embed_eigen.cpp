// An application that keeps its data in Eigen matrices: gaussmix reads and writes them where they are, whatever their
// order, and whatever version of Eigen the application has.

#include <gaussmix/gaussmix.hpp>

#include <Eigen/Core>

#include <cstdio>
#include <exception>
#include <type_traits>

namespace {

/// A view of a dense Eigen matrix or block, column by column or row by row, double or float, const or not.
template <class Matrix>
auto view_of(Matrix& m) {
  using T = std::remove_pointer_t<decltype(m.data())>;
  return gaussmix::MatrixView<T>(m.data(), m.rows(), m.cols(), m.rowStride(), m.colStride());
}

template <class Vector>
auto vector_view_of(Vector& v) {
  using T = std::remove_pointer_t<decltype(v.data())>;
  return gaussmix::VectorView<T>(v.data(), v.size(), v.innerStride());
}

/// Two clusters about (0, 0) and (4, 4), column by column as Eigen likes it.
Eigen::MatrixXd rows(Eigen::Index n) {
  Eigen::MatrixXd x = Eigen::MatrixXd::Random(n, 2);
  x.bottomRows(n / 2).array() += 4.0;
  return x;
}

void run() {
  const Eigen::MatrixXd x = rows(200);
  gaussmix::FitOptions options;
  options.seed = 1;
  const gaussmix::Mixture mixture = gaussmix::fit(view_of(x), 2, options).mixture;

  // The parameters as Eigen sees them, without a copy: rows of means, and the covariance of one component.
  using RowMajor = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
  const Eigen::Map<const RowMajor> means(mixture.means().data(), 2, 2);
  const Eigen::Map<const RowMajor> covariance(mixture.covariances().data(), 2, 2);
  std::printf("distance of the means %.2f, trace of the first covariance %.2f\n", (means.row(0) - means.row(1)).norm(),
              covariance.trace());

  // Results into Eigen's memory; the last rows by a block of x.
  Eigen::MatrixXd gamma(x.rows(), 2);
  gaussmix::responsibilities<double>(mixture, view_of(x), view_of(gamma));
  const auto last = x.bottomRows(100);
  Eigen::VectorXd log_p(last.rows());
  gaussmix::log_prob<double>(mixture, view_of(last), vector_view_of(log_p));
  std::printf("rows of gamma sum to 1 within %.0e, mean log p of the last rows %.3f\n",
              (gamma.rowwise().sum().array() - 1.0).abs().maxCoeff(), log_p.mean());
}

}  // namespace

int main() {
  try {
    run();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
