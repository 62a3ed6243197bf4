"""Long work shows itself, can be ended, and loses nothing: callbacks, deadlines, bars, Ctrl-C."""

from __future__ import annotations

import io
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import gaussmix
import numpy as np
import pytest
from conftest import stopped_fit
from gaussmix import FitProgress, GaussianMixture, InvalidArgumentError, Mixture, NumericalError
from sklearn.exceptions import ConvergenceWarning

X = np.random.default_rng(23).normal(size=(500, 3))
ENDLESS: dict[str, Any] = {"tol": 0.0, "max_iter": 10**9, "random_state": 0}


def core(**options: Any) -> Any:
    return gaussmix.fit(X, 4, init="random", **ENDLESS | options)


def stopped(**options: Any) -> Any:
    return stopped_fit(X, 4, init="random", **ENDLESS | options)


def estimator(n_init: int = 1, **options: Any) -> GaussianMixture:
    """A fit of the estimator that does not end by itself."""
    options = {"tol": 0.0, "max_iter": 10**9} | options
    told = {name: options.pop(name) for name in ("callback", "deadline") if name in options}
    model = GaussianMixture(4, init_params="random", random_state=0, n_init=n_init, **options)
    return model.fit(X, **told)


# ---- callbacks ----


def test_progress_tells_where_a_start_ends() -> None:
    seen: list[FitProgress] = []
    result = gaussmix.fit(X, 2, n_init=2, max_iter=1000, random_state=0, callback=seen.append)
    assert result.converged
    last = [p for p, after in zip(seen, [*seen[1:], None], strict=True) if after is None or after.n_iter == 1]
    assert [p for p in seen if p.converged] == last


def test_progress_holds_the_mixture_of_the_iteration() -> None:
    seen: list[FitProgress] = []
    result = stopped(max_iter=5, callback=seen.append)
    mixtures = [progress.mixture for progress in seen]
    assert mixtures[-1] == result.mixture
    for n_iter, mixture in enumerate(mixtures, start=1):
        assert mixture == stopped(max_iter=n_iter).mixture


def test_a_callback_of_the_estimator_sees_each_iteration_and_ends_the_fit() -> None:
    seen: list[tuple[int, int]] = []

    def callback(progress: FitProgress) -> bool:
        seen.append((progress.start, progress.n_iter))
        return progress.start == 1 and progress.n_iter == 2

    model = estimator(n_init=3, max_iter=4, callback=callback)
    assert seen == [(0, 1), (0, 2), (0, 3), (0, 4), (1, 1), (1, 2)]
    assert model.n_iter_ in (2, 4)
    assert not model.converged_
    labels = GaussianMixture(2, random_state=0).fit_predict(X, callback=callback, deadline=60.0)
    assert len(seen) > 6
    np.testing.assert_array_equal(labels, GaussianMixture(2, random_state=0).fit_predict(X))


def test_a_callback_beside_verbose_and_a_deadline(capsys: pytest.CaptureFixture[str]) -> None:
    model = estimator(verbose=1, verbose_interval=1, callback=lambda p: p.n_iter == 3, deadline=60)
    assert model.n_iter_ == 3
    iterations = [f"  Iteration {i}" for i in (1, 2, 3)]
    assert capsys.readouterr().out.splitlines() == [
        "Initialization 0",
        *iterations,
        "Initialization did not converge.",
    ]


def test_a_fit_that_its_callback_ends_warns_of_nothing() -> None:
    for n_init, last in ((1, (0, 2)), (3, (1, 2)), (1, (0, 4))):
        model = estimator(n_init=n_init, max_iter=4, callback=lambda p, last=last: (p.start, p.n_iter) == last)
        assert not model.converged_
    with pytest.warns(ConvergenceWarning, match=r"did not converge.*increase max_iter"):
        estimator(max_iter=4, callback=lambda p: p.n_iter > 4)


