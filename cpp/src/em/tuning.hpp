#pragma once

// The numbers of this room that change speed, or how far a search looks, and not accuracy. What others would bring is
// seen with bench/python/bench_em.py: its rows overlap in one half of the problems, where nearly all pairs of a row and
// a component count, and are separated in the other, where one component counts for a row; bench/README.md has the
// times that these numbers give.

#include "base/buffer.hpp"

#include <cstddef>

namespace gaussmix::detail::tuning {

// ---- which way sums are taken ---------------------------------------------------------------------------------------

// Another choice adds the same terms in another order or about another center, and so changes last bits. Each depends
// on the number of positive responsibilities alone, which lists and arrays of them share, or on sizes.

/// Share of all pairs of a row and a component above which variances, and whole scatters of up to few_features, are
/// summed for all pairs at once ("dense"), not for the positive ones alone: dense sums take two multiply-adds a feature
/// and pair, lists four operations.
inline constexpr double dense_share = 0.4;
/// The same for whole scatters of more features, where what lists cost beside the multiply-adds of both ways is less.
inline constexpr double dense_full_share = 0.6;
/// With fewer components than these too few would share the products of dense sums: they are summed one after the
/// other.
inline constexpr Index least_dense_components = 4;
/// Share of a block's rows above which a whole scatter of small_features < D ≤ few_features is summed from strips of
/// all rows, not from a list of the positive ones.
inline constexpr double strip_share = 0.4;
/// Components that count for a row, on average, from which on variances are summed a tile of rows at a time for all
/// components: with fewer every row is read about once anyway.
inline constexpr double tiled_pairs = 2.0;
/// Bytes of rows that stay in the nearest cache while every component takes its sums from them.
inline constexpr Index tile_bytes = Index{1} << 15;

// ---- split and merge: what it finds, and how long it takes (bench/python/bench_search.py) ----------------------------

/// Moves that are tried from one mixture, …
inline constexpr Index tried_moves = 8;
/// … for so many iterations, accelerated, …
inline constexpr int tried_iterations = 3;
/// … of which so many that came furthest go on to their ends.
inline constexpr std::size_t finished_moves = 2;

// ---- memory: no bit depends on these --------------------------------------------------------------------------------

/// Sums of leaves that a thread holds at most until those before them are merged, so that it does not wait for a thread
/// that others of the machine hold back: 8, …
inline constexpr Index most_held_sums = 8;
/// … or as many as 8 MiB hold, but at least one, with which a thread waits before its next leaf. A sum of K = 32
/// components in D = 32 features is ¼ MiB, one of K = 256 in D = 64 is 8 MiB.
inline constexpr Index held_sums_bytes = Index{1} << 23;
/// Values of dense sums that are held at a time, 2 MiB, …
inline constexpr Index held_values = Index{1} << 18;
/// … but of at least so many components: a tile of the kernel.
inline constexpr Index least_held_components = 6;
/// Values of X that constant_features reads at a time, 512 KiB.
inline constexpr Index compared_values = Index{1} << 16;
/// Rows that constant_features looks at first: in most data they show that no feature is constant.
inline constexpr Index first_compared_rows = 16;

}  // namespace gaussmix::detail::tuning
