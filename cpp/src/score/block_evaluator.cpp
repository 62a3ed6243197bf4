#include "score/block_evaluator.hpp"

#include "base/subscript.hpp"
#include "score/tuning.hpp"

#include <algorithm>
#include <cmath>

namespace gaussmix::detail {

template <class T>
BlockEvaluator<T>::BlockEvaluator(const ComponentTerms& mixture, const Samples& x, const simd::Kernels<T>& kernels,
                                  const Partition& partition, bool skip, bool row_major)
    : mixture_(mixture),
      layout_(mixture.block_layout<T>()),
      kernels_(kernels),
      loader_(x, partition.block_rows, kernels, row_major),
      distances_(mixture, kernels, loader_, partition.block_rows),
      stride_(partition.block_rows),
      tile_rows_(partition.tile_rows),
      values_(mixture.k * stride_),
      log_p_(stride_),
      choice_(skip && is_worth_searching<T>(mixture)),
      search_(mixture, kernels, choice_.possible() ? x.rows() : 0),
      groups_(stride_) {}

template <class T>
void BlockEvaluator<T>::load(Index begin, Index end, std::int32_t* labels) {
  const Index n = end - begin;
  row_labels_ = labels;
  grouped_ = choice_.possible() && labels && std::all_of(labels, labels + n, [](std::int32_t k) { return k >= 0; });
  if (grouped_) {
    std::copy(labels, labels + n, groups_.labels_to_group());
    groups_.group(n, mixture_.k);
  }
  loader_.load(begin, end, grouped_ ? groups_.order() : nullptr);
  distances_.rows_changed();
  if (grouped_ && !is_in_range()) ungroup();
  if (grouped_ || !is_worth_guessing()) return;
  guess_labels();
  groups_.group(n, mixture_.k);
  loader_.reorder(groups_.order());
  distances_.rows_changed();
  grouped_ = true;
}

/// Puts the rows back in their own order.
template <class T>
void BlockEvaluator<T>::ungroup() {
  loader_.reorder(nullptr);
  distances_.rows_changed();
  grouped_ = false;
}

/// Whether a search from guessed likely components of the rows loaded is expected to be quicker than all distances.
/// Where nothing was learned yet it evaluates a part of the block to know.
template <class T>
bool BlockEvaluator<T>::is_worth_guessing() {
  if (!choice_.possible() || mixture_.d < tuning::least_features_to_guess || !is_in_range()) return false;
  if (!choice_.learned() && size() >= 4 * tuning::probe_rows) probe();
  return choice_.search();
}

/// Evaluates the first rows of a block whole, so that the choice of a search learns what share they keep.
template <class T>
void BlockEvaluator<T>::probe() {
  Index kept = 0;
  evaluate_tile(0, tuning::probe_rows, nullptr, exclusion_cut<T>(mixture_.k), false, kept);
  choice_.learn(false, static_cast<double>(kept) / static_cast<double>(tuning::probe_rows * mixture_.k));
}

template <class T>
void BlockEvaluator<T>::guess_labels() {
  const T* strips = distances_.strips();
  kernels_.likely_components(strips, loader_.n_strips(), distances_.components(), distances_.scratch(),
                             groups_.labels_to_group());
}

template <class T>
void BlockEvaluator<T>::whole_distances() {
  distances_.write(0, loader_.padded(), values_.data(), stride_);
}

template <class T>
void BlockEvaluator<T>::prepare_extended_range() {
  if (!extended_row_) extended_row_.emplace(mixture_);
  row_.resize(mixture_.d);
  values_kept_.resize(values_.size());
  extended_rows_.resize(stride_);
}

/// Calls patch(i, extended_row) for each row i of the block that has a distance that is not finite or lies off every
/// support. values_ is as before when patch is called: the distances, which the kernels have overwritten, are computed
/// again beside it.
template <class T>
template <class Patch>
void BlockEvaluator<T>::for_each_extended_row(const Patch& patch) {
  prepare_extended_range();
  std::copy(values_.data(), values_.data() + values_.size(), values_kept_.data());
  whole_distances();
  Index n_extended = 0;
  for (Index i = 0; i < size(); ++i) {
    bool finite = true, supported = false;
    for (Index k = 0; k < mixture_.k; ++k) {
      const T q = values_[k * stride_ + i];
      finite = finite && q < std::numeric_limits<T>::infinity();
      supported = supported || (q >= 0 && layout_.log_weight[at(k)] > -std::numeric_limits<T>::infinity());
    }
    if (!finite || !supported) extended_rows_[n_extended++] = i;
  }
  std::copy(values_kept_.data(), values_kept_.data() + values_.size(), values_.data());
  for (Index far = 0; far < n_extended; ++far) {
    const Index i = extended_rows_[far];
    const T* strip = loader_.strips() + i / kernels_.strip * mixture_.d * kernels_.strip + i % kernels_.strip;
    for (Index j = 0; j < mixture_.d; ++j) row_[j] = static_cast<double>(strip[j * kernels_.strip]);
    extended_row_->evaluate(row_.data());
    patch(i, *extended_row_);
  }
}

/// log N_k(x_i) = log_norm_k − q_ik / 2 (Bishop 2006, eq. 2.43).
template <class T>
const T* BlockEvaluator<T>::log_normal() {
  whole_distances();
  bool finite = true;
  for (Index k = 0; k < mixture_.k; ++k) {
    const T log_norm = layout_.log_norm[at(k)];
    T* q = values_.data() + k * stride_;
    for (Index i = 0; i < loader_.padded(); ++i) {
      finite = finite && q[i] < std::numeric_limits<T>::infinity();
      // q / 2 is exact, so this rounds once, whether the compiler fuses it or not.
      q[i] = q[i] < 0 ? -std::numeric_limits<T>::infinity() : log_norm - T(0.5) * q[i];
    }
  }
  if (!finite)
    for_each_extended_row([this](Index i, const ExtendedRangeRow& row) {
      for (Index k = 0; k < mixture_.k; ++k) values_[k * stride_ + i] = static_cast<T>(row.log_normal()[at(k)]);
    });
  return values_.data();
}

template <class T>
const T* BlockEvaluator<T>::posterior(simd::Posterior what) {
  whole_distances();
  const bool done = kernels_.posterior(values_.data(), stride_, loader_.padded(), mixture_.k, layout_.log_norm.data(),
                                       layout_.log_weight.data(), what);
  if (!done)
    for_each_extended_row([this, what](Index i, const ExtendedRangeRow& row) {
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
  whole_distances();
  bool done = kernels_.posterior(values_.data(), stride_, loader_.padded(), mixture_.k, layout_.log_norm.data(),
                                 layout_.log_weight.data(), simd::Posterior::log_joint);
  labels_.resize(size());
  for (Index i = 0; i < size(); ++i) {
    Index best = 0;
    for (Index k = 1; k < mixture_.k; ++k)
      if (values_[k * stride_ + i] > values_[best * stride_ + i]) best = k;
    labels_[i] = best;
    done = done && values_[best * stride_ + i] > -std::numeric_limits<T>::infinity();
  }
  if (!done) for_each_extended_row([this](Index i, const ExtendedRangeRow& row) { labels_[i] = row.label(); });
  return labels_.data();
}

/// log p of each row and, with `responsibilities`, the responsibilities times their rows' weights: by a search where
/// the rows are grouped for one, else tile by tile.
template <class T>
const T* BlockEvaluator<T>::evaluate(const T* weight, T cut, bool responsibilities) {
  responsibilities_ = {values_.data(), stride_};
  if (grouped_) {
    const bool done =
        search_.run(distances_, groups_, size(), weight, cut, responsibilities, values_.data(), log_p_.data());
    choice_.learn(true, search_.kept_share());
    if (done) {
      if (responsibilities) responsibilities_ = search_.collect(groups_, values_.data(), size(), row_labels_);
      return log_p_.data();
    }
    ungroup();
  }
  Index kept = 0;
  bool done = true;
  for (Index begin = 0; begin < loader_.padded(); begin += tile_rows_)
    done &= evaluate_tile(begin, std::min(begin + tile_rows_, loader_.padded()), weight, cut, responsibilities, kept);
  if (!done)
    for_each_extended_row([&](Index i, const ExtendedRangeRow& row) {
      log_p_[i] = static_cast<T>(row.log_p());
      for (std::size_t k = 0; responsibilities && k < row.gamma().size(); ++k)
        values_[static_cast<Index>(k) * stride_ + i] = static_cast<T>(row.gamma()[k]) * (weight ? weight[i] : T(1));
    });
  choice_.learn(false, static_cast<double>(kept) / static_cast<double>(loader_.padded() * mixture_.k));
  return log_p_.data();
}

/// log p and responsibilities of rows [begin, end), a tile; adds the pairs of a row and a component that count to
/// `kept`. Returns as Kernels::log_prob.
template <class T>
bool BlockEvaluator<T>::evaluate_tile(Index begin, Index end, const T* weight, T cut, bool responsibilities,
                                      Index& kept) {
  T* q = values_.data() + (responsibilities ? begin : 0);
  Index counted = 0;
  distances_.write(begin, end, q, stride_);
  const bool done =
      kernels_.log_prob(q, stride_, end - begin, mixture_.k, layout_.log_norm.data(), layout_.log_weight.data(), cut,
                        weight ? weight + begin : nullptr, responsibilities, log_p_.data() + begin, &counted);
  kept += counted;
  return done;
}

template <class T>
const T* BlockEvaluator<T>::log_prob() {
  return evaluate(nullptr, exclusion_cut<T>(mixture_.k), false);
}

template <class T>
const T* BlockEvaluator<T>::expectation(const T* weight, T cut) {
  evaluate(weight, cut, true);
  if (responsibilities_.begin) return log_p_.data();
  for (Index k = 0; k < mixture_.k; ++k)
    std::fill(values_.data() + k * stride_ + size(), values_.data() + k * stride_ + loader_.padded(), T(0));
  if (row_labels_ && choice_.search()) note_labels();
  return log_p_.data();
}

/// Sets the likely components of these rows for the next pass to those of their largest responsibilities.
template <class T>
void BlockEvaluator<T>::note_labels() {
  std::fill(row_labels_, row_labels_ + size(), 0);
  std::vector<T> most(values_.data(), values_.data() + size());
  for (Index k = 1; k < mixture_.k; ++k) {
    const T* gamma = values_.data() + k * stride_;
    for (Index i = 0; i < size(); ++i) {
      if (!(gamma[i] > most[at(i)])) continue;
      most[at(i)] = gamma[i];
      row_labels_[i] = static_cast<std::int32_t>(k);
    }
  }
}

template class BlockEvaluator<float>;
template class BlockEvaluator<double>;

}  // namespace gaussmix::detail
