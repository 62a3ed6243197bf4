"""Data that lack a direction: constant features, linearly dependent ones, fewer rows than features."""

from __future__ import annotations

import re
from typing import Any

import gaussmix
import numpy as np
import numpy.typing as npt
import pytest
from gaussmix import EM, DegenerateWarning, Mixture, NumericalError, Statistics
from sklearn.datasets import load_digits

Array = npt.NDArray[np.float64]
TYPES = ("full", "tied", "diag", "spherical")
each_type = pytest.mark.parametrize("covariance_type", TYPES)
each_with_a_variance_of_its_own = pytest.mark.parametrize("covariance_type", TYPES[:3])

LABELS = np.repeat([0, 1, 2], [100, 150, 250])
Z = np.array([[0.0, 0.0], [9.0, 0.0], [0.0, 9.0]])[LABELS] + np.random.default_rng(7).normal(size=(500, 2))
X = np.column_stack([Z[:, 0], np.full(500, 3.25), Z[:, 1]])


def variance_of(mixture: Mixture, j: int) -> Array:
    """Of feature j, (K,) or, tied, (1,)."""
    sigma = mixture.covariances
    if mixture.covariance_type == "diag":
        return np.asarray(sigma[:, j])
    return np.atleast_1d(sigma[..., j, j])


def fitted(x: Any, *args: Any, features: str, **options: Any) -> gaussmix.FitResult:
    """A fit that warns once, of these constant features."""
    with pytest.warns(DegenerateWarning, match=rf"{features} constant, and went on with 1e-6 of the mean") as caught:
        result = gaussmix.fit(x, *args, **options)
    assert len(caught) == 1
    return result


@each_type
def test_digits(covariance_type: str) -> None:
    x = load_digits().data
    result = fitted(x, 3, covariance_type, features="features 0, 32, 39 of X are", random_state=0, max_iter=1000)
    assert result.report.constant_features == (0, 32, 39)
    assert np.isfinite(result.mixture.log_prob(x)).all()
    if covariance_type == "spherical":
        return
    level = 1e-6 * np.delete(x.var(axis=0), [0, 32, 39]).mean()
    for j in (0, 32, 39):
        # Both are sums of 1797 · 64 terms, each rounded by 2⁻⁵³.
        np.testing.assert_allclose(variance_of(result.mixture, j), level, rtol=1797 * 64 * 2.0**-53)


@each_with_a_variance_of_its_own
@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_the_other_features_are_as_without_it(dtype: str, covariance_type: str) -> None:
    """A feature that is the same everywhere says nothing of z: it adds its log-density to every row, and no more."""
    x = X.astype(dtype)
    options: dict[str, Any] = {"labels_init": LABELS, "max_iter": 1000}
    alone = gaussmix.fit(np.ascontiguousarray(x[:, [0, 2]]), 3, covariance_type, **options)
    result = fitted(x, 3, covariance_type, features="feature 1 of X is", **options)
    variance = 1e-6 * x[:, [0, 2]].astype(np.float64).var(axis=0).mean()
    # Sums of 500 rows, and in float32 log-densities of order 10 with errors of some of its units, over a few steps.
    rtol = 1e-4 if dtype == "f4" else 1e-11
    np.testing.assert_allclose(result.mixture.means[:, [0, 2]], alone.mixture.means, rtol=rtol, atol=rtol)
    np.testing.assert_array_equal(result.mixture.means[:, 1], 3.25)
    np.testing.assert_allclose(variance_of(result.mixture, 1), variance, rtol=rtol)
    added = -0.5 * np.log(2 * np.pi * variance)
    assert result.log_likelihood / 500 == pytest.approx(alone.log_likelihood / 500 + added, rel=rtol)
    assert result.report.floored == ()


@each_type
@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_a_start_elsewhere_comes_to_the_value(dtype: str, covariance_type: str) -> None:
    means = np.array([[0.0, 7.1, 1.0], [8.0, 7.1, 0.0], [1.0, 7.1, 8.0]])
    x = (X * [1, 0, 1]).astype(dtype)
    result = fitted(
        x, 3, covariance_type, features="feature 1 of X is", means_init=means, random_state=0, max_iter=1000
    )
    np.testing.assert_array_equal(result.mixture.means[:, 1], 0.0)
    assert result.report.constant_features == (1,)
    assert result.converged


