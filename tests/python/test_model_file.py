"""Model files from Python: what is saved is loaded, also by and from the safetensors package, and never half of it."""

from __future__ import annotations

import inspect
import json
import os
import resource
import subprocess
import sys
import threading
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import gaussmix
import numpy as np
import pytest
import safetensors
import safetensors.numpy
from conftest import MakeMixture
from gaussmix import FormatError, InvalidArgumentError

TYPES = ("full", "tied", "diag", "spherical", "tied_diag", "tied_spherical")
DATA = Path(__file__).parents[1] / "data"
GOLDEN = sorted(DATA.glob("*.safetensors"))
X = np.random.default_rng(5).normal(scale=3, size=(50, 4))
NAMES = ["length µm", 'a "b" \\', "", "d"]
METADATA = {"author": "K. F. Gauß", "note": "two\nlines", "😀": ""}


@pytest.fixture
def mixture(make_mixture: MakeMixture) -> gaussmix.Mixture:
    return make_mixture()


def metadata_of(path: Path) -> dict[str, str]:
    with safetensors.safe_open(path, "np") as file:
        found: dict[str, str] = file.metadata()
        return found


def test_the_four_have_one_shape() -> None:
    def shape(cls: type, name: str) -> str:
        return str(inspect.signature(getattr(cls, name)))

    for cls, written, read in (
        (gaussmix.Mixture, ", feature_names=None, metadata=None", ""),
        (gaussmix.Statistics, ", *, mixture=True", ", *, mixture=None"),
    ):
        assert shape(cls, "save") == f"(self, path{written})"
        assert shape(cls, "to_bytes") == f"(self{written})"
        assert shape(cls, "load") == f"(path{read})"
        assert shape(cls, "from_bytes") == f"(data{read})"


