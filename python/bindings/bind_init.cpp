#include "bindings.hpp"
#include "numpy.hpp"

#include <gaussmix/init.hpp>

namespace gaussmix::bindings {

namespace {

py::array choose(py::handle x_argument, py::handle n_components, py::handle sample_weight, py::handle random_state,
                 py::handle num_threads) {
  const SampleArray x = sample_array(x_argument);
  const Index k = integer_argument(n_components, "n_components");
  const auto weight = sample_weight_array(sample_weight, x.samples.rows());
  const auto weights = weight_view(weight);
  const Execution execution = execution_argument(num_threads);
  const std::uint64_t seed = seed_argument(random_state);
  std::vector<Index> rows = without_gil([&] { return kmeans_plus_plus(x.samples, k, seed, weights, execution); });
  const Shape shape{static_cast<py::ssize_t>(rows.size())};
  return owned_array(std::move(rows), shape);
}

py::dict cluster(py::handle x_argument, py::handle n_components, py::handle sample_weight, py::handle max_iter,
                 py::handle random_state, py::handle num_threads) {
  const SampleArray x = sample_array(x_argument);
  const Index k = integer_argument(n_components, "n_components");
  const auto weight = sample_weight_array(sample_weight, x.samples.rows());
  const auto weights = weight_view(weight);
  const int iterations = int_argument(max_iter, "max_iter");
  const Execution execution = execution_argument(num_threads);
  const std::uint64_t seed = seed_argument(random_state);
  KMeansResult result = without_gil([&] { return kmeans(x.samples, k, seed, weights, iterations, execution); });
  const Shape centers{k, x.samples.cols()};
  const Shape labels{x.samples.rows()};
  return py::dict(py::arg("centers") = owned_array(std::move(result.centers), centers),
                  py::arg("labels") = owned_array(std::move(result.labels), labels),
                  py::arg("inertia") = result.inertia, py::arg("n_iter") = result.n_iter);
}

}  // namespace

void bind_init(py::module_& m) {
  m.def("kmeans_plus_plus", &choose, py::arg("X"), py::arg("n_components"), py::arg("sample_weight"),
        py::arg("random_state"), py::arg("num_threads"),
        "kmeans_plus_plus(X, n_components, sample_weight, random_state, num_threads)\n--\n\nSee "
        "gaussmix.kmeans_plus_plus.");
  m.def("kmeans", &cluster, py::arg("X"), py::arg("n_components"), py::arg("sample_weight"), py::arg("max_iter"),
        py::arg("random_state"), py::arg("num_threads"),
        "kmeans(X, n_components, sample_weight, max_iter, random_state, num_threads)\n--\n\nThe fields of "
        "gaussmix.KMeansResult, as a dict.");
}

}  // namespace gaussmix::bindings