@each_type
def test_rows_of_weight_zero_are_absent(covariance_type: str) -> None:
    x = np.vstack([[[50.0, 51.0, 52.0]], X, [[-50.0, 40.0, 1.0]]])
    weight = np.concatenate([[0.0], np.full(500, 2.0), [0.0]])
    options: dict[str, Any] = {"labels_init": np.concatenate([[0], LABELS, [0]]), "max_iter": 1000}
    result = fitted(x, 3, covariance_type, features="feature 1 of X is", sample_weight=weight, **options)
    plain = fitted(X, 3, covariance_type, features="feature 1 of X is", labels_init=LABELS, max_iter=1000)
    np.testing.assert_allclose(result.mixture.covariances, plain.mixture.covariances, rtol=1e-11, atol=1e-20)


@each_type
@pytest.mark.parametrize(("scale", "offset"), [(1.0, 1e8), (1e-150, 0.0), (1e150, 0.0), (1e-100, -1e8)])
def test_far_and_at_any_scale(scale: float, offset: float, covariance_type: str) -> None:
    x = (X + offset) * scale
    assert np.ptp(x[:, 1]) == 0.0
    result = fitted(x, 3, covariance_type, features="feature 1 of X is", labels_init=LABELS, max_iter=1000)
    plain = fitted(X, 3, covariance_type, features="feature 1 of X is", labels_init=LABELS, max_iter=1000)
    np.testing.assert_array_equal(result.mixture.predict(x), plain.mixture.predict(X))
    # The rows at an offset of 1e8 are off by 2⁻⁵³ · 1e8 of a standard deviation of 1.
    rtol = 1e-6 if offset else 1e-9
    np.testing.assert_allclose(result.mixture.covariances / scale**2, plain.mixture.covariances, rtol=rtol, atol=rtol)


def test_data_that_vary_by_a_last_digit_are_not_constant() -> None:
    x = X.copy()
    x[::2, 1] = np.nextafter(3.25, 4.0)
    # With 2⁻⁵¹ of 3.25 for a spread the feature varies less than sums of it are rounded: it is taken for constant.
    assert gaussmix.fit(X[:, [0, 2]], 1).report.constant_features == ()
    result = fitted(x, 1, features="feature 1 of X is")
    assert np.isfinite(result.mixture.log_prob(x)).all()


@pytest.mark.parametrize("covariance_type", ["full", "tied"])
@pytest.mark.parametrize(("offset", "dtype"), [(0.0, "f4"), (0.0, "f8"), (1e4, "f8")])  # float32 at 1e4 has noise there
def test_linearly_dependent_features(offset: float, dtype: str, covariance_type: str) -> None:
    x = np.column_stack([Z, Z.sum(axis=1), Z @ [2.0, -1.0]]).astype(dtype) + np.array(offset, dtype)
    with pytest.warns(DegenerateWarning, match="components 0, 1, 2 were empty or collapsing and kept at the floor"):
        result = gaussmix.fit(x, 3, covariance_type, labels_init=LABELS, max_iter=1000)
    assert result.report.constant_features == ()
    assert np.isfinite(result.mixture.log_prob(x)).all()
    assert (result.mixture.predict(x) == LABELS).mean() > 0.99  # the centers are 9 standard deviations apart
    # No direction has less than 1e-6 · 1e-2 of the variance of the features, but for the rounding of Σ: in float32
    # differences lose 2⁻²⁴, their squares twice that of the variance of each of 4 features; the share is 1e-2.
    rounding = 8 * 2.0**-24 / 1e-2 if dtype == "f4" else 1e-5
    total = x.var(axis=0, dtype=np.float64)
    for sigma in result.mixture.covariances.reshape(-1, 4, 4):
        least = np.linalg.eigvalsh(sigma / np.sqrt(np.outer(total, total)))[0]
        assert least >= 1e-8 * (1 - rounding)


