"""The estimator in place of scikit-learn's: from starts of every kind it fits wherever scikit-learn fits."""

from __future__ import annotations

import warnings
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from gaussmix import DegenerateWarning, GaussianMixture, NumericalError
from sklearn import datasets, mixture
from sklearn.cluster import KMeans

Array = npt.NDArray[np.float64]
TYPES = ("full", "tied", "diag", "spherical")
NAMES = ("faithful", "iris", "wine", "breast_cancer")
GIVEN = ("weights", "means", "precisions", "weights and means", "means and precisions", "weights, means and precisions")


@cache
def rows(name: str) -> Array:
    if name == "faithful":
        path = Path(__file__).parents[1] / "data/faithful.csv"
        return np.loadtxt(path, delimiter=",", skiprows=1)
    x: Array = getattr(datasets, f"load_{name}")().data
    return x


def start(x: Array, k: int, covariance_type: str, given: str) -> dict[str, Any]:
    """Means on rows, unequal weights and the precisions of the features, or those that are asked for."""
    rng = np.random.default_rng([k, *given.encode()])
    precision = 1.0 / x.var(axis=0)
    precisions = {
        "full": np.tile(np.diag(precision), (k, 1, 1)),
        "tied": np.diag(precision),
        "diag": np.tile(precision, (k, 1)),
        "spherical": np.full(k, precision.mean()),
    }[covariance_type]
    weights = np.arange(1.0, k + 1) / (k * (k + 1) / 2)
    values = {"weights": weights, "means": x[rng.choice(len(x), k, replace=False)], "precisions": precisions}
    return {f"{name}_init": value for name, value in values.items() if name in given}


def fitted(model: Any, x: Array) -> Any:
    """The estimator, or the message of the error that its fit ends in."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return model.fit(x)
        except ValueError as error:
            return str(error)


def assert_it_fits_where_theirs_does(k: int, x: Array, **options: Any) -> GaussianMixture | None:
    """Our estimator, or None where scikit-learn's ends in an error too; theirs is asked only where ours does."""
    ours: GaussianMixture | str = fitted(GaussianMixture(k, random_state=0, **options), x)
    if isinstance(ours, str):
        assert isinstance(fitted(mixture.GaussianMixture(k, random_state=0, **options), x), str), ours
        return None
    assert np.isfinite(ours.score(x))
    return ours


@pytest.mark.parametrize("given", GIVEN)
@pytest.mark.parametrize("covariance_type", TYPES)
@pytest.mark.parametrize("name", NAMES)
def test_it_fits_wherever_scikit_learn_fits(name: str, covariance_type: str, given: str) -> None:
    x = rows(name)
    for k in (2, 5, 9):
        options = start(x, k, covariance_type, given) | {"covariance_type": covariance_type}
        ours = assert_it_fits_where_theirs_does(k, x, max_iter=10, **options)
        if given == GIVEN[-1]:  # else the rest comes from other draws
            theirs = fitted(mixture.GaussianMixture(k, random_state=0, max_iter=1, **options), x)
            # The mean of log p under the start: errors of 1e-16 times a condition of the features of 1e10 at most.
            assert ours is not None
            assert ours.lower_bounds_[0] == pytest.approx(theirs.lower_bounds_[0], rel=1e-6), k


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("covariance_type", TYPES)
def test_it_fits_from_the_centers_of_k_means(name: str, covariance_type: str) -> None:
    x = rows(name)
    for k in (2, 3, 5, 9):
        centers = KMeans(k, n_init=1, random_state=0).fit(x).cluster_centers_
        assert_it_fits_where_theirs_does(k, x, means_init=centers, covariance_type=covariance_type)


def test_what_is_kept_is_named() -> None:
    x = np.array([[0.0], [1.0], [2.0], [9.0]])
    model = GaussianMixture(2, means_init=[[1.0], [9.0]], random_state=0)
    with pytest.warns(DegenerateWarning, match="component 1"):
        model.fit(x)
    assert model.covariances_[1, 0, 0] == pytest.approx(1e-6, rel=1e-6)
    with pytest.raises(NumericalError, match="component 1 has collapsed"):
        GaussianMixture(2, means_init=[[1.0], [9.0]], reg_covar=0.0, on_degenerate="raise", random_state=0).fit(x)
