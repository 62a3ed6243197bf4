"""What the estimator refuses, in which words, and that a refusal changes nothing."""

from __future__ import annotations

import copy
import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest
from gaussmix import GaussianMixture, InvalidArgumentError, NumericalError
from numpy.typing import NDArray
from scipy import sparse
from sklearn.datasets import load_iris
from sklearn.exceptions import ConvergenceWarning

X = load_iris().data


def snapshot(model: GaussianMixture) -> dict[str, Any]:
    """Everything the estimator holds, by identity."""
    return {name: (id(value), repr(value)) for name, value in vars(model).items()}


def assert_error_changes_nothing(model: GaussianMixture, error: type[Exception], message: str, *args: Any) -> None:
    before = snapshot(model)
    with pytest.raises(error, match=message):
        model.fit(*args)
    assert snapshot(model) == before


def with_value(value: float) -> NDArray[np.float64]:
    data: NDArray[np.float64] = X.copy()
    data[3, 1] = value
    return data


INT, FLOAT = r"must be an int in the range \[{}, inf\). Got {}", r"must be a float in the range \[0.0, inf\). Got {}"
BAD_PARAMETERS: list[tuple[str, Any, type[Exception], str]] = [
    *(("n_components", v, InvalidArgumentError, INT.format(1, v)) for v in (0, -1)),
    *(
        ("n_components", v, TypeError, "'n_components' parameter of GaussianMixture " + INT.format(1, v))
        for v in (2.0, True, None)
    ),
    (
        "n_components",
        151,
        InvalidArgumentError,
        "n_samples >= n_components but got n_components = 151, n_samples = 150",
    ),
    (
        "covariance_type",
        "oval",
        InvalidArgumentError,
        "a str among {'diag', 'full', 'spherical', 'tied', 'tied_diag', 'tied_spherical'}. Got 'oval'",
    ),
    ("covariance_type", None, TypeError, "'covariance_type'.*Got None"),
    *(("tol", v, InvalidArgumentError, FLOAT.format(v)) for v in (-1.0, float("nan"), float("inf"))),
    ("tol", "0.1", TypeError, FLOAT.format("'0.1'")),
    *(("reg_covar", v, InvalidArgumentError, FLOAT.format(v)) for v in (-1.0, float("nan"))),
    ("max_iter", -1, InvalidArgumentError, INT.format(0, -1)),
    ("max_iter", 1.5, TypeError, INT.format(0, 1.5)),
    ("n_init", 0, InvalidArgumentError, INT.format(1, 0)),
    (
        "init_params",
        "kmeans++",
        InvalidArgumentError,
        "'init_params'.*'k-means\\+\\+', 'kmeans', 'random'.*Got 'kmeans\\+\\+'",
    ),
    ("random_state", -1, InvalidArgumentError, r"an int in the range \[0, 4294967295\].*Got -1"),
    ("random_state", 2**32, InvalidArgumentError, "Got 4294967296"),
    ("random_state", "0", TypeError, "'random_state'.*Got '0'"),
    ("warm_start", 1, TypeError, "an instance of 'bool'. Got 1"),
    ("verbose", -1, InvalidArgumentError, "'verbose'.*Got -1"),
    ("verbose", 0.5, TypeError, "'verbose'.*Got 0.5"),
    ("verbose_interval", 0, InvalidArgumentError, INT.format(1, 0)),
    (
        "weights_init",
        [0.5, 0.25, 0.25],
        InvalidArgumentError,
        r"'weights' should have the shape of \(2,\), but got \(3,\)",
    ),
    (
        "weights_init",
        [1.5, -0.5],
        InvalidArgumentError,
        r"range \[0, 1\], but got max value 1.50000, min value -0.50000",
    ),
    ("weights_init", [0.5, 0.6], InvalidArgumentError, r"normalized, but got sum\(weights\) = 1.10000"),
    ("weights_init", [0.5, np.nan], InvalidArgumentError, r"weights_init\[1\] must be finite, but is nan"),
    ("means_init", X[:3], InvalidArgumentError, r"'means' should have the shape of \(2, 4\), but got \(3, 4\)"),
    ("means_init", with_value(np.inf)[2:4], InvalidArgumentError, r"means_init\[1, 1\] must be finite, but is inf"),
    *(
        ("means_init", v, InvalidArgumentError, "arrays of bytes/strings.* means_init has dtype <U1, as in '[a1]'")
        for v in ("a", [["a"] * 4] * 2, [["1"] * 4] * 2)
    ),
    *(
        (name, np.array([0.5, "y"], dtype=object), InvalidArgumentError, rf"{name}\[1\] must be a real .* 'y' \(str\)")
        for name in ("weights_init", "means_init", "precisions_init")
    ),
    (
        "means_init",
        [[1, 1, 1, 10**400]] * 2,
        InvalidArgumentError,
        r"means_init\[0, 3\] must be a real number in the range of float64, but is an int of 1329 bits: int too large",
    ),
    ("weights_init", {}, TypeError, r"weights_init must hold real numbers, but is {} \(dict\)"),
    ("means_init", np.ma.masked_less(X[:2], 1.0), TypeError, "means_init must not be a masked array"),
    ("means_init", X[:2] * 1j, InvalidArgumentError, "Complex data not supported: means_init"),
    (
        "precisions_init",
        np.eye(4),
        InvalidArgumentError,
        r"'full precision' should have the shape of \(2, 4, 4\), but got",
    ),
    (
        "precisions_init",
        np.stack([np.eye(4), -np.eye(4)]),
        InvalidArgumentError,
        r"symmetric, positive-definite, but.*\[1\]",
    ),
    (
        "precisions_init",
        np.stack([np.triu(np.ones((4, 4)))] * 2),
        InvalidArgumentError,
        r"symmetric, positive-definite.*\[0\]",
    ),
]
BAD_DATA: list[tuple[Any, type[Exception], str]] = [
    (X[0], InvalidArgumentError, r"Expected 2D array, got 1D array instead(.|\n)*Reshape your data"),
    (3.0, InvalidArgumentError, r"Expected 2D array, got scalar array instead"),
    (X[np.newaxis], InvalidArgumentError, "Found array with dim 3, while dim <= 2 is required by GaussianMixture"),
    (
        X[:0],
        InvalidArgumentError,
        r"Found array with 0 sample\(s\) \(shape=\(0, 4\)\) while a minimum of 2 is required",
    ),
    (X[:1], InvalidArgumentError, r"Found array with 1 sample\(s\)"),
    (
        X[:, :0],
        InvalidArgumentError,
        r"Found array with 0 feature\(s\) \(shape=\(150, 0\)\) while a minimum of 1 is required",
    ),
    (with_value(np.nan), InvalidArgumentError, r"Input X contains NaN: X\[3, 1\] must be finite, but is nan"),
    (with_value(np.inf), InvalidArgumentError, r"Input X contains infinity.*X\[3, 1\] must be finite, but is inf"),
    (X * 1j, InvalidArgumentError, "Complex data not supported"),
    (X.astype(str), InvalidArgumentError, "not compatible with arrays of bytes/strings"),
    (
        np.array([["a", 1.0]] * 3, dtype=object),
        InvalidArgumentError,
        r"X\[0, 0\] must be a real number, but is 'a' \(str\): could not convert string to float: 'a'",
    ),
    (
        pd.DataFrame({"a": [0.0, 1.0, 2.0], "b": np.array([0, "y", {}], dtype=object)}),
        InvalidArgumentError,
        r"X\[1, 1\] must be a real number, but is 'y' \(str\): could not convert string to float: 'y'",
    ),
    (
        [[1, 10**9000], [2, 3]],
        InvalidArgumentError,
        r"X\[0, 1\] must be a real number in the range of float64, but is an int of 29898 bits: int too large",
    ),
    (
        [[1.0, {"key": "x" * 99}], [2.0, 3.0]],
        TypeError,
        r"X\[0, 1\] must be a real number, but is {'key': 'x+\.\.\. \(dict\): .* argument must be a string or a real",
    ),
    (
        {"a": [1.0]},
        TypeError,
        r"X must hold real numbers, but is {'a': \[1.0\]} \(dict\): .* must be a string or a real",
    ),
    ("abc", InvalidArgumentError, "arrays of bytes/strings.* X has dtype <U3, as in 'abc'"),
    (np.zeros((3, 2), "datetime64[s]"), TypeError, "X must hold real numbers, but has dtype datetime64"),
    (sparse.csr_array(X), TypeError, "Sparse data was passed for X, but dense data is required"),
    (np.ma.masked_less(X, 1.0), TypeError, "X must not be a masked array"),
    ([[1.0, 2.0], [3.0]], ValueError, "inhomogeneous"),
]
ONES = np.ones(len(X))
BAD_WEIGHTS: list[tuple[Any, type[Exception], str]] = [
    (ONES[1:], InvalidArgumentError, r"sample_weight must have shape \(150,\), but has shape \(149,\)"),
    (np.ones((150, 1)), InvalidArgumentError, "sample_weight must"),
    (0.0 * ONES, InvalidArgumentError, "Sample weights must contain at least one non-zero number"),
    (ONES - 2.0 * (np.arange(150) == 7), InvalidArgumentError, r"sample_weight\[7\] must .* is -1"),
    (np.where(np.arange(150) == 7, np.nan, 1.0), InvalidArgumentError, r"sample_weight\[7\] must .* nan"),
    (1.0 * (np.arange(150) == 7), InvalidArgumentError, "sample_weight"),
    (ONES * 1j, InvalidArgumentError, "Complex data not supported: sample_weight"),
    (["a"] * 150, InvalidArgumentError, "sample_weight has dtype <U1, as in 'a'"),
    (
        np.array([1] * 7 + ["y"] * 143, dtype=object),
        InvalidArgumentError,
        r"sample_weight\[7\] must be a real number, but is 'y'",
    ),
]


