"""What a fit says where it ends with less than was asked for: once, by component, and in the report too."""

from __future__ import annotations

import pickle
import warnings
from typing import Any

import gaussmix
import numpy as np
import pytest
from gaussmix import EM, ConvergenceWarning, DegenerateWarning, GaussianMixture, Mixture, ScaleWarning, Statistics

TYPES = ("full", "tied", "diag", "spherical")
X = np.random.default_rng(3).normal(scale=3, size=(600, 2))
# Six equal rows far from the others: the component that they are given has no spread of its own.
TWINS = np.vstack([X, np.full((6, 2), 500.0)])
TWIN_LABELS = np.repeat([1, 0, 2], [300, 300, 6])


def said(call: Any) -> tuple[Any, list[warnings.WarningMessage]]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        result = call()
    return result, caught


def far_mixture(*places: float, covariance_type: str = "diag") -> Mixture:
    """Components of equal weight about (place, place); those at 1e6 are empty on X."""
    k = len(places)
    shape = {"full": np.tile(np.eye(2), (k, 1, 1)), "tied": np.eye(2), "diag": np.ones((k, 2)), "spherical": np.ones(k)}
    return Mixture(np.full(k, 1 / k), np.repeat(places, 2).reshape(k, 2), shape[covariance_type], covariance_type)


def sums_of(mixture: Mixture) -> Statistics:
    statistics = Statistics(mixture)
    statistics.accumulate(X)
    return statistics


def test_a_fit_that_stops_at_max_iter_says_so() -> None:
    result, caught = said(lambda: gaussmix.fit(X, 3, init="random", random_state=0, max_iter=2, tol=0.0))
    assert not result.converged
    assert [(w.category, w.filename) for w in caught] == [(ConvergenceWarning, __file__)]
    assert str(caught[0].message).startswith(
        "EM stopped at max_iter = 2 before the mean log-likelihood changed by less"
    )


def test_a_fit_that_ends_as_it_was_asked_to_says_nothing() -> None:
    assert said(lambda: gaussmix.fit(X, 1))[1] == []
    assert said(lambda: gaussmix.fit(X, 3, max_iter=0))[1] == []
    assert said(lambda: gaussmix.fit(X, 3, init="random", tol=0.0, callback=lambda p: p.n_iter == 2))[1] == []
    assert said(lambda: GaussianMixture(1).fit(X))[1] == []


@pytest.mark.parametrize("covariance_type", ["full", "diag", "spherical"])
def test_a_collapsing_component_is_named(covariance_type: str) -> None:
    def call() -> gaussmix.FitResult:
        return gaussmix.fit(TWINS, 3, covariance_type, labels_init=TWIN_LABELS, max_iter=1000)

    result, caught = said(call)
    assert [(w.category, w.filename) for w in caught] == [(DegenerateWarning, __file__)]
    text = "component 2 was empty or collapsing and kept at the floor, 1e-6 of the data's covariance: use fewer"
    assert str(caught[0].message).startswith(text)
    assert (result.report.floored, result.report.dropped, result.report.reseeded) == ((2,), (), ())


@pytest.mark.parametrize("covariance_type", TYPES)
@pytest.mark.parametrize(("policy", "what"), [("drop", "dropped"), ("reseed", "put beside the heaviest one")])
def test_an_empty_component_is_named(policy: str, what: str, covariance_type: str) -> None:
    start = far_mixture(0.0, 1e6, 1.0, covariance_type=covariance_type)
    result, caught = said(lambda: gaussmix.fit(X, 3, covariance_type, init=start, on_degenerate=policy, max_iter=1000))
    assert [(w.category, w.filename) for w in caught] == [(DegenerateWarning, __file__)]
    assert str(caught[0].message).startswith(f"component 1 was empty or collapsing and {what}: use fewer components")
    lists = {"floor": result.report.floored, "drop": result.report.dropped, "reseed": result.report.reseeded}
    assert lists == dict.fromkeys(lists, ()) | {policy: (1,)}


def test_numbers_are_those_of_the_start() -> None:
    start = far_mixture(0.0, 1e6, 1.0, 1e7, -1.0)
    result, caught = said(lambda: gaussmix.fit(X, 5, "diag", init=start, on_degenerate="drop", max_iter=1000))
    assert result.report.dropped == (1, 3)
    assert result.report.n_dropped == 2
    assert str(caught[0].message).startswith("components 1, 3 were empty or collapsing and dropped")
    em = EM(result.mixture, on_degenerate="drop")
    assert em.report.dropped == ()


