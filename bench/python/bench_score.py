"""Rows scored a second by gaussmix and its peers.

    python bench/python/bench_score.py            every shape, 1 and 2 threads: prints Markdown, writes bench_score.json
    python bench/python/bench_score.py --quick    few rows, to see that it runs
    python bench/python/bench_score.py --shapes full-8,diag-40 --threads 1
    python bench/python/bench_score.py --peers sklearn,armadillo

Measured are log p(x) (`log_prob`; scikit-learn's `score_samples`, Armadillo's `log_p`) and the responsibilities
(`responsibilities`; `predict_proba`) of all rows at once, on the shapes and data of bench_em.py. All libraries have
the same parameters, those of scikit-learn after one EM iteration. They take turns and medians are taken. Each
measurement is a process of its own, pinned to as many processors as it has threads; there the answers are compared.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import measuring
from peers import OFFERED, TITLES, armadillo, fitted_sklearn, installed_peers
from problems import SEPARATIONS, Shape, make_problem

if TYPE_CHECKING:
    from numpy import floating
    from numpy.typing import NDArray

    Floats = NDArray[floating[Any]]
    Scores = dict[str, Callable[[], Floats]]

PEERS = ("sklearn", "armadillo")
SCORES = ("log_prob", "responsibilities")


# ---- in the measuring process, pinned before NumPy starts its threads ----


@contextmanager
def scores(shape: Shape, data: str, threads: int, peers: dict[str, str]) -> Iterator[dict[str, Scores]]:
    """What is timed, for each score and library; `peers` as `fits` takes them. Armadillo gives the mean of all."""
    import gaussmix
    import numpy as np

    problem = make_problem(shape, SEPARATIONS[data])
    model, x = fitted_sklearn(problem, 1), problem.x
    mixture = gaussmix.Mixture(model.weights_, model.means_, model.covariances_, shape.covariance_type)
    log_prob: Scores = {"gaussmix": lambda: mixture.log_prob(x, num_threads=threads)}
    responsibilities: Scores = {"gaussmix": lambda: mixture.responsibilities(x, num_threads=threads)}
    found = {"log_prob": log_prob, "responsibilities": responsibilities}
    if "sklearn" in peers:
        log_prob["sklearn"] = lambda: model.score_samples(x)
        responsibilities["sklearn"] = lambda: model.predict_proba(x)
    if "armadillo" in peers and shape.covariance_type in OFFERED["armadillo"]:
        fitted = replace(problem, weights=model.weights_, means=model.means_, covariances=model.covariances_)
        with armadillo(fitted, peers["armadillo"], threads) as fit:
            log_prob["armadillo"] = lambda: np.array(fit(0))
            yield found
    else:
        yield found


def difference(own: Floats, other: Floats) -> float:
    """Of the answers, or of the mean of one to the other."""
    import numpy as np

    return float(np.max(np.abs((own if other.ndim else own.mean()) - other) / np.maximum(1.0, np.abs(other))))


def measure_score(calls: Scores, n_samples: int, repeats: int) -> dict[str, Any]:
    """Rows a second of all, medians over `repeats` turns, and how far their answers lie from ours."""

    def timed(call: Callable[[], Floats]) -> Callable[[], float]:
        return lambda: measuring.seconds(call)

    own = calls["gaussmix"]()  # also warms all up
    differences = {name: difference(own, call()) for name, call in calls.items() if name != "gaussmix"}
    del own
    times = measuring.in_turn({name: timed(call) for name, call in calls.items()}, repeats)
    seconds = measuring.medians(times)
    return {
        "rows_per_second": {name: n_samples / value for name, value in seconds.items()},
        "spread": {
            name: (n_samples / most, n_samples / least) for name, (least, most) in measuring.spread(times).items()
        },
        "ratios": {name: seconds[name] / seconds["gaussmix"] for name in differences},
        "differences": differences,
    }


def worker(task: dict[str, Any]) -> dict[str, Any]:
    threads = int(task["threads"])
    measuring.pin(threads)
    import sklearn.mixture  # noqa: F401  # loads its BLAS and OpenMP, which the limit below then reaches
    from threadpoolctl import threadpool_limits

    shape = Shape(**task["shape"])
    with threadpool_limits(limits=threads), scores(shape, task["data"], threads, task["peers"]) as found:
        return {name: measure_score(found[name], shape.n_samples, task["repeats"]) for name in SCORES}


# ---- in the process that the user started ----


def score_table(rows: list[dict[str, Any]], score: str, peers: list[str]) -> str:
    """A row for every measurement, a dash for what a peer does not offer."""
    lines = []
    for row in rows:
        speeds = [row[score]["rows_per_second"].get(name) for name in ("gaussmix", *peers)]
        ratios = [row[score]["ratios"].get(name) for name in peers]
        cells = [str(Shape(**row["shape"])), row["data"], str(row["threads"])]
        cells += ["–" if speed is None else f"{speed / 1e6:.3f}" for speed in speeds]
        lines.append(cells + ["–" if ratio is None else f"{ratio:.2f}" for ratio in ratios])
    for threads in sorted({row["threads"] for row in rows}):
        measured = [row[score]["ratios"] for row in rows if row["threads"] == threads]
        summaries = [measuring.summary([ratios[name] for ratios in measured if name in ratios]) for name in peers]
        blanks = [""] * (1 + len(peers))
        lines.append(["**geometric mean**", "", str(threads), *blanks, *(mean for mean, _ in summaries)])
        lines.append(["least", "", str(threads), *blanks, *(least for _, least in summaries)])
    head = ["shape", "data", "threads", *(f"{TITLES[name]}, Mrows/s" for name in ("gaussmix", *peers))]
    return measuring.table([*head, *(f"gaussmix / {TITLES[name]}" for name in peers)], 2, lines)


def main() -> None:
    parser = measuring.argument_parser("Rows scored a second by gaussmix and its peers.", "bench_score.json", 5)
    measuring.add_shape_arguments(parser)
    parser.add_argument("--peers", default="sklearn", help=f"comma-separated, of {','.join(PEERS)}")
    arguments = parser.parse_args()
    if arguments.worker:
        print(json.dumps(worker(json.loads(arguments.worker))))
        return
    repeats = 3 if arguments.quick else arguments.repeats
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder:
        peers = installed_peers(measuring.chosen("--peers", arguments.peers, PEERS), Path(folder))
        for shape in measuring.chosen_shapes(arguments):
            for threads in measuring.chosen_threads(arguments):
                for data in measuring.chosen_data(arguments):
                    print(f"{shape}, {data}, {threads} threads", file=sys.stderr)
                    task = {
                        "shape": asdict(shape),
                        "threads": threads,
                        "data": data,
                        "repeats": repeats,
                        "peers": peers,
                    }
                    row = measuring.run_worker(__file__, task)
                    del row["peers"]  # their paths end with this process
                    rows.append(row)
    measuring.write_report(arguments.json, {"score": rows})
    print(f"Millions of rows scored a second, medians of {repeats}; a ratio above 1 says that gaussmix is faster.")
    for score in SCORES:
        offered = [name for name in peers if any(name in row[score]["ratios"] for row in rows)]
        worst = max((value for row in rows for value in row[score]["differences"].values()), default=0.0)
        print(f"\n`{score}`\n\n{score_table(rows, score, offered)}")
        print(f"\nThe answers differ by at most {worst:.1e} × max(1, |answer|).")


if __name__ == "__main__":
    main()
