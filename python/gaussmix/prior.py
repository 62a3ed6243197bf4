"""What is known of the parameters before the data."""

from __future__ import annotations

from dataclasses import dataclass

from numpy.typing import ArrayLike


@dataclass(frozen=True, kw_only=True, eq=False)
class Prior:
    """A conjugate prior of the parameters, of which EM then finds the maximum a posteriori.

    It keeps components of few rows away from singular covariances. Each part is flat unless it is given: π is
    Dirichlet(α, …, α), μ_k given Σ_k normal with mean m and covariance Σ_k / κ, Σ inverse Wishart(ν, Λ), and each
    variance inverse gamma(ν/2, Λ_j/2). Where components share Σ, it is drawn once. A
    Prior is checked where it is used.

    Parameters
    ----------
    weight_concentration : float
        α, at least 1, where it is flat.
    mean_precision : float
        κ ≥ 0: as many rows at `mean` for each component; 0 is flat.
    mean : array_like, (D,)
        m; None where κ is 0.
    degrees_of_freedom : float
        ν: above D − 1 where covariances are matrices, above 0 where they are variances; 0, flat, without `scale`.
    scale : array_like
        Λ, in squared units of X and in the shape of one covariance: (D, D), symmetric and positive definite, for "full"
        and "tied"; (D,), positive, for "diag" and "tied_diag"; (1,) for "spherical" and "tied_spherical".

    Examples
    --------
    >>> import numpy as np, gaussmix
    >>> X = np.random.default_rng(0).normal(size=(6, 4))  # too few rows for two covariances of four features
    >>> prior = gaussmix.Prior(degrees_of_freedom=6.0, scale=np.eye(4))
    >>> gaussmix.fit(X, 2, prior=prior, on_degenerate="raise", random_state=0).converged
    True

    References
    ----------
    Fraley & Raftery, Bayesian regularization for normal mixture estimation and model-based clustering, Journal of
    Classification 24, 2007.
    """

    weight_concentration: float = 1.0
    mean_precision: float = 0.0
    mean: ArrayLike | None = None
    degrees_of_freedom: float = 0.0
    scale: ArrayLike | None = None
