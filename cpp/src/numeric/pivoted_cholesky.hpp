#pragma once

#include <gaussmix/views.hpp>

#include <vector>

namespace gaussmix::detail {

/// What a Cholesky factorization with diagonal pivoting says of Σ scaled to unit diagonal, A_ij = Σ_ij / (s_i s_j) with
/// s_j = √Σ_jj: P A Pᵀ = L Lᵀ, where each step takes the largest remaining diagonal entry as its pivot (Higham 2002,
/// section 10.3). `l` is empty when A is indefinite, and so is `order` when the diagonal alone shows it.
struct PivotedCholesky {
  enum class Kind { positive_definite, singular, indefinite };
  Kind kind = Kind::indefinite;
  Index rank = 0;            ///< pivots above 8·d·u
  double pivot = 0.0;        ///< the one that decided: the smallest accepted, the first zero or the first negative
  std::vector<Index> order;  ///< features in the order of their pivots, (d,)
  std::vector<double> l;  ///< (d, rank) row-major, rows in `order`: (scaled Σ)(order, order) = l lᵀ up to zero pivots
  std::vector<double> scale;  ///< sqrt(Σ_jj) in original order, (d,); 0 for a zero row
};

/// Factors a symmetric matrix with finite entries, (d, d). Plain loops in a fixed order without contraction, so that
/// every platform gets the same bits. A zero on the diagonal is a zero pivot when its whole row is zero, indefinite
/// otherwise.
/// `zero_pivot` is the largest pivot taken for zero, in units of d · 2⁻⁵³. Rounding leaves about d · u where a pivot of
/// A is zero; 8 times as much judges what a caller gives (see Mixture).
PivotedCholesky pivoted_cholesky(const double* sigma, Index d, double zero_pivot = 8.0);

}  // namespace gaussmix::detail
