"""The estimator: scikit-learn's contract, its tools, weights, and errors that change nothing."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys
import warnings
from typing import Any

import numpy as np
import pytest
from gaussmix import GaussianMixture, InvalidArgumentError, Mixture
from numpy.typing import NDArray
from sklearn import config_context, mixture
from sklearn.base import clone
from sklearn.datasets import load_iris, make_blobs
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import estimator_checks_generator
from sklearn.utils.validation import check_is_fitted

COVARIANCE_TYPES = ("full", "tied", "diag", "spherical")
X = load_iris().data
BLOBS = make_blobs(300, centers=np.array([[0.0, 0.0], [12.0, 0.0], [0.0, 12.0]]), random_state=0)[0]

each_covariance_type = pytest.mark.parametrize("covariance_type", COVARIANCE_TYPES)


def scikit_learn_checks() -> list[Any]:
    """The checks of check_estimator; the one warning is that the estimator inherits nothing from scikit-learn."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Estimator GaussianMixture does not inherit from")
        return [check for _, check in estimator_checks_generator(GaussianMixture())]


def check_name(check: Any) -> str:
    return str(getattr(check, "func", check).__name__)


@pytest.mark.parametrize("check", scikit_learn_checks(), ids=check_name)
def test_scikit_learn_check(check: Any) -> None:
    check(GaussianMixture())


def test_parameters_and_defaults_are_scikit_learns() -> None:
    added = {"on_degenerate": "keep", "short_iter": 0, "search": "none"}
    assert GaussianMixture().get_params() == mixture.GaussianMixture().get_params() | added
    changed = GaussianMixture(2, covariance_type="tied", means_init=X[:2])
    assert repr(changed).startswith("GaussianMixture(n_components=2, covariance_type='tied', means_init=array(")
    assert repr(GaussianMixture()) == "GaussianMixture()"


@each_covariance_type
def test_attributes_have_scikit_learns_shapes(covariance_type: str) -> None:
    theirs = mixture.GaussianMixture(3, covariance_type=covariance_type, random_state=0).fit(X)
    ours = GaussianMixture(3, covariance_type=covariance_type, random_state=0).fit(X)
    names = [name for name in vars(theirs) if name.endswith("_")]
    assert {*names, "lower_bounds_"} == {  # which scikit-learn has since 1.7
        *("weights_", "means_", "covariances_", "precisions_", "precisions_cholesky_"),
        *("converged_", "n_iter_", "lower_bound_", "lower_bounds_", "n_features_in_"),
    }
    for name in names:
        met, expected = getattr(ours, name), getattr(theirs, name)
        assert (
            np.shape(met)[:1] == (ours.n_iter_,) if name == "lower_bounds_" else np.shape(met) == np.shape(expected)
        ), name
        assert np.asarray(met).dtype == np.asarray(expected).dtype, name
    assert isinstance(ours.mixture_, Mixture)
    assert ours.mixture_.covariance_type == covariance_type


@each_covariance_type
def test_precisions_invert_the_covariances(covariance_type: str) -> None:
    model = GaussianMixture(3, covariance_type=covariance_type, random_state=0).fit(X)
    upper, precisions, covariances = model.precisions_cholesky_, model.precisions_, model.covariances_
    if covariance_type in ("full", "tied"):
        assert not np.tril(upper, -1).any()
        product = covariances @ precisions
        # Inversion leaves a residual of a few D·u·cond(Σ); iris has cond(Σ) < 200.
        np.testing.assert_allclose(product, np.broadcast_to(np.eye(4), product.shape), rtol=0.0, atol=1e-11)
        np.testing.assert_allclose(upper @ upper.swapaxes(-1, -2), precisions, rtol=1e-14)
    else:
        np.testing.assert_allclose(covariances * precisions, np.ones_like(covariances), rtol=1e-15)
        np.testing.assert_allclose(upper**2, precisions, rtol=1e-15)


def test_an_unfitted_estimator_has_no_fitted_attribute() -> None:
    model = GaussianMixture()
    for name in (
        "weights_",
        "means_",
        "covariances_",
        "precisions_",
        "precisions_cholesky_",
        "n_features_in_",
        "mixture_",
    ):
        assert not hasattr(model, name)
    with pytest.raises(NotFittedError, match=r"This GaussianMixture instance is not fitted yet"):
        model.predict(X)
    with pytest.raises(NotFittedError):
        check_is_fitted(model)
    check_is_fitted(model.fit(X))


