"""How it is measured: one pinned process a measurement, libraries in turn, medians, and what the figures depend on."""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from problems import SEPARATIONS, SHAPES, Shape

REST = 0.01  # seconds before a timed call, in which the waiting OpenMP threads of the last library fall asleep
DISTRIBUTIONS = ("numpy", "scikit-learn", "scikit-learn-intelex", "onnxruntime", "skl2onnx", "pomegranate", "torch")


# ---- in the measuring process ----


def pin(threads: int) -> None:
    """Keeps this process on as many processors as it has threads; to be called before any library starts threads."""
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])


def seconds(call: Callable[[], object]) -> float:
    time.sleep(REST)
    begin = time.perf_counter()
    call()
    return time.perf_counter() - begin


def in_turn(timed: dict[str, Callable[[], float]], repeats: int) -> dict[str, list[float]]:
    """What each gives in seconds, `repeats` times, all of them in alternation."""
    times: dict[str, list[float]] = {name: [] for name in timed}
    for _ in range(repeats):
        for name, measure in timed.items():
            times[name].append(measure())
    return times


def medians(times: dict[str, list[float]]) -> dict[str, float]:
    return {name: statistics.median(values) for name, values in times.items()}


def spread(times: dict[str, list[float]]) -> dict[str, tuple[float, float]]:
    return {name: (min(values), max(values)) for name, values in times.items()}


# ---- in the process that the user started ----


def run_worker(script: str, task: dict[str, Any]) -> dict[str, Any]:
    """Runs `script --worker task` in a process of its own; the task and what it printed last as JSON."""
    command = [sys.executable, script, "--worker", json.dumps(task)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return {**task, **result}


def run_seeds(script: str, task: dict[str, Any], arguments: argparse.Namespace) -> dict[str, Any]:
    """run_worker for as many seeds as the arguments ask for, announced on the standard error stream."""
    print(", ".join(map(str, task.values())), "threads", file=sys.stderr)
    seeds = 2 if arguments.quick else arguments.repeats
    return run_worker(script, task | {"seeds": seeds, "quick": arguments.quick})


def argument_parser(description: str, figures: str, repeats: int) -> argparse.ArgumentParser:
    """The options that every benchmark has; `figures` names the JSON file that it writes."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--data", default=",".join(SEPARATIONS), help=f"comma-separated, of {','.join(SEPARATIONS)}")
    parser.add_argument("--repeats", type=int, default=repeats, help=f"turns of each library, {repeats} unless told")
    parser.add_argument("--quick", action="store_true", help="small and inexact, to see that it runs")
    parser.add_argument("--json", type=Path, default=Path(figures), help="where the figures are written")
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    return parser


def add_shape_arguments(parser: argparse.ArgumentParser) -> None:
    names = ",".join(shape.name for shape in SHAPES)
    parser.add_argument("--shapes", default=names, help=f"comma-separated, of {names}")
    parser.add_argument("--threads", default="1,2", help="comma-separated numbers of threads")


def chosen(option: str, names: str, known: tuple[str, ...]) -> list[str]:
    """The names of a comma-separated list; ends the program where one is not known."""
    unknown = [name for name in names.split(",") if name not in known]
    if unknown:
        sys.exit(f"{option} must be of {', '.join(known)}, but has {', '.join(unknown)}")
    return names.split(",")


def chosen_data(arguments: argparse.Namespace) -> list[str]:
    return chosen("--data", arguments.data, tuple(SEPARATIONS))


def chosen_shapes(arguments: argparse.Namespace) -> list[Shape]:
    known = {shape.name: shape for shape in SHAPES}
    shapes = [known[name] for name in chosen("--shapes", arguments.shapes, tuple(known))]
    return [shape.quick for shape in shapes] if arguments.quick else shapes


def chosen_threads(arguments: argparse.Namespace) -> list[int]:
    available = len(os.sched_getaffinity(0))
    threads = [int(count) for count in arguments.threads.split(",")]
    if not all(1 <= count <= available for count in threads):
        sys.exit(f"--threads must be from 1 to {available}, the processors available, but is {arguments.threads}")
    return threads


def versions() -> dict[str, str]:
    """Of the Python packages that are installed."""
    found = {}
    for name in DISTRIBUTIONS:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def environment() -> dict[str, Any]:
    """What the figures depend on."""
    import gaussmix

    names = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    return {
        "processor": names[0].split(":", 1)[1].strip() if names else "unknown",
        "processors": len(os.sched_getaffinity(0)),
        "gaussmix": dict(gaussmix.build_info()),
        "simd_level": gaussmix.simd_level(),
        **versions(),
    }


def write_report(path: Path, measured: dict[str, Any]) -> None:
    path.write_text(json.dumps({"environment": environment(), **measured}, indent=2) + "\n", encoding="utf-8")


def table(head: list[str], n_texts: int, rows: list[list[str]]) -> str:
    """A Markdown table whose first `n_texts` columns are texts and whose others are figures."""
    rule = ["---"] * n_texts + ["---:"] * (len(head) - n_texts)
    lines = [f"| {' | '.join(head)} |", f"|{'|'.join(rule)}|"]
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in rows)])


def summary(ratios: list[float]) -> tuple[str, str]:
    """The geometric mean and the least of them as cells; dashes where there are none."""
    if not ratios:
        return "–", "–"
    return f"**{statistics.geometric_mean(ratios):.2f}**", f"{min(ratios):.2f}"