@pytest.fixture(params=["unfitted", "fitted"])
def model(request: pytest.FixtureRequest) -> GaussianMixture:
    model = GaussianMixture(2, random_state=0)
    return model.fit(X) if request.param == "fitted" else model


@pytest.mark.parametrize(("name", "value", "error", "message"), BAD_PARAMETERS)
def test_bad_parameters(model: GaussianMixture, name: str, value: Any, error: type[Exception], message: str) -> None:
    assert_error_changes_nothing(model.set_params(**{name: value}), error, message, X)


@pytest.mark.parametrize(("data", "error", "message"), BAD_DATA)
def test_bad_data(model: GaussianMixture, data: Any, error: type[Exception], message: str) -> None:
    assert_error_changes_nothing(model, error, message, data)


@pytest.mark.parametrize(("weight", "error", "message"), BAD_WEIGHTS)
def test_bad_weights(model: GaussianMixture, weight: Any, error: type[Exception], message: str) -> None:
    assert_error_changes_nothing(model, error, message, X, None, weight)


@pytest.mark.parametrize("n_samples", ["3", None, 3.0, True])
def test_samples_are_counted_by_an_int(n_samples: Any) -> None:
    with pytest.raises(TypeError, match=rf"n_samples must be an int, but is {n_samples!r} "):
        GaussianMixture().fit(X).sample(n_samples)


