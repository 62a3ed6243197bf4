"""The time that one row takes: gaussmix beside scikit-learn and ONNX Runtime.

    python bench/python/bench_row.py            prints Markdown, writes bench_row.json
    python bench/python/bench_row.py --quick    a twentieth of the calls, to see that it runs

One row of a full mixture, D = 16 and K = 8, is scored by each call; all of them have the parameters of scikit-learn
after one EM iteration, and ONNX Runtime has scikit-learn's model in float64 as skl2onnx writes it. Every call is timed
by itself, on rows that follow each other, and the calls take turns of 256 rows. All run in one process on one
processor, where their answers are compared as well. The table begins with a call that does nothing: that much of the
others' times is the clock's.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import measuring
from peers import fitted_sklearn
from problems import SEPARATIONS, Shape, make_problem

if TYPE_CHECKING:
    from problems import Floats

    RowScore = tuple[Callable[[Floats], Any], list[Floats]]

SHAPE = Shape("full", 20_000, 16, 8)
N_ROWS = 256  # timed in a turn
N_WARM = 32  # before them: what the last turn left in the caches is not to make the p99
CLOCK = "nothing"
SCORER = "gaussmix, `RowScorer.log_prob(x)`"


# ---- in the measuring process, pinned before NumPy starts its threads ----


def onnx_score(model: Any) -> Callable[[Floats], Any]:
    """log p of one row (1, D) by ONNX Runtime."""
    import onnxruntime
    from skl2onnx import to_onnx
    from skl2onnx.common.data_types import DoubleTensorType

    types = [("X", DoubleTensorType([None, SHAPE.n_features]))]
    graph = to_onnx(model, initial_types=types, options={id(model): {"score_samples": True}})
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(graph.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return lambda x: session.run(["score_samples"], {"X": x})[0]


def row_scores(data: str) -> dict[str, RowScore]:
    """What is timed, by its name in the table: a call and its rows, (D,) for `RowScorer` and (1, D) for the others."""
    import gaussmix

    problem = make_problem(SHAPE, SEPARATIONS[data])
    model = fitted_sklearn(problem, 1)
    mixture = gaussmix.Mixture(model.weights_, model.means_, model.covariances_)
    flat = list(problem.x[:N_ROWS])
    rows = [x[None] for x in flat]
    found: dict[str, RowScore] = {
        CLOCK: (lambda _: None, flat),
        SCORER: (mixture.row_scorer().log_prob, flat),
        "gaussmix, `mixture.log_prob(x)`": (mixture.log_prob, rows),
        "scikit-learn, `score_samples(x)`": (model.score_samples, rows),
    }
    if find_spec("onnxruntime") and find_spec("skl2onnx"):
        found["ONNX Runtime, `session.run(…)`"] = (onnx_score(model), rows)
    return found


def call_nanoseconds(call: Callable[[Floats], Any], rows: list[Floats]) -> list[int]:
    """Of each call; one turn."""
    clock = time.perf_counter_ns
    for x in rows[:N_WARM]:
        call(x)
    times = []
    for x in rows:
        begin = clock()
        call(x)
        times.append(clock() - begin)
    return times


def largest_difference(scores: dict[str, RowScore]) -> float:
    """From `RowScorer`, relative to max(1, |log p|)."""
    import numpy as np

    answers = {
        name: np.array([np.ravel(call(x))[0] for x in rows]) for name, (call, rows) in scores.items() if name != CLOCK
    }
    own = answers[SCORER]
    return max(float(np.max(np.abs(other - own) / np.maximum(1.0, np.abs(own)))) for other in answers.values())


def worker(task: dict[str, Any]) -> dict[str, Any]:
    measuring.pin(1)
    import numpy as np
    import sklearn.mixture  # noqa: F401  # loads its BLAS and OpenMP, which the limit below then reaches
    from threadpoolctl import threadpool_limits

    with threadpool_limits(limits=1):
        scores = row_scores(task["data"])
        difference = largest_difference(scores)  # also warms all up
        times: dict[str, list[int]] = {name: [] for name in scores}
        for _ in range(task["repeats"]):
            for name, (call, rows) in scores.items():
                times[name] += call_nanoseconds(call, rows)
    return {
        "median_ns": {name: float(np.median(values)) for name, values in times.items()},
        "p99_ns": {name: float(np.percentile(values, 99)) for name, values in times.items()},
        "difference": difference,
    }


# ---- in the process that the user started ----


def row_table(rows: list[dict[str, Any]]) -> str:
    lines = []
    for row in rows:
        for name, median in row["median_ns"].items():
            ratio = median / row["median_ns"][SCORER]
            lines.append([name, row["data"], f"{median:.0f}", f"{row['p99_ns'][name]:.0f}", f"{ratio:.2f}"])
    return measuring.table(["call", "data", "median, ns", "p99, ns", "median / RowScorer"], 2, lines)


def main() -> None:
    parser = measuring.argument_parser("The time that one row takes.", "bench_row.json", 40)
    arguments = parser.parse_args()
    if arguments.worker:
        print(json.dumps(worker(json.loads(arguments.worker))))
        return
    repeats = 2 if arguments.quick else arguments.repeats
    rows = []
    for data in measuring.chosen_data(arguments):
        print(f"{SHAPE}, {data}, one row a call", file=sys.stderr)
        rows.append(measuring.run_worker(__file__, {"data": data, "repeats": repeats}))
    measuring.write_report(arguments.json, {"row": rows})
    worst = max(row["difference"] for row in rows)
    print(f"One row, D = {SHAPE.n_features}, K = {SHAPE.n_components}: {repeats * N_ROWS:,} calls of each.\n")
    print(f"{row_table(rows)}\n\nThe answers differ by at most {worst:.1e} × max(1, |log p|).")


if __name__ == "__main__":
    main()
