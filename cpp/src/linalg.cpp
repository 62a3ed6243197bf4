#include "linalg.hpp"

#include <Eigen/Cholesky>
#include <Eigen/Eigenvalues>
#include <Eigen/LU>
#include <Eigen/QR>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace gaussmix::detail {

namespace {

using Matrix = Eigen::MatrixXd;
using Vector = Eigen::VectorXd;
using RowMajor = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
using Kind = PivotedCholesky::Kind;

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr double unit_roundoff = 0x1p-53;

// ---- the decision: plain loops -------------------------------------------------------------------------------------

/// The scaled matrix under elimination: its lower triangle, (d, d) row-major. After k steps columns 0 … k−1 hold the
/// factor and rows and columns from k on the Schur complement.
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

  /// Eliminates with the pivot at k. `column`, (d,), is scratch.
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

/// The lower triangle of Σ_ij / s_i / s_j with an exact unit diagonal, 0 where s_j is 0. Divided twice, for s_i·s_j may be
/// subnormal. A quotient may overflow to ±inf in an indefinite matrix; its first use makes a pivot −inf.
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

// ---- scaling by powers of two, which rounds nothing ----------------------------------------------------------------

/// 2^e with 4^e ≤ value < 4^(e+1), for finite value > 0.
double power_of_two_root(double value) {
  int exponent = 0;
  std::frexp(value, &exponent);  // value in [2^(exponent − 1), 2^exponent)
  const int e = (exponent - 1 >= 0 ? exponent - 1 : exponent - 2) / 2;
  return std::ldexp(1.0, e);
}

/// power_of_two_root of each diagonal entry, (d,); false when one is not positive and finite.
bool diagonal_scale(const double* sigma, Index d, Vector& scale) {
  scale.resize(d);
  for (Index i = 0; i < d; ++i) {
    const double value = sigma[i * d + i];
    if (!(value > 0.0 && value < infinity)) return false;
    scale[i] = power_of_two_root(value);
  }
  return true;
}

/// S⁻¹ Σ S⁻¹ for a symmetric Σ.
Matrix unscaled(const double* sigma, Index d, const Vector& scale) {
  const Eigen::Map<const Matrix> map(sigma, d, d);
  const Vector inverse = scale.cwiseInverse();
  return inverse.asDiagonal() * map * inverse.asDiagonal();
}

/// The Cholesky factor of a symmetric matrix in place of its lower triangle; false unless every pivot is positive and
/// finite. LLT reports success on NaN, hence the second look.
bool factor_in_place(Matrix& a) {
  const Eigen::LLT<Eigen::Ref<Matrix>> llt(a);
  if (llt.info() != Eigen::Success) return false;
  a.triangularView<Eigen::StrictlyUpper>().setZero();
  return a.allFinite() && (a.diagonal().array() > 0.0).all();
}

/// row −= Σ_m l_m row_m for the rows [begin, begin + n) of a row-major matrix, of which those have `size` entries or zeros.
template <Index n>
void subtract_rows(double* row, const double* l, const RowMajor& rows, Index begin, Index size) {
  const double* from = &rows(begin, 0);
  const Index d = rows.cols();
  for (Index j = 0; j < size; ++j) {
    double sum = row[j];
    for (Index m = 0; m < n; ++m) sum -= l[m] * from[m * d + j];
    row[j] = sum;
  }
}

/// The inverse of a lower triangular matrix by forward substitution, row by row: plain loops over neighbours, which for the
/// usual sizes take half the time of a blocked solver.
RowMajor lower_inverse(const RowMajor& l) {
  const Index d = l.rows();
  RowMajor inverse = RowMajor::Zero(d, d);
  for (Index i = 0; i < d; ++i) {
    double* row = &inverse(i, 0);
    const double* factors = &l(i, 0);
    Index m = 0;
    for (; m + 4 <= i; m += 4) subtract_rows<4>(row, factors + m, inverse, m, m + 4);
    for (; m < i; ++m) subtract_rows<1>(row, factors + m, inverse, m, m + 1);
    for (Index j = 0; j < i; ++j) row[j] /= factors[i];
    row[i] = 1.0 / factors[i];
  }
  return inverse;
}

/// S, L and L⁻¹ with S⁻¹ Σ S⁻¹ = L Lᵀ.
struct ScaledFactor {
  Vector scale;
  Matrix l;
  RowMajor l_inverse;
};

bool factor_scaled(const double* sigma, Index d, ScaledFactor& f) {
  if (!diagonal_scale(sigma, d, f.scale)) return false;
  f.l = unscaled(sigma, d, f.scale);
  if (!factor_in_place(f.l)) return false;
  f.l_inverse = lower_inverse(RowMajor(f.l));
  return f.l_inverse.allFinite();
}

/// Makes the upper triangle of a row-major matrix the mirror of its lower one.
void mirror_lower(double* a, Index d) {
  for (Index i = 0; i < d; ++i) {
    for (Index j = 0; j < i; ++j) a[j * d + i] = a[i * d + j];
  }
}

/// Σ_i log|r_ii| over the first `n` diagonal entries.
double sum_log_diagonal(const Matrix& r, Index n) {
  double sum = 0.0;
  for (Index i = 0; i < n; ++i) sum += std::log(std::fabs(r(i, i)));
  return sum;
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

bool cholesky_inverse(const double* sigma, Index d, double* l, double* l_inverse) {
  if (d == 1) {
    l[0] = std::sqrt(sigma[0]);
    l_inverse[0] = 1.0 / l[0];
    return l[0] > 0.0 && l[0] < infinity;
  }
  ScaledFactor f;
  if (!factor_scaled(sigma, d, f)) return false;
  Eigen::Map<RowMajor>(l, d, d) = f.scale.asDiagonal() * f.l;
  Eigen::Map<RowMajor>(l_inverse, d, d) = f.l_inverse * f.scale.cwiseInverse().asDiagonal();
  return true;
}

double log_pseudo_determinant(const double* f, Index d, Index rank) {
  if (rank == 0) return 0.0;
  // F = P⁻¹ L U Q⁻¹ with complete pivoting, det(FᵀF) = det(U)² det(LᵀL). The elimination keeps the digits of rows and
  // columns of very different size; L is unit trapezoidal with entries up to 1 and det(LᵀL) ≥ 1, so that QR keeps its
  // digits too.
  const Eigen::Map<const RowMajor> map(f, d, rank);
  int exponent = 0;
  std::frexp(map.cwiseAbs().maxCoeff(), &exponent);
  const Eigen::FullPivLU<Matrix> lu(map * std::ldexp(1.0, -exponent));
  Matrix l = lu.matrixLU();
  const double log_u = sum_log_diagonal(l, rank);
  l.triangularView<Eigen::StrictlyUpper>().setZero();
  l.diagonal().setOnes();
  const Eigen::ColPivHouseholderQR<Matrix> qr(l);
  const double log_scale = static_cast<double>(exponent) * std::log(2.0);
  return 2.0 * (sum_log_diagonal(qr.matrixQR(), rank) + log_u + static_cast<double>(rank) * log_scale);
}

bool spd_inverse(const double* sigma, Index d, double* inverse) {
  ScaledFactor f;
  if (!factor_scaled(sigma, d, f)) return false;
  Matrix product = Matrix::Zero(d, d);
  product.selfadjointView<Eigen::Lower>().rankUpdate(f.l_inverse.transpose());
  const Vector scale = f.scale.cwiseInverse();
  Eigen::Map<RowMajor>(inverse, d, d) = scale.asDiagonal() * product * scale.asDiagonal();
  mirror_lower(inverse, d);
  return true;
}

bool floor_covariance(double* sigma, const double* total, Index d, double floor) {
  Vector scale;
  if (!diagonal_scale(total, d, scale)) return false;
  Matrix l = unscaled(total, d, scale);
  Matrix white = unscaled(sigma, d, scale);
  Matrix above = white - floor * l;
  // That sigma − floor · total is positive definite is the common case, seen at a tenth of the price.
  if (factor_in_place(above) || !factor_in_place(l)) return false;

  l.triangularView<Eigen::Lower>().solveInPlace(white);
  white.transposeInPlace();
  l.triangularView<Eigen::Lower>().solveInPlace(white);
  const Eigen::SelfAdjointEigenSolver<Matrix> eigen(white);  // ascending eigenvalues; reads the lower triangle
  const Index n_low = (eigen.eigenvalues().array() < floor).count();
  if (n_low == 0) return false;

  // Only what is missing is added, so that the other directions keep their bits as far as they can.
  const Vector missing = (floor - eigen.eigenvalues().head(n_low).array()).sqrt();
  const Matrix added = scale.asDiagonal() * (l * (eigen.eigenvectors().leftCols(n_low) * missing.asDiagonal()));
  Eigen::Map<RowMajor>(sigma, d, d).selfadjointView<Eigen::Lower>().rankUpdate(added);
  mirror_lower(sigma, d);
  return true;
}

void principal_axis(const double* sigma, Index d, double* axis) {
  const Eigen::Map<const Matrix> map(sigma, d, d);
  Eigen::Map<Vector> result(axis, d);
  const double largest = map.cwiseAbs().maxCoeff();
  if (!(largest > 0.0)) {
    result.setZero();
    return;
  }
  const double scale = power_of_two_root(largest);
  const Eigen::SelfAdjointEigenSolver<Matrix> eigen(map / scale / scale);
  const Vector direction = eigen.eigenvectors().col(d - 1);
  // The sign is a choice: the entry of largest magnitude is positive.
  Index entry = 0;
  direction.cwiseAbs().maxCoeff(&entry);
  const double length = std::sqrt(std::max(eigen.eigenvalues()[d - 1], 0.0)) * scale;
  result = direction * std::copysign(length, direction[entry]);
}

EigenvalueRange eigenvalue_range(const double* sigma, Index d) {
  const Eigen::Map<const Matrix> map(sigma, d, d);
  const Eigen::SelfAdjointEigenSolver<Matrix> eigen(map, Eigen::EigenvaluesOnly);
  if (eigen.info() != Eigen::Success) return {0.0, infinity};
  const double least = eigen.eigenvalues()[0], largest = eigen.eigenvalues()[d - 1];
  const double error = 16.0 * static_cast<double>(d) * unit_roundoff * largest;
  return {std::max(least - error, 0.0), largest + error};
}

}  // namespace gaussmix::detail
