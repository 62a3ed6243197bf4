"""scikit-learn's `GaussianMixture` over gaussmix's core, with `sample_weight`, and without importing scikit-learn."""

from __future__ import annotations

import time
import warnings
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ._core import FitProgress, InvalidArgumentError, Mixture
from ._estimator_base import EstimatorBase
from ._estimator_checks import (
    ConvergenceWarning,
    FloatArray,
    NotFittedError,
    as_sample_weight,
    as_samples,
    check_feature_names,
    check_means,
    check_parameters,
    check_precisions,
    check_weights,
    exception_class,
    feature_names,
    scikit_learn_wording,
)
from .fit import FitResult, fit
from .mixture import precisions, precisions_cholesky

__all__ = ["ConvergenceWarning", "GaussianMixture", "NotFittedError"]


class GaussianMixture(EstimatorBase):
    """A Gaussian mixture, fitted by expectation-maximisation: scikit-learn's estimator of this name, by its parameters,
    methods, attributes and messages.

    What differs: `fit`, `fit_predict`, `score`, `aic` and `bic` take `sample_weight`; the parameters are float64 also
    where X is float32; a fit that fails leaves the estimator as it was; the fitted parameters are read-only.

    Parameters
    ----------
    n_components : int, default=1
        Components of the mixture, K.
    covariance_type : {"full", "tied", "diag", "spherical"}, default="full"
        Structure of the covariances: a matrix for each component, one matrix for all, a variance for each feature
        of each component, a variance for each component.
    tol : float, default=1e-3
        EM stops when the mean log-likelihood changes by less.
    reg_covar : float, default=1e-6
        Added to every variance, in squared units of X.
    max_iter : int, default=100
        Largest number of EM iterations; 0 returns the start.
    n_init : int, default=1
        Starts, of which the one with the largest mean log-likelihood is kept.
    init_params : {"kmeans", "k-means++", "random", "random_from_data"}, default="kmeans"
        How a start is found.
    weights_init : array-like of shape (K,), default=None
        π of the start; from `init_params` where None.
    means_init : array-like of shape (K, D), default=None
        μ of the start; from `init_params` where None.
    precisions_init : array-like, default=None
        Σ⁻¹ of the start, in the shape of `precisions_`; from `init_params` where None.
    random_state : int, numpy.random.RandomState or None, default=None
        Seed of the starts and of `sample`; None draws it from NumPy's global state.
    warm_start : bool, default=False
        Let `fit` go on from the mixture of the last fit. `n_init` and the `..._init` then serve the first fit only.
    verbose : int, default=0
        1 prints the starts and iterations, 2 the times and changes as well.
    verbose_interval : int, default=10
        Iterations between two prints.

    Attributes
    ----------
    mixture_ : gaussmix.Mixture
        The mixture found; the methods below evaluate it.
    weights_ : ndarray of shape (K,)
        π.
    means_ : ndarray of shape (K, D)
        μ.
    covariances_ : ndarray
        Σ: (K, D, D) for "full", (D, D) for "tied", (K, D) for "diag", (K,) for "spherical".
    precisions_ : ndarray
        Σ⁻¹ in the same shape, computed at each access.
    precisions_cholesky_ : ndarray
        Upper triangular U with Σ⁻¹ = U Uᵀ in the same shape, computed at each access; 1/σ for "diag" and "spherical".
    converged_ : bool
        Whether the change fell below `tol`.
    n_iter_ : int
        Iterations of the start that was kept.
    lower_bound_ : float
        Mean log-likelihood before the last M-step: the last of `lower_bounds_`, -inf where there is none.
    lower_bounds_ : list of float
        Mean log-likelihood before each M-step of the start that was kept.
    n_features_in_ : int
        Features seen in `fit`, D.
    feature_names_in_ : ndarray of shape (D,)
        Their names, where X had names that are all strings.
    """

    mixture_: Mixture
    converged_: bool
    n_iter_: int
    lower_bound_: float
    lower_bounds_: list[float]
    feature_names_in_: NDArray[np.object_]

    def __init__(
        self,
        n_components: int = 1,
        *,
        covariance_type: str = "full",
        tol: float = 1e-3,
        reg_covar: float = 1e-6,
        max_iter: int = 100,
        n_init: int = 1,
        init_params: str = "kmeans",
        weights_init: ArrayLike | None = None,
        means_init: ArrayLike | None = None,
        precisions_init: ArrayLike | None = None,
        random_state: int | np.random.RandomState | None = None,
        warm_start: bool = False,
        verbose: int = 0,
        verbose_interval: int = 10,
    ) -> None:
        self.n_components = n_components
        self.covariance_type = covariance_type
        self.tol = tol
        self.reg_covar = reg_covar
        self.max_iter = max_iter
        self.n_init = n_init
        self.init_params = init_params
        self.weights_init = weights_init
        self.means_init = means_init
        self.precisions_init = precisions_init
        self.random_state = random_state
        self.warm_start = warm_start
        self.verbose = verbose
        self.verbose_interval = verbose_interval

    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Self:  # noqa: ARG002
        """Finds π, μ and Σ from X, (N, D), N ≥ max(2, K). `y` is ignored. Warns when EM did not converge."""
        owner = type(self).__name__
        check_parameters(self.get_params(), owner)
        names = feature_names(X)
        samples = as_samples(X, owner, min_samples=2)
        if len(samples) < self.n_components:
            raise InvalidArgumentError(
                "Expected n_samples >= n_components but got "
                f"n_components = {self.n_components}, n_samples = {len(samples)}"
            )
        watch = _FitWatch(self)
        with scikit_learn_wording():
            result = fit(
                samples,
                self.n_components,
                self.covariance_type,
                **self._start(samples.shape[1]),
                tol=self.tol,
                max_iter=self.max_iter,
                reg_covar=self.reg_covar,
                on_degenerate="raise",
                sample_weight=as_sample_weight(sample_weight),
                random_state=self._seed(),
                callback=watch if watch.is_needed else None,
            )
        converged = bool(result.converged or watch.is_settled)
        if not converged and self.max_iter > 0:
            warnings.warn(
                "Best performing initialization did not converge. Try different init parameters, or increase max_iter, "
                "tol, or check for degenerate data.",
                exception_class(ConvergenceWarning),
                stacklevel=2,
            )
        self._adopt(result, converged, names)
        return self

    def fit_predict(self, X: Any, y: Any = None, sample_weight: Any = None) -> NDArray[np.int64]:  # noqa: ARG002
        """`fit(X, y, sample_weight).predict(X)`."""
        return self.fit(X, sample_weight=sample_weight).predict(X)

    def predict(self, X: Any) -> NDArray[np.int64]:
        """The component with the largest responsibility for each row of X, (N,)."""
        mixture, samples = self._mixture_and_samples(X)
        with scikit_learn_wording():
            return mixture.predict(samples)

    def predict_proba(self, X: Any) -> NDArray[Any]:
        """The responsibilities γ(z_k) for each row of X, (N, K), in X's precision."""
        mixture, samples = self._mixture_and_samples(X)
        with scikit_learn_wording():
            return mixture.responsibilities(samples)

    def score_samples(self, X: Any) -> NDArray[Any]:
        """log p(x) for each row of X, (N,), in X's precision."""
        mixture, samples = self._mixture_and_samples(X)
        with scikit_learn_wording():
            return mixture.log_prob(samples)

    def score(self, X: Any, y: Any = None, sample_weight: Any = None) -> float:  # noqa: ARG002
        """The mean of log p(x) over the rows of X, by `sample_weight`. `y` is ignored."""
        mixture, samples = self._mixture_and_samples(X)
        weight = as_sample_weight(sample_weight)
        with scikit_learn_wording():
            total = mixture.log_likelihood(samples, sample_weight=weight)
        return float(total / (len(samples) if weight is None else weight.sum(dtype=np.float64)))

    def aic(self, X: Any, sample_weight: Any = None) -> float:
        """Akaike's criterion on X, −2 Σ w log p(x) + 2 · parameters: lower is better."""
        mixture, samples = self._mixture_and_samples(X)
        with scikit_learn_wording():
            return mixture.aic(samples, sample_weight=as_sample_weight(sample_weight))

    def bic(self, X: Any, sample_weight: Any = None) -> float:
        """Schwarz's criterion on X, −2 Σ w log p(x) + parameters · log Σ w: lower is better."""
        mixture, samples = self._mixture_and_samples(X)
        with scikit_learn_wording():
            return mixture.bic(samples, sample_weight=as_sample_weight(sample_weight))

    def sample(self, n_samples: int = 1) -> tuple[FloatArray, NDArray[np.int64]]:
        """Draws `n_samples` ≥ 1 rows from the mixture: X, (n, D), and the component of each row, (n,)."""
        mixture = self._fitted_mixture()
        if n_samples < 1:
            raise InvalidArgumentError(
                f"Invalid value for 'n_samples': {n_samples} . The sampling requires at least one sample."
            )
        return mixture.sample(n_samples, random_state=self._seed())

    @property
    def weights_(self) -> FloatArray:
        return self._fitted_mixture().weights

    @property
    def means_(self) -> FloatArray:
        return self._fitted_mixture().means

    @property
    def covariances_(self) -> FloatArray:
        return self._fitted_mixture().covariances

    @property
    def precisions_cholesky_(self) -> FloatArray:
        return precisions_cholesky(self._fitted_mixture())

    @property
    def precisions_(self) -> FloatArray:
        return precisions(self._fitted_mixture())

    @property
    def n_features_in_(self) -> int:
        return self._fitted_mixture().n_features

    def _n_parameters(self) -> int:
        """Free parameters of the mixture, under the name that code written for scikit-learn calls."""
        return self._fitted_mixture().n_parameters

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "mixture_")

    def _fitted_mixture(self) -> Mixture:
        if not hasattr(self, "mixture_"):
            raise exception_class(NotFittedError)(
                f"This {type(self).__name__} instance is not fitted yet. Call 'fit' with appropriate arguments before "
                "using this estimator."
            )
        return self.mixture_

    def _mixture_and_samples(self, X: Any) -> tuple[Mixture, NDArray[Any]]:
        """The fitted mixture, and X checked against what `fit` saw."""
        mixture = self._fitted_mixture()
        owner = type(self).__name__
        check_feature_names(feature_names(X), getattr(self, "feature_names_in_", None), owner)
        samples = as_samples(X, owner, min_samples=1)
        if samples.shape[1] != mixture.n_features:
            raise InvalidArgumentError(
                f"X has {samples.shape[1]} features, but {owner} is expecting {mixture.n_features} features as input."
            )
        return mixture, samples

    def _start(self, n_features: int) -> dict[str, Any]:
        """The arguments of `gaussmix.fit` that say where EM starts."""
        if self._goes_on():
            return {"init": self.mixture_}
        start: dict[str, Any] = {}
        if self.weights_init is not None:
            start["weights_init"] = check_weights(self.weights_init, self.n_components)
        if self.means_init is not None:
            start["means_init"] = check_means(self.means_init, self.n_components, n_features)
        if self.precisions_init is not None:
            start["precisions_init"] = check_precisions(
                self.precisions_init, self.covariance_type, self.n_components, n_features
            )
        if len(start) == 3:  # nothing is left to chance, so all starts would be the same
            return start
        return start | {"init": self.init_params, "n_init": self.n_init}

    def _goes_on(self) -> bool:
        """Whether the next fit starts from the last one's mixture."""
        return bool(self.warm_start) and hasattr(self, "mixture_")

    def _seed(self) -> int:
        """A seed of the core's generator, in [0, 2³²)."""
        if self.random_state is None:
            return int(np.random.randint(2**32, dtype=np.uint64))  # noqa: NPY002 (np.random.seed counts, as in scikit-learn)
        if isinstance(self.random_state, np.random.RandomState):
            return int(self.random_state.randint(2**32, dtype=np.uint64))
        return int(self.random_state)

    def _adopt(self, result: FitResult, converged: bool, names: NDArray[np.object_] | None) -> None:
        """Takes over a finished fit; nothing here can fail."""
        bounds = [float(value) for value in result.trace]
        fitted: dict[str, Any] = {
            "mixture_": result.mixture,
            "converged_": converged,
            "n_iter_": int(result.n_iter),
            "lower_bound_": bounds[-1] if bounds else -np.inf,
            "lower_bounds_": bounds,
        }
        if names is not None:
            fitted["feature_names_in_"] = names
        else:
            self.__dict__.pop("feature_names_in_", None)
        self.__dict__.update(fitted)


