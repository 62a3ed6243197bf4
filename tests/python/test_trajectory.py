"""From the same start, the estimator walks the trajectory of scikit-learn's; from its own, it ends as high."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

import numpy as np
import pytest
from gaussmix import GaussianMixture
from numpy.typing import NDArray
from scipy.stats import mannwhitneyu
from sklearn import cluster, datasets, decomposition, mixture
from sklearn.exceptions import ConvergenceWarning
from threadpoolctl import threadpool_limits

COVARIANCE_TYPES = ("full", "tied", "diag", "spherical")
N_COMPONENTS = {"iris": 3, "wine": 3, "breast_cancer": 2, "digits": 10}
N_ITER = 40

# scikit-learn forms E[x²] − E[x]² in the M-step (tied, diag, spherical) and x·P − μ·P in the E-step. On these data
# (μ/σ)² is below 1e3 and the scaled covariances' condition below 1e6: up to 1e4 roundings of 1.1e-16, 1e-12, are lost,
# and a factor of ten is left for what 40 iterations pass on.
REL = 1e-11


@pytest.fixture(autouse=True)
def _one_blas_thread() -> Iterator[None]:
    """scikit-learn's products are small here: on a busy machine, threads of the BLAS only wait for each other."""
    with threadpool_limits(1, user_api="blas"):
        yield


@cache
def data(name: str) -> NDArray[np.float64]:
    """A data set that scikit-learn ships, (N, D); digits on their first 20 principal axes."""
    X: NDArray[np.float64] = getattr(datasets, f"load_{name}")().data
    return decomposition.PCA(20, svd_solver="full").fit_transform(X) if name == "digits" else X


@cache
def labels(name: str) -> NDArray[np.int32]:
    """The clusters that k-means finds, (N,)."""
    found: NDArray[np.int32] = cluster.KMeans(N_COMPONENTS[name], n_init=1, random_state=0).fit(data(name)).labels_
    return found


def start(name: str, covariance_type: str) -> dict[str, NDArray[np.float64]]:
    """π, μ and Σ⁻¹ of the clusters, where Σ has the estimators' reg_covar of 1e-6 added."""
    X, members = data(name), np.eye(N_COMPONENTS[name])[labels(name)]
    n = members.sum(axis=0)
    means = members.T @ X / n[:, np.newaxis]
    centered = X[:, np.newaxis] - means
    scatters = np.einsum("nk,nki,nkj->kij", members, centered, centered)
    full = scatters / n[:, np.newaxis, np.newaxis]
    ridge = 1e-6 * np.eye(X.shape[1])
    precisions = {
        "full": np.linalg.inv(full + ridge),
        "tied": np.linalg.inv(scatters.sum(axis=0) / n.sum() + ridge),
        "diag": 1.0 / (np.diagonal(full, axis1=1, axis2=2) + 1e-6),
        "spherical": 1.0 / (np.trace(full, axis1=1, axis2=2) / X.shape[1] + 1e-6),
    }[covariance_type]
    if covariance_type in ("full", "tied"):
        precisions = 0.5 * (precisions + precisions.swapaxes(-1, -2))
    return {"weights_init": n / n.sum(), "means_init": means, "precisions_init": precisions}


def fitted(estimator: Any, X: NDArray[np.float64]) -> Any:
    """The estimator after all its iterations; with tol=0 it cannot converge and says so."""
    with pytest.warns(ConvergenceWarning):
        return estimator.fit(X)


@pytest.mark.parametrize("covariance_type", COVARIANCE_TYPES)
@pytest.mark.parametrize("name", N_COMPONENTS)
@pytest.mark.filterwarnings("ignore::gaussmix.ScaleWarning")
def test_lower_bounds_are_those_of_scikit_learn(name: str, covariance_type: str) -> None:
    parameters: dict[str, Any] = {
        "covariance_type": covariance_type,
        "tol": 0.0,
        "max_iter": N_ITER,
        **start(name, covariance_type),
    }
    theirs = fitted(mixture.GaussianMixture(N_COMPONENTS[name], **parameters), data(name))
    ours = fitted(GaussianMixture(N_COMPONENTS[name], **parameters), data(name))
    assert len(ours.lower_bounds_) == ours.n_iter_ == N_ITER
    assert ours.lower_bound_ == ours.lower_bounds_[-1]
    np.testing.assert_allclose(ours.lower_bounds_, theirs.lower_bounds_, rtol=REL, atol=0.0)


