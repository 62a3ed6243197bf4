"""Positive semi-definite covariances: the density on the support, −inf off it, an error for who did not ask for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import gaussmix
import numpy as np
import numpy.typing as npt
import pytest
from reference import UNIT_ROUNDOFF, Exact, Shape, assert_within, cholesky, exact, inverse_lower, log, matmul, mp

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Degenerate:
    """N(μ, F Fᵀ) with F (D, r) of full column rank: x = μ + F z with z standard normal. Integers keep Σ and x exact."""

    mean: Array  # (D,)
    factor: Array  # (D, r)

    @property
    def covariance(self) -> Array:
        return self.factor @ self.factor.T

    def points(self, z: Array) -> Array:
        """The points of the support at coordinates z, (N, r)."""
        return self.mean + z @ self.factor.T

    def log_prob(self, z: Array) -> Exact:
        """log of the density with respect to the support's own volume: det(FᵀF) is the pseudo-determinant of Σ."""
        rank = self.factor.shape[1]
        constant = self._log_pseudo_determinant + rank * mp.log(2 * mp.pi)
        return -((exact(z) ** 2).sum(axis=1) + constant) / 2

    def error(self, z: Array, u: float) -> Exact:
        """The bound of a regular density on `rank` features that determine the rest, and the same for det(FᵀF)."""
        rows = self._pivots()
        shape = Shape.of(exact(self.covariance[np.ix_(rows, rows)]))
        gram = self._gram
        inverse = inverse_lower(cholesky(gram))
        determinant = abs(matmul(inverse.T, inverse) * gram).sum() + abs(self._log_pseudo_determinant)
        return 64 * u * (shape.condition(exact(z @ self.factor[rows].T)) + determinant / 2)

    @property
    def _gram(self) -> Exact:
        return matmul(exact(self.factor.T), exact(self.factor))

    @property
    def _log_pseudo_determinant(self) -> Any:
        return 2 * log(np.diag(cholesky(self._gram))).sum()

    def _pivots(self) -> list[int]:
        """Features in the order of a diagonally pivoted Cholesky factorization of the correlations."""
        std = np.sqrt(np.diag(self.covariance))
        rest = self.covariance / np.outer(std, std)
        pivots: list[int] = []
        for _ in range(self.factor.shape[1]):
            j = int(np.argmax(np.diag(rest)))
            pivots.append(j)
            rest = rest - np.outer(rest[:, j], rest[j]) / rest[j, j]
        return pivots


def degenerate(d: int, rank: int, *, offset: float = 0.0, scale: npt.ArrayLike = 1.0) -> Degenerate:
    """Random small integers, times a power of two per feature."""
    rng = np.random.default_rng(100 * d + rank)
    while True:
        factor = rng.integers(-3, 4, size=(d, rank)).astype(np.float64)
        if np.linalg.matrix_rank(factor) == rank and np.all(np.abs(factor).sum(axis=1) > 0):
            break
    scales = np.broadcast_to(np.asarray(scale, dtype=np.float64), (d,))
    return Degenerate(scales * (offset + rng.integers(-9, 10, size=d)), scales[:, None] * factor)


def coordinates(rank: int, n: int = 5) -> Array:
    """Eighths: exact in every sum that follows."""
    return np.random.default_rng(rank).integers(-24, 25, size=(n, rank)) / 8.0


SINGULAR = {
    "D = 2, rank 1": degenerate(2, 1),
    "D = 3, rank 2": degenerate(3, 2),
    "D = 6, rank 3": degenerate(6, 3),
    "D = 9, rank 8": degenerate(9, 8),
    "D = 17, rank 5": degenerate(17, 5),
    "offset 2**27": degenerate(4, 2, offset=2.0**27),
    "scales 2**-30 to 2**30": degenerate(4, 2, scale=2.0 ** np.array([-30, -10, 10, 30])),
    "scale 2**-480": degenerate(4, 3, scale=2.0**-480),
    "scale 2**480": degenerate(4, 3, scale=2.0**480),
}
each_singular = pytest.mark.parametrize("normal", SINGULAR.values(), ids=SINGULAR.keys())


