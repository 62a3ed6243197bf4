"""The plan of the house, read from the files: which floor may know which, and what is said in one place only."""

import ast
import fnmatch
import json
import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).relative_to(ROOT).as_posix()
ROOMS = ("cpp", "python", "tests", "bench", "docs", ".ci", ".github")
TOP_LEVEL = {
    *(
        "pyproject.toml",
        "CMakeLists.txt",
        "CMakePresets.json",
        "README.md",
        "LICENSE",
        "CHANGELOG.md",
        "CONTRIBUTING.md",
    ),
    *("CITATION.cff", "cpp", "python", "tests", "bench", "docs"),
}
SOURCE_SUFFIXES = {".cpp", ".hpp", ".c", ".h", ".py", ".pyi"}
TEXT_SUFFIXES = {*SOURCE_SUFFIXES, *(".txt", ".cmake", ".in", ".json", ".toml", ".md", ".yml", ".yaml", ".sh", "")}

CXX_STANDARD = r"<[a-z_0-9]+>"
C_STANDARD = r"<(stddef|stdint)\.h>"
PUBLIC = r"<gaussmix/\w+\.h(pp)?>"
POSIX = r"<(pthread|sched|unistd|cpuid|immintrin)\.h>"
FILES = r"<(fcntl|unistd|sys/stat)\.h>"
MEMORY = r"<sys/mman\.h>"
KERNEL_MATHS = r"<(cfloat|cmath|cstddef|cstdint|cstring|limits|type_traits|utility|immintrin\.h|arm_neon\.h)>"
KERNELS = r'"simd/(kernel_table|dispatch)\.hpp"'


def rooms(names: str) -> str:
    """The headers of these rooms of cpp/src."""
    return rf'"({"|".join(names.split())})/\w+\.hpp"'


PLAIN = (CXX_STANDARD, PUBLIC)
BASE = (*PLAIN, rooms("base"))
NUMERIC = (*PLAIN, rooms("base numeric"))
PARALLEL = (*PLAIN, rooms("base parallel"), POSIX)
DATA = (*PLAIN, rooms("base data"), KERNELS)
IO = (*PLAIN, rooms("base io"))
MODEL = (*PLAIN, rooms("base numeric parallel io model"), KERNELS)
START = (*PLAIN, rooms("base numeric parallel data start"), KERNELS)
SCORE = (*PLAIN, rooms("base numeric parallel data model score"), KERNELS)
EM = (*PLAIN, rooms("base numeric parallel data model start score em"), KERNELS)

# What a file may include: the first row whose glob matches it. An arrow that is not here points up.
FLOORS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("cpp/include/gaussmix/*.hpp", (CXX_STANDARD, r"<gaussmix/(\w+\.hpp|export\.h)>")),
    ("cpp/include/gaussmix/*.h", (C_STANDARD, r"<gaussmix/\w+\.h>")),
    ("cpp/src/simd/kernel_table.hpp", ("<cstdint>",)),
    ("cpp/src/simd/kernels/kernels.inl.hpp", (KERNEL_MATHS, r'"simd/kernel_table\.hpp"', r'"\w+\.inl\.hpp"')),
    ("cpp/src/simd/kernels/*.inl.hpp", ()),
    ("cpp/src/simd/isa/*", (r'"simd/kernels/kernels\.inl\.hpp"',)),
    ("cpp/src/simd/*", (*PLAIN, POSIX, r'"simd/(kernel_table|dispatch|cpu_features)\.hpp"')),
    ("cpp/src/base/buffer.cpp", (*BASE, MEMORY)),
    ("cpp/src/base/*", BASE),
    ("cpp/src/numeric/linalg.cpp", (*NUMERIC, r"<Eigen/\w+>")),
    ("cpp/src/numeric/*", NUMERIC),
    ("cpp/src/parallel/*.cpp", (*PARALLEL, r"<omp\.h>")),
    ("cpp/src/parallel/*", PARALLEL),
    ("cpp/src/data/*", DATA),
    ("cpp/src/io/files.cpp", (*IO, FILES)),
    ("cpp/src/io/tensor_header.cpp", (*IO, r"<nlohmann/json\.hpp>")),
    ("cpp/src/io/*", IO),
    ("cpp/src/model/*", MODEL),
    ("cpp/src/start/*", START),
    ("cpp/src/score/*", SCORE),
    ("cpp/src/em/statistics_file.cpp", (*EM, rooms("io"))),
    ("cpp/src/em/statistics_version_1.*", (*EM, rooms("io"))),
    ("cpp/src/em/*", EM),
    ("cpp/src/c_api/*", (*PLAIN, rooms("base c_api"))),
    ("cpp/examples/embed_eigen.cpp", (CXX_STANDARD, PUBLIC, r"<Eigen/\w+>")),
    ("cpp/examples/*.c", (r"<\w+\.h>", PUBLIC)),
    ("cpp/examples/*", (CXX_STANDARD, PUBLIC)),
    ("python/bindings/numpy.hpp", (CXX_STANDARD, PUBLIC, r"<pybind11/\w+\.h>", r'"\w+\.hpp"')),
    ("python/bindings/*", (CXX_STANDARD, PUBLIC, r"<pybind11/(?!numpy|eigen)\w+\.h>", r'"\w+\.hpp"')),
    ("tests/package/consumer/eigen.cpp", (CXX_STANDARD, PUBLIC, r"<Eigen/\w+>")),
    ("tests/package/*.c", (r"<\w+\.h>", PUBLIC)),
    ("tests/package/*", (CXX_STANDARD, PUBLIC)),
)


