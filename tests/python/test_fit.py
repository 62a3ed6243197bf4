"""The surface of fit and of k-means: signature, result, starts, seeds, callbacks."""

from __future__ import annotations

import dataclasses
import inspect
import pickle
import re
from typing import Any

import gaussmix
import numpy as np
import pytest
from conftest import stopped_fit
from gaussmix import FitProgress, InvalidArgumentError

TYPES = ("full", "tied", "diag", "spherical", "tied_diag", "tied_spherical")
CENTERS = np.array([[0.0, 0.0, 0.0], [6.0, 0.0, 1.0], [0.0, 7.0, -2.0]])
LABELS = np.repeat([0, 1, 2], [100, 150, 250])
X = CENTERS[LABELS] + np.random.default_rng(23).normal(size=(500, 3))


def fitted(*args: Any, **options: Any) -> gaussmix.FitResult:
    return gaussmix.fit(*args, **{"random_state": 0, **options})


def stopped(*args: Any, **options: Any) -> gaussmix.FitResult:
    """`fitted`, with what says that it stopped at max_iter."""
    return stopped_fit(*args, **{"random_state": 0, **options})


def test_signature() -> None:
    assert [
        (name, parameter.default)
        for name, parameter in inspect.signature(gaussmix.fit).parameters.items()
        if parameter.kind is inspect.Parameter.KEYWORD_ONLY
    ] == [
        ("init", "kmeans"),
        ("means_init", None),
        ("weights_init", None),
        ("covariances_init", None),
        ("precisions_init", None),
        ("responsibilities_init", None),
        ("labels_init", None),
        ("n_init", 1),
        ("short_iter", 0),
        ("tol", 1e-3),
        ("max_iter", 100),
        ("reg_covar", 0.0),
        ("on_degenerate", "floor"),
        ("allow_singular", False),
        ("accelerate", "none"),
        ("stopping", "change"),
        ("search", "none"),
        ("prior", None),
        ("sample_weight", None),
        ("random_state", None),
        ("callback", None),
        ("deadline", None),
        ("num_threads", None),
    ]
    positional = list(inspect.signature(gaussmix.fit).parameters)[:3]
    assert positional == ["X", "n_components", "covariance_type"]


@pytest.mark.parametrize("dtype", ["f4", "f8", "i4"])
@pytest.mark.parametrize("covariance_type", TYPES)
def test_result(covariance_type: str, dtype: str) -> None:
    x = (100 * X).astype(dtype)
    result = fitted(x, 3, covariance_type, tol=1e-6)
    assert isinstance(result, gaussmix.FitResult)
    assert result.mixture.covariance_type == covariance_type
    assert result.mixture.means.dtype == np.float64
    # The centers are 6 apart and known to 1/10 of their standard deviation of 1, here in units of 1/100.
    order = result.mixture.predict(100 * CENTERS)
    np.testing.assert_allclose(result.mixture.means[order], 100 * CENTERS, atol=40)
    assert result.converged is True
    assert type(result.n_iter) is int
    assert result.trace.shape == (result.n_iter,)
    assert result.trace.dtype == np.float64
    if dtype == "f8":
        assert result.log_likelihood == result.mixture.log_likelihood(x)
    # Rows of log p = −20 or so, evaluated with 64 u · 20 of error at the most, u = 2⁻²⁴ or 2⁻⁵³.
    assert result.log_likelihood / 500 >= result.trace[-1] - (1e-4 if dtype == "f4" else 2e-13)
    report = result.report
    assert (report.n_floored, report.n_dropped, report.n_reseeded) == (0, 0, 0)
    assert min(report.init_seconds, report.em_seconds, report.closing_seconds) >= 0
    assert report.em_seconds > 0


def test_a_result_is_frozen_and_can_be_pickled() -> None:
    result = fitted(X, 2)
    with pytest.raises(dataclasses.FrozenInstanceError):
        result.n_iter = 3  # type: ignore[misc]
    again = pickle.loads(pickle.dumps(result))
    assert again.mixture == result.mixture
    assert again.report == result.report
    assert np.array_equal(again.trace, result.trace)


def test_the_likelihood_never_falls() -> None:
    trace = stopped(X, 5, tol=0.0, max_iter=60, init="random").trace
    assert len(trace) > 5
    assert (np.diff(trace) >= -1e-12).all()  # rounding of values of order 10: 2⁻⁵³ · 10 · a few hundred operations


def test_not_converged() -> None:
    result = stopped(X, 3, init="random", tol=0.0, max_iter=3)
    assert result.converged is False
    assert result.n_iter == 3


# ---- starts ----


def test_no_iterations_return_the_start() -> None:
    start = fitted(X, 3).mixture
    result = gaussmix.fit(X, 3, init=start, max_iter=0)
    assert result.mixture == start
    assert (result.n_iter, result.converged, result.trace.shape) == (0, False, (0,))
    assert result.log_likelihood == start.log_likelihood(X)


