"""Data frames and tables: read where they lie, whatever holds them; nothing of theirs is imported by us."""

from __future__ import annotations

import ctypes
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gaussmix
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from conftest import MakeMixture
from gaussmix import GaussianMixture, InvalidArgumentError
from numpy.typing import NDArray

N = 700
NAMES = list("abcd")
X = np.random.default_rng(17).normal(scale=3, size=(N, 4))
CUTS = (slice(0, 1), slice(1, 300), slice(300, N))  # chunks of unequal length


@pytest.fixture
def mixture(make_mixture: MakeMixture) -> gaussmix.Mixture:
    return make_mixture()


def columns(x: NDArray[Any]) -> dict[str, NDArray[Any]]:
    """Every column in memory of its own, at no regular distance from the others."""
    return {name: np.concatenate([np.zeros(j * j, x.dtype), x[:, j]])[j * j :] for j, name in enumerate(NAMES)}


def arrow(x: NDArray[Any]) -> Any:
    return pa.table(columns(x))


def assigned(x: NDArray[Any]) -> Any:
    """A frame of two blocks."""
    return pd.DataFrame(x[:, :2], columns=NAMES[:2]).assign(c=x[:, 2], d=x[:, 3])


def read_only(x: NDArray[Any]) -> Any:
    x = x.copy()
    x.flags.writeable = False
    return pd.DataFrame(x, columns=NAMES)


TABLES: dict[str, Callable[[NDArray[Any]], Any]] = {
    "pandas, C": lambda x: pd.DataFrame(x, columns=NAMES),
    "pandas, Fortran": lambda x: pd.DataFrame(np.asfortranarray(x), columns=NAMES),
    "pandas, read-only": read_only,
    "pandas, columns": lambda x: pd.DataFrame(columns(x)),
    "pandas, blocks": assigned,
    "pandas, every other row": lambda x: pd.DataFrame(np.repeat(x, 2, axis=0), columns=NAMES)[::2],
    "pandas on Arrow": lambda x: arrow(x).to_pandas(types_mapper=pd.ArrowDtype),
    "pandas, nullable": lambda x: pd.DataFrame(x, columns=NAMES).convert_dtypes(dtype_backend="numpy_nullable"),
    "polars": lambda x: pl.DataFrame(columns(x)),
    "polars, one array": lambda x: pl.DataFrame(x, schema=NAMES),
    "polars, chunks": lambda x: pl.concat([pl.DataFrame(columns(x))[cut] for cut in CUTS], rechunk=False),
    "pyarrow": arrow,
    "pyarrow, chunks": lambda x: pa.concat_tables([arrow(x[cut]) for cut in CUTS]),
    "pyarrow, slice": lambda x: arrow(np.concatenate([x[:5], x, x[:5]])).slice(5, N),
    "pyarrow, batch": lambda x: arrow(x).to_batches()[0],
}


@pytest.mark.parametrize("name", TABLES)
@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_tables_give_the_bits_of_the_array(mixture: gaussmix.Mixture, dtype: str, name: str) -> None:
    x = X.astype(dtype)
    table = TABLES[name](x)
    expected = mixture.log_prob(x)
    for threads in (1, 2):
        result = mixture.log_prob(table, num_threads=threads)
        assert result.dtype == dtype
        assert result.tobytes() == expected.tobytes()
    assert mixture.log_likelihood(table) == mixture.log_likelihood(x)
    assert np.array_equal(mixture.predict(table), mixture.predict(x))
    options: dict[str, Any] = {"random_state": 0, "max_iter": 500}
    assert gaussmix.fit(table, 2, **options).mixture == gaussmix.fit(x, 2, **options).mixture


@pytest.mark.parametrize("name", TABLES)
def test_the_estimator_takes_tables_with_their_names(name: str) -> None:
    table = TABLES[name](X)
    model = GaussianMixture(2, random_state=0, max_iter=500).fit(table)
    assert model.mixture_ == GaussianMixture(2, random_state=0, max_iter=500).fit(X).mixture_
    assert model.feature_names_in_.tolist() == NAMES
    np.testing.assert_array_equal(model.predict_proba(table), model.mixture_.responsibilities(X))
    assert model.score(table) == model.mixture_.log_likelihood(X) / N
    np.testing.assert_array_equal(model.fit_predict(table), model.predict(table))