def test_fitted_parameters_cannot_be_overwritten_without_effect() -> None:
    model = GaussianMixture(2, random_state=0).fit(X)
    with pytest.raises(AttributeError):
        model.means_ = np.zeros((2, 4))  # type: ignore[misc]
    with pytest.raises(ValueError, match="read-only"):
        model.means_[0, 0] = 0.0


def test_methods_are_those_of_the_mixture() -> None:
    model = GaussianMixture(3, random_state=0).fit(X)
    found = model.mixture_
    np.testing.assert_array_equal(model.predict(X), found.predict(X))
    np.testing.assert_array_equal(model.predict_proba(X), found.responsibilities(X))
    np.testing.assert_array_equal(model.score_samples(X), found.log_prob(X))
    assert model.score(X) == found.log_likelihood(X) / len(X)
    assert (model.aic(X), model.bic(X)) == (found.aic(X), found.bic(X))
    assert model._n_parameters() == found.n_parameters == 44


def test_every_way_to_hold_the_same_numbers_gives_the_same_fit() -> None:
    whole = np.rint(10.0 * X)
    expected = GaussianMixture(3, random_state=0).fit(whole)
    for held in (whole.tolist(), whole.astype(np.int32), whole.astype(object), np.asfortranarray(whole)):
        model = GaussianMixture(3, random_state=0).fit(held)
        assert model.mixture_ == expected.mixture_
        np.testing.assert_array_equal(model.score_samples(held), expected.score_samples(whole))


def test_results_have_the_precision_of_x() -> None:
    model = GaussianMixture(2, random_state=0).fit(X.astype(np.float32))
    assert model.means_.dtype == np.float64
    for dtype in (np.float32, np.float64):
        assert model.score_samples(X.astype(dtype)).dtype == dtype
        assert model.predict_proba(X.astype(dtype)).dtype == dtype


@pytest.mark.parametrize("init_params", ["kmeans", "k-means++", "random", "random_from_data"])
def test_the_seed_decides(init_params: str) -> None:
    def fit(random_state: Any) -> GaussianMixture:
        return GaussianMixture(3, init_params=init_params, random_state=random_state, max_iter=500).fit(X)

    assert fit(7).mixture_ == fit(7).mixture_
    generator = np.random.RandomState(7)
    first = fit(generator)
    assert first.mixture_ == fit(np.random.RandomState(7)).mixture_
    np.random.seed(7)  # noqa: NPY002 (None means NumPy's global state, as in scikit-learn)
    assert first.mixture_ == fit(None).mixture_
    assert generator.randint(2**31) != np.random.RandomState(7).randint(2**31)  # it moved on
    before = generator.get_state(legacy=False)
    GaussianMixture(3, random_state=generator, **given_start("full")).fit(X)
    assert str(generator.get_state(legacy=False)) == str(before)  # a given start draws nothing


def test_fit_predict_is_fit_then_predict() -> None:
    weight = np.arange(1.0, len(X) + 1.0)
    for sample_weight in (None, weight):
        labels = GaussianMixture(3, random_state=0).fit_predict(X, sample_weight=sample_weight)
        expected = GaussianMixture(3, random_state=0).fit(X, sample_weight=sample_weight).predict(X)
        np.testing.assert_array_equal(labels, expected)


def test_no_iteration_returns_the_start() -> None:
    model = GaussianMixture(2, max_iter=0, random_state=0).fit(X)  # warns of nothing
    assert (model.n_iter_, model.lower_bounds_, model.lower_bound_, model.converged_) == (0, [], -np.inf, False)
    given = {
        "weights_init": [0.25, 0.75],
        "means_init": X[:2],
        "precisions_init": np.stack([2.0 * np.eye(4), np.eye(4)]),
    }
    model = GaussianMixture(2, max_iter=0, **given).fit(X)
    np.testing.assert_array_equal(model.weights_, [0.25, 0.75])
    np.testing.assert_array_equal(model.means_, X[:2])
    np.testing.assert_allclose(model.precisions_, given["precisions_init"], rtol=1e-15)


