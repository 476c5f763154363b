"""Values as people read them: to two digits of what is unknown of them."""

from __future__ import annotations

import math

from paretofleet_analysis.statistics.intervals import Estimate

#: Digits at most: no clock and no sensor tells more of a value.
_DIGITS_MAX = 6


def rounded(value: float, resolution: float) -> str:
    """The `value` to two digits of its `resolution`, in one unit; to four of its own where that is 0.

    It never has more than six digits.

    >>> rounded(12.345, 0.25), rounded(1234.5, 70.0), rounded(0.12345678, 0.0)
    ('12.35', '1234', '0.1235')
    """
    if value == 0 and resolution <= 0:
        return "0"
    scale = resolution if resolution > 0 else abs(value) / 100
    most = _DIGITS_MAX - 1 - (math.floor(math.log10(abs(value))) if value else 0)
    return f"{value:.{max(min(1 - math.floor(math.log10(scale)), most), 0)}f}"


def parts(estimate: Estimate, scale: float) -> tuple[str, str, str] | None:
    """The mean of an `estimate` times `scale` and the ends of its interval, rounded to the interval.

    The ends are empty where there is no interval; None without a mean.

    >>> parts(Estimate(0.012345, 0.0121, 0.0126, 5), 1e3)
    ('12.35', '12.10', '12.60')
    """
    if estimate.mean is None:
        return None
    half = estimate.half_width
    if half is None or estimate.lo is None or estimate.hi is None:
        return rounded(estimate.mean * scale, 0.0), "", ""
    mean, lo, hi = (
        rounded(value * scale, half * scale) for value in (estimate.mean, estimate.lo, estimate.hi)
    )
    return mean, lo, hi