def text_files(*rooms: str) -> Iterator[Path]:
    """Every text file of these rooms, as a path from the root; caches of the tools are none of ours."""
    for room in rooms:
        for path in sorted((ROOT / room).rglob("*")):
            hidden_or_cache = any(
                part.startswith(".") or part == "__pycache__" for part in path.relative_to(ROOT / room).parts
            )
            if path.is_file() and path.suffix in TEXT_SUFFIXES and not hidden_or_cache:
                yield path.relative_to(ROOT)


def all_text_files() -> Iterator[Path]:
    yield from text_files(*ROOMS)
    yield from (Path(name) for name in sorted(TOP_LEVEL) if (ROOT / name).is_file())
    yield from (path.relative_to(ROOT) for path in sorted(ROOT.glob(".*")) if path.is_file() and path.name != ".git")


def read(path: Path) -> str:
    return (ROOT / path).read_text(encoding="utf-8")


def sources(*suffixes: str) -> list[Path]:
    return [path for path in text_files("cpp", "python", "tests", "bench") if path.suffix in suffixes]


def includes(text: str) -> list[str]:
    return re.findall(r"^\s*#\s*include\s*([<\"].*?[>\"])", text, flags=re.MULTILINE)


def upward_includes(path: str, text: str) -> list[str]:
    """The includes of a file that its floor does not allow; none for files that stand on no floor."""
    for glob, allowed in FLOORS:
        if fnmatch.fnmatch(path, glob):
            return [name for name in includes(text) if not any(re.fullmatch(rule, name) for rule in allowed)]
    return []


def matches(pattern: str, paths: list[Path]) -> list[str]:
    """`file:line: text` for every line that holds the pattern, this file left out."""
    return [
        f"{path}:{number}: {line.strip()}"
        for path in paths
        if path.as_posix() != HERE
        for number, line in enumerate(read(path).splitlines(), start=1)
        if re.search(pattern, line)
    ]


