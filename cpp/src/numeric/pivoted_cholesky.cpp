#include "numeric/pivoted_cholesky.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace gaussmix::detail {

namespace {

using Kind = PivotedCholesky::Kind;

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr double unit_roundoff = 0x1p-53;

/// The scaled matrix A under elimination: its lower triangle, (d, d) row-major. After k steps columns 0 … k − 1 hold
/// the factor, rows and columns from k on the Schur complement.
struct Elimination {
  Index d;
  double tolerance;  ///< a pivot up to this is zero
  std::vector<double> a;
  std::vector<Index> order;

  double& at(Index i, Index j) { return a[static_cast<std::size_t>(i * d + j)]; }

  /// The largest remaining pivot, the first of equals.
  Index largest(Index k) {
    Index best = k;
    for (Index i = k + 1; i < d; ++i) {
      if (at(i, i) > at(best, best)) best = i;
    }
    return best;
  }

  /// Exchanges rows and columns k < p, reading and writing the lower triangle only.
  void exchange(Index k, Index p) {
    std::swap(order[static_cast<std::size_t>(k)], order[static_cast<std::size_t>(p)]);
    for (Index j = 0; j < k; ++j) std::swap(at(k, j), at(p, j));
    std::swap(at(k, k), at(p, p));
    for (Index i = k + 1; i < p; ++i) std::swap(at(i, k), at(p, i));
    for (Index i = p + 1; i < d; ++i) std::swap(at(i, k), at(i, p));
  }

  /// Eliminates with the pivot at k: l_kk = √a_kk, l_ik = a_ik / l_kk, a_ij −= l_ik l_jk for k < j ≤ i. `column`, (d,),
  /// is scratch.
  void eliminate(Index k, double* column) {
    const double root = std::sqrt(at(k, k));
    at(k, k) = root;
    for (Index i = k + 1; i < d; ++i) column[i] = at(i, k) = at(i, k) / root;
    for (Index i = k + 1; i < d; ++i) {
      const double factor = column[i];
      double* row = &at(i, 0);
      for (Index j = k + 1; j <= i; ++j) row[j] -= factor * column[j];
    }
  }

  /// The smallest remaining diagonal entry; +inf when none remains.
  double smallest(Index k) {
    double least = infinity;
    for (Index i = k; i < d; ++i) least = std::min(least, at(i, i));
    return least;
  }

  /// The largest remaining off-diagonal entry in magnitude.
  double largest_coupling(Index k) {
    double most = 0.0;
    for (Index i = k; i < d; ++i) {
      for (Index j = k; j < i; ++j) most = std::max(most, std::fabs(at(i, j)));
    }
    return most;
  }
};

/// sqrt(Σ_jj) to `scale`. Returns 0, or the negative pivot that the diagonal alone betrays: −1 for a negative entry,
/// −inf for a zero whose row is not zero (the limit of 1 − Σ_ij² / (Σ_ii Σ_jj)).
double scale_of_diagonal(const double* sigma, Index d, std::vector<double>& scale) {
  scale.resize(static_cast<std::size_t>(d));
  for (Index i = 0; i < d; ++i) {
    const double* row = sigma + i * d;
    if (row[i] < 0.0) return -1.0;
    if (row[i] == 0.0 && std::any_of(row, row + d, [](double v) { return v != 0.0; })) return -infinity;
    scale[static_cast<std::size_t>(i)] = std::sqrt(row[i]);
  }
  return 0.0;
}

/// The lower triangle of Σ_ij / s_i / s_j with an exact unit diagonal, 0 where s_j is 0. Divided twice, for s_i·s_j may
/// be subnormal. A quotient may overflow to ±inf in an indefinite matrix; its first use makes a pivot −inf.
Elimination scaled(const double* sigma, Index d, const std::vector<double>& scale, double zero_pivot) {
  const auto size = static_cast<std::size_t>(d);
  Elimination e{d, zero_pivot * static_cast<double>(d) * unit_roundoff, std::vector<double>(size * size),
                std::vector<Index>(size)};
  std::iota(e.order.begin(), e.order.end(), Index{0});
  for (Index i = 0; i < d; ++i) {
    const double s_i = scale[static_cast<std::size_t>(i)];
    if (s_i == 0.0) continue;
    for (Index j = 0; j < i; ++j) {
      const double s_j = scale[static_cast<std::size_t>(j)];
      if (s_j != 0.0) e.at(i, j) = sigma[i * d + j] / s_i / s_j;
    }
    e.at(i, i) = 1.0;
  }
  return e;
}

/// Columns 0 … rank−1 of the factor, (d, rank), with zeros above the diagonal.
std::vector<double> factor_columns(Elimination& e, Index rank) {
  std::vector<double> l(static_cast<std::size_t>(e.d) * static_cast<std::size_t>(rank));
  for (Index i = 0; i < e.d; ++i) {
    for (Index j = 0; j < std::min(i + 1, rank); ++j) l[static_cast<std::size_t>(i * rank + j)] = e.at(i, j);
  }
  return l;
}

}  // namespace

PivotedCholesky pivoted_cholesky(const double* sigma, Index d, double zero_pivot) {
  PivotedCholesky result;
  result.pivot = scale_of_diagonal(sigma, d, result.scale);
  if (result.pivot < 0.0) return result;

  Elimination e = scaled(sigma, d, result.scale, zero_pivot);
  std::vector<double> column(static_cast<std::size_t>(d));
  Index k = 0;
  double least = e.smallest(k);
  // A negative pivot ends it at once: while there is none, |l_ij| ≤ 1 to rounding, and nothing grows into inf − inf.
  while (k < d && least >= -e.tolerance) {
    const Index p = e.largest(k);
    if (e.at(p, p) <= e.tolerance) break;
    result.pivot = e.at(p, p);
    if (p != k) e.exchange(k, p);
    e.eliminate(k++, column.data());
    least = e.smallest(k);
  }
  result.rank = k;
  result.order = e.order;
  // A semi-definite matrix has |s_ij| ≤ sqrt(s_ii s_jj): beside zero pivots stand only zeros.
  if (least >= -e.tolerance && e.largest_coupling(k) > e.tolerance) least = -e.largest_coupling(k);
  if (least < -e.tolerance) {
    result.pivot = least;
    return result;
  }
  result.kind = k == d ? Kind::positive_definite : Kind::singular;
  if (k < d) result.pivot = e.at(e.largest(k), e.largest(k));
  result.l = factor_columns(e, k);
  return result;
}

}  // namespace gaussmix::detail
