"""Up to 100,000 features: the error stays within the contract, that of ordinary data near what it is for few."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gaussmix
import numpy as np
import numpy.typing as npt
import pytest
from reference import UNIT_ROUNDOFF

Array = npt.NDArray[Any]
Long = np.longdouble
LOG_2PI = np.log(2 * Long(np.pi))  # π as a double: 3e-17 of it are far below what is judged


def exact(x: Array, mean: Array, variances: Array) -> tuple[Array, Array]:
    """log N of rows x for variances (D,), in long double, and what an error of u in each of Σ and d may change it by in
    units of u (`Shape.condition` in reference.py for a diagonal Σ)."""
    quadratic = ((x.astype(Long) - mean) ** 2 / variances.astype(Long)).sum(axis=1)
    logs = np.log(variances.astype(Long))
    constant = len(mean) * LOG_2PI
    return -(quadratic + logs.sum() + constant) / 2, (3 * quadratic + len(mean) + abs(logs).sum() + constant) / 2


def mixture_of(covariance_type: str, mean: Array, variances: Array) -> gaussmix.Mixture:
    means = np.array([mean, mean])
    make: dict[str, Callable[[], Array]] = {
        "full": lambda: np.array([np.diag(variances)] * 2),
        "tied": lambda: np.diag(variances),
        "diag": lambda: np.array([variances] * 2),
        "spherical": lambda: np.array([variances[0]] * 2),
        "tied_diag": lambda: variances,
        "tied_spherical": lambda: variances[:1],
    }
    return gaussmix.Mixture([0.5, 0.5], means, make[covariance_type](), covariance_type)


VARIANCES = ("diag", "spherical", "tied_diag", "tied_spherical")
CASES = [(t, d) for t in VARIANCES for d in (1000, 50_000, 100_000)] + [("full", 700), ("tied", 700)]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("covariance_type", "d"), CASES)
@pytest.mark.parametrize("terms", ["ordinary", "equal"])
def test_the_error_does_not_grow(covariance_type: str, d: int, terms: str, dtype: Any) -> None:
    random = np.random.default_rng(d)
    x: Array
    variances = np.full(d, 0.37)
    mean = np.full(d, 0.1, dtype=dtype).astype(np.float64)
    if terms == "ordinary":
        if "spherical" not in covariance_type:
            variances = random.uniform(0.2, 5.0, d)
        x = (mean + np.sqrt(variances) * random.standard_normal((5, d))).astype(dtype)
    else:  # every one of D additions is rounded the same way
        x = np.full((5, d), 0.7, dtype=dtype) * np.arange(1, 6, dtype=dtype)[:, None]
    mix = mixture_of(covariance_type, mean, variances)
    truth, unit = exact(x, mean, variances)
    allowed = 4 if terms == "ordinary" else 64
    errors: Array = np.abs(mix.component_log_prob(x)[:, 0] - truth) / (UNIT_ROUNDOFF[np.dtype(dtype)] * unit)
    assert errors.max() <= allowed
    if dtype == np.float64:
        scorer = mix.row_scorer()
        assert np.array_equal([scorer.log_prob(row) for row in x], mix.log_prob(x))


@pytest.mark.parametrize("covariance_type", ["diag", "spherical"])
def test_a_tie_is_one_in_float32(covariance_type: str) -> None:
    """The differences of one component are those of the other in another order."""
    d = 30_000
    random = np.random.default_rng(3)
    mean = random.standard_normal(d).astype(np.float32).astype(np.float64)
    means = np.array([mean, np.roll(mean, d // 3)])
    x = np.zeros((1, d), dtype=np.float32)
    mix = gaussmix.Mixture([0.5, 0.5], means, np.ones((2, d) if covariance_type == "diag" else 2), covariance_type)
    # Half of the difference of two sums near D, each within 4 units.
    assert np.abs(np.diff(mix.log_joint(x))).max() <= 4 * 2.0**-24 * d * 3
