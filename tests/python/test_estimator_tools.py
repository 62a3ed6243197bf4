"""The estimator among scikit-learn's tools: copies and files, notebooks, routing, callbacks; and its data sets."""

from __future__ import annotations

import copy
import gc
import inspect
import pickle
import subprocess
import sys
import weakref
from pathlib import Path
from typing import Any

import cloudpickle
import joblib
import numpy as np
import pytest
import sklearn
from gaussmix import FitProgress, GaussianMixture, InvalidArgumentError
from numpy.typing import NDArray
from sklearn import config_context, datasets, mixture
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import estimator_html_repr

X = datasets.load_iris().data
since_1_9 = pytest.mark.skipif(
    tuple(map(int, sklearn.__version__.split(".")[:2])) < (1, 9), reason="set_callbacks came with scikit-learn 1.9"
)


@pytest.fixture
def model() -> GaussianMixture:
    return GaussianMixture(3, covariance_type="tied", random_state=0).fit(X)


# ---- copies and files ----


def assert_same(made: Any, model: GaussianMixture) -> None:
    assert type(made).__name__ == "GaussianMixture"
    assert made.get_params() == model.get_params()
    assert made.mixture_ == model.mixture_
    assert made.lower_bounds_ == model.lower_bounds_
    np.testing.assert_array_equal(made.predict_proba(X), model.predict_proba(X))


READ_ONLY = ("weights_", "means_", "covariances_", "precisions_", "precisions_cholesky_", "n_features_in_")


@pytest.mark.parametrize("name", READ_ONLY)
def test_what_the_mixture_holds_documents_itself_and_cannot_be_set(model: GaussianMixture, name: str) -> None:
    text = inspect.getdoc(getattr(GaussianMixture, name))
    assert text is not None
    assert ("int" if name == "n_features_in_" else "float64, read-only") in text
    before = model.mixture_
    for each in (model, GaussianMixture()):
        with pytest.raises(AttributeError, match=rf"{name} cannot be set.* is gaussmix\.Mixture\(weights, means, cov"):
            setattr(each, name, getattr(model, name))
    assert model.mixture_ is before


def test_other_read_only_attributes_of_a_subclass_are_its_own_affair() -> None:
    class Named(GaussianMixture):
        @property
        def name(self) -> str:
            return "mine"

    with pytest.raises(AttributeError, match="has no setter"):
        Named().name = "yours"  # type: ignore[misc]


@pytest.mark.parametrize("name", ["precisions_", "precisions_cholesky_"])
@pytest.mark.parametrize("covariance_type", ["full", "tied", "diag", "spherical"])
def test_precisions_are_computed_once_for_each_mixture(covariance_type: str, name: str) -> None:
    model = GaussianMixture(3, covariance_type=covariance_type, random_state=0).fit(X)
    size, held = len(pickle.dumps(model)), dict(vars(model))
    first = getattr(model, name)
    assert getattr(model, name) is first
    with pytest.raises(ValueError, match="read-only"):
        first[...] = 0.0
    assert vars(model) == held
    assert len(pickle.dumps(model)) == size
    for made in (pickle.loads(pickle.dumps(model)), copy.deepcopy(model), copy.copy(model)):
        assert_same(made, model)
        np.testing.assert_array_equal(getattr(made, name), first)
    second = getattr(model.fit(X[:100]), name)
    np.testing.assert_array_equal(second, getattr(clone(model).fit(X[:100]), name))
    assert not np.array_equal(second, first)


def test_precisions_are_kept_no_longer_than_their_mixture() -> None:
    model = GaussianMixture(2, random_state=0).fit(X)
    held = weakref.ref(model.precisions_), weakref.ref(model.precisions_cholesky_)
    assert all(array() is not None for array in held)
    model.fit(X[:100])
    gc.collect()
    assert all(array() is None for array in held)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_pickle(model: GaussianMixture, protocol: int) -> None:
    assert_same(pickle.loads(pickle.dumps(model, protocol)), model)


def test_cloudpickle_of_a_subclass(model: GaussianMixture) -> None:
    class Named(GaussianMixture):
        def name(self) -> str:
            return "mine"

    mine = Named(3, covariance_type="tied", random_state=0).fit(X)
    script = "import sys, pickle; made = pickle.load(sys.stdin.buffer); print(made.name(), made.n_iter_)"
    done = subprocess.run(
        [sys.executable, "-c", script], input=cloudpickle.dumps(mine), capture_output=True, check=True
    )
    assert done.stdout.split() == [b"mine", str(mine.n_iter_).encode()]
    assert_same(cloudpickle.loads(cloudpickle.dumps(model)), model)


@pytest.mark.parametrize("mmap_mode", [None, "r", "c"])
def test_joblib(model: GaussianMixture, tmp_path: Path, mmap_mode: Any) -> None:
    joblib.dump(model, tmp_path / "model.joblib")
    assert_same(joblib.load(tmp_path / "model.joblib", mmap_mode=mmap_mode), model)