@pytest.mark.parametrize("order", ["C", "F"])
def test_the_first_object_in_the_order_of_rows_is_named(order: Any) -> None:
    for size in (1, 2, 3, 8, 13):
        for bad in range(size):
            cells = np.ones(3 * size, dtype=object)
            cells[3 * bad + 1] = "y"
            cells[3 * bad + 2 :] = {}
            with pytest.raises(InvalidArgumentError, match=rf"X\[{bad}, 1\] .* 'y' \(str\): could not convert"):
                GaussianMixture().fit(np.asarray(cells.reshape(size, 3), order=order))


@pytest.mark.parametrize("covariance_type", ["diag", "spherical"])
def test_bad_variances(covariance_type: str) -> None:
    bad = np.ones((2, 4) if covariance_type == "diag" else 2)
    bad.flat[1] = 0.0
    model = GaussianMixture(2, covariance_type=covariance_type, precisions_init=bad)
    assert_error_changes_nothing(
        model, InvalidArgumentError, f"'{covariance_type} precision' should be positive, but", X
    )


@pytest.mark.parametrize("method", ["predict", "predict_proba", "score_samples", "score", "aic", "bic"])
def test_bad_data_when_scoring(method: str) -> None:
    score = getattr(GaussianMixture(2, random_state=0).fit(X), method)
    for data, error, message in (
        (X[0], InvalidArgumentError, "Reshape your data"),
        (X[:0], InvalidArgumentError, r"Found array with 0 sample\(s\)"),
        (X[:, :3], InvalidArgumentError, "X has 3 features, but GaussianMixture is expecting 4 features as input"),
        (with_value(np.nan), InvalidArgumentError, r"Input X contains NaN: X\[3, 1\]"),
        (X * 1j, InvalidArgumentError, "Complex data not supported"),
    ):
        with pytest.raises(error, match=message):
            score(data)


def test_a_collapsing_component_is_an_error(model: GaussianMixture) -> None:
    twins = np.repeat([[0.0, 0.0], [1.0, 1.0]], 5, axis=0)
    model.set_params(reg_covar=0.0)
    assert_error_changes_nothing(
        model, NumericalError, "Fitting the mixture model failed because some components have", twins
    )


def test_a_warning_made_an_error_changes_nothing(model: GaussianMixture) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert_error_changes_nothing(model.set_params(max_iter=1, tol=0.0), ConvergenceWarning, "did not converge", X)


def test_an_interrupted_fit_changes_nothing(model: GaussianMixture, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(text: str) -> None:
        if "Iteration" in text:
            raise KeyboardInterrupt

    monkeypatch.setattr("builtins.print", interrupt)  # what `verbose` calls after an iteration
    before = snapshot(model.set_params(verbose=1, verbose_interval=1))
    with pytest.raises(KeyboardInterrupt):
        model.fit(X)
    assert snapshot(model) == before


def test_warm_start_with_another_shape_is_an_error() -> None:
    model = GaussianMixture(3, random_state=0, warm_start=True).fit(X)
    for change, data in (({}, X[:, :2]), ({"n_components": 2}, X), ({"covariance_type": "diag"}, X)):
        later = copy.copy(model).set_params(**change)
        assert_error_changes_nothing(later, ValueError, "init|features", data)


def test_unknown_parameters() -> None:
    model = GaussianMixture(2)
    with pytest.raises(
        InvalidArgumentError, match=r"Invalid parameter 'color' for estimator GaussianMixture\(n_components=2\)"
    ):
        model.set_params(n_components=5, color="red")
    assert model.n_components == 2
