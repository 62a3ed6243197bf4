"""Mixtures from scikit-learn's estimators and to them, and through them to ONNX."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import gaussmix
import numpy as np
import pytest
from conftest import MakeMixture
from gaussmix import InvalidArgumentError, NumericalError
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LinearRegression
from sklearn.mixture import BayesianGaussianMixture, GaussianMixture

TYPES = ("full", "tied", "diag", "spherical")
X = np.random.default_rng(5).normal(size=(300, 3)) @ [[1, 0.5, 0], [0, 1, 0.5], [0, 0, 1]]
X[::2] += [4, -3, 2]


@pytest.mark.parametrize("covariance_type", TYPES)
def test_a_mixture_of_an_estimator_has_its_parameters_and_densities(covariance_type: str) -> None:
    est = GaussianMixture(2, covariance_type=covariance_type, random_state=0).fit(X)
    mixture = gaussmix.Mixture.from_sklearn(est)
    assert mixture.covariance_type == covariance_type
    for name in ("weights", "means"):
        assert np.array_equal(getattr(mixture, name), getattr(est, f"{name}_"))
    np.testing.assert_allclose(mixture.covariances, est.covariances_, rtol=1e-15, atol=1e-15)
    # Both are careful: 1e-12 is thousands of roundings of log-densities near 10.
    np.testing.assert_allclose(mixture.log_prob(X), est.score_samples(X), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("covariance_type", TYPES)
def test_float32_parameters_are_made_good(covariance_type: str) -> None:
    est = GaussianMixture(3, covariance_type=covariance_type, random_state=0).fit(X.astype("f4"))
    assert est.covariances_.dtype == np.float32
    mixture = gaussmix.Mixture.from_sklearn(est)
    assert abs(mixture.weights.sum() - 1) <= 3 * 2**-53
    np.testing.assert_allclose(mixture.weights, est.weights_, rtol=2**-22)
    np.testing.assert_allclose(mixture.covariances, est.covariances_, rtol=2**-20, atol=2**-20)


def test_our_own_estimator_gives_its_mixture() -> None:
    est = gaussmix.GaussianMixture(2, random_state=0).fit(X)
    assert gaussmix.Mixture.from_sklearn(est) == est.mixture_


@pytest.mark.parametrize("covariance_type", TYPES)
def test_to_scikit_learn_and_back_is_the_same_mixture(make_mixture: MakeMixture, covariance_type: str) -> None:
    mixture = make_mixture(covariance_type)
    est = mixture.to_sklearn()
    assert type(est) is GaussianMixture
    assert gaussmix.Mixture.from_sklearn(est) == mixture
    x, _ = mixture.sample(200, 1)
    # Both are careful, and condition numbers are below 100: 1e-12 is thousands of roundings of log-densities near 10.
    np.testing.assert_allclose(est.score_samples(x), mixture.log_prob(x), rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(est.predict_proba(x), mixture.responsibilities(x), rtol=1e-11, atol=1e-12)
    assert np.array_equal(est.predict(x), mixture.predict(x))
    assert (est.n_components, est.n_features_in_, est.converged_, est.n_iter_) == (3, 4, False, 0)
    identity = np.broadcast_to(np.eye(4), (3, 4, 4))
    full = {"full": est.covariances_, "tied": est.covariances_[None]}
    if covariance_type in full:
        product = full[covariance_type] @ est.precisions_
        np.testing.assert_allclose(product, identity[: len(product)], atol=1e-12)
    else:
        np.testing.assert_allclose(est.covariances_ * est.precisions_, 1, rtol=1e-15)
    est.means_[:] = 0  # the estimator has arrays of its own
    assert mixture == make_mixture(covariance_type)


@pytest.mark.parametrize("covariance_type", TYPES)
def test_onnx_answers_as_the_mixture(make_mixture: MakeMixture, covariance_type: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of other packages, about each other
        import onnxruntime
        import skl2onnx

        mixture = make_mixture(covariance_type)
        x = mixture.sample(200, 1)[0].astype("f4")
        options: dict[Any, Any] = {GaussianMixture: {"score_samples": True}}
        onnx = skl2onnx.to_onnx(mixture.to_sklearn(), x[:1], options=options)
        session = onnxruntime.InferenceSession(onnx.SerializeToString(), providers=["CPUExecutionProvider"])
        labels, shares, log_p = session.run(None, {"X": x})
    x64 = x.astype("f8")
    # onnxruntime computes in float32 with x P − μ P: 1e-4 is some hundred of its roundings of terms near 30.
    np.testing.assert_allclose(log_p.ravel(), mixture.log_prob(x64), rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(shares, mixture.responsibilities(x64), atol=1e-4)
    assert (labels.ravel() == mixture.predict(x64)).mean() > 0.99  # but for rows half way between two components


def refusals() -> list[tuple[str, Callable[[Any], Any]]]:
    """What scikit-learn's estimator accepts and ours refuses, by the README."""
    bools = ("tol", "reg_covar", "max_iter", "n_init", "verbose_interval", "random_state")
    dates = np.arange(6).reshape(3, 2).astype("M8[D]")
    return [
        *((name, lambda kind, name=name: kind(**{name: True}).fit(X)) for name in bools),
        ("masked", lambda kind: kind().fit(np.ma.masked_greater(X, 3.0))),
        ("text", lambda kind: kind().fit(np.array([["1", "2"], ["3", "4"]]))),
        ("text of a start", lambda kind: kind(means_init=[["1", "2", "3"]]).fit(X)),
        ("dates", lambda kind: kind().fit(dates)),
        ("3.0 samples", lambda kind: kind().fit(X).sample(3.0)),
        ("True samples", lambda kind: kind().fit(X).sample(True)),
        ("warm start", lambda kind: kind(warm_start=True).fit(X).set_params(n_components=2).fit(X)),
    ]


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("use", [pytest.param(use, id=what) for what, use in refusals()])
def test_what_scikit_learn_accepts_and_the_readme_says_is_refused(use: Callable[[Any], Any]) -> None:
    use(GaussianMixture)
    with pytest.raises((InvalidArgumentError, TypeError)):
        use(gaussmix.GaussianMixture)


