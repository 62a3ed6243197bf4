"""Files of Statistics: what is said of them stands in them, with their mixture or without it, and version 1 loads."""

from __future__ import annotations

import json
import pickle
import struct
import zlib
from pathlib import Path
from typing import Any

import gaussmix
import numpy as np
import pytest
import safetensors
import safetensors.numpy
from conftest import MakeMixture
from gaussmix import FormatError, Statistics

TYPES = ("full", "tied", "diag", "spherical", "tied_diag", "tied_spherical")
DATA = Path(__file__).parents[1] / "data"
X = np.random.default_rng(3).normal(scale=3, size=(300, 4))
NAMES = ("length µm", 'a "b" \\', "", "d")
SUMS = ("pivots", "component_weights", "deltas", "scatters", "total_weight", "log_likelihood")
MIXTURE = ("weights", "means", "covariances")

Tensors = dict[str, np.ndarray]


def sums_of(mixture: gaussmix.Mixture) -> Statistics:
    statistics = Statistics(mixture)
    statistics.accumulate(X)
    return statistics


@pytest.fixture(params=TYPES)
def statistics(make_mixture: MakeMixture, request: pytest.FixtureRequest) -> Statistics:
    return sums_of(make_mixture(request.param).with_feature_names(NAMES))


def content(path: Path) -> tuple[Tensors, dict[str, str]]:
    with safetensors.safe_open(path, "np") as file:
        return safetensors.numpy.load_file(path), dict(file.metadata())


def checksum(tensors: Tensors, metadata: dict[str, str]) -> str:
    crc = zlib.crc32(b"".join(tensors[name].tobytes() for name in (*SUMS, *MIXTURE) if name in tensors))
    for name, value in sorted(metadata.items()):
        if name != "checksum":
            crc = zlib.crc32(f"{name}\0{value}\0".encode(), crc)
    return f"{crc:08x}"


def written(path: Path, tensors: Tensors, metadata: dict[str, str]) -> Path:
    """A file of another writer, with the checksum that it should have."""
    safetensors.numpy.save_file(tensors, path, {**metadata, "checksum": checksum(tensors, metadata)})
    return path


def test_a_file_holds_what_is_said_of_it(statistics: Statistics, tmp_path: Path) -> None:
    mixture, path = statistics.mixture, tmp_path / "sums"
    statistics.save(path)
    tensors, metadata = content(path)
    assert metadata == {
        "format": "gaussmix-statistics",
        "version": "2",
        "covariance_type": mixture.covariance_type,
        "allow_singular": "false",
        "feature_names": json.dumps(NAMES, ensure_ascii=False, separators=(",", ":")),
        "library_version": gaussmix.__version__,
        "simd_level": gaussmix.simd_level(),
        "checksum_type": "crc32",
        "checksum": checksum(tensors, metadata),
    }
    assert set(tensors) == {*SUMS, *MIXTURE}
    for name in MIXTURE:
        assert tensors[name].tobytes() == getattr(mixture, name).tobytes()
    assert np.array_equal(tensors["pivots"], mixture.means)
    assert np.array_equal(tensors["component_weights"], statistics.component_weights)
    assert tensors["total_weight"].tolist() == [statistics.total_weight]
    assert tensors["log_likelihood"].tolist() == [statistics.log_likelihood]
    found = statistics.maximize()
    assert np.array_equal(tensors["pivots"] + tensors["deltas"], found.means)
    n, scatters, kind = tensors["component_weights"], tensors["scatters"], mixture.covariance_type
    if kind in ("full", "tied"):
        lower = found.covariances[..., *np.tril_indices(4)]
        assert np.array_equal(scatters / (n[:, None] if kind == "full" else n.sum()), lower.reshape(scatters.shape))
    else:
        assert scatters.shape == (3, 4)
        if kind == "diag":
            assert np.array_equal(scatters / n[:, None], found.covariances)


def test_without_the_mixture_its_digest_stands_for_it(statistics: Statistics, tmp_path: Path) -> None:
    mixture, path = statistics.mixture, tmp_path / "sums"
    statistics.save(path, mixture=False)
    data = statistics.to_bytes(mixture=False)
    assert path.read_bytes() == data
    tensors, metadata = content(path)
    assert set(tensors) == set(SUMS)
    assert metadata["checksum"] == checksum(tensors, metadata)
    digest = "-".join(f"{zlib.crc32(getattr(mixture, name).tobytes()):08x}" for name in MIXTURE)
    assert metadata["mixture_digest"] == digest
    again = gaussmix.Mixture.from_bytes(mixture.to_bytes()).with_feature_names(None)
    for read in (Statistics.load(path, mixture=again), Statistics.from_bytes(data, mixture=again)):
        assert read == statistics
        assert read.mixture.feature_names == NAMES
        assert read.to_bytes() == statistics.to_bytes()
    with pytest.raises(FormatError, match=rf"^'{path}': a statistics file must be read with .*{digest}.* with none$"):
        Statistics.load(path)
    other = statistics.maximize()
    with pytest.raises(FormatError, match=f"digest '{digest}', but is read with"):
        Statistics.from_bytes(data, mixture=other)
    with pytest.raises(FormatError, match=f"digest '{digest}', but is read with"):
        Statistics.from_bytes(statistics.to_bytes(), mixture=other)
    assert Statistics.from_bytes(statistics.to_bytes(), mixture=mixture) == statistics


def test_names_go_with_the_sums(statistics: Statistics) -> None:
    for again in (pickle.loads(pickle.dumps(statistics)), Statistics.from_bytes(statistics.to_bytes())):
        assert again == statistics
        assert again.mixture.feature_names == NAMES


