"""What the tests share: mixtures at random, the C ABI, commands, and settings that no test leaves behind."""

from __future__ import annotations

import ctypes
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import gaussmix
import numpy as np
import pytest
from gaussmix import _core

MakeMixture = Callable[..., gaussmix.Mixture]


def output_of(*command: str | Path, cwd: Path) -> str:
    """What a command prints; its errors stand in the failure message."""
    done = subprocess.run([str(part) for part in command], cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{command[0]} failed:\n{done.stdout}\n{done.stderr}"
    return done.stdout


def stopped_fit(*args: Any, **options: Any) -> gaussmix.FitResult:
    """`gaussmix.fit` that stops at `max_iter`, and says so."""
    with pytest.warns(gaussmix.ConvergenceWarning, match=r"EM stopped at max_iter = \d+ before"):
        return gaussmix.fit(*args, **options)


@pytest.fixture(autouse=True)
def _process_settings() -> Iterator[None]:
    level = gaussmix.simd_level()
    yield
    gaussmix.set_num_threads(None)
    gaussmix.set_simd_level(level)


@pytest.fixture
def make_mixture() -> MakeMixture:
    """A well-conditioned mixture: means of order 3, variances of order 1, no equal weights."""

    def make(covariance_type: str = "full", n_components: int = 3, n_features: int = 4) -> gaussmix.Mixture:
        rng = np.random.default_rng([n_components, n_features])
        weights = np.arange(1.0, n_components + 1)
        factors = 0.3 * rng.normal(size=(n_components, n_features, n_features)) + np.eye(n_features)
        full = factors @ factors.transpose(0, 2, 1)
        covariances = {
            "full": full,
            "tied": full[0],
            "diag": full.diagonal(axis1=1, axis2=2),
            "spherical": full[:, 0, 0],
            "tied_diag": full[0].diagonal(),
            "tied_spherical": full[0, 0, :1],
        }[covariance_type]
        means = rng.normal(scale=3, size=(n_components, n_features))
        return gaussmix.Mixture(weights / weights.sum(), means, covariances, covariance_type)

    return make


@pytest.fixture(scope="session")
def library() -> ctypes.CDLL:
    """The shared object that carries the C ABI, as other languages open it."""
    lib = ctypes.CDLL(_core.__file__)
    lib.gaussmix_last_error.restype = ctypes.c_char_p
    lib.gaussmix_version.restype = ctypes.c_char_p
    return lib
