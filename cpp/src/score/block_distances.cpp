#include "score/block_distances.hpp"

#include <algorithm>

namespace gaussmix::detail {

template <class T>
BlockDistances<T>::BlockDistances(const ComponentTerms& mixture, const simd::Kernels<T>& kernels,
                                  const BlockLoader<T>& loader, Index block_rows)
    : mixture_(mixture),
      layout_(mixture.block_layout<T>()),
      kernels_(kernels),
      loader_(loader),
      scratch_(std::max(2 * mixture.d * kernels.strip, kernels.pruned_scratch(mixture.d))),
      transformed_(layout_.transformed ? mixture.d * block_rows : 0) {}

template <class T>
const T* BlockDistances<T>::strips() {
  if (!layout_.transformed) return loader_.strips();
  if (!transformed_is_current_)
    kernels_.transform(loader_.strips(), loader_.n_strips(), mixture_.d, layout_.center.at(0), layout_.factor(0),
                       scratch_.data(), transformed_.data());
  transformed_is_current_ = true;
  return transformed_.data();
}

template <class T>
void BlockDistances<T>::write(Index begin, Index end, T* q, Index stride) {
  const Index d = mixture_.d, n_strips = (end - begin) / kernels_.strip;
  const T* first = strips() + begin * d;
  for (Index k = 0; k < mixture_.k; ++k, q += stride) {
    const simd::Location<T> mean = layout_.means.at(k * d);
    if (layout_.transformed)
      kernels_.distances_unit(first, n_strips, d, mean, q);
    else if (mixture_.factors.empty())
      kernels_.distances_diag(first, n_strips, d, mean, layout_.inv_std.data() + k * d, q);
    else
      kernels_.distances_full(first, n_strips, d, mean, layout_.factor(k), scratch_.data(), q);
  }
}

template class BlockDistances<float>;
template class BlockDistances<double>;

}  // namespace gaussmix::detail
