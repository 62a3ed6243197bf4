"""The rules for the constructor's parameters of the estimator, in scikit-learn's words."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any

import numpy as np

from .._core import InvalidArgumentError, covariance_types

ON_DEGENERATE = ("raise", "floor", "drop", "reseed", "keep")
SEARCHES = ("none", "split_merge")
INIT_PARAMS = ("kmeans", "k-means++", "random", "random_from_data")


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
    "covariance_type": _one_of(covariance_types()),
    "tol": _float_from(0.0),
    "reg_covar": _float_from(0.0),
    "max_iter": _int_from(0),
    "on_degenerate": _one_of(ON_DEGENERATE),
    "n_init": _int_from(1),
    "short_iter": _int_from(0),
    "search": _one_of(SEARCHES),
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