def test_bytes_are_those_of_the_file(mixture: gaussmix.Mixture, tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    mixture.save(path, NAMES, METADATA)
    data = mixture.to_bytes(NAMES, METADATA)
    assert type(data) is bytes
    assert data == path.read_bytes()
    for part in (data, bytearray(data), memoryview(data)):
        assert gaussmix.model_from_bytes(part) == gaussmix.Model(mixture, tuple(NAMES), METADATA)
        assert gaussmix.Mixture.from_bytes(part) == mixture
    with pytest.raises(FormatError, match="checksum"):
        gaussmix.Mixture.from_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    with pytest.raises(TypeError, match="data must be bytes-like, but is 3"):
        gaussmix.Mixture.from_bytes(3)  # type: ignore[arg-type]


@pytest.mark.parametrize("covariance_type", TYPES)
def test_what_is_saved_is_loaded_and_scores_the_same_bits(
    make_mixture: MakeMixture, tmp_path: Path, covariance_type: str
) -> None:
    mixture, path = make_mixture(covariance_type), tmp_path / "model.safetensors"
    mixture.save(path, NAMES, METADATA)
    loaded = gaussmix.load_model(path)
    assert loaded == gaussmix.Model(mixture, tuple(NAMES), METADATA)
    assert gaussmix.Mixture.load(path) == mixture
    for dtype in ("f4", "f8"):
        x = X.astype(dtype)
        assert loaded.mixture.log_prob(x).tobytes() == mixture.log_prob(x).tobytes()
        assert loaded.mixture.responsibilities(x).tobytes() == mixture.responsibilities(x).tobytes()
    mixture.save(path)
    assert gaussmix.load_model(path) == (mixture, None, {})
    assert os.listdir(tmp_path) == ["model.safetensors"]


def test_paths_are_what_the_system_takes(mixture: gaussmix.Mixture, tmp_path: Path) -> None:
    odd = os.fsdecode(b"\xff \n")  # a name that is not UTF-8
    for name in ("a", "b" * 255, odd):
        for path in (str(tmp_path / name), tmp_path / name, os.fsencode(tmp_path / name)):
            mixture.save(path)
            assert gaussmix.Mixture.load(path) == mixture
    (tmp_path / odd).write_bytes(b"")
    with pytest.raises(FormatError, match=r"(?s)\\xff.*be at least 8 bytes long, but is 0"):
        gaussmix.Mixture.load(tmp_path / odd)


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_the_safetensors_package_reads_our_files(path: Path) -> None:
    model, tensors = gaussmix.load_model(path), safetensors.numpy.load_file(path)
    assert sorted(tensors) == ["covariances", "means", "weights"]
    for name, values in tensors.items():
        assert values.tobytes() == getattr(model.mixture, name).tobytes()
        assert values.shape == getattr(model.mixture, name).shape
    metadata = metadata_of(path)
    assert metadata["covariance_type"] == model.mixture.covariance_type
    assert metadata["allow_singular"] == str(model.mixture.allow_singular).lower()
    assert model.metadata.items() <= metadata.items()
    if model.feature_names is not None:
        assert json.loads(metadata["feature_names"]) == list(model.feature_names)


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_the_checksum_is_what_the_header_says(path: Path) -> None:
    tensors, metadata = safetensors.numpy.load_file(path), metadata_of(path)
    stated = metadata.pop("checksum")
    crc = zlib.crc32(b"".join(tensors[name].tobytes() for name in ("weights", "means", "covariances")))
    for name, value in sorted(metadata.items()):
        crc = zlib.crc32(f"{name}\0{value}\0".encode(), crc)
    assert stated == f"{crc:08x}"


@pytest.mark.parametrize("covariance_type", TYPES)
def test_files_of_the_safetensors_package_are_read(
    make_mixture: MakeMixture, tmp_path: Path, covariance_type: str
) -> None:
    mixture, path = make_mixture(covariance_type), tmp_path / "model.safetensors"
    tensors = {name: np.array(getattr(mixture, name)) for name in ("weights", "means", "covariances")}
    metadata = {"format": "gaussmix", "version": "1", "covariance_type": covariance_type}
    safetensors.numpy.save_file(tensors, path, metadata | METADATA)
    assert gaussmix.load_model(path) == (mixture, None, METADATA)

    def refused(change: dict[str, Any], metadata: dict[str, str], reason: str) -> None:
        safetensors.numpy.save_file(tensors | change, path, metadata)
        with pytest.raises(FormatError, match=reason):
            gaussmix.Mixture.load(path)

    refused({}, {"format": "pt"}, "be of format 'gaussmix', but is of format 'pt'")
    refused({"bias": np.zeros(1)}, metadata, "holds 'bias'")
    refused({"means": mixture.means.astype("f4")}, metadata, "have means of dtype F64, but has 'F32'")
    refused({"means": mixture.means.T.copy()}, metadata, "have weights of shape")
    refused({"weights": 2 * mixture.weights}, metadata, "weights must sum to 1")
    refused({"covariances": -mixture.covariances}, metadata, "hold a valid mixture, but: covariances")


def test_a_file_saved_again_by_the_safetensors_package_keeps_its_checksum(
    mixture: gaussmix.Mixture, tmp_path: Path
) -> None:
    path = tmp_path / "model.safetensors"
    mixture.save(path, NAMES, METADATA)
    tensors, metadata = safetensors.numpy.load_file(path), metadata_of(path)
    safetensors.numpy.save_file(tensors, path, metadata)
    assert gaussmix.load_model(path) == (mixture, tuple(NAMES), METADATA)
    safetensors.numpy.save_file(tensors, path, metadata | {"author": "someone else"})
    with pytest.raises(FormatError, match="match its checksum"):
        gaussmix.load_model(path)


def test_feature_names_come_from_any_sequence(mixture: gaussmix.Mixture, tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    for names in (tuple(NAMES), np.array(NAMES), np.array(NAMES, object), iter(NAMES)):
        mixture.save(path, names)
        assert gaussmix.load_model(path).feature_names == tuple(NAMES)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((3,), TypeError, "path must be a str, bytes or os.PathLike, but is 3"),
        (("a\0b",), InvalidArgumentError, "path must hold no NUL, but does at its character"),
        (("a", "abcd"), TypeError, "feature_names must be a sequence of str, but is 'abcd'"),
        (("a", 3), TypeError, "feature_names must be a sequence of str, but is 3"),
        (("a", {"abcd"}), TypeError, r"feature_names must be a sequence of str, but is \{'abcd'\} \(set\)"),
        (("a", frozenset("abcd")), TypeError, r"feature_names must be a sequence of str, but is .*\(frozenset\)"),
        (("a", dict.fromkeys("abcd", 1)), TypeError, r"feature_names must be a sequence of str, but is .*\(dict\)"),
        (("a", ["a", "b", "c", 4]), TypeError, r"feature_names\[3\] must be a str, but is 4"),
        (("a", []), InvalidArgumentError, "feature_names must have a name for each feature, but has none"),
        (("a", ["a"]), InvalidArgumentError, r"feature_names must have 4 names \(features\), but has 1"),
        (("a", ["a", "b", "c", "\ud800"]), InvalidArgumentError, r"feature_names\[3\] must be text that UTF-8"),
        (("a", None, "text"), TypeError, "metadata must be a mapping of str to str, but is 'text'"),
        (("a", None, [("a", "b")]), TypeError, "metadata must be a mapping of str to str, but is"),
        (("a", None, {1: "b"}), TypeError, "a name in metadata must be a str, but is 1"),
        (("a", None, {"a": 1}), TypeError, r"metadata\['a'\] must be a str, but is 1"),
        (("a", None, {"format": "x"}), InvalidArgumentError, "must not hold the name 'format'"),
        (("a", None, {"note": "x" * 2**24}), InvalidArgumentError, "header of 16777216 bytes, but need"),
    ],
)
def test_arguments_that_break_the_rules(
    mixture: gaussmix.Mixture, tmp_path: Path, arguments: Any, error: type[Exception], message: str
) -> None:
    path, *others = arguments
    with pytest.raises(error, match=message) as caught:
        mixture.save(str(tmp_path / path) if isinstance(path, str) else path, *others)
    assert type(caught.value) is error
    assert os.listdir(tmp_path) == []


