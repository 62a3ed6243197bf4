"""How calls run: threads, the GIL, forks, signals; and what the package says about itself."""

from __future__ import annotations

import ast
import inspect
import multiprocessing
import pickle
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gaussmix
import numpy as np
import pytest
from conftest import MakeMixture, stopped_fit
from gaussmix import InvalidArgumentError, _core

X = np.random.default_rng(29).normal(scale=3, size=(20_011, 4))
WEIGHT = np.random.default_rng(30).uniform(size=20_011)


def run(script: str, timeout: float = 60) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=timeout, check=False)


# ---- threads ----


@pytest.mark.parametrize("dtype", ["f4", "f8", "i2"])
def test_any_number_of_threads_gives_the_same_bits(make_mixture: MakeMixture, dtype: str) -> None:
    mixture, x = make_mixture(), X.astype(dtype)

    def everything(threads: int) -> list[bytes]:
        statistics = gaussmix.Statistics(mixture)
        statistics.accumulate(x, WEIGHT, num_threads=threads)
        result = stopped_fit(x, 3, tol=0, max_iter=3, random_state=1, sample_weight=WEIGHT, num_threads=threads)
        sums = [
            mixture.log_likelihood(x, WEIGHT, num_threads=threads),
            mixture.aic(x, num_threads=threads),
            mixture.bic(x, num_threads=threads),
            result.log_likelihood,
        ]
        return [
            mixture.log_prob(x, num_threads=threads).tobytes(),
            mixture.responsibilities(x, num_threads=threads).tobytes(),
            mixture.predict(x, num_threads=threads).tobytes(),
            statistics.to_bytes(),
            np.array(sums).tobytes(),
            result.mixture.covariances.tobytes(),
            result.trace.tobytes(),
        ]

    expected = everything(1)
    for threads in range(2, 6):
        assert everything(threads) == expected


def test_the_number_of_threads_of_the_process() -> None:
    usual = gaussmix.get_num_threads()
    assert usual >= 1
    gaussmix.set_num_threads(3)
    assert gaussmix.get_num_threads() == (3 if gaussmix.build_info()["openmp"] != "off" else 1)
    for default in (None, 0):
        gaussmix.set_num_threads(3)
        gaussmix.set_num_threads(default)
        assert gaussmix.get_num_threads() == usual


@pytest.mark.parametrize(
    ("value", "error"), [(-1, InvalidArgumentError), (2.0, TypeError), (True, TypeError), ("2", TypeError)]
)
def test_bad_numbers_of_threads(make_mixture: MakeMixture, value: Any, error: type[Exception]) -> None:
    before = gaussmix.get_num_threads()
    with pytest.raises(error, match=f"num_threads must be .*but is {value!r}"):
        gaussmix.set_num_threads(value)
    with pytest.raises(error, match=f"num_threads must be .*but is {value!r}"):
        make_mixture().log_prob(X, num_threads=value)
    assert gaussmix.get_num_threads() == before


