#include "c_api/border.hpp"

#include <gaussmix/init.hpp>

#include <algorithm>

using namespace gaussmix;
using c_api::guarded;
using c_api::required;

namespace {

/// Checks an array of the caller's; null is not asked for.
template <class T>
bool is_asked(const char* name, const MatrixView<T>& out, const Samples& x) {
  if (out.data() == nullptr) return false;
  detail::check_output(name, out);
  c_api::check_apart_from(name, out, x);
  return true;
}

}  // namespace

gaussmix_status gaussmix_kmeans_plus_plus(const gaussmix_samples* x, std::int64_t n_components, std::uint64_t seed,
                                          const double* sample_weight, std::int64_t sample_weight_stride,
                                          const gaussmix_execution* execution, std::int64_t* rows) {
  return guarded([&] {
    const Samples all = c_api::samples_argument(x);
    const VectorView<std::int64_t> out(&required(rows, "rows"), n_components);
    detail::check_output("rows", out);
    c_api::check_apart_from("rows", out, all);
    const std::vector<Index> chosen =
        kmeans_plus_plus(all, n_components, seed, c_api::weight_argument(sample_weight, sample_weight_stride, all),
                         c_api::execution_argument(execution));
    std::copy(chosen.begin(), chosen.end(), rows);
  });
}

gaussmix_status gaussmix_kmeans(const gaussmix_samples* x, std::int64_t n_components, std::uint64_t seed,
                                const double* sample_weight, std::int64_t sample_weight_stride, std::int32_t max_iter,
                                const gaussmix_execution* execution, gaussmix_kmeans_result* result) {
  return guarded([&] {
    const Samples rows = c_api::samples_argument(x);
    gaussmix_kmeans_result out = c_api::input(result, "result");
    const MatrixView<double> centers(out.centers, n_components, rows.cols());
    const MatrixView<std::int32_t> labels(out.labels, rows.rows(), 1);
    const bool has_centers = is_asked("result.centers", centers, rows);
    const bool has_labels = is_asked("result.labels", labels, rows);
    if (has_centers && has_labels) detail::check_apart("result.centers", centers, "result.labels", labels);
    const KMeansResult found =
        kmeans(rows, n_components, seed, c_api::weight_argument(sample_weight, sample_weight_stride, rows), max_iter,
               c_api::execution_argument(execution));
    if (has_centers) std::copy(found.centers.begin(), found.centers.end(), out.centers);
    if (has_labels) std::copy(found.labels.begin(), found.labels.end(), out.labels);
    out.inertia = found.inertia;
    out.n_iter = found.n_iter;
    c_api::output(result, "result", out);
  });
}