def test_a_long_list_is_cut() -> None:
    start = far_mixture(0.0, *np.arange(30) * 1e5 + 1e6)
    _, caught = said(lambda: gaussmix.fit(X, 31, "diag", init=start, on_degenerate="drop"))
    assert "components 1, 2, 3" in str(caught[0].message)
    assert " 20 and 10 more were empty" in str(caught[0].message)


def test_both_are_said_once_each() -> None:
    start = far_mixture(0.0, 1e6, 1.0)
    result, caught = said(lambda: gaussmix.fit(X, 3, "diag", init=start, max_iter=4, tol=0.0))
    assert sorted(w.category.__name__ for w in caught) == ["ConvergenceWarning", "DegenerateWarning"]
    assert (result.report.n_floored, result.report.floored) == (4, (1,))


@pytest.mark.parametrize("covariance_type", TYPES)
def test_a_step_of_em_names_what_no_step_before_did(covariance_type: str) -> None:
    em = EM(far_mixture(0.0, 1e6, 1.0, covariance_type=covariance_type), max_iter=3, tol=0.0)
    texts = []
    for _ in range(4):
        _, caught = said(lambda: em.step(sums_of(em.mixture)))
        texts.append([(w.category, str(w.message).partition(" and ")[0], w.filename) for w in caught])
    named = [(DegenerateWarning, "component 1 was empty or collapsing", __file__)]
    assert texts[:2] == [named, []]
    assert [category for category, *_ in texts[2]] == [ConvergenceWarning]
    assert texts[3] == []
    assert (em.report.n_floored, em.report.floored) == (4, (1,))


def test_maximize_names_components() -> None:
    statistics = sums_of(far_mixture(0.0, 1e6))
    for policy, what in (("floor", "kept"), ("drop", "dropped"), ("reseed", "put")):
        with pytest.warns(DegenerateWarning, match=f"component 1 was empty or collapsing and {what}"):
            statistics.maximize(on_degenerate=policy)


@pytest.mark.parametrize("covariance_type", TYPES)
@pytest.mark.parametrize("policy", ["floor", "raise"])
def test_a_reg_covar_that_blurs_is_said(policy: str, covariance_type: str) -> None:
    """Feature 1 has the variance 9e-8, of which the estimator's 1e-6 is more than 1e-2; feature 2 has none."""
    x = np.column_stack([X[:, 0], 1e-4 * X[:, 1], np.ones(600)])
    text = "reg_covar = 1e-06 is more than 1e-2 of the variance of feature 1 of X and blurs the components: scale X"
    result, caught = said(lambda: gaussmix.fit(x, 1, covariance_type, reg_covar=1e-6, on_degenerate=policy))
    assert [(w.category, str(w.message).partition(",")[0], w.filename) for w in caught] == [
        (ScaleWarning, text, __file__)
    ]
    assert result.report.blurred_features == (1,)
    assert [w.category for w in said(lambda: GaussianMixture(1, covariance_type=covariance_type).fit(x))[1]] == [
        ScaleWarning
    ]
    em = EM(result.mixture, reg_covar=1e-6)
    for expected in ([ScaleWarning], []):
        statistics = Statistics(em.mixture)
        statistics.accumulate(x)
        _, caught = said(lambda: em.step(statistics))  # noqa: B023
        assert [w.category for w in caught] == expected
    assert [w.category for w in said(lambda: statistics.maximize(reg_covar=1e-6))[1]] == [ScaleWarning]


@pytest.mark.parametrize("scale", [1e-150, 1e-4, 1.0, 1e150])
def test_a_reg_covar_of_the_scale_of_the_data_is_silent(scale: float) -> None:
    variance = float((scale * X).var(axis=0).min())
    assert said(lambda: gaussmix.fit(scale * X, 1, reg_covar=0.009 * variance))[1] == []
    assert len(said(lambda: gaussmix.fit(scale * X, 1, reg_covar=0.011 * variance))[1]) == 1


def test_warnings_made_errors_are_raised_whole() -> None:
    with pytest.raises(ConvergenceWarning, match="EM stopped"):
        gaussmix.fit(X, 3, init="random", random_state=0, max_iter=2, tol=0.0)
    em = EM(far_mixture(0.0, 1e6))
    with pytest.raises(DegenerateWarning, match="component 1"):
        em.step(sums_of(em.mixture))
    assert em.n_iter == 1


@pytest.mark.parametrize("category", [ConvergenceWarning, DegenerateWarning, ScaleWarning])
def test_warnings_belong_to_the_package(category: type[Warning]) -> None:
    assert issubclass(category, UserWarning)
    assert repr(category) == f"<class 'gaussmix.{category.__name__}'>"
    assert str(pickle.loads(pickle.dumps(category("text")))) == "text"
