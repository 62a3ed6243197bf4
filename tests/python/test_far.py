"""Rows so far, or numbers so small, that squares leave the range of the type: every answer is still a number."""

from __future__ import annotations

from collections.abc import Callable

import gaussmix
import numpy as np
import numpy.typing as npt
import pytest
from hard_cases import COVARIANCE_TYPES, Rows

Array = npt.NDArray[np.float64]
FAR = [1e155, 1e160, 1e200, 1.7e308]  # 1e155² = 1e310 > 1.8e308
MAX = np.finfo(np.float64).max


def covariances_of(variances: Array, d: int, covariance_type: str) -> Array:
    """σ_k² I for each component in the layout of the type; tied takes the first."""
    full = variances[:, None, None] * np.eye(d)
    diag = np.repeat(variances[:, None], d, axis=1)
    layouts: dict[str, Array] = {"full": full, "tied": full[0], "diag": diag, "spherical": variances}
    layouts |= {"tied_diag": diag[0], "tied_spherical": variances[:1]}
    return layouts[covariance_type]


def mixture(weights: list[float], means: Array, variances: list[float], covariance_type: str) -> gaussmix.Mixture:
    covariances = covariances_of(np.array(variances), means.shape[1], covariance_type)
    return gaussmix.Mixture(np.array(weights), means, covariances, covariance_type)


def assert_far(mix: gaussmix.Mixture, x: Rows, gamma: npt.ArrayLike) -> None:
    """All densities are 0 in the type of x, the responsibilities `gamma` to 8 u. Likelihoods are sums in float64."""
    u = float(np.finfo(x.dtype).epsneg)
    n, k = len(x), mix.n_components
    assert np.array_equal(mix.component_log_prob(x), np.full((n, k), -np.inf))
    assert np.array_equal(mix.log_prob(x), np.full(n, -np.inf))
    assert np.array_equal(mix.log_joint(x), np.full((n, k), -np.inf))
    assert_responsible(mix, x, np.broadcast_to(gamma, (n, k)), 8 * u)
    assert mix.log_likelihood(x) < -float(np.finfo(x.dtype).max)


def assert_responsible(mix: gaussmix.Mixture, x: Rows, gamma: Array, allowed: float) -> None:
    result = mix.responsibilities(x)
    assert np.allclose(result, gamma, rtol=allowed, atol=0), f"{result} instead of {gamma}"
    log_result = mix.log_responsibilities(x)
    assert not np.isnan(log_result).any()
    assert np.allclose(np.exp(log_result), gamma, rtol=2 * allowed, atol=0)
    assert np.array_equal(mix.predict(x), gamma.argmax(axis=1))
    if x.dtype == np.float64:
        scorer = mix.row_scorer()
        assert np.array_equal([scorer.responsibilities(row) for row in x], result)
        assert np.array_equal([scorer.predict(row) for row in x], mix.predict(x))


def rows_along_each_axis(length: float, d: int, dtype: npt.DTypeLike = np.float64) -> Rows:
    """±length on one feature and 0 on the others: zeros meet infinities in a triangular factor."""
    eye: Rows = length * np.eye(d, dtype=dtype)
    return np.concatenate([eye, -eye])


@pytest.mark.parametrize("d", [1, 3, 5, 9])
@pytest.mark.parametrize("length", FAR)
@pytest.mark.parametrize("covariance_type", ["full", "diag", "spherical"])
def test_the_nearest_in_scaled_distance_wins(covariance_type: str, length: float, d: int) -> None:
    mix = mixture([0.9, 0.1], np.zeros((2, d)), [1.0, 4.0], covariance_type)
    assert_far(mix, rows_along_each_axis(length, d), [0.0, 1.0])


@pytest.mark.parametrize("length", FAR)
@pytest.mark.parametrize("covariance_type", COVARIANCE_TYPES)
def test_the_nearest_mean_wins(covariance_type: str, length: float) -> None:
    means = np.zeros((2, 3))
    means[1] = -length / 4
    x = np.full((1, 3), length)
    mix = mixture([0.1, 0.9], means, [1.0, 1.0], covariance_type)
    assert_far(mix, np.concatenate([x, -x]), [[1.0, 0.0], [0.0, 1.0]])


@pytest.mark.parametrize("length", FAR)
@pytest.mark.parametrize("covariance_type", COVARIANCE_TYPES)
def test_ties_share_by_weight(covariance_type: str, length: float) -> None:
    """Same distance, same shape: γ = π. Means are equal or mirror images."""
    means = np.array([[0.0, 5.0], [0.0, 5.0], [0.0, -5.0]])
    mix = mixture([0.2, 0.5, 0.3], means, [1.0, 1.0, 1.0], covariance_type)
    assert_far(mix, np.array([[length, 0.0], [-length, 0.0]]), [0.2, 0.5, 0.3])


