"""The first points of a scrambled Sobol sequence, which is more even than chance.

The same numbers as of `scipy.stats.qmc.Sobol`, whose import takes as long as a small ranking. Directions: Joe
and Kuo 2008, Constructing Sobol sequences with better two-dimensional projections, SIAM J. Sci. Comput. 30(5)
2635. Scrambling: Matousek 1998, On the L2-discrepancy for anchored boxes, J. Complexity 14(4) 527.
"""

from __future__ import annotations

import string

import numpy as np

#: More points, or more dimensions, are scipy's.
COUNT_MAX, DIMENSIONS_MAX = 16, 256
_BITS = 30
#: Directions that so many points take.
_USED = 4
_DIGITS = string.ascii_uppercase + string.ascii_lowercase + string.digits + "+/"
#: Of each dimension the second, third and fourth direction, odd numbers below 4, 8 and 16, in a digit of 64;
#: the first is 1.
_DIRECTIONS = (
    "A9jRoK1UUuEIVj4x45Uv3ylxRsN2Xi1PJUemT59pp+PBkvLvCIfRSVrQRos8fI0y"
    "ouU2FyDKcsQ6pBNMSoTlGS+P5A5OLbi/GzNUb5WZy3VMmZHszeh1KHYkfHqTMlfb"
    "fyihxO3UaC6ZLweFb6HazSfg58T1prm2Y7v80B2qfjZS7BmmOK6o/HzAKXGOPSNT"
    "/1443v/JWRRiAvBOheMxeBkzqYsU40RM79t2+mkUKC4ij/3LgM1B6H52dlPqjGIQ"
)


def scrambled_sobol(count: int, dimensions: int, rng: np.random.Generator) -> np.ndarray:
    """(`count`, `dimensions`) points of the unit cube, scrambled and shifted at random by `rng`.

    >>> scrambled_sobol(4, 2, np.random.default_rng(1)).round(2).tolist()
    [[0.29, 0.16], [0.58, 0.94], [0.84, 0.32], [0.04, 0.54]]
    """
    if count > COUNT_MAX or dimensions > DIMENSIONS_MAX:
        from scipy.stats import qmc

        return np.asarray(qmc.Sobol(dimensions, seed=rng).random(count))
    own = rng.spawn(1)[0]
    powers = 2 ** np.arange(_BITS, dtype=np.uint32)
    state = own.integers(2, size=(dimensions, _BITS), dtype=np.uint32) @ powers
    mixing = np.tril(own.integers(2, size=(dimensions, _BITS, _BITS), dtype=np.uint32))
    mixing[:, range(_BITS), range(_BITS)] = 1
    mixed = mixing[:, :, :_USED] @ _direction_bits(dimensions) % 2  # the highest bit first
    steps = (mixed * powers[::-1, None]).sum(axis=1, dtype=np.uint32)
    points = np.empty((count, dimensions))
    for number in range(count):
        if number:
            state = state ^ steps[:, (number & -number).bit_length() - 1]  # by the lowest one of its number
        points[number] = state * 0.5**_BITS
    return points


def _direction_bits(dimensions: int) -> np.ndarray:
    """(dimensions, _USED, _USED): bits of each direction, in the last axis, highest first; the rest is 0."""
    code = np.array([_DIGITS.index(digit) for digit in "".join(_DIRECTIONS)[:dimensions]], dtype=np.uint32)
    odd = [np.ones_like(code), 2 * (code % 2) + 1, 2 * (code // 2 % 4) + 1, 2 * (code // 8) + 1]
    places = np.arange(_USED, dtype=np.uint32)
    directions = np.stack([each << (_USED - 1 - k) for k, each in enumerate(odd)], axis=1)
    return directions[:, None] >> (_USED - 1 - places)[:, None] & 1
