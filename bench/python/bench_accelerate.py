"""Passes over X that EM needs, step by step and accelerated; counts, no seconds.

    python bench/python/bench_accelerate.py    prints a Markdown table

For each problem and start: the passes of `accelerate="squarem"`, those for points that were no better among them, until
the mean log-likelihood that EM has after 150 steps from the same start; and where `tol` ends each of the two, by the
change and by the projected rest.
"""

from __future__ import annotations

import statistics
import warnings
from collections.abc import Iterator
from typing import Any

import gaussmix
import numpy as np

SEEDS = range(5)
STEPS = 150


def problems() -> Iterator[tuple[str, Any, int]]:
    """Name, rows and K."""
    from sklearn import datasets

    yield "iris", datasets.load_iris().data, 3
    yield "wine", datasets.load_wine().data, 3
    yield "breast cancer, 10 features", datasets.load_breast_cancer().data[:, :10], 4
    china = datasets.load_sample_image("china.jpg").reshape(-1, 3)[::20].astype(float)
    yield "china.jpg, every 20th pixel", china, 8
    rng = np.random.default_rng(0)
    for separation in (1.0, 2.0, 3.0):
        means = rng.normal(size=(8, 4)) * separation
        yield f"made, separation {separation:g}", np.concatenate([rng.normal(size=(500, 4)) + m for m in means]), 8


def passes_to(level: float, result: gaussmix.FitResult) -> int | None:
    """Steps until the trace reaches the level, and all the passes that were lost; None where it does not."""
    reached = np.flatnonzero(result.trace >= level - 1e-12)
    return None if len(reached) == 0 else int(reached[0]) + 1 + result.report.n_rejected


def row(name: str, x: Any, k: int, covariance_type: str) -> str:
    counts: list[int | None] = []
    by_rule: dict[tuple[str, str], list[int]] = {}
    falls = 0.0
    for seed in SEEDS:
        start: dict[str, Any] = {"covariance_type": covariance_type, "random_state": seed}
        level = gaussmix.fit(x, k, tol=0, max_iter=STEPS, **start).trace[-1]
        fast = gaussmix.fit(x, k, tol=0, max_iter=STEPS, accelerate="squarem", **start)
        counts.append(passes_to(level, fast))
        falls = min(falls, float(np.diff(fast.trace).min()))
        for accelerate in ("none", "squarem"):
            for stopping in ("change", "projected"):
                end = gaussmix.fit(x, k, max_iter=5000, accelerate=accelerate, stopping=stopping, **start)
                by_rule.setdefault((stopping, accelerate), []).append(end.n_iter + end.report.n_rejected)
    there = sorted(count for count in counts if count is not None)
    reached = f"{statistics.median(there):g} ({there[0]} to {there[-1]})" if there else "none"
    ends = (f"{statistics.median(by_rule[rule]):g}" for rule in sorted(by_rule))
    cells = (f"{name}, {covariance_type}", reached, f"{len(there)} of {len(counts)}", f"{falls:.0e}", *ends)
    return f"| {' | '.join(cells)} |"


def main() -> None:
    warnings.simplefilter("ignore")
    print(
        f"| problem | passes to EM's level after {STEPS}, median (range) | reached | largest fall | change: EM |"
        " change: SQUAREM | projected: EM | projected: SQUAREM |"
    )
    print("|---|---|---|---|---|---|---|---|")
    for name, x, k in problems():
        for covariance_type in ("full", "diag"):
            print(row(name, x, k, covariance_type), flush=True)


if __name__ == "__main__":
    main()
