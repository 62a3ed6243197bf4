#include "evaluate.hpp"

#include <algorithm>
#include <cmath>

namespace gaussmix::detail {

template <class T>
T exclusion_cut(Index n_components) {
  const double bits = static_cast<double>(std::numeric_limits<T>::digits);
  return static_cast<T>(std::log(static_cast<double>(n_components)) + bits * std::log(2.0));
}

template <class T>
BlockEvaluator<T>::BlockEvaluator(const MixtureData& mixture, const Samples& x, const simd::Kernels<T>& kernels,
                                  const Partition& partition, bool row_major)
    : mixture_(mixture),
      packed_(mixture.packed<T>()),
      kernels_(kernels),
      loader_(x, partition.block_rows, kernels, row_major),
      stride_(partition.block_rows),
      values_(mixture.k * stride_),
      log_p_(stride_),
      scratch_(2 * mixture.d * kernels.strip),
      transformed_(packed_.transformed ? mixture.d * stride_ : 0) {}

template <class T>
void BlockEvaluator<T>::load(Index begin, Index end) {
  loader_.load(begin, end);
}

template <class T>
void BlockEvaluator<T>::distances() {
  const Index d = mixture_.d, n_strips = loader_.n_strips();
  const T* strips = loader_.strips();
  if (packed_.transformed)
    kernels_.transform(strips, n_strips, d, packed_.center.at(0), packed_.factor(0), scratch_.data(),
                       transformed_.data());
  for (Index k = 0; k < mixture_.k; ++k) {
    const simd::Location<T> mean = packed_.means.at(k * d);
    T* q = values_.data() + k * stride_;
    if (packed_.transformed)
      kernels_.distances_unit(transformed_.data(), n_strips, d, mean, q);
    else if (mixture_.factors.empty())
      kernels_.distances_diag(strips, n_strips, d, mean, packed_.inv_std.data() + k * d, q);
    else
      kernels_.distances_full(strips, n_strips, d, mean, packed_.factor(k), scratch_.data(), q);
  }
}

/// Calls patch(i, FarRow) for each row of the block with a distance that is not finite or off every support; leaves the
/// distances in values_.
template <class T>
template <class Patch>
void BlockEvaluator<T>::for_each_far_row(const Patch& patch) {
  const std::vector<T> kept(values_.data(), values_.data() + mixture_.k * stride_);
  distances();
  std::vector<Index> far;
  for (Index i = 0; i < size(); ++i) {
    bool finite = true, supported = false;
    for (Index k = 0; k < mixture_.k; ++k) {
      const T q = values_[k * stride_ + i];
      finite = finite && q < std::numeric_limits<T>::infinity();
      supported = supported ||
                  (q >= 0 && packed_.log_weight[static_cast<std::size_t>(k)] > -std::numeric_limits<T>::infinity());
    }
    if (!finite || !supported) far.push_back(i);
  }
  std::copy(kept.begin(), kept.end(), values_.data());
  row_.resize(static_cast<std::size_t>(mixture_.d));
  for (const Index i : far) {
    const T* strip = loader_.strips() + i / kernels_.strip * mixture_.d * kernels_.strip + i % kernels_.strip;
    for (Index j = 0; j < mixture_.d; ++j)
      row_[static_cast<std::size_t>(j)] = static_cast<double>(strip[j * kernels_.strip]);
    patch(i, evaluate_far_row(mixture_, row_.data()));
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
      // q / 2 is exact, so this rounds once, as the fused form of the kernels does: the same bits.
      q[i] = q[i] < 0 ? -std::numeric_limits<T>::infinity() : log_norm - T(0.5) * q[i];
    }
  }
  if (!finite)
    for_each_far_row([this](Index i, const FarRow& row) {
      for (Index k = 0; k < mixture_.k; ++k)
        values_[k * stride_ + i] = static_cast<T>(row.log_normal[static_cast<std::size_t>(k)]);
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
      for (std::size_t k = 0; k < row.gamma.size(); ++k) {
        T& value = values_[static_cast<Index>(k) * stride_ + i];
        switch (what) {
          case simd::Posterior::log_joint: value = static_cast<T>(row.log_joint[k]); break;
          case simd::Posterior::log_responsibilities: value = static_cast<T>(row.log_gamma[k]); break;
          case simd::Posterior::responsibilities: value = static_cast<T>(row.gamma[k]); break;
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
  if (!done)
    for_each_far_row([this](Index i, const FarRow& row) {
      labels_[i] = std::max_element(row.log_gamma.begin(), row.log_gamma.end()) - row.log_gamma.begin();
    });
  return labels_.data();
}

template <class T>
void BlockEvaluator<T>::patch_far_expectation(const T* weight, bool responsibilities) {
  for_each_far_row([this, weight, responsibilities](Index i, const FarRow& row) {
    log_p_[i] = static_cast<T>(row.log_p);
    for (std::size_t k = 0; responsibilities && k < row.gamma.size(); ++k)
      values_[static_cast<Index>(k) * stride_ + i] = static_cast<T>(row.gamma[k]) * (weight ? weight[i] : T(1));
  });
}

template <class T>
const T* BlockEvaluator<T>::log_prob() {
  distances();
  if (!kernels_.log_prob(values_.data(), stride_, loader_.padded(), mixture_.k, packed_.log_norm.data(),
                         packed_.log_weight.data(), exclusion_cut<T>(mixture_.k), nullptr, false, log_p_.data()))
    patch_far_expectation(nullptr, false);
  return log_p_.data();
}

template <class T>
const T* BlockEvaluator<T>::expectation(const T* weight, T cut) {
  distances();
  if (!kernels_.log_prob(values_.data(), stride_, loader_.padded(), mixture_.k, packed_.log_norm.data(),
                         packed_.log_weight.data(), cut, weight, true, log_p_.data()))
    patch_far_expectation(weight, true);
  for (Index k = 0; k < mixture_.k; ++k)
    std::fill(values_.data() + k * stride_ + size(), values_.data() + k * stride_ + loader_.padded(), T(0));
  return log_p_.data();
}

template float exclusion_cut<float>(Index);
template double exclusion_cut<double>(Index);
template class BlockEvaluator<float>;
template class BlockEvaluator<double>;

}  // namespace gaussmix::detail
