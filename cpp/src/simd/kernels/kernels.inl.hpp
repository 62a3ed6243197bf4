// The mathematics on one block of rows, written once for every instruction set. A file kernels_<isa>.cpp includes this
// with GAUSSMIX_ISA set on its command line, together with the flags that the name stands for; everything lands in a
// namespace of that name, so that no two copies can be taken for each other.
#pragma once

#include "simd/kernel_table.hpp"

#include <cstddef>
#include <type_traits>
#include <utility>

#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

#ifndef GAUSSMIX_ISA
#error "GAUSSMIX_ISA names the instruction set of this file"
#endif

namespace gaussmix::simd::GAUSSMIX_ISA {
namespace {

#include "vector.inl.hpp"

#include "distances.inl.hpp"

#include "posterior.inl.hpp"

#include "pruning.inl.hpp"

#include "moments.inl.hpp"

#include "moments_dense.inl.hpp"

#include "moments_strips.inl.hpp"

#include "row.inl.hpp"

#include "clusters.inl.hpp"

template <class T>
constexpr Kernels<T> kernels() {
  return {strip_of<T>,          pack<T>,           distances_full<T>,  distances_diag<T>,  distances_unit<T>,
          transform<T>,         posterior<T>,      log_prob<T>,        pruned_log_prob<T>, pruned_scratch<T>,
          likely_components<T>, moments_diag<T>,   moments_dense<T>,   dense_scratch<T>,   dense_size<T>,
          dense_moments<T>,     count_positive<T>, moments_full<T>,    moments_scratch<T>, moments_small<T>,
          moments_few<T>,       two_nearest<T>,    potential_gains<T>, weighted_sum<T>,    add_to_clusters<T>};
}

template <class T>
constexpr RowKernels<T> row_kernels() {
  return {row_distances_full<T>, row_distances_diag<T>, row_distances_unit<T>, row_transform<T>, row_posterior<T>};
}

/// What the compiler was told it may use here.
constexpr std::uint32_t features = 0
#ifdef __SSE2__
                                   | feature_sse2
#endif
#ifdef __AVX__
                                   | feature_avx
#endif
#ifdef __AVX2__
                                   | feature_avx2
#endif
#ifdef __FMA__
                                   | feature_fma
#endif
#ifdef __AVX512F__
                                   | feature_avx512f
#endif
#ifdef __AVX512BW__
                                   | feature_avx512bw
#endif
#ifdef __AVX512DQ__
                                   | feature_avx512dq
#endif
#ifdef __AVX512VL__
                                   | feature_avx512vl
#endif
#ifdef __AVX512CD__
                                   | feature_avx512cd
#endif
#ifdef __ARM_NEON
                                   | feature_neon
#endif
    ;

}  // namespace
}  // namespace gaussmix::simd::GAUSSMIX_ISA
