"""The surface of Statistics: sums, merging, scaling, bytes, the M-step, threads that share one."""

from __future__ import annotations

import copy
import inspect
import os
import pickle
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import gaussmix
import numpy as np
import pytest
from conftest import MakeMixture
from gaussmix import FormatError, InvalidArgumentError, NumericalError

TYPES = ("full", "tied", "diag", "spherical", "tied_diag", "tied_spherical")
RNG = np.random.default_rng(17)
X = RNG.normal(scale=3, size=(900, 4))
WEIGHT = RNG.uniform(0.5, 2, size=900)


def sums_of(mixture: gaussmix.Mixture, x: Any = X, sample_weight: Any = None) -> gaussmix.Statistics:
    statistics = gaussmix.Statistics(mixture)
    statistics.accumulate(x, sample_weight)
    return statistics


@pytest.fixture
def statistics(make_mixture: MakeMixture) -> gaussmix.Statistics:
    return sums_of(make_mixture())


@pytest.mark.parametrize(
    ("function", "signature"),
    [
        (gaussmix.Statistics, "(mixture)"),
        (gaussmix.Statistics.accumulate, "(self, X, sample_weight=None, *, num_threads=None)"),
        (
            gaussmix.Statistics.maximize,
            "(self, *, reg_covar=0.0, on_degenerate='raise', allow_singular=False, prior=None, num_threads=None)",
        ),
        (gaussmix.Statistics.from_bytes, "(data, *, mixture=None)"),
    ],
)
def test_signatures_can_be_inspected(function: Any, signature: str) -> None:
    assert str(inspect.signature(function)) == signature


@pytest.mark.parametrize("covariance_type", TYPES)
def test_sums(make_mixture: MakeMixture, covariance_type: str) -> None:
    # Sums of 900 terms, in blocks: some 30 roundings of 2⁻⁵³ each, relative; 1e-13 is 900 of them.
    mixture = make_mixture(covariance_type)
    statistics = sums_of(mixture, X, WEIGHT)
    assert statistics.mixture == mixture
    assert statistics.log_likelihood == pytest.approx(WEIGHT @ mixture.log_prob(X), rel=1e-13)
    assert statistics.total_weight == pytest.approx(WEIGHT.sum(), rel=1e-13)
    n = statistics.component_weights
    assert (n.shape, n.dtype) == ((3,), np.dtype("f8"))
    np.testing.assert_allclose(n, WEIGHT @ mixture.responsibilities(X), rtol=1e-13)


def test_empty_sums(make_mixture: MakeMixture) -> None:
    statistics = gaussmix.Statistics(make_mixture())
    assert (statistics.total_weight, statistics.log_likelihood) == (0, 0)
    assert statistics.component_weights.tolist() == [0, 0, 0]
    with pytest.raises(NumericalError):
        statistics.maximize()


def test_component_weights_are_a_copy(statistics: gaussmix.Statistics) -> None:
    before = statistics.component_weights
    kept = before.copy()
    before[:] = -1
    statistics.scale(2)
    assert np.array_equal(statistics.component_weights, 2 * kept)