def test_no_include_points_up() -> None:
    upward = {
        path.as_posix(): upward_includes(path.as_posix(), read(path)) for path in sources(".cpp", ".hpp", ".c", ".h")
    }
    assert {path: names for path, names in upward.items() if names} == {}


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("cpp/include/gaussmix/fit.hpp", "#include <Eigen/Core>"),
        ("cpp/include/gaussmix/fit.hpp", "#include <omp.h>"),
        ("cpp/include/gaussmix/fit.hpp", '#include "validate.hpp"'),
        ("cpp/include/gaussmix/fit.hpp", "#include <gaussmix/gaussmix.h>"),
        ("cpp/include/gaussmix/gaussmix.h", "#include <gaussmix/mixture.hpp>"),
        ("cpp/include/gaussmix/gaussmix.h", "#include <gaussmix/export.hpp>"),
        ("cpp/src/simd/kernel_table.hpp", "#include <gaussmix/views.hpp>"),
        ("cpp/src/simd/kernels/kernels.inl.hpp", "#include <vector>"),
        ("cpp/src/simd/kernels/kernels.inl.hpp", "#include <gaussmix/views.hpp>"),
        ("cpp/src/simd/kernels/vector.inl.hpp", "#include <cmath>"),
        ("cpp/src/simd/isa/kernels_baseline.cpp", '#include "simd/dispatch.hpp"'),
        ("cpp/src/em/fit.cpp", "#include <omp.h>"),
        ("cpp/src/em/fit.cpp", "#include <Eigen/Core>"),
        ("cpp/src/em/fit.cpp", '#include "simd/kernels/kernels.inl.hpp"'),
        ("cpp/src/model/model_file.cpp", "#include <nlohmann/json.hpp>"),
        ("cpp/src/model/model_file.cpp", "#include <fcntl.h>"),
        ("cpp/src/parallel/threads.cpp", "#include <pybind11/numpy.h>"),
        ("python/bindings/bind_fit.cpp", "#include <pybind11/numpy.h>"),
        ("python/bindings/bind_fit.cpp", '#include "../../cpp/src/base/message.hpp"'),
        ("cpp/src/base/message.cpp", '#include "em/m_step.hpp"'),
        ("cpp/src/numeric/linalg.cpp", '#include "data/samples.hpp"'),
        ("cpp/src/parallel/parallel.cpp", '#include "numeric/linalg.hpp"'),
        ("cpp/src/data/samples.cpp", '#include "model/mixture_data.hpp"'),
        ("cpp/src/io/files.cpp", '#include "model/mixture_data.hpp"'),
        ("cpp/src/model/mixture.cpp", '#include "score/block_evaluator.hpp"'),
        ("cpp/src/start/lloyd.cpp", '#include "model/mixture_data.hpp"'),
        ("cpp/src/score/score.cpp", '#include "em/block_moments.hpp"'),
        ("cpp/src/em/fit.cpp", '#include "c_api/border.hpp"'),
        ("cpp/src/c_api/fit.cpp", '#include "em/m_step.hpp"'),
        ("cpp/examples/score.cpp", '#include "../src/base/message.hpp"'),
    ],
)
def test_an_include_that_points_up_is_seen(path: str, line: str) -> None:
    assert upward_includes(path, f"#pragma once\n  {line}\n") == includes(line)


def test_every_source_stands_in_a_room() -> None:
    assert [path for path in sources(".cpp", ".hpp") if path.parent == Path("cpp/src")] == []


def test_the_stopping_rule_of_em_is_written_once() -> None:
    code = [
        path for path in sources(".cpp", ".hpp", ".py") if path.parts[:2] in {("cpp", "src"), ("python", "gaussmix")}
    ]
    warm_start = "python/gaussmix/_estimator/progress.py"  # the first change of one, which the core does not know
    written = [line.split(":")[0] for line in matches(r"abs\(.*\) *<=? *\S*tol\b", code)]
    assert written == ["cpp/src/em/em.cpp", warm_start]


def test_openmp_directives_stand_in_one_file() -> None:
    paths = [path for path in sources(".cpp", ".hpp") if path != Path("cpp/src/parallel/parallel.cpp")]
    assert matches(r"#\s*pragma omp|_Pragma\(\"omp", paths) == []


def test_the_umbrella_brings_every_header() -> None:
    for suffix in ("hpp", "h"):
        umbrella = f"gaussmix.{suffix}"
        names = {path.name for path in (ROOT / "cpp/include/gaussmix").glob(f"*.{suffix}")} - {umbrella}
        found = set(includes(read(Path("cpp/include/gaussmix") / umbrella)))
        assert found == {f"<gaussmix/{name}>" for name in names}


NOUNS_OF_THEIR_OWN = {"gaussmix", "error", "views"}  # headers that declare no function


@pytest.mark.parametrize(
    "noun", sorted(p.stem for p in (ROOT / "cpp/include/gaussmix").glob("*.hpp") if p.stem not in NOUNS_OF_THEIR_OWN)
)
def test_a_noun_is_found_on_every_floor(noun: str) -> None:
    rooms_of_noun = [path for path in (ROOT / "cpp/src").rglob(f"{noun}*") if "c_api" not in path.parts]
    assert rooms_of_noun, "no source and no room has this name"
    assert (ROOT / f"tests/cpp/test_{noun}.cpp").is_file()


def imports_at_load(tree: ast.Module) -> Iterator[str]:
    """The packages that importing a module imports: not those inside functions or under TYPE_CHECKING."""
    pending: list[ast.AST] = [tree]
    while pending:
        node = pending.pop()
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield (node.module or "").split(".")[0]
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) or (
            isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING")
        ):
            continue
        pending.extend(ast.iter_child_nodes(node))


