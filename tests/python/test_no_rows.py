"""X without rows, and rows that all weigh 0: legal wherever the answer is defined."""

from __future__ import annotations

from typing import Any

import gaussmix
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from conftest import MakeMixture
from gaussmix import InvalidArgumentError

BY_COMPONENT = ("component_log_prob", "log_joint", "log_responsibilities", "responsibilities")
COLUMNS = {name: np.empty(0, "f4") for name in "abcd"}
EMPTY: dict[str, Any] = {
    "f8": np.empty((0, 4)),
    "f4": np.empty((0, 4), "f4"),
    "i2": np.empty((0, 4), "i2"),
    "Fortran": np.empty((4, 0)).T,
    "a slice": np.ones((9, 8))[5:5, ::2],
    "pandas": pd.DataFrame(COLUMNS),
    "polars": pl.DataFrame(COLUMNS),
    "pyarrow": pa.table(COLUMNS),
    "pyarrow, two chunks": pa.concat_tables([pa.table(COLUMNS)] * 2),
}


def described(array: Any) -> tuple[tuple[int, ...], str]:
    return array.shape, array.dtype.name


@pytest.fixture
def mixture(make_mixture: MakeMixture) -> gaussmix.Mixture:
    return make_mixture()


@pytest.mark.parametrize("x", EMPTY.values(), ids=EMPTY)
def test_scores_have_no_rows(mixture: gaussmix.Mixture, x: Any) -> None:
    dtype = "float32" if x is EMPTY["f4"] or not isinstance(x, np.ndarray) else "float64"
    shape = (0, mixture.n_components)
    for name in BY_COMPONENT:
        scores = getattr(mixture, name)(x)
        assert described(scores) == (shape, dtype)
        out = np.empty(shape, "f4")
        assert getattr(mixture, name)(x, out=out) is out
    assert described(mixture.log_prob(x)) == ((0,), dtype)
    assert described(mixture.predict(x)) == ((0,), "int64")
    out = np.empty(8)[3:3]
    assert mixture.log_prob(x, out=out, num_threads=2) is out
    with pytest.raises(InvalidArgumentError, match=r"out must have shape \(0,\), but has shape \(1,\)"):
        mixture.log_prob(x, out=np.empty(1))


@pytest.mark.parametrize("x", EMPTY.values(), ids=EMPTY)
def test_sums_over_no_rows(mixture: gaussmix.Mixture, x: Any) -> None:
    weights: tuple[Any, ...] = (None, [], np.empty(0, "f4"))
    for weight in weights:
        assert mixture.log_likelihood(x, weight) == 0
        assert mixture.aic(x, weight) == 2 * mixture.n_parameters
        with pytest.raises(InvalidArgumentError, match="X must have rows of positive weight for bic"):
            mixture.bic(x, weight)
    statistics = gaussmix.Statistics(mixture)
    statistics.accumulate(np.ones((3, 4)))
    before = statistics.to_bytes()
    statistics.accumulate(x)
    statistics.accumulate(x, [])
    assert statistics.to_bytes() == before
    with pytest.raises(InvalidArgumentError, match=r"sample_weight must have shape \(0,\), but has shape \(3,\)"):
        statistics.accumulate(x, np.ones(3))


@pytest.mark.parametrize("dtype", ["f8", "f4"])
def test_rows_that_all_weigh_0(mixture: gaussmix.Mixture, dtype: str) -> None:
    x, none = np.ones((300, 4), dtype), np.zeros(300)
    assert mixture.log_likelihood(x, none) == 0
    with pytest.raises(InvalidArgumentError, match="the weights of its 300 rows sum to 0"):
        mixture.bic(x, none)
    statistics = gaussmix.Statistics(mixture)
    statistics.accumulate(x, none)
    assert statistics == gaussmix.Statistics(mixture)


def test_draws_of_no_rows(mixture: gaussmix.Mixture) -> None:
    x, z = mixture.sample(0, 1)
    assert (described(x), described(z)) == (((0, 4), "float64"), ((0,), "int64"))


@pytest.mark.parametrize("x", EMPTY.values(), ids=EMPTY)
def test_a_fit_wants_rows(x: Any) -> None:
    with pytest.raises(InvalidArgumentError, match=r"X must have at least 1 row, but has shape \(0, 4\)"):
        gaussmix.fit(x, 1)
    with pytest.raises(InvalidArgumentError, match=r"Found array with 0 sample\(s\)"):
        gaussmix.GaussianMixture().fit(x)
