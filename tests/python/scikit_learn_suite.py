"""A pytest plugin: scikit-learn's own tests of mixtures, collected with our estimator in place of theirs.

The tests that the README's table lists must fail, all others pass.
"""

from __future__ import annotations

import re
from pathlib import Path

import gaussmix
import pytest
import sklearn
import sklearn.mixture

HEADING = "| scikit-learn's test | what ours does, and why |"


def exceptions() -> list[tuple[str, str, str]]:
    """(name, condition, reason) of every test in the table of the README; a condition is "", "float32" for the cases of
    that dtype, or the scikit-learn version that alone is meant, as in "1.6"."""
    readme = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    rows = readme.partition(HEADING)[2].partition("\n\n")[0].splitlines()[2:]
    cells = [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]
    return [
        (name, tests.rpartition(": ")[0], reason) for tests, reason in cells for name in re.findall(r"`(\w+)`", tests)
    ]


def is_met(condition: str, case: str) -> bool:
    return (condition in ("", "float32") and condition in case) or sklearn.__version__.startswith(f"{condition}.")


def pytest_configure() -> None:
    """Before anything is collected, and only where this is a plugin: the tests beside it import the table above."""
    sklearn.mixture.GaussianMixture = gaussmix.GaussianMixture


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        name, _, case = item.name.partition("[")
        for excepted, condition, reason in exceptions():
            if name == excepted and is_met(condition, case):
                item.add_marker(pytest.mark.xfail(strict=True, reason=reason))
