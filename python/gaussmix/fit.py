"""Fitting by expectation-maximization."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from . import _core
from ._core import Mixture
from .prior import Prior
from .progress import Callback


@dataclass(frozen=True)
class FitReport:
    """What happened on the way.

    Counts over all iterations that led to the mixture; failures (each a `NumericalError`) and seconds of all starts.
    `floored`, `dropped`, `reseeded` and `kept` are the components that are counted, by their numbers in the start, from
    0 to K − 1, whatever was dropped or reseeded since, and after a split and merge by their places in the mixture that
    it was made from; `constant_features` are the features of X that are constant,
    where ``on_degenerate="floor"`` went on with them, and `blurred_features` those of whose variance `reg_covar` is
    more than 1e-2. `n_rejected` are accelerated points that were no better, each a pass over X for nothing;
    `n_moves` are the splits and merges that led to the mixture, of `n_moves_tried`; `ended_by_deadline` says whether
    `deadline` ended a start, or a search, that was not done.
    """

    n_floored: int
    n_dropped: int
    n_reseeded: int
    n_kept: int
    floored: tuple[int, ...]
    dropped: tuple[int, ...]
    reseeded: tuple[int, ...]
    kept: tuple[int, ...]
    constant_features: tuple[int, ...]
    blurred_features: tuple[int, ...]
    n_failed_starts: int
    n_rejected: int
    n_moves: int
    n_moves_tried: int
    ended_by_deadline: bool
    init_seconds: float
    em_seconds: float
    closing_seconds: float


@dataclass(frozen=True, eq=False)
class FitResult:
    """What `fit` found.

    Attributes
    ----------
    mixture : Mixture
    log_likelihood : float
        Σ_i w_i log p(x_i) of `mixture` itself, in nats, from one closing pass.
    converged : bool
        Whether the change of the mean log-likelihood fell below `tol` within `max_iter`.
    n_iter : int
        Iterations of the start that was kept, or since the last split and merge.
    trace : ndarray, (n_iter,), float64
        Mean log-likelihood before each M-step of these; with a prior plus its log-density per unit of weight, so
        that it climbs.
    report : FitReport
    """

    mixture: Mixture
    log_likelihood: float
    converged: bool
    n_iter: int
    trace: NDArray[np.float64]
    report: FitReport


def fit(
    X: ArrayLike,
    n_components: int,
    covariance_type: str = "full",
    *,
    init: str | Mixture = "kmeans",
    means_init: ArrayLike | None = None,
    weights_init: ArrayLike | None = None,
    covariances_init: ArrayLike | None = None,
    precisions_init: ArrayLike | None = None,
    responsibilities_init: ArrayLike | None = None,
    labels_init: ArrayLike | None = None,
    n_init: int = 1,
    short_iter: int = 0,
    tol: float = 1e-3,
    max_iter: int = 100,
    reg_covar: float = 0.0,
    on_degenerate: str = "floor",
    allow_singular: bool = False,
    accelerate: str = "none",
    stopping: str = "change",
    search: str = "none",
    prior: Prior | None = None,
    sample_weight: ArrayLike | None = None,
    random_state: int | np.random.Generator | np.random.RandomState | None = None,
    callback: Callback | None = None,
    deadline: float | None = None,
    num_threads: int | None = None,
) -> FitResult:
    """Find π, μ, Σ by expectation-maximization, one fused E- and M-step per pass over X.

    Source: Bishop, Pattern Recognition and Machine Learning, 2006, section 9.2.2.

    Parameters
    ----------
    X : array_like, (N, D)
        Real and finite, N ≥ K; read in place where it is a native, aligned float32 or float64 array of any strides.
    n_components : int
        K, at least 1.
    covariance_type : {"full", "tied", "diag", "spherical", "tied_diag", "tied_spherical"}
    init : {"kmeans", "k-means++", "random", "random_from_data"} or Mixture
        Where EM starts: k-means++ seeding and Lloyd until 3‰ of the weight or less changes cluster; the seeding alone;
        random responsibilities; rows drawn from X. A mixture is gone on from; no other initial value may then be given.
    means_init : array_like, (K, D)
    weights_init : array_like, (K,)
        As `Mixture` takes them.
    covariances_init, precisions_init : array_like
        Σ or Σ⁻¹, not both: (K, D, D), (D, D), (K, D), (K,), (D,) or (1,) by `covariance_type`; as `Mixture` takes
        covariances.
    responsibilities_init : array_like, (N, K)
        Rows ≥ 0 that sum to 1 within 1e-8 (float32: 4·K·2⁻²⁴), by which they are divided. Replaces `init`.
    labels_init : array_like, (N,), integer
        In [0, K), every component at least once. Replaces `init`.
    n_init : int
        Starts; of those that end without an error the one with the best final mean log-likelihood is kept. Those that
        fail are counted in the report; a `NumericalError` comes when all do.
    short_iter : int
        0, or the iterations that each of `n_init` > 1 starts is given first, below `max_iter`: the one that has come
        furthest goes on alone, among those with the fewest components at the floor of "floor" or of less than D + 1
        rows.
    tol : float
        Stop when the mean log-likelihood changes by less, in nats; ≥ 0.
    max_iter : int
        At least 0; 0 returns the start itself. Then `n_init` must be 1, `tol`, `accelerate`, `stopping` and `search`
        keep their defaults, and `callback` and `deadline` be left out; and `reg_covar`, `on_degenerate` and `prior`
        must keep theirs where a mixture, covariances or precisions are given.
    reg_covar : float
        Added to every variance, in squared units of X; ≥ 0. Above 0 the likelihood may fall. It should be far below the
        variances of the features: where it is not, scale X or lower it.
    on_degenerate : {"raise", "floor", "drop", "reseed", "keep"}
        What to do with a component that is empty or collapsed: stop with a NumericalError; keep its covariance at or
        above 1e-6 of the data's; go on without it; put it beside the heaviest one; go on with what `reg_covar`
        leaves it, as scikit-learn does. "floor" also goes on with features that are constant or linearly dependent;
        the others refuse them. See `Statistics.maximize`.
    allow_singular : bool
        Keep singular covariances.
    accelerate : {"none", "squarem"}
        "squarem": after two steps of EM a point beyond them (Varadhan & Roland 2008), where the likelihood is no less
        than before it; else the second step, and the pass is lost. Fewer passes over X to the same fixed points where
        EM is slow.
    stopping : {"change", "projected"}
        What is compared with `tol`: the change of the mean log-likelihood in one step; or that and what is left up to
        the end to which the last three values tend (Aitken; Böhning et al. 1994), where EM is slow some steps more.
    search : {"none", "split_merge"}
        "split_merge": once EM has come to an end, look for a better one (SMEM; Ueda et al. 2000). Two components that
        cost little together are merged, a heavy one is split, and EM goes on from there; what it leads to is kept where
        the mean log-likelihood is higher by more than `tol` and no more components than before are at the floor of
        "floor" or hold less than D + 1 rows. The result is never below what EM came to; K < 3 has no such moves.
    prior : Prior
        Find the maximum a posteriori under it; None: the maximum likelihood. Not together with `allow_singular`.
    sample_weight : array_like, (N,)
        Finite and ≥ 0, at least K of them positive; None means 1 everywhere. Weight 0 is absence.
    random_state : None, int in [0, 2**64), numpy.random.Generator or numpy.random.RandomState
        The seed; a generator is asked for one and moves on; None asks the operating system. None where nothing is
        drawn, as the start is given: a mixture, labels, responsibilities, or weights, means and covariances.
    callback : callable
        Called as ``callback(progress)`` with a `FitProgress` after each iteration, but for those of short runs and of a
        search; a true result ends the fit with what
        it has, an exception ends it for good. `ProgressBar` is one.
    deadline : float
        Seconds, above 0. The fit ends with what it has after the first iteration that ends later than this; a start by
        `init` that takes longer ends with its pass over X, and one iteration follows. Components for which the start
        has found no seed by then begin with rows drawn by lot.
    num_threads : int
        In [1, 1024]; None means `get_num_threads`. Every number gives the same bits.

    Returns
    -------
    FitResult

    Warns
    -----
    ConvergenceWarning
        When EM stopped at `max_iter` or `deadline`; not when `callback` ended it.
    DegenerateWarning
        When components were floored, dropped, reseeded or kept, as `on_degenerate` says, or "floor" met constant
        features; they are in the report.
    ScaleWarning
        When `reg_covar` is more than 1e-2 of the variance of a feature.

    Raises
    ------
    InvalidArgumentError
        For arguments that break the rules above; an argument that would have no effect is an error.
    NumericalError
        When a component degenerates under ``on_degenerate="raise"``, or the data have no variance at all.
    TypeError
        For complex, object, sparse or masked arrays and for arguments of the wrong type.
    """
    result, due = run_fit(
        X,
        n_components,
        covariance_type,
        init=init,
        means_init=means_init,
        weights_init=weights_init,
        covariances_init=covariances_init,
        precisions_init=precisions_init,
        responsibilities_init=responsibilities_init,
        labels_init=labels_init,
        n_init=n_init,
        short_iter=short_iter,
        tol=tol,
        max_iter=max_iter,
        reg_covar=reg_covar,
        on_degenerate=on_degenerate,
        allow_singular=allow_singular,
        accelerate=accelerate,
        stopping=stopping,
        search=search,
        prior=prior,
        sample_weight=sample_weight,
        random_state=random_state,
        callback=callback,
        deadline=deadline,
        num_threads=num_threads,
    )
    for category, text in due:
        warnings.warn(text, category, stacklevel=2)
    return result


def run_fit(
    X: ArrayLike, n_components: int, covariance_type: str, **given: Any
) -> tuple[FitResult, list[tuple[type[Warning], str]]]:
    """`fit` with the warnings that are due, one of a category at most, for its caller to give."""
    options: dict[str, Any] = {**(fit.__kwdefaults__ or {}), **given}
    found = _core.fit(X, n_components, covariance_type, **options)
    due = found.pop("warnings")
    report = FitReport(**found.pop("report"))
    return FitResult(report=report, **found), due
