"""The C ABI as other languages meet it: by ctypes, in the shared object that carries it."""

from __future__ import annotations

import ctypes
import re
from collections.abc import Iterator
from ctypes import POINTER, Structure, byref, c_double, c_int32, c_int64, c_size_t, c_void_p, sizeof
from pathlib import Path

import gaussmix
import numpy as np
import pytest
from c_api import Parameters, check, created, samples

ROOT = Path(__file__).parents[2]
HEADER = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "cpp/include/gaussmix").glob("*.h"))
FUNCTIONS = set(re.findall(r"\b(gaussmix_\w+)\(", re.sub(r"///.*|static inline.*", "", HEADER)))
INVALID_ARGUMENT, NUMERICAL = 1, 2


class FitSummary(Structure):
    _fields_ = (
        ("struct_size", c_size_t),
        ("log_likelihood", c_double),
        ("converged", c_int32),
        ("n_iter", c_int32),
        ("n_floored", c_int64),
        ("n_dropped", c_int64),
        ("n_reseeded", c_int64),
        ("init_seconds", c_double),
        ("em_seconds", c_double),
        ("closing_seconds", c_double),
        ("n_failed_starts", c_int64),
        ("n_floored_components", c_int64),
        ("n_dropped_components", c_int64),
        ("n_reseeded_components", c_int64),
        ("floored", POINTER(c_int64)),
        ("dropped", POINTER(c_int64)),
        ("reseeded", POINTER(c_int64)),
        ("n_constant_features", c_int64),
        ("constant_features", POINTER(c_int64)),
        ("n_blurred_features", c_int64),
        ("blurred_features", POINTER(c_int64)),
        ("n_kept", c_int64),
        ("n_kept_components", c_int64),
        ("kept", POINTER(c_int64)),
        ("ended_by_deadline", c_int32),
        ("n_rejected", c_int64),
        ("n_moves", c_int64),
        ("n_moves_tried", c_int64),
    )


@pytest.fixture(scope="module")
def mix() -> gaussmix.Mixture:
    rng = np.random.default_rng(3)
    return gaussmix.Mixture([0.25, 0.35, 0.4], rng.normal(size=(3, 4)), np.tile(np.eye(4), (3, 1, 1)))


@pytest.fixture
def handle(library: ctypes.CDLL, mix: gaussmix.Mixture) -> Iterator[c_void_p]:
    with created(library, mix) as made:
        yield made


def test_every_function_of_the_header_is_exported(library: ctypes.CDLL) -> None:
    assert len(FUNCTIONS) > 60
    assert [name for name in sorted(FUNCTIONS) if not hasattr(library, name)] == []


def test_an_enumerator_carries_the_name_of_its_enum() -> None:
    enums = dict(re.findall(r"typedef enum (\w+) \{(.*?)\}", re.sub(r"///.*", "", HEADER), flags=re.DOTALL))
    assert len(enums) > 4
    for name, body in enums.items():
        members = "(OK|ERROR_[A-Z_]+)" if name == "gaussmix_status" else "[A-Z0-9_]+"
        noun = f"{name.removesuffix('_type').removesuffix('_status').upper()}_{members}"
        assert all(re.fullmatch(noun, member) for member in re.findall(r"(\w+) = \d", body)), name


def test_the_versions_are_those_of_the_header_and_the_package(library: ctypes.CDLL) -> None:
    stated = re.search(r"#define GAUSSMIX_ABI_VERSION (\d+)", HEADER)
    assert stated
    assert library.gaussmix_abi_version() == int(stated[1])
    assert library.gaussmix_version().decode() == gaussmix.__version__


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_scores_have_the_bits_of_python(
    library: ctypes.CDLL, handle: c_void_p, mix: gaussmix.Mixture, dtype: str, order: str
) -> None:
    rows = mix.sample(100, random_state=1)[0].astype(dtype)
    X = (np.asfortranarray(rows) if order == "F" else rows)[::-2]
    suffix = {"float32": "f32", "float64": "f64"}[dtype]
    x = samples(X)
    log_p = np.empty(50, dtype)
    log_prob = getattr(library, f"gaussmix_log_prob_{suffix}")
    check(library, log_prob(handle, byref(x), log_p.ctypes.data_as(c_void_p), c_int64(50), c_int64(1), None))
    assert np.array_equal(log_p, mix.log_prob(X))
    for verb in ("component_log_prob", "log_joint", "responsibilities", "log_responsibilities"):
        out = np.empty((50, 3), dtype, order="F")
        sizes = (c_int64(n) for n in (50, 3, 1, 50))
        function = getattr(library, f"gaussmix_{verb}_{suffix}")
        check(library, function(handle, byref(x), out.ctypes.data_as(c_void_p), *sizes, None))
        assert np.array_equal(out, getattr(mix, verb)(X)), verb
    labels = np.empty(50, np.int64)
    check(
        library,
        library.gaussmix_predict(handle, byref(x), labels.ctypes.data_as(c_void_p), c_int64(50), c_int64(1), None),
    )
    assert np.array_equal(labels, mix.predict(X))


