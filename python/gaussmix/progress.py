"""What a fit tells while it runs."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any, Self

from ._core import FitProgress

Callback = Callable[[FitProgress], object]


class ProgressBar:
    """A callback that shows every start of a fit as a bar of iterations; it needs the package tqdm.

    Use it as a context, which closes the last bar::

        with gaussmix.ProgressBar() as bar:
            gaussmix.fit(X, 8, callback=bar)

    Parameters
    ----------
    **options
        Handed to ``tqdm.auto.tqdm``, such as ``total=100`` for a fit of at most 100 iterations, or ``file``.
    """

    def __init__(self, **options: Any) -> None:
        self._tqdm = import_module("tqdm.auto").tqdm
        self._options = {"unit": "iteration"} | options
        self._bar: Any = None
        self._start = -1  # which the bar is of

    def __call__(self, progress: FitProgress) -> None:
        """Moves the bar on, and begins a new one with each start."""
        if progress.n_iter == 1 or self._start != progress.start:  # the first that is told after short runs is later
            self.close()
            self._start = progress.start
            self._bar = self._tqdm(**{"desc": f"start {progress.start}"} | self._options)
        self._bar.set_postfix(mean_log_likelihood=f"{progress.mean_log_likelihood:.6g}", refresh=False)
        self._bar.update()

    def close(self) -> None:
        """Leaves the last bar as it is."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None
            self._start = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def check_callable(callback: object) -> None:
    """Raises TypeError for what is no callback."""
    if not callable(callback):
        raise TypeError(f"callback must be None or callable, but is {callback!r} ({type(callback).__name__})")


def together(*callbacks: Callback | None) -> Callback | None:
    """One callback that calls all that are not None, and ends the fit where one of them does; None where all are."""
    given = [callback for callback in callbacks if callback is not None]
    if len(given) < 2:
        return given[0] if given else None
    for callback in given:
        check_callable(callback)

    def call_all(progress: FitProgress) -> bool:
        stops = [bool(callback(progress)) for callback in given]
        return any(stops)

    return call_all