@pytest.mark.parametrize("length", FAR)
@pytest.mark.parametrize("covariance_type", ["full", "diag"])
def test_ties_share_by_weight_and_normaliser(covariance_type: str, length: float) -> None:
    """Along the first axis both are equally far, and the second is twice as wide across: γ ∝ π / √det Σ."""
    variances = np.array([[1.0, 1.0], [1.0, 4.0]])
    covariances = variances if covariance_type == "diag" else np.stack([np.diag(v) for v in variances])
    mix = gaussmix.Mixture([0.4, 0.6], np.zeros((2, 2)), covariances, covariance_type)
    assert_far(mix, np.array([[length, 0.0]]), [0.4 / (0.4 + 0.3), 0.3 / (0.4 + 0.3)])


@pytest.mark.parametrize("covariance_type", COVARIANCE_TYPES)
def test_weight_zero_gets_nothing_far_away(covariance_type: str) -> None:
    mix = mixture([0.0, 1.0], np.array([[1e160], [0.0]]), [1.0, 1.0], covariance_type)
    assert_far(mix, np.array([[1e200]]), [0.0, 1.0])


@pytest.mark.parametrize("covariance_type", COVARIANCE_TYPES)
def test_differences_that_overflow(covariance_type: str) -> None:
    """Means at both ends of the range: x − μ is infinite for one, and a row on the other still has its density."""
    means = np.array([[MAX, MAX], [-MAX, -MAX]])
    mix = mixture([0.3, 0.7], means, [1.0, 1.0], covariance_type)
    x = np.concatenate([means, np.zeros((1, 2))])
    assert_responsible(mix, x, np.array([[1.0, 0.0], [0.0, 1.0], [0.3, 0.7]]), 8 * 2.0**-53)
    expected = np.log([0.3, 0.7]) - np.log(2 * np.pi)
    assert np.allclose(mix.log_prob(x[:2]), expected, rtol=4 * 2.0**-53)
    assert mix.log_prob(x)[2] == -np.inf


@pytest.mark.parametrize("covariance_type", COVARIANCE_TYPES)
@pytest.mark.parametrize("variance", [1e-300, 1e300])
def test_the_whole_range_at_once(covariance_type: str, variance: float) -> None:
    """Scaled distances from 1e158 to 1e458: the nearer mean wins also where one power of two is not enough."""
    means = np.array([[1e308, 0.0], [0.0, 0.0]])
    mix = mixture([0.5, 0.5], means, [variance, variance], covariance_type)
    x = np.array([[1.5e308, 0.0], [-1.5e308, 0.0]])
    assert_responsible(mix, x, np.array([[1.0, 0.0], [0.0, 1.0]]), 0.0)
    assert np.array_equal(mix.log_prob(x), [-np.inf, -np.inf])


@pytest.mark.parametrize("covariance_type", ["full", "diag", "spherical"])
@pytest.mark.parametrize("length", [1e20, 1e30, 3e38])
def test_single_precision(covariance_type: str, length: float) -> None:
    """float32 squares overflow from 1.8e19 on; the log-density itself from 2.6e19 on."""
    mix = mixture([0.9, 0.1], np.zeros((2, 5)), [1.0, 4.0], covariance_type)
    assert_far(mix, rows_along_each_axis(length, 5, np.float32), [0.0, 1.0])


@pytest.mark.parametrize("covariance_type", COVARIANCE_TYPES)
def test_means_that_single_precision_cannot_hold(covariance_type: str) -> None:
    """float64 parameters beyond the range of float32 rows."""
    means = np.array([[1e60, 0.0], [-1e50, 0.0]])
    mix = mixture([0.5, 0.5], means, [1.0, 1.0], covariance_type)
    assert_far(mix, np.array([[1.0, 2.0]], dtype=np.float32), [0.0, 1.0])


@pytest.mark.parametrize("covariance_type", COVARIANCE_TYPES)
@pytest.mark.parametrize("std", [1e-60, 1e60])
def test_scales_that_single_precision_cannot_hold(covariance_type: str, std: float) -> None:
    """On the mean the density is that of the mean; one unit away it is the same or 0."""
    mix = mixture([1.0], np.array([[1.0, 2.0]]), [std**2], covariance_type)
    at_mean = -np.log(2 * np.pi) - 2 * np.log(std)
    expected = [at_mean, at_mean if std > 1 else -np.inf]
    result = mix.log_prob(np.array([[1.0, 2.0], [2.0, 2.0]], dtype=np.float32))
    assert np.allclose(result, expected, rtol=8 * 2.0**-24)


@pytest.mark.parametrize("covariance_type", COVARIANCE_TYPES)
def test_far_rows_leave_the_others_alone(covariance_type: str) -> None:
    rng = np.random.default_rng(5)
    mix = mixture([0.3, 0.7], rng.normal(size=(2, 3)), [1.0, 2.0], covariance_type)
    near = rng.normal(size=(200, 3))
    mixed = near.copy()
    mixed[::7] = 1e200
    kept = np.arange(200) % 7 != 0
    for verb in ("component_log_prob", "log_prob", "responsibilities"):
        assert np.array_equal(getattr(mix, verb)(mixed)[kept], getattr(mix, verb)(near)[kept])


