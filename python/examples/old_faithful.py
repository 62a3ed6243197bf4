"""Old Faithful: two kinds of eruptions, found by a mixture of two Gaussians (Bishop 2006, section 9.2).

    python old_faithful.py [--output old_faithful.png]

The data are 272 eruptions of the geyser: how long each lasted, and how long people waited for the next, in minutes.
"""

from __future__ import annotations

import argparse
import warnings
from pathlib import Path
from typing import Any

import gaussmix
import matplotlib as mpl
import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

DATA = Path(__file__).resolve().parents[2] / "tests" / "data" / "faithful.csv"
COVARIANCE_TYPES = ("full", "tied", "diag", "spherical")
COLORS = ("#1b6ca8", "#e07a1f")


def print_parameters(mix: gaussmix.Mixture) -> None:
    """π, μ and Σ, component by component."""
    for k, (weight, mean, covariance) in enumerate(zip(mix.weights, mix.means, mix.covariances, strict=True)):
        std = np.sqrt(np.diag(covariance))
        correlation = covariance[0, 1] / std.prod()
        print(f"  component {k}: {weight:4.0%} of the eruptions")
        print(f"    eruption  {mean[0]:6.3f} ± {std[0]:.3f} min")
        print(f"    waiting   {mean[1]:6.2f} ± {std[1]:.2f}  min, correlation {correlation:.2f}")


def print_trace(result: gaussmix.FitResult) -> None:
    """The mean log-likelihood before each M-step: it only ever rises."""
    for i, value in enumerate(result.trace, start=1):
        print(f"  iteration {i:2d}   {value:.8f}")
    print(f"  converged: {result.converged}; log-likelihood of the result: {result.log_likelihood:.4f}")


def print_bic(x: Array) -> None:
    """Schwarz's criterion for K = 1 … 6 and each structure of the covariances: the lowest is the best. The waits are
    whole minutes, so that a component may collapse onto one of them and gain without end; such fits do not compete."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", gaussmix.DegenerateWarning)  # the table marks them
        fits = [[_fit_closely(x, k, t) for t in COVARIANCE_TYPES] for k in range(1, 7)]
    bic = np.array([[fit.mixture.bic(x) for fit in row] for row in fits])
    collapsed = np.array([[bool(fit.report.floored) for fit in row] for row in fits])
    best = np.where(collapsed, np.inf, bic).min()
    print("  K " + "".join(f"{t:>12}" for t in COVARIANCE_TYPES))
    for k, row in enumerate(bic, start=1):
        marks = np.where(collapsed[k - 1], "!", np.where(row == best, "*", " "))
        print(f"  {k} " + "".join(f"{value:11.2f}{mark}" for value, mark in zip(row, marks, strict=True)))
    print("  * the best   ! a component collapsed and was held at the least variance allowed")


def _fit_closely(x: Array, k: int, covariance_type: str) -> gaussmix.FitResult:
    """The best of five starts, each followed close to its end: who compares must not stop early."""
    return gaussmix.fit(x, k, covariance_type, n_init=5, tol=1e-5, max_iter=1000, random_state=0)


def print_responsibilities(mix: gaussmix.Mixture, x: Array) -> None:
    """The clearest eruption of either kind, and the one most in doubt."""
    gamma = mix.responsibilities(x)
    for i in (gamma[:, 0].argmax(), gamma[:, 1].argmax(), gamma.max(axis=1).argmin()):
        shares = "  ".join(f"{share:.6f}" for share in gamma[i])
        print(f"  {x[i, 0]:.3f} min, then {x[i, 1]:.0f} min:   {shares}")


def ellipse(mean: Array, covariance: Array, radius: float) -> Array:
    """The points `radius` standard deviations from the mean, (2, n): μ + r L (cos t, sin t), where Σ = L Lᵀ."""
    t = np.linspace(0.0, 2.0 * np.pi, 200)
    outline: Array = mean[:, None] + radius * np.linalg.cholesky(covariance) @ np.stack([np.cos(t), np.sin(t)])
    return outline


def draw(mix: gaussmix.Mixture, x: Array, path: Path) -> None:
    """The eruptions in the color of their component, blended by responsibility, under the 1σ and 2σ ellipses."""
    mpl.use("Agg")
    from matplotlib import pyplot as plt
    from matplotlib.colors import to_rgb

    figure, axes = plt.subplots(figsize=(8.0, 5.6), layout="constrained")
    blended = mix.responsibilities(x) @ np.array([to_rgb(color) for color in COLORS])
    axes.scatter(x[:, 0], x[:, 1], s=26, c=blended, alpha=0.75, edgecolors="white", linewidths=0.5, zorder=2)
    for k, color in enumerate(COLORS):
        for radius, width in ((1.0, 2.0), (2.0, 1.1)):
            axes.plot(*ellipse(mix.means[k], mix.covariances[k], radius), color=color, linewidth=width, zorder=3)
        axes.plot(*mix.means[k], marker="+", markersize=11, markeredgewidth=2.2, color=color, zorder=4)
        _label(axes, mix, k, color)
    axes.set(xlabel="duration of the eruption [min]", ylabel="wait until the next [min]")
    axes.set_title("Old Faithful: 272 eruptions, two Gaussians (1σ and 2σ)", loc="left", fontsize=12)
    axes.margins(0.07)
    axes.grid(color="0.92", zorder=0)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=150)
    plt.close(figure)


def _label(axes: Any, mix: gaussmix.Mixture, k: int, color: str) -> None:
    """π_k below the 2σ ellipse."""
    outline = ellipse(mix.means[k], mix.covariances[k], 2.0)
    bottom = outline[:, outline[1].argmin()]
    axes.annotate(
        f"{mix.weights[k]:.0%}", bottom, (0, -15), textcoords="offset points", ha="center", color=color, weight="bold"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description="Fit a mixture of two Gaussians to the eruptions of Old Faithful.")
    parser.add_argument("--output", type=Path, default=Path("old_faithful.png"), help="where the picture goes")
    output = parser.parse_args().output
    x = np.loadtxt(DATA, delimiter=",", skiprows=1)

    result = gaussmix.fit(x, n_components=2, tol=1e-8, random_state=0)
    print("Two components")
    print_parameters(result.mixture)
    print("\nMean log-likelihood of each iteration")
    print_trace(result)
    print("\nBIC of other mixtures")
    print_bic(x)
    print("\nResponsibilities of three eruptions")
    print_responsibilities(result.mixture, x)
    draw(result.mixture, x, output)
    print(f"\nThe picture is in {output}")


if __name__ == "__main__":
    main()