@pytest.mark.parametrize("verbose", [1, 2])
def test_each_start_that_is_printed_has_its_end_printed(verbose: int, capsys: pytest.CaptureFixture[str]) -> None:
    def ends(**options: Any) -> list[str]:
        estimator(verbose=verbose, verbose_interval=10**9, **options)
        return [line.partition(".")[0] for line in capsys.readouterr().out.splitlines()]

    end = "Initialization did not converge"
    with pytest.warns(ConvergenceWarning):
        assert ends(max_iter=2) == ["Initialization 0", end]
    with pytest.warns(ConvergenceWarning, match="deadline"):
        assert ends(deadline=0.05) == ["Initialization 0", end]
    for n_iter in (1, 2):
        met = ends(n_init=3, max_iter=2, callback=lambda p, n_iter=n_iter: (p.start, p.n_iter) == (1, n_iter))
        assert met == ["Initialization 0", end, "Initialization 1", end]


def test_a_callback_that_raises_leaves_the_last_valid_state() -> None:
    def fail(progress: FitProgress) -> None:
        if progress.n_iter == 3:
            raise LookupError("enough")

    model = GaussianMixture(2, random_state=0).fit(X)
    before = dict(vars(model))
    with pytest.raises(LookupError, match="enough"):
        model.set_params(tol=0.0, warm_start=True).fit(X, callback=fail)
    assert {name: vars(model)[name] for name in before if name.endswith("_")} == {
        name: value for name, value in before.items() if name.endswith("_")
    }
    fresh = GaussianMixture(2, tol=0.0)
    with pytest.raises(LookupError):
        fresh.fit(X, callback=fail)
    assert not hasattr(fresh, "mixture_")


@pytest.mark.parametrize("fit", [core, estimator])
def test_what_would_have_no_effect_is_refused(fit: Callable[..., Any]) -> None:
    with pytest.raises(InvalidArgumentError, match="callback must not be given when max_iter is 0, as nothing would"):
        fit(max_iter=0, callback=print)
    with pytest.raises(InvalidArgumentError, match="deadline must not be given when max_iter is 0, as nothing would"):
        fit(max_iter=0, deadline=1.0)


@pytest.mark.parametrize("fit", [core, estimator])
@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"callback": 3}, TypeError, r"callback must be None or callable, but is 3 \(int\)"),
        ({"callback": 3, "deadline": 9.0}, TypeError, r"callback must be None or callable, but is 3 \(int\)"),
        ({"deadline": "1"}, TypeError, r"deadline must be a real number, but is '1' \(str\)"),
        ({"deadline": True}, TypeError, r"deadline must be a real number, but is True \(bool\)"),
        ({"deadline": 0}, InvalidArgumentError, "deadline must be above 0 seconds, but is 0"),
        ({"deadline": -1.5}, InvalidArgumentError, "deadline must be above 0 seconds, but is -1.5"),
        ({"deadline": float("nan")}, InvalidArgumentError, "deadline must be above 0 seconds, but is nan"),
    ],
)
def test_bad_callbacks_and_deadlines(
    fit: Callable[..., Any], options: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        fit(**options)


# ---- deadlines ----


def test_a_deadline_ends_a_fit_with_what_it_has() -> None:
    begin = time.monotonic()
    with pytest.warns(
        gaussmix.ConvergenceWarning, match=r"The fit ended at its deadline of 0\.2 s, before it converged"
    ):
        result = core(deadline=0.2)
    assert 0.2 <= time.monotonic() - begin < 10.0
    assert not result.converged
    assert result.mixture == stopped(max_iter=result.n_iter).mixture


def test_a_deadline_of_the_estimator_is_said() -> None:
    with pytest.warns(ConvergenceWarning, match=r"The fit ended at its deadline of 0\.2 s, before it converged"):
        model = estimator(deadline=0.2, n_init=3)
    assert model.n_iter_ > 0
    assert GaussianMixture(2).fit(X, deadline=60).converged_  # warns of nothing


@pytest.mark.parametrize("init", ["kmeans", "k-means++", "random_from_data"])
def test_a_deadline_cuts_a_long_start(init: str) -> None:
    seen: list[FitProgress] = []
    deadline = 1e-300  # has passed whenever it is looked at: after the first seed, and after the first iteration
    text = r"The fit ended at its deadline of 1e-300 s, before it converged"
    with pytest.warns(gaussmix.ConvergenceWarning, match=text):
        result = gaussmix.fit(X, 20, init=init, random_state=0, callback=seen.append, deadline=deadline, num_threads=1)
    assert (result.n_iter, result.converged, len(seen)) == (1, False, 1)
    assert result.report.ended_by_deadline
    assert result.mixture == seen[0].mixture
    assert result.mixture.n_components == 20
    assert np.isfinite(result.log_likelihood)
    whole = stopped_fit(X, 20, init=init, random_state=0, max_iter=1)
    assert not whole.report.ended_by_deadline
    assert whole.mixture != result.mixture
    with pytest.warns(gaussmix.ConvergenceWarning, match=text):
        other = gaussmix.fit(X, 20, init=init, random_state=0, n_init=3, deadline=deadline, num_threads=2)
    assert other.mixture == result.mixture
    with pytest.warns(ConvergenceWarning, match=text):
        model = GaussianMixture(20, init_params=init, n_init=3, random_state=0).fit(X, deadline=deadline)
    assert model.n_iter_ == 1


@pytest.mark.parametrize("init", ["kmeans", "k-means++", "random_from_data"])
def test_a_deadline_that_does_not_strike_changes_nothing(init: str) -> None:
    options: dict[str, Any] = {"init": init, "random_state": 0}
    assert gaussmix.fit(X, 4, deadline=1e9, **options).mixture == gaussmix.fit(X, 4, **options).mixture


# ---- bars ----


def test_a_bar_for_each_start() -> None:
    text = io.StringIO()
    with gaussmix.ProgressBar(file=text, total=4, mininterval=0.0) as bar:
        stopped_fit(X, 2, init="random", n_init=2, tol=0.0, max_iter=4, random_state=0, callback=bar)
    shown = text.getvalue()
    for start in ("start 0: 100%", "start 1: 100%", "4/4", "mean_log_likelihood=-4."):
        assert start in shown


def test_a_bar_may_be_used_again_and_without_a_context() -> None:
    text = io.StringIO()
    bar = gaussmix.ProgressBar(file=text, desc="EM")
    for _ in range(2):
        GaussianMixture(2, random_state=0, max_iter=500).fit(X, callback=bar)
    bar.close()
    bar.close()
    assert text.getvalue().count("EM: 0iteration") == 2


def test_bars_need_tqdm_and_nothing_else_does() -> None:
    script = "import sys; sys.modules['tqdm'] = None; import gaussmix; gaussmix.ProgressBar()"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False, timeout=60)
    assert "ModuleNotFoundError" in done.stderr
    assert "tqdm" in done.stderr


