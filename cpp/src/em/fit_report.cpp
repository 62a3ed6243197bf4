#include "em/fit_report.hpp"

#include <algorithm>
#include <numeric>

namespace gaussmix::detail {
namespace {

/// Adds a number to an ascending list.
void insert(Index number, std::vector<Index>& listed) {
  const auto place = std::lower_bound(listed.begin(), listed.end(), number);
  if (place == listed.end() || *place != number) listed.insert(place, number);
}

/// Adds the numbers of `components`.
void list(const std::vector<Index>& components, const std::vector<Index>& numbers, std::vector<Index>& listed) {
  for (const Index k : components) insert(numbers[static_cast<std::size_t>(k)], listed);
}

void list_features(const std::vector<Index>& features, std::vector<Index>& listed) {
  for (const Index j : features) insert(j, listed);
}

/// Adds the lists of a MaximizeReport or a FitReport.
template <class Report>
void add_lists(const Report& treated, const std::vector<Index>& numbers, FitReport& report) {
  list(treated.floored, numbers, report.floored);
  list(treated.dropped, numbers, report.dropped);
  list(treated.reseeded, numbers, report.reseeded);
  list(treated.kept, numbers, report.kept);
  list_features(treated.constant_features, report.constant_features);
  list_features(treated.blurred_features, report.blurred_features);
}

bool holds(const std::vector<Index>& components, Index k) {
  return std::find(components.begin(), components.end(), k) != components.end();
}

}  // namespace

std::vector<Index> numbers_of_start(Index k) {
  std::vector<Index> numbers(static_cast<std::size_t>(k));
  std::iota(numbers.begin(), numbers.end(), Index{0});
  return numbers;
}

void add_step(const MaximizeReport& treated, std::vector<Index>& numbers, FitReport& report) {
  report.n_floored += static_cast<Index>(treated.floored.size());
  report.n_dropped += static_cast<Index>(treated.dropped.size());
  report.n_reseeded += static_cast<Index>(treated.reseeded.size());
  report.n_kept += static_cast<Index>(treated.kept.size());
  add_lists(treated, numbers, report);
  if (treated.dropped.empty() && treated.reseeded.empty()) return;
  std::vector<Index> after;  // those that are kept, in their order, and then those that are reseeded
  for (std::size_t k = 0; k < numbers.size(); ++k)
    if (!holds(treated.dropped, static_cast<Index>(k)) && !holds(treated.reseeded, static_cast<Index>(k)))
      after.push_back(numbers[k]);
  for (const Index k : treated.reseeded) after.push_back(numbers[static_cast<std::size_t>(k)]);
  numbers = std::move(after);
}

void add_steps(const FitReport& steps, const std::vector<Index>& numbers, FitReport& report) {
  report.n_floored += steps.n_floored;
  report.n_dropped += steps.n_dropped;
  report.n_reseeded += steps.n_reseeded;
  report.n_kept += steps.n_kept;
  report.n_rejected += steps.n_rejected;
  add_lists(steps, numbers, report);
}

}  // namespace gaussmix::detail
