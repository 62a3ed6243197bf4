"""How a fit of the estimator shows itself: scikit-learn's messages, and the tasks of scikit-learn's callbacks."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

import numpy as np

from .._core import FitProgress, Mixture


def fitted_attributes(mixture: Mixture, bounds: list[float], converged: bool) -> dict[str, Any]:
    """What a fit leaves in the estimator: `bounds` are the mean log-likelihoods before each M-step."""
    return {
        "mixture_": mixture,
        "converged_": converged,
        "n_iter_": len(bounds),
        "lower_bound_": bounds[-1] if bounds else -np.inf,
        "lower_bounds_": bounds,
    }


class FitWatch:
    """The callback of a fit: prints what scikit-learn prints, and ends a warm start whose bound has come to rest.

    A warm start compares its first bound with `last_bound`, that of the fit before, which the core does not know; -inf
    for any other start.
    """

    def __init__(self, *, verbose: int, interval: int, tol: float, max_iter: int, last_bound: float) -> None:
        self.verbose = verbose
        self.interval = interval
        self.tol = tol
        self.max_iter = max_iter
        self.last_bound = last_bound
        self.is_settled = False
        self._open_bound: float | None = None  # the last bound of a start whose end is not printed yet
        self._start = 0
        self.start_time = self.print_time = time.perf_counter()
        if self.verbose and self.max_iter > 0:
            print("Initialization 0")

    def __call__(self, progress: FitProgress) -> bool:
        if progress.start != self._start:  # the first that is told after short runs may be any, and late
            self._begin(progress.start)
        is_first = progress.n_iter == 1
        change = progress.mean_log_likelihood - self.last_bound if is_first else progress.change
        is_at_rest = abs(change) < self.tol if is_first else progress.converged
        if self.verbose:
            self._print_iteration(progress.n_iter, change)
            is_last = is_at_rest or progress.n_iter == self.max_iter
            self._open_bound = None if is_last else progress.mean_log_likelihood
            if is_last:
                self._print_end(progress.mean_log_likelihood, is_at_rest)
        self.is_settled = is_first and is_at_rest
        return self.is_settled

    def close(self) -> None:
        """Prints the end of a start that a callback or a deadline has ended."""
        if self._open_bound is not None:
            self._print_end(self._open_bound, is_at_rest=False)

    def _begin(self, start: int) -> None:
        self._start = start
        self.start_time = self.print_time = time.perf_counter()
        if self.verbose:
            print(f"Initialization {start}")

    def _print_iteration(self, n_iter: int, change: float) -> None:
        if n_iter % self.interval:
            return
        if self.verbose == 1:
            print(f"  Iteration {n_iter}")
            return
        now = time.perf_counter()
        print(f"  Iteration {n_iter}\t time lapse {now - self.print_time:.5f}s\t ll change {change:.5f}")
        self.print_time = now

    def _print_end(self, bound: float, is_at_rest: bool) -> None:
        outcome = "converged" if is_at_rest else "did not converge"
        if self.verbose == 1:
            print(f"Initialization {outcome}.")
            return
        lapse = time.perf_counter() - self.start_time
        print(f"Initialization {outcome}. time lapse {lapse:.5f}s\t lower bound {bound:.5f}.")


class FitTasks:
    """The callback of a fit that tells scikit-learn's callbacks of its tasks: a fit holds starts, a start iterations.

    They are told of the end of an iteration with the estimator fitted so far, and may end the fit there.
    """

    def __init__(self, estimator: Any, context: Any, *, n_init: int, max_iter: int, **data: Any) -> None:
        """`context` is that of the fit; `data` are the X, y and metadata that the callbacks may ask for."""
        self._estimator = estimator
        self._context = context
        self._n_init = n_init
        self._max_iter = max_iter
        self._data = data
        self._bounds: list[float] = []
        self._start: Any = None
        self._iteration: Any = None
        context.call_on_fit_task_begin(estimator=estimator, **data)
        if max_iter > 0:
            self._begin_start()

    def __call__(self, progress: FitProgress) -> bool:
        self._bounds.append(progress.mean_log_likelihood)
        attributes = fitted_attributes(progress.mixture, list(self._bounds), progress.converged)
        attributes["n_iter_"] = progress.n_iter  # short runs are told of by none of the bounds
        stop = bool(self._end(self._iteration, attributes))
        if stop or progress.converged or progress.n_iter == self._max_iter:
            stop = bool(self._end(self._start, attributes)) or stop
            if not stop and progress.start + 1 < self._n_init:
                self._begin_start()
        else:
            self._iteration = self._begin(self._start, "iteration", 0)
        return stop

    def close(self, attributes: dict[str, Any]) -> None:
        """Tells of the end of the fit, which left `attributes` in the estimator."""
        self._end(self._context, attributes)

    def _begin_start(self) -> None:
        self._bounds = []
        self._start = self._begin(self._context, "start", self._max_iter)
        self._iteration = self._begin(self._start, "iteration", 0)

    def _begin(self, parent: Any, name: str, max_subtasks: int) -> Any:
        context = parent.subcontext(task_name=name, max_subtasks=max_subtasks)
        context.call_on_fit_task_begin(estimator=self._estimator, **self._data)
        return context

    def _end(self, context: Any, attributes: dict[str, Any]) -> Any:
        return context.call_on_fit_task_end(
            estimator=self._estimator, reconstruction_attributes=lambda: attributes, **self._data
        )


@contextmanager
def fit_tasks(estimator: Any, n_init: int, **about: Any) -> Iterator[FitTasks | None]:
    """The tasks of a fit for the callbacks of an estimator, which are torn down at the end; None where it has none.

    `about` are the other arguments of `FitTasks`.
    """
    if not (hasattr(estimator, "_skl_callbacks") or hasattr(estimator, "_parent_callback_ctx")):
        yield None
        return
    support = import_module("sklearn.callback._callback_support")
    with support.callback_management_context(estimator):
        initialize: Callable[..., Any] = support.CallbackSupportMixin._init_callback_context
        context = initialize(estimator, max_subtasks=n_init if about["max_iter"] > 0 else 0)
        yield FitTasks(estimator, context, n_init=n_init, **about)
