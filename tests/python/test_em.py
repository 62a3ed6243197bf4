"""The surface of EM: steps against fit, pieces, threads that share one, and errors that leave it as it was."""

from __future__ import annotations

import inspect
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import gaussmix
import numpy as np
import pytest
from conftest import MakeMixture
from gaussmix import EM, InvalidArgumentError, NumericalError, Statistics

TYPES = ("full", "tied", "diag", "spherical", "tied_diag", "tied_spherical")
X = np.random.default_rng(3).normal(scale=3, size=(600, 4))


def sums_of(mixture: gaussmix.Mixture, x: Any = X) -> Statistics:
    statistics = Statistics(mixture)
    statistics.accumulate(x)
    return statistics


def test_signatures_can_be_inspected() -> None:
    options = "tol=0.001, max_iter=100, reg_covar=0.0, on_degenerate='floor', allow_singular=False"
    options += ", accelerate='none', stopping='change', prior=None"
    assert str(inspect.signature(EM)) == f"(mixture, *, {options})"
    assert str(inspect.signature(EM.step)) == "(self, statistics, *, num_threads=None)"


@pytest.mark.parametrize("covariance_type", TYPES)
def test_steps_give_the_bits_of_fit(make_mixture: MakeMixture, covariance_type: str) -> None:
    start = make_mixture(covariance_type)
    x = start.sample(600, random_state=3)[0]
    expected = gaussmix.fit(x, start.n_components, covariance_type, init=start, tol=1e-2)
    em = EM(start, tol=1e-2)
    progress = None
    while not em.done:
        progress = em.step(sums_of(em.mixture, x))
    assert progress is not None
    assert (progress.start, progress.n_iter, progress.mixture) == (0, em.n_iter, em.mixture)
    assert progress.mean_log_likelihood == em.trace[-1]
    assert em.mixture == expected.mixture
    assert (em.converged, em.n_iter) == (expected.converged, expected.n_iter)
    np.testing.assert_array_equal(em.trace, expected.trace)
    counts = ("n_floored", "n_dropped", "n_reseeded")
    assert [getattr(em.report, name) for name in counts] == [getattr(expected.report, name) for name in counts]


def test_a_new_em_has_done_nothing(make_mixture: MakeMixture) -> None:
    em = EM(make_mixture())
    assert (em.done, em.converged, em.n_iter, em.trace.shape) == (False, False, 0, (0,))
    fields: dict[str, Any] = dict.fromkeys(gaussmix.FitReport.__dataclass_fields__, 0)
    fields.update(floored=(), dropped=(), reseeded=(), kept=(), constant_features=(), blurred_features=())
    assert em.report == gaussmix.FitReport(**fields)
    assert repr(em) == "EM(n_iter=0, converged=False)"
    assert EM(make_mixture(), max_iter=0).done


def test_sums_of_pieces_are_sums(make_mixture: MakeMixture) -> None:
    x = make_mixture().sample(600, random_state=3)[0]
    em = EM(make_mixture())
    whole = EM(make_mixture())
    for _ in range(5):
        em.step(sums_of(em.mixture, x[:200]) + sums_of(em.mixture, x[200:]))
        whole.step(sums_of(whole.mixture, x))
    # Sums of 600 terms in two orders, over five well-conditioned steps.
    np.testing.assert_allclose(em.trace, whole.trace, rtol=1e-12)


def test_errors_leave_it_as_it_was(make_mixture: MakeMixture) -> None:
    em = EM(make_mixture())
    first = em.mixture
    em.step(sums_of(first))
    after = em.mixture
    with pytest.raises(InvalidArgumentError, match="must be made under the mixture of this EM"):
        em.step(sums_of(first))
    with pytest.raises(InvalidArgumentError, match="must hold rows of positive weight, but their total weight is 0"):
        em.step(Statistics(after))
    with pytest.raises(TypeError):
        em.step(X)  # type: ignore[arg-type]
    assert (em.mixture, em.n_iter) == (after, 1)


def test_a_degenerate_component_meets_the_policy() -> None:
    start = gaussmix.Mixture([0.5, 0.5], [[0.0], [1e6]], [[1.0], [1.0]], "diag")
    with pytest.raises(NumericalError, match="component 1 is empty"):
        EM(start, on_degenerate="raise").step(sums_of(start, X[:, :1]))
    em = EM(start, on_degenerate="drop")
    with pytest.warns(gaussmix.DegenerateWarning, match="component 1 was empty or collapsing and dropped"):
        assert em.step(sums_of(start, X[:, :1])).mixture.n_components == 1
    assert (em.report.n_dropped, em.report.dropped) == (1, (1,))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"tol": -1.0}, "tol must be ≥ 0 and finite, but is -1"),
        ({"tol": np.nan}, "tol must be ≥ 0 and finite, but is nan"),
        ({"max_iter": -1}, "max_iter must be at least 0, but is -1"),
        ({"reg_covar": -1.0}, "reg_covar must be ≥ 0 and finite, but is -1"),
        (
            {"on_degenerate": "stop"},
            "on_degenerate must be 'raise', 'floor', 'drop', 'reseed' or 'keep', but is 'stop'",
        ),
    ],
)
def test_options_out_of_range(make_mixture: MakeMixture, options: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidArgumentError, match=message):
        EM(make_mixture(), **options)


def test_threads_that_share_one_take_turns(make_mixture: MakeMixture) -> None:
    # Sums of the same mixture: one thread steps, and the others find that they came too late.
    em = EM(make_mixture())
    statistics = [sums_of(em.mixture) for _ in range(8)]

    def step(sums: Statistics) -> bool:
        try:
            em.step(sums)
        except InvalidArgumentError:
            return False
        return True

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(step, statistics)) == 1
    assert em.n_iter == 1


def test_an_accelerated_loop_over_pieces_is_the_accelerated_fit() -> None:
    rng = np.random.default_rng(7)
    X = rng.normal(size=(600, 2)) + rng.integers(0, 2, size=(600, 1))
    options: dict[str, Any] = {"tol": 1e-5, "max_iter": 3000, "accelerate": "squarem", "stopping": "projected"}
    start = gaussmix.fit(X, 3, random_state=0, max_iter=0).mixture
    em = gaussmix.EM(start, **options)
    saw_a_leap = False
    while not em.done:
        statistics = gaussmix.Statistics(em.mixture)
        statistics.accumulate(X)
        em.step(statistics)
        saw_a_leap = saw_a_leap or em.result != em.mixture
    assert saw_a_leap
    fitted = gaussmix.fit(X, 3, init=start, **options)
    assert em.converged
    assert em.result == fitted.mixture
    assert np.array_equal(em.trace, fitted.trace)
    assert np.all(np.diff(em.trace) >= -1e-14)  # 64 u of values near 3
    assert em.report.n_rejected == fitted.report.n_rejected
    options["accelerate"] = "none"
    plain = gaussmix.fit(X, 3, init=start, **options)
    assert fitted.n_iter + fitted.report.n_rejected < plain.n_iter
