"""scikit-learn's `GaussianMixture` over gaussmix's core, with `sample_weight`, and without importing scikit-learn."""

from __future__ import annotations

import warnings
from numbers import Real
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ._core import ConvergenceWarning, InvalidArgumentError, Mixture
from ._estimator.arrays import FloatArray, as_sample_weight, as_samples, check_feature_names, feature_names
from ._estimator.base import EstimatorBase
from ._estimator.initial import check_means, check_precisions, check_weights
from ._estimator.messages import NOT_CONVERGED, NotFittedError, exception_class, scikit_learn_wording
from ._estimator.progress import FitWatch, fit_tasks, fitted_attributes
from ._estimator.rules import check_parameters
from .fit import run_fit
from .mixture import once_per_mixture, precisions, precisions_cholesky
from .progress import Callback, together

__all__ = ["ConvergenceWarning", "GaussianMixture", "NotFittedError"]

_precisions = once_per_mixture(precisions)
_precisions_cholesky = once_per_mixture(precisions_cholesky)


class GaussianMixture(EstimatorBase):
    """A Gaussian mixture, fitted by expectation-maximization: scikit-learn's estimator of this name, by its parameters,
    methods, attributes and messages.

    What differs: `fit`, `fit_predict`, `score`, `aic` and `bic` take `sample_weight`; the parameters are float64 also
    where X is float32; `on_degenerate` is a parameter; a fit that fails leaves the estimator as it was; the fitted
    parameters are read-only.

    Parameters
    ----------
    n_components : int, default=1
        Components of the mixture, K.
    covariance_type : {"full", "tied", "diag", "spherical", "tied_diag", "tied_spherical"}, default="full"
        Structure of the covariances: a matrix for each component, one matrix for all, a variance for each feature
        of each component, a variance for each component; beyond scikit-learn's, a variance for each feature, one
        variance for all.
    tol : float, default=1e-3
        EM stops when the mean log-likelihood changes by less.
    reg_covar : float, default=1e-6
        Added to every variance, in squared units of X: what is 1e-6 of unit variances is a blur where features are
        measured in units of 1e-3. Scale X, or lower it, where a `ScaleWarning` says so: above 1e-2 of the variance of a
        feature.
    max_iter : int, default=100
        Largest number of EM iterations; 0 returns the start.
    n_init : int, default=1
        Starts, of which the one with the largest mean log-likelihood is kept.
    short_iter : int, default=0
        0, or the iterations that each of several starts is given first: the best of them goes on alone, see
        `gaussmix.fit`.
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
    on_degenerate : {"raise", "floor", "drop", "reseed", "keep"}, default="keep"
        What to do with a component that is empty or collapsing, with a `gaussmix.DegenerateWarning` that names it.
        "keep" goes on with what `reg_covar` leaves it, as scikit-learn does; for the others see `gaussmix.fit`.
    search : {"none", "split_merge"}, default="none"
        "split_merge" looks for a better optimum once EM has come to one, see `gaussmix.fit`.

    Attributes
    ----------
    mixture_ : gaussmix.Mixture
        The mixture found; the methods below evaluate it.
    weights_ : ndarray of shape (K,)
        π.
    means_ : ndarray of shape (K, D)
        μ.
    covariances_ : ndarray
        Σ: (K, D, D) for "full", (D, D) for "tied", (K, D) for "diag", (K,) for "spherical", (D,) for
        "tied_diag", (1,) for "tied_spherical".
    precisions_ : ndarray
        Σ⁻¹ in the same shape, computed at the first access.
    precisions_cholesky_ : ndarray
        Upper triangular U with Σ⁻¹ = U Uᵀ in the same shape, computed at the first access; 1/σ of variances.
    converged_ : bool
        Whether the change fell below `tol`.
    n_iter_ : int
        Iterations of the start that was kept, or since the last split and merge.
    lower_bound_ : float
        Mean log-likelihood before the last M-step: the last of `lower_bounds_`, -inf where there is none.
    lower_bounds_ : list of float
        Mean log-likelihood before each of these M-steps.
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
        on_degenerate: str = "keep",
        short_iter: int = 0,
        search: str = "none",
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
        self.on_degenerate = on_degenerate
        self.short_iter = short_iter
        self.search = search

    def fit(
        self,
        X: Any,
        y: Any = None,  # noqa: ARG002
        sample_weight: Any = None,
        *,
        callback: Callback | None = None,
        deadline: float | None = None,
    ) -> Self:
        """Finds π, μ and Σ from X, (N, D), N ≥ max(2, K). `y` is ignored. Warns when EM did not converge, unless the
        callback ended it.

        `callback` is called with a `FitProgress` after each iteration; a true result ends the fit with what it has.
        `deadline`, in seconds, ends it after the first iteration that ends later than this, and a start that takes
        longer with its pass over X. A fit that fails or is interrupted leaves the estimator as it was.
        """
        owner = type(self).__name__
        check_parameters(self)
        names = feature_names(X)
        samples = as_samples(X, owner, min_samples=2)
        if samples.shape[0] < self.n_components:
            raise InvalidArgumentError(
                "Expected n_samples >= n_components but got "
                f"n_components = {self.n_components}, n_samples = {samples.shape[0]}"
            )
        start = self._start(samples.shape[1])
        metadata = None if sample_weight is None else {"sample_weight": sample_weight}
        n_told = 1 if start.get("short_iter", 0) > 0 else start.get("n_init", 1)  # starts that are told of
        about = {"n_init": n_told, "max_iter": self.max_iter}
        with fit_tasks(self, X=X, y=None, metadata=metadata, **about) as tasks:
            watch = self._watch()
            told = together(watch, tasks if self.max_iter > 0 else None, callback)
            with scikit_learn_wording():
                result, due = run_fit(
                    samples,
                    self.n_components,
                    self.covariance_type,
                    **start,
                    **self._steps(start),
                    sample_weight=as_sample_weight(sample_weight),
                    callback=told,
                    deadline=deadline,
                )
            if watch is not None:
                watch.close()
            converged = bool(result.converged or (watch is not None and watch.is_settled))
            attributes = fitted_attributes(result.mixture, [float(value) for value in result.trace], converged)
            if tasks is not None:
                tasks.close(attributes)
        for category, text in due:
            if category is not ConvergenceWarning:
                warnings.warn(text, category, stacklevel=2)
            elif not converged:
                words = NOT_CONVERGED if result.n_iter == self.max_iter else text
                warnings.warn(words, exception_class(ConvergenceWarning), stacklevel=2)
        self._adopt(attributes, names)
        return self

    def fit_predict(
        self,
        X: Any,
        y: Any = None,
        sample_weight: Any = None,
        *,
        callback: Callback | None = None,
        deadline: float | None = None,
    ) -> NDArray[np.int64]:
        """`fit` with those of these arguments that are not None, then `predict(X)`."""
        options = {"y": y, "sample_weight": sample_weight, "callback": callback, "deadline": deadline}
        given: dict[str, Any] = {name: value for name, value in options.items() if value is not None}
        return self.fit(X, **given).predict(X)

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
        return float(total / (samples.shape[0] if weight is None else weight.sum(dtype=np.float64)))

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
        if isinstance(n_samples, Real) and n_samples < 1:
            raise InvalidArgumentError(
                f"Invalid value for 'n_samples': {n_samples} . The sampling requires at least one sample."
            )
        return mixture.sample(n_samples, random_state=self._seed())

    @property
    def weights_(self) -> FloatArray:
        """π, (K,), float64, read-only: at least 0, with sum 1."""
        return self._fitted_mixture().weights

    @property
    def means_(self) -> FloatArray:
        """μ, (K, D), float64, read-only."""
        return self._fitted_mixture().means

    @property
    def covariances_(self) -> FloatArray:
        """Σ, float64, read-only: (K, D, D) for "full", (D, D) for "tied", (K, D) for "diag", (K,) for "spherical",
        (D,) for "tied_diag", (1,) for "tied_spherical"."""
        return self._fitted_mixture().covariances

    @property
    def precisions_cholesky_(self) -> FloatArray:
        """Upper triangular U with Σ⁻¹ = U Uᵀ, float64, read-only, in the shape of `covariances_`; 1/σ of variances.
        Computed at the first access.
        """
        return _precisions_cholesky(self._fitted_mixture())

    @property
    def precisions_(self) -> FloatArray:
        """Σ⁻¹, float64, read-only, in the shape of `covariances_`. Computed at the first access."""
        return _precisions(self._fitted_mixture())

    @property
    def n_features_in_(self) -> int:
        """Features seen in `fit`, D: an int."""
        return self._fitted_mixture().n_features

    if not TYPE_CHECKING:  # a checker would take it for leave to set any attribute

        def __setattr__(self, name: str, value: Any) -> None:
            """Sets an attribute, but none that `mixture_` holds."""
            try:
                super().__setattr__(name, value)
            except AttributeError as error:
                if not isinstance(getattr(GaussianMixture, name, None), property):
                    raise
                raise AttributeError(
                    f"{name} cannot be set: it is read from mixture_. A mixture of given parameters is "
                    "gaussmix.Mixture(weights, means, covariances, covariance_type)."
                ) from error

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

    def _mixture_and_samples(self, X: Any) -> tuple[Mixture, Any]:
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
        start |= {"init": self.init_params, "random_state": self._seed()}
        if self.max_iter == 0:  # nothing tells starts without iterations apart
            return start
        return start | {"n_init": self.n_init, "short_iter": self.short_iter}

    def _steps(self, start: dict[str, Any]) -> dict[str, Any]:
        """The arguments of `gaussmix.fit` that say how EM goes on, but for those that could have no effect."""
        steps: dict[str, Any] = {"max_iter": self.max_iter}
        if self.max_iter > 0:
            steps |= {"tol": self.tol, "search": self.search}
        if self.max_iter > 0 or not (self._goes_on() or "precisions_init" in start):
            steps |= {"reg_covar": self.reg_covar, "on_degenerate": self.on_degenerate}
        return steps

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

    def _watch(self) -> FitWatch | None:
        """What prints, and compares the bounds of a warm start; None where there is nothing to watch."""
        if self.max_iter == 0 or not (self.verbose or self._goes_on()):
            return None
        last_bound = self.lower_bound_ if self._goes_on() else -np.inf
        return FitWatch(
            verbose=int(self.verbose),
            interval=self.verbose_interval,
            tol=self.tol,
            max_iter=self.max_iter,
            last_bound=last_bound,
        )

    def _adopt(self, attributes: dict[str, Any], names: NDArray[np.object_] | None) -> None:
        """Takes over what a finished fit found; nothing here can fail."""
        if names is None:
            self.__dict__.pop("feature_names_in_", None)
        else:
            mixture = attributes["mixture_"].with_feature_names(names.tolist())
            attributes = attributes | {"feature_names_in_": names, "mixture_": mixture}
        self.__dict__.update(attributes)
