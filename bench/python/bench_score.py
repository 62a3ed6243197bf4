"""Rows scored a second by gaussmix beside scikit-learn.

    python bench/python/bench_score.py            every shape, 1 and 2 threads: prints Markdown, writes bench_score.json
    python bench/python/bench_score.py --quick    few rows, to see that it runs
    python bench/python/bench_score.py --shapes full-8,diag-40 --threads 1

Measured are log p(x) (`log_prob`; scikit-learn's `score_samples`) and the responsibilities (`responsibilities`;
`predict_proba`) of all rows at once, on the shapes and data of bench_em.py. Both libraries have the same parameters,
those of scikit-learn after one EM iteration. They take turns and medians are taken. Each measurement is a process of
its own, pinned to as many processors as it has threads; there the answers of both are compared as well.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import measuring
from peers import TITLES, fitted_sklearn
from problems import SEPARATIONS, Shape, make_problem

if TYPE_CHECKING:
    from numpy import floating
    from numpy.typing import NDArray

    Floats = NDArray[floating[Any]]
    Scores = dict[str, Callable[[], Floats]]

LIBRARIES = ("gaussmix", "sklearn")
SCORES = ("log_prob", "responsibilities")


# ---- in the measuring process, pinned before NumPy starts its threads ----


def scores(shape: Shape, data: str, threads: int) -> dict[str, Scores]:
    """What is timed, for each score and library."""
    import gaussmix

    problem = make_problem(shape, SEPARATIONS[data])
    model, x = fitted_sklearn(problem, 1), problem.x
    mixture = gaussmix.Mixture(model.weights_, model.means_, model.covariances_, shape.covariance_type)
    return {
        "log_prob": {
            "gaussmix": lambda: mixture.log_prob(x, num_threads=threads),
            "sklearn": lambda: model.score_samples(x),
        },
        "responsibilities": {
            "gaussmix": lambda: mixture.responsibilities(x, num_threads=threads),
            "sklearn": lambda: model.predict_proba(x),
        },
    }


def measure_score(calls: Scores, n_samples: int, repeats: int) -> dict[str, Any]:
    """Rows a second of both, medians over `repeats` turns, and how far their answers differ."""
    import numpy as np

    def timed(call: Callable[[], Floats]) -> Callable[[], float]:
        return lambda: measuring.seconds(call)

    own, other = (calls[name]() for name in LIBRARIES)  # also warms both up
    difference = float(np.max(np.abs(own - other) / np.maximum(1.0, np.abs(other))))
    del own, other
    times = measuring.in_turn({name: timed(call) for name, call in calls.items()}, repeats)
    seconds = measuring.medians(times)
    return {
        "rows_per_second": {name: n_samples / value for name, value in seconds.items()},
        "spread": {
            name: (n_samples / most, n_samples / least) for name, (least, most) in measuring.spread(times).items()
        },
        "ratio": seconds["sklearn"] / seconds["gaussmix"],
        "difference": difference,
    }


def worker(task: dict[str, Any]) -> dict[str, Any]:
    threads = int(task["threads"])
    measuring.pin(threads)
    import sklearn.mixture  # noqa: F401  # loads its BLAS and OpenMP, which the limit below then reaches
    from threadpoolctl import threadpool_limits

    shape = Shape(**task["shape"])
    with threadpool_limits(limits=threads):
        found = scores(shape, task["data"], threads)
        return {name: measure_score(found[name], shape.n_samples, task["repeats"]) for name in SCORES}


# ---- in the process that the user started ----


def score_table(rows: list[dict[str, Any]], score: str) -> str:
    lines = []
    for row in rows:
        speeds = (f"{row[score]['rows_per_second'][name] / 1e6:.3f}" for name in LIBRARIES)
        lines.append(
            [str(Shape(**row["shape"])), row["data"], str(row["threads"]), *speeds, f"{row[score]['ratio']:.2f}"]
        )
    for threads in sorted({row["threads"] for row in rows}):
        mean, least = measuring.summary([row[score]["ratio"] for row in rows if row["threads"] == threads])
        lines.append(["**geometric mean**", "", str(threads), "", "", mean])
        lines.append(["least", "", str(threads), "", "", least])
    speeds = (f"{TITLES[name]}, Mrows/s" for name in LIBRARIES)
    return measuring.table(["shape", "data", "threads", *speeds, "ratio"], 2, lines)


def main() -> None:
    parser = measuring.argument_parser("Rows scored a second by gaussmix beside scikit-learn.", "bench_score.json", 5)
    measuring.add_shape_arguments(parser)
    arguments = parser.parse_args()
    if arguments.worker:
        print(json.dumps(worker(json.loads(arguments.worker))))
        return
    repeats = 3 if arguments.quick else arguments.repeats
    rows: list[dict[str, Any]] = []
    for shape in measuring.chosen_shapes(arguments):
        for threads in measuring.chosen_threads(arguments):
            for data in measuring.chosen_data(arguments):
                print(f"{shape}, {data}, {threads} threads", file=sys.stderr)
                task = {"shape": asdict(shape), "threads": threads, "data": data, "repeats": repeats}
                rows.append(measuring.run_worker(__file__, task))
    measuring.write_report(arguments.json, {"score": rows})
    print(f"Millions of rows scored a second, medians of {repeats}; a ratio above 1 says that gaussmix is faster.")
    for score in SCORES:
        worst = max(row[score]["difference"] for row in rows)
        print(f"\n`{score}`\n\n{score_table(rows, score)}")
        print(f"\nThe answers differ by at most {worst:.1e} × max(1, |answer|).")


if __name__ == "__main__":
    main()