def test_importing_the_package_needs_numpy_alone() -> None:
    allowed = {*sys.stdlib_module_names, "numpy", "gaussmix"}
    for path in text_files("python/gaussmix"):
        if path.suffix == ".py":
            assert set(imports_at_load(ast.parse(read(path)))) <= allowed, path


def test_imports_at_load_sees_through_blocks_but_not_into_functions() -> None:
    tree = ast.parse(
        "try:\n  import a.b\nexcept ImportError:\n  from c import d\ndef f():\n  import e\nfrom . import g"
    )
    assert set(imports_at_load(tree)) == {"a", "c"}


def project_version() -> str:
    found = re.search(r"^project\(gaussmix VERSION (\S+)", read(Path("CMakeLists.txt")), flags=re.MULTILINE)
    assert found
    return found[1]


def test_the_version_is_stated_once() -> None:
    paths = [path for path in all_text_files() if path != Path("CHANGELOG.md")]
    stated = matches(rf"(?<![\w.]){re.escape(project_version())}(?![\w.])", paths)
    assert [line.split(":")[0] for line in stated] == ["CMakeLists.txt"]


def test_a_commit_is_checked_by_the_tools_of_the_lint_group() -> None:
    project = tomllib.loads(read(Path("pyproject.toml")))
    hooks = re.findall(r'"([\w-]+==[\d.]+)"', read(Path(".pre-commit-config.yaml")))
    assert hooks
    assert set(hooks) <= set(project["dependency-groups"]["lint"])


def test_the_hosted_checks_begin_with_the_oldest_that_the_project_admits() -> None:
    project = tomllib.loads(read(Path("pyproject.toml")))["project"]
    workflow = read(Path(".github/workflows/ci.yml"))
    oldest = [requirement.removeprefix("numpy>=") for requirement in project["dependencies"]]
    assert f'"numpy=={oldest[0]}.*"' in workflow
    assert f'python: ["{project["requires-python"].removeprefix(">=")}", ' in workflow


def test_every_preset_of_a_build_is_checked() -> None:
    presets = json.loads(read(Path("CMakePresets.json")))["configurePresets"]
    names = {preset["name"] for preset in presets if not preset.get("hidden")} - {"developer"}  # as the README builds
    assert [name for name in names if not re.search(rf"preset {name}\b", read(Path(".ci/run")))] == []


def test_the_architecture_names_every_room() -> None:
    text = read(Path("docs/architecture.md"))
    folders = [path.name for path in (ROOT / "cpp/src").iterdir() if path.is_dir()]
    assert [name for name in folders if f"`cpp/src/{name}`" not in text] == []


def test_the_changelog_opens_with_the_version() -> None:
    headings = re.findall(r"^## (\S+)", read(Path("CHANGELOG.md")), flags=re.MULTILINE)
    assert next(heading for heading in headings if heading != "Unreleased") == project_version()
    assert "Unreleased" not in headings[1:]


def test_no_flag_gives_up_exact_floating_point() -> None:
    flags = r"(?<![\w])-(ffast-math|Ofast|funsafe-math-optimizations|ffinite-math-only|fassociative-math|march=native)"
    builds = [
        p
        for p in all_text_files()
        if (p.suffix in {".txt", ".cmake", ".toml", ".cpp", ".hpp", ".inl"} or ".ci" in p.parts)
        and not p.is_relative_to("tests/package/consumer")  # an application's flags are its own
        and not p.is_relative_to("bench/cpp")  # a peak is the machine's
    ]
    assert matches(flags, builds) == []


def test_no_path_of_a_machine() -> None:
    machine = rf"(?<![\w.~])/(home|root|Users|mnt|opt|srv|work|tmp)/\w|[A-Z]:\\\\?Users|{re.escape(str(ROOT))}"
    assert matches(machine, list(all_text_files())) == []


def test_no_room_that_the_plan_does_not_name() -> None:
    ignored = [line.strip("/") for line in read(Path(".gitignore")).splitlines()]
    names = [path.name for path in ROOT.iterdir() if not path.name.startswith(".")]
    extra = {name for name in names if not any(fnmatch.fnmatch(name, pattern) for pattern in ignored)} - TOP_LEVEL
    assert extra == set()


def test_no_file_far_above_400_lines() -> None:
    lengths = {path.as_posix(): len(read(path).splitlines()) for path in sources(*SOURCE_SUFFIXES)}
    assert {path: length for path, length in lengths.items() if length > 450} == {}
