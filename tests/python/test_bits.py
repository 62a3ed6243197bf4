"""What must give the same bits: any number of threads, any strides, batch and row by row, copies and pickles."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Iterator
from typing import Any

import gaussmix
import numpy as np
from conftest import stopped_fit
from exact_problems import INITS, Array, Problem, bits, few, make_problem, many, problems, seeds, types
from hypothesis import given
from hypothesis import strategies as st

VERBS = ("component_log_prob", "log_joint", "log_prob", "log_responsibilities", "responsibilities", "predict")

dtypes = st.sampled_from(["float64", "float32"])
sizes = st.sampled_from([1, 2, 49, 700])


def evaluate(mixture: gaussmix.Mixture, verb: str, x: Array, **kwargs: Any) -> Array:
    result: Array = getattr(mixture, verb)(x, **kwargs)
    return result


def layouts(x: Array) -> Iterator[tuple[str, Array]]:
    """Equal values in other places: the dtype stays, so that the arithmetic must."""
    n, d = x.shape
    read_only = x.copy()
    read_only.flags.writeable = False
    steps = np.full((3 * n, 2 * d + 1), np.nan, x.dtype)
    steps[::3, 1::2] = x
    packed = np.zeros(n, [("tag", "u1"), ("x", x.dtype, (d,))])  # rows at odd addresses
    packed["x"] = x
    yield "Fortran", np.asfortranarray(x)
    yield "reversed rows", x[::-1].copy()[::-1]
    yield "reversed columns", x[:, ::-1].copy()[:, ::-1]
    yield "steps", steps[::3, 1::2]
    yield "read-only", read_only
    yield "field of a packed record", packed["x"]
    yield "other byte order", x.astype(x.dtype.newbyteorder("S"))


@few
@given(seeds, types, dtypes)
def test_any_number_of_threads_scores_the_same_bits(seed: int, covariance_type: str, dtype: str) -> None:
    problem = make_problem(seed, covariance_type, 20_011, 4, 5)
    mixture, x = problem.mixture, problem.x.astype(dtype)
    for verb in VERBS:
        expected = bits(evaluate(mixture, verb, x, num_threads=1))
        for threads in range(2, 6):
            assert bits(evaluate(mixture, verb, x, num_threads=threads)) == expected, (verb, threads)
    for sum_verb in ("log_likelihood", "aic", "bic"):
        values = {getattr(mixture, sum_verb)(x, num_threads=threads) for threads in range(1, 6)}
        assert len(values) == 1, sum_verb


@few
@given(seeds, types, dtypes)
def test_any_number_of_threads_accumulates_the_same_bits(seed: int, covariance_type: str, dtype: str) -> None:
    problem = make_problem(seed, covariance_type, 20_011, 4, 5)
    weights = np.random.default_rng(seed).integers(0, 3, len(problem.x)).astype(float)
    states = []
    for threads in range(1, 6):
        stats = gaussmix.Statistics(problem.mixture)
        stats.accumulate(problem.x.astype(dtype), weights, num_threads=threads)
        states.append(stats.to_bytes())
    assert len(set(states)) == 1


@many
@given(seeds, types, dtypes, sizes, st.integers(1, 6), st.integers(1, 5))
def test_any_strides_score_the_same_bits(seed: int, kind: str, dtype: str, n: int, d: int, k: int) -> None:
    problem = make_problem(seed, kind, n, d, k)
    mixture, x = problem.mixture, problem.x.astype(dtype)
    for verb in VERBS:
        expected = bits(evaluate(mixture, verb, x))
        for name, same in layouts(x):
            assert bits(evaluate(mixture, verb, same)) == expected, (verb, name)


@many
@given(seeds, types, dtypes, sizes)
def test_broadcast_arrays_score_the_same_bits(seed: int, kind: str, dtype: str, n: int) -> None:
    problem = make_problem(seed, kind, n, 3, 3)
    mixture, x = problem.mixture, problem.x.astype(dtype)
    for same in (np.broadcast_to(x[:, :1], x.shape), np.broadcast_to(x[:1], x.shape)):
        for verb in VERBS:
            assert bits(evaluate(mixture, verb, same)) == bits(evaluate(mixture, verb, same.copy())), verb


@few
@given(seeds, types)
def test_other_real_dtypes_score_the_bits_of_float64(seed: int, kind: str) -> None:
    problem = make_problem(seed, kind, 100, 3, 3)
    x = np.round(np.abs(problem.x))  # exact in all of these
    for dtype in ("int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64", "float16", "longdouble"):
        for verb in VERBS:
            assert bits(evaluate(problem.mixture, verb, x.astype(dtype))) == bits(evaluate(problem.mixture, verb, x))


@many
@given(seeds, types, dtypes, st.sampled_from([1, 48, 700]), st.integers(1, 6), st.integers(1, 9))
def test_batch_and_row_by_row_give_the_same_bits(seed: int, kind: str, dtype: str, n: int, d: int, k: int) -> None:
    problem = make_problem(seed, kind, n, d, k)
    mixture, x = problem.mixture, problem.x.astype(dtype)
    order = np.random.default_rng(seed).permutation(n)
    cut = n // 3
    for verb in VERBS:
        whole = evaluate(mixture, verb, x)
        rows = [evaluate(mixture, verb, x[i : i + 1]) for i in range(min(n, 60))]
        parts = [evaluate(mixture, verb, part) for part in (x[:cut], x[cut:]) if len(part)]
        assert bits(np.concatenate(rows)) == bits(whole[:60]), verb
        assert bits(np.concatenate(parts)) == bits(whole), verb
        assert bits(evaluate(mixture, verb, x[order])) == bits(whole[order]), verb


@many
@given(problems(max_features=9))
def test_a_row_scorer_gives_the_bits_of_the_batch(problem: Problem) -> None:
    mixture, x = problem.mixture, problem.x
    scorer = mixture.row_scorer()
    assert bits([scorer.log_prob(row) for row in x]) == bits(mixture.log_prob(x))
    assert bits(np.stack([scorer.responsibilities(row) for row in x])) == bits(mixture.responsibilities(x))
    assert [scorer.predict(row) for row in x] == list(mixture.predict(x))
    assert bits([scorer.log_prob(row) for row in np.asfortranarray(x)]) == bits(mixture.log_prob(x))


@many
@given(problems())
def test_copies_score_the_same_bits(problem: Problem) -> None:
    mixture, x = problem.mixture, problem.x
    rebuilt = gaussmix.Mixture(mixture.weights, mixture.means, mixture.covariances, mixture.covariance_type)
    restored = [pickle.loads(pickle.dumps(mixture, protocol)) for protocol in range(pickle.HIGHEST_PROTOCOL + 1)]
    for other in (copy.copy(mixture), copy.deepcopy(mixture), rebuilt, *restored):
        assert other == mixture
        for verb in VERBS:
            assert bits(evaluate(other, verb, x)) == bits(evaluate(mixture, verb, x)), verb


@many
@given(problems())
def test_copies_of_statistics_go_on_with_the_same_bits(problem: Problem) -> None:
    cut = len(problem.x) // 2
    stats = gaussmix.Statistics(problem.mixture)
    if cut:
        stats.accumulate(problem.x[:cut])
    copies = [
        gaussmix.Statistics.from_bytes(stats.to_bytes()),
        pickle.loads(pickle.dumps(stats)),
        copy.copy(stats),
        copy.deepcopy(stats),
    ]
    stats.accumulate(problem.x[cut:])
    for other in copies:
        assert other != stats
        other.accumulate(problem.x[cut:])
        assert other == stats
        assert other.to_bytes() == stats.to_bytes()


@many
@given(seeds, types, dtypes, sizes)
def test_out_receives_the_same_bits(seed: int, kind: str, dtype: str, n: int) -> None:
    problem = make_problem(seed, kind, n, 3, 4)
    mixture, x = problem.mixture, problem.x.astype(dtype)
    for verb in VERBS:
        expected = evaluate(mixture, verb, x)
        wide = np.zeros((2 * n, *(2 * size for size in expected.shape[1:])), expected.dtype)
        outs = [
            np.empty_like(expected),
            np.empty(expected.shape, expected.dtype, order="F"),
            np.empty_like(expected)[::-1],
            wide[(slice(None, None, 2),) * expected.ndim],
        ]
        for out in outs:
            assert evaluate(mixture, verb, x, out=out) is out
            assert bits(out) == bits(expected), verb
        assert np.count_nonzero(wide[1::2]) == 0, "what lies between the elements of out is not written"


def fit_bits(result: gaussmix.FitResult) -> tuple[Any, ...]:
    mixture = result.mixture
    arrays = (mixture.weights, mixture.means, mixture.covariances, result.trace)
    return (result.log_likelihood, result.n_iter, result.converged, *map(bits, arrays))


@few
@given(seeds, types, st.sampled_from(INITS), dtypes)
def test_any_number_of_threads_fits_the_same_bits(seed: int, kind: str, init: str, dtype: str) -> None:
    x = make_problem(seed, kind, 12_007, 3, 4).x.astype(dtype)
    results = {
        fit_bits(stopped_fit(x, 4, kind, init=init, max_iter=5, tol=0.0, random_state=seed, num_threads=threads))
        for threads in range(1, 6)
    }
    assert len(results) == 1


@few
@given(seeds, types, st.sampled_from(INITS), dtypes)
def test_any_strides_fit_the_same_bits(seed: int, kind: str, init: str, dtype: str) -> None:
    problem = make_problem(seed, kind, 600, 3, 3)
    weights = np.random.default_rng(seed).integers(0, 3, 600).astype(float)
    x = problem.x.astype(dtype)

    def fit(same: Array, w: Array) -> tuple[Any, ...]:
        return fit_bits(stopped_fit(same, 3, kind, init=init, max_iter=5, tol=0.0, random_state=seed, sample_weight=w))

    expected = fit(x, weights)
    for name, same in layouts(x):
        assert fit(same, np.repeat(weights, 2)[::2]) == expected, name
