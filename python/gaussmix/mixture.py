"""Mixtures from and to scikit-learn, which is imported by `to_sklearn` alone."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._core import InvalidArgumentError, Mixture, NumericalError

FloatArray = NDArray[np.float64]
_MATRICES = ("full", "tied")  # covariance types whose covariances are matrices


def precisions_cholesky(mixture: Mixture) -> FloatArray:
    """Upper triangular U with Σ⁻¹ = U Uᵀ in the shape of the covariances; 1/σ of variances."""
    if mixture.covariance_type not in _MATRICES:
        return 1.0 / np.sqrt(mixture.covariances)
    inverse = np.asarray(np.linalg.inv(np.linalg.cholesky(mixture.covariances)), np.float64)
    return np.triu(inverse.swapaxes(-1, -2))


def precisions(mixture: Mixture) -> FloatArray:
    """Σ⁻¹ in the shape of the covariances."""
    upper = precisions_cholesky(mixture)
    return upper**2 if mixture.covariance_type not in _MATRICES else upper @ upper.swapaxes(-1, -2)


def once_per_mixture(compute: Callable[[Mixture], FloatArray]) -> Callable[[Mixture], FloatArray]:
    """`compute`, with its results read-only and kept for as long as their mixtures live."""
    kept: dict[int, FloatArray] = {}  # by id: mixtures are equal by value, and have no hash

    def look_up(mixture: Mixture) -> FloatArray:
        key = id(mixture)
        found = kept.get(key)
        if found is None:
            found = compute(mixture)
            found.flags.writeable = False
            weakref.finalize(mixture, kept.pop, key, None).atexit = False
            found = kept.setdefault(key, found)
        return found

    return look_up


def from_sklearn(est: Any) -> Mixture:
    """The mixture that a fitted estimator found.

    Parameters
    ----------
    est : sklearn.mixture.GaussianMixture or gaussmix.GaussianMixture
        Or whatever has their `weights_`, `means_`, `covariances_` and `covariance_type`, as Mixture takes them:
        weights sum to 1 and matrices are symmetric to the rounding of their dtype, which is made good.

    Returns
    -------
    Mixture

    Raises
    ------
    InvalidArgumentError
        For an estimator that is not fitted, and for a BayesianGaussianMixture, whose density is not that of the
        mixture of its mean parameters.
    TypeError
        For what is no such estimator.
    """
    name = type(est).__name__
    if not hasattr(est, "covariance_type"):
        raise TypeError(f"est must be an estimator like GaussianMixture, but is {name}")
    if hasattr(est, "weight_concentration_prior"):
        raise InvalidArgumentError(f"est must have the density of a Gaussian mixture, but is {name}")
    for attribute in ("weights_", "means_", "covariances_"):
        if not hasattr(est, attribute):
            raise InvalidArgumentError(f"est must be fitted, but this {name} has no {attribute}")
    names = getattr(est, "feature_names_in_", None)
    return Mixture(
        est.weights_,
        est.means_,
        est.covariances_,
        est.covariance_type,
        feature_names=None if names is None else [str(name) for name in names],
    )


def to_sklearn(self: Mixture) -> Any:
    """A fitted scikit-learn estimator with the parameters of this mixture.

    Whatever takes fitted estimators takes it, skl2onnx for one. No EM has been run: `converged_` is False, `n_iter_` is
    0 and `lower_bound_` -inf. "tied_diag" and "tied_spherical", which it does not know, become the matrix of "tied".

    Returns
    -------
    sklearn.mixture.GaussianMixture

    Raises
    ------
    NumericalError
        When a covariance is singular: scikit-learn computes with precisions.
    ImportError
        Without scikit-learn.
    """
    if self.rank.min() < self.n_features:
        k = int(self.rank.argmin())
        raise NumericalError(
            "the covariances must be positive definite for scikit-learn's precisions, "
            f"but that of component {k} has rank {self.rank[k]} of {self.n_features}"
        )
    if self.covariance_type in ("tied_diag", "tied_spherical"):
        sigma = np.diag(np.broadcast_to(self.covariances, self.n_features))
        return to_sklearn(Mixture(self.weights, self.means, sigma, "tied", feature_names=self.feature_names))
    est = import_module("sklearn.mixture").GaussianMixture(self.n_components, covariance_type=self.covariance_type)
    est.weights_, est.means_, est.covariances_ = self.weights.copy(), self.means.copy(), self.covariances.copy()
    est.precisions_cholesky_, est.precisions_ = precisions_cholesky(self), precisions(self)
    est.converged_, est.n_iter_, est.lower_bound_, est.lower_bounds_ = False, 0, -np.inf, []
    est.n_features_in_ = self.n_features
    if self.feature_names is not None:
        est.feature_names_in_ = np.array(self.feature_names, dtype=object)
    return est


# Mixture is a class of the extension, which knows no Python package; what speaks to one joins it here.
Mixture.from_sklearn = staticmethod(from_sklearn)  # type: ignore[method-assign]
Mixture.to_sklearn = to_sklearn  # type: ignore[method-assign]
