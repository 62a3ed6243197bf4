"""The initial values that the estimator takes, checked in scikit-learn's words."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._core import InvalidArgumentError
from .arrays import FloatArray, as_real


def _as_init(values: Any, name: str, argument: str, shape: tuple[int, ...]) -> NDArray[Any]:
    """`values` of the parameter `argument` as a finite array of `shape`, float32 or float64."""
    array = as_real(values, argument)
    if array.dtype not in (np.float32, np.float64):
        array = array.astype(np.float64)
    if array.shape != shape:
        raise InvalidArgumentError(
            f"The parameter '{name}' should have the shape of {shape}, but got {array.shape} ({argument})"
        )
    bad = np.argwhere(~np.isfinite(array))
    if len(bad):
        place = tuple(bad[0].tolist())
        raise InvalidArgumentError(f"{argument}{list(place)} must be finite, but is {array[place]}")
    return array


def check_weights(values: Any, n_components: int) -> FloatArray:
    """`weights_init` as π, (K,), in [0, 1], with sum 1 (within 1e-8; 1e-6 for float32, which is then divided by it)."""
    weights = _as_init(values, "weights", "weights_init", (n_components,))
    if weights.min() < 0.0 or weights.max() > 1.0:
        raise InvalidArgumentError(
            "The parameter 'weights' should be in the range [0, 1], but got max value "
            f"{weights.max():.5f}, min value {weights.min():.5f} (weights_init)"
        )
    single = weights.dtype == np.float32
    weights = weights.astype(np.float64)
    total = weights.sum()
    if abs(total - 1.0) > (1e-6 if single else 1e-8):
        raise InvalidArgumentError(
            f"The parameter 'weights' should be normalized, but got sum(weights) = {total:.5f} (weights_init)"
        )
    return weights / total if single else weights


def check_means(values: Any, n_components: int, n_features: int) -> FloatArray:
    """`means_init` as μ, (K, D)."""
    return _as_init(values, "means", "means_init", (n_components, n_features)).astype(np.float64)


def check_precisions(values: Any, covariance_type: str, n_components: int, n_features: int) -> FloatArray:
    """`precisions_init` as Σ⁻¹ in the layout of `covariance_type`; matrices, symmetric as np.isclose has it, come back
    symmetrized."""
    shape = {
        "full": (n_components, n_features, n_features),
        "tied": (n_features, n_features),
        "diag": (n_components, n_features),
        "spherical": (n_components,),
    }[covariance_type]
    name = f"{covariance_type} precision"
    precisions = _as_init(values, name, "precisions_init", shape).astype(np.float64)
    if covariance_type in ("diag", "spherical"):
        bad = np.argwhere(precisions <= 0.0)
        if len(bad):
            place = tuple(bad[0].tolist())
            raise InvalidArgumentError(
                f"'{name}' should be positive, but precisions_init{list(place)} is {precisions[place]}"
            )
        return precisions
    for k, matrix in enumerate(precisions.reshape(-1, n_features, n_features)):
        if not _is_positive_definite(matrix):
            where = f"[{k}]" if covariance_type == "full" else ""
            raise InvalidArgumentError(
                f"'{name}' should be symmetric, positive-definite, but precisions_init{where} is not"
            )
    return 0.5 * (precisions + precisions.swapaxes(-1, -2))


def _is_positive_definite(matrix: FloatArray) -> bool:
    """Symmetric, and factorizable once scaled to unit diagonal, so that the features' units do not matter."""
    diagonal = np.diagonal(matrix)
    if not (np.isclose(matrix, matrix.T).all() and (diagonal > 0.0).all()):
        return False
    scale = np.sqrt(diagonal)
    try:
        np.linalg.cholesky(matrix / scale / scale[:, np.newaxis])
    except np.linalg.LinAlgError:
        return False
    return True
