"""EM iterations of gaussmix beside those of its peers, and the peak memory of a fit.

    python bench/python/bench_em.py            every shape, 1 and 2 threads: prints Markdown, writes bench_em.json
    python bench/python/bench_em.py --quick    few rows, to see that it runs
    python bench/python/bench_em.py --shapes full-8,diag-40 --threads 1
    python bench/python/bench_em.py --peers sklearn,onedal,armadillo,pomegranate

All libraries start from the same weights, means and precisions, with tol=0 and reg_covar=1e-6, so all do the
iterations asked for. The time of one iteration is (t(1 + m) - t(1)) / m, where t(i) is the time of a whole fit of i
iterations: what a fit does once (validation, the start, scikit-learn's last E-step for its labels, the closing pass
of gaussmix) cancels, and no library is charged for it. They are timed in turn and medians are taken. Each
measurement is a process of its own, pinned to as many processors as it has threads; there the mean log-likelihoods of
all are compared as well, since times of unlike computations mean nothing.
"""

from __future__ import annotations

import json
import math
import sys
import tempfile
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import measuring
from peers import PEERS, REG_COVAR, TITLES, Fit, fit_gaussmix, fits, installed_peers, program_version
from problems import SEPARATIONS, Shape, make_problem

MIB = 2**20


# ---- in the measuring process, pinned before NumPy starts its threads ----


def iteration_seconds(fit: Fit, n_iter: int) -> float:
    """Of one iteration, from a fit of one and a fit of `n_iter` more."""
    once, more = measuring.seconds(lambda: fit(1)), measuring.seconds(lambda: fit(1 + n_iter))
    return (more - once) / n_iter


def mean_log_likelihoods(found: dict[str, Fit], n_iter: int) -> dict[str, float]:
    """Of all that can do the fit; a line for each that cannot."""
    values = {}
    for name, fit in found.items():
        try:
            values[name] = fit(n_iter)
        except RuntimeError as error:
            print(f"{TITLES[name]} is left out here: {str(error).splitlines()[0]}", file=sys.stderr)
    return values


