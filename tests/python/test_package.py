"""What an installation holds beside the Python modules."""

import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import gaussmix
from conftest import output_of

ROOT = Path(__file__).parents[2]
PACKAGE_ROOTS = [Path(root) for root in gaussmix.__path__]  # two in an editable install


def installed(relative: str) -> bool:
    return any((root / relative).is_file() for root in PACKAGE_ROOTS)


def test_every_version_is_the_projects() -> None:
    stated = re.search(r"^project\(gaussmix VERSION (\S+)", (ROOT / "CMakeLists.txt").read_text(), flags=re.MULTILINE)
    assert stated
    assert metadata.version("gaussmix") == gaussmix.__version__ == gaussmix.build_info()["version"] == stated[1]


def test_the_cpp_library_is_there_whole() -> None:
    headers = [f"include/gaussmix/{path.name}" for path in (ROOT / "cpp/include/gaussmix").iterdir()]
    package = ["lib/libgaussmix.a", *(f"lib/cmake/gaussmix/gaussmix{part}.cmake" for part in ("Config", "Targets"))]
    assert [name for name in headers + package if not installed(name)] == []


def test_the_extension_exports_what_is_ours_alone(tmp_path: Path) -> None:
    printed = output_of("nm", "-D", "--defined-only", "--format=posix", gaussmix._core.__file__, cwd=tmp_path)
    names = {line.split(" ")[0] for line in printed.splitlines()}
    assert {"PyInit__core", "gaussmix_fit"} <= names
    ours = re.compile(r"PyInit__core$|gaussmix_|_ZNK?8gaussmix|_ZT[ISV]N8gaussmix")
    assert [name for name in names if not ours.match(name)] == []


def test_the_extension_stays_loaded(tmp_path: Path) -> None:
    """With it stays the OpenMP runtime, in which threads sleep after whoever has loaded the extension gives it up."""
    assert "NODELETE" in output_of("readelf", "-d", gaussmix._core.__file__, cwd=tmp_path)


def test_the_static_library_links_by_hand(tmp_path: Path) -> None:
    """From any C++ compiler, without CMake."""
    root = next(root for root in PACKAGE_ROOTS if (root / "lib/libgaussmix.a").is_file())
    source = ROOT / "tests/package/consumer/main.cpp"
    options = ["-std=c++17", f'-DEXPECTED_VERSION="{gaussmix.__version__}"', f"-I{root / 'include'}"]
    sources = [str(source), str(root / "lib/libgaussmix.a"), "-fopenmp"]
    subprocess.run(["c++", *options, *sources, "-o", tmp_path / "consumer"], check=True)
    subprocess.run([tmp_path / "consumer"], check=True)


def test_other_builds_find_the_cmake_package(tmp_path: Path) -> None:
    """By the entry point that scikit-build-core reads; and the consumer, as one builds it against a wheel."""
    assert [entry.value for entry in metadata.entry_points(group="cmake.root", name="gaussmix")] == ["gaussmix"]
    cmakedir = output_of(sys.executable, "-m", "gaussmix", "--cmakedir", cwd=tmp_path).strip()
    found = (f"-Dgaussmix_DIR={cmakedir}", f"-DEXPECTED_VERSION={gaussmix.__version__}")
    output_of("cmake", "-S", ROOT / "tests/package/consumer", "-B", "build", *found, cwd=tmp_path)
    # C++ and C; the consumer's other programs are built against the same headers by tests/package.
    programs = ("cxx17", "c99")
    output_of("cmake", "--build", "build", "--parallel", "2", "--target", *programs, cwd=tmp_path)
    tests = ("--no-tests=error", "--tests-regex", f"^({'|'.join(programs)})$")
    assert re.search("100% tests passed.* out of 2", output_of("ctest", "--test-dir", "build", *tests, cwd=tmp_path))


def test_the_types_and_the_notices_are_there() -> None:
    licenses = [f"licenses/{path.name}" for path in (ROOT / "python/gaussmix/licenses").iterdir()]
    assert len(licenses) == 3
    expected = ["py.typed", "_core.pyi", "THIRD_PARTY_NOTICES.md", *licenses]
    assert [name for name in expected if not installed(name)] == []


def test_the_build_says_what_it_is_made_of() -> None:
    info = gaussmix.build_info()
    assert info["eigen"] == "3.4.1"  # a pinned build requirement
    assert info["nlohmann_json"] == "3.12.0"  # this one too
    assert info["openmp"] == "on"
    assert info["build_type"] == "Release"
    assert "baseline" in info["simd_levels"]
