"""Interpreters: they end while threads are inside calls, and there is one that gaussmix works in."""

from __future__ import annotations

import subprocess
import sys

import pytest


def run(script: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=100, check=False)


# ---- daemon threads ----

# {threads} of them call for ever, and are somewhere inside when the main thread comes to its end.
DAEMONS = """
import threading
import time
import numpy as np
import gaussmix

X = np.random.default_rng(0).normal(size=(20_000, 8))
mixture = gaussmix.Mixture([0.5, 0.5], [[0.0] * 8, [1.0] * 8], [1.0, 2.0], "spherical")
statistics = gaussmix.Statistics(mixture)

def fit(**options):
    gaussmix.fit(X, 8, random_state=0, tol=0, max_iter=1000, num_threads=2, **options)

def call_for_ever():
    inside.set()
    while True:
        {call}

inside = threading.Event()
for _ in range({threads}):
    threading.Thread(target=call_for_ever, daemon=True).start()
inside.wait()
time.sleep({seconds})
"""

CALLS = {
    "fit": "fit()",
    "fit with a callback": "fit(callback=lambda progress: sum(range(1000)) < 0)",
    "fit with a deadline": "fit(deadline=100)",
    "fit of many starts": "fit(n_init=100, callback=lambda progress: progress.n_iter > 1)",
    "log_prob": "mixture.log_prob(X, num_threads=2)",
    "log_prob of few rows": "mixture.log_prob(X[:100])",
    "kmeans": "gaussmix.kmeans(X, 32, num_threads=2)",
    "accumulate, by turns": "statistics.accumulate(X)",
    "Mixture": "gaussmix.Mixture(mixture.weights, mixture.means, mixture.covariances, 'spherical')",
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
@pytest.mark.parametrize(("threads", "seconds"), [(1, 0.1), (3, 0.15)])
def test_daemon_threads_let_the_process_end(call: str, threads: int, seconds: float) -> None:
    done = run(DAEMONS.format(call=call, threads=threads, seconds=seconds))
    assert (done.returncode, done.stderr) == (0, "")


# The thread that ends the interpreter drops `sys.ps1` then, before any module.
LATE = """
import os
import sys
import threading
import warnings
import numpy as np
import gaussmix

warnings.simplefilter("ignore", gaussmix.ConvergenceWarning)
X = np.random.default_rng(0).normal(size=(20_000, 8))
mixture = gaussmix.Mixture([0.5, 0.5], [[0.0] * 8, [1.0] * 8], [1.0, 2.0], "spherical")
statistics = gaussmix.Statistics(mixture)

def accumulate():
    while True:
        statistics.accumulate(X)

class Late:
    def __del__(self):
        seen = []
        result = gaussmix.fit(X, 2, random_state=0, tol=0, max_iter=3, callback=seen.append, num_threads=2)
        os.write(1, f"{result.n_iter} {len(seen)} {statistics.total_weight >= 20_000}".encode())

statistics.accumulate(X)
threading.Thread(target=accumulate, daemon=True).start()
sys.ps1 = Late()
"""


def test_calls_of_the_thread_that_ends_the_interpreter_run_to_their_end() -> None:
    done = run(LATE)
    assert (done.returncode, done.stdout, done.stderr) == (0, "3 3 True", "")


# ---- sub-interpreters ----

SUBINTERPRETER = """
{before}
try:
    import _interpreters as interpreters
    made = interpreters.create({kind!r})
except ImportError:  # before Python 3.13
    import _xxsubinterpreters as interpreters
    made = interpreters.create(isolated={kind!r} == "isolated")
script = '''
try:
    import gaussmix
except ImportError as error:
    print(error, flush=True)
'''
interpreters.run_string(made, script)
"""


@pytest.mark.parametrize("before", ["", "import gaussmix"], ids=["first", "second"])
@pytest.mark.parametrize("kind", ["isolated", "legacy"])
def test_a_sub_interpreter_cannot_import_gaussmix(kind: str, before: str) -> None:
    done = run(SUBINTERPRETER.format(kind=kind, before=before))
    assert (done.returncode, done.stderr) == (0, "")
    assert "interpreter" in done.stdout
