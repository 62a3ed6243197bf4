"""Gaussian mixtures in 50-digit arithmetic: the truth that the library is held against, and how far it may be from it.

Arrays are NumPy arrays of mpmath numbers; every float goes in exactly. The formulas are the textbook's (Bishop 2006,
eqs. 2.43, 9.7, 9.13, 9.24 to 9.26), written down for the reader, not for speed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import mpmath
import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating[Any]]
Exact = npt.NDArray[Any]

mp = mpmath.MPContext()
mp.dps = 50

#: Unit roundoff of the two row types.
UNIT_ROUNDOFF = {np.dtype(np.float32): 2.0**-24, np.dtype(np.float64): 2.0**-53}


def _elementwise(function: Callable[[Any], Any]) -> Callable[[Exact], Exact]:
    lifted = np.frompyfunc(function, 1, 1)
    return lambda a: np.asarray(lifted(a), dtype=object)


exact = _elementwise(lambda value: mp.mpf(float(value)))
log = _elementwise(lambda value: mp.log(value) if value > 0 else -mp.inf)
exp = _elementwise(mp.exp)
sqrt = _elementwise(mp.sqrt)


def matmul(a: Exact, b: Exact) -> Exact:
    """a b for matrices or vectors, each element rounded once; several times faster than `@`."""
    rows, columns = np.atleast_2d(a).tolist(), np.atleast_2d(b.T).tolist()
    product = np.array([[mp.fdot(row, column) for column in columns] for row in rows], dtype=object)
    return product.reshape(a.shape[:-1] + b.shape[1:])


def log_sum_exp(a: Exact) -> Exact:
    """log Σ_k exp a_k along the last axis; every row has a finite entry."""
    top = a.max(axis=-1, keepdims=True)
    return top[..., 0] + log(exp(a - top).sum(axis=-1))


def cholesky(a: Exact) -> Exact:
    """Lower L with L Lᵀ = a, (D, D) positive definite."""
    d = len(a)
    lower = exact(np.zeros((d, d)))
    for j in range(d):
        lower[j, j] = mp.sqrt(a[j, j] - mp.fdot(lower[j, :j], lower[j, :j]))
        for i in range(j + 1, d):
            lower[i, j] = (a[i, j] - mp.fdot(lower[i, :j], lower[j, :j])) / lower[j, j]
    return lower


def inverse_lower(lower: Exact) -> Exact:
    """L⁻¹ of a lower triangle, (D, D)."""
    d = len(lower)
    inverse = exact(np.zeros((d, d)))
    for j in range(d):
        inverse[j, j] = 1 / lower[j, j]
        for i in range(j + 1, d):
            inverse[i, j] = -mp.fdot(lower[i, j:i], inverse[j:i, j]) / lower[i, i]
    return inverse


@dataclass(frozen=True)
class Shape:
    """Σ = L Lᵀ in the forms that a density and its error bound read."""

    sigma: Exact  # (D, D), or the variances (D,)
    whiten: Exact  # L⁻¹, (D, D) or (D,)
    precision: Exact  # Σ⁻¹, (D, D) or (D,)
    log_diagonal: Exact  # log L_jj, (D,)

    @classmethod
    def of(cls, sigma: Exact) -> Shape:
        if sigma.ndim == 1:
            return cls(sigma, 1 / sqrt(sigma), 1 / sigma, log(sigma) / 2)
        lower = cholesky(sigma)
        whiten = inverse_lower(lower)
        return cls(sigma, whiten, matmul(whiten.T, whiten), log(np.diag(lower)))

    @property
    def log_norm(self) -> Any:
        """log N at the mean."""
        return -self.log_diagonal.sum() - len(self.log_diagonal) * mp.log(2 * mp.pi) / 2

    def log_prob(self, d: Exact) -> Exact:
        """log N of differences d = x − μ, (N, D)."""
        y = _apply(self.whiten, d)
        return self.log_norm - (y * y).sum(axis=1) / 2

    def condition(self, d: Exact) -> Exact:
        """What a relative error u in each of Σ and d may change log N by, in units of u, (N,):
        ½ (|v|ᵀ|Σ||v| + 2 |v|ᵀ|d| + Σ_ij |Σ⁻¹ ∘ Σ|_ij + 2 Σ_j |log L_jj| + D log 2π), v = Σ⁻¹ d."""
        v = abs(_apply(self.precision, d))
        quadratic = (v * _apply(abs(self.sigma), v)).sum(axis=1)
        linear = (v * abs(d)).sum(axis=1)
        constant = abs(self.precision * self.sigma).sum() + 2 * abs(self.log_diagonal).sum()
        return (quadratic + 2 * linear + constant + d.shape[1] * mp.log(2 * mp.pi)) / 2


def _apply(operator: Exact, d: Exact) -> Exact:
    """A d for each row of d, A given as a matrix or as its diagonal."""
    return d * operator if operator.ndim == 1 else matmul(d, operator.T)


def shapes(covariances: Floats, covariance_type: str, n_components: int, n_features: int) -> list[Shape]:
    """Σ_1 … Σ_K from the library's layout of them."""
    if covariance_type == "tied_spherical":
        covariances = np.repeat(covariances, n_features)
    if covariance_type.startswith("tied"):
        return [Shape.of(exact(covariances))] * n_components
    if covariance_type == "spherical":
        covariances = np.repeat(covariances[:, None], n_features, axis=1)
    return [Shape.of(exact(c)) for c in covariances]


