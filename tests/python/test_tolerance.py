"""How far parameters may be from what they are to be: by the dtype that they come in, at every door."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gaussmix
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from conftest import stopped_fit
from gaussmix import GaussianMixture, InvalidArgumentError

U = 2.0**-24
X = np.random.default_rng(31).normal(size=(60, 2))
MEANS = X[:2]
UNIT = np.stack([np.eye(2)] * 2)
HEAVY = np.array([0.5, 0.5 + 8 * U])  # 4·K·u too much
HEAVIER = np.array([0.5, 0.5 + 9 * U])
SKEWED = np.array([[[1, 0.5], [0.5 + 2**-12, 1]]] * 2)
MORE_SKEWED = np.array([[[1, 0.5], [0.5 + 2**-11, 1]]] * 2)


class Fitted:
    """What `Mixture.from_sklearn` reads."""

    covariance_type = "full"

    def __init__(self, weights: Any, covariances: Any) -> None:
        self.weights_, self.means_, self.covariances_ = weights, MEANS, covariances


def fitted(weights: Any, **covariances: Any) -> gaussmix.Mixture:
    return gaussmix.fit(X, 2, weights_init=weights, means_init=MEANS, max_iter=0, **covariances).mixture


def estimated(weights: Any, precisions: Any) -> gaussmix.Mixture:
    start: dict[str, Any] = {"weights_init": weights, "means_init": MEANS, "precisions_init": precisions}
    return GaussianMixture(2, max_iter=0, **start).fit(X).mixture_


DOORS: dict[str, Callable[[Any, Any], gaussmix.Mixture]] = {
    "Mixture": lambda weights, sigma: gaussmix.Mixture(weights, MEANS, sigma),
    "from_sklearn": lambda weights, sigma: gaussmix.Mixture.from_sklearn(Fitted(weights, sigma)),
    "fit, covariances_init": lambda weights, sigma: fitted(weights, covariances_init=sigma),
    "fit, precisions_init": lambda weights, sigma: fitted(weights, precisions_init=sigma),
    "GaussianMixture": estimated,
}


@pytest.mark.parametrize("door", DOORS.values(), ids=DOORS)
@pytest.mark.parametrize("dtype", ["f4", ">f4"])
def test_float32_parameters(door: Callable[[Any, Any], gaussmix.Mixture], dtype: str) -> None:
    weights = door(HEAVY.astype(dtype), UNIT).weights
    assert abs(weights.sum() - 1) <= 2**-52
    np.testing.assert_array_equal(weights, HEAVY / HEAVY.sum())
    covariances = door([0.5, 0.5], SKEWED.astype(dtype)).covariances
    np.testing.assert_array_equal(covariances, covariances.swapaxes(1, 2))
    with pytest.raises(
        InvalidArgumentError, match=r"sum to 1 within 4\.76837158203125e-07 \(float32\), but sum to 1\.0"
    ):
        door(HEAVIER.astype(dtype), UNIT)
    with pytest.raises(InvalidArgumentError, match=r"mirror image within 0.000244140625 \(float32\) relative, but"):
        door([0.5, 0.5], MORE_SKEWED.astype(dtype))


@pytest.mark.parametrize("door", DOORS.values(), ids=DOORS)
def test_float64_parameters(door: Callable[[Any, Any], gaussmix.Mixture]) -> None:
    with pytest.raises(InvalidArgumentError, match=r"sum to 1 within 1e-8, but sum to 1\.0"):
        door(HEAVY, UNIT.astype("f4"))  # each argument by its own dtype
    with pytest.raises(InvalidArgumentError, match="mirror image within 1e-8 relative, but"):
        door(np.array([0.5, 0.5], "f4"), SKEWED)


@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_a_fit_takes_its_own_responsibilities(dtype: str) -> None:
    x = X.astype(dtype)
    mixture = stopped_fit(x, 5, "tied", random_state=0, max_iter=3, tol=0.0).mixture
    shares = mixture.responsibilities(x)
    assert shares.dtype == x.dtype
    wide = shares.astype(np.float64)
    normalized = wide / wide.sum(axis=1, keepdims=True)
    expected = stopped_fit(x, 5, "tied", responsibilities_init=normalized, max_iter=2, tol=0.0)
    found = stopped_fit(x, 5, "tied", responsibilities_init=shares, max_iter=2, tol=0.0)
    # Sums of five are rounded in one order or another, by 4 · 2⁻⁵³; two steps of EM over 60 rows of order 1 add
    # far less than ten thousand times as much.
    np.testing.assert_allclose(found.mixture.means, expected.mixture.means, rtol=1e-11, atol=1e-11)
    np.testing.assert_allclose(found.mixture.covariances, expected.mixture.covariances, rtol=1e-11, atol=1e-11)


TABLES: dict[str, Callable[[Any], Any]] = {
    "pandas": lambda shares: pd.DataFrame(shares, columns=["a", "b"]),
    "polars": lambda shares: pl.DataFrame(shares, schema=["a", "b"]),
    "pyarrow": lambda shares: pa.table({"a": shares[:, 0].copy(), "b": shares[:, 1].copy()}),
    "rows of float32": list,
}


@pytest.mark.parametrize("make", TABLES.values(), ids=TABLES)
def test_tables_of_float32(make: Callable[[Any], Any]) -> None:
    shares = np.tile(HEAVY, (60, 1)).astype("f4")
    shares[::2] = shares[::2, ::-1]
    expected = stopped_fit(X, 2, responsibilities_init=shares, max_iter=1).mixture
    assert stopped_fit(X, 2, responsibilities_init=make(shares), max_iter=1).mixture == expected
    shares[7, 0] += 2 * U
    with pytest.raises(InvalidArgumentError, match=r"responsibilities_init\[7\] must sum to 1 within .* \(float32\)"):
        gaussmix.fit(X, 2, responsibilities_init=make(shares), max_iter=1)


def test_series_of_float32() -> None:
    for make in (pd.Series, pl.Series, pa.array):
        mixture = gaussmix.Mixture(make(HEAVY.astype("f4")), MEANS, UNIT)
        np.testing.assert_array_equal(mixture.weights, HEAVY / HEAVY.sum())