def test_skops(model: GaussianMixture) -> None:
    io = pytest.importorskip("skops.io")
    data = io.dumps(model)
    unknown = io.get_untrusted_types(data=data)
    assert all(name.startswith("gaussmix.") for name in unknown)
    assert_same(io.loads(data, trusted=unknown), model)


def test_parallel_scores_are_those_of_one_process() -> None:
    scores = [cross_val_score(GaussianMixture(2, random_state=0), X, n_jobs=jobs) for jobs in (1, 2)]
    np.testing.assert_array_equal(*scores)


def test_parameters_that_are_memory_maps(tmp_path: Path) -> None:
    np.save(tmp_path / "means.npy", X[[0, 60]])
    means = np.load(tmp_path / "means.npy", mmap_mode="r")
    assert GaussianMixture(2, means_init=means, random_state=0).fit(X).converged_


# ---- subclasses ----


class Preset(GaussianMixture):
    """Takes few of the parameters, and one of its own."""

    def __init__(self, n_components: int = 2, scale: float = 1.0) -> None:
        super().__init__(n_components, random_state=0)
        self.scale = scale


def test_a_subclass_may_have_a_constructor_of_its_own() -> None:
    preset = Preset(scale=2.0).fit(X)
    assert preset.mixture_ == GaussianMixture(2, random_state=0).fit(X).mixture_
    assert preset.get_params() == {"n_components": 2, "scale": 2.0}
    assert repr(preset) == "Preset(scale=2.0)"
    assert clone(preset).fit_predict(X).tolist() == preset.predict(X).tolist()
    assert pickle.loads(pickle.dumps(preset)).mixture_ == preset.mixture_
    preset.tol = -1.0
    with pytest.raises(InvalidArgumentError, match=r"The 'tol' parameter of Preset must be .* Got -1\.0"):
        preset.fit(X)


def test_a_subclass_may_have_a_fit_of_fewer_arguments() -> None:
    class Centered(GaussianMixture):
        labels: Any = None

        def fit(self, X: Any, y: Any = None) -> Any:  # type: ignore[override]
            self.labels = y
            return super().fit(X - X.mean(axis=0))

    model = Centered(2, random_state=0)
    assert model.fit_predict(X).tolist() == model.predict(X).tolist()
    assert model.labels is None
    assert len(model.fit_predict(X, [1])) == len(X)
    assert model.labels == [1]
    with pytest.raises(TypeError, match="sample_weight"):
        model.fit_predict(X, sample_weight=np.ones(len(X)))


# ---- notebooks ----


def test_html(model: GaussianMixture) -> None:
    html = model._repr_html_()
    assert html is not None
    for text in ("GaussianMixture", "sk-estimator"):
        assert text in html
    with config_context(display="text"):
        assert model._repr_html_() is None
    pipeline = make_pipeline(StandardScaler(), GaussianMixture(n_components=2, tol=0.125))
    assert "tol" in estimator_html_repr(pipeline)


def test_without_scikit_learn_a_notebook_shows_the_text() -> None:
    script = "import gaussmix; assert gaussmix.GaussianMixture()._repr_html_() is None"
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60)


# ---- routing ----


def test_callbacks_and_deadlines_pass_through_pipelines_and_searches() -> None:
    seen: list[FitProgress] = []
    pipeline = Pipeline([("scale", StandardScaler()), ("gmm", GaussianMixture(2, random_state=0))])
    pipeline.fit(X, gmm__callback=seen.append, gmm__deadline=60.0)
    assert len(seen) == pipeline["gmm"].n_iter_
    search = GridSearchCV(GaussianMixture(random_state=0), {"n_components": [1, 2]}, cv=2)
    search.fit(X, callback=seen.append)
    assert len(seen) > pipeline["gmm"].n_iter_


def test_callbacks_are_routed_on_request() -> None:
    seen: list[FitProgress] = []
    with config_context(enable_metadata_routing=True):
        asked = GaussianMixture(2, random_state=0).set_fit_request(callback=True, sample_weight="weight")
        made = Pipeline([("gmm", clone(asked))]).fit(X, callback=seen.append, weight=np.ones(len(X)))
        assert len(seen) == made["gmm"].n_iter_
        with pytest.raises(ValueError, match=r"\[deadline\] are passed but are not explicitly set as requested"):
            Pipeline([("gmm", asked)]).fit(X, deadline=60.0)


# ---- scikit-learn's callbacks ----


