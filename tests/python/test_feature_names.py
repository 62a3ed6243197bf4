"""A mixture that knows what its features are called refuses tables whose columns differ."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gaussmix
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from gaussmix import GaussianMixture, InvalidArgumentError, Mixture

NAMES = ("length", "width", "height")
X = np.random.default_rng(5).normal(size=(80, 3)) * [1.0, 10.0, 100.0] + [[0.0, 50.0, -300.0]]
TABLES: dict[str, Callable[[dict[str, Any]], Any]] = {
    "pandas": pd.DataFrame,
    "polars": pl.DataFrame,
    "pyarrow": pa.table,
}
FIT: dict[str, Any] = {"covariance_type": "diag", "random_state": 0, "max_iter": 500}
each_table = pytest.mark.parametrize("make", TABLES.values(), ids=TABLES)


def columns(order: tuple[int, ...] = (0, 1, 2)) -> dict[str, Any]:
    return {NAMES[j]: X[:, j].copy() for j in order}


def fitted() -> Mixture:
    return gaussmix.fit(pd.DataFrame(columns()), 2, **FIT).mixture


SOURCES: dict[str, Callable[[Path], Mixture]] = {
    "fit": lambda _: fitted(),
    "estimator": lambda _: GaussianMixture(2, **FIT).fit(pd.DataFrame(columns())).mixture_,
    "pickle": lambda _: pickle.loads(pickle.dumps(fitted())),
    "copy": lambda _: copy.deepcopy(fitted()),
    "bytes": lambda _: Mixture.from_bytes(fitted().to_bytes()),
    "scikit-learn": lambda _: Mixture.from_sklearn(fitted().to_sklearn()),
    "M-step": lambda _: sums(fitted()).maximize(),
    "EM": lambda _: gaussmix.EM(fitted(), max_iter=2).step(sums(fitted())).mixture,
    "goes on": lambda _: gaussmix.fit(X, 2, "diag", init=fitted(), max_iter=0).mixture,
}


def sums(mixture: Mixture) -> gaussmix.Statistics:
    statistics = gaussmix.Statistics(mixture)
    statistics.accumulate(X)
    return statistics


def saved(path: Path) -> Mixture:
    fitted().save(path / "model.safetensors")
    return Mixture.load(path / "model.safetensors")


@pytest.mark.parametrize("source", [*SOURCES.values(), saved], ids=[*SOURCES, "file"])
def test_names_go_where_the_mixture_goes(source: Callable[[Path], Mixture], tmp_path: Path) -> None:
    mixture = source(tmp_path)
    assert mixture.feature_names == NAMES
    with pytest.raises(InvalidArgumentError, match="column 0 is 'width', not 'length'"):
        mixture.log_prob(pd.DataFrame(columns((1, 0, 2))))


@each_table
def test_every_verb_refuses_other_columns(make: Callable[[dict[str, Any]], Any]) -> None:
    mixture = fitted()
    right, wrong = make(columns()), make(columns((0, 2, 1)))
    statistics = gaussmix.Statistics(mixture)
    verbs = ("component_log_prob", "log_joint", "log_prob", "log_responsibilities", "responsibilities", "predict")
    for verb in (*(getattr(mixture, name) for name in (*verbs, "log_likelihood", "aic", "bic")), statistics.accumulate):
        with pytest.raises(InvalidArgumentError, match=r"column 1 is 'height', not 'width'; select them by list\("):
            verb(wrong)
        verb(right)
    with pytest.raises(InvalidArgumentError, match="column 1 is 'height', not 'width'"):
        gaussmix.fit(wrong, 2, "diag", init=mixture)
    assert np.array_equal(mixture.log_prob(right), mixture.log_prob(X))


def test_names_that_are_missing_are_no_error() -> None:
    mixture = fitted()
    for x in (X, X.tolist(), pd.DataFrame(X)):
        assert np.array_equal(mixture.log_prob(x), mixture.log_prob(X))
    nameless = gaussmix.fit(X, 2, **FIT).mixture
    assert nameless.feature_names is None
    assert nameless == mixture
    assert np.array_equal(nameless.log_prob(pd.DataFrame(columns((2, 1, 0)))), nameless.log_prob(X[:, ::-1]))
    with pytest.raises(InvalidArgumentError, match="features"):
        mixture.log_prob(pd.DataFrame(columns((0, 1))))


def test_the_callback_sees_the_names() -> None:
    seen: list[Any] = []
    gaussmix.fit(
        pd.DataFrame(columns()), 2, **FIT, callback=lambda progress: seen.append(progress.mixture.feature_names)
    )
    assert set(seen) == {NAMES}


def test_names_that_are_given() -> None:
    mixture = Mixture([1.0], [[0.0, 1.0]], [1.0], "spherical", feature_names=["a", "b"])
    assert mixture.feature_names == ("a", "b")
    assert mixture.with_feature_names(None).feature_names is None
    renamed = mixture.with_feature_names(("c", "d"))
    assert renamed.feature_names == ("c", "d")
    assert renamed == mixture
    assert gaussmix.model_from_bytes(mixture.to_bytes(["e", "f"])).mixture.feature_names == ("e", "f")
    with pytest.raises(InvalidArgumentError, match=r"feature_names must have 2 names \(features\), but has 1"):
        mixture.with_feature_names(["a"])
    with pytest.raises(TypeError, match="feature_names must be a sequence of str, but is 'ab'"):
        mixture.with_feature_names("ab")


def test_a_pickle_of_version_0_1_has_no_names() -> None:
    mixture = fitted()
    old = Mixture.__new__(Mixture)
    old.__setstate__(mixture.__getstate__()[:5])
    assert old == mixture
    assert old.feature_names is None


@pytest.mark.parametrize("verb", ["log_prob", "responsibilities", "predict"])
def test_a_row_scorer_refuses_a_row_with_other_labels(verb: str) -> None:
    frame = pd.DataFrame(columns())
    mixture = fitted()
    score = getattr(mixture.row_scorer(), verb)
    expected = score(X[0])
    assert np.array_equal(score(frame.iloc[0]), expected)
    assert np.array_equal(score(frame.iloc[0].reset_index(drop=True)), expected)  # labels that are no names
    with pytest.raises(InvalidArgumentError, match=r"but label 0 is 'height', not 'length'; select them by list\("):
        score(frame[["height", "width", "length"]].iloc[0])
    nameless = Mixture(mixture.weights, mixture.means, mixture.covariances, "diag").row_scorer()
    assert np.array_equal(getattr(nameless, verb)(frame.iloc[0]), expected)
