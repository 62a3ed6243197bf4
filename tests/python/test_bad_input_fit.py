"""Data, options and bytes that estimation must refuse: fit, k-means, statistics and the estimator."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterator
from typing import Any

import gaussmix
import numpy as np
import pytest
from bad_input import (
    ASYMMETRIC,
    BAD_N_COMPONENTS,
    BAD_NUM_THREADS,
    BAD_RANDOM_STATE,
    BAD_SAMPLE_WEIGHT,
    BAD_X,
    COVARIANCES,
    INDEFINITE,
    INF,
    LABELS,
    MEANS,
    MIX,
    MODEL,
    NAN,
    ONES,
    SHARES,
    SINGULAR,
    STARTERS,
    STATS,
    WEIGHTS,
    Bad,
    Case,
    X,
    bad_types,
    calling,
    changed,
    check,
    first_argument,
    grid,
    with_covariance,
)
from gaussmix import FormatError, InvalidArgumentError, NumericalError
from scipy import sparse


def fit_case(name: str, error: type[Exception], message: str, *, k: Any = 2, x: Any = X, **options: Any) -> Case:
    return Case(f"fit: {name}", lambda: gaussmix.fit(x, k, **options), error, message)


def fit_types() -> Iterator[Case]:
    good = {"weights_init": WEIGHTS, "means_init": MEANS, "covariances_init": COVARIANCES,
            "responsibilities_init": SHARES,
            "precisions_init": COVARIANCES}  # fmt: skip
    for argument, value in good.items():
        for what, bad, error, message in bad_types(argument, value):
            if what != "None in a list":
                yield fit_case(f"{argument}: {what}", error, message, **{argument: bad})
        flat = r"must have shape \(.*\), but has shape \(\)"
        yield fit_case(f"{argument}: scalar", InvalidArgumentError, f"{argument} {flat}", **{argument: 1.0})
        nan = changed(value, -1, NAN)
        yield fit_case(f"{argument}: nan", InvalidArgumentError, rf"{argument}\[.*nan", **{argument: nan})


def fit_invalid(name: str, message: str, **options: Any) -> Case:
    return fit_case(name, InvalidArgumentError, message, **options)


def fit_type(name: str, message: str, **options: Any) -> Case:
    return fit_case(name, TypeError, message, **options)


ALL_INITS = {"weights_init": WEIGHTS, "means_init": MEANS, "precisions_init": COVARIANCES}

FITS = [
    fit_invalid("covariance_type", "covariance_type must be .*spherical.*'?ful", covariance_type="ful"),
    fit_type("covariance_type: int", "covariance_type must be a str, but is 3", covariance_type=3),
    fit_invalid("init", r"init must be .*k-means\+\+.*kmeans\+\+", init="kmeans++"),
    fit_type("init: None", "init must be a str or a Mixture, but is None", init=None),
    fit_invalid("n_init: 0", "n_init must be .*but is 0", n_init=0),
    fit_type("n_init: 1.0", "n_init must be an int, but is 1.0", n_init=1.0),
    fit_type("n_init: True", "n_init must be an int, but is True", n_init=True),
    fit_invalid("n_init: 2**31", "n_init must be within 32 bits, but is 2147483648", n_init=2**31),
    fit_invalid("tol: negative", "tol must be .*but is -0.001", tol=-1e-3),
    fit_invalid("tol: nan", "tol must be .*but is nan", tol=NAN),
    fit_invalid("tol: inf", "tol must be .*but is inf", tol=INF),
    fit_type("tol: text", "tol must be a real number, but is '1'", tol="1"),
    fit_type("tol: True", "tol must be a real number, but is True", tol=True),
    fit_type("tol: complex", "tol must be a real number, but is 1j", tol=1j),
    fit_invalid("tol: too large", "tol must be within the range of float64", tol=10**400),
    fit_invalid("max_iter: -1", "max_iter must be .*but is -1", max_iter=-1),
    fit_type("max_iter: 10.0", "max_iter must be an int, but is 10.0", max_iter=10.0),
    fit_invalid("reg_covar: negative", "reg_covar must be .*but is -1e-06", reg_covar=-1e-6),
    fit_invalid("reg_covar: nan", "reg_covar must be .*but is nan", reg_covar=NAN),
    fit_invalid("reg_covar: inf", "reg_covar must be .*but is inf", reg_covar=INF),
    fit_type("reg_covar: None", "reg_covar must be a real number, but is None", reg_covar=None),
    fit_invalid("on_degenerate", "on_degenerate must be .*reseed.*ignore", on_degenerate="ignore"),
    fit_type("on_degenerate: None", "on_degenerate must be a str, but is None", on_degenerate=None),
    fit_type("allow_singular: 0", "allow_singular must be a bool, but is 0", allow_singular=0),
    fit_type("callback: a list", r"callback must be None or callable, but is \[\]", callback=[]),
    fit_type("unknown option", "reg_cov", reg_cov=1.0),
    fit_invalid("weights_init: three", r"weights_init must have shape \(2,\), but has shape \(3,\)",
                weights_init=[0.3, 0.3, 0.4]),
    fit_invalid("weights_init: sum", "weights_init must sum to 1 .*0.4", weights_init=[0.2, 0.2]),
    fit_invalid("weights_init: negative", r"weights_init\[0\] must be .*-0.5", weights_init=[-0.5, 1.5]),
    fit_invalid("means_init: of one", r"means_init must have shape \(2, 2\), but has shape \(1, 2\)",
                means_init=MEANS[:1]),
    fit_invalid("means_init: D = 3", r"means_init must have shape \(2, 2\), but has shape \(2, 3\)",
                means_init=np.zeros((2, 3))),
    fit_invalid("means_init: inf", r"means_init\[0, 1\] must be finite, but is inf",
                means_init=changed(MEANS, (0, 1), INF)),
    fit_invalid("covariances_init: as diag", r"covariances_init must have shape \(2, 2, 2\), but has shape \(2, 2\)",
                covariances_init=MEANS),
    fit_invalid("covariances_init: asymmetric", r"covariances_init\[1, .*mirror.*0.25",
                covariances_init=with_covariance(ASYMMETRIC)),
    fit_case("covariances_init: indefinite", NumericalError, "covariances_init.*component 1.*semi-definite",
             covariances_init=with_covariance(INDEFINITE)),
    fit_case("covariances_init: singular", NumericalError, "covariances_init.*component 0.*rank 1",
             covariances_init=with_covariance(SINGULAR, 0)),
    fit_invalid("precisions_init: of one", r"precisions_init must have shape \(2, 2, 2\), but has shape \(1, 2, 2\)",
                precisions_init=COVARIANCES[:1]),
    fit_invalid("precisions_init: asymmetric", r"precisions_init\[1, .*mirror.*0.25",
                precisions_init=with_covariance(ASYMMETRIC)),
    fit_case("precisions_init: indefinite", NumericalError, "precisions_init.*component 0.*definite",
             precisions_init=with_covariance(INDEFINITE, 0)),
    fit_case("precisions_init: zero", NumericalError, r"precisions_init.*1.*0",
             precisions_init=[1.0, 0.0], covariance_type="spherical"),
    fit_invalid("responsibilities_init: transposed",
                r"responsibilities_init must have shape \(6, 2\), but has shape \(2, 6\)",
                responsibilities_init=SHARES.T),
    fit_invalid("responsibilities_init: negative", r"responsibilities_init\[2, 0\] must be .*-0.5",
                responsibilities_init=changed(SHARES, 2, [-0.5, 1.5])),
    fit_invalid("responsibilities_init: sum", r"responsibilities_init.*2.*sum.*0.75",
                responsibilities_init=changed(SHARES, (2, 0), 0.25)),
    fit_invalid("responsibilities_init: empty component", "responsibilities_init must have .*component 1 has none",
                responsibilities_init=np.tile([1.0, 0.0], (6, 1))),
    fit_invalid("labels_init: short", r"labels_init must have shape \(6,\), but has shape \(3,\)",
                labels_init=LABELS[:3]),
    fit_type("labels_init: floats", "labels_init must hold integers, but has dtype float64",
             labels_init=LABELS.astype(float)),
    fit_type("labels_init: bools", "labels_init must hold integers, but has dtype bool", labels_init=LABELS > 0),
    fit_type("labels_init: text", "labels_init must hold real numbers, but has dtype <U",
             labels_init=LABELS.astype(str)),
    fit_invalid("labels_init: 2", r"labels_init\[4\] must be in \[0, 2\), but is 2", labels_init=[0, 0, 0, 1, 2, 1]),
    fit_invalid("labels_init: -1", r"labels_init\[1\] must be in \[0, 2\), but is -1", labels_init=[0, -1, 0, 1, 1, 1]),
    fit_invalid("labels_init: beyond int64", "labels_init.*18446744073709551615",
                labels_init=np.array([0, 0, 0, 1, 1, 2**64 - 1], "u8")),
    fit_invalid("labels_init: one missing", "labels_init must have .*component 1 has none", labels_init=[0] * 6),
    fit_invalid("labels_init: weight zero", "labels_init must have .*component 1 has none", labels_init=LABELS,
                sample_weight=[1, 1, 1, 0, 0, 0]),
    fit_invalid("one positive weight", "sample_weight must have at least n_components = 2 positive values, but has 1",
                sample_weight=[0, 0, 3, 0, 0, 0]),
    fit_case("one weight that counts", NumericalError, "X has no variance in any feature",
             sample_weight=[1e200, 1e-200, 1e-200, 1e-200, 1e-200, 1e-200]),
    fit_case("all rows equal", NumericalError, "X has no variance in any feature", x=np.full((6, 2), 3.5)),
    fit_case("all rows equal, raise", NumericalError, "component 0 has collapsed: its covariance has rank 0 of 2",
             x=np.full((6, 2), 3.5),
             on_degenerate="raise"),
    fit_case("a constant column, raise", NumericalError,
             "component [01] has collapsed: its covariance has rank [01] of 2",
             x=X * [1, 0], on_degenerate="raise"),
    # what would have no effect
    fit_invalid("covariances and precisions", "covariances_init must not be given together with precisions_init",
                covariances_init=COVARIANCES, precisions_init=COVARIANCES),
    fit_invalid("labels and shares", "labels_init.*responsibilities_init|responsibilities_init.*labels_init",
                labels_init=LABELS, responsibilities_init=SHARES),
    fit_invalid("random and labels", "init.*labels_init|labels_init.*init", init="random", labels_init=LABELS),
    fit_invalid("k-means++ and shares", "init.*responsibilities_init|responsibilities_init.*init",
                init="k-means++", responsibilities_init=SHARES),
    fit_invalid("restarts of labels", "n_init.*3|n_init.*labels_init", n_init=3, labels_init=LABELS),
    fit_invalid("restarts of shares", "n_init.*3|n_init.*responsibilities_init", n_init=3,
                responsibilities_init=SHARES),
    fit_invalid("restarts of a mixture", "n_init.*3", n_init=3, init=MIX),
    fit_invalid("restarts of a whole start", "n_init.*3", n_init=3, **ALL_INITS),
    fit_invalid("random and a whole start", "init.*random", init="random", **ALL_INITS),
    fit_invalid("labels and a whole start", "labels_init", labels_init=LABELS, **ALL_INITS),
    fit_invalid("seed of a mixture", r"random_state must be None when the start is given, .*but is 0 \(int\)",
                random_state=0, init=MIX),
    fit_invalid("seed of labels", "random_state must be None .*Generator",
                random_state=np.random.default_rng(), labels_init=LABELS),
    fit_invalid("seed of shares", "random_state must be None", random_state=7, responsibilities_init=SHARES),
    fit_invalid("seed of a whole start", "random_state must be None", random_state=7, **ALL_INITS),
    fit_invalid("tol of no iteration", "tol must be 0.001 when max_iter is 0, .*but is 0.01", max_iter=0, tol=0.01),
    fit_invalid("reg_covar of a mixture", "reg_covar must be 0 when max_iter is 0 and the covariances .*but is 0.5",
                max_iter=0, reg_covar=0.5, init=MIX),
    fit_invalid("reg_covar of covariances", "reg_covar must be 0 when max_iter is 0 and the covariances .*but is 0.5",
                max_iter=0, reg_covar=0.5, covariances_init=COVARIANCES),
    fit_invalid("on_degenerate of precisions",
                "on_degenerate must be 'floor' when max_iter is 0 and the covariances .*but is 'raise'",
                max_iter=0, on_degenerate="raise", precisions_init=COVARIANCES),
    fit_invalid("allow_singular of a mixture", "allow_singular must be false when max_iter is 0", max_iter=0, init=MIX,
                allow_singular=True),
    fit_invalid("mixture and means", "means_init", init=MIX, means_init=MEANS),
    fit_invalid("mixture and weights", "weights_init", init=MIX, weights_init=WEIGHTS),
    fit_invalid("mixture and covariances", "covariances_init", init=MIX, covariances_init=COVARIANCES),
    fit_invalid("mixture and precisions", "precisions_init", init=MIX, precisions_init=COVARIANCES),
    fit_invalid("mixture and labels", "labels_init", init=MIX, labels_init=LABELS),
    fit_invalid("mixture and shares", "responsibilities_init", init=MIX, responsibilities_init=SHARES),
    fit_invalid("mixture of another K", "n_components must be that of init, 2, but is 3", init=MIX, k=3),
    fit_invalid("mixture of another type", "covariance_type.*diag", init=MIX, covariance_type="diag"),
    fit_invalid("mixture of another D", r"X must have 2 columns.*\(6, 3\)", init=MIX, x=np.ones((6, 3))),
]  # fmt: skip


def other_statistics() -> dict[str, gaussmix.Statistics]:
    return {
        "other must have n_components 2, but has 1": gaussmix.Statistics(
            gaussmix.Mixture([1.0], MEANS[:1], COVARIANCES[:1])
        ),
        "other must have n_features 2, but has 1": gaussmix.Statistics(
            gaussmix.Mixture([0.5, 0.5], [[0.0], [1.0]], [[[1.0]], [[1.0]]])
        ),
        "'full', but has 'spherical'": gaussmix.Statistics(
            gaussmix.Mixture([0.5, 0.5], MEANS, [1.0, 1.0], "spherical")
        ),
    }


COLLAPSED = gaussmix.Statistics(MIX)
COLLAPSED.accumulate(np.tile([1.0, 2.0], (6, 1)))


def statistics() -> Iterator[Case]:
    for what, other in other_statistics().items():
        yield Case(f"merge, {what}", calling(STATS.merge, other), InvalidArgumentError, what)
        yield Case(f"addition, {what}", calling(operator.add, STATS, other), InvalidArgumentError, what)
    for name, value in (("a number", 3), ("None", None), ("a mixture", MIX)):
        yield Case(f"merge, {name}", calling(STATS.merge, value), TypeError, "Statistics")
        yield Case(f"addition, {name}", calling(operator.add, STATS, value), TypeError, "Statistics")
    for factor, error in ((-1.0, InvalidArgumentError), (NAN, InvalidArgumentError), (INF, InvalidArgumentError),
                         ("2", TypeError), (None, TypeError), (True, TypeError), (1j, TypeError)):  # fmt: skip
        message = rf"factor must be .*but is {re.escape(repr(factor).removesuffix('.0'))}"
        yield Case(f"scale, {factor!r}", calling(STATS.scale, factor), error, message)
    for name, options, error, message in (
        ("reg_covar: -1", {"reg_covar": -1}, InvalidArgumentError, "reg_covar must be .*but is -1"),
        ("reg_covar: nan", {"reg_covar": NAN}, InvalidArgumentError, "reg_covar must be .*but is nan"),
        ("reg_covar: text", {"reg_covar": "0"}, TypeError, "reg_covar must be a real number, but is '0'"),
        ("on_degenerate", {"on_degenerate": "hold"}, InvalidArgumentError, "on_degenerate must be .*reseed.*hold"),
        ("on_degenerate: None", {"on_degenerate": None}, TypeError, "on_degenerate must be a str, but is None"),
        ("allow_singular", {"allow_singular": "yes"}, TypeError, "allow_singular must be a bool, but is 'yes'"),
    ):
        yield Case(f"maximize, {name}", calling(STATS.maximize, **options), error, message)
    yield Case("maximize, positional", calling(STATS.maximize, 1e-6), TypeError, "maximize")
    yield Case("maximize, no rows", lambda: gaussmix.Statistics(MIX).maximize(), NumericalError, "weight.*0")
    yield Case(
        "maximize, collapsed",
        COLLAPSED.maximize,
        NumericalError,
        "component [01] has collapsed: its covariance has rank [01] of 2",
    )
    yield Case("Statistics of a list", calling(gaussmix.Statistics, [1.0]), TypeError, "Mixture")
    for name, data in (("None", None), ("text", "gaussmix"), ("a number", 8), ("a list", [1, 2])):
        call = calling(gaussmix.Statistics.from_bytes, data)
        yield Case(f"from_bytes, {name}", call, TypeError, "data must be bytes-like")
    for name, text in (("nothing", b""), ("zeros", bytes(200)), ("a text", b"not statistics at all")):
        yield Case(f"from_bytes, {name}", calling(gaussmix.Statistics.from_bytes, text), FormatError, ".{20}")


def model_case(name: str, error: type[Exception], message: str, **parameters: Any) -> Case:
    model = gaussmix.GaussianMixture(**{"n_components": 2, **parameters})
    return Case(f"GaussianMixture, {name}", lambda: model.fit(X), error, message)


def parameter_rules() -> Iterator[Case]:
    bad: dict[str, list[tuple[Any, type[Exception]]]] = {
        "n_components": [(0, InvalidArgumentError), (2.0, TypeError), (True, TypeError), (None, TypeError)],
        "covariance_type": [("ful", InvalidArgumentError), (None, TypeError)],
        "tol": [(-1.0, InvalidArgumentError), (NAN, InvalidArgumentError), ("1", TypeError)],
        "reg_covar": [(-1.0, InvalidArgumentError), (INF, InvalidArgumentError), (None, TypeError)],
        "max_iter": [(-1, InvalidArgumentError), (1.5, TypeError)],
        "n_init": [(0, InvalidArgumentError), (1.0, TypeError)],
        "init_params": [("kmeans++", InvalidArgumentError), (None, TypeError)],
        "random_state": [(-1, InvalidArgumentError), (1.5, TypeError), ("seed", TypeError)],
        "warm_start": [(1, TypeError)],
        "verbose": [(-1, InvalidArgumentError), ("yes", TypeError)],
        "verbose_interval": [(0, InvalidArgumentError), (1.0, TypeError)],
    }
    for parameter, values in bad.items():
        for value, error in values:
            message = f"{parameter!r} parameter of GaussianMixture must be .*Got {re.escape(repr(value))} instead"
            yield model_case(f"{parameter}: {value!r}", error, message, **{parameter: value})


MODELS = [
    model_case("K > N", InvalidArgumentError, "n_samples >= n_components.*= 7.*= 6", n_components=7),
    model_case("weights_init: shape", InvalidArgumentError, r"weights_init", weights_init=[1.0]),
    model_case("weights_init: nan", InvalidArgumentError, r"weights_init\[1\] must be finite, but is nan",
               weights_init=[1, NAN]),
    model_case("weights_init: sum", InvalidArgumentError, r"normalized.*0.75.*weights_init", weights_init=[0.5, 0.25]),
    model_case("means_init: shape", InvalidArgumentError, r"\(2, 2\).*\(1, 2\).*means_init", means_init=MEANS[:1]),
    model_case("means_init: inf", InvalidArgumentError, r"means_init\[0, 0\] must be finite, but is inf",
               means_init=changed(MEANS, (0, 0), INF)),
    model_case("precisions_init: indefinite", InvalidArgumentError, r"positive-definite.*precisions_init\[1\]",
               precisions_init=with_covariance(INDEFINITE)),
    model_case("precisions_init: shape", InvalidArgumentError, r"\(2, 2, 2\).*\(2, 2\).*precisions_init",
               precisions_init=MEANS),
]  # fmt: skip

MODEL_X: list[Bad] = [
    ("nan", changed(X, (3, 1), NAN), InvalidArgumentError, r"NaN.*X\[3, 1\] must be finite, but is nan"),
    ("inf", changed(X, (1, 0), INF), InvalidArgumentError, r"infinity.*X\[1, 0\] must be finite, but is inf"),
    ("1-D", X[:, 0], InvalidArgumentError, "Expected 2D array, got 1D array"),
    ("3-D", X[None], InvalidArgumentError, "Found array with dim 3"),
    ("no rows", X[:0], InvalidArgumentError, r"0 sample\(s\) \(shape=\(0, 2\)\)"),
    ("no columns", X[:, :0], InvalidArgumentError, r"0 feature\(s\) \(shape=\(6, 0\)\)"),
    ("complex", X.astype(complex), InvalidArgumentError, "Complex data not supported: X has dtype complex128"),
    ("text", X.astype(str), InvalidArgumentError, "X has dtype <U"),
    ("dates", X.astype("M8[s]"), TypeError, r"X must hold real numbers, but has dtype datetime64\[s\]"),
    ("masked", np.ma.masked_less(X, 0), TypeError, "X must not be a masked array"),
    ("sparse", sparse.csr_array(X), TypeError, "Sparse data was passed for X"),
]
FITTED: dict[str, Callable[..., object]] = {
    f"GaussianMixture.{name}": getattr(MODEL, name)
    for name in ("fit", "predict", "predict_proba", "score_samples", "score", "aic", "bic")
}
MODEL_WEIGHTED = {
    name: function for name, function in FITTED.items() if name.split(".")[1] in ("fit", "score", "aic", "bic")
}
MODEL_WEIGHT: list[Bad] = [
    ("negative", changed(ONES, 4, -0.5), InvalidArgumentError, r"sample_weight\[4\] must be .* but is -0.5"),
    ("nan", changed(ONES, 1, NAN), InvalidArgumentError, r"sample_weight\[1\] must be .* but is nan"),
    ("short", ONES[:3], InvalidArgumentError, r"sample_weight must have shape \(6,\), but has shape \(3,\)"),
    ("all zero", 0 * ONES, InvalidArgumentError, "Sample weights must contain at least one non-zero number"),
]


def estimator() -> Iterator[Case]:
    yield from parameter_rules()
    yield from MODELS
    yield from first_argument(FITTED, "X", MODEL_X)
    yield from grid(MODEL_WEIGHTED, "sample_weight", MODEL_WEIGHT)
    for name, function in FITTED.items():
        if not name.endswith(".fit"):
            call = lambda f=function: f(np.zeros((4, 3)))  # noqa: E731
            yield Case(f"{name}, D = 3", call, InvalidArgumentError, "X has 3 features, .*expecting 2 features")
    weight = changed(1e-200 * ONES, 0, 1e200)
    yield Case(
        "GaussianMixture, one weight that counts",
        lambda: gaussmix.GaussianMixture(2, on_degenerate="raise").fit(X, sample_weight=weight),
        NumericalError,
        "component [01] is empty",
    )
    yield Case("GaussianMixture.sample, 0", lambda: MODEL.sample(0), InvalidArgumentError, "'n_samples': 0")


COUNTED: dict[str, Callable[..., object]] = {
    "fit": gaussmix.fit,
    "kmeans": gaussmix.kmeans,
    "kmeans_plus_plus": gaussmix.kmeans_plus_plus,
}

NO_ROWS: Bad = ("no rows", X[:0], InvalidArgumentError, r"X must have at least 1 row.*has shape \(0, 2\)")
NO_WEIGHT: Bad = ("all zero", 0 * ONES, InvalidArgumentError, "sample_weight must have .* 2 positive values, but has 0")

CASES = [
    *first_argument(STARTERS, "X", [*BAD_X, NO_ROWS]),
    *grid(STARTERS, "sample_weight", [*BAD_SAMPLE_WEIGHT, NO_WEIGHT]),
    *grid(STARTERS, "num_threads", BAD_NUM_THREADS),
    *grid(STARTERS, "random_state", BAD_RANDOM_STATE),
    *grid(COUNTED, "n_components", BAD_N_COMPONENTS),
    *fit_types(),
    *FITS,
    *statistics(),
    Case(
        "kmeans, max_iter: -1",
        lambda: gaussmix.kmeans(X, 2, max_iter=-1),
        InvalidArgumentError,
        "max_iter must be .*but is -1",
    ),
    Case(
        "kmeans, max_iter: 1.0",
        calling(gaussmix.kmeans, X, 2, max_iter=1.0),
        TypeError,
        "max_iter must be an int, but is 1.0",
    ),
    *estimator(),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_refused(case: Case) -> None:
    check(case)


def test_a_late_error_leaves_the_statistics() -> None:
    """The bad value comes after many good blocks."""
    x = np.full((300_000, 2), 0.25)
    x[-1, 1] = NAN
    before = STATS.to_bytes()
    with pytest.raises(InvalidArgumentError, match=r"X\[299999, 1\] must be finite, but is nan"):
        STATS.accumulate(x, num_threads=2)
    assert STATS.to_bytes() == before


def test_an_error_of_the_callback_reaches_the_caller() -> None:
    def callback(progress: gaussmix.FitProgress) -> bool:
        raise RuntimeError(f"iteration {progress.n_iter}")

    with pytest.raises(RuntimeError, match="iteration 1"):
        gaussmix.fit(X, 2, callback=callback)


DATA = STATS.to_bytes()


def outcome(call: Callable[[], Any]) -> Any:
    """What the call returns, or the message of its error."""
    try:
        return call()
    except (FormatError, NumericalError) as error:
        return str(error)


def test_every_truncation_is_a_format_error() -> None:
    for data in (*(DATA[:size] for size in range(len(DATA))), DATA + b"\0"):
        with pytest.raises(FormatError) as caught:
            gaussmix.Statistics.from_bytes(data)
        assert len(str(caught.value)) > 20


@pytest.mark.parametrize("flip", [0x01, 0x10, 0x80, 0xFF])
def test_a_corrupt_byte_is_a_format_error_or_another_valid_value(flip: int) -> None:
    for place in range(len(DATA)):
        corrupt = bytearray(DATA)
        corrupt[place] ^= flip
        restored = outcome(calling(gaussmix.Statistics.from_bytes, bytes(corrupt)))
        if isinstance(restored, str):
            assert len(restored) > 20
            continue
        assert restored.to_bytes() == corrupt, f"byte {place} is read, but not kept"
        assert np.isfinite(restored.component_weights).all()
        assert restored.total_weight >= 0
        mixture = outcome(restored.maximize)
        assert isinstance(mixture, gaussmix.Mixture) or re.search("component|weight|tied", mixture)
