"""A model saved in one language scores in another with the same bits: Python beside the C ABI, by ctypes."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager
from ctypes import POINTER, Structure, byref, c_char_p, c_double, c_int64, c_size_t, c_void_p, sizeof
from pathlib import Path

import gaussmix
import numpy as np
import pytest
from c_api import COVARIANCE_TYPES, check, created, freed, samples
from conftest import MakeMixture
from numpy.typing import NDArray

X = np.random.default_rng(11).normal(scale=3, size=(70, 4))
NAMES = ("length µm", 'a "b" \\', "", "d")
METADATA = {"author": "K. F. Gauß", "note": "two\nlines", "😀": ""}
FORMAT = 3

Bits = dict[str, bytes]
Texts = tuple[tuple[str, ...], dict[str, str]]


class Info(Structure):
    _fields_ = (
        ("struct_size", c_size_t),
        ("n_feature_names", c_int64),
        ("n_metadata", c_int64),
        ("feature_names", POINTER(c_char_p)),
        ("metadata_names", POINTER(c_char_p)),
        ("metadata_values", POINTER(c_char_p)),
    )


def pointer(values: NDArray[np.generic]) -> c_void_p:
    return c_void_p(values.ctypes.data)


def info(names: tuple[str, ...], metadata: dict[str, str]) -> Info:
    texts = ((c_char_p * len(part))(*(text.encode() for text in part)) for part in (names, metadata, metadata.values()))
    return Info(sizeof(Info), len(names), len(metadata), *texts)


def texts_of(library: ctypes.CDLL, mixture: c_void_p) -> Texts:
    found = Info(sizeof(Info))
    check(library, library.gaussmix_mixture_info(mixture, byref(found)))
    names = tuple(found.feature_names[j].decode() for j in range(found.n_feature_names))
    entries = range(found.n_metadata)
    return names, {found.metadata_names[i].decode(): found.metadata_values[i].decode() for i in entries}


@contextmanager
def loaded(library: ctypes.CDLL, path: Path) -> Iterator[c_void_p]:
    made = c_void_p()
    check(library, library.gaussmix_mixture_load(bytes(path), None, byref(made)))
    with freed(library, made):
        yield made


def scores_of_c(library: ctypes.CDLL, mixture: c_void_p) -> Bits:
    found: Bits = {}
    for suffix, dtype in (("f32", np.float32), ("f64", np.float64)):
        rows = X.astype(dtype)
        x, n = samples(rows), len(X)
        log_p, gamma = np.empty(n, dtype), np.empty((n, 3), dtype)
        vector, matrix = (c_int64(n), c_int64(1)), tuple(map(c_int64, (n, 3, 3, 1)))
        log_prob = getattr(library, f"gaussmix_log_prob_{suffix}")
        responsibilities = getattr(library, f"gaussmix_responsibilities_{suffix}")
        check(library, log_prob(mixture, byref(x), pointer(log_p), *vector, None))
        check(library, responsibilities(mixture, byref(x), pointer(gamma), *matrix, None))
        found |= {f"log_prob {suffix}": log_p.tobytes(), f"responsibilities {suffix}": gamma.tobytes()}
    scorer, one, shares, log_ps, gammas = c_void_p(), c_double(), np.empty(3), [], []
    check(library, library.gaussmix_row_scorer_create(mixture, byref(scorer)))
    for row in X:
        data = (scorer, pointer(row), c_int64(4))
        check(library, library.gaussmix_row_scorer_log_prob(*data, byref(one)))
        check(library, library.gaussmix_row_scorer_responsibilities(*data, pointer(shares), c_int64(3)))
        log_ps.append(one.value)
        gammas.append(shares.copy())
    check(library, library.gaussmix_row_scorer_free(scorer))
    return found | {
        "log_prob of rows": np.array(log_ps).tobytes(),
        "responsibilities of rows": np.array(gammas).tobytes(),
    }


def scores_of_python(mixture: gaussmix.Mixture) -> Bits:
    found: Bits = {}
    for suffix, dtype in (("f32", np.float32), ("f64", np.float64)):
        rows = X.astype(dtype)
        found[f"log_prob {suffix}"] = mixture.log_prob(rows).tobytes()
        found[f"responsibilities {suffix}"] = mixture.responsibilities(rows).tobytes()
    scorer = mixture.row_scorer()
    found["log_prob of rows"] = np.array([scorer.log_prob(row) for row in X]).tobytes()
    found["responsibilities of rows"] = np.array([scorer.responsibilities(row) for row in X]).tobytes()
    return found


@pytest.mark.parametrize("covariance_type", COVARIANCE_TYPES)
def test_what_c_saves_python_loads(
    library: ctypes.CDLL, make_mixture: MakeMixture, tmp_path: Path, covariance_type: str
) -> None:
    path, texts = tmp_path / "model.safetensors", info(NAMES, METADATA)
    with created(library, make_mixture(covariance_type)) as mixture:
        check(library, library.gaussmix_mixture_save(mixture, bytes(path), byref(texts)))
        expected = scores_of_c(library, mixture)
    found = gaussmix.load_model(path)
    assert found == gaussmix.Model(make_mixture(covariance_type), NAMES, METADATA)
    assert scores_of_python(found.mixture) == expected


@pytest.mark.parametrize("covariance_type", COVARIANCE_TYPES)
def test_what_python_saves_c_loads(
    library: ctypes.CDLL, make_mixture: MakeMixture, tmp_path: Path, covariance_type: str
) -> None:
    path, mixture = tmp_path / "model.safetensors", make_mixture(covariance_type)
    mixture.save(path, NAMES, METADATA)
    with loaded(library, path) as found:
        assert texts_of(library, found) == (NAMES, METADATA)
        assert scores_of_c(library, found) == scores_of_python(mixture)
    mixture.save(path)
    with loaded(library, path) as found:
        assert texts_of(library, found) == ((), {})


@pytest.mark.parametrize("covariance_type", COVARIANCE_TYPES)
def test_the_bytes_are_those_of_the_file(
    library: ctypes.CDLL, make_mixture: MakeMixture, tmp_path: Path, covariance_type: str
) -> None:
    path, mixture = tmp_path / "model.safetensors", make_mixture(covariance_type)
    mixture.save(path, NAMES, METADATA)
    size, texts, again = c_int64(), info(NAMES, METADATA), c_void_p()
    with created(library, mixture) as made:
        assert texts_of(library, made) == ((), {})
        to_bytes = library.gaussmix_mixture_to_bytes
        check(library, to_bytes(made, byref(texts), None, c_int64(0), byref(size)))
        text = np.empty(size.value, np.uint8)
        check(library, to_bytes(made, byref(texts), pointer(text), size, byref(size)))
    assert text.tobytes() == path.read_bytes()
    check(library, library.gaussmix_mixture_from_bytes(pointer(text), size, None, byref(again)))
    with freed(library, again):
        assert texts_of(library, again) == (NAMES, METADATA)
        assert scores_of_c(library, again) == scores_of_python(mixture)


def test_bytes_that_are_cut_are_no_model(library: ctypes.CDLL, make_mixture: MakeMixture, tmp_path: Path) -> None:
    path, made = tmp_path / "model.safetensors", c_void_p(1)
    make_mixture().save(path)
    text = np.frombuffer(path.read_bytes()[:-1], np.uint8)
    assert library.gaussmix_mixture_from_bytes(pointer(text), c_int64(text.size), None, byref(made)) == FORMAT
    assert made.value is None
    assert "bytes" in library.gaussmix_last_error().decode()
