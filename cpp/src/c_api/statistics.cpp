#include "c_api/statistics.hpp"

#include "c_api/mixture.hpp"
#include "c_api/prior.hpp"

#include <algorithm>

using namespace gaussmix;
using c_api::guarded;
using c_api::live;
using c_api::required;

namespace {

MaximizeOptions options_argument(const gaussmix_maximize_options* options, const Mixture& mixture) {
  if (options == nullptr) return {};
  const gaussmix_maximize_options given = c_api::input(options, "options");
  return {given.reg_covar, static_cast<OnDegenerate>(given.on_degenerate), given.allow_singular != 0,
          c_api::prior_argument(given.prior, mixture.covariance_type(), mixture.n_features())};
}

void check_room(const std::int64_t* values, const char* name, std::int64_t capacity, Index n_components) {
  if (c_api::optional(values, name) != nullptr && capacity < n_components)
    detail::throw_invalid("report.capacity must be at least " + std::to_string(n_components) +
                          " (n_components), but is " + std::to_string(capacity));
}

/// Throws InvalidArgument for arrays without room for all components.
void check_report(const gaussmix_maximize_report& given, Index n_components) {
  check_room(given.floored, "report.floored", given.capacity, n_components);
  check_room(given.dropped, "report.dropped", given.capacity, n_components);
  check_room(given.reseeded, "report.reseeded", given.capacity, n_components);
  check_room(given.kept, "report.kept", given.capacity, n_components);
}

/// @returns how many
std::int64_t write_components(const std::vector<Index>& components, std::int64_t* out) {
  if (out != nullptr) std::copy(components.begin(), components.end(), out);
  return static_cast<std::int64_t>(components.size());
}

void write_report(const MaximizeReport& report, gaussmix_maximize_report* given) {
  gaussmix_maximize_report out = c_api::input(given, "report");
  out.n_floored = write_components(report.floored, out.floored);
  out.n_dropped = write_components(report.dropped, out.dropped);
  out.n_reseeded = write_components(report.reseeded, out.reseeded);
  out.n_kept = write_components(report.kept, out.kept);
  c_api::output(given, "report", out);
}

}  // namespace

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

gaussmix_status gaussmix_statistics_mixture(const gaussmix_statistics* statistics, gaussmix_mixture** mixture) {
  return c_api::create(mixture, "mixture", [&] { return live(statistics, "statistics").value.mixture(); });
}

gaussmix_status gaussmix_statistics_maximize(const gaussmix_statistics* statistics,
                                             const gaussmix_maximize_options* options, gaussmix_maximize_report* report,
                                             const gaussmix_execution* execution, gaussmix_mixture** mixture) {
  return c_api::create(mixture, "mixture", [&] {
    const Statistics& sums = live(statistics, "statistics").value;
    if (report != nullptr) check_report(c_api::input(report, "report"), sums.component_weights().size());
    MaximizeReport treated;
    Mixture next =
        sums.maximize(options_argument(options, sums.mixture()), &treated, c_api::execution_argument(execution));
    if (report != nullptr) write_report(treated, report);
    return next;
  });
}

gaussmix_status gaussmix_statistics_save(const gaussmix_statistics* statistics, const char* path,
                                         std::int32_t with_mixture) {
  return guarded([&] { live(statistics, "statistics").value.save(&required(path, "path"), with_mixture != 0); });
}

gaussmix_status gaussmix_statistics_load(const char* path, const gaussmix_mixture* mixture,
                                         const gaussmix_execution* execution, gaussmix_statistics** statistics) {
  return c_api::create(statistics, "statistics", [&] {
    const std::string name = &required(path, "path");
    const Execution how = c_api::execution_argument(execution);
    return mixture != nullptr ? Statistics::load(name, live(mixture, "mixture").value, how)
                              : Statistics::load(name, how);
  });
}

gaussmix_status gaussmix_statistics_to_bytes(const gaussmix_statistics* statistics, std::int32_t with_mixture,
                                             std::uint8_t* out, std::int64_t capacity, std::int64_t* size) {
  return guarded([&] {
    c_api::write_bytes(live(statistics, "statistics").value.to_bytes(with_mixture != 0), out, capacity, size);
  });
}

gaussmix_status gaussmix_statistics_from_bytes(const std::uint8_t* bytes, std::int64_t size,
                                               const gaussmix_mixture* mixture, const gaussmix_execution* execution,
                                               gaussmix_statistics** statistics) {
  return c_api::create(statistics, "statistics", [&] {
    const Execution how = c_api::execution_argument(execution);
    return mixture != nullptr ? Statistics::from_bytes({bytes, size}, live(mixture, "mixture").value, how)
                              : Statistics::from_bytes({bytes, size}, how);
  });
}
