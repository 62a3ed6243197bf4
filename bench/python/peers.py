"""One EM fit from a given start, by gaussmix and by each of its peers."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from problems import Problem

Fit = Callable[[int], float]
"""Does so many iterations from the start; the mean log-likelihood before the last M-step. oneDAL, Armadillo and
pomegranate raise RuntimeError where they cannot."""

REG_COVAR = 1e-6
TITLES = {
    "gaussmix": "gaussmix",
    "sklearn": "scikit-learn",
    "onedal": "oneDAL",
    "armadillo": "Armadillo",
    "pomegranate": "pomegranate",
}
PEERS = tuple(name for name in TITLES if name != "gaussmix")
OFFERED = {
    "gaussmix": ("full", "tied", "diag", "spherical"),
    "sklearn": ("full", "tied", "diag", "spherical"),
    "onedal": ("full", "diag"),
    "armadillo": ("full", "diag"),
    "pomegranate": ("full", "diag", "spherical"),
}
PACKAGES = {
    "sklearn": ("sklearn", "pip install '.[bench]'"),
    "onedal": ("daal4py", "pip install '.[bench]'"),
    "pomegranate": ("pomegranate", "pip install pomegranate"),
}
"""What a peer that is a Python package is imported as, and what installs it."""
ARMADILLO_SOURCE = Path(__file__).parents[1] / "cpp" / "bench_armadillo.cpp"


class PeerMissingError(Exception):
    """A peer is not installed; says what to install."""


# ---- in the measuring process ----


def fit_gaussmix(p: Problem, n_iter: int, num_threads: int) -> float:
    import gaussmix

    result = gaussmix.fit(
        p.x,
        len(p.weights),
        p.covariance_type,
        weights_init=p.weights,
        means_init=p.means,
        precisions_init=p.precisions,
        tol=0.0,
        max_iter=n_iter,
        reg_covar=REG_COVAR,
        on_degenerate="raise",
        num_threads=num_threads,
    )
    assert result.n_iter == n_iter
    return float(result.trace[-1])


def fitted_sklearn(p: Problem, n_iter: int) -> Any:
    """scikit-learn's estimator after so many iterations from the start."""
    from sklearn.mixture import GaussianMixture

    model = GaussianMixture(
        len(p.weights),
        covariance_type=p.covariance_type,
        weights_init=p.weights,
        means_init=p.means,
        precisions_init=p.precisions,
        tol=0.0,
        max_iter=n_iter,
        reg_covar=REG_COVAR,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it has not converged, and was not to
        model.fit(p.x)
    assert model.n_iter_ == n_iter
    return model


def fit_sklearn(p: Problem, n_iter: int) -> float:
    return float(fitted_sklearn(p, n_iter).lower_bound_)


def fit_onedal(p: Problem, n_iter: int) -> float:
    """It adds nothing to variances unless a covariance is ill-conditioned."""
    import daal4py
    import numpy as np

    algorithm = daal4py.em_gmm(
        nComponents=len(p.weights),
        maxIterations=n_iter,
        accuracyThreshold=0.0,
        covarianceStorage={"full": "full", "diag": "diagonal"}[p.covariance_type],
    )
    covariances = [np.atleast_2d(covariance) for covariance in p.covariances]
    result = algorithm.compute(p.x, p.weights[np.newaxis], p.means, covariances)
    assert result.nIterations.item() == n_iter
    return float(result.goalFunction.item()) / len(p.x)


def fit_pomegranate(p: Problem, n_iter: int) -> float:
    """It adds nothing to variances. Each of its iterations is one E-step and one M-step."""
    import numpy as np

    torch = import_module("torch")  # by name: mypy knows neither package
    Normal = import_module("pomegranate.distributions").Normal
    GeneralMixtureModel = import_module("pomegranate.gmm").GeneralMixtureModel
    torch.set_default_dtype(torch.float64)  # that of its log-densities and statistics, whatever that of X is
    x = torch.from_numpy(p.x)
    covariances = p.covariances
    if p.covariance_type == "spherical":  # a variance for every feature, all alike
        covariances = np.tile(covariances[:, np.newaxis], p.x.shape[1])
    kind = {"full": "full", "diag": "diag", "spherical": "sphere"}[p.covariance_type]
    components = [Normal(*parameters, covariance_type=kind) for parameters in zip(p.means, covariances, strict=True)]
    model = GeneralMixtureModel(components, priors=p.weights, max_iter=n_iter - 1, tol=-np.inf)
    model.fit(x)
    # The last iteration, by the two calls that fit repeats: the first of them gives the log-likelihood.
    log_likelihood = model.summarize(x)
    model.from_summaries()
    return float(log_likelihood) / len(p.x)


@contextmanager
def armadillo(p: Problem, program: str, threads: int) -> Iterator[Fit]:
    """Fits by the program that `build_armadillo` made, which holds the problem and waits for numbers of iterations; for
    0 it takes the log-densities of all rows under the start, and gives their mean."""
    n, d = p.x.shape
    with tempfile.NamedTemporaryFile() as file:
        for values in (p.x, p.weights, p.means, p.covariances):
            values.tofile(file)
        file.flush()
        with subprocess.Popen(
            [program, p.covariance_type, file.name, str(n), str(d), str(len(p.weights))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "OMP_NUM_THREADS": str(threads)},
        ) as process:
            requests, answers = process.stdin, process.stdout
            assert requests is not None
            assert answers is not None

            def fit(n_iter: int) -> float:
                requests.write(f"{n_iter}\n")
                requests.flush()
                answer = answers.readline()
                if not answer:
                    raise RuntimeError(f"{program} has ended")
                return float(answer)

            yield fit
            requests.close()


@contextmanager
def fits(problem: Problem, peers: dict[str, str], threads: int) -> Iterator[dict[str, Fit]]:
    """gaussmix and those of the peers (as `installed` gives them) that offer the problem's covariance type."""
    offered = {name: program for name, program in peers.items() if problem.covariance_type in OFFERED[name]}
    found: dict[str, Fit] = {"gaussmix": lambda n_iter: fit_gaussmix(problem, n_iter, threads)}
    if "sklearn" in offered:
        found["sklearn"] = lambda n_iter: fit_sklearn(problem, n_iter)
    if "onedal" in offered:
        import daal4py

        daal4py.daalinit(threads)  # it does not read OMP_NUM_THREADS
        found["onedal"] = lambda n_iter: fit_onedal(problem, n_iter)
    if "pomegranate" in offered:
        import_module("torch").set_num_threads(threads)  # threadpoolctl reaches only what was loaded before
        found["pomegranate"] = lambda n_iter: fit_pomegranate(problem, n_iter)
    if "armadillo" in offered:
        with armadillo(problem, offered["armadillo"], threads) as fit:
            yield {**found, "armadillo": fit}
    else:
        yield found


# ---- in the process that the user started ----


def build_armadillo(folder: Path) -> str:
    """The path of the program, compiled into the folder for this machine."""
    program = folder / "bench_armadillo"
    compiler = os.environ.get("CXX", "g++")
    command = [compiler, "-std=c++17", "-O3", "-march=native", "-fopenmp", "-DARMA_NO_DEBUG"]
    try:
        done = subprocess.run(
            [*command, str(ARMADILLO_SOURCE), "-o", str(program), "-larmadillo"],
            check=False,
            stderr=subprocess.PIPE,
            text=True,
        )
    except FileNotFoundError:
        raise PeerMissingError(f"no compiler {compiler}") from None
    if done.returncode != 0:
        reason = next((line for line in done.stderr.splitlines() if "error" in line), done.stderr)
        raise PeerMissingError(f"install Debian's libarmadillo-dev and libopenblas-dev; the compiler says: {reason}")
    return str(program)


def installed(peer: str, folder: Path) -> str:
    """Where the peer's program lies that was made in the folder; empty for one that is a Python package."""
    if peer not in PACKAGES:
        return build_armadillo(folder)
    package, remedy = PACKAGES[peer]
    if find_spec(package) is None:
        raise PeerMissingError(remedy)
    return ""


def installed_peers(names: list[str], folder: Path) -> dict[str, str]:
    """Those that can run, as `fits` takes them; a line for each that cannot."""
    found = {}
    for name in names:
        try:
            found[name] = installed(name, folder)
        except PeerMissingError as missing:
            print(f"{TITLES[name]} is left out: {missing}", file=sys.stderr)
    return found


def program_version(program: str) -> str:
    return subprocess.run([program, "--version"], check=True, stdout=subprocess.PIPE, text=True).stdout.strip()
