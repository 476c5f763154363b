"""The repeats of a report's row, by block: what drift and comparisons within blocks are computed from."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

Row = Mapping[str, Any]


def by_block(row: Row, name: str) -> dict[int, float]:
    """Block to value of the counted runs that have a positive one; where a block has several, their mean.

    >>> by_block({"run_blocks": [1, 2, 2], "run_counted": [True] * 3, "x_runs": [1.0, 2.0, 4.0]}, "x")
    {1: 1.0, 2: 3.0}
    """
    found: dict[int, list[float]] = {}
    runs = zip(row["run_blocks"], row["run_counted"], row[f"{name}_runs"], strict=True)
    for block, is_counted, value in runs:
        if is_counted and value is not None and 0 < value < math.inf:
            found.setdefault(block, []).append(float(value))
    return {block: sum(values) / len(values) for block, values in found.items()}


def place(row: Row) -> tuple[str, str]:
    """Where and when blocks are the same: rows of a device and sweep share theirs, whatever the runtime."""
    return str(row["device"]), str(row["sweep"])