@pytest.mark.parametrize("covariance_type", TYPES)
def test_maximize_is_the_m_step(make_mixture: MakeMixture, covariance_type: str) -> None:
    mixture = make_mixture(covariance_type)
    shares = WEIGHT[:, None] * mixture.responsibilities(X)
    n = shares.sum(axis=0)
    means = shares.T @ X / n[:, None]
    difference = X[:, None] - means
    scatter = np.einsum("nk,nki,nkj->kij", shares, difference, difference)
    full = scatter / n[:, None, None]
    expected = {
        "full": full,
        "tied": scatter.sum(axis=0) / n.sum(),
        "diag": full.diagonal(axis1=1, axis2=2),
        "spherical": full.diagonal(axis1=1, axis2=2).mean(axis=1),
        "tied_diag": scatter.sum(axis=0).diagonal() / n.sum(),
        "tied_spherical": scatter.sum(axis=0).diagonal().mean(keepdims=True) / n.sum(),
    }[covariance_type]
    found = sums_of(mixture, X, WEIGHT).maximize()
    assert found.covariance_type == covariance_type
    # Sums of 900 products of order 10: 900 · 2⁻⁵³ · 10 = 1e-12 at the worst for the plain sums on this side.
    np.testing.assert_allclose(found.weights, n / n.sum(), rtol=1e-12)
    np.testing.assert_allclose(found.means, means, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(found.covariances, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.filterwarnings("ignore::gaussmix.ScaleWarning")
def test_maximize_adds_reg_covar(statistics: gaussmix.Statistics) -> None:
    plain, raised = statistics.maximize().covariances, statistics.maximize(reg_covar=0.5).covariances
    np.testing.assert_allclose(raised, plain + 0.5 * np.eye(4), rtol=1e-15, atol=1e-15)


def test_maximize_treats_a_collapsed_component(make_mixture: MakeMixture) -> None:
    statistics = sums_of(make_mixture("full", 1), X * [1, 1, 1, 0])
    with pytest.raises(NumericalError, match="component 0"):
        statistics.maximize()
    assert statistics.maximize(allow_singular=True).rank.tolist() == [3]
    assert statistics.maximize(reg_covar=1e-3).covariances[0, 3, 3] == 1e-3


# ---- merging ----


def test_merging_equals_accumulating(make_mixture: MakeMixture) -> None:
    mixture = make_mixture()
    left, right = sums_of(mixture, X[:300]), sums_of(mixture, X[300:])
    both = left + right
    assert left == sums_of(mixture, X[:300])  # a sum leaves its terms alone
    left.merge(right)
    assert left == both
    whole = sums_of(mixture)
    assert both.total_weight == whole.total_weight == 900
    np.testing.assert_allclose(both.component_weights, whole.component_weights, rtol=1e-13)
    np.testing.assert_allclose(both.maximize().covariances, whole.maximize().covariances, rtol=1e-12, atol=1e-13)


def test_statistics_merge_with_themselves(statistics: gaussmix.Statistics) -> None:
    twice = statistics + statistics
    assert twice.component_weights.tolist() == (2 * statistics.component_weights).tolist()
    statistics.merge(statistics)
    assert statistics == twice


def test_scaling_is_a_common_weight(statistics: gaussmix.Statistics) -> None:
    before = statistics.maximize()
    statistics.scale(0.25)  # a power of two: exact
    assert statistics.total_weight == 225
    assert statistics.maximize() == before


def test_errors_leave_the_sums_as_they_were(statistics: gaussmix.Statistics) -> None:
    before, bad = statistics.to_bytes(), X.copy()
    bad[-1, 2] = np.nan
    with pytest.raises(InvalidArgumentError, match=r"X\[899, 2\] must be finite, but is nan"):
        statistics.accumulate(bad)
    with pytest.raises(InvalidArgumentError, match="sample_weight must have shape"):
        statistics.accumulate(X, [])
    with pytest.raises(InvalidArgumentError, match=r"sample_weight\[5\]"):
        statistics.accumulate(X, np.where(np.arange(900) == 5, -1.0, 1.0))
    with pytest.raises(InvalidArgumentError, match="factor"):
        statistics.scale(-1)
    assert statistics.to_bytes() == before


# ---- copies and bytes ----


def test_copies_are_independent(statistics: gaussmix.Statistics) -> None:
    before = statistics.to_bytes()
    copies = [
        copy.copy(statistics),
        copy.deepcopy(statistics),
        *(pickle.loads(pickle.dumps(statistics, p)) for p in range(6)),
    ]
    for again in copies:
        assert again == statistics
        again.accumulate(X)
        assert again != statistics
    assert statistics.to_bytes() == before
    assert copies[0] == copies[1] == copies[2]  # what was restored goes on like the original


def test_equality(statistics: gaussmix.Statistics, make_mixture: MakeMixture) -> None:
    assert statistics == sums_of(make_mixture())
    assert statistics != sums_of(make_mixture(), X[1:])
    assert statistics != 3


@pytest.mark.parametrize("container", [bytes, bytearray, memoryview, lambda data: np.frombuffer(data, "u1")])
def test_bytes_go_both_ways(statistics: gaussmix.Statistics, container: Any) -> None:
    data = statistics.to_bytes()
    assert type(data) is bytes
    again = gaussmix.Statistics.from_bytes(container(data))
    assert again == statistics
    assert again.to_bytes() == data


def test_a_file_holds_the_bytes(statistics: gaussmix.Statistics, tmp_path: Path) -> None:
    path = tmp_path / "sums"
    statistics.save(path)
    assert path.read_bytes() == statistics.to_bytes()
    assert gaussmix.Statistics.load(os.fsencode(path)) == statistics
    path.write_bytes(path.read_bytes()[:-8])
    with pytest.raises(FormatError, match=f"^'{path}': "):
        gaussmix.Statistics.load(path)
    with pytest.raises(FileNotFoundError) as caught:
        gaussmix.Statistics.load(tmp_path / "absent")
    assert caught.value.filename == tmp_path / "absent"
    with pytest.raises(TypeError, match=r"path must be a str, bytes or os.PathLike, but is 3"):
        statistics.save(3)  # type: ignore[arg-type]


def test_any_part_of_the_bytes_is_refused(statistics: gaussmix.Statistics) -> None:
    data = statistics.to_bytes()
    for end in range(len(data)):
        with pytest.raises(FormatError):
            gaussmix.Statistics.from_bytes(data[:end])
    with pytest.raises(FormatError):
        gaussmix.Statistics.from_bytes(data + b"\0")


# ---- threads ----


def test_threads_may_share_statistics(make_mixture: MakeMixture) -> None:
    statistics = gaussmix.Statistics(make_mixture())
    with ThreadPoolExecutor(4) as pool:
        tasks = [pool.submit(statistics.accumulate, X, num_threads=1 + i % 2) for i in range(60)]
        tasks += [pool.submit(statistics.merge, sums_of(statistics.mixture)) for _ in range(20)]
        while not all(task.done() for task in tasks):
            assert statistics.total_weight % 900 == 0  # never a half-finished sum
        for task in tasks:
            task.result()
    assert statistics.total_weight == 80 * 900