def test_python_threads_share_a_mixture(make_mixture: MakeMixture) -> None:
    mixture = make_mixture()
    expected = mixture.log_prob(X).tobytes()
    results: list[bytes] = []
    threads = [
        threading.Thread(target=lambda: results.extend(mixture.log_prob(X, num_threads=2).tobytes() for _ in range(10)))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert results == [expected] * 40


# ---- the GIL and signals ----


def long_calls(mixture: gaussmix.Mixture) -> dict[str, Callable[[], object]]:
    """Calls of many seconds, to be cut short."""
    rows = np.broadcast_to(X[0], (200_000_000, 4))
    return {
        "log_likelihood": lambda: mixture.log_likelihood(rows, num_threads=2),
        "accumulate": lambda: gaussmix.Statistics(mixture).accumulate(rows, num_threads=2),
        "fit": lambda: gaussmix.fit(X, 8, init="random", tol=0, max_iter=10_000_000, num_threads=2),
        "kmeans": lambda: gaussmix.kmeans(np.tile(X, (100, 1)), 50, num_threads=2),
    }


INTERRUPTED = """
import os, signal, sys, threading, time
import numpy as np
import gaussmix
sys.path.insert(0, {here!r})
from test_runtime import long_calls

signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job would inherit that it is ignored

mixture = gaussmix.Mixture(np.full(20, 0.05), np.arange(80.0).reshape(20, 4), np.ones(20), "spherical")
call = long_calls(mixture)[{name!r}]

def interrupt():
    global turns, sent
    end = time.perf_counter() + 0.5
    while time.perf_counter() < end:
        time.sleep(0.001)
        turns += 1
    sent = time.perf_counter()
    os.kill(os.getpid(), signal.SIGINT)

for _ in range(3):
    turns = 0
    thread = threading.Thread(target=interrupt)
    thread.start()
    try:
        call()
    except KeyboardInterrupt:
        print(turns, time.perf_counter() - sent)
    thread.join()
"""


@pytest.mark.parametrize("name", ["log_likelihood", "accumulate", "fit", "kmeans"])
def test_other_threads_go_on_and_ctrl_c_ends_the_call(name: str) -> None:
    done = run(INTERRUPTED.format(here=str(Path(__file__).parent), name=name), timeout=100)
    assert done.returncode == 0, done.stderr
    lines = [line.split() for line in done.stdout.splitlines()]
    assert len(lines) == 3
    # A thread that sleeps a millisecond and has to wait for its turn goes round some 400 times in half a second, on a
    # busy machine ten times less, and not once while a call holds the GIL.
    assert max(int(turns) for turns, _ in lines) > 40
    # The least of three: a busy machine adds to each what the library cannot help.
    assert min(float(delay) for _, delay in lines) < 0.1


def test_a_signal_handler_that_returns_lets_the_call_go_on() -> None:
    script = """
import signal
import numpy as np
import gaussmix

calls = []
signal.signal(signal.SIGALRM, lambda *_: calls.append(len(seen)))
signal.setitimer(signal.ITIMER_REAL, 0.1, 0.1)
seen = []
x = np.random.default_rng(0).normal(size=(20_000, 4))
enough = lambda progress: seen.append(progress) or len(calls) >= 3
result = gaussmix.fit(x, 4, init="random", tol=0, max_iter=10_000_000, callback=enough, num_threads=2)
print(len(calls), result.n_iter == len(seen))
"""
    done = run(script)
    assert done.stdout.split() == ["3", "True"], done.stderr


def test_a_signal_handler_that_raises_leaves_statistics_alone() -> None:
    script = """
import signal
import numpy as np
import gaussmix

def give_up(*_):
    raise TimeoutError("enough")

mixture = gaussmix.Mixture(np.full(20, 0.05), np.arange(80.0).reshape(20, 4), np.ones(20), "spherical")
statistics = gaussmix.Statistics(mixture)
statistics.accumulate(np.ones((10, 4)))
before = statistics.to_bytes()
signal.signal(signal.SIGALRM, give_up)
signal.setitimer(signal.ITIMER_REAL, 0.2)
try:
    statistics.accumulate(np.broadcast_to(1.0, (200_000_000, 4)), num_threads=2)
except TimeoutError as error:
    print(error, statistics.to_bytes() == before)
"""
    done = run(script)
    assert done.stdout.split() == ["enough", "True"], done.stderr


# ---- forks ----

FORKED = """
import multiprocessing, sys
import numpy as np
import gaussmix

mixture = gaussmix.Mixture([0.5, 0.5], [[0.0] * 4, [1.0] * 4], [1.0, 2.0], "spherical")
x = np.random.default_rng(0).normal(size=(100_000, 4))

def score(threads):
    return mixture.log_likelihood(x, num_threads=threads)

def main():
    expected = score(2)  # starts the threads that a child does not inherit
    with multiprocessing.get_context({method!r}).Pool(2) as pool:
        assert pool.map(score, [2, 3, 1, 2]) == [expected] * 4
    assert score(2) == expected  # the parent goes on
    print("done")

if __name__ == "__main__":
    main()
"""


@pytest.mark.parametrize("method", multiprocessing.get_all_start_methods())
def test_child_processes_score_after_a_threaded_call(tmp_path: Path, method: str) -> None:
    script = tmp_path / "children.py"
    script.write_text(FORKED.format(method=method))
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=100, check=False)
    assert done.stdout == "done\n", done.stderr


# ---- pickles ----


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_what_holds_no_state_of_its_own_is_not_pickled(make_mixture: MakeMixture, protocol: int) -> None:
    seen: list[gaussmix.FitProgress] = []
    gaussmix.fit(X, 1, callback=seen.append)
    for value in (make_mixture().row_scorer(), seen[0]):
        with pytest.raises(TypeError, match=f"cannot pickle 'gaussmix.{type(value).__name__}' object"):
            pickle.dumps(value, protocol)


# ---- what the package says about itself ----


def test_build_info() -> None:
    info = gaussmix.build_info()
    assert list(info) == [
        "version",
        "compiler",
        "eigen",
        "nlohmann_json",
        "openmp",
        "simd_levels",
        "build_type",
        "assertions",
    ]
    assert all(type(value) is str and value for value in info.values())
    assert info["version"] == gaussmix.__version__
    assert set(gaussmix.simd_levels()) <= set(info["simd_levels"].split())