def test_files_of_another_writer_are_read(statistics: Statistics, tmp_path: Path) -> None:
    path = tmp_path / "sums"
    statistics.save(path)
    tensors, metadata = content(path)
    for name in ("allow_singular", "feature_names", "library_version", "simd_level"):
        del metadata[name]
    assert Statistics.load(written(path, tensors, metadata)) == statistics
    assert Statistics.load(written(path, tensors, {**metadata, "note": "from elsewhere"})) == statistics

    def refused(reason: str, change: Tensors, metadata: dict[str, str]) -> None:
        with pytest.raises(FormatError, match=reason):
            Statistics.load(written(path, tensors | change, metadata))

    refused("holds 'bias'", {"bias": np.zeros(1)}, metadata)
    refused("have deltas of dtype F64, but has 'F32'", {"deltas": tensors["deltas"].astype("f4")}, metadata)
    refused("have pivots of shape", {"deltas": tensors["deltas"].T.copy()}, metadata)
    nan = np.where(np.arange(12).reshape(3, 4) == 11, np.nan, tensors["deltas"])
    refused(r"hold finite deltas, but deltas\[2, 3\] is nan", {"deltas": nan}, metadata)
    refused("hold a valid mixture, but: weights must sum to 1", {"weights": 2 * tensors["weights"]}, metadata)
    refused("of version 2, but is of version '9'", {}, {**metadata, "version": "9"})
    refused("be of format 'gaussmix-statistics', but is of format 'gaussmix'", {}, {**metadata, "format": "gaussmix"})
    partial = {name: values for name, values in tensors.items() if name != "means"}
    with pytest.raises(FormatError, match="hold the tensor means, but does not"):
        Statistics.load(written(path, partial, metadata))
    safetensors.numpy.save_file(tensors, path, {**metadata, "checksum": "00000000"})
    with pytest.raises(FormatError, match="match its checksum '00000000', but comes to"):
        Statistics.load(path)
    no_checksum = {name: value for name, value in metadata.items() if not name.startswith("checksum")}
    safetensors.numpy.save_file(tensors, path, no_checksum)
    with pytest.raises(FormatError, match="have metadata 'checksum', but has none"):
        Statistics.load(path)


def test_a_model_file_is_no_statistics_and_the_reverse(statistics: Statistics) -> None:
    with pytest.raises(FormatError, match="a statistics file must hold the tensor pivots, but does not"):
        Statistics.from_bytes(statistics.mixture.to_bytes())
    with pytest.raises(FormatError, match="a model file must hold the tensors weights, means and covariances alone"):
        gaussmix.Mixture.from_bytes(statistics.to_bytes())


@pytest.mark.parametrize("value", [None, 1, "yes"])
def test_the_flag_is_a_bool(statistics: Statistics, tmp_path: Path, value: Any) -> None:
    with pytest.raises(TypeError, match="mixture must be a bool"):
        statistics.to_bytes(mixture=value)
    with pytest.raises(TypeError, match="mixture must be a bool"):
        statistics.save(tmp_path / "sums", mixture=value)
    assert list(tmp_path.iterdir()) == []


def test_the_mixture_is_a_mixture(statistics: Statistics, tmp_path: Path) -> None:
    with pytest.raises(TypeError, match=r"mixture must be a Mixture or None, but is True \(bool\)"):
        Statistics.from_bytes(statistics.to_bytes(), mixture=True)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="mixture must be a Mixture or None, but is 3"):
        Statistics.load(tmp_path / "sums", mixture=3)  # type: ignore[arg-type]


def test_large_sums_have_small_bytes() -> None:
    # 8 bytes for each: 256 · (64 · 65 / 2) of triangles, 2 · 256 · 64 of pivots and deltas, 256 + 2 more; and a header.
    mixture = gaussmix.Mixture(np.full(256, 1 / 256), np.zeros((256, 64)), np.tile(np.eye(64), (256, 1, 1)))
    values = 256 * 64 * 65 // 2 + 2 * 256 * 64 + 256 + 2
    assert len(Statistics(mixture).to_bytes(mixture=False)) < 8 * values + 2000 < 4.6e6


def test_version_1_loads_for_ever() -> None:
    path = DATA / "statistics_1.bin"
    data = path.read_bytes()
    header, values = struct.unpack("<8s5Q", data[:48]), np.frombuffer(data[48:-8], "<f8")
    assert header == (b"GMX_STAT", 1, 0, 0, 2, 2)
    statistics = Statistics.load(path)
    mixture = statistics.mixture
    assert statistics == Statistics.from_bytes(data) == Statistics.from_bytes(data, mixture=mixture)
    assert statistics == pickle.loads(pickle.dumps(statistics))
    weights, means, covariances, pivots, n, deltas, scatters, (log_likelihood, total) = np.split(
        values, np.cumsum([2, 4, 8, 4, 2, 4, 8])
    )
    assert np.array_equal(mixture.weights, weights)
    assert np.array_equal(mixture.means.ravel(), means)
    assert np.array_equal(mixture.covariances.ravel(), covariances)
    assert np.array_equal(statistics.component_weights, n)
    assert (statistics.log_likelihood, statistics.total_weight) == (log_likelihood, total)
    found = statistics.maximize()
    assert np.array_equal(found.means.ravel(), pivots + deltas)
    lower = np.tril_indices(2)
    assert np.array_equal(found.covariances[:, *lower], (scatters.reshape(2, 2, 2) / n[:, None, None])[:, *lower])