def single(normal: Degenerate, covariance_type: str = "full") -> gaussmix.Mixture:
    covariances = normal.covariance if covariance_type == "tied" else normal.covariance[None]
    return gaussmix.Mixture([1.0], normal.mean[None], covariances, covariance_type, allow_singular=True)


@each_singular
@pytest.mark.parametrize("covariance_type", ["full", "tied"])
def test_density_on_the_support(normal: Degenerate, covariance_type: str) -> None:
    z = coordinates(normal.factor.shape[1])
    mix = single(normal, covariance_type)
    assert list(mix.rank) == [normal.factor.shape[1]]
    assert_within("log_prob", mix.log_prob(normal.points(z)), normal.log_prob(z), normal.error(z, 2.0**-53))


@pytest.mark.parametrize("name", ["D = 2, rank 1", "D = 3, rank 2", "D = 6, rank 3", "D = 17, rank 5"])
def test_density_on_the_support_in_single_precision(name: str) -> None:
    normal = SINGULAR[name]
    z = coordinates(normal.factor.shape[1])
    x = normal.points(z).astype(np.float32)
    error = normal.error(z, UNIT_ROUNDOFF[x.dtype])
    assert_within("log_prob", single(normal).log_prob(x), normal.log_prob(z), error)


@each_singular
def test_rounded_points_are_on_the_support(normal: Degenerate) -> None:
    """Rounding of x and of its coordinates is within 64 u of the terms that membership compares."""
    z = np.random.default_rng(3).normal(size=(20, normal.factor.shape[1]))
    assert np.isfinite(single(normal).log_prob(normal.points(z))).all()


@each_singular
def test_nothing_off_the_support(normal: Degenerate) -> None:
    """A thousandth of a standard deviation along each direction that the support does not contain."""
    z = coordinates(normal.factor.shape[1], n=1)
    std = np.sqrt(np.diag(normal.covariance))
    across = np.linalg.svd(normal.factor / std[:, None])[0][:, normal.factor.shape[1] :].T * std
    result = single(normal).log_prob(normal.points(z) + 1e-3 * across)
    assert np.array_equal(result, np.full(len(across), -np.inf))


@each_singular
def test_refused_unless_asked_for(normal: Degenerate) -> None:
    means = np.stack([normal.mean, normal.mean])
    covariances = np.stack([np.diag(np.diag(normal.covariance)), normal.covariance])
    with pytest.raises(gaussmix.NumericalError, match=rf"(?s)\b1\b.*rank {normal.factor.shape[1]}\b.*allow_singular"):
        gaussmix.Mixture([0.5, 0.5], means, covariances)


def test_zero_variances_of_diag() -> None:
    """The degenerate features must match to 64 u of the terms; the rest is the density of the others."""
    mix = gaussmix.Mixture([1.0], [[1.0, 2.0, 3.0]], [[4.0, 0.0, 9.0]], "diag", allow_singular=True)
    regular = gaussmix.Mixture([1.0], [[1.0, 3.0]], [[4.0, 9.0]], "diag")
    assert list(mix.rank) == [2]
    x = np.array([[0.5, 2.0, 7.0], [0.5, 2.0 + 1e-12, 7.0]])
    assert mix.log_prob(x)[0] == pytest.approx(regular.log_prob(x[:, [0, 2]])[0], rel=1e-15)
    assert mix.log_prob(x)[1] == -np.inf