class ExactMixture:
    """p(x) = Σ_k π_k N(x | μ_k, Σ_k) with float64 parameters, and the allowed error of each of its values.

    `u` is the unit roundoff of the arithmetic that is judged. 64 u times `Shape.condition` is what a careful evaluation
    of log N by a Cholesky factor needs at most, the constants of every step included; it usually takes 2 of the 64.
    """

    def __init__(self, weights: Floats, means: Floats, covariances: Floats, covariance_type: str) -> None:
        self.weights = exact(weights)
        self.means = exact(means)
        self.shapes = shapes(covariances, covariance_type, *np.shape(means))
        self.covariance_type = covariance_type

    def at(self, x: Floats, u: float) -> ExactScores:
        """Everything there is to say about rows x, (N, D)."""
        return ExactScores(self, exact(x), u)


@dataclass(frozen=True, eq=False)
class ExactScores:
    """Values for N rows and K components; each `…_error` bounds what may separate a computed value from them."""

    mixture: ExactMixture
    x: Exact  # (N, D)
    u: float

    @cached_property
    def component_log_prob(self) -> Exact:
        return self._each_component(Shape.log_prob)

    @cached_property
    def component_error(self) -> Exact:
        return 64 * self.u * self._each_component(Shape.condition)

    def _each_component(self, value: Callable[[Shape, Exact], Exact]) -> Exact:
        m = self.mixture
        columns = [value(shape, self.x - mean) for shape, mean in zip(m.shapes, m.means, strict=True)]
        return np.stack(columns, axis=1)

    @property
    def log_weights(self) -> Exact:
        """(K,), −inf for weight 0."""
        return log(self.mixture.weights)

    @cached_property
    def log_joint(self) -> Exact:
        return self.component_log_prob + self.log_weights

    @cached_property
    def joint_error(self) -> Exact:
        """One logarithm, one addition more."""
        finite = np.where(self.log_weights == -mp.inf, mp.zero, abs(self.log_weights))
        return self.component_error + 4 * self.u * finite

    @cached_property
    def log_prob(self) -> Exact:
        return log_sum_exp(self.log_joint)

    @cached_property
    def log_prob_error(self) -> Exact:
        """Errors e_k of the joint terms change log Σ exp t_k by at most log Σ γ_k exp |e_k|. Each of the K exponentials
        and additions, the terms left out as below u, the logarithm and the last addition are rounded."""
        spread = log_sum_exp(self.log_joint + self.joint_error) - self.log_prob
        return spread + self._softmax_rounding + 2 * self.u * abs(self.log_prob)

    @cached_property
    def log_responsibilities(self) -> Exact:
        return self.log_joint - self.log_prob[:, None]

    @cached_property
    def log_responsibilities_error(self) -> Exact:
        """As both terms of the difference, which itself is rounded."""
        values = self.log_responsibilities
        finite = np.where(values == -mp.inf, mp.zero, abs(values))
        return self.joint_error + self.log_prob_error[:, None] + 2 * self.u * finite

    @cached_property
    def responsibilities(self) -> Exact:
        return exp(self.log_responsibilities)

    @cached_property
    def responsibilities_error(self) -> Exact:
        """γ (exp e − 1) for an error e of log γ, at most 1; what is below the smallest normal number may be flushed."""
        smallest = float(np.finfo(np.float32 if self.u > 1e-10 else np.float64).tiny)
        grown = exp(self.log_responsibilities + self.log_responsibilities_error)
        rounding = self._softmax_rounding * self.responsibilities
        return np.minimum(grown - self.responsibilities + rounding, mp.one) + smallest

    @property
    def _softmax_rounding(self) -> float:
        return (self.log_joint.shape[1] + 8) * self.u


