"""k-means, the start of a fit, by gaussmix beside scikit-learn.

    python bench/python/bench_start.py            every shape, 1 thread: prints Markdown, writes bench_start.json
    python bench/python/bench_start.py --quick    few rows, to see that it runs
    python bench/python/bench_start.py --shapes 50000x32-10,200000x3-64 --data separated --repeats 3

Both seed by greedy k-means++, go on by Lloyd's iterations and end when no label changes (`tol=0`), so that the
inertias they reach can be compared; with scikit-learn's own `tol` of 1e-4 it stops earlier, which is timed too.
Processor seconds of the process, medians over the repeats, whose random states are 0, 1, … in both libraries. Each
measurement is a process of its own, pinned to as many processors as it has threads; gaussmix then uses as many.
"""

from __future__ import annotations

import json
import statistics
import time
import warnings
from typing import TYPE_CHECKING, Any

import measuring
from problems import SEPARATIONS, Shape, make_problem

if TYPE_CHECKING:
    from problems import Floats

SIZES = (
    (50_000, 32, 10),
    (100_000, 8, 10),
    (100_000, 32, 50),
    (500_000, 8, 16),
    (1_000_000, 2, 8),
    (200_000, 3, 64),
    (10_000, 32, 10),
    (20_000, 64, 16),
    (100_000, 16, 100),
)
SHAPES = {f"{n}x{d}-{k}": Shape("spherical", n, d, k) for n, d, k in SIZES}
LIBRARIES = {"gaussmix": "gaussmix", "sklearn": "scikit-learn", "sklearn-early": "scikit-learn, tol = 1e-4"}


# ---- in the measuring process, pinned before NumPy starts its threads ----


def clustered(library: str, x: Floats, k: int, seed: int, threads: int) -> dict[str, float]:
    """Processor seconds, iterations and inertia of one k-means."""
    if library == "gaussmix":
        import gaussmix

        begin = time.process_time()
        ours = gaussmix.kmeans(x, k, random_state=seed, num_threads=threads)
        return {"seconds": time.process_time() - begin, "n_iter": ours.n_iter, "inertia": ours.inertia}
    from sklearn.cluster import KMeans

    tol = 0.0 if library == "sklearn" else 1e-4
    model = KMeans(k, n_init=1, tol=tol, algorithm="lloyd", random_state=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # 300 iterations may not be enough for either
        begin = time.process_time()
        model.fit(x)
    return {"seconds": time.process_time() - begin, "n_iter": model.n_iter_, "inertia": model.inertia_}


def worker(task: dict[str, Any]) -> dict[str, Any]:
    threads = int(task["threads"])
    measuring.pin(threads)
    import sklearn.cluster  # noqa: F401  # loads its BLAS and OpenMP, which the limit below then reaches
    from threadpoolctl import threadpool_limits

    shape = SHAPES[task["shape"]].quick if task["quick"] else SHAPES[task["shape"]]
    x = make_problem(shape, SEPARATIONS[task["data"]]).x
    runs: dict[str, Any] = {name: [] for name in LIBRARIES}
    with threadpool_limits(limits=threads):
        for name in LIBRARIES:
            clustered(name, x[:: max(1, len(x) // 2000)], 2, 0, threads)  # warms up
        for seed in range(task["seeds"]):
            for name, found in runs.items():
                found.append(clustered(name, x, shape.n_components, seed, threads))
    return runs


# ---- in the process that the user started ----


def start_table(rows: list[dict[str, Any]]) -> str:
    """A row for each measurement: medians over the seeds."""
    lines, ratios, early_ratios = [], [], []
    for row in rows:
        median = {
            name: {key: statistics.median(run[key] for run in row[name]) for key in row[name][0]} for name in LIBRARIES
        }
        ours, theirs, early = (median[name] for name in LIBRARIES)
        ratios.append(theirs["seconds"] / ours["seconds"])
        early_ratios.append(early["seconds"] / ours["seconds"])
        shape = SHAPES[row["shape"]]
        size = f"{shape.n_samples:,} × {shape.n_features}, K = {shape.n_components}"
        cells = [size, row["data"], str(row["threads"])]
        cells += [f"{1e3 * median[name]['seconds']:.1f}" for name in LIBRARIES]
        cells += [f"{median[name]['n_iter']:.0f}" for name in LIBRARIES]
        cells += [f"{run['inertia'] / ours['inertia']:.4f}" for run in (theirs, early)]
        lines.append([*cells, f"{ratios[-1]:.2f}", f"{early_ratios[-1]:.2f}"])
    (mean, least), (early_mean, early_least) = measuring.summary(ratios), measuring.summary(early_ratios)
    blanks = [""] * 10
    lines += [["**geometric mean**", *blanks, mean, early_mean], ["least", *blanks, least, early_least]]
    titles = list(LIBRARIES.values())
    head = [*(f"{title}, ms" for title in titles), *(f"{title}, iterations" for title in titles)]
    head += [f"{title}, inertia" for title in titles[1:]]
    return measuring.table(["shape", "data", "threads", *head, "ratio", "ratio, tol = 1e-4"], 2, lines)


def main() -> None:
    parser = measuring.argument_parser("k-means by gaussmix beside scikit-learn.", "bench_start.json", 5)
    parser.add_argument("--shapes", default=",".join(SHAPES), help=f"comma-separated, of {','.join(SHAPES)}")
    parser.add_argument("--threads", default="1", help="comma-separated numbers of threads")
    arguments = parser.parse_args()
    if arguments.worker:
        print(json.dumps(worker(json.loads(arguments.worker))))
        return
    rows: list[dict[str, Any]] = []
    for data in measuring.chosen_data(arguments):
        for name in measuring.chosen("--shapes", arguments.shapes, tuple(SHAPES)):
            for threads in measuring.chosen_threads(arguments):
                task = {"shape": name, "data": data, "threads": threads}
                rows.append(measuring.run_seeds(__file__, task, arguments))
    measuring.write_report(arguments.json, {"start": rows})
    print("k-means, processor time, medians over the seeds; inertias relative to that of gaussmix.\n")
    print(start_table(rows))


if __name__ == "__main__":
    main()