MIXED = {"a": X[:, 0].astype("f4"), "b": np.rint(10 * X[:, 1]).astype("i2"), "c": X[:, 2] > 0, "d": X[:, 3]}


@pytest.mark.parametrize("make", [pd.DataFrame, pl.DataFrame, pa.table])
def test_columns_of_several_dtypes_count_by_their_values(mixture: gaussmix.Mixture, make: Any) -> None:
    expected = np.column_stack([MIXED[name].astype("f8") for name in NAMES])
    assert mixture.log_prob(make(MIXED)).tobytes() == mixture.log_prob(expected).tobytes()
    assert mixture.log_prob(make(MIXED)[3:]).tobytes() == mixture.log_prob(expected[3:]).tobytes()


@pytest.mark.parametrize("dtype", ["i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "f2", "?"])
def test_every_real_dtype_of_arrow(mixture: gaussmix.Mixture, dtype: str) -> None:
    x = np.rint(np.abs(X)).astype(dtype)
    table = pa.concat_tables([pa.table(columns(x[cut])) for cut in CUTS])
    assert mixture.log_prob(table).tobytes() == mixture.log_prob(x.astype("f8")).tobytes()


@pytest.mark.parametrize("make", [pd.DataFrame, pl.DataFrame, pa.table])
def test_an_empty_table(mixture: gaussmix.Mixture, make: Any) -> None:
    assert mixture.log_prob(make(columns(X[:0]))).shape == (0,)
    with pytest.raises(InvalidArgumentError, match=r"X must have 4 columns .*, but has shape \(0, 0\)"):
        mixture.log_prob(make({}))
    with pytest.raises(InvalidArgumentError, match=r"Found array with 0 sample\(s\) \(shape=\(0, 4\)\)"):
        GaussianMixture().fit(make(columns(X[:0])))


def test_out_must_not_share_memory_with_a_table(mixture: gaussmix.Mixture) -> None:
    data = columns(X)
    with pytest.raises(InvalidArgumentError, match="out must not share memory with X"):
        mixture.log_prob(pa.table(data), out=data["c"])


# ---- what no column may hold ----


def with_column(values: Any) -> dict[str, Any]:
    return {"a": [1.0, 2.0, 3.0], "b": values, "c": [1.0, 2.0, 3.0], "d": [1, 2, 3]}


@pytest.mark.parametrize(
    ("table", "error", "message"),
    [
        (pl.DataFrame(with_column([1.0, 2.0, None])), InvalidArgumentError, r"X\[2, 1\] must not be null.*column 'b'"),
        (pa.table(with_column([1, None, 2])), InvalidArgumentError, r"X\[1, 1\] must not be null, but is; column 'b'"),
        (pa.table(with_column([1, 2, None])).slice(1), InvalidArgumentError, r"X\[1, 1\] must not be null"),
        (pa.table(with_column([True, None, True])), InvalidArgumentError, r"X\[1, 1\] must not be null"),
        (pd.DataFrame(with_column([1.0, None, 2.0])), InvalidArgumentError, r"X\[1, 1\] must be finite, but is nan"),
        (pd.DataFrame(with_column(pd.array([1, None, 2]))), InvalidArgumentError, r"X\[1, 1\] must be finite"),
        (pl.DataFrame(with_column([1.0, float("nan"), 2.0])), InvalidArgumentError, r"X\[1, 1\] must be finite"),
        (pl.DataFrame(with_column(list("xyz"))), TypeError, "X must hold real numbers, but column 'b' holds strings"),
        (pa.table(with_column([None] * 3)), TypeError, "column 'b' holds nulls alone"),
        (pa.table(with_column(pa.array(list("xyz")).dictionary_encode())), TypeError, "'b' holds a dictionary"),
        (pa.table(with_column(pa.array([1, 2, 3], pa.timestamp("s")))), TypeError, "'b' holds times"),
        (pa.table(with_column(pa.array([1, 2, 3], pa.decimal128(5)))), TypeError, "'b' holds decimals"),
        (pa.table(with_column([[1], [2], [3]])), TypeError, r"'b' holds Arrow's format '\+l'"),
        (pd.DataFrame(with_column(list("xyz"))), TypeError, "column 'b' has dtype str"),
        (pd.DataFrame(with_column(pd.Categorical(list("xyz")))), TypeError, "column 'b' has dtype category"),
        (pd.DataFrame(with_column(np.array([1, "y", 3], object))), TypeError, "column 'b' has dtype object"),
        (pd.DataFrame(with_column([1j, 2j, 3j])), TypeError, "column 'b' has dtype complex128"),
        (arrow(X).to_reader(), TypeError, "X must be held in memory, as it is read more than once, but is a stream"),
        ((row for row in X), TypeError, "X must be held in memory, as it is read more than once, but is a stream: gen"),
        (pl.Series([1.0, 2.0]), InvalidArgumentError, r"X must be 2-D, .*, but has shape \(2,\)"),
    ],
)
def test_what_is_refused(mixture: gaussmix.Mixture, table: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        mixture.log_prob(table)


@pytest.mark.parametrize(
    ("table", "error", "message"),
    [
        (
            pl.DataFrame(with_column([1.0, None, 2.0])),
            InvalidArgumentError,
            r"Input X contains NaN: X\[1, 1\] must not",
        ),
        (pd.DataFrame(with_column([1.0, None, 2.0])), InvalidArgumentError, r"Input X contains NaN: X\[1, 1\] must be"),
        (pd.DataFrame(with_column([1.0, -np.inf, 2.0])), InvalidArgumentError, "Input X contains infinity or a value"),
        (
            pd.DataFrame(with_column(np.array([1, "y", 3], object))),
            ValueError,
            "could not convert string to float: 'y'",
        ),
        (pa.table(with_column(list("xyz"))), TypeError, "column 'b' holds strings"),
        (pl.DataFrame(with_column([1, 2, 3]))[:1], InvalidArgumentError, r"Found array with 1 sample\(s\)"),
    ],
)
def test_what_the_estimator_refuses(table: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        GaussianMixture().fit(table)


def test_the_estimator_takes_objects_that_are_numbers_as_scikit_learn_does() -> None:
    frame = pd.DataFrame(X, columns=NAMES).astype({"b": object})
    assert GaussianMixture(random_state=0).fit(frame).mixture_ == GaussianMixture(random_state=0).fit(X).mixture_


# ---- no copy, no import ----

PEAK_SCRIPT = """
import sys
import numpy as np
import gaussmix

N, D = 500_000, 32
kind, dtype = sys.argv[1:]

def columns(begin=0, end=N):
    return {f"x{j}": np.full(end - begin, j + begin, dtype) for j in range(D)}

def make():
    if kind == "polars":
        import polars
        return polars.DataFrame(columns())
    if kind == "polars, chunks":
        import polars
        cuts = range(0, N, N // 8)
        return polars.concat([polars.DataFrame(columns(c, c + N // 8)) for c in cuts], rechunk=False)
    if kind == "pyarrow":
        import pyarrow
        return pyarrow.table(columns())
    import pandas
    if kind == "pandas, columns":
        frame = pandas.DataFrame(index=range(N))
        for name, values in columns().items():
            frame.insert(frame.shape[1], name, values)
        return frame
    return pandas.DataFrame(np.ones((N, D), dtype), columns=[str(j) for j in range(D)])

def peak():  # in bytes; that of getrusage would begin at the parent's
    with open("/proc/self/status") as status:
        return next(1024 * int(line.split()[1]) for line in status if line.startswith("VmHWM:"))

def work(x):
    mixture.log_likelihood(x, num_threads=2)
    model = gaussmix.GaussianMixture(1, covariance_type="diag", max_iter=1, tol=1e300, init_params="random")
    model.fit(x, deadline=1e6)
    model.score(x)

mixture = gaussmix.Mixture([1], np.ones((1, D)), np.ones((1, D)), "diag")
x = make()
work(x[:1000])
before = peak()
work(x)
print(peak() - before)
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads the peak from /proc/self/status")
@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("kind", ["pandas", "pandas, columns", "polars", "polars, chunks", "pyarrow"])
def test_reading_a_table_copies_no_more_than_blocks(kind: str, dtype: str) -> None:
    command = [sys.executable, "-W", "ignore", "-c", PEAK_SCRIPT, kind, dtype]
    output = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout
    # X has 16 million values: 61 MiB in float32. A fit may use 16 bytes a row, 8 MiB, and blocks of rows.
    assert int(output) < 48 * 2**20


IMPORTS = """
import sys
import numpy as np
import gaussmix

class WithDlpack:
    def __dlpack__(self, **options):
        return X.__dlpack__(**options)
    def __dlpack_device__(self):
        return (1, 0)

X = np.random.default_rng(0).normal(size=(100, 2))
def work(x):
    model = gaussmix.GaussianMixture(2, random_state=0, max_iter=500).fit(x)
    model.predict(x), model.score(x), model.mixture_.log_prob(x), gaussmix.fit(x, 2), gaussmix.kmeans(x, 2)
    gaussmix.Statistics(model.mixture_).accumulate(x)

def loaded():
    print(*sorted({{name.split(".")[0] for name in sys.modules}} & {others}))

for x in (X, X.tolist(), WithDlpack()):
    work(x)
loaded()
import polars
work(polars.DataFrame(X, schema=["a", "b"]))
loaded()
"""
OTHERS = {"pandas", "polars", "pyarrow", "torch", "sklearn", "scipy", "tqdm", "dask", "joblib", "rich"}


def test_no_package_of_arrays_is_imported_by_us() -> None:
    script = IMPORTS.format(others=OTHERS)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.splitlines() == ["", "polars"]


class ArrowSchema(ctypes.Structure):
    """The head of the C data interface's struct of this name."""


ArrowSchema._fields_ = [
    ("format", ctypes.c_char_p),
    ("name", ctypes.c_char_p),
    ("metadata", ctypes.c_char_p),
    ("flags", ctypes.c_int64),
    ("n_children", ctypes.c_int64),
    ("children", ctypes.POINTER(ctypes.POINTER(ArrowSchema))),
]
GetSchema = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.POINTER(ArrowSchema))


class Nameless:
    """A table whose stream gives its columns no names, as the C data interface allows."""

    def __init__(self, table: Any) -> None:
        self.table, self.column_names = table, None

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        capsule = self.table.__arrow_c_stream__(requested_schema)
        pointer = ctypes.pythonapi.PyCapsule_GetPointer
        pointer.restype, pointer.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
        get_schema = ctypes.cast(pointer(capsule, b"arrow_array_stream"), ctypes.POINTER(ctypes.c_void_p))
        original = GetSchema(get_schema[0])

        def without_names(stream: int, schema: Any) -> Any:
            status = original(stream, schema)
            for j in range(schema[0].n_children if status == 0 else 0):
                schema[0].children[j][0].name = None
            return status

        self.kept = GetSchema(without_names)
        get_schema[0] = ctypes.cast(self.kept, ctypes.c_void_p)
        return capsule


def nameless(table: Any) -> Any:
    return Nameless(table)


def test_columns_without_names(mixture: gaussmix.Mixture) -> None:
    np.testing.assert_array_equal(mixture.log_prob(nameless(arrow(X))), mixture.log_prob(X))
    with pytest.raises(TypeError, match="column '' holds strings"):
        mixture.log_prob(nameless(pa.table({"a": ["x"], "b": [1.0], "c": [1.0], "d": [1.0]})))
    with pytest.raises(InvalidArgumentError, match=r"X\[0, 1\] must not be null, but is; column ''"):
        mixture.log_prob(nameless(pa.table({"a": [1.0], "b": pa.array([None], pa.float64()), "c": [1.0], "d": [1.0]})))
