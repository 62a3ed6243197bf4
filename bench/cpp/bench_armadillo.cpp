// EM fits and scores of Armadillo, asked for line by line so that the benchmarks can time them in turn with those of others.
//
//     bench_armadillo --version
//     bench_armadillo full|diag problem n_samples n_features n_components
//
// The problem is a file of float64: X, weights, means and covariances, row after row. Every line read is a number of
// iterations; the answer is the mean log-likelihood before the last M-step of a fit from that start. For 0 it is the mean of
// the log-densities of all rows under the start itself.

#include <armadillo>
#include <exception>
#include <fstream>
#include <iomanip>
#include <iostream>
#include <limits>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace {

// A floor: Armadillo does not add to variances.
constexpr double kVarianceFloor = 1e-6;

template <class Array>
Array read(std::ifstream& file, Array array) {
  file.read(reinterpret_cast<char*>(array.memptr()), static_cast<std::streamsize>(array.n_elem * sizeof(double)));
  if (!file) throw std::runtime_error("the problem's file must hold X, weights, means and covariances");
  return array;
}

template <class Model>
void iterate(Model& model, const arma::mat& x, arma::uword n_iter) {
  const bool learnt =
      model.learn(x, model.n_gaus(), arma::eucl_dist, arma::keep_existing, 0, n_iter, kVarianceFloor, false);
  if (!learnt) throw std::runtime_error("learn must not fail");
}

// The mean log-likelihood before the last M-step costs one E-step more, once in a fit.
template <class Model>
double fit(Model model, const arma::mat& x, arma::uword n_iter) {
  if (n_iter > 1) iterate(model, x, n_iter - 1);
  const double log_likelihood = model.avg_log_p(x);
  iterate(model, x, 1);
  return log_likelihood;
}

// Points, means and variances are columns here: in memory that is the file's order of rows.
template <class Model, class Covariances>
void answer(const std::string& path, arma::mat x, arma::uword n_components, Covariances covariances) {
  std::ifstream file(path, std::ios::binary);
  x = read(file, std::move(x));
  const arma::rowvec weights = read(file, arma::rowvec(n_components));
  const arma::mat means = read(file, arma::mat(x.n_rows, n_components));
  covariances = read(file, std::move(covariances));
  Model start;
  start.set_params(means, covariances, weights);
  std::cout << std::setprecision(std::numeric_limits<double>::max_digits10);
  for (arma::uword n_iter = 0; std::cin >> n_iter;)
    std::cout << (n_iter == 0 ? arma::mean(start.log_p(x)) : fit(start, x, n_iter)) << std::endl;
}

void run(const std::vector<std::string>& arguments) {
  if (arguments == std::vector<std::string>{"--version"}) {
    std::cout << arma::arma_version::as_string() << '\n';
    return;
  }
  if (arguments.size() != 5)
    throw std::runtime_error("arguments must be: type problem n_samples n_features n_components");
  const arma::uword n = std::stoull(arguments[2]), d = std::stoull(arguments[3]), k = std::stoull(arguments[4]);
  if (arguments[0] == "full") {
    answer<arma::gmm_full>(arguments[1], arma::mat(d, n), k, arma::cube(d, d, k));
  } else if (arguments[0] == "diag") {
    answer<arma::gmm_diag>(arguments[1], arma::mat(d, n), k, arma::mat(d, k));
  } else {
    throw std::runtime_error("type must be full or diag, but is " + arguments[0]);
  }
}

}  // namespace

int main(int argc, char** argv) {
  try {
    run({argv + 1, argv + argc});
  } catch (const std::exception& error) {
    std::cerr << "bench_armadillo: " << error.what() << '\n';
    return 1;
  }
  return 0;
}
