"""Gaussian mixtures: exact densities and responsibilities, and expectation-maximization, at the speed of the machine.

`Mixture` is a distribution to score with, `fit` finds one from data, `Statistics` are the sums that fitting needs, for
data that come in pieces, and `GaussianMixture` is scikit-learn's estimator over all this.
"""

from __future__ import annotations

from ._core import (
    ConvergenceWarning,
    DegenerateWarning,
    FitProgress,
    FormatError,
    GaussmixError,
    InvalidArgumentError,
    Mixture,
    NumericalError,
    RowScorer,
    ScaleWarning,
    Statistics,
    __version__,
    build_info,
    get_num_threads,
    set_num_threads,
    set_simd_level,
    simd_level,
    simd_levels,
)
from .em import EM
from .fit import FitReport, FitResult, fit
from .init import KMeansResult, kmeans, kmeans_plus_plus
from .model_file import Model, load_model, model_from_bytes
from .prior import Prior
from .progress import ProgressBar

from .estimator import GaussianMixture  # isort: skip  # it uses the names above

__all__ = [
    "EM",
    "ConvergenceWarning",
    "DegenerateWarning",
    "FitProgress",
    "FitReport",
    "FitResult",
    "FormatError",
    "GaussianMixture",
    "GaussmixError",
    "InvalidArgumentError",
    "KMeansResult",
    "Mixture",
    "Model",
    "NumericalError",
    "Prior",
    "ProgressBar",
    "RowScorer",
    "ScaleWarning",
    "Statistics",
    "__version__",
    "build_info",
    "fit",
    "get_num_threads",
    "kmeans",
    "kmeans_plus_plus",
    "load_model",
    "model_from_bytes",
    "set_num_threads",
    "set_simd_level",
    "simd_level",
    "simd_levels",
]
