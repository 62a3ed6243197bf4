"""X, sample weights and feature names as scikit-learn takes and refuses them, in its words.

What the core checks by itself (finite rows, weights) is left to the core.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._core import InvalidArgumentError, as_array, is_table

FloatArray = NDArray[np.float64]


def as_real(values: Any, name: str) -> NDArray[Any]:
    """`values` as an array of a real dtype: objects become float64, booleans, integers and floats stay."""
    if isinstance(values, np.ma.MaskedArray):
        raise TypeError(f"{name} must not be a masked array; fill or drop the masked entries")
    array = as_array(values, name)
    kind = array.dtype.kind
    if kind in "biuf":
        return array
    if kind == "O":
        return _objectsas_real(array, name)
    if kind == "c":
        raise InvalidArgumentError(f"Complex data not supported: {name} has dtype {array.dtype}")
    if kind in "SU":
        raise InvalidArgumentError(
            "dtype='numeric' is not compatible with arrays of bytes/strings. "
            f"Convert your data to numeric values explicitly instead. {name} has dtype {array.dtype}{_example(array)}"
        )
    raise TypeError(f"{name} must hold real numbers, but has dtype {array.dtype}")


def _objectsas_real(array: NDArray[np.object_], name: str) -> FloatArray:
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
    samples = X if is_table(X) and not _has_object_column(X) else as_real(X, "X")
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
    weight = as_real(sample_weight, "sample_weight")
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
