"""What X may be: every layout is read where it lies, every real dtype by its values, anything else is refused."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import gaussmix
import numpy as np
import pytest
from conftest import MakeMixture
from gaussmix import InvalidArgumentError
from numpy.typing import NDArray
from scipy import sparse

N, D = 700, 4
X = np.random.default_rng(11).normal(scale=3, size=(N, D))
FLOATS = ("f4", "f8")


@pytest.fixture
def mixture(make_mixture: MakeMixture) -> gaussmix.Mixture:
    return make_mixture()


def read_only(x: NDArray[Any]) -> NDArray[Any]:
    x = x.copy()
    x.flags.writeable = False
    return x


def steps(x: NDArray[Any]) -> NDArray[Any]:
    wide = np.full((3 * N, 2 * D + 1), np.nan, x.dtype)
    wide[::3, 1::2] = x
    return wide[::3, 1::2]


def packed_field(x: NDArray[Any]) -> NDArray[Any]:
    """Rows that stand an odd number of bytes apart."""
    records = np.zeros(N, [("tag", "u1"), ("x", x.dtype, (D,))])
    records["x"] = x
    return records["x"]


def unaligned(x: NDArray[Any]) -> NDArray[Any]:
    """Contiguous, but one byte off."""
    raw = bytearray(x.nbytes + 1)
    array = np.frombuffer(raw, x.dtype, x.size, offset=1).reshape(x.shape)
    array[...] = x
    return array


LAYOUTS: dict[str, Callable[[NDArray[Any]], NDArray[Any]]] = {
    "C": lambda x: x.copy(),
    "Fortran": np.asfortranarray,
    "reversed rows": lambda x: x[::-1].copy()[::-1],
    "reversed columns": lambda x: x[:, ::-1].copy()[:, ::-1],
    "steps": steps,
    "read-only": read_only,
    "packed field": packed_field,
    "unaligned": unaligned,
    "big-endian": lambda x: x.astype(x.dtype.newbyteorder(">")),
    "big-endian and packed": lambda x: packed_field(x.astype(x.dtype.newbyteorder(">"))),
    "np.matrix": lambda x: x.view(np.matrix),
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", FLOATS)
def test_layouts_give_the_same_bits(mixture: gaussmix.Mixture, dtype: str, layout: str) -> None:
    expected = X.astype(dtype)
    x = LAYOUTS[layout](expected)
    assert np.array_equal(x, expected)
    result = mixture.log_prob(x)
    assert result.dtype == dtype
    assert result.tobytes() == mixture.log_prob(expected).tobytes()
    assert mixture.responsibilities(x, num_threads=2).tobytes() == mixture.responsibilities(expected).tobytes()
    assert mixture.log_likelihood(x) == mixture.log_likelihood(expected)
    assert np.array_equal(mixture.predict(x), mixture.predict(expected))


@pytest.mark.parametrize("dtype", FLOATS)
def test_broadcast_rows_and_columns(mixture: gaussmix.Mixture, dtype: str) -> None:
    for x in (np.broadcast_to(X[7].astype(dtype), (N, D)), np.broadcast_to(X[:, :1].astype(dtype), (N, D))):
        assert 0 in x.strides
        assert mixture.log_prob(x).tobytes() == mixture.log_prob(x.copy()).tobytes()


def test_one_row_and_one_column_of_odd_strides(make_mixture: MakeMixture, mixture: gaussmix.Mixture) -> None:
    row = packed_field(X)[3:4]
    assert mixture.log_prob(row) == mixture.log_prob(X[3:4])
    line = make_mixture(n_features=1)
    for column in (X[:, 2:3], packed_field(X)[:, 2:3], np.asfortranarray(X)[:, 2:3]):
        assert line.log_prob(column).tobytes() == line.log_prob(X[:, 2:3].copy()).tobytes()


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("mode", ["r", "r+", "c"])
def test_memory_maps(mixture: gaussmix.Mixture, tmp_path: Path, dtype: str, mode: Any) -> None:
    expected = X.astype(dtype)
    np.save(tmp_path / "x.npy", expected)
    x = np.load(tmp_path / "x.npy", mmap_mode=mode)
    assert isinstance(x, np.memmap)
    assert mixture.log_prob(x).tobytes() == mixture.log_prob(expected).tobytes()
    odd = np.memmap(tmp_path / "odd.bin", dtype, "w+", offset=3, shape=(N, D))  # no header, so not aligned
    odd[:] = expected
    assert mixture.log_prob(odd).tobytes() == mixture.log_prob(expected).tobytes()


INTEGERS = ("i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8")


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("dtype", [*INTEGERS, "?", "f2", "g"])
def test_other_dtypes_count_by_their_values(mixture: gaussmix.Mixture, dtype: str, order: Any) -> None:
    x = np.rint(10 * X).astype("i1").astype(np.dtype(dtype).newbyteorder(order))
    result = mixture.log_prob(x[:, ::-1])
    assert result.dtype == np.float64
    assert result.tobytes() == mixture.log_prob(x.astype("f8")[:, ::-1]).tobytes()
    assert mixture.log_prob(packed_field(x)).tobytes() == mixture.log_prob(x.astype("f8")).tobytes()


@pytest.mark.parametrize("dtype", INTEGERS)
def test_integers_at_the_ends_of_their_range(make_mixture: MakeMixture, dtype: str) -> None:
    line, ends = make_mixture(n_features=1), np.iinfo(dtype)
    x = np.array([[ends.min], [ends.min + 1], [0], [ends.max - 1], [ends.max]], dtype)
    assert line.log_prob(x).tobytes() == line.log_prob(x.astype("f8")).tobytes()


def test_every_finite_float16(make_mixture: MakeMixture) -> None:
    halves = np.arange(2**16, dtype="u2").view("f2")
    x = halves[np.isfinite(halves)][:, None]
    line = make_mixture(n_features=1)
    assert line.log_prob(x).tobytes() == line.log_prob(x.astype("f8")).tobytes()


@pytest.mark.parametrize(
    ("value", "dtype", "met"),
    [
        (np.inf, "f2", "inf"),
        (-np.inf, "f2", "-inf"),
        (np.nan, "f2", "nan"),
        (np.nan, ">f4", "nan"),
        (-np.inf, ">f8", "-inf"),
    ],
)
def test_converted_values_must_be_finite(mixture: gaussmix.Mixture, value: float, dtype: str, met: str) -> None:
    x = X.astype(dtype)
    x[501, 2] = value
    for name in ("log_prob", "log_likelihood", "predict"):
        with pytest.raises(InvalidArgumentError, match=rf"X\[501, 2\] must be finite, but is {met}$"):
            getattr(mixture, name)(x)


@pytest.mark.skipif(np.finfo("g").max == np.finfo("f8").max, reason="longdouble is float64 here")
def test_longdouble_beyond_float64_is_not_finite(mixture: gaussmix.Mixture) -> None:
    x = X.astype("g")
    x[3, 1] = np.finfo("g").max
    with pytest.raises(InvalidArgumentError, match=r"X\[3, 1\] must be finite, but is inf"):
        mixture.log_prob(x)


# ---- other objects ----


class WithArray:
    """Like a dataframe or a tensor."""

    def __array__(self, dtype: Any = None, copy: Any = None) -> NDArray[Any]:
        return X


class WithDlpack:
    """Speaks DLPack and nothing else."""

    def __dlpack__(self, **options: Any) -> Any:
        return X.__dlpack__(**options)

    def __dlpack_device__(self) -> tuple[int, int]:
        return (1, 0)  # kDLCPU


@pytest.mark.parametrize("x", [X.tolist(), [tuple(row) for row in X], list(X), WithArray(), WithDlpack()])
def test_array_likes(mixture: gaussmix.Mixture, x: Any) -> None:
    assert mixture.log_prob(x).tobytes() == mixture.log_prob(X).tobytes()


class Shy(WithDlpack):
    def __dlpack__(self, **_: Any) -> Any:
        raise BufferError("Can't export tensors that require gradient")


class OnAnotherDevice(WithDlpack):
    def __dlpack_device__(self) -> tuple[int, int]:
        return (2, 0)  # kDLCUDA

    def __array__(self, dtype: Any = None, copy: Any = None) -> NDArray[Any]:
        raise AssertionError("nobody asks for a copy from there")


class OnNoDevice(WithDlpack):
    """Has no memory at all, like a tensor of shapes alone."""

    def __dlpack_device__(self) -> tuple[int, int]:
        raise ValueError("Unknown device type meta")


class OnlyCuda:
    __cuda_array_interface__: ClassVar[dict[str, Any]] = {"shape": (2, 2), "typestr": "<f8", "version": 3}


@pytest.mark.parametrize("x", [WithArray(), WithDlpack()])
def test_the_estimator_takes_array_likes(x: Any) -> None:
    model = gaussmix.GaussianMixture(2, random_state=0, max_iter=500).fit(x)
    assert model.mixture_ == gaussmix.GaussianMixture(2, random_state=0, max_iter=500).fit(X).mixture_
    assert model.score(x) == model.score(X)


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (
            OnAnotherDevice(),
            "X must lie in main memory, but lies on another device: OnAnotherDevice; move it there first",
        ),
        (Shy(), "X must be readable as an array: Can't export tensors that require gradient"),
        (iter(X), "X must be held in memory, as it is read more than once, but is a stream: iterator"),
    ],
)
def test_the_estimator_refuses_what_the_core_cannot_read(x: Any, message: str) -> None:
    with pytest.raises(TypeError, match=message):
        gaussmix.GaussianMixture().fit(x)


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (X.astype("c8"), "Complex data not supported: X must hold real numbers, but has dtype complex64"),
        (X.astype(object), "X must hold real numbers, but has dtype object"),
        (X.astype("S"), r"X must hold real numbers, but has dtype \|S"),
        (X.astype("m8[s]"), "X must hold real numbers, but has dtype timedelta64"),
        (np.ma.masked_less(X, 0), "X must not be a masked array"),
        (sparse.csr_matrix(X), "X must be a dense array, but is a sparse one: csr_matrix"),
        (Shy(), "X must be readable as an array: Can't export tensors that require gradient"),
        (OnNoDevice(), "X must be readable as an array: Unknown device type meta"),
        (
            OnAnotherDevice(),
            "X must lie in main memory, but lies on another device: OnAnotherDevice; move it there first",
        ),
        (OnlyCuda(), "X must lie in main memory, but lies on another device: OnlyCuda"),
        (
            iter(X),
            "X must be held in memory, as it is read more than once, but is a stream: iterator; pass what it yields",
        ),
        (None, "X must hold real numbers, but has dtype object"),
        ("text", "X must hold real numbers, but has dtype <U4"),
    ],
)
def test_what_is_no_array_of_real_numbers(mixture: gaussmix.Mixture, x: Any, message: str) -> None:
    with pytest.raises(TypeError, match=message):
        mixture.log_prob(x)


# ---- tensors, where torch is installed ----

Tensor = Callable[[Any, Any], Any]  # of (torch, a float64 tensor)

TENSORS: dict[str, Tensor] = {
    "float64": lambda _, t: t,
    "float32": lambda _, t: t.float(),
    "transposed": lambda _, t: t.T.contiguous().T,
    "transposed float32": lambda _, t: t.float().T.contiguous().T,
    "every other row and column": lambda _, t: t.repeat_interleave(2, 0).repeat_interleave(2, 1)[::2, ::2],
    "without gradients": lambda _, t: t.clone().requires_grad_().detach(),
    "inference": lambda torch, t: torch.inference_mode()(t.clone)(),
}
NO_ARRAYS: dict[str, tuple[Tensor, str]] = {
    "with gradients": (lambda _, t: t.clone().requires_grad_(), "must be readable as an array: .*detach"),
    "bfloat16": (lambda _, t: t.bfloat16(), "must be readable as an array: .*BFloat16"),
    "sparse": (lambda _, t: t.to_sparse(), "must be readable as an array: .*dense"),
    "opaque": (lambda _, t: t.to_mkldnn(), "must be readable as an array: "),
    "without memory": (lambda _, t: t.to("meta"), "must be readable as an array: .*meta"),
    "complex": (lambda torch, t: torch.complex(t, t), "(must hold real numbers, but )?has dtype complex"),
}


@pytest.fixture
def torch() -> Any:
    return pytest.importorskip("torch")


@pytest.mark.parametrize("kind", TENSORS)
def test_tensors_are_read_in_place(torch: Any, mixture: gaussmix.Mixture, kind: str) -> None:
    tensor = TENSORS[kind](torch, torch.from_numpy(X))
    x = tensor.numpy().copy()
    with pytest.raises(InvalidArgumentError, match="out must not share memory with X"):
        mixture.responsibilities(tensor, out=tensor.numpy()[:, :3])
    assert mixture.log_prob(tensor).tobytes() == mixture.log_prob(x).tobytes()
    assert mixture.row_scorer().log_prob(tensor[3]) == mixture.row_scorer().log_prob(x[3])
    w = np.arange(1.0, N + 1)
    weight = torch.from_numpy(w)
    assert mixture.log_likelihood(tensor, weight) == mixture.log_likelihood(x, w)
    found = gaussmix.fit(tensor, 2, sample_weight=weight, random_state=0)
    assert found.mixture == gaussmix.fit(x, 2, sample_weight=w, random_state=0).mixture
    model = gaussmix.GaussianMixture(2, means_init=tensor[:2], random_state=0, max_iter=500)
    means = model.fit(tensor, sample_weight=weight.float()).means_
    assert np.array_equal(means, model.set_params(means_init=x[:2]).fit(x, sample_weight=w).means_)
    assert np.array_equal(model.predict(tensor), model.predict(x))


@pytest.mark.parametrize("kind", NO_ARRAYS)
def test_tensors_that_are_no_arrays(torch: Any, mixture: gaussmix.Mixture, kind: str) -> None:
    make, message = NO_ARRAYS[kind]
    tensor, model = make(torch, torch.from_numpy(X).float()), gaussmix.GaussianMixture(2)
    calls: tuple[tuple[str, Callable[[], object]], ...] = (
        ("X", lambda: mixture.log_prob(tensor)),
        ("X", lambda: gaussmix.fit(tensor, 2)),
        ("X", lambda: model.fit(tensor)),
        ("sample_weight", lambda: gaussmix.fit(X, 2, sample_weight=tensor)),
        ("sample_weight", lambda: model.fit(X, sample_weight=tensor)),
        ("means_init", lambda: gaussmix.fit(X, 2, means_init=tensor)),
        ("means_init", lambda: model.set_params(means_init=tensor).fit(X)),
    )
    for name, call in calls:
        with pytest.raises((TypeError, InvalidArgumentError), match=f"{name} {message}"):
            call()


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (3.5, r"X must be 2-D, of shape \(n_samples, n_features\), but has shape \(\)"),
        (X[0], r"X must be 2-D, of shape \(n_samples, n_features\), but has shape \(4,\)"),
        (X[None], r"X must be 2-D, of shape \(n_samples, n_features\), but has shape \(1, 700, 4\)"),
        ([[1.0, 2.0], [3.0]], "X must be a rectangular array of real numbers: "),
    ],
)
def test_other_shapes(mixture: gaussmix.Mixture, x: Any, message: str) -> None:
    with pytest.raises(InvalidArgumentError, match=message):
        mixture.log_prob(x)


def test_results_too_large_to_address() -> None:
    mixture = gaussmix.Mixture(np.full(4, 0.25), np.zeros((4, 1)), np.ones(4), "spherical")
    x = np.broadcast_to(np.zeros(1, "i1"), (2**60, 1))
    with pytest.raises(InvalidArgumentError, match=r"\(1152921504606846976, 4\)"):
        mixture.log_joint(x)
    with pytest.raises(MemoryError):
        mixture.log_joint(np.broadcast_to(np.zeros(1, "i1"), (2**57, 1)))


# ---- X is never converted as a whole ----

PEAK_SCRIPT = """
import resource
import sys
import numpy as np
import gaussmix

def peak():  # in bytes
    return 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

x = np.zeros((4_000_000, 8), sys.argv[1])
x += 1
mixture = gaussmix.Mixture([1], np.ones((1, 8)), np.ones((1, 8)), "diag")
mixture.log_likelihood(x[:1000], num_threads=2)
before = peak()
mixture.log_likelihood(x, num_threads=2)
mixture.log_likelihood(x[:, ::-1], num_threads=2)
print(peak() - before)
"""


@pytest.mark.parametrize("dtype", ["i1", ">f4", "f8"])
def test_reading_x_takes_memory_by_the_block(dtype: str) -> None:
    # X has 32 million values: as float64 they would take 244 MiB, a block of 4128 rows with its copies below 2.
    command = [sys.executable, "-c", PEAK_SCRIPT, dtype]
    output = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout
    assert int(output) < 32 * 2**20
