"""Two installed versions of gaussmix beside each other, such as before and after a change.

    python bench/python/bench_versions.py BEFORE AFTER              the Python of each: prints a Markdown table
    python bench/python/bench_versions.py BEFORE AFTER --turns 1    to see that it works

One pass of EM (the sums of an E-step, and the M-step), log_prob, responsibilities and predict over the shapes of
bench_em.py with fewer rows, and one row by a RowScorer. Each turn is a process of each version in alternation, on one
thread and one processor; its figures are medians of 5 calls in the processor's time, those of the table medians of the
turns.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

from problems import SEPARATIONS, SHAPES, make_problem

SHARE = 4  # of the rows of bench_em.py, one of so many
CALLS = 5
ROW_MODELS = ((2, 3), (4, 4), (8, 8), (64, 8))  # D, K
ROW_CALLS = 20_000
MEASURE = "--measure"  # what a process that measures one version is told


def seconds(call: Callable[[], object], n: int = CALLS) -> float:
    """The median of n calls after one that is not counted."""
    call()
    times = []
    for _ in range(n):
        begin = time.process_time()
        call()
        times.append(time.process_time() - begin)
    return statistics.median(times)


def one_pass(mix: Any, x: Any) -> None:
    import gaussmix

    sums = gaussmix.Statistics(mix)
    sums.accumulate(x)
    sums.maximize(on_degenerate="floor")


def score_rows(scorer: Any, row: Any) -> None:
    for _ in range(ROW_CALLS):
        scorer.log_prob(row)


def measure() -> dict[str, float]:
    """Seconds by name, with the gaussmix of this process."""
    import gaussmix
    import numpy as np

    found: dict[str, float] = {}
    for shape in SHAPES:
        for data, separation in SEPARATIONS.items():
            p = make_problem(replace(shape, n_samples=shape.n_samples // SHARE), separation)
            mix = gaussmix.Mixture(p.weights, p.means, p.covariances, p.covariance_type)
            found[f"{shape.name} {data}, EM"] = seconds(partial(one_pass, mix, p.x))
            for verb in ("log_prob", "responsibilities", "predict"):
                found[f"{shape.name} {data}, {verb}"] = seconds(partial(getattr(mix, verb), p.x))
    rng = np.random.default_rng(0)
    for d, k in ROW_MODELS:
        mix = gaussmix.Mixture(np.full(k, 1 / k), rng.normal(size=(k, d)), np.tile(np.eye(d), (k, 1, 1)), "full")
        scorer, row = mix.row_scorer(), rng.normal(size=d)
        found[f"one row, D = {d}, K = {k}"] = seconds(partial(score_rows, scorer, row), 3) / ROW_CALLS
    return found


def measured_by(python: str) -> dict[str, float]:
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run([python, __file__, MEASURE], env=environment, stdout=subprocess.PIPE, text=True, check=True)
    return dict(json.loads(done.stdout))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("before", help="the Python that has one version")
    parser.add_argument("after", help="the Python that has the other")
    parser.add_argument("--turns", type=int, default=5)
    given = parser.parse_args()
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    turns: dict[str, list[dict[str, float]]] = {"before": [], "after": []}
    for turn in range(given.turns):
        for which in ("before", "after")[:: 1 if turn % 2 == 0 else -1]:
            turns[which].append(measured_by(getattr(given, which)))
    print("| what | before, ms | after, ms | before / after |")
    print("|---|---:|---:|---:|")
    for name in turns["before"][0]:
        before, after = (1e3 * statistics.median(turn[name] for turn in turns[which]) for which in turns)
        print(f"| {name} | {before:.3g} | {after:.3g} | {before / after:.2f} |")


if __name__ == "__main__":
    if sys.argv[1:] == [MEASURE]:
        json.dump(measure(), sys.stdout)
    else:
        main()
