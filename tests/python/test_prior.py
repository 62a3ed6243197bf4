"""Maximum a posteriori: the same prior at every door; the C++ tests hold it to the formulas."""

from __future__ import annotations

import pickle
from typing import Any

import gaussmix
import numpy as np
import pytest
from gaussmix import InvalidArgumentError, Prior

X = np.random.default_rng(41).normal(size=(12, 5))
FLAT_WEIGHTS = Prior(mean_precision=0.5, mean=np.full(5, 0.25), degrees_of_freedom=7.0, scale=2.0 * np.eye(5))


def test_a_prior_carries_a_fit_of_few_rows_where_components_would_collapse() -> None:
    options: dict[str, Any] = {"on_degenerate": "raise", "random_state": 0, "tol": 1e-9, "max_iter": 500}
    with pytest.raises(gaussmix.NumericalError, match="collapsed"):
        gaussmix.fit(X, 4, **options)
    result = gaussmix.fit(X, 4, prior=FLAT_WEIGHTS, **options)
    assert result.converged
    assert np.all(np.diff(result.trace) >= -1e-13)  # 64 u of values near 10
    assert result.log_likelihood / 12 != pytest.approx(result.trace[-1])  # without the density of the prior


def test_the_mode_is_the_formula() -> None:
    start = gaussmix.Mixture([0.5, 0.5], [[-1.0] * 5, [1.0] * 5], np.ones((2, 5)), "diag")
    statistics = gaussmix.Statistics(start)
    statistics.accumulate(X)
    prior = Prior(
        weight_concentration=2.0, mean_precision=0.5, mean=[0.25] * 5, degrees_of_freedom=7, scale=np.arange(1.0, 6.0)
    )
    found = statistics.maximize(prior=prior)
    gamma = start.responsibilities(X)
    n = gamma.sum(axis=0)
    mean = (gamma.T @ X + 0.5 * 0.25) / (n + 0.5)[:, None]
    # Σ γ (x − μ)² + κ (m − μ)² is the scatter about the shrunken mean
    scatter = np.array([g @ (X - m) ** 2 + 0.5 * (0.25 - m) ** 2 for g, m in zip(gamma.T, mean, strict=True)])
    assert found.weights == pytest.approx((n + 1.0) / 14.0, rel=1e-13)
    assert found.means == pytest.approx(mean, rel=1e-12)
    assert found.covariances == pytest.approx((np.arange(1.0, 6.0) + scatter) / (n + 7.0 + 3.0)[:, None], rel=1e-12)
    step = gaussmix.EM(start, prior=prior).step(statistics)
    assert step.mixture == found
    assert step.mean_log_likelihood != pytest.approx(statistics.log_likelihood / 12)


def test_flat_and_none_are_the_same_bits() -> None:
    options: dict[str, Any] = {"covariance_type": "tied", "random_state": 0, "max_iter": 500}
    assert gaussmix.fit(X, 2, prior=Prior(), **options).mixture == gaussmix.fit(X, 2, **options).mixture


def test_a_prior_is_a_value() -> None:
    prior = Prior(scale=[1.0, 2.0], degrees_of_freedom=3)
    assert repr(prior) == (
        "Prior(weight_concentration=1.0, mean_precision=0.0, mean=None, degrees_of_freedom=3, scale=[1.0, 2.0])"
    )
    assert pickle.loads(pickle.dumps(prior)).scale == [1.0, 2.0]
    with pytest.raises(AttributeError):
        prior.scale = None  # type: ignore[misc]


@pytest.mark.parametrize(
    ("prior", "error", "message"),
    [
        ("default", TypeError, r"prior must be None or a gaussmix.Prior, but is 'default' \(str\)"),
        (Prior(weight_concentration="1"), TypeError, "prior.weight_concentration must be a real number"),  # type: ignore[arg-type]
        (Prior(mean_precision=-1.0), InvalidArgumentError, "prior.mean_precision must be ≥ 0 and finite, but is -1"),
        (Prior(mean_precision=1.0), InvalidArgumentError, "prior.mean must have 5 values, but has 0"),
        (
            Prior(mean_precision=1.0, mean=[[0.0] * 5]),
            InvalidArgumentError,
            r"prior.mean must have shape \(5,\), but has shape \(1, 5\)",
        ),
        (Prior(scale=np.eye(5)), InvalidArgumentError, "prior.degrees_of_freedom must be above n_features - 1"),
        (
            Prior(scale=np.ones((1, 5))),
            InvalidArgumentError,
            r"prior.scale must have shape \(5, 5\), but has shape \(1, 5\)",
        ),
        (Prior(scale=["a"]), TypeError, "prior.scale must"),
        (
            Prior(scale=np.ones((5, 5)), degrees_of_freedom=6),
            InvalidArgumentError,
            "prior.scale must be positive definite",
        ),
    ],
)
def test_what_is_no_prior_is_refused_at_every_door(prior: Any, error: type[Exception], message: str) -> None:
    start = gaussmix.Mixture([0.5, 0.5], [[-1.0] * 5, [1.0] * 5], np.tile(np.eye(5), (2, 1, 1)))
    statistics = gaussmix.Statistics(start)
    statistics.accumulate(X)
    for door in (
        lambda: gaussmix.fit(X, 2, prior=prior),
        lambda: gaussmix.EM(start, prior=prior),
        lambda: statistics.maximize(prior=prior),
    ):
        with pytest.raises(error, match=message):
            door()
    with pytest.raises(InvalidArgumentError, match="prior must not be given together with allow_singular"):
        gaussmix.fit(X, 2, prior=Prior(), allow_singular=True)