@dataclass(frozen=True)
class ExactStep:
    """The parameters that one EM step leads to, and the log-likelihood before it."""

    weights: Exact  # (K,)
    means: Exact  # (K, D)
    covariances: Exact  # in the layout of the mixture's type
    log_likelihood: Any


def em_step(mixture: ExactMixture, x: Floats, sample_weight: Floats | None = None) -> ExactStep:
    """One E-step and one M-step (Bishop 2006, section 9.2.2)."""
    scores = mixture.at(x, u=0.0)
    w = exact(np.ones(len(x)) if sample_weight is None else sample_weight)
    gamma = w[:, None] * scores.responsibilities
    moments = [weighted_moments(exact(x), g) for g in gamma.T]
    n = gamma.sum(axis=0)
    means, covariances = (np.stack(parts) for parts in zip(*moments, strict=True))
    return ExactStep(
        n / n.sum(), means, structured(covariances, n, mixture.covariance_type), (w * scores.log_prob).sum()
    )


def weighted_moments(x: Exact, w: Exact) -> tuple[Exact, Exact]:
    """The mean, (D,), and the covariance, (D, D), of rows x with weights w."""
    total = w.sum()
    mean = matmul(w, x) / total
    d = x - mean
    return mean, matmul((d * w[:, None]).T, d) / total


def structured(covariances: Exact, n: Exact, covariance_type: str) -> Exact:
    """The most likely covariances of a type, given the components' full ones, (K, D, D), and their weights n, (K,)."""
    if covariance_type == "full":
        return covariances
    if covariance_type.startswith("tied"):
        shared = np.asarray((covariances * n[:, None, None]).sum(axis=0) / n.sum(), dtype=object)
        variances = np.diag(shared)
        return {"tied": shared, "tied_diag": variances, "tied_spherical": np.array([variances.mean()])}[covariance_type]
    variances = np.stack([np.diag(c) for c in covariances])
    return variances if covariance_type == "diag" else np.asarray(variances.mean(axis=1), dtype=object)


def excess(result: npt.ArrayLike, truth: Exact, error: Exact | float) -> npt.NDArray[np.float64]:
    """|result − truth| / error, elementwise: above 1 is wrong. An infinite result stands for a truth beyond the
    range of its dtype, up to the error; NaN is infinitely wrong."""
    computed = np.asarray(result)
    limit = mp.mpf(float(np.finfo(computed.dtype).max))

    def one(value: float, true: Any, allowed: Any) -> float:
        if value == true:
            return 0.0
        if np.isnan(value) or mp.isinf(true):
            return np.inf
        if np.isinf(value):
            return 0.0 if true * np.sign(value) + allowed > limit else np.inf
        return float(abs(mp.mpf(float(value)) - true) / allowed) if allowed > 0 else np.inf

    ratios = np.frompyfunc(one, 3, 1)(computed, truth, error)
    return np.asarray(ratios, dtype=np.float64)


def assert_within(what: str, result: npt.ArrayLike, truth: Exact, error: Exact | float) -> None:
    """Every element of `result` lies within `error` of `truth`; names the worst one when not."""
    ratios = excess(result, truth, error)
    assert ratios.shape == np.shape(result) == np.shape(truth), (
        f"{what}: shape {np.shape(result)}, not {np.shape(truth)}"
    )
    worst = np.unravel_index(np.argmax(ratios), ratios.shape)
    assert ratios[worst] <= 1, (
        f"{what}{list(map(int, worst))} is {np.asarray(result)[worst]!r}, truth {mp.nstr(truth[worst], 20)}: "
        f"{ratios[worst]:.3g} times the allowed error"
    )
