#include "score/block_evaluator.hpp"

#include <algorithm>
#include <cmath>

namespace gaussmix::detail {

template <class T>
T exclusion_cut(Index n_components) {
  const double bits = static_cast<double>(std::numeric_limits<T>::digits);
  return static_cast<T>(std::log(static_cast<double>(n_components)) + bits * std::log(2.0));
}

namespace {

// Where a search pays, as measured: with fewer components or features all of them are soon evaluated.
constexpr Index least_components = 4;
constexpr Index least_features_full = 12, least_features_diag = 16;
static_assert(least_features_full > simd::few_features && least_features_diag > simd::few_features,
              "BlockMoments reads strips in the rows' own order there");
/// Features from which on a row's likely component is worth a guess by a few of them.
constexpr Index least_to_guess = 16;
/// Rows that tell whether the first block is worth a search.
constexpr Index probe_rows = 4 * simd::strip_multiple;

template <class T>
bool can_search(const MixtureData& mixture) {
  const bool full = mixture.layout.is_matrix() && !mixture.layout.shared;
  const Index least = full ? least_features_full : least_features_diag;
  return mixture.d >= least && mixture.k >= least_components && mixture.packed<T>().largest_row >= 0;
}

}  // namespace

template <class T>
BlockEvaluator<T>::BlockEvaluator(const MixtureData& mixture, const Samples& x, const simd::Kernels<T>& kernels,
                                  const Partition& partition, bool skip, bool row_major)
    : mixture_(mixture),
      packed_(mixture.packed<T>()),
      kernels_(kernels),
      loader_(x, partition.block_rows, kernels, row_major),
      stride_(partition.block_rows),
      tile_rows_(partition.tile_rows),
      values_(mixture.k * stride_),
      log_p_(stride_),
      scratch_(std::max(2 * mixture.d * kernels.strip, kernels.sparse_scratch(mixture.d))),
      transformed_(packed_.transformed ? mixture.d * stride_ : 0),
      choice_(skip && can_search<T>(mixture)),
      separate_(choice_.possible() && is_worth_separating(x.rows(), mixture)) {}

/// With the rows of one likely component side by side, where a search is worth it.
template <class T>
void BlockEvaluator<T>::load(Index begin, Index end, std::int32_t* labels) {
  row_labels_ = labels;
  begin_.clear();
  const Index n = end - begin;
  if (choice_.possible() && labels && std::all_of(labels, labels + n, [](std::int32_t k) { return k >= 0; })) {
    sorted_labels_.resize(stride_);
    std::copy(labels, labels + n, sorted_labels_.data());
    sort_by_label(n);
    loader_.load(begin, end, order_.data());
    regrouped_ = true;
  } else {
    loader_.load(begin, end);
    regrouped_ = can_guess();
    if (!regrouped_) return;
    guess_labels();
    sort_by_label(n);
    loader_.reorder(order_.data());
  }
  if (loader_.largest() <= packed_.largest_row) return;
  loader_.reorder(nullptr);
  regrouped_ = false;
}

/// Whether the rows loaded are worth a guess at their likely components, and a search from there.
template <class T>
bool BlockEvaluator<T>::can_guess() {
  if (!choice_.possible() || mixture_.d < least_to_guess || loader_.largest() > packed_.largest_row) return false;
  if (!choice_.learned() && size() >= 4 * probe_rows) {
    transform();
    Index kept = 0;
    evaluate_tile(0, probe_rows, nullptr, exclusion_cut<T>(mixture_.k), false, kept);
    choice_.learn(false, static_cast<double>(kept) / static_cast<double>(probe_rows * mixture_.k));
  }
  return choice_.search();
}

template <class T>
void BlockEvaluator<T>::guess_labels() {
  sorted_labels_.resize(stride_);
  transform();
  kernels_.likely_components(packed_.transformed ? transformed_.data() : loader_.strips(), loader_.n_strips(),
                             packed_.components(mixture_.d), scratch_.data(), sorted_labels_.data());
}

/// From the labels of n rows, in sorted_labels_: order_, its inverse, and the labels in that order, padded with the last.
template <class T>
void BlockEvaluator<T>::sort_by_label(Index n) {
  std::vector<Index> next(static_cast<std::size_t>(mixture_.k) + 1);
  order_.resize(stride_);
  place_.resize(stride_);
  for (Index i = 0; i < n; ++i) ++next[static_cast<std::size_t>(sorted_labels_[i]) + 1];
  for (std::size_t k = 1; k < next.size(); ++k) next[k] += next[k - 1];
  for (Index i = 0; i < n; ++i) {
    const Index place = next[static_cast<std::size_t>(sorted_labels_[i])]++;
    order_[place] = static_cast<std::int32_t>(i);
    place_[i] = static_cast<std::int32_t>(place);
  }
  Index place = 0;  // next[k] is where the rows of component k end
  for (Index k = 0; k < mixture_.k; ++k)
    for (; place < next[static_cast<std::size_t>(k)]; ++place) sorted_labels_[place] = static_cast<std::int32_t>(k);
  std::fill(sorted_labels_.data() + n, sorted_labels_.data() + stride_, sorted_labels_[n - 1]);
}

/// Tied: the rows in the space where every component has unit covariance.
template <class T>
void BlockEvaluator<T>::transform() {
  if (packed_.transformed)
    kernels_.transform(loader_.strips(), loader_.n_strips(), mixture_.d, packed_.center.at(0), packed_.factor(0),
                       scratch_.data(), transformed_.data());
}

template <class T>
void BlockEvaluator<T>::distances() {
  transform();
  distances_of(0, loader_.padded(), values_.data());
}

/// Squared distances of rows [begin, end), whole strips, to q, (K, stride()).
template <class T>
void BlockEvaluator<T>::distances_of(Index begin, Index end, T* q) {
  const Index d = mixture_.d, n_strips = (end - begin) / kernels_.strip;
  const T* strips = (packed_.transformed ? transformed_.data() : loader_.strips()) + begin * d;
  for (Index k = 0; k < mixture_.k; ++k, q += stride_) {
    const simd::Location<T> mean = packed_.means.at(k * d);
    if (packed_.transformed)
      kernels_.distances_unit(strips, n_strips, d, mean, q);
    else if (mixture_.factors.empty())
      kernels_.distances_diag(strips, n_strips, d, mean, packed_.inv_std.data() + k * d, q);
    else
      kernels_.distances_full(strips, n_strips, d, mean, packed_.factor(k), scratch_.data(), q);
  }
}

template <class T>
void BlockEvaluator<T>::prepare_far_rows() {
  if (!far_row_) far_row_.emplace(mixture_);
  row_.resize(mixture_.d);
  values_kept_.resize(values_.size());
  far_rows_.resize(stride_);
}

/// Calls patch(i, FarRow) for each row of the block with a distance that is not finite or off every support; leaves the
/// distances in values_.
template <class T>
template <class Patch>
void BlockEvaluator<T>::for_each_far_row(const Patch& patch) {
  prepare_far_rows();
  std::copy(values_.data(), values_.data() + values_.size(), values_kept_.data());
  distances();
  Index n_far = 0;
  for (Index i = 0; i < size(); ++i) {
    bool finite = true, supported = false;
    for (Index k = 0; k < mixture_.k; ++k) {
      const T q = values_[k * stride_ + i];
      finite = finite && q < std::numeric_limits<T>::infinity();
      supported = supported ||
                  (q >= 0 && packed_.log_weight[static_cast<std::size_t>(k)] > -std::numeric_limits<T>::infinity());
    }
    if (!finite || !supported) far_rows_[n_far++] = i;
  }
  std::copy(values_kept_.data(), values_kept_.data() + values_.size(), values_.data());
  for (Index far = 0; far < n_far; ++far) {
    const Index i = far_rows_[far];
    const T* strip = loader_.strips() + i / kernels_.strip * mixture_.d * kernels_.strip + i % kernels_.strip;
    for (Index j = 0; j < mixture_.d; ++j) row_[j] = static_cast<double>(strip[j * kernels_.strip]);
    far_row_->evaluate(row_.data());
    patch(i, *far_row_);
  }
}

template <class T>
const T* BlockEvaluator<T>::log_normal() {
  distances();
  bool finite = true;
  for (Index k = 0; k < mixture_.k; ++k) {
    const T log_norm = packed_.log_norm[static_cast<std::size_t>(k)];
    T* q = values_.data() + k * stride_;
    for (Index i = 0; i < loader_.padded(); ++i) {
      finite = finite && q[i] < std::numeric_limits<T>::infinity();
      // q / 2 is exact, so this rounds once, whether the compiler fuses it or not.
      q[i] = q[i] < 0 ? -std::numeric_limits<T>::infinity() : log_norm - T(0.5) * q[i];
    }
  }
  if (!finite)
    for_each_far_row([this](Index i, const FarRow& row) {
      for (Index k = 0; k < mixture_.k; ++k)
        values_[k * stride_ + i] = static_cast<T>(row.log_normal()[static_cast<std::size_t>(k)]);
    });
  return values_.data();
}

template <class T>
const T* BlockEvaluator<T>::posterior(simd::Posterior what) {
  distances();
  const bool done = kernels_.posterior(values_.data(), stride_, loader_.padded(), mixture_.k, packed_.log_norm.data(),
                                       packed_.log_weight.data(), what);
  if (!done)
    for_each_far_row([this, what](Index i, const FarRow& row) {
      for (std::size_t k = 0; k < row.gamma().size(); ++k) {
        T& value = values_[static_cast<Index>(k) * stride_ + i];
        switch (what) {
          case simd::Posterior::log_joint: value = static_cast<T>(row.log_joint()[k]); break;
          case simd::Posterior::log_responsibilities: value = static_cast<T>(row.log_gamma()[k]); break;
          case simd::Posterior::responsibilities: value = static_cast<T>(row.gamma()[k]); break;
        }
      }
    });
  return values_.data();
}

template <class T>
const Index* BlockEvaluator<T>::labels() {
  distances();
  bool done = kernels_.posterior(values_.data(), stride_, loader_.padded(), mixture_.k, packed_.log_norm.data(),
                                 packed_.log_weight.data(), simd::Posterior::log_joint);
  labels_.resize(size());
  for (Index i = 0; i < size(); ++i) {
    Index best = 0;
    for (Index k = 1; k < mixture_.k; ++k)
      if (values_[k * stride_ + i] > values_[best * stride_ + i]) best = k;
    labels_[i] = best;
    done = done && values_[best * stride_ + i] > -std::numeric_limits<T>::infinity();
  }
  if (!done) for_each_far_row([this](Index i, const FarRow& row) { labels_[i] = row.label(); });
  return labels_.data();
}

template <class T>
void BlockEvaluator<T>::patch_far_expectation(const T* weight, bool responsibilities) {
  for_each_far_row([this, weight, responsibilities](Index i, const FarRow& row) {
    log_p_[i] = static_cast<T>(row.log_p());
    for (std::size_t k = 0; responsibilities && k < row.gamma().size(); ++k)
      values_[static_cast<Index>(k) * stride_ + i] = static_cast<T>(row.gamma()[k]) * (weight ? weight[i] : T(1));
  });
}

/// log p of each row, by a search where the block was regrouped for one; `responsibilities` are then collected too.
template <class T>
const T* BlockEvaluator<T>::evaluate(const T* weight, T cut, bool responsibilities) {
  if (regrouped_) {
    if (search(weight, cut, responsibilities)) return log_p_.data();
    loader_.reorder(nullptr);
  }
  transform();
  Index kept = 0;
  bool done = true;
  for (Index begin = 0; begin < loader_.padded(); begin += tile_rows_)
    done &= evaluate_tile(begin, std::min(begin + tile_rows_, loader_.padded()), weight, cut, responsibilities, kept);
  if (!done) patch_far_expectation(weight, responsibilities);
  choice_.learn(false, static_cast<double>(kept) / static_cast<double>(loader_.padded() * mixture_.k));
  return log_p_.data();
}

/// Distances and log p of rows [begin, end); adds to `kept` the pairs of a row and a component that count. Returns as the kernel.
template <class T>
bool BlockEvaluator<T>::evaluate_tile(Index begin, Index end, const T* weight, T cut, bool responsibilities,
                                      Index& kept) {
  T* q = values_.data() + (responsibilities ? begin : 0);
  Index counted = 0;
  distances_of(begin, end, q);
  const bool done =
      kernels_.log_prob(q, stride_, end - begin, mixture_.k, packed_.log_norm.data(), packed_.log_weight.data(), cut,
                        weight ? weight + begin : nullptr, responsibilities, log_p_.data() + begin, &counted);
  kept += counted;
  return done;
}

template <class T>
bool BlockEvaluator<T>::search(const T* weight, T cut, bool responsibilities) {
  const Index n_strips = loader_.n_strips(), padded = loader_.padded();
  component_.resize(n_strips * mixture_.k);
  kept_.resize(n_strips);
  sorted_log_p_.resize(padded);
  sorted_weight_.resize(padded);
  for (Index place = 0; weight && place < padded; ++place)
    sorted_weight_[place] = place < size() ? weight[order_[place]] : T(0);
  transform();
  simd::Components<T> components = packed_.components(mixture_.d);
  if (separate_) {
    components.separation = mixture_.separation<T>().distance.data();
    components.stretch = mixture_.separation<T>().stretch.data();
  }
  const bool done =
      kernels_.sparse_log_prob(packed_.transformed ? transformed_.data() : loader_.strips(), n_strips, components, cut,
                               weight ? sorted_weight_.data() : nullptr, sorted_labels_.data(), responsibilities,
                               scratch_.data(), component_.data(), kept_.data(), values_.data(), sorted_log_p_.data());
  Index kept = 0;
  for (Index s = 0; s < n_strips; ++s) kept += kept_[s];
  choice_.learn(true, static_cast<double>(kept) / static_cast<double>(n_strips * mixture_.k));
  if (!done) return false;
  for (Index i = 0; i < size(); ++i) log_p_[i] = sorted_log_p_[place_[i]];
  if (responsibilities) collect_responsibilities();
  return true;
}

/// From what each strip keeps, what each component keeps: its rows of positive weight, ascending. Also the rows' labels.
template <class T>
void BlockEvaluator<T>::collect_responsibilities() {
  const Index strip = kernels_.strip;
  begin_.assign(static_cast<std::size_t>(mixture_.k) + 1, 0);
  listed_.resize(loader_.n_strips() + 1);
  for (Index s = 0, a = 0; s < loader_.n_strips(); ++s) {
    listed_[s] = a;
    for (listed_[s + 1] = a + kept_[s]; a < listed_[s + 1]; ++a)
      begin_[static_cast<std::size_t>(component_[a]) + 1] +=
          kernels_.count_positive(values_.data() + a * strip, std::min(strip, size() - s * strip));
  }
  for (std::size_t k = 1; k < begin_.size(); ++k) begin_[k] += begin_[k - 1];
  rows_.resize(begin_.back());
  gamma_.resize(begin_.back());
  std::vector<Index> next(begin_);
  const auto strip_32 = static_cast<std::uint32_t>(strip);  // a division of 64 bits takes longer than all else
  for (Index i = 0; i < size(); ++i) {
    const auto place = static_cast<std::uint32_t>(place_[i]);
    const Index s = place / strip_32;
    T most = 0;
    for (Index a = listed_[s]; a < listed_[s + 1]; ++a) {
      const T gamma = values_[a * strip + place % strip_32];
      if (!(gamma > T(0))) continue;
      const std::int32_t k = component_[a];
      const Index at = next[static_cast<std::size_t>(k)]++;
      rows_[at] = static_cast<std::int32_t>(i);
      gamma_[at] = gamma;
      if (row_labels_ && gamma > most) row_labels_[i] = k;
      most = std::max(most, gamma);
    }
    if (row_labels_ && most == T(0)) row_labels_[i] = sorted_labels_[place_[i]];  // a row of weight 0
  }
}

template <class T>
BlockResponsibilities<T> BlockEvaluator<T>::responsibilities() const noexcept {
  if (begin_.empty()) return {values_.data(), stride_};
  return {gamma_.data(), 0, begin_.data(), rows_.data()};
}

template <class T>
const T* BlockEvaluator<T>::log_prob() {
  return evaluate(nullptr, exclusion_cut<T>(mixture_.k), false);
}

template <class T>
const T* BlockEvaluator<T>::expectation(const T* weight, T cut) {
  evaluate(weight, cut, true);
  if (!begin_.empty()) return log_p_.data();
  for (Index k = 0; k < mixture_.k; ++k)
    std::fill(values_.data() + k * stride_ + size(), values_.data() + k * stride_ + loader_.padded(), T(0));
  if (row_labels_ && choice_.search()) note_labels();
  return log_p_.data();
}

/// From all responsibilities, the labels by which the next pass may search these rows.
template <class T>
void BlockEvaluator<T>::note_labels() {
  std::fill(row_labels_, row_labels_ + size(), 0);
  std::vector<T> most(values_.data(), values_.data() + size());
  for (Index k = 1; k < mixture_.k; ++k) {
    const T* gamma = values_.data() + k * stride_;
    for (Index i = 0; i < size(); ++i) {
      if (!(gamma[i] > most[static_cast<std::size_t>(i)])) continue;
      most[static_cast<std::size_t>(i)] = gamma[i];
      row_labels_[i] = static_cast<std::int32_t>(k);
    }
  }
}

template float exclusion_cut<float>(Index);
template double exclusion_cut<double>(Index);
template class BlockEvaluator<float>;
template class BlockEvaluator<double>;

}  // namespace gaussmix::detail
