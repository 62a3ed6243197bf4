"""How often a fit reaches the best optimum that is known, and at what cost: the default, several starts, short runs
and split and merge.

    python bench/python/bench_search.py           prints a Markdown table
    python bench/python/bench_search.py --quick   of two data sets and one seed, to see that it works

A cell is a data set, a covariance type, K and a seed. It is reached where the mean log-likelihood is within 0.01 of the
best that any way found with any seed, fits with a component at the floor or of less than D + 1 rows left out. Costs are
process CPU time over that of the default fit of the same cell. Features are standardized.
"""

from __future__ import annotations

import argparse
import statistics
import time
import warnings
from collections.abc import Iterator
from typing import Any

import gaussmix
import numpy as np

WAYS: dict[str, dict[str, Any]] = {
    "default": {},
    "n_init=10": {"n_init": 10},
    "n_init=20, short_iter=5, k-means++": {"n_init": 20, "short_iter": 5, "init": "k-means++"},
    "split_merge": {"search": "split_merge"},
    "n_init=10, short_iter=5, k-means++, split_merge": {
        "n_init": 10,
        "short_iter": 5,
        "init": "k-means++",
        "search": "split_merge",
    },
}


def problems() -> Iterator[tuple[str, Any]]:
    from sklearn import datasets

    yield "iris", datasets.load_iris().data
    yield "wine", datasets.load_wine().data
    yield "breast cancer, 10 features", datasets.load_breast_cancer().data[:, :10]
    yield "diabetes, 6 features", datasets.load_diabetes().data[:, [0, 2, 3, 4, 5, 9]]
    yield "digits, 8 principal axes", principal_axes(datasets.load_digits().data, 8)
    yield "china.jpg, every 40th pixel", datasets.load_sample_image("china.jpg").reshape(-1, 3)[::40].astype(float)
    yield "flower.jpg, every 40th pixel", datasets.load_sample_image("flower.jpg").reshape(-1, 3)[::40].astype(float)
    rng = np.random.default_rng(0)
    for separation in (1.5, 2.5, 4.0):
        means = rng.normal(size=(10, 3)) * separation
        rows = [
            rng.normal(size=(int(n), 3)) * s + m
            for m, n, s in zip(means, 10 ** rng.uniform(1.7, 3, 10), rng.uniform(0.5, 1.5, 10), strict=True)
        ]
        yield f"made, separation {separation:g}", np.concatenate(rows)


def principal_axes(x: Any, n: int) -> Any:
    centered = x - x.mean(axis=0)
    return centered @ np.linalg.svd(centered, full_matrices=False)[2][:n].T


def is_spiky(x: Any, result: gaussmix.FitResult) -> bool:
    n, d = x.shape
    return bool(result.mixture.weights.min() * n < d + 1) or result.report.n_floored > 0


def fitted(x: Any, k: int, covariance_type: str, seed: int, options: dict[str, Any]) -> tuple[float, float, bool]:
    """Mean log-likelihood, CPU seconds, and whether there is a spike."""
    begin = time.process_time()
    result = gaussmix.fit(x, k, covariance_type, random_state=seed, **options)
    return result.log_likelihood / len(x), time.process_time() - begin, is_spiky(x, result)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    quick = parser.parse_args().quick
    warnings.simplefilter("ignore")
    gaussmix.set_num_threads(1)
    reached: dict[str, list[bool]] = {way: [] for way in WAYS}
    below: dict[str, int] = dict.fromkeys(WAYS, 0)
    costs: dict[str, list[float]] = {way: [] for way in WAYS}
    for name, rows in list(problems())[: 2 if quick else None]:
        x = np.ascontiguousarray((rows - rows.mean(axis=0)) / rows.std(axis=0))
        for covariance_type in ("full", "diag"):
            for k in (3, 6, 10):
                found = {
                    (way, seed): fitted(x, k, covariance_type, seed, options)
                    for seed in range(1 if quick else 3)
                    for way, options in WAYS.items()
                }
                proper = [level for level, _, spiky in found.values() if not spiky]
                best = max(proper) if proper else max(level for level, _, _ in found.values())
                for (way, seed), (level, seconds, spiky) in found.items():
                    first = found["default", seed]
                    reached[way].append(level >= best - 0.01 and not (spiky and proper))
                    below[way] += level < first[0] - 1e-9
                    costs[way].append(seconds / first[1])
        print(f"<!-- {name} -->", flush=True)
    print("| way | reached | below the default | cost: median, mean |")
    print("|---|---|---|---|")
    for way in WAYS:
        share = 100 * statistics.mean(reached[way])
        cost = f"{statistics.median(costs[way]):.1f}, {statistics.mean(costs[way]):.1f}"
        print(f"| {way} | {share:.0f} % | {below[way]} of {len(reached[way])} | {cost} |")


if __name__ == "__main__":
    main()
