"""One EM step against 50-digit arithmetic, whole and in pieces, and what follows from exact steps."""

from __future__ import annotations

import functools
from dataclasses import dataclass, replace
from pathlib import Path

import gaussmix
import numpy as np
import numpy.typing as npt
import pytest
from conftest import stopped_fit
from hard_cases import COVARIANCE_TYPES, Parameters, Rows, correlation
from reference import Exact, ExactStep, assert_within, em_step, exact, mp, structured, weighted_moments
from sklearn import datasets

Array = npt.NDArray[np.float64]
DATA = Path(__file__).parents[1] / "data"
N, K, D = 60, 3, 3
DIGITS = 1e-12  # of a standard deviation
each_type = pytest.mark.parametrize("covariance_type", COVARIANCE_TYPES)


@dataclass(frozen=True, eq=False)
class Problem:
    """A mixture and data that it explains from afar: a cloud of standard deviation about `std`, and K components whose
    means are `move` of these away. They are as wide, so that all share every row and every mean moves by `move`."""

    before: Parameters
    x: Rows  # (N, D)
    std: Array  # (D,)

    @functools.cached_property
    def step(self) -> ExactStep:
        return em_step(self.before.exact, self.x)

    @functools.cached_property
    def weighted_step(self) -> ExactStep:
        return em_step(self.before.exact, self.x, SAMPLE_WEIGHT)


SAMPLE_WEIGHT = np.random.default_rng(1).uniform(0.0, 3.0, size=N) * (np.arange(N) % 5 > 0)


@functools.cache
def problem(covariance_type: str, move: float, offset: float = 1e8) -> Problem:
    rng = np.random.default_rng(int(move))
    std = np.ones(D) if "spherical" in covariance_type else np.array([1.0, 1e-3, 1e5])
    unit = correlation(rng, D, 10.0)
    x = std * (offset + rng.normal(size=(N, D)) @ np.linalg.cholesky(unit).T)
    directions = rng.normal(size=(K, D))
    directions *= move / np.linalg.norm(directions, axis=1, keepdims=True)
    wide = std * np.hypot(1.0, move)
    full = np.stack([f * correlation(rng, D, 10.0) * np.outer(wide, wide) for f in (0.6, 1.0, 1.5)])
    covariances = {
        "full": full,
        "tied": full[0],
        "diag": np.stack([np.diag(c) for c in full]),
        "spherical": full[:, 0, 0],
        "tied_diag": np.diag(full[0]),
        "tied_spherical": full[0, 0, :1],
    }[covariance_type]
    return Problem(
        Parameters(np.array([0.2, 0.3, 0.5]), std * (offset + directions), covariances, covariance_type), x, std
    )


def accumulated(mix: gaussmix.Mixture, x: Rows, sample_weight: Array | None = None) -> gaussmix.Statistics:
    stats = gaussmix.Statistics(mix)
    stats.accumulate(x, sample_weight=sample_weight)
    return stats


def assert_step(mix: gaussmix.Mixture, truth: ExactStep, digits: float = DIGITS) -> None:
    """Weights to `digits`, means to as many standard deviations and half of their own last bit, covariances to as many
    σ_i σ_j; the standard deviations are those of the true step."""
    variances = _variances(truth, mix.covariance_type, mix.n_features)
    std = np.sqrt(variances.astype(np.float64))
    half_ulp = np.spacing(np.abs(truth.means.astype(np.float64))) / 2
    assert_within("weights", mix.weights, truth.weights, digits)
    assert_within("means", mix.means, truth.means, exact(digits * std + half_ulp))
    units = {
        "full": std[:, :, None] * std[:, None, :],
        "tied": np.outer(std[0], std[0]),
        "diag": std**2,
        "spherical": std[:, 0] ** 2,
        "tied_diag": std[0] ** 2,
        "tied_spherical": std[0, :1] ** 2,
    }[mix.covariance_type]
    assert_within("covariances", mix.covariances, truth.covariances, exact(digits * units))


