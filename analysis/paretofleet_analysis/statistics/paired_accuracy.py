"""Accuracies as shares of right answers: the interval of one, and the difference of two on the same items."""

from __future__ import annotations

import base64
import math
from dataclasses import dataclass

import numpy as np

from paretofleet_analysis.errors import SampleError

#: Both intervals here are of 95 %.
_TAIL = 0.025
_Z = 1.959963984540054


@dataclass(frozen=True)
class PairedAccuracies:
    """How the second of two classifiers differs from the first on the same `n` items.

    `difference`, with the 95 % interval `lo` to `hi`, is in points of percent, positive where the second is
    better. `gained`: items that only the second has right; `lost`: that only the first has. `p`: how probable
    as unlike a split of these is where neither is better.
    """

    n: int
    gained: int
    lost: int
    difference: float
    lo: float
    hi: float
    p: float


def accuracy_interval(right: int, count: int) -> tuple[float, float]:
    """The central 95 % of the accuracy of which `right` of `count` items are known, in percent.

    Jeffreys' interval, beta quantiles of (right + 1/2, wrong + 1/2), its end where all or none are right; see
    Brown, Cai and DasGupta, Interval estimation for a binomial proportion, Statistical Science 16(2), 2001.

    >>> [round(end, 1) for end in accuracy_interval(350, 360)]
    [95.1, 98.6]
    """
    from paretofleet_analysis.special_functions import betaincinv

    wrong = count - right
    lo = 0.0 if not right else float(betaincinv(right + 0.5, wrong + 0.5, _TAIL))
    hi = 1.0 if not wrong else float(betaincinv(right + 0.5, wrong + 0.5, 1 - _TAIL))
    return 100 * lo, 100 * hi


def compare_paired(first: np.ndarray, second: np.ndarray) -> PairedAccuracies:
    """The `second` (n,) truth values against the `first` (n,), item by item; n is 1 at least.

    `p` is of the exact test of McNemar (Psychometrika 12, 1947): of the items that only one has right, the
    share of either is a half where none is better. The interval is that of Bonett and Price (Journal of
    Educational and Behavioral Statistics 37(4), 2012): Wald's, with an item added to each of these counts.

    >>> a = np.array([True] * 8 + [False] * 2)
    >>> compare_paired(a, np.array([False] * 3 + [True] * 6 + [False])).p
    0.625
    """
    n = int(first.size)
    gained, lost = int((second & ~first).sum()), int((first & ~second).sum())
    share_gained, share_lost = (gained + 1) / (n + 2), (lost + 1) / (n + 2)
    middle = share_gained - share_lost
    reach = _Z * math.sqrt((share_gained + share_lost - middle**2) / (n + 2))
    return PairedAccuracies(
        n=n,
        gained=gained,
        lost=lost,
        difference=100 * (gained - lost) / n,
        lo=100 * max(-1.0, middle - reach),
        hi=100 * min(1.0, middle + reach),
        p=mcnemar_p(gained, lost),
    )


def mcnemar_p(gained: int, lost: int) -> float:
    """The two-sided exact p of `gained` and `lost` items, each of which fell to one side by even chance.

    >>> mcnemar_p(0, 0), mcnemar_p(1, 3), round(mcnemar_p(2, 12), 4)
    (1.0, 0.625, 0.0129)
    """
    from paretofleet_analysis.special_functions import bdtr

    unlike = gained + lost
    return 1.0 if gained == lost else float(min(1.0, 2 * bdtr(min(gained, lost), unlike, 0.5)))


def packed(correct: np.ndarray) -> str:
    """The (n,) truth values of `correct` as text: base64 of bits, the first in the highest of a byte.

    >>> unpacked(packed(np.array([True, False, True])), 3).tolist()
    [True, False, True]
    """
    return base64.b64encode(np.packbits(correct.astype(bool)).tobytes()).decode("ascii")


def unpacked(text: str, count: int) -> np.ndarray:
    """The `count` truth values that `packed` made a `text` of; raises SampleError where it holds others."""
    try:
        data = np.frombuffer(base64.b64decode(text, validate=True), np.uint8)
    except ValueError as error:
        raise SampleError(f"what items are right cannot be read ({error}): evaluate again") from None
    if data.size != math.ceil(count / 8):
        raise SampleError(f"what items are right is not told of {count} items: evaluate again")
    return np.unpackbits(data, count=count).astype(bool)
