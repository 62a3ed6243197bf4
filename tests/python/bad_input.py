"""What the tests of bad input share: good arguments, bad values of each kind of argument, the check of one call."""

from __future__ import annotations

import itertools
import pickle
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import gaussmix
import numpy as np
import pytest
from gaussmix import InvalidArgumentError
from scipy import sparse

NAN, INF = np.nan, np.inf
X = np.array([[0, 0.1], [0.2, -0.3], [-0.1, 0.4], [4, 4.1], [4.2, 3.7], [3.9, 4.4]])
WEIGHTS, MEANS, COVARIANCES = np.array([0.25, 0.75]), np.array([[0.0, 0.0], [4.0, 4.0]]), np.stack([np.eye(2)] * 2)
MIX = gaussmix.Mixture(WEIGHTS, MEANS, COVARIANCES)
STATS = gaussmix.Statistics(MIX)
STATS.accumulate(X, np.arange(1.0, 7.0))
SCORER = MIX.row_scorer()
LINE = gaussmix.Mixture([0.5, 0.5], MEANS, [np.eye(2), np.diag([1.0, 0.0])], allow_singular=True)  # ranks 2 and 1
MODEL = gaussmix.GaussianMixture(2, random_state=0).fit(X)
SHARES = np.full((6, 2), 0.5)
LABELS = np.array([0, 0, 0, 1, 1, 1])


@dataclass(frozen=True)
class Case:
    """A call that must fail, with an error of this very class whose message matches."""

    name: str
    call: Callable[[], object]
    error: type[Exception]
    message: str

    def __str__(self) -> str:
        return self.name


def changed(array: Any, place: Any, value: Any) -> Any:
    copy = np.array(array, dtype=np.result_type(np.asarray(array).dtype, float))
    copy[place] = value
    return copy


def state() -> tuple[Any, ...]:
    """Everything that the calls below could change."""
    arrays = (X, WEIGHTS, MEANS, COVARIANCES, SHARES, LABELS)
    return (
        *(array.tobytes() for array in arrays),
        *(pickle.dumps(value) for value in (MIX, LINE, MODEL)),
        STATS.to_bytes(),
        SCORER.log_prob(X[0]),
        gaussmix.get_num_threads(),
        gaussmix.simd_level(),
    )


def with_covariance(entries: Any, component: int = 1) -> Any:
    return changed(COVARIANCES, component, entries)


INDEFINITE, SINGULAR, ASYMMETRIC = [[1, 2], [2, 1]], [[4, 2], [2, 1]], [[1, 0.5], [0.25, 1]]


def check(case: Case) -> None:
    """The error is of this very class, its message names what it must, and nothing has changed."""
    before = state()
    with pytest.raises(case.error, match=re.compile(case.message, re.DOTALL)) as caught:
        case.call()
    assert type(caught.value) is case.error or case.error is MemoryError
    assert state() == before


# ---- the functions ----

VERBS: dict[str, Callable[..., object]] = {
    name: getattr(MIX, name)
    for name in ("component_log_prob", "log_joint", "log_prob", "log_responsibilities", "responsibilities", "predict")
}
WEIGHTED: dict[str, Callable[..., object]] = {
    "log_likelihood": MIX.log_likelihood,
    "aic": MIX.aic,
    "bic": MIX.bic,
    "accumulate": STATS.accumulate,
}


def calling(function: Callable[..., object], *args: Any, **options: Any) -> Callable[[], object]:
    """The call, yet to be made; what it hands over may be of any type, on purpose."""
    return partial(function, *args, **options)


def with_two_components(function: Callable[..., object]) -> Callable[..., object]:
    return lambda x, **options: function(x, 2, **options)


STARTERS = {
    "fit": with_two_components(gaussmix.fit),
    "kmeans": with_two_components(gaussmix.kmeans),
    "kmeans_plus_plus": with_two_components(gaussmix.kmeans_plus_plus),
}


# ---- what each kind of argument must not be: name, value, error, message ----

Bad = tuple[str, Any, type[Exception], str]

BAD_TYPES: list[tuple[str, Callable[[Any], Any], str]] = [
    ("complex", lambda a: a.astype(complex), "must hold real numbers, but has dtype complex128"),
    ("object", lambda a: a.astype(object), "must hold real numbers, but has dtype object"),
    ("text", lambda a: a.astype(str), "must hold real numbers, but has dtype <U"),
    ("dates", lambda a: a.astype("M8[s]"), r"must hold real numbers, but has dtype datetime64\[s\]"),
    ("masked", lambda a: np.ma.masked_less(a, 0.2), "must not be a masked array"),
    ("None in a list", lambda a: [[None] * a.shape[-1]] * len(a), "must hold real numbers, but has dtype object"),
]


def bad_types(name: str, good: Any) -> Iterator[Bad]:
    for what, make, message in BAD_TYPES:
        yield what, make(good), TypeError, f"{name} {message}"