def _variances(step: ExactStep, covariance_type: str, d: int) -> Exact:
    """The variances of each component, (K, D); tied repeats its own."""
    k = len(step.weights)
    if covariance_type == "full":
        return np.stack([np.diag(c) for c in step.covariances])
    if covariance_type == "tied":
        return np.repeat(np.diag(step.covariances)[None], k, axis=0)
    if covariance_type.startswith("tied"):
        return np.broadcast_to(step.covariances, (k, d))
    return step.covariances if covariance_type == "diag" else np.repeat(step.covariances[:, None], d, axis=1)


MOVES = [0.0, 1.0, 10.0, 1e2, 1e3, 1e4]


@each_type
@pytest.mark.parametrize("move", MOVES)
def test_one_step(covariance_type: str, move: float) -> None:
    p = problem(covariance_type, move)
    assert_step(accumulated(p.before.mixture(), p.x).maximize(), p.step)


@each_type
@pytest.mark.parametrize("move", MOVES)
def test_one_weighted_step(covariance_type: str, move: float) -> None:
    p = problem(covariance_type, move)
    assert_step(accumulated(p.before.mixture(), p.x, SAMPLE_WEIGHT).maximize(), p.weighted_step)


@each_type
@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("move", [1.0, 1e4])
def test_a_step_merged_from_pieces(covariance_type: str, move: float, seed: int) -> None:
    """Any split in any order: rows shuffled, cut at random, merged at random by merge() or +, some through bytes."""
    rng = np.random.default_rng(seed)
    p = problem(covariance_type, move)
    mix = p.before.mixture()
    rows = rng.permutation(N)
    cuts = np.sort(rng.choice(np.arange(1, N), size=int(rng.integers(1, 30)), replace=False))
    parts = [part for part in np.split(rows, cuts) if SAMPLE_WEIGHT[part].any()]
    pieces = [accumulated(mix, p.x[part], SAMPLE_WEIGHT[part]) for part in parts]
    while len(pieces) > 1:
        left, right = (pieces.pop(int(rng.integers(len(pieces)))) for _ in range(2))
        if rng.random() < 0.5:
            right = gaussmix.Statistics.from_bytes(right.to_bytes())
        if rng.random() < 0.5:
            left = left + right
        else:
            left.merge(right)
        pieces.append(left)
    assert_step(pieces[0].maximize(), p.weighted_step)


@each_type
def test_rows_accumulated_one_by_one(covariance_type: str) -> None:
    """As a stream brings them."""
    p = problem(covariance_type, 1e3)
    stats = gaussmix.Statistics(p.before.mixture())
    for i in range(N):
        stats.accumulate(p.x[i : i + 1])
    assert_step(stats.maximize(), p.step)


@each_type
def test_sums_of_a_step(covariance_type: str) -> None:
    p = problem(covariance_type, 10.0)
    stats = accumulated(p.before.mixture(), p.x, SAMPLE_WEIGHT)
    scores = p.before.exact.at(p.x, 2.0**-53)
    weight = exact(SAMPLE_WEIGHT)
    error = (weight * (scores.log_prob_error + 64 * scores.u * abs(scores.log_prob))).sum()
    total = float(SAMPLE_WEIGHT.sum())
    assert_within("log_likelihood", stats.log_likelihood, np.asarray(p.weighted_step.log_likelihood), error)
    assert stats.total_weight == pytest.approx(total, rel=64 * 2.0**-53)
    assert_within("component_weights", stats.component_weights / total, p.weighted_step.weights, DIGITS)


@each_type
def test_scaled_sums_lead_to_the_same_step(covariance_type: str) -> None:
    p = problem(covariance_type, 1e2)
    stats = accumulated(p.before.mixture(), p.x)
    weight = stats.total_weight
    stats.scale(0.3)
    assert stats.total_weight == pytest.approx(0.3 * weight, rel=4 * 2.0**-53)
    assert_step(stats.maximize(), p.step)


@each_type
@pytest.mark.filterwarnings("ignore::gaussmix.ScaleWarning")
def test_reg_covar_is_added_to_each_variance(covariance_type: str) -> None:
    p = problem(covariance_type, 1.0)
    reg_covar = 0.25
    diagonal = np.eye(D) if covariance_type in ("full", "tied") else 1.0
    truth = replace(p.step, covariances=p.step.covariances + exact(np.asarray(reg_covar * diagonal)))
    assert_step(accumulated(p.before.mixture(), p.x).maximize(reg_covar=reg_covar), truth)


