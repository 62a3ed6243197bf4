"""Where the C++ side of this package is: ``python -m gaussmix --cmakedir``."""

from __future__ import annotations

import argparse
from pathlib import Path

import gaussmix


def _directory(relative: str) -> str:
    """A directory of the package; an editable install has two roots."""
    for root in gaussmix.__path__:
        candidate = Path(root) / relative
        if candidate.is_dir():
            return str(candidate)
    raise SystemExit(f"gaussmix is installed without {relative} (looked in {', '.join(gaussmix.__path__)})")


def main() -> None:
    """Print what is asked for, a line each."""
    parser = argparse.ArgumentParser(prog="python -m gaussmix", description="Where the C++ side of gaussmix is.")
    parser.add_argument("--version", action="version", version=gaussmix.__version__)
    parser.add_argument("--cmakedir", action="store_true", help="the directory for CMake's gaussmix_DIR")
    parser.add_argument("--includes", action="store_true", help="the include flag for a compiler")
    asked = parser.parse_args()
    if not (asked.cmakedir or asked.includes):
        parser.error("nothing to print: give --cmakedir, --includes or --version")
    if asked.cmakedir:
        print(_directory("lib/cmake/gaussmix"))
    if asked.includes:
        print(f"-I{_directory('include')}")


if __name__ == "__main__":
    main()