BAD_X: list[Bad] = [
    *bad_types("X", X),
    ("nan", changed(X, (3, 1), NAN), InvalidArgumentError, r"X\[3, 1\] must be finite, but is nan"),
    ("-inf", changed(X, (1, 0), -INF), InvalidArgumentError, r"X\[1, 0\] must be finite, but is -inf"),
    (
        "inf in Fortran order",
        np.asfortranarray(changed(X, (5, 0), INF)),
        InvalidArgumentError,
        r"X\[5, 0\].*but is inf",
    ),
    ("inf in float32", changed(X, (2, 1), INF).astype("f4"), InvalidArgumentError, r"X\[2, 1\].*but is inf"),
    ("nan in float16", changed(X, (4, 0), NAN).astype("f2"), InvalidArgumentError, r"X\[4, 0\].*but is nan"),
    ("nan behind a negative stride", changed(X, (0, 1), NAN)[::-1], InvalidArgumentError, r"X\[5, 1\].*but is nan"),
    ("first of two", changed(X, ([5, 2], [0, 1]), NAN), InvalidArgumentError, r"X\[2, 1\].*but is nan"),
    ("1-D", X[:, 0], InvalidArgumentError, r"X must be 2-D.*has shape \(6,\)"),
    ("3-D", X[None], InvalidArgumentError, r"X must be 2-D.*has shape \(1, 6, 2\)"),
    ("scalar", 3.0, InvalidArgumentError, r"X must be 2-D.*has shape \(\)"),
    ("no columns", X[:, :0], InvalidArgumentError, r"X must have .* column.*has shape \(6, 0\)"),
    ("ragged", [[1.0, 2.0], [3.0]], InvalidArgumentError, "X must be a rectangular array.*inhomogeneous"),
    ("None", None, TypeError, "X must hold real numbers, but has dtype object"),
    ("a dict", {"a": 1.0}, TypeError, "X must hold real numbers, but has dtype object"),
    ("csr", sparse.csr_array(X), TypeError, "X must be a dense array, but is a sparse one: csr_array"),
    ("coo matrix", sparse.coo_matrix(X), TypeError, "X must be a dense array, but is a sparse one: coo_matrix"),
    ("a record", np.zeros((6, 2), "f8,f8"), TypeError, "X must hold real numbers, but has dtype"),
]

ONES = np.ones(6)
BAD_SAMPLE_WEIGHT: list[Bad] = [
    *bad_types("sample_weight", ONES),
    ("short", ONES[:3], InvalidArgumentError, r"sample_weight must have shape \(6,\), but has shape \(3,\)"),
    ("empty", [], InvalidArgumentError, r"sample_weight must have shape \(6,\), but has shape \(0,\)"),
    ("2-D", ONES[:, None], InvalidArgumentError, r"sample_weight must have shape \(6,\), but has shape \(6, 1\)"),
    ("scalar", 2.0, InvalidArgumentError, r"sample_weight must have shape \(6,\), but has shape \(\)"),
    ("negative", changed(ONES, 4, -0.5), InvalidArgumentError, r"sample_weight\[4\] must be .* but is -0.5"),
    ("nan", changed(ONES, 1, NAN), InvalidArgumentError, r"sample_weight\[1\] must be .* but is nan"),
    ("inf", changed(ONES, 0, INF), InvalidArgumentError, r"sample_weight\[0\] must be .* but is inf"),
    ("sum too large", 1e308 * ONES, InvalidArgumentError, "sum of sample_weight must be finite, but is inf"),
    ("sparse", sparse.csr_array(ONES[None]), TypeError, "sample_weight must be a dense array"),
]

BAD_NUM_THREADS: list[Bad] = [
    ("0", 0, InvalidArgumentError, "num_threads must be None or in .*, but is 0"),
    ("-1", -1, InvalidArgumentError, "num_threads must be None or in .*, but is -1"),
    ("1025", 1025, InvalidArgumentError, r"num_threads must be None or in \[1, 1024\], but is 1025"),
    ("2.0", 2.0, TypeError, "num_threads must be an int, but is 2.0"),
    ("True", True, TypeError, "num_threads must be an int, but is True"),
    ("2**40", 2**40, InvalidArgumentError, "num_threads must be None or in .*, but is 1099511627776"),
    ("'2'", "2", TypeError, "num_threads must be an int, but is '2'"),
]

BAD_RANDOM_STATE: list[Bad] = [
    ("-1", -1, InvalidArgumentError, "random_state must be in .*but is -1"),
    ("2**64", 2**64, InvalidArgumentError, "random_state must be in .*but is 18446744073709551616"),
    ("1.5", 1.5, TypeError, "random_state must be None, an int, .*but is 1.5"),
    ("True", True, TypeError, "random_state must be None, an int, .*but is True"),
    ("'seed'", "seed", TypeError, "random_state must be None, an int, .*but is 'seed'"),
]

BAD_N_COMPONENTS: list[Bad] = [
    ("0", 0, InvalidArgumentError, "n_components must be .*but is 0"),
    ("-1", -1, InvalidArgumentError, "n_components must be .*but is -1"),
    ("K > N", 7, InvalidArgumentError, "n_components must be .*6.*but is 7"),
    ("2**62", 2**62, InvalidArgumentError, "n_components must be .*but is 4611686018427387904"),
    ("2**70", 2**70, InvalidArgumentError, "n_components must be within 64 bits, but is 1180591620717411303424"),
    ("2.0", 2.0, TypeError, "n_components must be an int, but is 2.0"),
    ("True", True, TypeError, "n_components must be an int, but is True"),
    ("np.True_", np.True_, TypeError, "n_components must be an int, but is np.True_"),
    ("None", None, TypeError, "n_components must be an int, but is None"),
    ("'2'", "2", TypeError, "n_components must be an int, but is '2'"),
    ("an array", np.array([2]), TypeError, r"n_components must be an int, but is array\(\[2\]\)"),
]


def grid(
    functions: dict[str, Callable[..., object]], argument: str, bad: list[Bad], args: tuple[Any, ...] = (X,)
) -> Iterator[Case]:
    """Each function with each bad value of one keyword; `args` come before it."""
    for (name, function), (what, value, error, message) in itertools.product(functions.items(), bad):
        yield Case(f"{name}, {argument}: {what}", calling(function, *args, **{argument: value}), error, message)


def first_argument(functions: dict[str, Callable[..., object]], argument: str, bad: list[Bad]) -> Iterator[Case]:
    for (name, function), (what, value, error, message) in itertools.product(functions.items(), bad):
        yield Case(f"{name}, {argument}: {what}", calling(function, value), error, message)
