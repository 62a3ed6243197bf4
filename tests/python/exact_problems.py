"""Mixtures and rows that stay exact under translation, integer maps and powers of two, and how far results may differ.

Means and X lie on a grid of eighths and covariances are integers, so that both sides of a property answer the same
question in float64, and differ by no more than the two errors that the library itself is allowed.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import gaussmix
import numpy as np
import numpy.typing as npt
from hypothesis import settings
from hypothesis import strategies as st

Array = npt.NDArray[Any]
Floats = npt.NDArray[np.float64]

COVARIANCE_TYPES = ("full", "tied", "diag", "spherical", "tied_diag", "tied_spherical")
INITS = ("kmeans", "k-means++", "random", "random_from_data")
U = 2.0**-53  # unit roundoff

few = settings(derandomize=True, deadline=None, database=None, max_examples=10)
many = settings(few, max_examples=40)
types = st.sampled_from(COVARIANCE_TYPES)
seeds = st.integers(0, 2**32 - 1)


@dataclass(frozen=True)
class Problem:
    """Parameters, rows drawn near their components, and integer weights, all exact in float64."""

    covariance_type: str
    weights: Floats
    means: Floats  # (K, D), eighths
    covariances: Floats  # in the layout of covariance_type, integers
    x: Floats  # (N, D), eighths

    @property
    def mixture(self) -> gaussmix.Mixture:
        return gaussmix.Mixture(self.weights, self.means, self.covariances, self.covariance_type)

    @property
    def k(self) -> int:
        return len(self.weights)

    @property
    def d(self) -> int:
        return int(self.means.shape[1])


def covariances_of(rng: np.random.Generator, covariance_type: str, k: int, d: int) -> Floats:
    """Integers: M Mᵀ + 1 for matrices, which is positive definite whatever M."""
    shapes = {"spherical": (k,), "diag": (k, d), "tied_diag": (d,), "tied_spherical": (1,)}
    if covariance_type in shapes:
        return rng.integers(1, 10, shapes[covariance_type]).astype(float)
    m = rng.integers(-2, 3, (1 if covariance_type == "tied" else k, d, d)).astype(float)
    sigma: Floats = m @ m.transpose(0, 2, 1) + np.eye(d)
    return sigma[0] if covariance_type == "tied" else sigma


def full_covariances(mixture: gaussmix.Mixture) -> Floats:
    """Σ_k as matrices, (K, D, D), for any structure."""
    k, d = mixture.n_components, mixture.n_features
    sigma = np.asarray(mixture.covariances)
    if mixture.covariance_type == "full":
        return sigma
    if mixture.covariance_type == "tied":
        return np.broadcast_to(sigma, (k, d, d))
    if "tied" in mixture.covariance_type:
        sigma = np.broadcast_to(sigma, (k, sigma.size))
    variances = np.broadcast_to(sigma.reshape(k, -1), (k, d))
    return variances[:, :, None] * np.eye(d)


def make_problem(seed: int, covariance_type: str, n: int, d: int, k: int, spread: int = 8) -> Problem:
    """`spread`: means lie in ± that many units; standard deviations are a few units."""
    rng = np.random.default_rng(seed)
    counts = rng.integers(1, 10, k)
    means = rng.integers(-8 * spread, 8 * spread + 1, (k, d)) / 8
    covariances = covariances_of(rng, covariance_type, k, d)
    parameters = Problem(covariance_type, counts / counts.sum(), means, covariances, np.zeros((0, d)))
    factors = np.linalg.cholesky(full_covariances(parameters.mixture))
    z = np.arange(n) % k  # every component gets its rows
    noise = np.einsum("nij,nj->ni", factors[z], rng.standard_normal((n, d)))
    return Problem(covariance_type, parameters.weights, means, covariances, means[z] + np.round(8 * noise) / 8)


@st.composite
def problems(draw: st.DrawFn, max_features: int = 5, rows_a_parameter: int = 1) -> Problem:
    """Small problems; `rows_a_parameter` rows for each component and feature, so that an M-step has full rank."""
    d, k = draw(st.integers(1, max_features)), draw(st.integers(1, 5))
    n = draw(st.integers(1, 60)) + rows_a_parameter * k * (d + 1)
    return make_problem(draw(seeds), draw(types), n, d, k, draw(st.sampled_from([2, 8, 40])))


#: For M-steps: at least six rows for each parameter of a mean.
step_problems = problems(max_features=4, rows_a_parameter=6)


def bits(array: npt.ArrayLike) -> tuple[str, tuple[int, ...], bytes]:
    a = np.asarray(array)
    return a.dtype.str, a.shape, a.tobytes()


def log_normal_bound(mixture: gaussmix.Mixture, x: Floats) -> Floats:
    """Allowed error of log N(x_i | k), (N, K): with d = x − μ and v = Σ⁻¹d it is
    64u · [½(|v|ᵀ|Σ||v| + 2|v|ᵀ|d| + Σ_ij |Σ⁻¹ ∘ Σ|_ij + 2 Σ_j |log L_jj| + D log 2π)],
    first order in the rounding of Σ, of d and of the terms of the normalization."""
    columns = []
    for mean, sigma in zip(np.asarray(mixture.means), full_covariances(mixture), strict=True):
        d = x - mean
        inverse = np.linalg.inv(sigma)
        v, size = np.abs(d @ inverse), np.abs(sigma)
        log_l = np.log(np.diag(np.linalg.cholesky(sigma)))
        constant = np.abs(inverse * sigma).sum() + 2 * np.abs(log_l).sum() + len(mean) * math.log(2 * math.pi)
        columns.append(np.einsum("ni,ij,nj->n", v, size, v) + 2 * (v * np.abs(d)).sum(1) + constant)
    return 32 * U * np.stack(columns, axis=1)


def log_prob_bound(mixture: gaussmix.Mixture, x: Floats) -> Floats:
    """Allowed error of log p, (N,): errors of log N enter by γ; K exponentials, K additions, the terms left out as
    below u and one logarithm are another 4K + 8 roundings of the sum; the last additions round log p itself."""
    rounding = 4 * mixture.n_components + 8 + 2 * np.abs(mixture.log_prob(x))
    bound: Floats = (mixture.responsibilities(x) * log_normal_bound(mixture, x)).sum(1) + rounding * U
    return bound


def log_likelihood_bound(mixture: gaussmix.Mixture, x: Floats, w: npt.ArrayLike = 1.0) -> float:
    """Allowed error of Σ w log p: those of its terms, and N roundings of the sum of their sizes."""
    weight = np.asarray(w)
    size = weight * np.abs(mixture.log_prob(x))
    return float((weight * log_prob_bound(mixture, x)).sum() + U * len(x) * size.sum())


def step(mixture: gaussmix.Mixture, x: Array, w: npt.ArrayLike | None = None) -> gaussmix.Mixture:
    """One EM step."""
    stats = gaussmix.Statistics(mixture)
    stats.accumulate(x, w)
    return stats.maximize()


def deviations(mixture: gaussmix.Mixture) -> Floats:
    """Standard deviations, (K, D)."""
    variances: Floats = np.einsum("kii->ki", full_covariances(mixture))
    return np.sqrt(variances)


def step_bound(mixture: gaussmix.Mixture, x: Floats, w: Floats | None = None) -> Floats:
    """Allowed error of a component's n_k relatively, of its mean in its new standard deviations and of its scatter in
    their products, (K,).

    An error e_ik of log N changes γ_ik by at most γ_ik (e_ik + Σ_l γ_il e_il). A row counts by 1, z and z² in the
    three sums, z its distance in standard deviations, so (1 + z)² is no less than each. The sums may run about the old
    mean as long as it is within 8 of them, so z grows by that move. There are N roundings of the sums, and 8K + 64 of
    forming γ and the products."""
    after = step(mixture, x, w)
    gamma, error = mixture.responsibilities(x), log_normal_bound(mixture, x)
    relative = error + (gamma * error).sum(1, keepdims=True) + (len(x) + 8 * mixture.n_components + 64) * U
    weighted = gamma if w is None else gamma * w[:, None]
    std, means = deviations(after), np.asarray(after.means)
    move = np.minimum(8, np.abs(means - mixture.means) / std)
    z = (np.abs(x[:, None] - means) / std + move).max(2)
    bound: Floats = (weighted * relative * (1 + z) ** 2).sum(0) / weighted.sum(0)
    return bound


def assert_within(actual: npt.ArrayLike, expected: npt.ArrayLike, bound: npt.ArrayLike) -> None:
    error = np.abs(np.asarray(actual, float) - np.asarray(expected, float))
    assert error.shape == np.shape(expected)
    worst = np.max(error / np.broadcast_to(bound, error.shape), initial=0.0)
    assert worst <= 1, f"{worst:.3g} times the bound"


def assert_same_step(
    actual: gaussmix.Mixture, expected: gaussmix.Mixture, bound: Floats, mean_rounding: float = 0.0
) -> None:
    """The parameters of two M-steps, each with errors of `bound`; `mean_rounding` is what writing down a mean costs."""
    std = deviations(expected)
    # n_k / Σ n and the covariance of a component have the errors of two sums, a tied covariance those of all scatters.
    scatter = np.full_like(bound, bound.sum()) if "tied" in expected.covariance_type else bound
    product = std[:, :, None] * std[:, None, :]
    assert_within(actual.weights, expected.weights, 2 * (bound + bound.sum()) * expected.weights)
    assert_within(actual.means, expected.means, 4 * bound[:, None] * std + mean_rounding)
    assert_within(full_covariances(actual), full_covariances(expected), 4 * scatter[:, None, None] * product)
