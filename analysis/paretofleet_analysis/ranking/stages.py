"""How far a large ranking has come: its stages, each with the share of the time behind it."""

from __future__ import annotations

from paretofleet_analysis.progress import report

#: Fewer rows take seconds.
ROWS_MIN = 5000
#: Shares of the CPU time of 30,000 rows of 50 % noise, two devices (`bench/rank_noisy.py`).
BEGUN, SELECTED, DRAWN, ON_FRONT, COUNTED, JUDGED = 0.0, 0.09, 0.33, 0.54, 0.67, 0.83


def reached(stage: float, rows: int) -> None:
    """That a ranking of so many `rows` has come to a `stage`, where they are many."""
    if rows >= ROWS_MIN:
        report(f"{rows:,} rows", stage)
