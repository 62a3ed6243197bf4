"""The estimator's rules for its arguments, in scikit-learn's words, without importing scikit-learn.

What the core checks by itself (finite rows, weights, definiteness of covariances) is left to the core.
"""

from __future__ import annotations

import re
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._core import InvalidArgumentError, NumericalError, as_array, is_table

FloatArray = NDArray[np.float64]

COVARIANCE_TYPES = ("full", "tied", "diag", "spherical")
INIT_PARAMS = ("kmeans", "k-means++", "random", "random_from_data")

ILL_DEFINED_COVARIANCE = (
    "Fitting the mixture model failed because some components have ill-defined empirical covariance (for instance "
    "caused by singleton or collapsed samples). Try to decrease the number of components, increase reg_covar, or scale "
    "the input data."
)


class ConvergenceWarning(UserWarning):
    """EM stopped at `max_iter`. Where scikit-learn is loaded, its class of this name is warned with instead."""


class NotFittedError(ValueError, AttributeError):
    """The estimator was used before `fit`. Where scikit-learn is loaded, its class of this name is raised instead."""


def exception_class(own: type[Exception]) -> Any:
    """scikit-learn's exception class with the name of `own` where scikit-learn is loaded, else `own`."""
    return getattr(sys.modules.get("sklearn.exceptions"), own.__name__, own)


@dataclass(frozen=True)
class _Rule:
    """What a constructor parameter must be: in words, by type and by value."""

    text: str
    has_type: Callable[[Any], bool]
    has_value: Callable[[Any], bool] = lambda _: True


def _is_bool(value: Any) -> bool:
    return isinstance(value, (bool, np.bool_))


def _is_int(value: Any) -> bool:
    return isinstance(value, Integral) and not _is_bool(value)


def _is_real(value: Any) -> bool:
    return isinstance(value, Real) and not _is_bool(value)


def _int_from(low: int) -> _Rule:
    return _Rule(f"an int in the range [{low}, inf)", _is_int, lambda value: value >= low)


def _float_from(low: float) -> _Rule:
    return _Rule(f"a float in the range [{low}, inf)", _is_real, lambda value: low <= value < np.inf)


def _one_of(names: tuple[str, ...]) -> _Rule:
    words = ", ".join(repr(name) for name in sorted(names))
    return _Rule(f"a str among {{{words}}}", lambda value: isinstance(value, str), lambda value: value in names)


_RULES = {
    "n_components": _int_from(1),
    "covariance_type": _one_of(COVARIANCE_TYPES),
    "tol": _float_from(0.0),
    "reg_covar": _float_from(0.0),
    "max_iter": _int_from(0),
    "n_init": _int_from(1),
    "init_params": _one_of(INIT_PARAMS),
    "random_state": _Rule(
        "an int in the range [0, 4294967295], an instance of 'numpy.random.mtrand.RandomState' or None",
        lambda value: value is None or _is_int(value) or isinstance(value, np.random.RandomState),
        lambda value: not _is_int(value) or 0 <= value < 2**32,
    ),
    "warm_start": _Rule("an instance of 'bool'", _is_bool),
    "verbose": _Rule(
        "an int in the range [0, inf) or an instance of 'bool'",
        lambda value: isinstance(value, Integral) or _is_bool(value),
        lambda value: value >= 0,
    ),
    "verbose_interval": _int_from(1),
}


def check_parameters(estimator: object) -> None:
    """Checks the attributes of `estimator` that its methods go by, whatever the constructor of its class takes.

    Raises TypeError or InvalidArgumentError for the first one that breaks its rule.
    """
    owner = type(estimator).__name__
    for name, rule in _RULES.items():
        value = getattr(estimator, name)
        kind = InvalidArgumentError if rule.has_type(value) else TypeError
        if not (rule.has_type(value) and rule.has_value(value)):
            raise kind(f"The {name!r} parameter of {owner} must be {rule.text}. Got {value!r} instead.")


def _as_real(values: Any, name: str) -> NDArray[Any]:
    """`values` as an array of a real dtype: objects become float64, booleans, integers and floats stay."""
    if isinstance(values, np.ma.MaskedArray):
        raise TypeError(f"{name} must not be a masked array; fill or drop the masked entries")
    array = as_array(values, name)
    kind = array.dtype.kind
    if kind in "biuf":
        return array
    if kind == "O":
        return _objects_as_real(array, name)
    if kind == "c":
        raise InvalidArgumentError(f"Complex data not supported: {name} has dtype {array.dtype}")
    if kind in "SU":
        raise InvalidArgumentError(
            "dtype='numeric' is not compatible with arrays of bytes/strings. "
            f"Convert your data to numeric values explicitly instead. {name} has dtype {array.dtype}{_example(array)}"
        )
    raise TypeError(f"{name} must hold real numbers, but has dtype {array.dtype}")


