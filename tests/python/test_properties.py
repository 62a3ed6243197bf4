"""What must hold for every mixture and every X: exactly where all numbers are exact, else within the allowed error."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from typing import Any

import gaussmix
import numpy as np
import numpy.typing as npt
import pytest
from exact_problems import (
    COVARIANCE_TYPES,
    INITS,
    Floats,
    Problem,
    U,
    assert_same_step,
    assert_within,
    bits,
    few,
    log_likelihood_bound,
    log_normal_bound,
    log_prob_bound,
    make_problem,
    many,
    problems,
    seeds,
    step,
    step_bound,
    step_problems,
    types,
)
from hypothesis import assume, given
from hypothesis import strategies as st


@many
@given(problems())
def test_permuted_columns(problem: Problem) -> None:
    order = np.random.default_rng(len(problem.x)).permutation(problem.d)
    covariances = problem.covariances
    if problem.covariance_type in ("full", "tied"):
        covariances = covariances[..., order, :][..., order]
    elif "diag" in problem.covariance_type:
        covariances = covariances[..., order]
    other = gaussmix.Mixture(problem.weights, problem.means[:, order], covariances, problem.covariance_type)
    mixture, x = problem.mixture, problem.x
    bound = log_normal_bound(mixture, x) + log_normal_bound(other, x[:, order])
    assert_within(other.component_log_prob(x[:, order]), mixture.component_log_prob(x), bound)
    assert_within(other.log_prob(x[:, order]), mixture.log_prob(x), 2 * log_prob_bound(mixture, x))


@many
@given(problems())
def test_permuted_components(problem: Problem) -> None:
    order = np.random.default_rng(len(problem.x)).permutation(problem.k)
    tied = "tied" in problem.covariance_type
    covariances = problem.covariances if tied else problem.covariances[order]
    other = gaussmix.Mixture(problem.weights[order], problem.means[order], covariances, problem.covariance_type)
    mixture, x = problem.mixture, problem.x
    assert_within(other.component_log_prob(x), mixture.component_log_prob(x)[:, order], 2 * log_normal_bound(other, x))
    assert_within(other.log_prob(x), mixture.log_prob(x), 2 * log_prob_bound(mixture, x))


@many
@given(step_problems)
def test_permuted_rows(problem: Problem) -> None:
    order = np.random.default_rng(len(problem.x)).permutation(len(problem.x))
    mixture, x = problem.mixture, problem.x
    bound = step_bound(mixture, x)
    assert_same_step(step(mixture, x[order]), step(mixture, x), bound)
    assert_within(mixture.log_likelihood(x[order]), mixture.log_likelihood(x), 2 * log_likelihood_bound(mixture, x))


@many
@given(step_problems, st.integers(-(10**8), 10**8))
def test_translation_by_up_to_a_hundred_million_deviations(problem: Problem, shift: int) -> None:
    """x + b and μ + b are exact, so the differences x − μ are the same numbers."""
    mixture, x = problem.mixture, problem.x
    moved = gaussmix.Mixture(problem.weights, problem.means + shift, problem.covariances, problem.covariance_type)
    assert_within(moved.log_prob(x + shift), mixture.log_prob(x), 2 * log_prob_bound(mixture, x))
    after = step(moved, x + shift)
    back = gaussmix.Mixture(after.weights, after.means - shift, after.covariances, after.covariance_type)
    mean_rounding = 2 * U * np.abs(after.means).max()  # a mean of 1e8 is written down in float64
    assert_same_step(back, step(mixture, x), step_bound(mixture, x), mean_rounding)


@many
@given(step_problems, st.integers(-60, 60))
def test_scaling_by_a_power_of_two(problem: Problem, exponent: int) -> None:
    mixture, x, s = problem.mixture, problem.x, 2.0**exponent
    scaled = gaussmix.Mixture(problem.weights, s * problem.means, s * s * problem.covariances, problem.covariance_type)
    bound = log_prob_bound(mixture, x) + log_prob_bound(scaled, s * x)
    assert_within(scaled.log_prob(s * x) + problem.d * math.log(s), mixture.log_prob(x), bound + 2.0**-50 * problem.d)
    before, after = step(mixture, x), step(scaled, s * x)
    unscaled = gaussmix.Mixture(after.weights, after.means / s, after.covariances / s**2, after.covariance_type)
    assert_same_step(unscaled, before, np.maximum(step_bound(mixture, x), step_bound(scaled, s * x)))


@many
@given(step_problems, st.integers(-60, 60))
def test_scaling_by_a_power_of_two_is_exact_where_shares_do_not_depend_on_it(problem: Problem, exponent: int) -> None:
    """The shares of given labels, and of a single component, are the same numbers, so the sums scale exactly."""
    x, s, kind = problem.x, 2.0**exponent, problem.covariance_type
    labels = np.arange(len(x)) % problem.k
    before, after = (
        gaussmix.fit(y, problem.k, kind, labels_init=labels, max_iter=0, on_degenerate="raise").mixture
        for y in (x, s * x)
    )
    single = gaussmix.Mixture([1.0], problem.means[:1], first_covariance(problem), kind)
    single_scaled = gaussmix.Mixture([1.0], s * problem.means[:1], s * s * first_covariance(problem), kind)
    for a, b in ((before, after), (step(single, x), step(single_scaled, s * x))):
        assert bits(b.weights) == bits(a.weights)
        assert bits(b.means) == bits(s * a.means)
        assert bits(b.covariances) == bits(s * s * a.covariances)


def first_covariance(problem: Problem) -> Floats:
    return problem.covariances if "tied" in problem.covariance_type else problem.covariances[:1]


@few
@given(seeds, types, st.sampled_from(INITS), st.integers(-60, 60))
def test_starts_scale_exactly(seed: int, kind: str, init: str, exponent: int) -> None:
    x, s = make_problem(seed, kind, 300, 3, 3).x, 2.0**exponent
    options: dict[str, Any] = {"init": init, "max_iter": 0, "random_state": seed, "on_degenerate": "raise"}
    before, after = (gaussmix.fit(y, 3, kind, **options).mixture for y in (x, s * x))
    assert bits(after.weights) == bits(before.weights)
    assert bits(after.means) == bits(s * before.means)
    assert bits(after.covariances) == bits(s * s * before.covariances)


def integer_map(rng: np.random.Generator, covariance_type: str, d: int) -> Floats:
    """An invertible integer matrix that keeps the structure: any, a diagonal, or a multiple of a signed permutation."""
    if "diag" in covariance_type:
        return np.diag(rng.choice([-3.0, -2.0, -1.0, 1.0, 2.0, 3.0], d))
    if "spherical" in covariance_type:
        return np.asarray(rng.integers(1, 4) * np.eye(d)[rng.permutation(d)] * rng.choice([-1.0, 1.0], d), float)
    lower = np.tril(rng.integers(-2, 3, (d, d)), -1) + np.diag(rng.choice([-2.0, -1.0, 1.0, 2.0], d))
    upper = np.triu(rng.integers(-2, 3, (d, d)), 1) + np.eye(d)
    return np.asarray(lower @ upper, float)


@many
@given(problems(max_features=4), seeds)
def test_affine_maps_shift_log_prob_by_the_log_determinant(problem: Problem, seed: int) -> None:
    a = integer_map(np.random.default_rng(seed), problem.covariance_type, problem.d)
    determinant = abs(round(np.linalg.det(a)))
    if problem.covariance_type in ("full", "tied"):
        covariances = a @ problem.covariances @ a.T
    elif "diag" in problem.covariance_type:
        covariances = problem.covariances * np.diag(a) ** 2
    else:
        covariances = problem.covariances * np.abs(a).max() ** 2
    mixture, x, y = problem.mixture, problem.x, problem.x @ a.T + 3
    mapped = gaussmix.Mixture(problem.weights, problem.means @ a.T + 3, covariances, problem.covariance_type)
    bound = log_prob_bound(mixture, x) + log_prob_bound(mapped, y) + 2.0**-52 * math.log(determinant)
    assert_within(mapped.log_prob(y), mixture.log_prob(x) - math.log(determinant), bound)


@many
@given(problems(), st.integers(0, 4))
def test_splitting_a_component_in_halves_leaves_p_unchanged(problem: Problem, which: int) -> None:
    k = which % problem.k
    weights = np.append(problem.weights, problem.weights[k] / 2)
    weights[k] /= 2
    tied = "tied" in problem.covariance_type
    covariances = (
        problem.covariances if tied else np.append(problem.covariances, problem.covariances[k : k + 1], axis=0)
    )
    means = np.append(problem.means, problem.means[k : k + 1], axis=0)
    split, mixture, x = (
        gaussmix.Mixture(weights, means, covariances, problem.covariance_type),
        problem.mixture,
        problem.x,
    )
    bound = log_prob_bound(mixture, x) + log_prob_bound(split, x)
    assert_within(split.log_prob(x), mixture.log_prob(x), bound)
    halves = split.responsibilities(x)
    assert bits(halves[:, k]) == bits(halves[:, -1])


def integer_weights(problem: Problem, least: int) -> npt.NDArray[np.int64]:
    return np.random.default_rng(len(problem.x)).integers(least, 4, len(problem.x))


@many
@given(step_problems)
def test_weights_are_repetition(problem: Problem) -> None:
    mixture, x, w = problem.mixture, problem.x, integer_weights(problem, 1)
    repeated = np.repeat(x, w, axis=0)
    assert_same_step(step(mixture, x, w), step(mixture, repeated), step_bound(mixture, repeated))
    allowed = log_likelihood_bound(mixture, repeated)
    assert_within(mixture.log_likelihood(x, w), mixture.log_likelihood(repeated), 2 * allowed)
    assert_within(mixture.bic(x, w), mixture.bic(repeated), 4 * allowed + 2.0**-50 * abs(mixture.bic(repeated)))


@many
@given(step_problems)
def test_weight_zero_is_absence(problem: Problem) -> None:
    mixture, x = problem.mixture, problem.x
    w = np.where(np.arange(len(x)) % 3 == 1, 0.0, 1.0)
    present = x[w > 0]
    assume(min(np.bincount(np.argmax(mixture.responsibilities(present), 1), minlength=problem.k)) > problem.d)
    assert_same_step(step(mixture, x, w), step(mixture, present), step_bound(mixture, present))
    allowed = 2 * log_likelihood_bound(mixture, present)
    assert_within(mixture.log_likelihood(x, w), mixture.log_likelihood(present), allowed)


@many
@given(step_problems, st.floats(1e-6, 1e6))
def test_a_common_factor_of_weights_changes_no_parameter(problem: Problem, factor: float) -> None:
    mixture, x, w = problem.mixture, problem.x, integer_weights(problem, 1).astype(float)
    bound = step_bound(mixture, x, w)
    assert_same_step(step(mixture, x, factor * w), step(mixture, x, w), bound)
    stats = gaussmix.Statistics(mixture)
    stats.accumulate(x, w)
    stats.scale(factor)
    assert_same_step(stats.maximize(), step(mixture, x, w), bound)
    assert_within(stats.total_weight, factor * w.sum(), 2.0**-52 * factor * w.sum() * len(x))


@many
@given(step_problems, st.integers(-30, 30))
def test_scale_by_a_power_of_two_is_exact(problem: Problem, exponent: int) -> None:
    stats = gaussmix.Statistics(problem.mixture)
    stats.accumulate(problem.x)
    scaled = copy.copy(stats)
    scaled.scale(2.0**exponent)
    assert scaled.maximize() == stats.maximize()
    assert scaled.total_weight == 2.0**exponent * stats.total_weight
    assert scaled.log_likelihood == 2.0**exponent * stats.log_likelihood
    assert bits(scaled.component_weights) == bits(2.0**exponent * stats.component_weights)


def merged(parts: list[gaussmix.Statistics], join: Callable[[Any, Any], Any]) -> gaussmix.Statistics:
    """Joined pairwise, as a tree."""
    while len(parts) > 1:
        parts = [join(*parts[i : i + 2]) if i + 1 < len(parts) else parts[i] for i in range(0, len(parts), 2)]
    return parts[0]


def merge_in_place(a: gaussmix.Statistics, b: gaussmix.Statistics) -> gaussmix.Statistics:
    a.merge(b)
    return a


@many
@given(step_problems, st.lists(st.integers(0, 200), max_size=6), seeds, st.booleans())
def test_statistics_merge_in_any_split_and_order(problem: Problem, cuts: list[int], seed: int, in_place: bool) -> None:
    mixture, x = problem.mixture, problem.x
    parts = []
    for rows in np.split(x, sorted(min(cut, len(x)) for cut in cuts)):
        parts.append(gaussmix.Statistics(mixture))
        if len(rows):
            parts[-1].accumulate(rows)
    order = np.random.default_rng(seed).permutation(len(parts))
    joined = merged([parts[i] for i in order], merge_in_place if in_place else lambda a, b: a + b)
    whole = gaussmix.Statistics(mixture)
    whole.accumulate(x)
    bound = step_bound(mixture, x)
    assert_same_step(joined.maximize(), whole.maximize(), bound)
    assert joined.total_weight == len(x)
    assert_within(joined.component_weights, whole.component_weights, 2 * bound * whole.component_weights)
    assert_within(joined.log_likelihood, whole.log_likelihood, 2 * log_likelihood_bound(mixture, x))


@few
@given(step_problems)
def test_addition_leaves_its_operands(problem: Problem) -> None:
    a, b = gaussmix.Statistics(problem.mixture), gaussmix.Statistics(problem.mixture)
    a.accumulate(problem.x)
    b.accumulate(problem.x[:2])
    before = a.to_bytes(), b.to_bytes()
    together = a + b
    assert (a.to_bytes(), b.to_bytes()) == before
    a.merge(b)
    assert a == together


@pytest.mark.parametrize("covariance_type", COVARIANCE_TYPES)
def test_the_bounds_notice_a_change_of_a_billionth(covariance_type: str) -> None:
    """What the tolerances above can tell apart: one parameter moved by 1e-9 of its standard deviation."""
    problem = make_problem(3, covariance_type, 200, 3, 2)
    moved = problem.means.copy()
    moved[0, 0] += 1e-9
    other = gaussmix.Mixture(problem.weights, moved, problem.covariances, covariance_type)
    with pytest.raises(AssertionError, match="times the bound"):
        assert_within(other.log_prob(problem.x), problem.mixture.log_prob(problem.x), log_prob_bound(other, problem.x))
    with pytest.raises(AssertionError, match="times the bound"):
        assert_same_step(other, problem.mixture, step_bound(problem.mixture, problem.x))
