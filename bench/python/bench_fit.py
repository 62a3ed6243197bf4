"""Whole fits with default parameters, from the data to convergence, by gaussmix beside scikit-learn.

    python bench/python/bench_fit.py            every data set, 1 thread: prints Markdown, writes bench_fit.json
    python bench/python/bench_fit.py --quick    few rows, to see that it runs
    python bench/python/bench_fit.py --sets full-8,china --repeats 1

Each library makes its own start, by k-means, and stops by its own default rule, so both the time and the mean
log-likelihood that it reaches count. The sets: three of the shapes of bench_em.py, and the 273,280 pixels of
scikit-learn's china.jpg in 64 full components. Medians over the repeats, whose random states are 0, 1, … in both
libraries. Each measurement is a process of its own, pinned to as many processors as it has threads; gaussmix then uses
as many.
"""

from __future__ import annotations

import json
import statistics
import warnings
from typing import TYPE_CHECKING, Any

import measuring
from peers import TITLES
from problems import SEPARATIONS, SHAPES, make_problem

if TYPE_CHECKING:
    from problems import Floats

LIBRARIES = ("gaussmix", "sklearn")
SHAPE_SETS = {shape.name: shape for shape in SHAPES if shape.name in ("full-8", "full-32", "full-2")}
SETS = (*SHAPE_SETS, "china")
PICTURE_COMPONENTS = 64


# ---- in the measuring process, pinned before NumPy starts its threads ----


def picture(quick: bool) -> Floats:
    """The pixels of china.jpg, (N, 3), from 0 to 255."""
    import numpy as np
    from sklearn.datasets import load_sample_image

    pixels: Floats = np.asarray(load_sample_image("china.jpg"), dtype=np.float64).reshape(-1, 3)
    return pixels[::50] if quick else pixels


def data_set(name: str, data: str, quick: bool) -> tuple[Floats, int]:
    """X and the number of components."""
    if name == "china":
        return picture(quick), PICTURE_COMPONENTS
    shape = SHAPE_SETS[name].quick if quick else SHAPE_SETS[name]
    return make_problem(shape, SEPARATIONS[data]).x, shape.n_components


def fit(library: str, x: Floats, k: int, seed: int) -> dict[str, float]:
    """Seconds, iterations and the mean log-likelihood of X under what was found."""
    if library == "gaussmix":
        import gaussmix

        model: Any = gaussmix.GaussianMixture(k, random_state=seed)
    else:
        from sklearn.mixture import GaussianMixture

        model = GaussianMixture(k, random_state=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # 100 iterations may not be enough for either
        seconds = measuring.seconds(lambda: model.fit(x))
    return {"seconds": seconds, "n_iter": model.n_iter_, "mean_log_likelihood": float(model.score(x))}


def worker(task: dict[str, Any]) -> dict[str, Any]:
    threads = int(task["threads"])
    measuring.pin(threads)
    import sklearn.mixture  # noqa: F401  # loads its BLAS and OpenMP, which the limit below then reaches
    from threadpoolctl import threadpool_limits

    x, k = data_set(task["set"], task["data"], task["quick"])
    with threadpool_limits(limits=threads):
        for library in LIBRARIES:
            fit(library, x[:: max(1, len(x) // 2000)], 2, 0)  # warms up
        return {name: [fit(name, x, k, seed) for seed in range(task["seeds"])] for name in LIBRARIES}


# ---- in the process that the user started ----


def fit_table(rows: list[dict[str, Any]]) -> str:
    """A row for each measurement: medians over the seeds."""
    lines, ratios = [], []
    for row in rows:
        cells = [row["set"], row["data"], str(row["threads"])]
        median = {
            name: {key: statistics.median(run[key] for run in row[name]) for key in row[name][0]} for name in LIBRARIES
        }
        for key, form in (("seconds", ".2f"), ("n_iter", ".0f"), ("mean_log_likelihood", ".4f")):
            cells += [format(median[name][key], form) for name in LIBRARIES]
        ratios.append(median["sklearn"]["seconds"] / median["gaussmix"]["seconds"])
        lines.append([*cells, f"{ratios[-1]:.2f}"])
    mean, least = measuring.summary(ratios)
    blanks = [""] * 8
    lines += [["**geometric mean**", *blanks, mean], ["least", *blanks, least]]
    head = [f"{TITLES[name]}, {what}" for what in ("s", "iterations", "mean log-likelihood") for name in LIBRARIES]
    return measuring.table(["set", "data", "threads", *head, "ratio"], 2, lines)


def main() -> None:
    parser = measuring.argument_parser("Whole fits by gaussmix beside scikit-learn.", "bench_fit.json", 5)
    parser.add_argument("--sets", default=",".join(SETS), help=f"comma-separated, of {','.join(SETS)}")
    parser.add_argument("--threads", default="1", help="comma-separated numbers of threads")
    arguments = parser.parse_args()
    if arguments.worker:
        print(json.dumps(worker(json.loads(arguments.worker))))
        return
    rows: list[dict[str, Any]] = []
    for name in measuring.chosen("--sets", arguments.sets, SETS):
        for data in ["pixels"] if name == "china" else measuring.chosen_data(arguments):
            for threads in measuring.chosen_threads(arguments):
                task = {"set": name, "data": data, "threads": threads}
                rows.append(measuring.run_seeds(__file__, task, arguments))
    measuring.write_report(arguments.json, {"fit": rows})
    print("Whole fits with default parameters, medians over the seeds; a ratio above 1 says that gaussmix is faster.\n")
    print(fit_table(rows))


if __name__ == "__main__":
    main()
