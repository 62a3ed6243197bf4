#include "c_api/mixture.hpp"

#include <gaussmix/statistics.hpp>

#include <algorithm>

using namespace gaussmix;
using c_api::guarded;
using c_api::live;
using c_api::required;

struct gaussmix_statistics : c_api::Handle<Statistics, 0x474D582053544154> {  // "GMX STAT"
  using Handle::Handle;
};

gaussmix_status gaussmix_statistics_create(const gaussmix_mixture* mixture, gaussmix_statistics** statistics) {
  return c_api::create(statistics, "statistics", [&] { return Statistics(live(mixture, "mixture").value); });
}

gaussmix_status gaussmix_statistics_free(gaussmix_statistics* statistics) {
  return c_api::destroy(statistics, "statistics");
}

gaussmix_status gaussmix_statistics_accumulate(gaussmix_statistics* statistics, const gaussmix_samples* x,
                                               const double* sample_weight, std::int64_t sample_weight_stride,
                                               const gaussmix_execution* execution) {
  return guarded([&] {
    const Samples rows = c_api::samples_argument(x);
    live(statistics, "statistics")
        .value.accumulate(rows, c_api::weight_argument(sample_weight, sample_weight_stride, rows),
                          c_api::execution_argument(execution));
  });
}

gaussmix_status gaussmix_statistics_merge(gaussmix_statistics* statistics, const gaussmix_statistics* other) {
  return guarded([&] { live(statistics, "statistics").value.merge(live(other, "other").value); });
}

gaussmix_status gaussmix_statistics_scale(gaussmix_statistics* statistics, double factor) {
  return guarded([&] { live(statistics, "statistics").value.scale(factor); });
}

gaussmix_status gaussmix_statistics_totals(const gaussmix_statistics* statistics, double* total_weight,
                                           double* log_likelihood) {
  return guarded([&] {
    const Statistics& sums = live(statistics, "statistics").value;
    if (c_api::optional(total_weight, "total_weight") != nullptr) *total_weight = sums.total_weight();
    if (c_api::optional(log_likelihood, "log_likelihood") != nullptr) *log_likelihood = sums.log_likelihood();
  });
}

gaussmix_status gaussmix_statistics_component_weights(const gaussmix_statistics* statistics, double* out,
                                                      std::int64_t n_components) {
  return guarded([&] {
    const VectorView<const double> weights = live(statistics, "statistics").value.component_weights();
    if (n_components != weights.size())
      detail::throw_invalid("out must have " + std::to_string(weights.size()) + " values (n_components), but has " +
                            std::to_string(n_components));
    std::copy_n(weights.data(), weights.size(), &required(out, "out"));
  });
}

gaussmix_status gaussmix_statistics_maximize(const gaussmix_statistics* statistics,
                                             const gaussmix_maximize_options* options, gaussmix_mixture** mixture) {
  return c_api::create(mixture, "mixture", [&] {
    MaximizeOptions asked;
    if (options != nullptr) {
      const gaussmix_maximize_options& given = c_api::input(options, "options");
      asked = {given.reg_covar, static_cast<OnDegenerate>(given.on_degenerate), given.allow_singular != 0};
    }
    return live(statistics, "statistics").value.maximize(asked);
  });
}

gaussmix_status gaussmix_statistics_save(const gaussmix_statistics* statistics, const char* path) {
  return guarded([&] { live(statistics, "statistics").value.save(&required(path, "path")); });
}

gaussmix_status gaussmix_statistics_load(const char* path, const gaussmix_execution* execution,
                                         gaussmix_statistics** statistics) {
  return c_api::create(statistics, "statistics",
                       [&] { return Statistics::load(&required(path, "path"), c_api::execution_argument(execution)); });
}

gaussmix_status gaussmix_statistics_to_bytes(const gaussmix_statistics* statistics, std::uint8_t* out,
                                             std::int64_t capacity, std::int64_t* size) {
  return guarded([&] { c_api::write_bytes(live(statistics, "statistics").value.to_bytes(), out, capacity, size); });
}

gaussmix_status gaussmix_statistics_from_bytes(const std::uint8_t* bytes, std::int64_t size,
                                               const gaussmix_execution* execution, gaussmix_statistics** statistics) {
  return c_api::create(statistics, "statistics",
                       [&] { return Statistics::from_bytes({bytes, size}, c_api::execution_argument(execution)); });
}