def test_a_mixture_is_gone_on_from() -> None:
    whole = stopped(X, 3, init="random", tol=0.0, max_iter=10)
    half = stopped(X, 3, init="random", tol=0.0, max_iter=6)
    rest = stopped_fit(X, 3, init=half.mixture, tol=0.0, max_iter=4)
    assert rest.mixture == whole.mixture
    assert [*half.trace, *rest.trace] == whole.trace.tolist()


@pytest.mark.parametrize("init", ["kmeans", "k-means++", "random", "random_from_data"])
def test_named_starts(init: str) -> None:
    first, again = (stopped(X, 3, init=init, max_iter=5, tol=0.0) for _ in range(2))
    assert first.mixture == again.mixture
    other = fitted(X, 3, init=init, max_iter=0, random_state=1)
    assert other.mixture.n_components == 3


@pytest.mark.parametrize("covariance_type", TYPES)
def test_given_parameters(covariance_type: str) -> None:
    start = fitted(X, 3, covariance_type, max_iter=2).mixture
    expected = stopped_fit(X, 3, covariance_type, init=start, max_iter=4, tol=0.0).mixture
    given: dict[str, Any] = {"weights_init": start.weights, "means_init": start.means, "max_iter": 4, "tol": 0.0}
    by_covariance = stopped_fit(X, 3, covariance_type, covariances_init=start.covariances, **given)
    assert by_covariance.mixture == expected
    sigma = start.covariances
    precisions = np.linalg.inv(sigma) if covariance_type in ("full", "tied") else 1 / sigma
    by_precision = stopped_fit(X, 3, covariance_type, precisions_init=precisions, **given)
    # Inverting twice costs a few roundings times the condition, below 10 here.
    np.testing.assert_allclose(by_precision.mixture.means, expected.means, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("dtype", ["i8", "i4", "u1", ">i2", "u8"])
def test_given_labels_are_given_shares(dtype: str) -> None:
    by_label = stopped_fit(X, 3, labels_init=LABELS.astype(dtype), max_iter=2, tol=0.0)
    by_share = stopped_fit(X, 3, responsibilities_init=np.eye(3)[LABELS], max_iter=2, tol=0.0)
    np.testing.assert_allclose(by_label.mixture.means, by_share.mixture.means, rtol=1e-13, atol=1e-13)
    strided = np.repeat(LABELS.astype(dtype), 2)[::2]
    assert stopped_fit(X, 3, labels_init=strided, max_iter=2, tol=0.0).mixture == by_label.mixture


def test_more_starts_are_no_worse() -> None:
    one = fitted(X, 4, init="random_from_data")
    best = fitted(X, 4, init="random_from_data", n_init=5)
    assert best.log_likelihood >= one.log_likelihood


# ---- weights and seeds ----


@pytest.mark.parametrize("dtype", ["f8", "f4", "i4", ">f8"])
def test_weights_of_any_dtype(dtype: str) -> None:
    weight = np.arange(500) % 3 + 1
    expected = fitted(X, 3, sample_weight=weight.astype("f8")).mixture
    assert fitted(X, 3, sample_weight=weight.astype(dtype)).mixture == expected
    assert fitted(X, 3, sample_weight=np.repeat(weight.astype(dtype), 3)[::3]).mixture == expected
    assert fitted(X, 3).mixture != expected


def test_seeds() -> None:
    def start(random_state: Any) -> gaussmix.Mixture:
        return gaussmix.fit(X, 3, init="random", max_iter=0, random_state=random_state).mixture

    assert start(5) == start(np.int32(5)) != start(6)
    for make in (np.random.default_rng, np.random.RandomState):
        assert start(make(5)) == start(make(5))
        generator = make(5)
        assert start(generator) != start(generator)
    assert start(None) != start(None)
    with pytest.raises(TypeError, match="random_state must be None, an int, a Generator or a RandomState"):
        start(np.random)


# ---- callbacks ----


def test_a_callback_sees_each_iteration() -> None:
    seen: list[FitProgress] = []
    result = stopped(X, 3, init="random", tol=0.0, max_iter=7, n_init=2, callback=seen.append)
    assert [(p.start, p.n_iter) for p in seen] == [(s, i) for s in range(2) for i in range(1, 8)]
    traces = [[p.mean_log_likelihood for p in seen if p.start == s] for s in range(2)]
    assert result.trace.tolist() in traces
    for start, trace in enumerate(traces):
        changes = [p.change for p in seen if p.start == start]
        assert changes == [np.inf, *np.diff(trace).tolist()]
    with pytest.raises(AttributeError):
        seen[0].n_iter = 9  # type: ignore[misc]


def test_a_callback_ends_a_fit() -> None:
    result = fitted(X, 3, init="random", tol=0.0, callback=lambda progress: progress.n_iter == 4)
    assert (result.n_iter, result.converged) == (4, False)
    assert result.mixture == stopped(X, 3, init="random", tol=0.0, max_iter=4).mixture


@pytest.mark.parametrize("num_threads", [1, 3])
def test_a_callback_that_raises_ends_a_fit_for_good(num_threads: int) -> None:
    def fail(progress: FitProgress) -> bool:
        raise KeyError(f"iteration {progress.n_iter}")

    with pytest.raises(KeyError, match="iteration 1"):
        fitted(X, 3, callback=fail, num_threads=num_threads)

    class Undecided:
        def __bool__(self) -> bool:
            raise RuntimeError("neither true nor false")

    with pytest.raises(RuntimeError, match="neither true nor false"):
        fitted(X, 3, callback=lambda _: Undecided(), num_threads=num_threads)


def test_a_callback_may_fit_and_score() -> None:
    inner: list[gaussmix.Mixture] = []

    def nested(progress: FitProgress) -> bool:
        inner.append(fitted(X, 2, num_threads=2).mixture)
        return progress.n_iter == 2

    fitted(X, 3, init="random", tol=0.0, callback=nested, num_threads=2)
    assert inner == [fitted(X, 2).mixture] * 2


# ---- arguments ----


@pytest.mark.parametrize("k", [True, 3.0, "3", None, [3]])
def test_n_components_must_be_an_int(k: Any) -> None:
    with pytest.raises(TypeError, match="n_components must be an int, but is "):
        fitted(X, k)


@pytest.mark.parametrize("k", [0, -2, 501, 2**80])
def test_n_components_must_be_in_range(k: int) -> None:
    with pytest.raises(InvalidArgumentError, match=f"n_components must be .*but is {k}$"):
        fitted(X, k)


def test_names_are_met_with_the_name() -> None:
    with pytest.raises(InvalidArgumentError, match="Full"):
        fitted(X, 3, "Full")
    with pytest.raises(TypeError, match="init must be a str or a Mixture, but is 3"):
        fitted(X, 3, init=3)
    with pytest.raises(TypeError, match="callback must be None or callable, but is 3"):
        fitted(X, 3, callback=3)


@pytest.mark.parametrize(
    "name", ["weights_init", "means_init", "responsibilities_init", "labels_init", "sample_weight"]
)
def test_an_empty_array_is_not_none(name: str) -> None:
    with pytest.raises(InvalidArgumentError, match=rf"{name} must have shape .*, but has shape \(0,\)"):
        fitted(X, 3, **{name: np.zeros(0, int)})


# ---- k-means ----


@pytest.mark.parametrize("dtype", ["f4", "f8", "i2"])
def test_kmeans(dtype: str) -> None:
    x = (100 * X).astype(dtype)
    result = gaussmix.kmeans(x, 3, random_state=0)
    assert (result.centers.shape, result.centers.dtype) == ((3, 3), np.dtype("f8"))
    assert (result.labels.shape, result.labels.dtype) == ((500,), np.dtype("i4"))
    assert result.n_iter >= 1
    wide = x.astype("f8")
    # Means of at most 500 values of order 100 in float32 or better: 500 · 2⁻²⁴ relative at the worst.
    means = np.stack([wide[result.labels == k].mean(axis=0) for k in range(3)])
    np.testing.assert_allclose(result.centers, means, rtol=3e-5, atol=3e-3)
    inertia = ((wide - result.centers[result.labels]) ** 2).sum()
    assert result.inertia == pytest.approx(inertia, rel=3e-5)
    again = gaussmix.kmeans(x, 3, random_state=0, num_threads=3)
    assert again.centers.tobytes() == result.centers.tobytes()


def test_kmeans_plus_plus() -> None:
    rows = gaussmix.kmeans_plus_plus(X, 3, random_state=0)
    assert (rows.shape, rows.dtype) == ((3,), np.dtype("i8"))
    assert sorted(LABELS[rows]) == [0, 1, 2]
    only = np.where(np.isin(np.arange(500), [3, 110, 400]), 1.0, 0.0)
    assert sorted(gaussmix.kmeans_plus_plus(X, 3, only, random_state=0)) == [3, 110, 400]
    with pytest.raises(InvalidArgumentError, match="n_components"):
        gaussmix.kmeans_plus_plus(X, 4, only)


def test_a_start_that_fails_leaves_the_others() -> None:
    # Six equal rows: whichever start gives them a component of their own collapses, which most do.
    steps = np.arange(40.0).reshape(20, 2)
    x = np.vstack([steps % 7 + steps * 0.31 % 1, np.full((6, 2), 50.0)])
    reports, messages = [], []
    for state in range(10):
        try:
            found = gaussmix.fit(
                x, 3, init="random_from_data", on_degenerate="raise", random_state=state, n_init=10, max_iter=1000
            )
            reports.append(found.report)
        except gaussmix.NumericalError as error:
            messages.append(str(error))
    assert any(1 <= report.n_failed_starts <= 9 for report in reports)
    assert messages
    rule = r"all 10 starts failed \((\d+ with an? (empty|collapsed) component(, )?)+\); the first: component \d "
    assert all(re.match(rule, message) for message in messages)


def test_one_start_fails_with_its_own_message() -> None:
    x = np.vstack([np.eye(2), np.full((6, 2), 50.0)])
    with pytest.raises(gaussmix.NumericalError, match=r"^component \d has collapsed"):
        gaussmix.fit(x, 2, on_degenerate="raise")
