"""The results of a set of problems as digests of their bits, at the instruction-set level in use.

`python tests/python/parity.py > tests/data/bits.json` writes those of the installed package at all levels of this
processor. The rows are made by integer arithmetic, so that they are the same with every NumPy and every C library.
"""

import contextlib
import hashlib
import json
import math
from collections.abc import Iterator
from typing import Any

import gaussmix
import numpy as np

STRUCTURES = ("full", "tied", "diag", "spherical")
SHAPES = ((1, 1, 50), (2, 3, 400), (5, 2, 333), (8, 8, 600), (17, 4, 500), (40, 3, 450))  # D, K, N


def digest(*arrays: Any) -> str:
    """Of values, dtypes and shapes."""
    state = hashlib.sha256()
    for array in arrays:
        values = np.ascontiguousarray(array)
        state.update(f"{values.dtype.str}{values.shape}".encode())
        state.update(values.tobytes())
    return state.hexdigest()[:12]


def libm() -> str:
    """What the C library computes, on which the bits of logarithms and exponentials rest."""
    points = [0.37 + i * 0.7310585786300049 for i in range(2000)]
    return digest([[math.log(p), math.exp(-p / 50), math.sqrt(p)] for p in points])


def uniform(n: int, d: int, stream: int) -> np.ndarray[Any, np.dtype[np.float64]]:
    """(n, d) numbers in [0, 1), by the finalizer of SplitMix64 (Steele, Lea & Flood 2014)."""
    z = np.arange(n * d, dtype=np.uint64) + np.uint64(stream) * np.uint64(0x9E3779B97F4A7C15)
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        z = (z ^ (z >> np.uint64(shift))) * np.uint64(factor)
    z ^= z >> np.uint64(31)
    made: np.ndarray[Any, np.dtype[np.float64]] = (z >> np.uint64(11)).astype(np.float64) * 2.0**-53
    return made.reshape(n, d)


def rows(n: int, d: int, k: int, spread: float, stream: int) -> np.ndarray[Any, np.dtype[np.float64]]:
    """K round clouds (sums of four uniforms) whose centers are `spread` apart at the most."""
    noise = sum((uniform(n, d, stream + i) for i in range(4)), np.full((n, d), -2.0))
    centers = spread * uniform(k, d, stream + 9)
    labels: np.ndarray[Any, np.dtype[np.int64]] = np.floor(uniform(n, 1, stream + 10)[:, 0] * k).astype(np.int64)
    made: np.ndarray[Any, np.dtype[np.float64]] = centers[labels] + noise * (1.0 + np.arange(d) / d)
    return made


def parameters(mix: gaussmix.Mixture) -> tuple[Any, ...]:
    return mix.weights, mix.means, mix.covariances


VERBS = ("component_log_prob", "log_joint", "log_prob", "log_responsibilities", "responsibilities", "predict")


def of_mixture(name: str, mix: gaussmix.Mixture, x: Any) -> Iterator[tuple[str, str]]:
    scorer = mix.row_scorer()
    one_by_one = [scorer.log_prob(row) for row in x[:7].astype(np.float64)]
    yield f"{name}.score", digest(*(getattr(mix, verb)(x) for verb in VERBS), mix.log_likelihood(x), one_by_one)
    stats = gaussmix.Statistics(mix)
    stats.accumulate(x, sample_weight=uniform(len(x), 1, 77)[:, 0])
    stats.accumulate(x[::2])
    sums = stats.component_weights, stats.log_likelihood, stats.total_weight
    yield f"{name}.statistics", digest(*sums, *parameters(stats.maximize(reg_covar=1e-3)))
    yield f"{name}.sample", digest(*mix.sample(20, random_state=5))


def of_problem(shape: tuple[int, int, int], structure: str, spread: float) -> Iterator[tuple[str, str]]:
    d, k, n = shape
    name = f"{structure}-{d}x{k}-{'apart' if spread > 5 else 'near'}"
    x = rows(n, d, k, spread, 1000 * d + k)
    # Enough iterations for every way of summing; too few to end, so that no bit hangs on a test for convergence.
    options: dict[str, Any] = {"tol": 0.0, "max_iter": 4, "reg_covar": 1e-6, "on_degenerate": "raise"}
    for dtype in (np.float64, np.float32):
        fitted = gaussmix.fit(x.astype(dtype), k, structure, random_state=3, **options)
        label = f"{name}.{np.dtype(dtype).name}"
        yield f"{label}.fit", digest(*parameters(fitted.mixture), fitted.trace, fitted.log_likelihood)
        yield from of_mixture(label, fitted.mixture, x.astype(dtype))


def of_starts() -> Iterator[tuple[str, str]]:
    x = rows(500, 3, 4, 12.0, 5)
    for init in ("kmeans", "k-means++", "random", "random_from_data"):
        fitted = gaussmix.fit(
            x, 4, init=init, random_state=1, tol=0.0, max_iter=3, reg_covar=1e-6, on_degenerate="raise"
        )
        yield f"start.{init}", digest(*parameters(fitted.mixture))
    clusters = gaussmix.kmeans(x, 5, random_state=2)
    yield "start.lloyd", digest(clusters.centers, clusters.labels, clusters.inertia)
    weighted = gaussmix.fit(
        x, 3, sample_weight=1.0 + np.arange(len(x)) % 3, random_state=4, tol=0.0, max_iter=3, on_degenerate="floor"
    )
    yield "start.weighted", digest(*parameters(weighted.mixture))


def of_hard_rows() -> Iterator[tuple[str, str]]:
    """Singular, far, offset and huge."""
    singular = gaussmix.Mixture([0.5, 0.5], [[0, 0, 0], [1, 2, 3]], [np.diag([1.0, 2.0, 0.0])] * 2, allow_singular=True)
    x = np.vstack([[0.5, 0.25, 0.0], [1.0, 1.0, 3.0], [9.0, 9.0, 9.0]])
    yield "singular.log_prob", digest(singular.log_prob(x), singular.responsibilities(x))
    mix = gaussmix.Mixture([0.3, 0.7], [[1e8, -1e8], [1e8 + 3, -1e8 + 1]], [[[2.0, 0.3], [0.3, 1.0]]] * 2)
    yield "offset.log_prob", digest(mix.log_prob(mix.means + 0.125), mix.responsibilities(mix.means + 0.125))
    yield "far.responsibilities", digest(mix.responsibilities([[1e300, 1e300], [-1e200, 5.0]]))


def results() -> dict[str, str]:
    """Name of a result to the digest of its bits."""
    found: list[tuple[str, str]] = []
    for shape in SHAPES:
        for structure in STRUCTURES:
            for spread in (3.0, 30.0):
                found.extend(of_problem(shape, structure, spread))
    found.extend(of_starts())
    found.extend(of_hard_rows())
    return dict(found)


def levels() -> list[str]:
    """Those of this build that this processor runs."""
    before, runnable = gaussmix.simd_level(), []
    for level in gaussmix.build_info()["simd_levels"].split():
        with contextlib.suppress(gaussmix.InvalidArgumentError):
            gaussmix.set_simd_level(level)
            runnable.append(level)
    gaussmix.set_simd_level(before)
    return runnable


def record() -> dict[str, Any]:
    before, bits = gaussmix.simd_level(), {}
    try:
        for level in levels():
            gaussmix.set_simd_level(level)
            bits[level] = results()
    finally:
        gaussmix.set_simd_level(before)
    return {"libm": libm(), "eigen": gaussmix.build_info()["eigen"], "bits": bits}


if __name__ == "__main__":
    print(json.dumps(record(), indent=0, sort_keys=True))
