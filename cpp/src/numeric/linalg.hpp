#pragma once

// The d × d work: plain pointers in and out, row-major. Eigen stays behind this header.

#include <gaussmix/views.hpp>

namespace gaussmix::detail {

/// The lower Cholesky factor L, (d, d), of a symmetric positive definite matrix and its inverse; true unless a pivot is
/// not positive and finite. Scaled inside by powers of two to a diagonal in [1, 4), so that scales from 1e-150 to 1e150
/// lose nothing and scaling a feature by a power of two changes no digit. Upper triangles are zero.
bool cholesky_inverse(const double* sigma, Index d, double* l, double* l_inverse);

/// log of the pseudo-determinant of Σ = F Fᵀ, i.e. of det(FᵀF), for F (d, rank) row-major of full column rank; 0 for
/// rank 0.
double log_pseudo_determinant(const double* f, Index d, Index rank);

/// The inverse of a symmetric positive definite matrix, (d, d); false when it is not positive definite.
bool spd_inverse(const double* sigma, Index d, double* inverse);

/// Raises `sigma` to the least matrix that keeps sigma ⪰ floor · total in the order of `total` (both symmetric, (d, d),
/// total positive definite): generalized eigenvalues below `floor` are set to it, the exact constrained M-step. Returns
/// whether any was; sigma is untouched when none.
bool floor_covariance(double* sigma, const double* total, Index d, double floor);

/// The eigenvector of the largest eigenvalue of a symmetric matrix times the square root of that eigenvalue, (d,); its
/// entry of largest magnitude is positive.
void principal_axis(const double* sigma, Index d, double* axis);

/// Bounds on the eigenvalues of a positive semi-definite matrix, (d, d): beyond the outermost by what rounding may take.
struct EigenvalueRange {
  double least, largest;
};
EigenvalueRange eigenvalue_range(const double* sigma, Index d);

}  // namespace gaussmix::detail
