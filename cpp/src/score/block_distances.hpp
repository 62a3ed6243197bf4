#pragma once

#include "base/buffer.hpp"
#include "data/block_loader.hpp"
#include "model/component_terms.hpp"

namespace gaussmix::detail {

/// Squared distances ‖L_k⁻¹(x_i − μ_k)‖² of the rows of a loaded block from every component. Where all components share
/// one matrix and a center c, each row is transformed once, y_i = L⁻¹(x_i − c), and the distance is ‖y_i − ν_k‖² with
/// ν_k = L⁻¹(μ_k − c).
template <class T>
class BlockDistances {
 public:
  BlockDistances(const ComponentTerms& mixture, const simd::Kernels<T>& kernels, const BlockLoader<T>& loader,
                 Index block_rows);

  /// To be called when the loader holds other rows, or the same in another order.
  void rows_changed() noexcept { transformed_is_current_ = false; }
  /// The strips in whose space components() are: of x, or of y.
  const T* strips();
  /// All components, in the space of strips().
  simd::Components<T> components() const noexcept { return layout_.components(mixture_.d); }
  /// Squared distances of rows [begin, end), whole strips, to q, (K, stride).
  void write(Index begin, Index end, T* q, Index stride);
  /// Room for any kernel over a strip.
  T* scratch() noexcept { return scratch_.data(); }

 private:
  const ComponentTerms& mixture_;
  const BlockLayout<T>& layout_;
  const simd::Kernels<T>& kernels_;
  const BlockLoader<T>& loader_;
  Buffer<T> scratch_;
  Buffer<T> transformed_;
  bool transformed_is_current_ = false;
};

}  // namespace gaussmix::detail