class Recorder:
    """A callback of scikit-learn: what it was told, and where it asks for the end."""

    def __init__(self, stop_at: tuple[str, int] | None = None, fail: bool = False) -> None:
        self.stop_at = stop_at
        self.fail = fail
        self.told: list[tuple[str, str, int]] = []
        self.fitted: list[Any] = []

    def _note(self, hook: str, estimator: Any, context: Any) -> None:
        assert context.estimator_name == type(estimator).__name__
        self.told.append((hook, context.task_name, context.task_id))

    def setup(self, estimator: Any, context: Any) -> None:
        self._note("setup", estimator, context)

    def on_fit_task_begin(self, estimator: Any, context: Any) -> None:
        self._note("begin", estimator, context)

    def on_fit_task_end(
        self, estimator: Any, context: Any, *, X: Any = None, metadata: Any = None, fitted_estimator: Any = None
    ) -> bool:
        self._note("end", estimator, context)
        self.fitted.append((fitted_estimator, X, metadata))
        if self.fail:
            raise LookupError("enough")
        return (context.task_name, context.task_id) == self.stop_at

    def teardown(self, estimator: Any, context: Any) -> None:
        self._note("teardown", estimator, context)


@since_1_9
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_scikit_learns_callbacks_see_starts_and_iterations() -> None:
    recorder = Recorder()
    model = GaussianMixture(2, n_init=2, max_iter=2, tol=0.0, random_state=0).set_callbacks(recorder)
    weight = np.ones(len(X))
    model.fit(X, sample_weight=weight)
    start = [("begin", "iteration", 0), ("end", "iteration", 0), ("begin", "iteration", 1), ("end", "iteration", 1)]
    assert recorder.told == [
        ("setup", "fit", 0),
        ("begin", "fit", 0),
        *(("begin", "start", 0), *start, ("end", "start", 0)),
        *(("begin", "start", 1), *start, ("end", "start", 1)),
        ("end", "fit", 0),
        ("teardown", "fit", 0),
    ]
    fitted, x, metadata = recorder.fitted[-1]
    assert fitted.mixture_ == model.mixture_
    assert fitted.n_iter_ == 2
    assert x is X
    assert metadata["sample_weight"] is weight
    assert recorder.fitted[0][0].predict(X).shape == (len(X),)
    assert clone(model).fit(X).mixture_ == model.mixture_  # a clone has the callbacks too
    assert len(recorder.told) == 32
    model.set_callbacks().fit(X)
    assert len(recorder.told) == 32


@since_1_9
def test_scikit_learns_callbacks_end_a_fit() -> None:
    recorder = Recorder(stop_at=("iteration", 2))
    model = GaussianMixture(2, n_init=3, tol=0.0, random_state=0).set_callbacks(recorder)
    model.fit(X)  # warns of nothing
    assert model.n_iter_ == 3
    ended = [entry for entry in recorder.told if entry[0] == "end"]
    assert ended == [*(("end", "iteration", i) for i in range(3)), ("end", "start", 0), ("end", "fit", 0)]


@since_1_9
def test_scikit_learns_callbacks_that_raise_are_torn_down() -> None:
    recorder = Recorder(fail=True)
    model = GaussianMixture(2, random_state=0).set_callbacks(recorder)
    with pytest.raises(LookupError, match="enough"):
        model.fit(X)
    assert recorder.told[-1] == ("teardown", "fit", 0)
    assert not hasattr(model, "mixture_")
    with pytest.raises(TypeError, match="callbacks must be instances following the FitCallback protocol"):
        model.set_callbacks(print)


@since_1_9
def test_scikit_learns_callbacks_reach_into_searches_and_pipelines() -> None:
    class Propagated(Recorder):
        max_propagation_depth = None

    recorder = Propagated()
    pipeline = Pipeline([("scale", StandardScaler()), ("gmm", GaussianMixture(2, random_state=0))])
    pipeline.set_callbacks(recorder).fit(X)
    iterations = [entry for entry in recorder.told if entry[:2] == ("end", "iteration")]
    assert len(iterations) == pipeline["gmm"].n_iter_
    GaussianMixture(max_iter=0).set_callbacks(recorder).fit(X)


# ---- data sets ----

FAITHFUL = Path(__file__).parents[1] / "data" / "faithful.csv"
DATA: dict[str, tuple[NDArray[np.float64], int]] = {
    "faithful": (np.loadtxt(FAITHFUL, delimiter=",", skiprows=1), 2),
    "iris": (datasets.load_iris().data, 3),
    "wine": (datasets.load_wine().data, 3),
    "breast cancer": (datasets.load_breast_cancer().data, 2),
}


@pytest.mark.parametrize("name", DATA)
@pytest.mark.parametrize("covariance_type", ["full", "tied", "diag", "spherical"])
@pytest.mark.filterwarnings("ignore::gaussmix.ScaleWarning")
def test_default_parameters_reach_scikit_learns_likelihood(name: str, covariance_type: str) -> None:
    x, n_components = DATA[name]

    def median(kind: Any) -> float:
        models = [kind(n_components, covariance_type=covariance_type, random_state=seed).fit(x) for seed in range(5)]
        return float(np.median([model.score(x) for model in models]))

    # Two ways to the same optimum end within `tol`, 1e-3, of each other.
    assert median(GaussianMixture) >= median(mixture.GaussianMixture) - 1e-3