def test_every_level_can_be_forced() -> None:
    assert gaussmix.simd_levels()[0] == "baseline"
    for level in gaussmix.simd_levels():
        gaussmix.set_simd_level(level)
        assert gaussmix.simd_level() == level
    with pytest.raises(InvalidArgumentError, match="sse9"):
        gaussmix.set_simd_level("sse9")
    with pytest.raises(TypeError, match="level must be a str, but is 2"):
        gaussmix.set_simd_level(2)  # type: ignore[arg-type]
    assert gaussmix.simd_level() == gaussmix.simd_levels()[-1]


def test_errors() -> None:
    for error in (gaussmix.InvalidArgumentError, gaussmix.NumericalError, gaussmix.FormatError):
        assert issubclass(error, gaussmix.GaussmixError)
        assert issubclass(error, ValueError)
        assert error.__module__ == "gaussmix"
        assert error.__doc__
    assert not issubclass(gaussmix.GaussmixError, ValueError)


def test_public_names() -> None:
    assert sorted(gaussmix.__all__, key=str.lower) == sorted(set(gaussmix.__all__), key=str.lower)
    for name in gaussmix.__all__:
        value = getattr(gaussmix, name)
        assert value.__doc__, name
        if inspect.isclass(value):
            assert value.__module__.split(".")[0] == "gaussmix"


def test_import_needs_numpy_alone() -> None:
    done = run("import sys, gaussmix; print(*sorted({name.split('.')[0] for name in sys.modules}))")
    assert not {"sklearn", "scipy", "pandas", "matplotlib"} & set(done.stdout.split()), done.stderr


@pytest.mark.parametrize(
    ("option", "ends_with"), [("--cmakedir", "gaussmix/lib/cmake/gaussmix"), ("--includes", "gaussmix/include")]
)
def test_command_line_finds_the_cpp_side(option: str, ends_with: str) -> None:
    command = [sys.executable, "-m", "gaussmix", option]
    line = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout.strip()
    path = Path(line.removeprefix("-I"))
    assert line.startswith("-I") == (option == "--includes")
    assert path.as_posix().endswith(ends_with)
    assert list(path.rglob("*.cmake" if option == "--cmakedir" else "gaussmix.hpp"))


def test_command_line_prints_the_version_and_refuses_nothing_to_do() -> None:
    def main(*options: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "gaussmix", *options]
        return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

    assert main("--version").stdout.strip() == gaussmix.__version__
    assert main().returncode == 2
    assert "--cmakedir" in main().stderr


# ---- the stub says what the binary is ----


def stub() -> ast.Module:
    return ast.parse(Path(gaussmix.__file__).with_name("_core.pyi").read_text(encoding="utf-8"))


def parameters_of(function: ast.FunctionDef) -> list[tuple[str, str, Any]]:
    """(name, kind, default) of each parameter of a function in the stub."""
    arguments, empty = function.args, inspect.Parameter.empty
    missing = [None] * (len(arguments.args) - len(arguments.defaults))
    positional = zip(arguments.args, [*missing, *arguments.defaults], strict=True)
    keyword_only = zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
    rows = [(a, "POSITIONAL_OR_KEYWORD", d) for a, d in positional] + [(a, "KEYWORD_ONLY", d) for a, d in keyword_only]
    found = [(a.arg, kind, empty if d is None else ast.literal_eval(d)) for a, kind, d in rows]
    return [*found, (arguments.kwarg.arg, "VAR_KEYWORD", empty)] if arguments.kwarg else found


def check_function(declared: ast.FunctionDef, actual: Any) -> None:
    signature = inspect.signature(actual)
    found = [(p.name, p.kind.name, p.default) for p in signature.parameters.values()]
    assert found == parameters_of(declared), declared.name
    assert actual.__doc__


def check_class(declared: ast.ClassDef, actual: type) -> None:
    members = [node for node in declared.body if isinstance(node, ast.FunctionDef)]
    public = {name for name in vars(actual) if not name.startswith("_")}
    assert {node.name for node in members if not node.name.startswith("_")} == public
    for node in members:
        decorators = [d.id for d in node.decorator_list if isinstance(d, ast.Name)]
        if decorators == ["property"]:
            assert isinstance(vars(actual)[node.name], property)
            assert vars(actual)[node.name].__doc__
        elif node.name == "__init__" or not node.name.startswith("_"):
            check_function(node, getattr(actual, node.name))
        else:
            assert hasattr(actual, node.name)


def test_the_stub_matches_the_binary() -> None:
    declared = {node.name: node for node in stub().body if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    assert set(declared) == {name for name in vars(_core) if not name.startswith("_")}
    for name, node in declared.items():
        if isinstance(node, ast.ClassDef):
            check_class(node, getattr(_core, name))
        else:
            check_function(node, getattr(_core, name))
