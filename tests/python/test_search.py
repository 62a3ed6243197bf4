"""A better optimum for the same time: split and merge, and short runs, through Python's doors."""

from __future__ import annotations

import io
from typing import Any

import gaussmix
import numpy as np
import pytest
from exact_problems import COVARIANCE_TYPES
from gaussmix import GaussianMixture

rng = np.random.default_rng(3)
MEANS = 6.0 * rng.normal(size=(8, 2))
X = np.concatenate([rng.normal(size=(100, 2)) + mean for mean in MEANS])


@pytest.mark.parametrize("covariance_type", COVARIANCE_TYPES)
def test_a_search_is_never_below_the_fit(covariance_type: str) -> None:
    moves = 0
    for seed in range(6):
        options: dict[str, Any] = {"init": "random_from_data", "random_state": seed, "max_iter": 1000}
        plain = gaussmix.fit(X, 8, covariance_type, **options)
        found = gaussmix.fit(X, 8, covariance_type, search="split_merge", **options)
        moves += found.report.n_moves
        assert found.report.n_moves_tried >= found.report.n_moves
        if found.report.n_moves == 0:
            assert found.mixture == plain.mixture
        else:
            assert found.log_likelihood > plain.log_likelihood + 1e-3 * len(X)
        assert (np.diff(found.trace) >= -1e-9).all()
    assert moves > 0


def test_the_estimator_searches_and_runs_short() -> None:
    options: dict[str, Any] = {"init_params": "random_from_data", "random_state": 1, "max_iter": 1000}
    plain = GaussianMixture(8, **options).fit(X)
    found = GaussianMixture(8, search="split_merge", **options).fit(X)
    assert found.score(X) >= plain.score(X)
    expected = gaussmix.fit(
        X, 8, init="random_from_data", random_state=1, n_init=5, short_iter=3, max_iter=1000, reg_covar=1e-6
    )
    short = GaussianMixture(8, n_init=5, short_iter=3, **options).fit(X)
    assert short.n_iter_ == expected.n_iter
    assert short.mixture_ == expected.mixture
    short.set_params(warm_start=True).fit(X)  # goes on from one mixture, among which there is nothing to choose


def test_messages() -> None:
    with pytest.raises(gaussmix.InvalidArgumentError, match="search must be 'none' or 'split_merge', but is 'smem'"):
        gaussmix.fit(X, 3, search="smem")
    with pytest.raises(gaussmix.InvalidArgumentError, match="short_iter must be 0 when n_init is 1"):
        gaussmix.fit(X, 3, short_iter=3)
    with pytest.raises(
        gaussmix.InvalidArgumentError, match="'search' parameter of GaussianMixture must be a str among"
    ):
        GaussianMixture(3, search="smem").fit(X)
    with pytest.raises(gaussmix.InvalidArgumentError, match="'short_iter' parameter of GaussianMixture must be an int"):
        GaussianMixture(3, short_iter=-1).fit(X)


def test_a_bar_shows_the_start_that_goes_on() -> None:
    pytest.importorskip("tqdm")
    text = io.StringIO()
    with gaussmix.ProgressBar(file=text, mininterval=0.0) as bar:
        gaussmix.fit(X, 8, n_init=4, short_iter=2, init="random_from_data", random_state=0, max_iter=500, callback=bar)
    assert text.getvalue().count(": 0iteration") == 1
