"""How long to wait before the next try: twice as long after each failure, up to a bound, for ever."""

from __future__ import annotations

FIRST_S = 1.0
MOST_S = 120.0


def delay_s(failures: int) -> float:
    """Seconds to wait after that many `failures` in a row, at least 1."""
    return float(min(FIRST_S * 2 ** min(failures - 1, 30), MOST_S))