@pytest.mark.parametrize("names", [(), ("precisions_init",), ("weights_init", "means_init", "precisions_init")])
def test_without_iterations_other_parameters_may_be_what_they_like(names: tuple[str, ...]) -> None:
    start = {name: given_start("full")[name] for name in names}
    plain = GaussianMixture(3, max_iter=0, random_state=0, **start).fit(X)
    model = GaussianMixture(3, max_iter=0, n_init=2, random_state=0, tol=0.5, reg_covar=1e-3, **start).fit(X)
    estimated = 0.0 if names else (1e-3 - 1e-6) * np.eye(4)
    np.testing.assert_allclose(model.covariances_, plain.covariances_ + estimated, rtol=1e-12)
    again = model.set_params(warm_start=True, tol=0.0, reg_covar=0.0)
    assert again.fit(X).mixture_ == model.mixture_


def test_a_start_may_be_given_in_part() -> None:
    values: dict[str, Any] = {"weights_init": [0.9, 0.1], "means_init": X[[0, 100]]}
    for name, value in values.items():
        model = GaussianMixture(2, max_iter=0, random_state=0).set_params(**{name: value}).fit(X)
        np.testing.assert_array_equal(getattr(model, name.replace("init", "")), value)
    single = GaussianMixture(3, max_iter=0, random_state=0, weights_init=np.full(3, 1 / 3, np.float32)).fit(X)
    assert single.weights_.sum() == pytest.approx(1.0, abs=1e-15)


def test_the_best_of_several_starts_is_kept() -> None:
    parameters: dict[str, Any] = {"n_components": 4, "init_params": "random", "max_iter": 500}
    generator = np.random.RandomState(0)
    best = GaussianMixture(**parameters, n_init=8, random_state=0).fit(X)
    alone = [GaussianMixture(**parameters, random_state=generator).fit(X).lower_bound_ for _ in range(8)]
    assert best.lower_bound_ >= np.median(alone)
    assert best.lower_bound_ >= GaussianMixture(**parameters, random_state=0).fit(X).lower_bound_


def test_sample() -> None:
    model = GaussianMixture(3, random_state=0).fit(X)
    rows, components = model.sample(500)
    assert rows.shape == (500, 4)
    assert components.shape == (500,)
    assert set(components.tolist()) == {0, 1, 2}
    np.testing.assert_array_equal(rows, model.sample(500)[0])  # the same int, the same rows
    assert GaussianMixture().fit(X).sample()[0].shape == (1, 4)
    for n_samples in (0, -1):
        with pytest.raises(InvalidArgumentError, match=f"Invalid value for 'n_samples': {n_samples} "):
            model.sample(n_samples)
    with pytest.raises(TypeError, match="n_samples"):
        model.sample(2.5)  # type: ignore[arg-type]


# ---- warm start, convergence, progress ---------------------------------------------------------------------


def test_warm_start_goes_on_where_the_last_fit_ended() -> None:
    parameters: dict[str, Any] = {"n_components": 3, "tol": 0.0, "random_state": 0}
    at_once, in_steps = (
        GaussianMixture(**parameters, max_iter=6),
        GaussianMixture(**parameters, max_iter=2, warm_start=True),
    )
    with pytest.warns(ConvergenceWarning):
        at_once.fit(X)
    bounds: list[float] = []
    for _ in range(3):
        with pytest.warns(ConvergenceWarning):
            bounds += in_steps.fit(X).lower_bounds_
    assert in_steps.mixture_ == at_once.mixture_
    assert bounds == at_once.lower_bounds_


def test_warm_start_of_a_converged_fit_ends_at_once() -> None:
    model = GaussianMixture(3, random_state=0, warm_start=True).fit(X)
    before = model.lower_bound_
    model.fit(X)
    assert (model.converged_, model.n_iter_) == (True, 1)
    assert 0.0 < model.lower_bound_ - before < model.tol


def test_missing_convergence_is_said() -> None:
    with pytest.warns(
        ConvergenceWarning, match=r"Best performing initialization did not converge\. Try different init"
    ):
        model = GaussianMixture(3, max_iter=1, random_state=0).fit(X)
    assert not model.converged_


