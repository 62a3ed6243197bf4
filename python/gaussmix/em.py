"""The loop of expectation-maximization as an object, which is a class of the extension."""

from __future__ import annotations

from ._core import EM
from .fit import FitReport

__all__ = ["EM"]


def report(self: EM) -> FitReport:
    """Counts and components over all steps so far; no seconds."""
    return FitReport(**self._report)


# The dataclass is Python's, so the property that makes one joins the class here.
EM.report = property(report)  # type: ignore[method-assign, assignment]