@each_type
@pytest.mark.parametrize("n_moved", [1.0, 1e4])
def test_pieces_under_different_mixtures(covariance_type: str, n_moved: float) -> None:
    """With K = 1 the responsibilities are 1 under any mixture, so sums about pivots far apart merge to the moments."""
    rng = np.random.default_rng(3)
    x = 1e8 + rng.normal(size=(200, D))
    start = accumulated(standard_mixture(np.full(D, 1e8 - n_moved), covariance_type), x[:120])
    start.merge(accumulated(standard_mixture(np.full(D, 1e8 + n_moved), covariance_type), x[120:]))
    assert_step(start.maximize(), sample_moments(x, covariance_type))


def standard_mixture(mean: Array, covariance_type: str) -> gaussmix.Mixture:
    covariances = {"full": np.eye(D)[None], "tied": np.eye(D), "diag": np.ones((1, D)), "tied_diag": np.ones(D)}
    return gaussmix.Mixture(np.ones(1), mean[None], covariances.get(covariance_type, np.ones(1)), covariance_type)


def sample_moments(x: Rows, covariance_type: str, sample_weight: Array | None = None) -> ExactStep:
    """π = 1, the mean and the covariance of the data: one step from anywhere with K = 1."""
    w = exact(np.ones(len(x)) if sample_weight is None else sample_weight)
    return step_of_moments(weighted_moments(exact(x), w), covariance_type)


def step_of_moments(moments: tuple[Exact, Exact], covariance_type: str) -> ExactStep:
    mean, covariance = moments
    one = exact(np.ones(1))
    return ExactStep(one, mean[None], structured(covariance[None], one, covariance_type), None)


@each_type
@pytest.mark.parametrize("move", [1.0, 1e2, 1e4])
def test_many_blocks_far_from_the_mean(covariance_type: str, move: float) -> None:
    stats = accumulated(standard_mixture(np.full(D, 1e8 + move), covariance_type), two_clusters())
    assert_step(stats.maximize(), step_of_moments(moments_of_two_clusters(), covariance_type))


@functools.cache
def two_clusters() -> Array:
    """More rows than one block holds, and blocks whose means differ from that of the whole."""
    n = 9000
    return 1e8 + np.random.default_rng(9).normal(size=(n, D)) + np.where(np.arange(n) < 5000, 3.0, -3.0)[:, None]


@functools.cache
def moments_of_two_clusters() -> tuple[Exact, Exact]:
    x = two_clusters()
    return weighted_moments(exact(x), exact(np.ones(len(x))))


@functools.cache
def real_data(name: str) -> Array:
    if name == "faithful":
        return np.loadtxt(DATA / "faithful.csv", delimiter=",", skiprows=1)
    return np.asarray(getattr(datasets, f"load_{name}")().data, dtype=np.float64)


each_data_set = pytest.mark.parametrize("name", ["faithful", "iris", "wine", "breast_cancer"])


@each_type
@each_data_set
@pytest.mark.parametrize("weighted", [False, True], ids=["unweighted", "weighted"])
def test_one_component_is_the_sample_moments(name: str, covariance_type: str, weighted: bool) -> None:
    x = real_data(name)
    weight = integer_weights(len(x)) if weighted else None
    result = gaussmix.fit(x, 1, covariance_type, sample_weight=weight, random_state=0)
    assert_step(result.mixture, step_of_moments(real_moments(name, weighted), covariance_type))
    assert result.converged


def integer_weights(n: int) -> Array:
    return np.random.default_rng(2).integers(0, 4, size=n).astype(np.float64)


@functools.cache
def real_moments(name: str, weighted: bool) -> tuple[Exact, Exact]:
    x = real_data(name)
    return weighted_moments(exact(x), exact(integer_weights(len(x)) if weighted else np.ones(len(x))))