def _objects_as_real(array: NDArray[np.object_], name: str) -> FloatArray:
    """Objects as float64; None is NaN.

    Raises TypeError for the first that is no number, InvalidArgumentError where it is a text that says none or a number
    beyond float64.
    """
    array = np.asarray(array, order="C")
    try:
        return array.astype(np.float64)
    except (TypeError, ValueError, OverflowError) as error:
        place = _first_that_is_not_real(array)
        rule = f"{name}{list(place)} must be a real number" if place else f"{name} must hold real numbers"
        if isinstance(error, OverflowError):
            rule += " in the range of float64"
        kind = TypeError if isinstance(error, TypeError) else InvalidArgumentError
        raise kind(f"{rule}, but is {_shown(array[place])}: {error}") from error


def _first_that_is_not_real(array: NDArray[np.object_]) -> tuple[int, ...]:
    """The place of the first object, in the order of rows, that float64 cannot hold. There is one."""
    objects = array.ravel()
    begin, end = 0, objects.size  # it lies in [begin, end)
    while end - begin > 1:
        middle = (begin + end) // 2
        try:
            objects[begin:middle].astype(np.float64)
            begin = middle
        except (TypeError, ValueError, OverflowError):
            end = middle
    return tuple(int(i) for i in np.unravel_index(begin, array.shape))


def _example(array: NDArray[Any]) -> str:
    """The first text of an array, for a message."""
    return f", as in {_shown(array.ravel()[0].item())}" if array.size else ""


def _shown(value: Any) -> str:
    """A value for a message, cut where it is long."""
    if isinstance(value, int):  # Python refuses to write out the longest
        return f"an int of {value.bit_length()} bits"
    text = repr(value)
    return f"{text if len(text) <= 60 else text[:57] + '...'} ({type(value).__name__})"


def _as_init(values: Any, name: str, argument: str, shape: tuple[int, ...]) -> NDArray[Any]:
    """`values` of the parameter `argument` as a finite array of `shape`, float32 or float64."""
    array = _as_real(values, argument)
    if array.dtype not in (np.float32, np.float64):
        array = array.astype(np.float64)
    if array.shape != shape:
        raise InvalidArgumentError(
            f"The parameter '{name}' should have the shape of {shape}, but got {array.shape} ({argument})"
        )
    bad = np.argwhere(~np.isfinite(array))
    if len(bad):
        place = tuple(bad[0].tolist())
        raise InvalidArgumentError(f"{argument}{list(place)} must be finite, but is {array[place]}")
    return array


def check_weights(values: Any, n_components: int) -> FloatArray:
    """`weights_init` as π, (K,), in [0, 1], with sum 1 (within 1e-8; 1e-6 for float32, which is then divided by it)."""
    weights = _as_init(values, "weights", "weights_init", (n_components,))
    if weights.min() < 0.0 or weights.max() > 1.0:
        raise InvalidArgumentError(
            "The parameter 'weights' should be in the range [0, 1], but got max value "
            f"{weights.max():.5f}, min value {weights.min():.5f} (weights_init)"
        )
    single = weights.dtype == np.float32
    weights = weights.astype(np.float64)
    total = weights.sum()
    if abs(total - 1.0) > (1e-6 if single else 1e-8):
        raise InvalidArgumentError(
            f"The parameter 'weights' should be normalized, but got sum(weights) = {total:.5f} (weights_init)"
        )
    return weights / total if single else weights


def check_means(values: Any, n_components: int, n_features: int) -> FloatArray:
    """`means_init` as μ, (K, D)."""
    return _as_init(values, "means", "means_init", (n_components, n_features)).astype(np.float64)


def check_precisions(values: Any, covariance_type: str, n_components: int, n_features: int) -> FloatArray:
    """`precisions_init` as Σ⁻¹ in the layout of `covariance_type`; matrices, symmetric as np.isclose has it, come back
    symmetrised."""
    shape = {
        "full": (n_components, n_features, n_features),
        "tied": (n_features, n_features),
        "diag": (n_components, n_features),
        "spherical": (n_components,),
    }[covariance_type]
    name = f"{covariance_type} precision"
    precisions = _as_init(values, name, "precisions_init", shape).astype(np.float64)
    if covariance_type in ("diag", "spherical"):
        bad = np.argwhere(precisions <= 0.0)
        if len(bad):
            place = tuple(bad[0].tolist())
            raise InvalidArgumentError(
                f"'{name}' should be positive, but precisions_init{list(place)} is {precisions[place]}"
            )
        return precisions
    for k, matrix in enumerate(precisions.reshape(-1, n_features, n_features)):
        if not _is_positive_definite(matrix):
            where = f"[{k}]" if covariance_type == "full" else ""
            raise InvalidArgumentError(
                f"'{name}' should be symmetric, positive-definite, but precisions_init{where} is not"
            )
    return 0.5 * (precisions + precisions.swapaxes(-1, -2))


def _is_positive_definite(matrix: FloatArray) -> bool:
    """Symmetric, and factorisable once scaled to unit diagonal, so that the features' units do not matter."""
    diagonal = np.diagonal(matrix)
    if not (np.isclose(matrix, matrix.T).all() and (diagonal > 0.0).all()):
        return False
    scale = np.sqrt(diagonal)
    try:
        np.linalg.cholesky(matrix / scale / scale[:, np.newaxis])
    except np.linalg.LinAlgError:
        return False
    return True


