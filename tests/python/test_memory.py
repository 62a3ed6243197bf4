"""A fit adds at most 64 MiB + 16 bytes a row + (threads + log2 blocks) × the statistics to X, whatever X is.

The shape is chosen so that one N×K array of float64 or one copy of X, in float32 already, breaks the limit.
"""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from pathlib import Path

import pytest

N, D, K, THREADS = 320_000, 64, 32, 2
MIB = 2**20
STATISTICS = 8 * K * (1 + 2 * D)  # diag: weight, mean and scatter of each component
BLOCK_ROWS = 4096
WORK = 64 * MIB + 16 * N + int((THREADS + math.log2(N / BLOCK_ROWS)) * STATISTICS)

# Prints the peak of a fit, or of scoring, above the process without X.
SCRIPT = """
import json, sys
import numpy as np
import gaussmix

N, D, K, threads = {N}, {D}, {K}, {THREADS}
layout, dtype, work, path = sys.argv[1:]
if "tensor" in layout:
    import torch
rng = np.random.default_rng(7)
centers = rng.integers(-40, 41, (K, D))


def status_bytes(field):
    with open("/proc/self/status") as status:
        return next(1024 * int(line.split()[1]) for line in status if line.startswith(field + ":"))


def filled(x):
    for begin in range(0, len(x), 5000):
        part = x[begin : begin + 5000]
        rows = np.arange(begin, begin + len(part))
        part[:] = centers[rows % K] + rng.integers(-3, 4, part.shape)
    return x


def make():
    if layout == "memmap":
        filled(np.lib.format.open_memmap(path, mode="w+", dtype=dtype, shape=(N, D))).flush()
        return np.load(path, mmap_mode="r")
    if layout == "strided":
        return filled(np.empty((N, D), dtype)[::-1])
    x = filled(np.empty((N, D), dtype, order="F" if "fortran" in layout else "C"))
    return torch.from_numpy(x) if "tensor" in layout else x


def fit(x, init):
    return gaussmix.fit(x, K, "diag", init=init, max_iter=2, tol=0.0, random_state=3, num_threads=threads).mixture


mixture = fit(filled(np.empty((2000, D))), "k-means++")  # loads code, starts threads
before = status_bytes("VmRSS")
x = make()
made = status_bytes("VmHWM")
if work == "score":
    mixture.log_prob(x, num_threads=threads)
    mixture.predict(x, num_threads=threads)
else:
    fit(x, work)
print(json.dumps(dict(x=x.nbytes, made=made - before, peak=status_bytes("VmHWM") - before)))
"""


def measure(layout: str, dtype: str, work: str, path: Path) -> dict[str, int]:
    """Bytes of X, peak after making it, peak after the work, in a process of its own."""
    script = SCRIPT.format(N=N, D=D, K=K, THREADS=THREADS)
    command = [sys.executable, "-c", script, layout, dtype, work, str(path)]
    # Big blocks go back to the system at once, so that the peak is what was in use.
    environment = {**os.environ, "MALLOC_TRIM_THRESHOLD_": "131072", "MALLOC_MMAP_THRESHOLD_": "131072"}
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
    result: dict[str, int] = json.loads(done.stdout)
    return result


def test_the_limit_is_below_what_it_forbids() -> None:
    assert WORK < 8 * N * K
    assert WORK < 4 * N * D


@pytest.mark.skipif(not os.path.exists("/proc/self/status"), reason="reads the peak from /proc/self/status")
@pytest.mark.parametrize(
    ("layout", "dtype", "work"),
    [
        ("c", "float64", "k-means++"),
        ("c", "float64", "kmeans"),
        ("c", "float64", "random"),
        ("c", "float64", "score"),
        ("fortran", "float64", "random_from_data"),
        ("strided", "float64", "score"),
        ("c", "float32", "kmeans"),
        ("c", "int16", "kmeans"),
        ("c", "int16", "score"),
        ("memmap", "float64", "k-means++"),
        ("memmap", "float32", "score"),
        ("tensor", "float32", "kmeans"),
        ("fortran tensor", "float32", "k-means++"),
        ("fortran tensor", "float64", "score"),
    ],
)
def test_peak_memory(layout: str, dtype: str, work: str, tmp_path: Path) -> None:
    if "tensor" in layout:
        pytest.importorskip("torch")
    used = measure(layout, dtype, work, tmp_path / "x.npy")
    assert used["made"] <= used["x"] + 16 * MIB, "making X must not hide the peak of the fit"
    assert used["peak"] <= used["x"] + WORK


LEAK_SCRIPT = """
import _testcapi, gaussmix, numpy as np

K = {K}


def resident_bytes():
    with open("/proc/self/status") as lines:
        return int(next(line for line in lines if line.startswith("VmRSS")).split()[1]) * 1024


def refused(i):
    _testcapi.set_nomemory(i, i + 1)  # the allocation of Python's number i fails
    try:
        statistics.component_weights
    except MemoryError:
        return True
    finally:
        _testcapi.remove_mem_hooks()
    return False


statistics = gaussmix.Statistics(gaussmix.Mixture(np.full(K, 1 / K), np.zeros((K, 1)), np.ones(K), "spherical"))
assert any([refused(i) for i in range(40)])
before = resident_bytes()
for _ in range(8):
    for i in range(40):
        refused(i)
print((resident_bytes() - before) / (8 * K))
"""


@pytest.mark.skipif(not os.path.exists("/proc/self/status"), reason="reads the memory in use from /proc/self/status")
def test_an_array_that_cannot_be_made_leaves_nothing() -> None:
    pytest.importorskip("_testcapi")
    script = LEAK_SCRIPT.format(K=1 << 17)
    done = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
    assert float(done.stdout) < 1, "in arrays of K values"
