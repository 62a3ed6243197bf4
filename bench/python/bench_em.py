"""EM iterations of gaussmix beside scikit-learn's, and the peak memory of a fit.

    python bench/python/bench_em.py            every shape, 1 and 2 threads: prints Markdown, writes bench_em.json
    python bench/python/bench_em.py --quick    a fiftieth of the rows, to see that it runs
    python bench/python/bench_em.py --shapes full-8,diag-40 --threads 1

Both libraries start from the same weights, means and precisions, with tol=0 and reg_covar=1e-6, so both do the
iterations asked for. The time of one iteration is (t(1 + m) - t(1)) / m, where t(i) is the time of a whole fit of i
iterations: what a fit does once (validation, the start, scikit-learn's last E-step for its labels, the closing pass
of gaussmix) cancels, and neither library is charged for it. The two are timed in turn and medians are taken. Each
measurement is a process of its own, pinned to as many processors as it has threads; there the mean log-likelihoods of
both are compared as well, since times of unlike computations mean nothing.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import statistics
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

SEPARATIONS = {"separated": 4.0, "overlapping": 0.3}  # standard deviation of the means, in those of the components
REG_COVAR = 1e-6
MIB = 2**20


@dataclass(frozen=True)
class Shape:
    covariance_type: str
    n_samples: int
    n_features: int
    n_components: int

    @property
    def name(self) -> str:
        return f"{self.covariance_type}-{self.n_features}"

    def __str__(self) -> str:
        return f"{self.covariance_type} {self.n_samples:,} × {self.n_features}, K = {self.n_components}"


SHAPES = (
    Shape("full", 500_000, 8, 16),
    Shape("full", 100_000, 32, 32),
    Shape("full", 50_000, 64, 16),
    Shape("full", 1_000_000, 2, 8),
    Shape("full", 200_000, 3, 64),
    Shape("diag", 200_000, 40, 256),
    Shape("tied", 500_000, 16, 32),
    Shape("spherical", 1_000_000, 16, 64),
)


# ---- in the measuring process, pinned before NumPy starts its threads ----


@dataclass(frozen=True)
class Problem:
    """Data and the start that both libraries are given; every component has unit covariance in truth."""

    covariance_type: str
    x: Floats
    weights: Floats
    means: Floats
    precisions: Floats


def unit_parameters(covariance_type: str, k: int, d: int) -> Floats:
    """Unit covariances, which are unit precisions too, in the layout of the type."""
    import numpy as np

    return {
        "full": np.tile(np.eye(d), (k, 1, 1)),
        "tied": np.eye(d),
        "diag": np.ones((k, d)),
        "spherical": np.ones(k),
    }[covariance_type]


def make_problem(shape: Shape, separation: float) -> Problem:
    """Rows from K unit normals, means drawn at `separation`; the start is half a standard deviation off the truth."""
    import numpy as np

    n, d, k = shape.n_samples, shape.n_features, shape.n_components
    rng = np.random.default_rng(20240229)
    means = separation * rng.standard_normal((k, d))
    x = np.empty((n, d))
    for begin in range(0, n, 10_000):  # in pieces, so that making X does not set the peak of memory
        part = x[begin : begin + 10_000]
        rng.standard_normal(out=part)
        part += means[rng.integers(k, size=len(part))]
    start = means + 0.5 * rng.standard_normal((k, d))
    return Problem(shape.covariance_type, x, np.full(k, 1.0 / k), start, unit_parameters(shape.covariance_type, k, d))


def fit_sklearn(p: Problem, n_iter: int) -> float:
    """Fits with scikit-learn; the mean log-likelihood before the last M-step."""
    from sklearn.mixture import GaussianMixture

    model = GaussianMixture(
        len(p.weights),
        covariance_type=p.covariance_type,
        weights_init=p.weights,
        means_init=p.means,
        precisions_init=p.precisions,
        tol=0.0,
        max_iter=n_iter,
        reg_covar=REG_COVAR,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it has not converged, and was not to
        model.fit(p.x)
    assert model.n_iter_ == n_iter
    return float(model.lower_bound_)


def fit_gaussmix(p: Problem, n_iter: int, num_threads: int) -> float:
    """Fits with gaussmix; the mean log-likelihood before the last M-step."""
    import gaussmix

    result = gaussmix.fit(
        p.x,
        len(p.weights),
        p.covariance_type,
        weights_init=p.weights,
        means_init=p.means,
        precisions_init=p.precisions,
        tol=0.0,
        max_iter=n_iter,
        reg_covar=REG_COVAR,
        on_degenerate="raise",
        num_threads=num_threads,
    )
    assert result.n_iter == n_iter
    return float(result.trace[-1])


def seconds(call: Callable[[], object]) -> float:
    begin = time.perf_counter()
    call()
    return time.perf_counter() - begin


def measure_speed(shape: Shape, data: str, threads: int, n_iter: int, repeats: int) -> dict[str, Any]:
    """Seconds per EM iteration of both, medians over `repeats` turns."""
    import sklearn.mixture  # noqa: F401  # loads its BLAS and OpenMP, which the limit below then reaches
    from threadpoolctl import threadpool_limits

    problem = make_problem(shape, SEPARATIONS[data])
    fits: dict[str, Callable[[int], float]] = {
        "sklearn": lambda i: fit_sklearn(problem, i),
        "gaussmix": lambda i: fit_gaussmix(problem, i, threads),
    }
    times: dict[str, list[float]] = {name: [] for name in fits}
    with threadpool_limits(limits=threads):
        likelihoods = {name: fit(1 + n_iter) for name, fit in fits.items()}  # also warms both up
        for _ in range(repeats):
            for name, fit in fits.items():
                once, more = seconds(lambda: fit(1)), seconds(lambda: fit(1 + n_iter))  # noqa: B023
                times[name].append((more - once) / n_iter)
    medians = {name: statistics.median(values) for name, values in times.items()}
    return {
        "seconds": medians,
        "spread": {name: (min(values), max(values)) for name, values in times.items()},
        "ratio": medians["sklearn"] / medians["gaussmix"],
        "likelihood_difference": abs(likelihoods["sklearn"] - likelihoods["gaussmix"]) / abs(likelihoods["sklearn"]),
    }


def status_bytes(field: str) -> int:
    """A size of this process from /proc/self/status: VmRSS now, VmHWM at its peak."""
    with open("/proc/self/status", encoding="ascii") as status:
        return next(1024 * int(line.split()[1]) for line in status if line.startswith(field + ":"))


def statistics_bytes(shape: Shape) -> int:
    """Per component a weight, a mean and a scatter, in float64."""
    d = shape.n_features
    scatter = d * d if shape.covariance_type in ("full", "tied") else d
    return 8 * shape.n_components * (1 + d + scatter)


def memory_limit(shape: Shape, threads: int) -> int:
    """What a fit may add to X: 64 MiB + 16 bytes a row + (threads + log2 blocks) × statistics; blocks of 4096 rows."""
    blocks = max(2.0, shape.n_samples / 4096)
    return int(64 * MIB + 16 * shape.n_samples + (threads + math.log2(blocks)) * statistics_bytes(shape))


def measure_memory(shape: Shape, threads: int) -> dict[str, Any]:
    """Peak of a fit from scratch, k-means start and five iterations, above the process that holds X."""
    import gaussmix

    small = make_problem(Shape(shape.covariance_type, 2000, shape.n_features, shape.n_components), 4.0)
    fit_gaussmix(small, 1, threads)  # loads the library and starts its threads
    problem = make_problem(shape, SEPARATIONS["separated"])
    before = status_bytes("VmRSS")
    gaussmix.fit(
        problem.x,
        shape.n_components,
        shape.covariance_type,
        init="k-means++",
        max_iter=5,
        tol=0.0,
        reg_covar=REG_COVAR,
        random_state=1,
        num_threads=threads,
    )
    peak = status_bytes("VmHWM") - before
    return {"x_bytes": problem.x.nbytes, "peak_bytes": peak, "limit_bytes": memory_limit(shape, threads)}


def worker(task: dict[str, Any]) -> None:
    """Runs one measurement and prints it as JSON."""
    threads = int(task["threads"])
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])  # before any library starts threads
    shape = Shape(**task["shape"])
    if task["kind"] == "memory":
        result = measure_memory(shape, threads)
    else:
        result = measure_speed(shape, task["data"], threads, task["n_iter"], task["repeats"])
    print(json.dumps(result))


# ---- in the process that the user started ----


def run_worker(task: dict[str, Any]) -> dict[str, Any]:
    command = [sys.executable, __file__, "--worker", json.dumps(task)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return {**task, **result}


def speed_table(rows: list[dict[str, Any]]) -> str:
    lines = [
        "| shape | data | threads | scikit-learn, ms | gaussmix, ms | ratio |",
        "|---|---|---:|---:|---:|---:|",
    ]
    for row in rows:
        ms = {name: 1e3 * value for name, value in row["seconds"].items()}
        cells = (Shape(**row["shape"]), row["data"], row["threads"], f"{ms['sklearn']:.1f}", f"{ms['gaussmix']:.1f}")
        lines.append(f"| {' | '.join(map(str, cells))} | {row['ratio']:.2f} |")
    for threads in sorted({row["threads"] for row in rows}):
        ratios = [row["ratio"] for row in rows if row["threads"] == threads]
        mean, least = statistics.geometric_mean(ratios), min(ratios)
        lines.append(f"| **geometric mean** (least {least:.2f}) | | {threads} | | | **{mean:.2f}** |")
    return "\n".join(lines)


def memory_table(rows: list[dict[str, Any]]) -> str:
    lines = ["| shape | threads | X, MiB | fit adds, MiB | limit, MiB |", "|---|---:|---:|---:|---:|"]
    for row in rows:
        x, peak, limit = (row[key] / MIB for key in ("x_bytes", "peak_bytes", "limit_bytes"))
        verdict = "" if peak <= limit else " (over)"
        lines.append(f"| {Shape(**row['shape'])} | {row['threads']} | {x:.1f} | {peak:.1f}{verdict} | {limit:.1f} |")
    return "\n".join(lines)


def environment() -> dict[str, Any]:
    """What the figures depend on."""
    import gaussmix
    import numpy as np
    import sklearn

    names = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    return {
        "processor": names[0].split(":", 1)[1].strip() if names else "unknown",
        "processors": len(os.sched_getaffinity(0)),
        "gaussmix": dict(gaussmix.build_info()),
        "simd_level": gaussmix.simd_level(),
        "scikit-learn": sklearn.__version__,
        "numpy": np.__version__,
    }


def parse_arguments() -> argparse.Namespace:
    names = ",".join(shape.name for shape in SHAPES)
    parser = argparse.ArgumentParser(description="EM iterations of gaussmix beside scikit-learn's.")
    parser.add_argument("--shapes", default=names, help=f"comma-separated, of {names}")
    parser.add_argument("--data", default=",".join(SEPARATIONS), help="comma-separated, of separated,overlapping")
    parser.add_argument("--threads", default="1,2", help="comma-separated numbers of threads")
    parser.add_argument("--iterations", type=int, default=5, help="iterations timed in each fit")
    parser.add_argument("--repeats", type=int, default=5, help="turns of which the median is taken")
    parser.add_argument("--quick", action="store_true", help="a fiftieth of the rows, 2 iterations, 3 repeats")
    parser.add_argument("--json", type=Path, default=Path("bench_em.json"), help="where the figures are written")
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    return parser.parse_args()


def chosen_shapes(names: str, quick: bool) -> list[Shape]:
    known = {shape.name: shape for shape in SHAPES}
    unknown = [name for name in names.split(",") if name not in known]
    if unknown:
        sys.exit(f"--shapes must be of {', '.join(known)}, but has {', '.join(unknown)}")
    shapes = [known[name] for name in names.split(",")]
    if quick:
        shapes = [Shape(s.covariance_type, s.n_samples // 50, s.n_features, s.n_components) for s in shapes]
    return shapes


def main() -> None:
    arguments = parse_arguments()
    if arguments.worker:
        worker(json.loads(arguments.worker))
        return
    n_iter, repeats = (2, 3) if arguments.quick else (arguments.iterations, arguments.repeats)
    threads = [int(t) for t in arguments.threads.split(",")]
    speed: list[dict[str, Any]] = []
    memory: list[dict[str, Any]] = []
    for shape in chosen_shapes(arguments.shapes, arguments.quick):
        for count in threads:
            task = {"shape": asdict(shape), "threads": count}
            for data in arguments.data.split(","):
                print(f"{shape}, {data}, {count} threads", file=sys.stderr)
                speed.append(run_worker({**task, "kind": "speed", "data": data, "n_iter": n_iter, "repeats": repeats}))
            memory.append(run_worker({**task, "kind": "memory"}))
    worst = max(row["likelihood_difference"] for row in speed)
    report = {"environment": environment(), "speed": speed, "memory": memory}
    arguments.json.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    print(f"Time of one EM iteration, medians of {repeats}; ratio = scikit-learn / gaussmix.\n")
    print(speed_table(speed))
    print(f"\nMean log-likelihoods differ by at most {worst:.1e} relative.\n\nPeak memory of a fit, above X.\n")
    print(memory_table(memory))


if __name__ == "__main__":
    main()
