"""Calls whose work is on covariances: other threads go on meanwhile, signals end them, threads change no bit."""

from __future__ import annotations

import pickle
import signal
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import gaussmix
import numpy as np
import pytest

K, D = 24, 256  # some tenths of a second on one thread


class Calls:
    """Each call of `by_name` gives a mixture, and takes some tenths of a second."""

    def __init__(self) -> None:
        rng = np.random.default_rng(5)
        a = rng.normal(size=(K, D, 2 * D))
        self.sigma = a @ a.swapaxes(1, 2) / (2 * D)
        self.means = rng.normal(scale=3, size=(K, D))
        self.mixture = gaussmix.Mixture(np.full(K, 1 / K), self.means, self.sigma)
        self.statistics = gaussmix.Statistics(self.mixture)
        self.statistics.accumulate(self.mixture.sample(K * D * 2, random_state=0)[0])
        pickled, sums = pickle.dumps(self.mixture), self.statistics.to_bytes()
        self.by_name: dict[str, Callable[[], Any]] = {
            "Mixture": lambda: gaussmix.Mixture(np.full(K, 1 / K), self.means, self.sigma),
            "pickle.loads": lambda: pickle.loads(pickled),
            "Statistics.from_bytes": lambda: gaussmix.Statistics.from_bytes(sums).mixture,
            "maximize": lambda: self.statistics.maximize(on_degenerate="floor"),
            "EM.step": lambda: gaussmix.EM(self.mixture).step(self.statistics).mixture,
        }


NAMES = ("Mixture", "pickle.loads", "Statistics.from_bytes", "maximize", "EM.step")


@pytest.fixture(scope="module")
def calls() -> Calls:
    return Calls()


@pytest.fixture
def one_thread() -> Iterator[None]:
    before = gaussmix.get_num_threads()
    gaussmix.set_num_threads(1)
    yield
    gaussmix.set_num_threads(before)


@pytest.mark.usefixtures("one_thread")
@pytest.mark.parametrize("name", NAMES)
def test_other_threads_go_on(calls: Calls, name: str) -> None:
    ticks, over = 0, threading.Event()

    def tick() -> None:
        nonlocal ticks
        while not over.is_set():
            time.sleep(0.001)
            ticks += 1

    def ticks_during(call: Callable[[], object]) -> int:
        before = ticks
        call()
        return ticks - before

    thread = threading.Thread(target=tick)
    thread.start()
    # A call that holds the GIL lets the other thread run once before it begins and once after it ended.
    most = max(ticks_during(calls.by_name[name]) for _ in range(5))
    over.set()
    thread.join()
    assert most > 4


class GivenUpError(Exception):
    """What the handler of the signal raises."""


@pytest.mark.usefixtures("one_thread")
@pytest.mark.parametrize("name", NAMES)
def test_a_signal_ends_the_call(calls: Calls, name: str) -> None:
    call = calls.by_name[name]
    begin = time.perf_counter()
    call()
    whole = time.perf_counter() - begin

    def give_up(*_: object) -> None:
        raise GivenUpError

    def call_and_wait() -> None:
        call()
        time.sleep(10)  # the signal is heard here where the call itself was deaf

    before = signal.signal(signal.SIGALRM, give_up)
    shares = []
    try:
        for _ in range(5):
            begin = time.perf_counter()
            signal.setitimer(signal.ITIMER_REAL, whole / 10)
            with pytest.raises(GivenUpError):
                call_and_wait()
            shares.append((time.perf_counter() - begin) / whole)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    # The least of five: a deaf call takes all of its time each time.
    assert min(shares) < 0.7


@pytest.mark.parametrize("name", ["maximize", "EM.step"])
@pytest.mark.parametrize("covariance_type", ["full", "tied", "diag", "spherical"])
def test_threads_change_no_bit(name: str, covariance_type: str) -> None:
    x = np.random.default_rng(1).normal(size=(2000, 96))
    mixture = gaussmix.fit(x, 8, covariance_type, max_iter=0, random_state=0).mixture
    statistics = gaussmix.Statistics(mixture)
    statistics.accumulate(x)

    def result(num_threads: int) -> gaussmix.Mixture:
        if name == "maximize":
            return statistics.maximize(on_degenerate="floor", num_threads=num_threads)
        return gaussmix.EM(mixture).step(statistics, num_threads=num_threads).mixture

    assert result(1) == result(2) == result(5)


def test_num_threads_is_checked(calls: Calls) -> None:
    with pytest.raises(gaussmix.InvalidArgumentError, match=r"num_threads must be None or in .*, but is 0"):
        calls.statistics.maximize(num_threads=0)
    with pytest.raises(gaussmix.InvalidArgumentError, match=r"num_threads must be None or in .*, but is 0"):
        gaussmix.EM(calls.mixture).step(calls.statistics, num_threads=0)