def test_a_row_has_the_bits_of_python(library: ctypes.CDLL, handle: c_void_p, mix: gaussmix.Mixture) -> None:
    row = mix.sample(1, random_state=2)[0][0]
    scorer, log_p, gamma = c_void_p(), c_double(), np.empty(3)
    data = row.ctypes.data_as(c_void_p)
    check(library, library.gaussmix_row_scorer_create(handle, byref(scorer)))
    check(library, library.gaussmix_row_scorer_log_prob(scorer, data, c_int64(4), byref(log_p)))
    check(
        library,
        library.gaussmix_row_scorer_responsibilities(
            scorer, data, c_int64(4), gamma.ctypes.data_as(c_void_p), c_int64(3)
        ),
    )
    check(library, library.gaussmix_row_scorer_free(scorer))
    expected = mix.row_scorer()
    assert log_p.value == expected.log_prob(row)
    assert np.array_equal(gamma, expected.responsibilities(row))


def test_a_fit_has_the_bits_of_python(library: ctypes.CDLL, mix: gaussmix.Mixture) -> None:
    X = mix.sample(300, random_state=4)[0]
    x, result, fitted = samples(X), c_void_p(), c_void_p()
    summary, parameters = FitSummary(sizeof(FitSummary)), Parameters(sizeof(Parameters))
    check(library, library.gaussmix_fit(byref(x), c_int64(3), None, None, c_int64(0), None, byref(result)))
    check(library, library.gaussmix_fit_result_summary(result, byref(summary)))
    check(library, library.gaussmix_fit_result_mixture(result, byref(fitted)))
    check(library, library.gaussmix_fit_result_free(result))
    check(library, library.gaussmix_mixture_parameters(fitted, byref(parameters)))
    expected = gaussmix.fit(X, 3, random_state=0)
    means = np.ctypeslib.as_array(ctypes.cast(parameters.means, POINTER(c_double)), (3, 4))
    assert np.array_equal(means, expected.mixture.means)
    assert (summary.log_likelihood, summary.n_iter) == (expected.log_likelihood, expected.n_iter)
    check(library, library.gaussmix_mixture_free(fitted))


def test_a_summary_lists_components(library: ctypes.CDLL) -> None:
    X = np.vstack([np.random.default_rng(5).normal(size=(60, 2)), np.full((6, 2), 500.0)])
    X = np.column_stack([X, np.ones(66)])
    x, result, summary = samples(X), c_void_p(), FitSummary(sizeof(FitSummary))
    check(library, library.gaussmix_fit(byref(x), c_int64(2), None, None, c_int64(0), None, byref(result)))
    check(library, library.gaussmix_fit_result_summary(result, byref(summary)))
    floored = tuple(summary.floored[: summary.n_floored_components])
    with pytest.warns(gaussmix.DegenerateWarning):
        assert floored == gaussmix.fit(X, 2, random_state=0).report.floored
    assert len(floored) == 1
    assert summary.constant_features[: summary.n_constant_features] == [2]
    assert (summary.n_dropped_components, summary.n_reseeded_components) == (0, 0)
    check(library, library.gaussmix_fit_result_free(result))


@pytest.mark.parametrize("covariance_type", ["full", "tied", "diag", "spherical"])
def test_a_golden_file_has_the_bits_of_python(library: ctypes.CDLL, covariance_type: str) -> None:
    path = ROOT / f"tests/data/model_{covariance_type}.safetensors"
    loaded, parameters, out = c_void_p(), Parameters(sizeof(Parameters)), np.empty(2)
    check(library, library.gaussmix_mixture_load(bytes(path), None, byref(loaded)))
    check(library, library.gaussmix_mixture_parameters(loaded, byref(parameters)))
    shape = {"full": (2, 2, 2), "tied": (2, 2), "diag": (2, 2), "spherical": (2,)}[covariance_type]
    arrays = zip(("weights", "means", "covariances"), ((2,), (2, 2), shape), strict=True)
    values = {
        name: np.ctypeslib.as_array(ctypes.cast(getattr(parameters, name), POINTER(c_double)), of).copy()
        for name, of in arrays
    }
    expected = gaussmix.Mixture(
        **values, covariance_type=covariance_type, allow_singular=bool(parameters.allow_singular)
    )
    X = np.array([[-1.5, 2.0], [0.25, -0.5]])
    x = samples(X)
    status = library.gaussmix_log_prob_f64(loaded, byref(x), out.ctypes.data_as(c_void_p), c_int64(2), c_int64(1), None)
    check(library, library.gaussmix_mixture_free(loaded))
    if len(set(expected.rank)) == 1:
        check(library, status)
        assert np.array_equal(out, expected.log_prob(X))
    else:
        assert status == NUMERICAL


def test_an_error_is_a_status_and_a_message(library: ctypes.CDLL, handle: c_void_p) -> None:
    X = np.array([[0.0, 1.0, np.nan, 3.0]])
    x, out = samples(X), c_double()
    status = library.gaussmix_log_prob_f64(handle, byref(x), byref(out), c_int64(1), c_int64(1), None)
    assert status == INVALID_ARGUMENT
    assert library.gaussmix_last_error().decode() == "X[0, 2] must be finite, but is nan"