class _FitWatch:
    """The callback of a fit: prints what scikit-learn prints, and ends a warm start whose bound has come to rest.

    A warm start compares its first bound with the last one of the fit before, which the core does not know.
    """

    def __init__(self, estimator: GaussianMixture) -> None:
        self.verbose = int(estimator.verbose)
        self.interval = estimator.verbose_interval
        self.tol = estimator.tol
        self.max_iter = estimator.max_iter
        self.last_bound = getattr(estimator, "lower_bound_", -np.inf) if estimator._goes_on() else -np.inf
        self.is_settled = False
        self.is_needed = self.verbose > 0 or estimator._goes_on()
        self.start_time = self.print_time = time.perf_counter()
        if self.verbose and self.max_iter > 0:
            print("Initialization 0")

    def __call__(self, progress: FitProgress) -> bool:
        if progress.n_iter == 1 and progress.start > 0:
            self._begin(progress.start)
        change = progress.mean_log_likelihood - self.last_bound if progress.n_iter == 1 else progress.change
        is_at_rest = abs(change) < self.tol
        if self.verbose:
            self._print_iteration(progress.n_iter, change)
            if is_at_rest or progress.n_iter == self.max_iter:
                self._print_end(progress.mean_log_likelihood, is_at_rest)
        self.is_settled = progress.n_iter == 1 and is_at_rest
        return self.is_settled

    def _begin(self, start: int) -> None:
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
