#pragma once

// The d × d work: plain pointers in and out, row-major. Eigen stays behind this header.

#include <gaussmix/views.hpp>

namespace gaussmix::detail {

/// The lower Cholesky factor L of a symmetric positive definite Σ = L Lᵀ, (d, d), and L⁻¹; both with zeros above the
/// diagonal. @returns false when a pivot is not positive and finite. Σ is scaled inside by powers of two to a diagonal
/// in [1, 4), so that standard deviations from 1e-150 to 1e150 lose nothing and scaling a feature by a power of two
/// changes no digit.
bool cholesky_inverse(const double* sigma, Index d, double* l, double* l_inverse);

/// log of the pseudo-determinant of Σ = F Fᵀ, i.e. of det(FᵀF), for F (d, rank) row-major of full column rank; 0 for
/// rank 0.
double log_pseudo_determinant(const double* f, Index d, Index rank);

/// The inverse of a symmetric positive definite matrix, (d, d); false when it is not positive definite.
bool spd_inverse(const double* sigma, Index d, double* inverse);

/// Raises Σ = `sigma` to the bound Σ ⪰ floor · T, T = `total`, both symmetric, (d, d), T positive definite: the
/// generalized eigenvalues of (Σ, T) below `floor` are set to it. Where Σ is a component's scatter by its weight, the
/// result maximizes the likelihood under the bound: relative to T the likelihood of each eigenvalue rises up to that of
/// the scatter and falls beyond it (Ingrassia & Rocci 2007, where T is the unit matrix). @returns whether any was
/// below; else Σ is as it was
bool floor_covariance(double* sigma, const double* total, Index d, double floor);

/// The eigenvector of the largest eigenvalue of a symmetric matrix times the square root of that eigenvalue, (d,); its
/// entry of largest magnitude is positive.
void principal_axis(const double* sigma, Index d, double* axis);

/// Bounds on the eigenvalues of a positive semi-definite matrix, (d, d): the outermost ones, moved outward by what
/// rounding may have done to them.
struct EigenvalueRange {
  double least, largest;
};
EigenvalueRange eigenvalue_range(const double* sigma, Index d);

}  // namespace gaussmix::detail