POINT_MASSES = {
    "full": np.zeros((2, 2, 2)),
    "tied": np.zeros((2, 2)),
    "diag": np.zeros((2, 2)),
    "spherical": np.zeros(2),
}


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("covariance_type", POINT_MASSES)
def test_point_masses(covariance_type: str, dtype: type[np.floating]) -> None:
    """Σ = 0: log-density 0 on the point, −inf elsewhere; off every point γ = π."""
    weights = np.array([0.25, 0.75])
    means = np.array([[0.0, 1.0], [2.0, 3.0]])
    mix = gaussmix.Mixture(weights, means, POINT_MASSES[covariance_type], covariance_type, allow_singular=True)
    x = np.array([[0.0, 1.0], [2.0, 3.0], [2.0, 1.0]], dtype=dtype)
    inf = np.inf
    assert list(mix.rank) == [0, 0]
    assert np.array_equal(mix.component_log_prob(x), [[0, -inf], [-inf, 0], [-inf, -inf]])
    assert np.allclose(mix.log_prob(x), [np.log(0.25), np.log(0.75), -inf], rtol=1e-6 if dtype is np.float32 else 1e-15)
    assert np.array_equal(mix.responsibilities(x), np.array([[1, 0], [0, 1], weights], dtype=dtype))
    assert np.array_equal(mix.predict(x), [0, 1, 1])
    assert not np.isnan(mix.log_responsibilities(x)).any()


def test_supports_that_cross() -> None:
    """Two lines in the plane, the axes: a point belongs to its line, the crossing to both, the rest to neither."""
    covariances = np.array([[[4.0, 0.0], [0.0, 0.0]], [[0.0, 0.0], [0.0, 1.0]]])
    mix = gaussmix.Mixture([0.5, 0.5], np.zeros((2, 2)), covariances, allow_singular=True)
    x = np.array([[3.0, 0.0], [0.0, 3.0], [0.0, 0.0], [1.0, 1.0]])
    expected = [[1.0, 0.0], [0.0, 1.0], [1 / 3, 2 / 3], [0.5, 0.5]]
    assert np.allclose(mix.responsibilities(x), expected, rtol=0, atol=8 * 2.0**-53)
    assert mix.log_prob(x)[3] == -np.inf


@pytest.mark.parametrize("verb", ["log_prob", "responsibilities", "log_responsibilities", "predict", "log_likelihood"])
def test_unequal_ranks_have_no_common_measure(verb: str) -> None:
    mix = gaussmix.Mixture([0.5, 0.5], np.zeros((2, 2)), [[1.0, 0.0], [1.0, 1.0]], "diag", allow_singular=True)
    x = np.array([[1.0, 0.0], [1.0, 1.0]])
    with pytest.raises(gaussmix.NumericalError, match="rank"):
        getattr(mix, verb)(x)


def test_unequal_ranks_have_component_densities() -> None:
    mix = gaussmix.Mixture([0.5, 0.5], np.zeros((2, 2)), [[1.0, 0.0], [1.0, 1.0]], "diag", allow_singular=True)
    assert list(mix.rank) == [1, 2]
    log_2_pi = np.log(2 * np.pi)
    expected = [[-0.5 - log_2_pi / 2, -0.5 - log_2_pi], [-np.inf, -1.0 - log_2_pi]]
    result = mix.component_log_prob(np.array([[1.0, 0.0], [1.0, 1.0]]))
    assert np.allclose(result, expected, rtol=1e-15)


@pytest.mark.parametrize("small", [1e-24, 1e-300])
def test_unequal_scales_are_not_singular(small: float) -> None:
    """Rank is decided on the unit-diagonal-scaled matrix."""
    mix = gaussmix.Mixture([1.0], np.zeros((1, 2)), [[[small, 0.0], [0.0, 1.0]]])
    assert list(mix.rank) == [2]


@pytest.mark.parametrize("allow_singular", [False, True])
def test_indefinite_is_always_refused(allow_singular: bool) -> None:
    with pytest.raises(gaussmix.NumericalError, match=r"indefinite|positive"):
        gaussmix.Mixture([1.0], np.zeros((1, 2)), [[[1.0, 2.0], [2.0, 1.0]]], allow_singular=allow_singular)
