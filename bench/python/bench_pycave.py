"""The table that PyCave publishes: 100 EM iterations from given means, by gaussmix, and by scikit-learn on demand.

    python bench/python/bench_pycave.py                     prints Markdown, writes bench_pycave.json
    python bench/python/bench_pycave.py --peers sklearn     scikit-learn beside it: its largest row takes many minutes
    python bench/python/bench_pycave.py --quick             few rows, to see that it runs

Sizes, covariance types and the number of iterations are those of PyCave's README; the data are the overlapping ones of
bench_em.py, so that nothing can be skipped, in float64. Single fits unless --repeats says more: they are long, and the
largest takes most of the time. Each is a process of its own, pinned to as many processors as it has threads.
"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict, replace
from typing import Any

import measuring
from peers import TITLES, fit_gaussmix, fit_sklearn
from problems import SEPARATIONS, Shape, make_problem

N_ITER = 100
SMALL, MIDDLE, LARGE = (10_000, 8, 4), (100_000, 32, 16), (1_000_000, 64, 64)
SHAPES = (
    *(Shape("diag", *size) for size in (SMALL, MIDDLE, LARGE)),
    *(Shape(kind, *size) for kind in ("tied", "full") for size in (SMALL, MIDDLE)),
)
PUBLISHED = (0.352, 18.4, 730.0, 0.3, 72.2, 1.1, 110.0)  # seconds of scikit-learn in PyCave's README


# ---- in the measuring process, pinned before NumPy starts its threads ----


def worker(task: dict[str, Any]) -> dict[str, Any]:
    threads = int(task["threads"])
    measuring.pin(threads)
    import sklearn.mixture  # noqa: F401  # loads its BLAS and OpenMP, which the limit below then reaches
    from threadpoolctl import threadpool_limits

    problem = make_problem(Shape(**task["shape"]), SEPARATIONS[task["data"]])
    warm_up = make_problem(Shape("diag", 2000, 2, 2), 4.0)
    with threadpool_limits(limits=threads):
        fit_gaussmix(warm_up, 1, threads)
        fit_sklearn(warm_up, 1)
        timed = {"gaussmix": lambda: measuring.seconds(lambda: fit_gaussmix(problem, task["n_iter"], threads))}
        if "sklearn" in task["peers"]:
            timed["sklearn"] = lambda: measuring.seconds(lambda: fit_sklearn(problem, task["n_iter"]))
        times = measuring.in_turn(timed, task["repeats"])
    return {"seconds": measuring.medians(times), "spread": measuring.spread(times)}


# ---- in the process that the user started ----


def main() -> None:
    parser = measuring.argument_parser("PyCave's table.", "bench_pycave.json", 1)
    parser.set_defaults(data="overlapping")
    parser.add_argument("--threads", default="1", help="comma-separated numbers of threads")
    parser.add_argument("--peers", default="", help="sklearn, or none")
    arguments = parser.parse_args()
    if arguments.worker:
        print(json.dumps(worker(json.loads(arguments.worker))))
        return
    peers = measuring.chosen("--peers", arguments.peers, ("sklearn",)) if arguments.peers else []
    n_iter = 2 if arguments.quick else N_ITER
    rows: list[dict[str, Any]] = []
    lines: list[list[str]] = []
    for shape, published in zip(SHAPES, PUBLISHED, strict=True):
        run = replace(shape, n_samples=shape.n_samples // 50 + 1000) if arguments.quick else shape
        for data in measuring.chosen_data(arguments):
            for threads in measuring.chosen_threads(arguments):
                print(f"{run}, {data}, {threads} threads", file=sys.stderr)
                task = {"shape": asdict(run), "data": data, "threads": threads, "n_iter": n_iter, "peers": peers}
                task["repeats"] = arguments.repeats
                rows.append(measuring.run_worker(__file__, task))
                seconds = rows[-1]["seconds"]
                cells = [f"{seconds[name]:.3f}" for name in ("gaussmix", *peers)]
                lines.append([str(run), data, str(threads), *cells, f"{published:g}"])
    measuring.write_report(arguments.json, {"pycave": rows})
    print(f"Seconds of {n_iter} EM iterations; the last column is what PyCave publishes for scikit-learn.\n")
    heads = [f"{TITLES[name]}, s" for name in ("gaussmix", *peers)]
    print(measuring.table(["shape", "data", "threads", *heads, "published, s"], 2, lines))


if __name__ == "__main__":
    main()
