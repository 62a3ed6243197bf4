"""scikit-learn's exceptions and sentences, without importing scikit-learn."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from .._core import InvalidArgumentError, NumericalError

ILL_DEFINED_COVARIANCE = (
    "Fitting the mixture model failed because some components have ill-defined empirical covariance (for instance "
    "caused by singleton or collapsed samples). Try to decrease the number of components, increase reg_covar, or scale "
    "the input data."
)


NOT_CONVERGED = (
    "Best performing initialization did not converge. Try different init parameters, or increase max_iter, tol, "
    "or check for degenerate data."
)


class NotFittedError(ValueError, AttributeError):
    """The estimator was used before `fit`. Where scikit-learn is loaded, its class of this name is raised instead."""


def exception_class(own: type[Exception]) -> Any:
    """scikit-learn's exception class with the name of `own` where scikit-learn is loaded, else `own`."""
    return getattr(sys.modules.get("sklearn.exceptions"), own.__name__, own)


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
