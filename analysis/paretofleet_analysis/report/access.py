"""The repeats of a report's row, by block: what drift and comparisons within blocks are computed from."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
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


def measured_again(rows: Sequence[Row]) -> dict[int, int]:
    """By row the next of the same configuration in the same environment, by the start of their last runs.

    Rows whose runs have no times follow each other as they come; one that shares a run with another is no
    measurement of its own.

    >>> row = {"configuration_id": "a", "environment_id": "e", "run_counted": [True]}
    >>> measured_again([row | {"run_ids": [f"r{at}"], "run_started_s": [at]} for at in (7.0, 9.0, 8.0)])
    {0: 2, 2: 1}
    """
    same: dict[tuple[str, str], list[int]] = {}
    for i in sorted(range(len(rows)), key=lambda i: _last_start(rows[i])):
        same.setdefault((str(rows[i]["configuration_id"]), str(rows[i]["environment_id"])), []).append(i)
    return {
        i: after
        for chain in same.values()
        for i, after in pairwise(chain)
        if not set(rows[i]["run_ids"]) & set(rows[after]["run_ids"])
    }


def _last_start(row: Row) -> float:
    started = zip(row["run_started_s"], row["run_counted"], strict=True)
    return max((at for at, is_counted in started if is_counted and at is not None), default=0.0)
