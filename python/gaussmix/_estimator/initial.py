"""The initial values that the estimator takes, checked in scikit-learn's words."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._core import InvalidArgumentError, Mixture, NumericalError, covariance_shape
from .arrays import as_real


def _as_init(values: Any, name: str, argument: str, shape: tuple[int, ...]) -> NDArray[Any]:
    """`values` of the parameter `argument` as a finite array of `shape`, float32 of any byte order or float64."""
    array = as_real(values, argument)
    if array.dtype.newbyteorder("=") != np.float32:
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


def check_weights(values: Any, n_components: int) -> NDArray[Any]:
    """`weights_init` as π, (K,), which Mixture takes."""
    weights = _as_init(values, "weights", "weights_init", (n_components,))
    try:
        Mixture(weights, np.zeros((n_components, 1)), np.ones(n_components), "spherical")
    except InvalidArgumentError as error:
        outside = f"in the range [0, 1], but got max value {weights.max():.5f}, min value {weights.min():.5f}"
        off = f"normalized, but got sum(weights) = {weights.sum(dtype=np.float64):.5f}"
        rule = outside if "in [0, 1]" in str(error) else off
        raise InvalidArgumentError(f"The parameter 'weights' should be {rule} (weights_init): {error}") from error
    return weights


def check_means(values: Any, n_components: int, n_features: int) -> NDArray[Any]:
    """`means_init` as μ, (K, D)."""
    return _as_init(values, "means", "means_init", (n_components, n_features))


def check_precisions(values: Any, covariance_type: str, n_components: int, n_features: int) -> NDArray[Any]:
    """`precisions_init` as Σ⁻¹ in the layout of `covariance_type`: variances > 0, or matrices that Mixture takes."""
    shape = covariance_shape(covariance_type, n_components, n_features)
    name = f"{covariance_type} precision"
    precisions = _as_init(values, name, "precisions_init", shape)
    if covariance_type not in ("full", "tied"):
        bad = np.argwhere(precisions <= 0.0)
        if len(bad):
            place = tuple(bad[0].tolist())
            raise InvalidArgumentError(
                f"'{name}' should be positive, but precisions_init{list(place)} is {precisions[place]}"
            )
        return precisions
    for k, matrix in enumerate(precisions.reshape(-1, n_features, n_features)):
        try:
            Mixture([1.0], np.zeros((1, n_features)), matrix, "tied")
        except (InvalidArgumentError, NumericalError) as error:
            where = f"[{k}]" if covariance_type == "full" else ""
            raise InvalidArgumentError(
                f"'{name}' should be symmetric, positive-definite, but precisions_init{where} is not: as a covariance, "
                f"{error}"
            ) from error
    return precisions