def measure_speed(
    shape: Shape, data: str, threads: int, n_iter: int, repeats: int, peers: dict[str, str]
) -> dict[str, Any]:
    """Seconds per EM iteration of all, medians over `repeats` turns; `peers` as `fits` takes them."""
    import sklearn.mixture  # noqa: F401  # loads its BLAS and OpenMP, which the limit below then reaches
    from threadpoolctl import threadpool_limits

    def timed(fit: Fit) -> Callable[[], float]:
        return lambda: iteration_seconds(fit, n_iter)

    problem = make_problem(shape, SEPARATIONS[data])
    with threadpool_limits(limits=threads), fits(problem, peers, threads) as found:
        likelihoods = mean_log_likelihoods(found, 1 + n_iter)  # also warms all up
        times = measuring.in_turn({name: timed(found[name]) for name in likelihoods}, repeats)
    own = likelihoods.pop("gaussmix")
    # A difference of two fits whose times vary by more than the iterations take is no figure.
    seconds = {name: median for name, median in measuring.medians(times).items() if median > 0}
    compared = [name for name in likelihoods if name in seconds and "gaussmix" in seconds]
    return {
        "seconds": seconds,
        "spread": measuring.spread(times),
        "ratios": {name: seconds[name] / seconds["gaussmix"] for name in compared},
        "likelihood_differences": {name: abs(value - own) / abs(own) for name, value in likelihoods.items()},
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
    start = gaussmix.Mixture(problem.weights, problem.means, problem.covariances, shape.covariance_type)
    before = status_bytes("VmRSS")
    start.log_prob(problem.x, num_threads=threads)
    score_peak = status_bytes("VmHWM") - before  # the figure of the fit includes it
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
    return {
        "x_bytes": problem.x.nbytes,
        "score_peak_bytes": score_peak,
        "peak_bytes": status_bytes("VmHWM") - before,
        "limit_bytes": memory_limit(shape, threads),
    }


def worker(task: dict[str, Any]) -> dict[str, Any]:
    threads = int(task["threads"])
    measuring.pin(threads)
    shape = Shape(**task["shape"])
    if task["kind"] == "memory":
        return measure_memory(shape, threads)
    return measure_speed(shape, task["data"], threads, task["n_iter"], task["repeats"], task["peers"])


# ---- in the process that the user started ----


def speed_table(rows: list[dict[str, Any]], peers: list[str]) -> str:
    """A row for every measurement, a dash where it gave no figure; then the ratios of each data set together."""
    head = ["shape", "data", "threads", *(f"{TITLES[name]}, ms" for name in ("gaussmix", *peers))]
    lines = []
    for row in rows:
        times = [row["seconds"].get(name) for name in ("gaussmix", *peers)]
        ratios = [row["ratios"].get(name) for name in peers]
        cells = [str(Shape(**row["shape"])), row["data"], str(row["threads"])]
        cells += ["–" if time is None else f"{1e3 * time:.1f}" for time in times]
        lines.append(cells + ["–" if ratio is None else f"{ratio:.2f}" for ratio in ratios])
    for data, threads in dict.fromkeys((row["data"], row["threads"]) for row in rows):
        measured = [row["ratios"] for row in rows if (row["data"], row["threads"]) == (data, threads)]
        summaries = [measuring.summary([ratios[name] for ratios in measured if name in ratios]) for name in peers]
        blanks = [""] * (1 + len(peers))
        lines.append(["**geometric mean**", data, str(threads), *blanks, *(mean for mean, _ in summaries)])
        lines.append(["least", data, str(threads), *blanks, *(least for _, least in summaries)])
    return measuring.table([*head, *(f"{TITLES[name]} / gaussmix" for name in peers)], 2, lines)


def likelihood_lines(rows: list[dict[str, Any]], peers: list[str]) -> str:
    """How far each peer's mean log-likelihood lies from that of gaussmix after the same iterations."""
    lines = []
    for name in peers:
        differences = [row["likelihood_differences"][name] for row in rows if name in row["likelihood_differences"]]
        if differences:
            lines.append(f"- {TITLES[name]}: mean log-likelihoods differ by at most {max(differences):.1e} relative.")
    return "\n".join(lines)


def memory_table(rows: list[dict[str, Any]]) -> str:
    lines = []
    for row in rows:
        x, score, fit, limit = (row[key] / MIB for key in ("x_bytes", "score_peak_bytes", "peak_bytes", "limit_bytes"))
        verdict = "" if fit <= limit else " (over)"
        cells = [str(Shape(**row["shape"])), str(row["threads"])]
        lines.append([*cells, f"{x:.1f}", f"{score:.1f}", f"{fit:.1f}{verdict}", f"{limit:.1f}"])
    head = ["shape", "threads", "X, MiB", "log_prob adds, MiB", "fit adds, MiB", "limit, MiB"]
    return measuring.table(head, 1, lines)


def main() -> None:
    parser = measuring.argument_parser("EM iterations of gaussmix beside those of its peers.", "bench_em.json", 5)
    measuring.add_shape_arguments(parser)
    parser.add_argument("--peers", default="sklearn", help=f"comma-separated, of {','.join(PEERS)}")
    parser.add_argument("--iterations", type=int, default=5, help="iterations timed in each fit")
    arguments = parser.parse_args()
    if arguments.worker:
        print(json.dumps(worker(json.loads(arguments.worker))))
        return
    n_iter, repeats = (2, 3) if arguments.quick else (arguments.iterations, arguments.repeats)
    speed: list[dict[str, Any]] = []
    memory: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder:
        peers = installed_peers(measuring.chosen("--peers", arguments.peers, PEERS), Path(folder))
        fixed = {"kind": "speed", "n_iter": n_iter, "repeats": repeats, "peers": peers}
        for shape in measuring.chosen_shapes(arguments):
            for threads in measuring.chosen_threads(arguments):
                task = {"shape": asdict(shape), "threads": threads}
                for data in measuring.chosen_data(arguments):
                    print(f"{shape}, {data}, {threads} threads", file=sys.stderr)
                    row = measuring.run_worker(__file__, {**task, **fixed, "data": data})
                    del row["peers"]  # their paths end with this process
                    speed.append(row)
                memory.append(measuring.run_worker(__file__, {**task, "kind": "memory"}))
        programs = {name: program_version(program) for name, program in peers.items() if program}
    measuring.write_report(arguments.json, {"programs": programs, "speed": speed, "memory": memory})
    print(f"Time of one EM iteration, medians of {repeats}; a ratio above 1 says that gaussmix is faster.\n")
    print(speed_table(speed, list(peers)))
    print(f"\n{likelihood_lines(speed, list(peers))}\n\nPeak memory of log_prob and of a fit, above X.\n")
    print(memory_table(memory))


if __name__ == "__main__":
    main()
