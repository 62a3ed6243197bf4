"""What Python costs: a call's wrapper over the raw extension, the import over NumPy's, the layout of float32 rows.

    python bench/python/bench_wrapper.py            prints Markdown, writes bench_wrapper.json
    python bench/python/bench_wrapper.py --quick    fewer and smaller, to see that it runs

Limits: the wrapper of log_prob below 0.5 µs, the import below 30 ms over NumPy's, Fortran-ordered float32 within 15 %
of C-ordered, with a peak memory of X + 64 MiB. Medians and quartiles; what is compared is timed in turn.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gaussmix
import numpy as np
from gaussmix import _core

Measure = Callable[[], object]


def quartiles(values: list[float]) -> dict[str, float]:
    low, median, high = statistics.quantiles(values, n=4)
    return {"median": median, "low": low, "high": high}


def seconds_in_turn(calls: dict[str, Measure], repeats: int, loops: int) -> dict[str, list[float]]:
    """Seconds of one call, `repeats` times each, in turn."""
    times: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(repeats):
        for name, call in calls.items():
            begin = time.perf_counter()
            for _ in range(loops):
                call()
            times[name].append((time.perf_counter() - begin) / loops)
    return times


# ---- calls ----


def bound(function: Callable[..., object], *arguments: object) -> Measure:
    return lambda: function(*arguments)


def wrapper_costs(repeats: int, loops: int) -> list[dict[str, Any]]:
    """Microseconds of a call on one row of 8 features: the extension's own function, the package's, the estimator's."""
    x = np.random.default_rng(0).normal(size=(1000, 8))
    model = gaussmix.GaussianMixture(3, random_state=0, max_iter=1000).fit(x)
    mixture, row, rows = model.mixture_, x[:1], []
    for method, estimator in (("log_prob", model.score_samples), ("predict", model.predict)):
        calls = {
            "raw": bound(getattr(_core.Mixture, method), mixture, row),
            "package": bound(getattr(gaussmix.Mixture, method), mixture, row),
            "estimator": bound(estimator, row),
        }
        times = seconds_in_turn(calls, repeats, loops)
        costs = [1e6 * (p - r) for p, r in zip(times["package"], times["raw"], strict=True)]
        microseconds = {name: quartiles([1e6 * t for t in values]) for name, values in times.items()}
        rows.append({"method": method, **microseconds, "cost": quartiles(costs)})
    return rows


# ---- import ----


def import_milliseconds(repeats: int) -> dict[str, dict[str, float]]:
    """Of `import gaussmix` in a process that has imported NumPy, and of NumPy in a bare one; both compiled before."""
    script = "import time; {before}; b = time.perf_counter(); import {name}; print(1e3 * (time.perf_counter() - b))"
    found: dict[str, list[float]] = {"numpy": [], "gaussmix": []}
    with tempfile.TemporaryDirectory() as cache:
        environment = {**os.environ, "PYTHONPYCACHEPREFIX": cache, "PYTHONDONTWRITEBYTECODE": ""}
        for _ in range(repeats + 1):
            for name, before in (("numpy", "pass"), ("gaussmix", "import numpy")):
                command = [sys.executable, "-c", script.format(name=name, before=before)]
                done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
                found[name].append(float(done.stdout))
    return {name: quartiles(values[1:]) for name, values in found.items()}


# ---- layouts ----

PEAK_SCRIPT = """
import sys
import numpy as np, gaussmix
n, d, k, order = int(sys.argv[1]), 32, 16, sys.argv[2]
rng = np.random.default_rng(0)
x = np.empty((n, d), np.float32, order)
for j in range(d):
    x[:, j] = rng.standard_normal(n, np.float32)
def peak():  # in MiB; that of getrusage would begin at the parent's
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM:")) / 1024

mixture = gaussmix.fit(x[:10_000], k, init="random_from_data", max_iter=1, tol=0, random_state=0).mixture
before = peak()
gaussmix.fit(x, k, init=mixture, max_iter=1, tol=0)
print(peak() - before)
"""


def layouts(n_samples: int, repeats: int) -> dict[str, Any]:
    """Seconds of scoring and of one EM iteration on float32, (N, 32), K = 16, one thread; MiB above X of a fit."""
    x = np.random.default_rng(0).standard_normal((n_samples, 32), np.float32)
    fortran = np.asfortranarray(x)
    options: dict[str, Any] = {"init": "random_from_data", "tol": 0.0, "random_state": 0, "num_threads": 1}
    mixture = gaussmix.fit(x[:10_000], 16, max_iter=1, **options).mixture

    def scored(rows: Any) -> Measure:
        return lambda: mixture.log_prob(rows, num_threads=1)

    def fitted(rows: Any) -> Measure:
        return lambda: gaussmix.fit(rows, 16, init=mixture, max_iter=1, tol=0.0, num_threads=1)

    found: dict[str, Any] = {}
    for work, make in (("log_prob", scored), ("fit", fitted)):
        times = seconds_in_turn({"C": make(x), "Fortran": make(fortran)}, repeats, 1)
        ratios = [f / c for f, c in zip(times["Fortran"], times["C"], strict=True)]
        found[work] = {name: quartiles(values) for name, values in times.items()} | {"ratio": quartiles(ratios)}
    for order in ("C", "F"):
        command = [sys.executable, "-c", PEAK_SCRIPT, str(n_samples), order]
        found[f"peak_{order}"] = float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    return found


# ---- report ----


def shown(value: dict[str, float], digits: int = 2) -> str:
    return f"{value['median']:.{digits}f} [{value['low']:.{digits}f}, {value['high']:.{digits}f}]"


def report(figures: dict[str, Any]) -> str:
    lines = [
        "| one row, D = 8, K = 3 | raw, µs | package, µs | package − raw, µs | estimator, µs |",
        "|---|---|---|---|---|",
    ]
    for row in figures["calls"]:
        cells = [shown(row[name]) for name in ("raw", "package", "cost", "estimator")]
        lines.append(f"| `{row['method']}` | " + " | ".join(cells) + " |")
    imports = figures["imports"]
    lines += ["", "| import | ms |", "|---|---|", f"| numpy | {shown(imports['numpy'], 1)} |"]
    lines += [f"| gaussmix, after numpy | {shown(imports['gaussmix'], 1)} |", ""]
    lines += ["| float32, N × 32, K = 16 | C, s | Fortran, s | Fortran / C |", "|---|---|---|---|"]
    for work in ("log_prob", "fit"):
        found = figures["layouts"][work]
        lines.append(f"| {work} | {shown(found['C'], 3)} | {shown(found['Fortran'], 3)} | {shown(found['ratio'])} |")
    peaks = [f"{figures['layouts'][f'peak_{order}']:.1f}" for order in ("C", "F")]
    lines += ["", f"Peak memory of a fit above X: {peaks[0]} MiB for C order, {peaks[1]} MiB for Fortran order."]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description="What Python costs.")
    parser.add_argument("--quick", action="store_true", help="fewer and smaller, to see that it runs")
    parser.add_argument("--json", type=Path, default=Path("bench_wrapper.json"), help="where the figures are written")
    arguments = parser.parse_args()
    repeats, loops, n_samples = (3, 200, 20_000) if arguments.quick else (15, 5000, 1_000_000)
    figures = {
        "calls": wrapper_costs(repeats, loops),
        "imports": import_milliseconds(repeats),
        "layouts": layouts(n_samples, repeats),
    }
    arguments.json.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    print(report(figures))


if __name__ == "__main__":
    main()