def test_verbose_prints_what_scikit_learn_prints(capsys: pytest.CaptureFixture[str]) -> None:
    parameters: dict[str, Any] = {"n_components": 3, "n_init": 2, "verbose_interval": 2, "random_state": 0}
    start = {
        "weights_init": np.full(3, 1 / 3),
        "means_init": X[[0, 60, 120]],
        "precisions_init": np.stack([np.eye(4)] * 3),
    }
    texts = []
    for kind in (mixture.GaussianMixture, GaussianMixture):
        kind(**parameters | {"n_init": 1}, **start, verbose=1).fit(X)
        texts.append(capsys.readouterr().out)
    assert texts[0] == texts[1]
    GaussianMixture(**parameters, verbose=2).fit(X)
    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines if line.startswith("Initialization") and line[-1] in "01"] == [
        "Initialization 0",
        "Initialization 1",
    ]
    assert sum("time lapse" in line and "lower bound" in line for line in lines) == 2
    assert any("ll change" in line for line in lines)


# ---- sample weights ----------------------------------------------------------------------------------------


def given_start(covariance_type: str) -> dict[str, Any]:
    precisions = {
        "full": np.stack([np.eye(4)] * 3),
        "tied": np.eye(4),
        "diag": np.ones((3, 4)),
        "spherical": np.ones(3),
    }
    return {
        "weights_init": [0.25, 0.25, 0.5],
        "means_init": X[[0, 60, 120]],
        "precisions_init": precisions[covariance_type],
    }


def assert_same_fit(met: GaussianMixture, expected: GaussianMixture) -> None:
    """Equal up to the order of the sums: 1e-11 leaves room for a hundred EM iterations that pass a rounding on."""
    np.testing.assert_allclose(met.lower_bounds_, expected.lower_bounds_, rtol=1e-12)
    for name in ("weights_", "means_", "covariances_"):
        np.testing.assert_allclose(getattr(met, name), getattr(expected, name), rtol=1e-11, atol=1e-12, err_msg=name)


@each_covariance_type
def test_integer_weights_are_repeated_rows(covariance_type: str) -> None:
    counts = np.random.default_rng(0).integers(0, 4, len(X))
    repeated = np.repeat(X, counts, axis=0)
    parameters = {"n_components": 3, "covariance_type": covariance_type, **given_start(covariance_type)}
    weighted = GaussianMixture(**parameters).fit(X, sample_weight=counts)
    expected = GaussianMixture(**parameters).fit(repeated)
    assert_same_fit(weighted, expected)
    for criterion in ("score", "aic", "bic"):
        met = getattr(weighted, criterion)(X, sample_weight=counts)
        assert met == pytest.approx(getattr(expected, criterion)(repeated), rel=1e-12), criterion


@each_covariance_type
def test_rows_of_weight_zero_are_absent(covariance_type: str) -> None:
    weight = (np.arange(len(X)) % 3 > 0).astype(float)
    far = np.where(weight[:, np.newaxis] > 0, X, 1e3)
    parameters = {"n_components": 3, "covariance_type": covariance_type, **given_start(covariance_type)}
    weighted = GaussianMixture(**parameters).fit(far, sample_weight=weight)
    assert_same_fit(weighted, GaussianMixture(**parameters).fit(X[weight > 0]))


def test_a_common_factor_of_the_weights_changes_nothing() -> None:
    weight = np.random.default_rng(0).uniform(0.5, 2.0, len(X))
    parameters = {"n_components": 3, **given_start("full")}
    assert_same_fit(
        GaussianMixture(**parameters).fit(X, sample_weight=7.0 * weight),
        GaussianMixture(**parameters).fit(X, None, weight),
    )


def test_weights_count_in_the_start_too() -> None:
    counts = np.repeat([1, 5], [150, 150])
    weighted = GaussianMixture(3, random_state=0).fit(BLOBS, sample_weight=counts)
    repeated = GaussianMixture(3, random_state=0).fit(np.repeat(BLOBS, counts, axis=0))
    order = [weighted.predict(repeated.means_[k : k + 1])[0] for k in range(3)]
    np.testing.assert_allclose(weighted.weights_[order], repeated.weights_, rtol=1e-11)


# ---- scikit-learn's tools ----------------------------------------------------------------------------------


