"""Mixtures and rows at which evaluations of a Gaussian mixture go wrong."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache, cached_property
from typing import Any

import gaussmix
import numpy as np
import numpy.typing as npt
from reference import UNIT_ROUNDOFF, ExactMixture, ExactScores

Array = npt.NDArray[np.float64]
Rows = npt.NDArray[np.floating[Any]]
COVARIANCE_TYPES = ("full", "tied", "diag", "spherical", "tied_diag", "tied_spherical")


@dataclass(frozen=True, eq=False)
class Parameters:
    weights: Array  # (K,)
    means: Array  # (K, D)
    covariances: Array  # in the layout of covariance_type
    covariance_type: str

    def mixture(self) -> gaussmix.Mixture:
        return gaussmix.Mixture(self.weights, self.means, self.covariances, self.covariance_type)

    @cached_property
    def exact(self) -> ExactMixture:
        return ExactMixture(self.weights, self.means, self.covariances, self.covariance_type)


@dataclass(frozen=True, eq=False)
class Case:
    name: str
    parameters: Parameters
    x: Rows  # (N, D), float64 or float32

    @property
    def u(self) -> float:
        """Unit roundoff of the arithmetic that x is evaluated in."""
        return UNIT_ROUNDOFF[self.x.dtype]

    @cached_property
    def exact(self) -> ExactScores:
        return self.parameters.exact.at(self.x, self.u)

    def __str__(self) -> str:
        return f"{self.parameters.covariance_type}: {self.name}"


def correlation(rng: np.random.Generator, d: int, condition: float) -> Array:
    """A random (D, D) matrix of unit diagonal; its condition number is about `condition`."""
    q, _ = np.linalg.qr(rng.normal(size=(d, d)))
    a: Array = (q * np.geomspace(1.0, 1.0 / condition, d)) @ q.T
    a = (a + a.T) / 2
    std = np.sqrt(np.diag(a))
    a = a / np.outer(std, std)
    np.fill_diagonal(a, 1.0)
    return a


def make_case(
    name: str,
    covariance_type: str,
    d: int = 3,
    k: int = 3,
    *,
    n: int = 6,
    offset: float = 0.0,
    scale: npt.ArrayLike = 1.0,
    condition: float = 10.0,
    spread: float = 2.0,
    distance: float = 1.5,
) -> Case:
    """K components about `offset` standard deviations from 0, their means `spread` apart; N rows, each drawn from a
    component widened by `distance`. Lengths are in units of `scale`, the standard deviation, one or one a feature."""
    rng = np.random.default_rng(zlib.crc32(f"{name} {covariance_type}".encode()))
    scales = np.broadcast_to(np.asarray(scale, dtype=np.float64), (d,))
    means = scales * (offset + spread * rng.normal(size=(k, d)))
    weights = rng.dirichlet(np.full(k, 5.0))
    widths = rng.uniform(0.5, 1.5, size=k)
    z = rng.integers(k, size=n)
    noise = distance * rng.normal(size=(n, d))
    if covariance_type in ("full", "tied"):
        units = np.stack([w * correlation(rng, d, condition) for w in widths])
        noise = np.stack([np.linalg.cholesky(units[j]) @ e for j, e in zip(z, noise, strict=True)])
        covariances = (units if covariance_type == "full" else units[0]) * np.outer(scales, scales)
    elif covariance_type in ("diag", "tied_diag"):
        covariances = rng.uniform(0.5, 1.5, size=(k, d)) * scales**2
    else:
        covariances = widths * scales[0] ** 2
    if covariance_type == "tied_diag":
        covariances = covariances[0]
    if covariance_type == "tied_spherical":
        covariances = covariances[:1]
    parameters = Parameters(weights / weights.sum(), means, covariances, covariance_type)
    return Case(name, parameters, means[z] + scales * noise)


def in_single_precision(case: Case) -> Case:
    """The same parameters with X rounded to float32, whose values are then the exact ones."""
    return Case(f"{case.name}, float32", case.parameters, case.x.astype(np.float32))


def _of_every_range(covariance_type: str) -> Iterator[Case]:
    """What only float64 can hold."""
    for offset in (1e8, 1e12):
        yield make_case(f"offset {offset:g}", covariance_type, offset=offset)
    for exponent in (-150, 150):
        yield make_case(f"scale 1e{exponent}", covariance_type, scale=10.0**exponent)
        yield make_case(f"scale 1e{exponent} at offset 1e8", covariance_type, d=1, scale=10.0**exponent, offset=1e8)
    if "spherical" not in covariance_type:
        yield make_case("scales 1e-150 to 1e150", covariance_type, d=7, scale=np.geomspace(1e-150, 1e150, 7))
    yield make_case("all densities underflow", covariance_type, distance=1e6)


def _of_both_precisions(covariance_type: str) -> Iterator[Case]:
    """What float32 can hold too."""
    for offset in (0.0, 1e4, 1e6):
        yield make_case(f"offset {offset:g}", covariance_type, offset=offset)
    for exponent in (-15, 15):
        yield make_case(f"scale 1e{exponent}", covariance_type, scale=10.0**exponent)
    if "spherical" not in covariance_type:
        yield make_case("scales 1e-12 to 1e12", covariance_type, d=5, scale=np.geomspace(1e-12, 1e12, 5))
    if covariance_type in ("full", "tied"):
        yield make_case("condition 1e12", covariance_type, d=6, condition=1e12)
        yield make_case("condition 1e6 at offset 1e4", covariance_type, d=6, condition=1e6, offset=1e4)
    yield make_case("all densities underflow in float32", covariance_type, distance=1e3)
    yield make_case("means far apart", covariance_type, spread=100.0)
    for d in (1, 2, 4, 5, 8, 13, 17, 33, 64):
        yield make_case(f"D = {d}", covariance_type, d=d, k=2, n=3, condition=100.0, spread=0.5, distance=1.0)
    for k in (1, 2, 7, 8, 9, 33, 100):
        yield make_case(f"K = {k}", covariance_type, d=2, k=k, n=4)
    yield _with_weights(make_case("weights 0", covariance_type, k=4), [0.0, 0.25, 0.0, 0.75])
    yield _with_weights(make_case("weight 1", covariance_type, k=3), [0.0, 1.0, 0.0])
    yield _with_weights(make_case("weight 1e-300", covariance_type, k=2, spread=20.0, n=12), [1e-300, 1.0])


def _with_weights(case: Case, weights: list[float]) -> Case:
    return replace(case, parameters=replace(case.parameters, weights=np.array(weights)))


@cache
def hard_cases() -> tuple[Case, ...]:
    """Every case for every covariance type, in float64 and, where it can hold them, float32."""
    cases = []
    for covariance_type in COVARIANCE_TYPES:
        shared = list(_of_both_precisions(covariance_type))
        cases += [*_of_every_range(covariance_type), *shared, *map(in_single_precision, shared)]
    return tuple(cases)
