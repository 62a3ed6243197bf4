"""What is measured: shapes, data and the start that every library is given."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

SEPARATIONS = {"separated": 4.0, "overlapping": 0.3}  # standard deviation of the means, in those of the components


@dataclass(frozen=True)
class Shape:
    covariance_type: str
    n_samples: int
    n_features: int
    n_components: int

    @property
    def name(self) -> str:
        return f"{self.covariance_type}-{self.n_features}"

    @property
    def quick(self) -> Shape:
        """The same shape with a fiftieth of the rows, or what full covariances need to be well-conditioned."""
        least = 4 * self.n_features * self.n_components if self.covariance_type == "full" else 0
        return replace(self, n_samples=max(self.n_samples // 50, least))

    def __str__(self) -> str:
        return f"{self.covariance_type} {self.n_samples:,} × {self.n_features}, K = {self.n_components}"


SHAPES = (
    Shape("full", 500_000, 8, 16),
    Shape("full", 100_000, 32, 32),
    Shape("full", 50_000, 64, 16),
    Shape("full", 1_000_000, 2, 8),
    Shape("full", 200_000, 3, 64),
    Shape("diag", 200_000, 40, 256),
    Shape("tied", 500_000, 16, 32),
    Shape("spherical", 1_000_000, 16, 64),
)


@dataclass(frozen=True)
class Problem:
    """Data and the start that all libraries are given, precisions to some and covariances to others."""

    covariance_type: str
    x: Floats
    weights: Floats
    means: Floats
    precisions: Floats
    covariances: Floats


def unit_parameters(covariance_type: str, k: int, d: int) -> Floats:
    """Unit covariances, which are unit precisions too, in the layout of the type."""
    import numpy as np

    return {
        "full": np.tile(np.eye(d), (k, 1, 1)),
        "tied": np.eye(d),
        "diag": np.ones((k, d)),
        "spherical": np.ones(k),
    }[covariance_type]


def make_problem(shape: Shape, separation: float) -> Problem:
    """Rows from K unit normals, means drawn at `separation`; the start is half a standard deviation off the truth."""
    import numpy as np

    n, d, k = shape.n_samples, shape.n_features, shape.n_components
    rng = np.random.default_rng(20240229)
    means = separation * rng.standard_normal((k, d))
    x = np.empty((n, d))
    for begin in range(0, n, 10_000):  # in pieces, so that making X does not set the peak of memory
        part = x[begin : begin + 10_000]
        rng.standard_normal(out=part)
        part += means[rng.integers(k, size=len(part))]
    start = means + 0.5 * rng.standard_normal((k, d))
    unit = unit_parameters(shape.covariance_type, k, d)  # as every component is in truth
    return Problem(shape.covariance_type, x, np.full(k, 1.0 / k), start, unit, unit)
