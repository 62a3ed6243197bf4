"""Densities and responsibilities against 50-digit arithmetic, each within its derived bound."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hard_cases import COVARIANCE_TYPES, Case, Rows, hard_cases, make_case
from reference import UNIT_ROUNDOFF, ExactMixture, assert_within, excess, mp

each_hard_case = pytest.mark.parametrize("case", hard_cases(), ids=str)


@each_hard_case
def test_component_densities(case: Case) -> None:
    result = case.parameters.mixture().component_log_prob(case.x)
    assert result.dtype == case.x.dtype
    assert_within("component_log_prob", result, case.exact.component_log_prob, case.exact.component_error)


@each_hard_case
def test_joint_densities(case: Case) -> None:
    result = case.parameters.mixture().log_joint(case.x)
    assert result.dtype == case.x.dtype
    assert_within("log_joint", result, case.exact.log_joint, case.exact.joint_error)


@each_hard_case
def test_mixture_density(case: Case) -> None:
    result = case.parameters.mixture().log_prob(case.x)
    assert result.dtype == case.x.dtype
    assert_within("log_prob", result, case.exact.log_prob, case.exact.log_prob_error)


@each_hard_case
def test_responsibilities(case: Case) -> None:
    result = case.parameters.mixture().responsibilities(case.x)
    assert result.dtype == case.x.dtype
    assert_within("responsibilities", result, case.exact.responsibilities, case.exact.responsibilities_error)
    assert_rows_sum_to_one(result)


@each_hard_case
def test_log_responsibilities(case: Case) -> None:
    result = case.parameters.mixture().log_responsibilities(case.x)
    scores = case.exact
    assert result.dtype == case.x.dtype
    assert_within("log_responsibilities", result, scores.log_responsibilities, scores.log_responsibilities_error)


@each_hard_case
def test_labels(case: Case) -> None:
    """The component named is the largest up to the error of two joint densities."""
    scores = case.exact
    for i, k in enumerate(case.parameters.mixture().predict(case.x)):
        best = scores.log_joint[i].argmax()
        allowed = scores.joint_error[i, k] + scores.joint_error[i, best]
        assert scores.log_joint[i, best] - scores.log_joint[i, k] <= allowed, f"row {i}: {k}, not {best}"


@pytest.mark.parametrize("case", [case for case in hard_cases() if case.x.dtype == np.float64], ids=str)
def test_one_row_at_a_time(case: Case) -> None:
    scorer = case.parameters.mixture().row_scorer()
    log_prob = np.array([scorer.log_prob(row) for row in case.x])
    responsibilities = np.array([scorer.responsibilities(row) for row in case.x])
    assert_within("log_prob", log_prob, case.exact.log_prob, case.exact.log_prob_error)
    assert_within("responsibilities", responsibilities, case.exact.responsibilities, case.exact.responsibilities_error)


@pytest.mark.parametrize("covariance_type", COVARIANCE_TYPES)
def test_log_likelihood(covariance_type: str) -> None:
    """A sum of N values in double: their own errors, and fewer than 64 roundings of each in a pairwise sum."""
    case = make_case("log-likelihood", covariance_type, n=300, offset=1e8)
    sample_weight = np.random.default_rng(7).uniform(0.0, 2.0, size=300)
    sample_weight[::5] = 0.0
    mix = case.parameters.mixture()
    for weight in (np.ones(300), sample_weight):
        terms = weight * case.exact.log_prob
        error = (weight * case.exact.log_prob_error).sum() + 64 * case.u * abs(terms).sum()
        assert_within("log_likelihood", mix.log_likelihood(case.x, weight), np.asarray(terms.sum()), np.asarray(error))


def test_quadratic_form_at_an_offset_would_fail() -> None:
    """The bound has teeth: ‖L⁻¹x − L⁻¹μ‖², the same on paper, is wrong by more than it allows."""
    case = make_case("offset 1e+08", "full", offset=1e8)
    p = case.parameters
    expanded = np.empty((len(case.x), len(p.weights)))
    for k, (mean, covariance) in enumerate(zip(p.means, p.covariances, strict=True)):
        factor = np.linalg.cholesky(covariance)
        y = np.linalg.solve(factor, case.x.T).T - np.linalg.solve(factor, mean)
        log_norm = -np.log(np.diag(factor)).sum() - mean.size / 2 * math.log(2 * math.pi)
        expanded[:, k] = log_norm - (y**2).sum(axis=1) / 2
    assert excess(expanded, case.exact.component_log_prob, case.exact.component_error).min() > 100


def test_the_bound_tells_a_wrong_mean() -> None:
    """A mean off by 1e-13 standard deviations is an error of the size that the bound must reject."""
    case = make_case("D = 1", "full", d=1, k=1, distance=3.0)
    p = case.parameters
    moved = ExactMixture(p.weights, p.means + 1e-13, p.covariances, "full").at(case.x, case.u)
    assert excess(case.parameters.mixture().log_prob(case.x), moved.log_prob, moved.log_prob_error).max() > 1


def test_rows_off_by_more_than_4_k_u_would_fail() -> None:
    gamma = np.array([[0.5, 0.5 + 9 * 2.0**-53]])
    with pytest.raises(AssertionError, match="sums to 1"):
        assert_rows_sum_to_one(gamma)


def test_standard_normal_by_hand() -> None:
    """Guards the reference itself: log N(1 | 0, 4) = −1/8 − log 2 − ½ log 2π."""
    exact = ExactMixture(np.ones(1), np.zeros((1, 1)), np.full((1, 1, 1), 4.0), "full").at(np.ones((1, 1)), 2.0**-53)
    truth = -mp.mpf(1) / 8 - mp.log(2) - mp.log(2 * mp.pi) / 2
    assert abs(exact.log_prob[0] - truth) < mp.mpf(10) ** -45


def assert_rows_sum_to_one(gamma: Rows) -> None:
    """Within 4·K·u of the type, summed without rounding."""
    allowed = 4 * gamma.shape[1] * UNIT_ROUNDOFF[gamma.dtype]
    for i, row in enumerate(gamma):
        off = abs(math.fsum([*row, -1.0]))
        assert off <= allowed, f"row {i} sums to 1 {off:+.3g}, allowed {allowed:.3g}"