@each_type
@each_data_set
@pytest.mark.parametrize("n_components", [2, 3])
@pytest.mark.filterwarnings("ignore::gaussmix.DegenerateWarning")
def test_the_likelihood_never_falls(n_components: int, name: str, covariance_type: str) -> None:
    """The mean of log p is computed to the mean of the errors allowed to log p, which cover the rounding of Σ in the
    M-step too: no rise can show as a fall of more than twice that. Floored components are no exception. The errors of
    every fifth row are counted, those of the others, which 50 digits would take long for, as none."""
    x = real_data(name)
    result = stopped_fit(x, n_components, covariance_type, tol=0.0, max_iter=60, reg_covar=0.0, random_state=0)
    m = result.mixture
    scores = Parameters(m.weights, m.means, m.covariances, covariance_type).exact.at(x[::5], 2.0**-53)
    allowed = 2 * float(scores.log_prob_error.sum()) / len(x)
    falls = -np.diff(result.trace)
    assert len(falls) > 1
    assert falls.max() <= allowed, f"fell by {falls.max()} in iteration {falls.argmax() + 1}, allowed {allowed}"
    assert result.log_likelihood / len(x) >= result.trace[-1] - allowed


@each_type
@pytest.mark.parametrize("name", ["faithful", "iris"])
def test_fit_walks_in_steps_of_statistics(name: str, covariance_type: str) -> None:
    """fit() is nothing but accumulate() and maximize(), again and again."""
    x = real_data(name)
    start = gaussmix.fit(x, 2, covariance_type, max_iter=0, random_state=4).mixture
    fitted = stopped_fit(x, 2, covariance_type, init=start, tol=0.0, max_iter=5)
    mix, trace = start, []
    for _ in range(fitted.n_iter):
        stats = accumulated(mix, x)
        trace.append(stats.log_likelihood / len(x))
        mix = stats.maximize()
    assert np.allclose(fitted.trace, trace, rtol=1e-13)
    assert np.allclose(fitted.mixture.means, mix.means, rtol=1e-12)
    assert np.allclose(fitted.mixture.covariances, mix.covariances, rtol=1e-11)


@each_type
@pytest.mark.parametrize("move", [1.0, 100.0])
def test_single_precision_rows(covariance_type: str, move: float) -> None:
    """float32 rows give responsibilities with errors of their log-densities' bound, and sums that are float32 over at
    most 128 rows: together `digits`, of the distances to the old mean, up to `move` + 1 standard deviations."""
    p = problem(covariance_type, move, offset=1.0)
    rows = p.x.astype(np.float32)
    scores = p.before.exact.at(rows, 2.0**-24)
    digits = float(2 * scores.log_responsibilities_error.max()) + 136 * 2.0**-24
    truth = em_step(p.before.exact, rows)
    assert_step(accumulated(p.before.mixture(), rows).maximize(), truth, digits=4 * digits * (1 + move))


def test_a_step_wrong_in_the_twelfth_digit_would_fail() -> None:
    p = problem("full", 1.0)
    step = accumulated(p.before.mixture(), p.x).maximize()
    for off in (1e-11, -1e-11):
        wrong = gaussmix.Mixture(step.weights, step.means, step.covariances * (1 + off))
        with pytest.raises(AssertionError, match="covariances"):
            assert_step(wrong, p.step)


def test_sums_about_the_old_mean_would_fail() -> None:
    """E[d²] − E[d]² about a mean 10⁴ standard deviations away: what a single centering leaves."""
    p = problem("diag", 1e4)
    gamma = p.before.mixture().responsibilities(p.x)
    covariances = np.empty((K, D))
    for k in range(K):
        d = p.x - p.before.means[k]
        first = gamma[:, k] @ d / gamma[:, k].sum()
        covariances[k] = gamma[:, k] @ d**2 / gamma[:, k].sum() - first**2
    step = accumulated(p.before.mixture(), p.x).maximize()
    wrong = gaussmix.Mixture(step.weights, step.means, covariances, "diag")
    with pytest.raises(AssertionError, match="covariances"):
        assert_step(wrong, p.step)


def test_reference_step_by_hand() -> None:
    """Guards the reference itself: two rows, one component."""
    step = sample_moments(np.array([[1.0], [4.0]]), "full", np.array([2.0, 1.0]))
    assert step.means[0, 0] == 2
    assert step.covariances[0, 0, 0] == 2
    assert abs(step.weights[0] - 1) < mp.mpf(10) ** -45
