"""K-means: where a fit starts, and of use by itself."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from . import _core


@dataclass(frozen=True, eq=False)
class KMeansResult:
    """What `kmeans` ends with.

    Attributes
    ----------
    centers : ndarray, (K, D), float64
    labels : ndarray, (N,), int32
        The nearest center, the first of equals.
    inertia : float
        Σ_i w_i ‖x_i − center‖², in squared units of X.
    n_iter : int
        Lloyd's iterations.
    """

    centers: NDArray[np.float64]
    labels: NDArray[np.int32]
    inertia: float
    n_iter: int


def kmeans_plus_plus(
    X: ArrayLike,
    n_components: int,
    sample_weight: ArrayLike | None = None,
    *,
    random_state: int | np.random.Generator | np.random.RandomState | None = None,
    num_threads: int | None = None,
) -> NDArray[np.int64]:
    """Choose K rows of X by greedy k-means++ with 2 + ⌊log K⌋ trials a step (Arthur & Vassilvitskii 2007).

    Each step draws rows with probability proportional to w · (distance to the nearest chosen row)² and keeps the best
    draw.

    Parameters
    ----------
    X : array_like, (N, D)
        Real and finite.
    n_components : int
        K, in [1, N] and no more than the rows of positive weight.
    sample_weight : array_like, (N,)
        Finite and ≥ 0; None means 1 everywhere.
    random_state : None, int in [0, 2**64), numpy.random.Generator or numpy.random.RandomState
        The seed; a generator is asked for one and moves on; None asks the operating system.
    num_threads : int
        In [1, 1024]; None means `get_num_threads`. Every number gives the same bits.

    Returns
    -------
    ndarray, (K,), int64
        Indices of rows.

    Raises
    ------
    InvalidArgumentError
        For arguments that break the rules above.
    TypeError
        For complex, object, sparse or masked arrays and for arguments of the wrong type.
    """
    return _core.kmeans_plus_plus(X, n_components, sample_weight, random_state, num_threads)


def kmeans(
    X: ArrayLike,
    n_components: int,
    sample_weight: ArrayLike | None = None,
    *,
    max_iter: int = 300,
    random_state: int | np.random.Generator | np.random.RandomState | None = None,
    num_threads: int | None = None,
) -> KMeansResult:
    """Cluster by k-means: k-means++ seeding, then Lloyd's iterations until no label changes.

    A cluster that loses all rows is put on the row farthest from its center.

    Parameters
    ----------
    X : array_like, (N, D)
        Real and finite.
    n_components : int
        K, in [1, N] and no more than the rows of positive weight.
    sample_weight : array_like, (N,)
        Finite and ≥ 0; None means 1 everywhere.
    max_iter : int
        The most iterations.
    random_state : None, int in [0, 2**64), numpy.random.Generator or numpy.random.RandomState
        The seed; a generator is asked for one and moves on; None asks the operating system.
    num_threads : int
        In [1, 1024]; None means `get_num_threads`. Every number gives the same bits.

    Returns
    -------
    KMeansResult

    Raises
    ------
    InvalidArgumentError
        For arguments that break the rules above.
    TypeError
        For complex, object, sparse or masked arrays and for arguments of the wrong type.
    """
    return KMeansResult(**_core.kmeans(X, n_components, sample_weight, max_iter, random_state, num_threads))
