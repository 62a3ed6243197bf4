#include "score/component_search.hpp"

#include "base/subscript.hpp"
#include "score/tuning.hpp"

#include <algorithm>

namespace gaussmix::detail {

void SearchChoice::learn(bool searched, double kept) noexcept {
  if (searched && kept > tuning::vain_share) pause_ = tuning::blocks_of_pause;
  if (pause_ > 0) --pause_;
  search_ = pause_ == 0 && (searched || kept < tuning::worthwhile_share);
  learned_ = true;
}

template <class T>
bool is_worth_searching(const ComponentTerms& mixture) {
  const bool full = mixture.layout.is_matrix() && !mixture.layout.shared;
  const Index least = full ? tuning::least_features_full : tuning::least_features_diag;
  return mixture.d >= least && mixture.k >= tuning::least_components && mixture.block_layout<T>().largest_row >= 0;
}

template <class T>
ComponentSearch<T>::ComponentSearch(const ComponentTerms& mixture, const simd::Kernels<T>& kernels, Index rows)
    : mixture_(mixture), kernels_(kernels), bounded_(is_worth_bounding(rows, mixture)) {}

template <class T>
bool ComponentSearch<T>::run(BlockDistances<T>& distances, const RowGroups& groups, Index n, const T* weight, T cut,
                             bool responsibilities, T* values, T* log_p) {
  const Index n_strips = (n + kernels_.strip - 1) / kernels_.strip, padded = n_strips * kernels_.strip;
  component_.resize(n_strips * mixture_.k);
  kept_.resize(n_strips);
  log_p_.resize(padded);
  weight_.resize(padded);
  for (Index place = 0; weight && place < padded; ++place)
    weight_[place] = place < n ? weight[groups.order()[place]] : T(0);
  const T* strips = distances.strips();
  simd::Components<T> components = distances.components();
  if (bounded_) {
    components.lower = mixture_.distance_bounds<T>().lower.data();
    components.lipschitz = mixture_.distance_bounds<T>().lipschitz.data();
  }
  const bool done = kernels_.pruned_log_prob(strips, n_strips, components, cut, weight ? weight_.data() : nullptr,
                                             groups.labels(), responsibilities, distances.scratch(), component_.data(),
                                             kept_.data(), values, log_p_.data());
  Index kept = 0;
  for (Index s = 0; s < n_strips; ++s) kept += kept_[s];
  kept_share_ = static_cast<double>(kept) / static_cast<double>(n_strips * mixture_.k);
  for (Index i = 0; done && i < n; ++i) log_p[i] = log_p_[groups.place(i)];
  return done;
}

/// Turns the lists of components that each strip keeps into lists of rows, one for each component, by counting sort:
/// its rows of positive weight, ascending.
template <class T>
BlockResponsibilities<T> ComponentSearch<T>::collect(const RowGroups& groups, const T* values, Index n,
                                                     std::int32_t* labels) {
  const Index strip = kernels_.strip, n_strips = (n + strip - 1) / strip;
  begin_.assign(static_cast<std::size_t>(mixture_.k) + 1, 0);
  listed_.resize(n_strips + 1);
  for (Index s = 0, a = 0; s < n_strips; ++s) {
    listed_[s] = a;
    for (listed_[s + 1] = a + kept_[s]; a < listed_[s + 1]; ++a)
      begin_[static_cast<std::size_t>(component_[a]) + 1] +=
          kernels_.count_positive(values + a * strip, std::min(strip, n - s * strip));
  }
  for (std::size_t k = 1; k < begin_.size(); ++k) begin_[k] += begin_[k - 1];
  rows_.resize(begin_.back());
  gamma_.resize(begin_.back());
  std::vector<Index> next(begin_);
  const auto strip_32 = static_cast<std::uint32_t>(strip);  // a division of 64 bits would take most of the time
  for (Index i = 0; i < n; ++i) {
    const auto place = static_cast<std::uint32_t>(groups.place(i));
    const Index s = place / strip_32;
    T most = 0;
    for (Index a = listed_[s]; a < listed_[s + 1]; ++a) {
      const T gamma = values[a * strip + place % strip_32];
      if (!(gamma > T(0))) continue;
      const std::int32_t k = component_[a];
      const Index slot = next[at(k)]++;
      rows_[slot] = static_cast<std::int32_t>(i);
      gamma_[slot] = gamma;
      if (labels && gamma > most) labels[i] = k;
      most = std::max(most, gamma);
    }
    if (labels && most == T(0)) labels[i] = groups.labels()[place];  // a row of weight 0
  }
  return {gamma_.data(), 0, begin_.data(), rows_.data()};
}

template bool is_worth_searching<float>(const ComponentTerms&);
template bool is_worth_searching<double>(const ComponentTerms&);
template class ComponentSearch<float>;
template class ComponentSearch<double>;

}  // namespace gaussmix::detail
