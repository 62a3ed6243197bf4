"""What compiled objects hold, read by nm and objdump.

    check_objects.py --nm NM --objdump OBJDUMP library|kernels|control OBJECT...

library: no object can print, abort or exit, and none holds a symbol of a plain `Eigen` or `nlohmann` namespace; none
         holds an instruction that some x86-64 processor lacks.
kernels: the only symbol that leaves is the kernel table, nothing runs at load time, nothing is stored, and nothing is
         called beyond the C library's memory functions; no x86-64 instruction or register is of a higher level.
control: the object breaks each of these rules on purpose, and each breach must be seen.
"""

import argparse
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

# std::terminate is not among them: the compiler calls it where an exception would leave a noexcept function.
PRINTS = re.compile(
    r"_*v?(f|d|w|fw)?printf(_chk)?|_*v(f|d|w|fw)?printf|f?puts|f?putc|putchar|putw?c|_IO_putc|fwrite|write|perror|p?syslog"
    r"|_ZSt4(cout|cerr|clog)|_ZSt5(wcout|wcerr|wclog)|_ZNSt8ios_base4InitC1Ev"
)
LEAVES = re.compile(r"abort|_?exit|_Exit|quick_exit|raise|kill|__assert_fail|_ZSt21__glibcxx_assert_failPKciS0_S0_")
PLAIN_LIBRARY = re.compile(r"(?<!\d)(5Eigen|8nlohmann)")  # in a mangled name; the library's own are these:
RENAMED = ("14gaussmix_eigen", "17gaussmix_nlohmann")
KERNEL_CALLS = re.compile(r"mem(cpy|move|set|cmp)|_GLOBAL_OFFSET_TABLE_")
KERNEL_TABLE = re.compile(r"_ZN8gaussmix4simd\d+kernels_(\w+)E")
# In a line of objdump: the instructions of AVX begin with v; AVX-512 has wider, more and mask registers.
AVX512 = r"%zmm|%[xy]mm(1[6-9]|[23]\d)|%k[0-7]"
TOO_WIDE = {"baseline": re.compile(rf"\tv[a-z]|%ymm|{AVX512}"), "avx2": re.compile(AVX512)}
LOAD_TIME = re.compile(r"\.(init_array|preinit_array|ctors)\b")
WRITABLE = re.compile(r"\.(data|bss|tdata|tbss)(?!\.rel\.ro)\b")


class Symbol(NamedTuple):
    kind: str
    name: str


class Tools(NamedTuple):
    nm: str
    objdump: str

    def symbols(self, path: Path) -> list[Symbol]:
        lines = run(self.nm, "-P", str(path)).splitlines()
        found = [Symbol(kind, name) for name, kind, *_ in map(str.split, lines)]
        if not found:
            raise SystemExit(f"{path}: no symbols, so nothing can be checked")
        return found

    def sections(self, path: Path) -> Iterator[tuple[str, int]]:
        """The name and size of each section."""
        for line in run(self.objdump, "-h", str(path)).splitlines():
            fields = line.split()
            if len(fields) >= 3 and fields[0].isdigit():
                yield fields[1], int(fields[2], 16)

    def code(self, path: Path) -> list[str]:
        """The lines of the disassembly."""
        return run(self.objdump, "-d", "--no-show-raw-insn", str(path)).splitlines()


def run(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def undefined(symbols: list[Symbol]) -> Iterator[str]:
    return (s.name.split("@")[0] for s in symbols if s.kind in "Uw")


def width_breaches(tools: Tools, path: Path, level: str) -> Iterator[str]:
    too_wide = TOO_WIDE.get(level)
    if too_wide and (lines := [line for line in tools.code(path) if too_wide.search(line)]):
        yield f"has {len(lines)} instructions that {level} lacks, such as {lines[0].strip()}"


def library_breaches(tools: Tools, path: Path) -> Iterator[str]:
    symbols = tools.symbols(path)
    yield from width_breaches(tools, path, "baseline")
    for name in undefined(symbols):
        if PRINTS.fullmatch(name):
            yield f"prints by {name}"
        if LEAVES.fullmatch(name):
            yield f"leaves by {name}"
    for symbol in symbols:
        if PLAIN_LIBRARY.search(symbol.name):
            yield f"plain symbol {symbol.name}"


def kernel_breaches(tools: Tools, path: Path) -> Iterator[str]:
    symbols = tools.symbols(path)
    for symbol in symbols:
        leaves_object = (symbol.kind.isupper() and symbol.kind != "U") or symbol.kind in "vu"
        if leaves_object and not KERNEL_TABLE.fullmatch(symbol.name):
            yield f"exports {symbol.name}"
    for name in undefined(symbols):
        if not KERNEL_CALLS.fullmatch(name):
            yield f"calls {name}"
    for section, size in tools.sections(path):
        if LOAD_TIME.match(section):
            yield f"runs at load time by {section}"
        if WRITABLE.match(section) and size > 0:
            yield f"stores {size} bytes in {section}"


def check_library(tools: Tools, objects: list[Path]) -> Iterator[str]:
    for path in objects:
        yield from (f"{path.name}: {breach}" for breach in library_breaches(tools, path))
    names = [symbol.name for path in objects for symbol in tools.symbols(path)]
    for renamed in RENAMED:
        if not any(renamed in name for name in names):
            yield f"no symbol of {renamed} is in sight, so the check for plain ones shows nothing"


def check_kernels(tools: Tools, objects: list[Path]) -> Iterator[str]:
    for path in objects:
        yield from (f"{path.name}: {breach}" for breach in kernel_breaches(tools, path))
        tables = [KERNEL_TABLE.fullmatch(symbol.name) for symbol in tools.symbols(path)]
        levels = [table[1] for table in tables if table]
        if not levels:
            yield f"{path.name}: no kernel table"
        for level in levels:
            yield from (f"{path.name}: {breach}" for breach in width_breaches(tools, path, level))


def check_control(tools: Tools, objects: list[Path]) -> Iterator[str]:
    """Each breach that unclean_object.cpp holds must be reported."""
    seen = [b for path in objects for b in (*library_breaches(tools, path), *kernel_breaches(tools, path))]
    is_x86 = any("x86-64" in run(tools.objdump, "-f", str(path)) for path in objects)
    for expected in (
        *([r"has \d+ instructions that baseline lacks, such as .*"] if is_x86 else []),
        "prints by _ZSt4cout",
        "prints by _ZSt4cerr",
        r"prints by _*printf\w*",
        "prints by puts",
        "leaves by abort",
        "leaves by exit",
        "plain symbol .*5Eigen.*plain_symbol.*",
        "plain symbol .*8nlohmann.*plain_symbol.*",
        "exports .*print_and_leave.*",
        "calls getenv",
        r"runs at load time by .init_array.*",
        r"stores \d+ bytes in .data.*",
    ):
        if not any(re.fullmatch(expected, breach) for breach in seen):
            yield f"not seen: {expected}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nm", required=True)
    parser.add_argument("--objdump", required=True)
    parser.add_argument("check", choices=["library", "kernels", "control"])
    parser.add_argument("objects", type=Path, nargs="+")
    args = parser.parse_args()
    check = {"library": check_library, "kernels": check_kernels, "control": check_control}[args.check]
    objects = [Path(part) for path in args.objects for part in str(path).split(";")]
    breaches = list(check(Tools(args.nm, args.objdump), objects))
    print("\n".join(breaches) or f"{args.check}: {len(objects)} objects hold to their rules")
    return 1 if breaches else 0


if __name__ == "__main__":
    sys.exit(main())