def as_samples(X: Any, owner: str, min_samples: int) -> Any:
    """X, (N, D), as an array of a real dtype, or a table, which the core reads by column; no copy where it is one.
    Finiteness is left to the core.

    Raises TypeError for sparse X and for values that are not numbers, InvalidArgumentError for the rest.
    """
    if hasattr(X, "tocsr") and hasattr(X, "toarray"):
        raise TypeError(
            "Sparse data was passed for X, but dense data is required. "
            "Use '.toarray()' to convert to a dense numpy array."
        )
    samples = X if is_table(X) and not _has_object_column(X) else _as_real(X, "X")
    if len(samples.shape) != 2:
        raise InvalidArgumentError(_dimension_message(samples, owner))
    for count, what, least in ((samples.shape[0], "sample", min_samples), (samples.shape[1], "feature", 1)):
        if count < least:
            raise InvalidArgumentError(
                f"Found array with {count} {what}(s) (shape={samples.shape}) while a minimum of {least} is required "
                f"by {owner}."
            )
    return samples


def _has_object_column(table: Any) -> bool:
    """Whether a pandas frame has a column of objects, which scikit-learn takes where they can be made numbers."""
    return hasattr(table, "iloc") and any(getattr(dtype, "kind", None) == "O" for dtype in table.dtypes)


def _dimension_message(array: NDArray[Any], owner: str) -> str:
    if array.ndim > 2:
        return f"Found array with dim {array.ndim}, while dim <= 2 is required by {owner}."
    kind = "scalar array" if array.ndim == 0 else "1D array"
    return (
        f"Expected 2D array, got {kind} instead:\narray={array}.\n"
        "Reshape your data either using array.reshape(-1, 1) if your data has a single feature "
        "or array.reshape(1, -1) if it contains a single sample."
    )


def as_sample_weight(sample_weight: Any) -> NDArray[Any] | None:
    """`sample_weight`, an array-like or None, as an array that is not all zero. The rest is left to the core."""
    if sample_weight is None:
        return None
    weight = _as_real(sample_weight, "sample_weight")
    if not weight.any():
        raise InvalidArgumentError("Sample weights must contain at least one non-zero number.")
    return weight


def feature_names(X: Any) -> NDArray[np.object_] | None:
    """The names of X's columns, (D,), where X is a data frame or table whose names are all strings."""
    names = getattr(X, "column_names", None)  # pyarrow
    if names is None:
        names = getattr(X, "columns", None)  # pandas, polars
    if names is None or len(names) == 0:
        return None
    names = np.asarray(names, dtype=object)
    types = sorted({type(name).__qualname__ for name in names})
    if types == ["str"]:
        return names
    if "str" in types:
        raise TypeError(
            "Feature names are only supported if all input features have string names, "
            f"but your input has {types} as feature name / column name types. "
            "If you want feature names to be stored and validated, you must convert them all to strings, by using "
            "X.columns = X.columns.astype(str) for example. Otherwise you can remove feature / column names from your "
            "input data, or convert them all to a non-string data type."
        )
    return None


def check_feature_names(names: NDArray[np.object_] | None, fitted: NDArray[np.object_] | None, owner: str) -> None:
    """Compares the names of X's columns with those seen in `fit`: a warning where one side has none, else an error."""
    if names is None and fitted is None:
        return
    if fitted is None:
        warnings.warn(f"X has feature names, but {owner} was fitted without feature names", stacklevel=4)
    elif names is None:
        warnings.warn(f"X does not have valid feature names, but {owner} was fitted with feature names", stacklevel=4)
    elif not np.array_equal(names, fitted):
        raise InvalidArgumentError(_feature_names_message(set(names), set(fitted)))


def _feature_names_message(names: set[str], fitted: set[str]) -> str:
    message = "The feature names should match those that were passed during fit.\n"
    unseen, missing = sorted(names - fitted), sorted(fitted - names)
    for title, group in (("unseen at fit time", unseen), ("seen at fit time, yet now missing", missing)):
        if group:
            listed = [f"- {name}\n" for name in group[:5]] + ["- ...\n"] * (len(group) > 5)
            message += f"Feature names {title}:\n" + "".join(listed)
    if not unseen and not missing:
        message += "Feature names must be in the same order as they were in fit.\n"
    return message


@contextmanager
def scikit_learn_wording() -> Iterator[None]:
    """Puts scikit-learn's sentence before the core's message, which names the place, for X that is not finite and for
    components that collapse."""
    try:
        yield
    except InvalidArgumentError as error:
        message = str(error)
        rule = re.match(r"X\[\d+, \d+\] must (be finite, but is -?(?P<met>\w+)|not be null)", message)
        if rule is None:
            raise
        what = "infinity or a value too large" if rule["met"] == "inf" else "NaN"
        raise InvalidArgumentError(f"Input X contains {what}: {message}") from error
    except NumericalError as error:
        raise NumericalError(f"{ILL_DEFINED_COVARIANCE} ({error})") from error
