"""gaussmix.h in ctypes: the structs and calls that the tests of the C ABI share."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager
from ctypes import Structure, byref, c_int32, c_int64, c_size_t, c_void_p, sizeof

import gaussmix
import numpy as np

COVARIANCE_TYPES = ("full", "tied", "diag", "spherical", "tied_diag", "tied_spherical")  # by their numbers
FLOAT32, FLOAT64 = 1, 2


class Parameters(Structure):
    _fields_ = (
        ("struct_size", c_size_t),
        ("covariance_type", c_int32),
        ("allow_singular", c_int32),
        ("n_components", c_int64),
        ("n_features", c_int64),
        ("n_covariances", c_int64),
        ("weights", c_void_p),
        ("means", c_void_p),
        ("covariances", c_void_p),
    )


class Samples(Structure):
    _fields_ = (
        ("struct_size", c_size_t),
        ("data", c_void_p),
        ("n_samples", c_int64),
        ("n_features", c_int64),
        ("row_stride", c_int64),
        ("col_stride", c_int64),
        ("dtype", c_int32),
        ("read", c_void_p),
        ("context", c_void_p),
    )


def check(library: ctypes.CDLL, status: int) -> None:
    assert status == 0, library.gaussmix_last_error().decode()


def samples(X: np.ndarray) -> Samples:
    dtype = {"float32": FLOAT32, "float64": FLOAT64}[X.dtype.name]
    strides = [stride // X.itemsize for stride in X.strides]
    return Samples(sizeof(Samples), X.ctypes.data, *X.shape, *strides, dtype)


@contextmanager
def freed(library: ctypes.CDLL, mixture: c_void_p) -> Iterator[c_void_p]:
    yield mixture
    check(library, library.gaussmix_mixture_free(mixture))


@contextmanager
def created(library: ctypes.CDLL, mixture: gaussmix.Mixture) -> Iterator[c_void_p]:
    """The C mixture of the same parameters."""
    arrays = [np.ascontiguousarray(a) for a in (mixture.weights, mixture.means, mixture.covariances)]
    sizes = (mixture.n_components, mixture.n_features, arrays[2].size)
    kind = COVARIANCE_TYPES.index(mixture.covariance_type)
    parameters = Parameters(sizeof(Parameters), kind, 0, *sizes, *(a.ctypes.data for a in arrays))
    made = c_void_p()
    check(library, library.gaussmix_mixture_create(byref(parameters), None, byref(made)))
    with freed(library, made):
        yield made