@pytest.mark.parametrize("covariance_type", TYPES)
def test_fewer_rows_than_features(covariance_type: str) -> None:
    x = np.random.default_rng(2).normal(size=(12, 30))
    if covariance_type in ("full", "tied"):
        with pytest.warns(DegenerateWarning, match="components 0, 1 were"):
            result = gaussmix.fit(x, 2, covariance_type, random_state=0)
    else:
        result = gaussmix.fit(x, 2, covariance_type, random_state=0)
    assert np.isfinite(result.log_likelihood)


@pytest.mark.parametrize("noise", [1e-3, 1e-5, 1e-6, 1e-7, 3e-8, 1e-8, 1e-9])
def test_nearly_dependent_features_have_no_gap(noise: float) -> None:
    """Between dependent and independent lies every degree: a component of two rows has no spread across the line."""
    rng = np.random.default_rng(1)
    first = rng.normal(size=400)
    x = np.column_stack([first, first + noise * rng.normal(size=400)])
    pair = np.array([[40.0, 40.0], [41.0, 41.0]])
    with pytest.warns(DegenerateWarning, match="component"):
        result = gaussmix.fit(np.vstack([x, pair]), 2, labels_init=np.repeat([0, 1], [400, 2]), max_iter=1000)
    assert np.isfinite(result.log_likelihood)


def test_one_component_keeps_the_covariance_of_nearly_dependent_features() -> None:
    rng = np.random.default_rng(1)
    first = rng.normal(size=400)
    x = np.column_stack([first, first + 1e-5 * rng.normal(size=400)])
    result = gaussmix.fit(x, 1)
    np.testing.assert_allclose(result.mixture.covariances[0], np.cov(x.T, bias=True), rtol=1e-13)
    assert result.report.floored == ()


@each_type
def test_data_without_variance_are_an_error(covariance_type: str) -> None:
    with pytest.raises(NumericalError, match=r"^X has no variance in any feature.*; raise reg_covar or pass"):
        gaussmix.fit(np.full((6, 2), 3.5), 2, covariance_type)


@each_with_a_variance_of_its_own
@pytest.mark.parametrize("policy", ["raise", "drop", "reseed"])
def test_other_policies_refuse(policy: str, covariance_type: str) -> None:
    what = r"component 0 has collapsed: its covariance has rank 2 of 3|every component has collapsed|must be positive"
    for x in (X, X.astype("f4")):
        with pytest.raises(NumericalError, match=what):
            gaussmix.fit(x, 3, covariance_type, on_degenerate=policy, means_init=np.eye(3), random_state=0)


@each_type
def test_a_reg_covar_is_variance_enough(covariance_type: str) -> None:
    result = gaussmix.fit(X, 3, covariance_type, labels_init=LABELS, reg_covar=1e-3, max_iter=1000)
    assert result.report.constant_features == ()


@each_type
def test_em_and_maximize_say_it_too(covariance_type: str) -> None:
    start = fitted(X, 3, covariance_type, features="feature 1 of X is", labels_init=LABELS, max_iter=0).mixture
    statistics = Statistics(start)
    statistics.accumulate(X[:200])
    statistics.accumulate(X[200:])
    em = EM(start)
    with pytest.warns(DegenerateWarning, match="feature 1 of X is constant"):
        em.step(statistics)
    again = Statistics(em.mixture)
    again.accumulate(X)
    em.step(again)  # has been said
    assert em.report.constant_features == (1,)
    with pytest.warns(DegenerateWarning, match="feature 1 of X is constant"):
        mixture = statistics.maximize(on_degenerate="floor")
    assert np.isfinite(mixture.log_prob(X)).all()


def test_a_message_is_one_line() -> None:
    with pytest.warns(DegenerateWarning) as caught:
        gaussmix.fit(X, 3, labels_init=LABELS, max_iter=1000)
    assert re.fullmatch(r"feature 1 of X is constant, and went on .*: drop it, or choose another on_degenerate",
                        str(caught[0].message))  # fmt: skip