# ---- Ctrl-C ----

INTERRUPTED = """
import os, signal, threading, time
import numpy as np
import gaussmix

signal.signal(signal.SIGINT, signal.default_int_handler)
x = np.random.default_rng(0).normal(size=(200_000, 8))
model = gaussmix.GaussianMixture(8, init_params="random_from_data", random_state=0).fit(x[:1000])
before = model.mixture_
model.set_params(tol=0.0, max_iter=10**9)

def interrupt():
    global sent
    time.sleep(0.5)
    sent = time.perf_counter()
    os.kill(os.getpid(), signal.SIGINT)

for _ in range(3):
    thread = threading.Thread(target=interrupt)
    thread.start()
    try:
        model.fit(x)
    except KeyboardInterrupt:
        print(time.perf_counter() - sent, model.mixture_ is before, model.predict(x[:3]).shape)
    thread.join()
"""


def test_ctrl_c_ends_a_fit_and_the_estimator_keeps_its_state() -> None:
    command = [sys.executable, "-W", "ignore", "-c", INTERRUPTED]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=100)
    lines = [line.split(maxsplit=1) for line in done.stdout.splitlines()]
    assert [rest for _, rest in lines] == ["True (3,)"] * 3
    assert min(float(delay) for delay, _ in lines) < 0.2


def test_an_interrupted_fit_can_be_gone_on_from() -> None:
    kept: list[Mixture] = []

    def keep(progress: FitProgress) -> None:
        kept[:] = [progress.mixture]
        if progress.n_iter == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        core(callback=keep)
    rest = stopped_fit(X, 4, init=kept[0], tol=0.0, max_iter=2)
    assert rest.mixture == stopped(max_iter=5).mixture


def test_a_collapse_after_some_iterations_leaves_the_estimator_as_it_was() -> None:
    rows = np.repeat(X[:2], 20, axis=0)
    model = GaussianMixture(2, random_state=0).fit(X)
    before = model.mixture_
    with pytest.raises(NumericalError, match="ill-defined empirical covariance"):
        model.set_params(reg_covar=0.0).fit(rows)
    assert model.mixture_ is before
