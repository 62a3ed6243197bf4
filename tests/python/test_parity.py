"""The bits of the first release, by which a change of structure is told from a change of results."""

import json
from pathlib import Path

import gaussmix
import parity
import pytest

STORED = json.loads((Path(__file__).parents[1] / "data/bits.json").read_text(encoding="utf-8"))

pytestmark = [
    pytest.mark.skipif(
        (STORED["libm"], STORED["eigen"]) != (parity.libm(), gaussmix.build_info()["eigen"]),
        reason="logarithms, exponentials and factorizations have the bits of another C library or Eigen",
    ),
    pytest.mark.filterwarnings("ignore"),  # bits are compared, of fits that are stopped early too
]

LEVELS = [level for level in parity.levels() if level in STORED["bits"]]


@pytest.mark.parametrize("level", LEVELS)
def test_bits_are_those_stored(level: str) -> None:
    before = gaussmix.simd_level()
    gaussmix.set_simd_level(level)
    try:
        found = parity.results()
    finally:
        gaussmix.set_simd_level(before)
    stored = STORED["bits"][level]
    assert found.keys() == stored.keys()
    assert {name: bits for name, bits in found.items() if bits != stored[name]} == {}


def test_a_changed_bit_is_seen() -> None:
    x = parity.rows(9, 2, 1, 1.0, 0)
    assert parity.digest(x) == parity.digest(x.copy())
    x[3, 1] *= 1 + 2.0**-52
    assert parity.digest(x) != parity.digest(parity.rows(9, 2, 1, 1.0, 0))