def test_copies_keep_parameters_and_results() -> None:
    model = GaussianMixture(3, covariance_type="tied", random_state=0).fit(X)
    for made in (pickle.loads(pickle.dumps(model)), copy.deepcopy(model), copy.copy(model)):
        assert made.get_params() == model.get_params()
        assert made.mixture_ == model.mixture_
        assert made.lower_bounds_ == model.lower_bounds_
        np.testing.assert_array_equal(made.score_samples(X), model.score_samples(X))
    cloned = clone(model)
    assert cloned.get_params() == model.get_params()
    assert not hasattr(cloned, "mixture_")


def test_grid_search_finds_the_components() -> None:
    search = GridSearchCV(
        GaussianMixture(random_state=0), {"n_components": [1, 3], "covariance_type": ["full", "spherical"]}
    )
    search.fit(BLOBS)
    assert search.best_params_["n_components"] == 3
    np.testing.assert_array_equal(search.predict(BLOBS), search.best_estimator_.predict(BLOBS))


def test_pipeline_passes_weights() -> None:
    weight = np.random.default_rng(0).uniform(0.5, 2.0, len(X))
    pipeline = Pipeline([("scale", StandardScaler()), ("gmm", GaussianMixture(2, random_state=0))])
    pipeline.fit(X, gmm__sample_weight=weight)
    scaled = StandardScaler().fit_transform(X)
    assert pipeline["gmm"].mixture_ == GaussianMixture(2, random_state=0).fit(scaled, sample_weight=weight).mixture_


def test_weights_are_routed_on_request() -> None:
    weight = np.repeat([1.0, 0.0], [100, 50])
    with config_context(enable_metadata_routing=True):
        asked = (
            GaussianMixture(2, random_state=0)
            .set_fit_request(sample_weight=True)
            .set_score_request(sample_weight=False)
        )
        pipeline = Pipeline([("gmm", clone(asked))]).fit(X, sample_weight=weight)
    assert pipeline["gmm"].mixture_ == GaussianMixture(2, random_state=0).fit(X, sample_weight=weight).mixture_
    with pytest.raises(RuntimeError, match="metadata routing is enabled"):
        GaussianMixture().set_fit_request(sample_weight=True)


class Frame:
    """As much of a data frame as the estimator looks at."""

    def __init__(self, values: NDArray[np.float64], columns: list[Any]) -> None:
        self.values, self.columns = values, columns

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        return self.values


NAMES = ["sepal length", "sepal width", "petal length", "petal width"]


def test_feature_names_are_kept_and_compared() -> None:
    frame = Frame(X, NAMES)
    model = GaussianMixture(2, random_state=0).fit(frame)
    assert model.feature_names_in_.tolist() == NAMES
    assert model.feature_names_in_.dtype == object
    model.predict(frame)
    with pytest.warns(UserWarning, match="X does not have valid feature names, but GaussianMixture was fitted with"):
        model.predict(X)
    with pytest.raises(ValueError, match="must be in the same order as they were in fit"):
        model.predict(Frame(X, NAMES[::-1]))
    with pytest.raises(ValueError, match=r"unseen at fit time:\n- a\n(.|\n)*now missing:\n- petal length\n"):
        model.predict(Frame(X, list("abcd")))
    with pytest.raises(TypeError, match="only supported if all input features have string names"):
        model.fit(Frame(X, ["a", 1, 2, 3]))
    assert model.feature_names_in_.tolist() == NAMES
    model.fit(X)
    assert not hasattr(model, "feature_names_in_")
    with pytest.warns(UserWarning, match="X has feature names, but GaussianMixture was fitted without"):
        model.predict(frame)


PROGRAM = """
import sys, warnings
import numpy as np
import gaussmix
X = np.random.default_rng(0).normal(size=(100, 2))
model = gaussmix.GaussianMixture(2, random_state=0)
try:
    model.predict(X)
except ValueError as error:
    assert isinstance(error, AttributeError) and type(error).__module__ == "gaussmix._estimator.messages", type(error)
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    model.set_params(max_iter=1).fit(X)
assert [type(w.message).__name__ for w in caught] == ["ConvergenceWarning"], caught
repr(model); model.set_params(max_iter=500).fit(X).bic(X); model.sample(3); model.precisions_
print(sorted({name.split(".")[0] for name in sys.modules} & {"sklearn", "scipy", "pandas", "joblib"}))
"""


def test_scikit_learn_is_never_imported() -> None:
    done = subprocess.run([sys.executable, "-W", "error", "-c", PROGRAM], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("[]\n", "")
