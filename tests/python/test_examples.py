"""The examples run, print what they promise, and stand in the README as they are."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest
from conftest import output_of
from PIL import Image

ROOT = Path(__file__).parents[2]
PYTHON_EXAMPLE = ROOT / "python" / "examples" / "score_rows.py"
C_EXAMPLE = ROOT / "cpp" / "examples" / "score_row.c"
CPP_EXAMPLE = ROOT / "cpp" / "examples" / "fit_and_score.cpp"
OLD_FAITHFUL = ROOT / "python" / "examples" / "old_faithful.py"

CMAKE_LISTS = """
cmake_minimum_required(VERSION 3.25)
project(example LANGUAGES CXX)
find_package(gaussmix CONFIG REQUIRED)
add_executable(example example.cpp)
target_link_libraries(example PRIVATE gaussmix::gaussmix)
"""


def readme_blocks(language: str) -> list[str]:
    """The fenced blocks of a language, in their order."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    return re.findall(rf"^```{re.escape(language)}\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize(("language", "example"), [("python", PYTHON_EXAMPLE), ("cpp", CPP_EXAMPLE), ("c", C_EXAMPLE)])
def test_readme_shows_the_example(language: str, example: Path) -> None:
    assert example.read_text(encoding="utf-8") in readme_blocks(language)


def test_readme_python_blocks_run(tmp_path: Path) -> None:
    blocks = readme_blocks("python")
    assert blocks
    printed = [output_of(sys.executable, "-W", "error", "-c", block, cwd=tmp_path) for block in blocks]
    told_apart, odd, row = expect(
        r"([\d.]+)% of the rows are told apart, (\d+) are odd\na row in between: \[([\d. ]+)\]\n", "".join(printed)
    )
    assert float(told_apart) > 99
    assert int(odd) == 100
    assert sum(map(float, row.split())) == pytest.approx(1.0, abs=0.011)


def test_readme_cpp_blocks_build_and_run(tmp_path: Path) -> None:
    """Against the package as installed, found the way the README tells C++ people to find it."""
    cmakedir = output_of(sys.executable, "-m", "gaussmix", "--cmakedir", cwd=tmp_path).strip()
    blocks = readme_blocks("cpp")
    assert blocks
    for i, block in enumerate(blocks):
        project = tmp_path / str(i)
        project.mkdir()
        (project / "CMakeLists.txt").write_text(CMAKE_LISTS, encoding="utf-8")
        (project / "example.cpp").write_text(block, encoding="utf-8")
        output_of("cmake", "-B", "build", f"-Dgaussmix_DIR={cmakedir}", "-DCMAKE_BUILD_TYPE=Release", cwd=project)
        output_of("cmake", "--build", "build", cwd=project)
        assert_fit_and_score(output_of("build/example", cwd=project))


def assert_fit_and_score(printed: str) -> None:
    """The short and the long eruptions, in either order, and a row that belongs to the short ones."""
    number = r"(-?[\d.]+)"
    component = rf"weight {number}, mean \({number}, {number}\)\n"
    row = rf"log p = {number}, responsibilities {number} and {number}\n"
    values = [float(value) for value in expect(component + component + row, printed)]
    short, long = sorted([(values[1], values[2], values[0], values[7]), (values[4], values[5], values[3], values[8])])
    assert short[:2] == pytest.approx((2.2, 55.5), abs=0.5)
    assert long[:2] == pytest.approx((4.0, 82.7), abs=0.5)
    assert short[2] + long[2] == pytest.approx(1.0, abs=0.011)
    assert short[3] > 0.99


def test_old_faithful(tmp_path: Path) -> None:
    """Log-likelihood −1130.264 for two whole covariances; the best by BIC is three tied ones with 2314.3. One that
    sits on the waits of exactly 83 minutes alone is marked."""
    printed = output_of(sys.executable, "-W", "error", OLD_FAITHFUL, "--output", "geyser.png", cwd=tmp_path)
    (log_likelihood,) = expect(r"log-likelihood of the result: (-[\d.]+)", printed)
    assert float(log_likelihood) == pytest.approx(-1130.2640, abs=1e-3)
    trace = [float(value) for value in re.findall(r"iteration +\d+ +(-[\d.]+)", printed)]
    assert len(trace) > 3
    assert trace == sorted(trace)
    table = re.findall(r"^  [1-6] ((?: +\d{4}\.\d\d[*! ]){4})$", printed, flags=re.MULTILINE)
    assert len(table) == 6
    assert table[1].split()[0] == "2322.19"
    assert table[2].split()[1] == "2314.30*"
    assert sum(row.count("*") for row in table) == 1
    assert table[4].split()[2].endswith("!")
    shares = [tuple(map(float, row)) for row in re.findall(r"then \d+ min: +([\d.]+)  ([\d.]+)", printed)]
    assert [round(max(pair), 3) for pair in shares[:2]] == [1.0, 1.0]
    assert 0.5 <= max(shares[2]) < 0.9
    assert_is_picture(tmp_path / "geyser.png")


def assert_is_picture(path: Path) -> None:
    """A PNG of at least 600 × 400 pixels with more than a background in it."""
    with Image.open(path) as picture:
        assert picture.format == "PNG"
        assert picture.width >= 600
        assert picture.height >= 400
        colors = picture.convert("RGB").getcolors(maxcolors=picture.width * picture.height)
        assert colors is not None
        assert len(colors) > 100


def expect(pattern: str, text: str) -> tuple[str, ...]:
    found = re.search(pattern, text)
    assert found, f"{pattern!r} is not in\n{text}"
    return found.groups()
