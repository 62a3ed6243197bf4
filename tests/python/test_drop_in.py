"""The estimator in place of scikit-learn's: from starts of every kind, it fits wherever scikit-learn fits, and to the same likelihood."""

from __future__ import annotations

import warnings
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any

import gaussmix
import numpy as np
import numpy.typing as npt
import pytest
from gaussmix import DegenerateWarning, GaussianMixture
from sklearn import datasets, mixture

Array = npt.NDArray[np.float64]
TYPES = ("full", "tied", "diag", "spherical")
NAMES = ("faithful", "iris", "wine", "breast_cancer")
GIVEN = ("means", "weights and means", "means and precisions", "weights, means and precisions")


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


@pytest.mark.parametrize("given", GIVEN)
@pytest.mark.parametrize("covariance_type", TYPES)
@pytest.mark.parametrize("name", NAMES)
def test_it_fits_wherever_scikit_learn_fits(name: str, covariance_type: str, given: str) -> None:
    x = rows(name)
    for k in (2, 3, 5, 7, 9):
        options = start(x, k, covariance_type, given) | {"covariance_type": covariance_type, "max_iter": 20}
        theirs = fitted(mixture.GaussianMixture(k, random_state=0, **options), x)
        ours = fitted(GaussianMixture(k, random_state=0, **options), x)
        if isinstance(theirs, str):
            continue
        assert not isinstance(ours, str), ours
        assert np.isfinite(ours.score(x))
        if "precisions" not in given or "weights" not in given:
            continue  # what is not given comes from k-means, whose draws are other ones
        # The same start goes the same way, but for what rounding grows to in the iterations: errors of the order of 1e-16 times a
        # condition of Σ of up to 1e5 / 1e-6, squared where the M-step loses digits of scikit-learn's, leave 1e-5.
        assert len(ours.lower_bounds_) > 1
        first = ours.lower_bounds_[0]
        assert first == pytest.approx(theirs.lower_bounds_[0], rel=1e-9), k