def test_subnormal_rows_and_means() -> None:
    """Differences near 5e-324 against a standard deviation of 2.2e-162 or 1: densities as at the mean."""
    tiny = 5e-324
    for variance in (tiny, 1e-310, 1.0):
        mix = gaussmix.Mixture([0.5, 0.5], [[0.0], [3 * tiny]], [[variance], [variance]], "diag")
        at_mean = -0.5 * np.log(2 * np.pi) - 0.5 * np.log(variance)
        x = np.array([[tiny], [2 * tiny], [0.0]])
        assert np.allclose(mix.log_prob(x), at_mean, rtol=1e-15)
        assert np.allclose(mix.responsibilities(x), 0.5, rtol=1e-15)


@pytest.mark.parametrize("covariance_type", COVARIANCE_TYPES)
def test_subnormal_variances(covariance_type: str) -> None:
    """σ² = 1e-310, whose reciprocal is infinite: one standard deviation away is still one away."""
    std = np.sqrt(1e-310)
    mix = mixture([0.5, 0.5], np.array([[0.0], [40 * std]]), [1e-310, 1e-310], covariance_type)
    x = np.array([[std], [39 * std], [0.0]])
    expected = np.log(0.5) - 0.5 * np.log(2 * np.pi) - np.log(std) - 0.5 * np.array([1.0, 1.0, 0.0])
    assert np.allclose(mix.log_prob(x), expected, rtol=1e-14)
    assert np.array_equal(mix.predict(x), [0, 1, 0])


def numbers_of_every_size(rng: np.random.Generator, shape: tuple[int, ...], low: int, high: int) -> Array:
    """±10^e with e uniform in [low, high], a tenth of them 0."""
    values = 10.0 ** rng.uniform(low, high, size=shape) * rng.choice([-1.0, 1.0], size=shape)
    return np.where(rng.random(shape) < 0.1, 0.0, values)


def any_mixture(rng: np.random.Generator, covariance_type: str) -> gaussmix.Mixture:
    """Means and standard deviations of every size; correlations up to 0.9."""
    k, d = int(rng.integers(1, 5)), int(rng.integers(1, 7))
    std = 10.0 ** rng.uniform(-154, 153, size=(k, d))
    factor = np.tril(rng.uniform(-0.3, 0.3, size=(d, d)), -1) + np.eye(d)
    unit = factor @ factor.T
    make: dict[str, Callable[[], Array]] = {
        "full": lambda: np.stack([np.outer(s, s) * unit for s in std]),
        "tied": lambda: np.outer(std[0], std[0]) * unit,
        "diag": lambda: std**2,
        "spherical": lambda: std[:, 0] ** 2,
        "tied_diag": lambda: std[0] ** 2,
        "tied_spherical": lambda: std[0, :1] ** 2,
    }
    weights = rng.dirichlet(np.ones(k)) if k > 1 else np.ones(1)
    means = numbers_of_every_size(rng, (k, d), -323, 308)
    return gaussmix.Mixture(weights, means, make[covariance_type](), covariance_type)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("covariance_type", COVARIANCE_TYPES)
def test_finite_input_never_gives_nan(covariance_type: str, dtype: type[np.floating]) -> None:
    rng = np.random.default_rng(11)
    high = 308 if dtype is np.float64 else 38
    for trial in range(150):
        mix = any_mixture(rng, covariance_type)
        x = numbers_of_every_size(rng, (8, mix.n_features), -high - 15, high).astype(dtype)
        x[0] = mix.means[0].clip(-np.finfo(dtype).max, np.finfo(dtype).max)
        for verb in ("component_log_prob", "log_joint", "log_prob", "log_responsibilities"):
            values = getattr(mix, verb)(x)
            assert not np.isnan(values).any(), f"trial {trial}: {verb}"
            assert (values < np.inf).all(), f"trial {trial}: {verb}"
        gamma = mix.responsibilities(x).astype(np.float64)
        assert (gamma >= 0).all(), f"trial {trial}"
        off = np.abs(gamma.sum(axis=1) - 1).max()
        assert off <= 4 * mix.n_components * np.finfo(dtype).epsneg, f"trial {trial}: {off}"


@pytest.mark.parametrize("covariance_type", COVARIANCE_TYPES)
def test_statistics_of_far_rows(covariance_type: str) -> None:
    """The responsibilities of far rows count; what has no finite answer is an error, never NaN."""
    mix = mixture([0.5, 0.5], np.array([[0.0, 0.0], [-1e160, 0.0]]), [1.0, 1.0], covariance_type)
    x = np.array([[0.5, 0.5], [-0.5, 0.5], [0.1, -0.4], [1e200, 0.0], [-1e200, 0.0]])
    stats = gaussmix.Statistics(mix)
    stats.accumulate(x)
    assert stats.log_likelihood == -np.inf
    assert np.isfinite(stats.component_weights).all()
    assert stats.component_weights.sum() == pytest.approx(5.0, rel=1e-15)
    try:
        step = stats.maximize()
    except gaussmix.GaussmixError:
        return
    assert np.isfinite(step.means).all()
    assert np.isfinite(step.covariances).all()
