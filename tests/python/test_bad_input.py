"""Parameters, rows and outputs that a mixture and its verbs must refuse, and values for the whole process."""

from __future__ import annotations

import pickle
import re
from collections.abc import Callable, Iterator
from typing import Any

import gaussmix
import numpy as np
import pytest
from bad_input import (
    ASYMMETRIC,
    BAD_NUM_THREADS,
    BAD_RANDOM_STATE,
    BAD_SAMPLE_WEIGHT,
    BAD_X,
    COVARIANCES,
    INDEFINITE,
    INF,
    LINE,
    MEANS,
    MIX,
    NAN,
    SCORER,
    SINGULAR,
    VERBS,
    WEIGHTED,
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


def other_features() -> Iterator[Case]:
    message = r"X must have 2 columns .*, but has shape \({}\)"
    for name, function in (VERBS | WEIGHTED).items():
        yield Case(
            f"{name}, X: D = 3", calling(function, np.zeros((4, 3))), InvalidArgumentError, message.format("4, 3")
        )
        yield Case(
            f"{name}, X: D = 1", calling(function, np.zeros((4, 1))), InvalidArgumentError, message.format("4, 1")
        )


def bad_outputs() -> Iterator[Case]:
    for name, verb in VERBS.items():
        good = np.asarray(verb(X))
        shape = re.escape(str(good.shape))
        read_only, copy = good.copy(), X.copy()
        read_only.flags.writeable = False
        within = np.zeros((7, *good.shape[1:]), good.dtype)
        yield from (
            Case(f"{name}, out: {what}", calling(verb, x, out=out), error, message)
            for what, x, out, error, message in (
                ("a list", X, good.tolist(), TypeError, "out must be None or an ndarray, but is .*list"),
                ("too short", X, good[:5], InvalidArgumentError, f"out must have shape {shape}, but has shape"),
                ("one axis more", X, good[..., None], InvalidArgumentError,
                 f"out must have shape {shape}, but has shape"),
                ("int16", X, good.astype("i2"), TypeError, "out must be .*int16"),
                ("complex", X, good.astype(complex), TypeError, "out must be .*complex128"),
                ("other byte order", X, good.astype(good.dtype.newbyteorder()), TypeError,
                 "out must be a native.*'>[fi]8'"),
                ("read-only", X, read_only, InvalidArgumentError, "out must be writeable, but is read-only"),
                ("on itself", X, np.lib.stride_tricks.as_strided(within, good.shape, (0,) * good.ndim),
                 InvalidArgumentError, "out must have elements that do not share memory"),
                ("masked", X, np.ma.array(good), TypeError, "out must not be a masked array"),
            )
        )  # fmt: skip
        if good.dtype == float:
            out = copy if good.ndim == 2 else copy[:, 1]
            message = "out must not share memory with X, but does"
            yield Case(f"{name}, out: X", calling(verb, copy, out=out), InvalidArgumentError, message)


def mixture_case(name: str, error: type[Exception], message: str, **changes: Any) -> Case:
    arguments = {"weights": WEIGHTS, "means": MEANS, "covariances": COVARIANCES, **changes}
    return Case(f"Mixture: {name}", lambda: gaussmix.Mixture(**arguments), error, message)


def mixtures() -> Iterator[Case]:
    for argument, good in (("weights", WEIGHTS), ("means", MEANS), ("covariances", COVARIANCES)):
        for what, value, error, message in bad_types(argument, good):
            if what != "None in a list":
                yield mixture_case(f"{argument}: {what}", error, message, **{argument: value})
        yield mixture_case(f"{argument}: None", TypeError, f"{argument} must hold real numbers", **{argument: None})
        yield mixture_case(
            f"{argument}: ragged", InvalidArgumentError, f"{argument} must be a rect", **{argument: [[1], []]}
        )
    yield mixture_case("means: sparse", TypeError, "means must be a dense array", means=sparse.csr_array(MEANS))


def invalid(name: str, message: str, **changes: Any) -> Case:
    return mixture_case(name, InvalidArgumentError, message, **changes)


def numerical(name: str, message: str, **changes: Any) -> Case:
    return mixture_case(name, NumericalError, message, **changes)


MIXTURES = [
    invalid("weights: 2-D", r"weights must be 1-D.*has shape \(1, 2\)", weights=WEIGHTS[None]),
    invalid("weights: too few", r"weights must have 2 values.*has 1", weights=[1.0]),
    invalid("weights: none", r"weights must have 2 values.*has 0", weights=[]),
    invalid("weights: nan", r"weights\[1\] must be in \[0, 1\], but is nan", weights=[0.5, NAN]),
    invalid("weights: inf", r"weights\[0\] must be in \[0, 1\], but is inf", weights=[INF, 0.5]),
    invalid("weights: negative", r"weights\[0\] must be in \[0, 1\], but is -0.25", weights=[-0.25, 1.25]),
    invalid("weights: above 1", r"weights\[1\] must be in \[0, 1\], but is 1.25", weights=[0.0, 1.25]),
    invalid("weights: sum 0.75", "weights must sum to 1 .*but sum to 0.75", weights=[0.25, 0.5]),
    invalid("weights: sum off by 2e-8", "weights must sum to 1 .*but sum to 1.00000001999", weights=[0.25, 0.75000002]),
    invalid("means: 1-D", r"means must be 2-D.*has shape \(2,\)", means=MEANS[0]),
    invalid("means: none", r"means must have .*at least 1.*\(0, 2\)", means=MEANS[:0], covariances=COVARIANCES[:0],
            weights=[]),
    invalid("means: D = 0", r"means must have .*at least 1.*\(2, 0\)", means=MEANS[:, :0],
            covariances=COVARIANCES[:, :0, :0]),
    invalid("means: nan", r"means\[1, 0\] must be finite, but is nan", means=changed(MEANS, (1, 0), NAN)),
    invalid("means: inf", r"means\[0, 1\] must be finite, but is -inf", means=changed(MEANS, (0, 1), -INF)),
    invalid("covariances: of one", r"covariances must have shape \(2, 2, 2\), but has shape \(1, 2, 2\)",
            covariances=COVARIANCES[:1]),
    invalid("covariances: as diag", r"covariances must have shape \(2, 2, 2\), but has shape \(2, 2\)",
            covariances=MEANS),
    invalid("covariances: full as tied", r"covariances must have shape \(2, 2\), but has shape \(2, 2, 2\)",
            covariance_type="tied"),
    invalid("covariances: full as diag", r"covariances must have shape \(2, 2\), but has shape \(2, 2, 2\)",
            covariance_type="diag"),
    invalid("covariances: full as spherical", r"covariances must have shape \(2,\), but has shape \(2, 2, 2\)",
            covariance_type="spherical"),
    invalid("covariances: nan", r"covariances\[1, 0, 1\] must be finite, but is nan",
            covariances=with_covariance([1, NAN])),
    invalid("covariances: inf", r"covariances\[1\] must be finite, but is inf", covariances=[1, INF],
            covariance_type="spherical"),
    invalid("covariances: asymmetric", r"covariances\[1, 1, 0\] must equal its mirror.*0.25 meets 0.5",
            covariances=with_covariance(ASYMMETRIC)),
    invalid("covariances: tied asymmetric", r"covariances\[1, 0\] must equal its mirror.*0.25 meets 0.5",
            covariances=ASYMMETRIC, covariance_type="tied"),
    numerical("covariances: indefinite", "covariances of component 1 must be positive semi-definite.*-3",
              covariances=with_covariance(INDEFINITE)),
    numerical("covariances: indefinite, singular allowed", "component 1 must be positive semi-definite",
              covariances=with_covariance(INDEFINITE), allow_singular=True),
    numerical("covariances: tied indefinite", "covariances must be positive semi-definite",
              covariances=INDEFINITE, covariance_type="tied"),
    numerical("covariances: negative variance", r"covariances\[1, 0\] must be a variance.*but is -0.5",
              covariances=[[1, 1], [-0.5, 1]], covariance_type="diag"),
    numerical("covariances: negative variance, singular allowed", r"covariances\[0\] must be a variance.*but is -2",
              covariances=[-2, 1], covariance_type="spherical", allow_singular=True),
    numerical("covariances: singular", "component 1 must be positive definite, but has rank 1 of 2.*allow_singular",
              covariances=with_covariance(SINGULAR)),
    numerical("covariances: diag singular", "component 0 must be .*rank 1 of 2.*allow_singular",
              covariances=[[0, 1], [1, 1]], covariance_type="diag"),
    numerical("covariances: point", "component 1 must be .*rank 0 of 2.*allow_singular",
              covariances=[1, 0], covariance_type="spherical"),
    numerical("covariances: tied zero", "covariances must be positive definite.*rank 0 of 2.*allow_singular",
              covariances=np.zeros((2, 2)), covariance_type="tied"),
    invalid("covariance_type: unknown", "covariance_type must be .*spherical.*Full", covariance_type="Full"),
    mixture_case("covariance_type: None", TypeError, "covariance_type must be a str, but is None",
                 covariance_type=None),
    mixture_case("covariance_type: bytes", TypeError, "covariance_type must be a str, but is b'full'",
                 covariance_type=b"full"),
    mixture_case("allow_singular: 1", TypeError, "allow_singular must be a bool, but is 1", allow_singular=1),
    mixture_case("allow_singular: None", TypeError, "allow_singular must be a bool, but is None", allow_singular=None),
    mixture_case("unknown argument", TypeError, "n_components", n_components=2),
]  # fmt: skip


ROWS: list[Bad] = [
    *[bad for bad in bad_types("x", X[0]) if bad[0] != "None in a list"],
    ("nan", [1.0, NAN], InvalidArgumentError, r"x\[1\] must be finite, but is nan"),
    ("inf", [INF, 1.0], InvalidArgumentError, r"x\[0\] must be finite, but is inf"),
    ("longer", [1.0, 2.0, 3.0], InvalidArgumentError, "x must have 2 .*3"),
    ("empty", [], InvalidArgumentError, "x must have 2 .*0"),
    ("2-D", X[:1], InvalidArgumentError, r"x must be 1-D.*has shape \(1, 2\)"),
    ("scalar", 1.0, InvalidArgumentError, r"x must be 1-D.*has shape \(\)"),
    ("sparse", sparse.csr_array(X[:1]), TypeError, "x must be a dense array"),
]
SCORERS: dict[str, Callable[..., object]] = {
    f"RowScorer.{name}": getattr(SCORER, name) for name in ("log_prob", "responsibilities", "predict")
}


def unequal_ranks() -> Iterator[Case]:
    message = "rank"
    for name in (
        "log_joint",
        "log_prob",
        "log_responsibilities",
        "responsibilities",
        "predict",
        "log_likelihood",
        "aic",
        "bic",
    ):
        yield Case(f"{name}, unequal ranks", calling(getattr(LINE, name), X), NumericalError, message)
    yield Case("accumulate, unequal ranks", lambda: gaussmix.Statistics(LINE).accumulate(X), NumericalError, message)
    yield Case("row_scorer, unequal ranks", lambda: LINE.row_scorer().log_prob(X[0]), NumericalError, message)


def sizes() -> Iterator[Case]:
    """Rows without memory of their own, too many for an output."""
    too_large = (MemoryError, InvalidArgumentError)
    many = np.broadcast_to(np.zeros((1, 2)), (2**46, 2))  # 8 bytes each are more than an address space
    wide = gaussmix.Mixture(np.full(1024, 2.0**-10), np.zeros((1024, 2)), np.ones(1024), "spherical")
    uncountable = np.broadcast_to(np.zeros((1, 2)), (2**58, 2))
    for name in VERBS:
        yield Case(f"{name}, 2**46 rows", calling(getattr(MIX, name), many), MemoryError, "")
    for name in ("log_joint", "responsibilities"):
        call = calling(getattr(wide, name), uncountable)
        yield Case(f"{name}, 2**68 values", call, too_large[1], r"shape \(288230376151711744, 1024\)")
    for n, error in ((2**46, MemoryError), (2**62, InvalidArgumentError)):
        yield Case(f"sample, {n} rows", calling(MIX.sample, n, 0), error, "" if error is MemoryError else str(n))


N_SAMPLES: list[Bad] = [
    ("-1", -1, InvalidArgumentError, "n_samples must be at least 0, but is -1"),
    ("2.0", 2.0, TypeError, "n_samples must be an int, but is 2.0"),
    ("True", True, TypeError, "n_samples must be an int, but is True"),
    ("None", None, TypeError, "n_samples must be an int, but is None"),
    ("2**70", 2**70, InvalidArgumentError, "n_samples must be within 64 bits"),
]
SAMPLE: dict[str, Callable[..., object]] = {"sample": MIX.sample}

PROCESS = [
    Case("set_num_threads, -1", lambda: gaussmix.set_num_threads(-1), InvalidArgumentError,
         "num_threads must be .*but is -1"),
    Case("set_num_threads, 1.0", calling(gaussmix.set_num_threads, 1.0), TypeError,
         "num_threads must be an int, but is 1.0"),
    Case("set_num_threads, True", lambda: gaussmix.set_num_threads(True), TypeError,
         "num_threads must be an int, but is True"),
    Case("set_num_threads, 2**31", lambda: gaussmix.set_num_threads(2**31), InvalidArgumentError,
         "num_threads must be .*but is 2147483648"),
    Case("set_simd_level, unknown", lambda: gaussmix.set_simd_level("sse9"), InvalidArgumentError, "sse9"),
    Case("set_simd_level, empty", lambda: gaussmix.set_simd_level(""), InvalidArgumentError, "level|simd"),
    Case("set_simd_level, None", calling(gaussmix.set_simd_level, None), TypeError, "level must be a str, but is None"),
    Case("log_prob, out by position", calling(MIX.log_prob, X, np.empty(6)), TypeError, "log_prob"),
]  # fmt: skip


CASES = [
    *mixtures(),
    *MIXTURES,
    *first_argument(VERBS | WEIGHTED, "X", BAD_X),
    *other_features(),
    *grid(WEIGHTED, "sample_weight", BAD_SAMPLE_WEIGHT),
    *grid(VERBS | WEIGHTED, "num_threads", BAD_NUM_THREADS),
    *grid(SAMPLE, "num_threads", BAD_NUM_THREADS, (3,)),
    *grid(SAMPLE, "random_state", BAD_RANDOM_STATE, (3,)),
    *first_argument(SAMPLE, "n_samples", N_SAMPLES),
    *bad_outputs(),
    *first_argument(SCORERS, "x", ROWS),
    *unequal_ranks(),
    *sizes(),
    *PROCESS,
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_refused(case: Case) -> None:
    check(case)


def test_the_errors_are_value_errors() -> None:
    for error in (InvalidArgumentError, NumericalError, FormatError):
        assert issubclass(error, gaussmix.GaussmixError)
        assert issubclass(error, ValueError)


@pytest.mark.parametrize("name", ["weights", "means", "covariances", "rank"])
def test_a_mixture_cannot_be_changed(name: str) -> None:
    array = getattr(MIX, name)
    before = pickle.dumps(MIX)
    with pytest.raises(AttributeError):
        setattr(MIX, name, array)
    with pytest.raises(ValueError, match="read-only"):
        array[...] = 0
    with pytest.raises(ValueError, match="WRITEABLE"):
        array.flags.writeable = True
    assert pickle.dumps(MIX) == before
