#include "numeric/linalg.hpp"

#include "numeric/compensated_sum.hpp"

#include <Eigen/Cholesky>
#include <Eigen/Eigenvalues>
#include <Eigen/LU>
#include <Eigen/QR>

#include <algorithm>
#include <cmath>
#include <limits>

namespace gaussmix::detail {

namespace {

using Matrix = Eigen::MatrixXd;
using Vector = Eigen::VectorXd;
using RowMajor = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr double unit_roundoff = 0x1p-53;

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

/// S⁻¹ Σ S⁻¹ for a symmetric Σ and S = diag(scale), powers of two.
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

/// row −= Σ_m l_m rows_m over rows m = begin … begin + n − 1 of a row-major matrix, which are zero from entry `size`
/// on.
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

/// X = L⁻¹ of a lower triangular L by forward substitution, row by row (Higham 2002, section 14.2):
///   X_ij = −Σ_{m=j}^{i−1} L_im X_mj / L_ii for j < i,  X_ii = 1 / L_ii
/// in plain loops over neighbors, which for the usual sizes take half the time of a blocked solver.
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
  SumOfRuns sum;
  for (Index i = 0; i < n; ++i) sum.add(std::log(std::fabs(r(i, i))));
  return sum.value();
}

}  // namespace

// Σ = S (L Lᵀ) S with S⁻¹ Σ S⁻¹ = L Lᵀ, so that the factor of Σ is S L and its inverse L⁻¹ S⁻¹.
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

// Σ⁻¹ = S⁻¹ (L⁻ᵀ L⁻¹) S⁻¹ with S⁻¹ Σ S⁻¹ = L Lᵀ.
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

// With T = L Lᵀ and the eigenvectors V of L⁻¹ Σ L⁻ᵀ = V diag(λ) Vᵀ, the matrix is
//   Σ + Σ_{λ_i < floor} (floor − λ_i) (L v_i)(L v_i)ᵀ = L V diag(max(λ, floor)) Vᵀ Lᵀ.
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

// The computed eigenvalues are those of Σ + E with ‖E‖ ≤ p(d) u ‖Σ‖, p of low degree (Golub & Van Loan 2013, section
// 8.3), and each is off by ‖E‖ at most (Weyl): 16 d stands for p(d).
EigenvalueRange eigenvalue_range(const double* sigma, Index d) {
  const Eigen::Map<const Matrix> map(sigma, d, d);
  const Eigen::SelfAdjointEigenSolver<Matrix> eigen(map, Eigen::EigenvaluesOnly);
  if (eigen.info() != Eigen::Success) return {0.0, infinity};
  const double least = eigen.eigenvalues()[0], largest = eigen.eigenvalues()[d - 1];
  const double error = 16.0 * static_cast<double>(d) * unit_roundoff * largest;
  return {std::max(least - error, 0.0), largest + error};
}

}  // namespace gaussmix::detail