@pytest.mark.parametrize("covariance_type", COVARIANCE_TYPES)
@pytest.mark.parametrize("name", N_COMPONENTS)
@pytest.mark.filterwarnings("ignore::gaussmix.ScaleWarning")
def test_convergence_comes_at_the_same_iteration(name: str, covariance_type: str) -> None:
    parameters: dict[str, Any] = {"covariance_type": covariance_type, "max_iter": 200, **start(name, covariance_type)}
    theirs = mixture.GaussianMixture(N_COMPONENTS[name], **parameters).fit(data(name))
    ours = GaussianMixture(N_COMPONENTS[name], **parameters).fit(data(name))
    assert (ours.n_iter_, ours.converged_) == (theirs.n_iter_, theirs.converged_)
    np.testing.assert_array_equal(ours.predict(data(name)), theirs.predict(data(name)))


@pytest.mark.parametrize("covariance_type", COVARIANCE_TYPES)
@pytest.mark.parametrize("name", N_COMPONENTS)
@pytest.mark.filterwarnings("ignore::gaussmix.ScaleWarning")
def test_default_parameters_reach_the_likelihood_of_scikit_learn(name: str, covariance_type: str) -> None:
    """Single seeds reach other optima, with a mix of better and worse; over ten of them ours are not below theirs."""

    def scores(estimator: Any) -> NDArray[np.float64]:
        fits = (estimator(N_COMPONENTS[name], covariance_type=covariance_type, random_state=s) for s in range(10))
        return np.array([fit.fit(data(name)).score(data(name)) for fit in fits])

    tol = 1e-3  # what the default tol leaves open
    below = mannwhitneyu(scores(GaussianMixture) + tol, scores(mixture.GaussianMixture), alternative="less")
    assert below.pvalue > 1e-3


@pytest.mark.parametrize("covariance_type", COVARIANCE_TYPES)
def test_fitted_parameters_are_those_of_scikit_learn(covariance_type: str) -> None:
    """Four clusters 20 standard deviations apart: every start by k-means finds them, so the two need no common one."""
    centers = 20.0 * np.array([[0, 0, 0], [1, 0, 1], [0, 1, 1], [1, 1, 0]])
    X, truth = datasets.make_blobs([60, 70, 80, 90], centers=centers, random_state=0)
    theirs = mixture.GaussianMixture(4, covariance_type=covariance_type, random_state=0).fit(X)
    ours = GaussianMixture(4, covariance_type=covariance_type, random_state=0).fit(X)
    order = [ours.predict(theirs.means_[k : k + 1])[0] for k in range(4)]
    by_component = slice(None) if covariance_type == "tied" else order
    # Responsibilities are 0 or 1 to rounding, so these are plain moments, on which scikit-learn's expanded squares lose
    # 20² · N roundings of 1.1e-16 against variances of 1.
    for name, rows in (
        ("weights_", order),
        ("means_", order),
        ("covariances_", by_component),
        ("precisions_", by_component),
        ("precisions_cholesky_", by_component),
    ):
        expected = getattr(theirs, name)
        np.testing.assert_allclose(getattr(ours, name)[rows], expected, rtol=1e-11, atol=1e-11, err_msg=name)
    np.testing.assert_allclose(ours.score_samples(X), theirs.score_samples(X), rtol=1e-10, atol=0.0)
    np.testing.assert_allclose(ours.predict_proba(X)[:, order], theirs.predict_proba(X), rtol=0.0, atol=1e-12)
    for criterion in ("score", "aic", "bic"):
        assert getattr(ours, criterion)(X) == pytest.approx(getattr(theirs, criterion)(X), rel=1e-11), criterion
    assert len(np.unique(truth * 4 + ours.predict(X))) == 4