# ---- what the system refuses ----


@contextmanager
def full_disk(size: int) -> Iterator[None]:
    """No file can grow beyond `size` bytes."""
    old = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, old[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, old)


def test_on_a_full_disk_the_old_file_stays(mixture: gaussmix.Mixture, tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    mixture.save(path)
    before = path.read_bytes()
    other = gaussmix.Mixture([1.0], [[0.0] * 100], [1.0], "spherical")
    for size in (0, 1, 8, 300, 1000):
        with full_disk(size), pytest.raises(OSError, match="File too large") as caught:
            other.save(path)
        assert caught.value.filename == path
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["model.safetensors"]


def test_what_the_system_refuses_is_its_own_error(mixture: gaussmix.Mixture, tmp_path: Path) -> None:
    missing = str(tmp_path / "none" / "model")
    for call in (gaussmix.Mixture.load, gaussmix.load_model, mixture.save):
        with pytest.raises(FileNotFoundError) as caught:
            call(missing)
        assert caught.value.filename == missing
        with pytest.raises(IsADirectoryError):
            call(tmp_path)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(FormatError, match="regular file"):
        gaussmix.Mixture.load(tmp_path / "pipe")
    with pytest.raises(InvalidArgumentError, match="regular file"):
        mixture.save(tmp_path / "pipe")


def test_readers_meet_whole_files_while_they_are_replaced(make_mixture: MakeMixture, tmp_path: Path) -> None:
    path, mixtures = tmp_path / "model.safetensors", [make_mixture(n_components=k) for k in (1, 9)]
    mixtures[0].save(path)
    done = threading.Event()

    def replace() -> None:
        for i in range(200):
            mixtures[i % 2].save(path)
        done.set()

    writer = threading.Thread(target=replace)
    writer.start()
    while not done.is_set():
        assert gaussmix.Mixture.load(path) in mixtures
    writer.join()


def test_a_process_that_dies_while_it_saves_leaves_the_old_file(mixture: gaussmix.Mixture, tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    mixture.save(path)
    code = (
        "import sys, gaussmix; mix = gaussmix.Mixture.load(sys.argv[1]); print('ready', flush=True)\n"
        "while True: mix.save(sys.argv[1], metadata={'note': 'x' * 1_000_000})"
    )
    process = subprocess.Popen([sys.executable, "-c", code, str(path)], stdout=subprocess.PIPE)
    assert process.stdout
    assert process.stdout.readline() == b"ready\n"
    assert gaussmix.Mixture.load(path) == mixture
    process.kill()
    process.wait()
    process.stdout.close()
    assert gaussmix.Mixture.load(path) == mixture
