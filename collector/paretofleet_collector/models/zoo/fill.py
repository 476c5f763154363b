"""Seeded weights that are the same bits on every machine.

A weight is drawn by hashing its index in integers modulo 2**64 (SplitMix64) from a key made of the fill's
version, the seed and the tensor's name. The hash's top 24 bits make an odd integer k, |k| < 2**24, so that
k / 2**24 is exact in float32, uniform in (-1, 1) and never zero. One float32 multiplication and one addition
follow. IEEE 754 fixes the results of these, and of the square root in the half-width of He's rule; nothing
else of the mathematics library is used.

Which weight gets which distribution: `rules`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

FILL_VERSION = 1
SEED = 1
BLOCK = 1 << 16  # elements at a time: the work arrays stay in a core's cache

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)


@dataclass(frozen=True)
class Spread:
    """A uniform distribution on (centre - half_width, centre + half_width)."""

    centre: float
    half_width: float


def blocks(name: str, count: int, spread: Spread, seed: int = SEED) -> Iterator[npt.NDArray[np.float32]]:
    """The `count` values of the tensor `name`, float32, in order, `BLOCK` at a time.

    They are drawn from `spread` by the `seed`.
    """
    text = f"paretofleet fill {FILL_VERSION} {seed} {name}"
    key = np.uint64(int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big"))
    half_width, centre = np.float32(spread.half_width), np.float32(spread.centre)
    for start in range(0, count, BLOCK):
        index = np.arange(start + 1, min(start + BLOCK, count) + 1, dtype=np.uint64)
        odd = (_mixed(index * _GOLDEN + key) >> np.uint64(40)).astype(np.int64) * 2 + (1 - (1 << 24))
        unit = odd.astype(np.float32) * np.float32(2.0**-24)
        yield unit * half_width + centre


def _mixed(z: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """SplitMix64's finaliser, element by element; overwrites its argument."""
    z ^= z >> np.uint64(30)
    z *= _MIX_1
    z ^= z >> np.uint64(27)
    z *= _MIX_2
    z ^= z >> np.uint64(31)
    return z
