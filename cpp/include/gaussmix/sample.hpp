#pragma once

#include <gaussmix/export.h>
#include <gaussmix/mixture.hpp>

#include <cstdint>

namespace gaussmix {

/// Ancestral sampling (Bishop 2006, section 8.1.2): z_i ~ π, then x_i ~ N(μ_z, Σ_z).
///
/// Row i depends on (seed, i) alone: Philox4x32-10 (Salmon et al. 2011) with i in its counter, normals by Wichura's AS
/// 241, so the same seed gives the same rows on every platform, for any thread count, and a longer draw begins with the
/// shorter one.
/// @param x  (N, D), N ≥ 0, written
/// @param z  (N,), written; the component of each row
/// @throws InvalidArgument  for wrong shapes, and for outputs that share memory
/// @throws Interrupted      when `execution.stop` says so; x and z are then unspecified
GAUSSMIX_API void sample(const Mixture& mixture, std::uint64_t seed, MatrixView<double> x, VectorView<Index> z,
                         const Execution& execution = {});

}  // namespace gaussmix
