#pragma once

// The numbers of this room that change speed alone: no bit of a result depends on them. What others would bring is seen
// with bench/python/bench_em.py and bench_score.py: their rows overlap in one half of the problems, where pruning is in
// vain, and are separated in the other, where it pays. bench/README.md has the times that these numbers give.

#include "base/buffer.hpp"
#include "simd/kernel_table.hpp"

namespace gaussmix::detail::tuning {

// ---- whether a block is evaluated whole or pruned (SearchChoice) ----------------------------------------------------

/// With fewer components or features than these all of them are soon evaluated: there is little to leave out.
inline constexpr Index least_components = 4;
inline constexpr Index least_features_full = 12;
inline constexpr Index least_features_diag = 16;  // of variances, and of one matrix for all
static_assert(least_features_full > simd::few_features && least_features_diag > simd::few_features,
              "BlockMoments reads strips in the rows' own order there");

/// A search is tried while a block, evaluated whole, keeps less than this share of its pairs of a row and a component.
/// Strips keep a component when one of their rows does, so a search evaluates more than that share.
inline constexpr double worthwhile_share = 0.35;
/// A search that keeps more than this share of the pairs of a strip and a component saves less than it costs in looks
/// and in another order of the rows: …
inline constexpr double vain_share = 0.5;
/// … so many blocks are then evaluated whole before the next try, which makes vain tries a small part of all.
inline constexpr int blocks_of_pause = 32;

// ---- the order in which leaves are committed (score.cpp) ------------------------------------------------------------

/// Leaves whose log-likelihoods, a number a block, each thread keeps at most until those before them are added.
inline constexpr int held_leaves = 8;

// ---- the guess at likely components where no last pass tells them (BlockEvaluator)
// -----------------------------------

/// A guess reads 8 features of every component: from so many on, that is a half of all or less.
inline constexpr Index least_features_to_guess = 16;
/// Rows of the first block by which SearchChoice learns whether a guess is worth it; whole strips, in a block of at
/// least four times as many rows.
inline constexpr Index probe_rows = 4 * simd::strip_multiple;

// ---- few rows without blocks (score.cpp)
// ------------------------------------------------------------------------------

// A strip of a block takes as long whether its rows are rows of X or padding. bench/cpp/bench_few_rows has both ways.

/// A half of the rows of a strip take about as long row by row as the whole strip, where no place of a group of
/// components is padding: 12 with AVX-512, 6 with AVX2. Where a strip
/// has no more rows than a row has components side by side (SSE2, NEON), both ways do about the same work for a row, and
/// row by row none is padding: there two groups of rows are few.
inline constexpr Index strip_per_row_work = 2;
/// Where a row reads no more values than this, padding among them, what a block costs beside its strips is more than all
/// of that; where it reads more, padding counts.
inline constexpr Index brief_values = Index{1} << 12;
/// Row by row the parameters are read for every row again, which takes three times as long …
inline constexpr Index uncached_cost = 3;
/// … where they are more than a near cache holds: so many values, 4 MiB.
inline constexpr Index cached_values = Index{1} << 19;
/// A mixture whose layout for one row would be longer, 128 MiB, is left to blocks: it is kept beside theirs.
inline constexpr Index most_row_values = Index{1} << 24;
/// Values of scratch on the stack, 16 KiB: a quarter of the smallest stacks that are served, of 64 KiB.
inline constexpr Index most_row_scratch = 1 << 11;

}  // namespace gaussmix::detail::tuning