def test_duplicates_draw_no_warning_of_k_means() -> None:
    twins = np.repeat([[0.0, 0.0], [1.0, 1.0]], 10, axis=0)
    with pytest.warns(ConvergenceWarning, match="Number of distinct clusters"):
        GaussianMixture(3, random_state=0).fit(twins)
    with pytest.warns(gaussmix.DegenerateWarning, match="components 0, 1, 2") as caught:
        assert gaussmix.GaussianMixture(3, random_state=0).fit(twins).converged_
    assert len(caught) == 1


def test_float32_rows_are_answered_in_float32_by_a_model_of_float64() -> None:
    for kind, dtype in ((GaussianMixture, np.float64), (gaussmix.GaussianMixture, np.float32)):
        est = kind(2, random_state=0).fit(X)
        rows = X.astype("f4")
        assert est.score_samples(rows).dtype == est.predict_proba(rows).dtype == dtype


def test_estimators_that_are_no_mixture() -> None:
    for est in (GaussianMixture(2), gaussmix.GaussianMixture(2)):
        with pytest.raises(InvalidArgumentError, match="est must be fitted, but this GaussianMixture has no weights_"):
            gaussmix.Mixture.from_sklearn(est)
    bayesian = BayesianGaussianMixture(n_components=2, random_state=0).fit(X)
    with pytest.raises(InvalidArgumentError, match="density of a Gaussian mixture, but is BayesianGaussianMixture"):
        gaussmix.Mixture.from_sklearn(bayesian)
    for other in (LinearRegression(), None, 3):
        with pytest.raises(TypeError, match="est must be an estimator like GaussianMixture, but is"):
            gaussmix.Mixture.from_sklearn(other)


def test_a_singular_mixture_has_no_precisions() -> None:
    mixture = gaussmix.Mixture([0.5, 0.5], np.zeros((2, 2)), [[1, 1], [1, 0]], "diag", allow_singular=True)
    with pytest.raises(NumericalError, match="component 1 has rank 1 of 2"):
        mixture.to_sklearn()
