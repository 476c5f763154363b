"""What a reader takes from a report's row: what to call it, its runs' values, and which blocks they share."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from paretofleet_analysis.objectives import OBJECTIVES
from paretofleet_analysis.report.fed import fed_parts
from paretofleet_analysis.report.published import UNKNOWN

#: A row of the report: column to value.
Row = dict[str, Any]


def label(row: Row) -> str:
    """What a sentence calls a `row`, without what is unknown.

    >>> row = {"model": "resnet50", "precision": "fp32", "device": "desk", "target": "cpu", "batch_size": 8}
    >>> label(row | {"runtime": "torch"}), label(row | {"runtime": "unknown", "precision": "unknown"})
    ('resnet50 fp32, torch on desk cpu, batch 8', 'resnet50, on desk cpu, batch 8')
    """
    pace = "" if row.get("items_s") is None else f", {row['items_s']:g} items/s"
    pace = ", training" if row.get("mode") == "training" else pace
    fed = "".join(f", {name} {value}" for name, value in fed_parts(row.get("inputs")).items())
    model, runtime, device = (
        " ".join(str(row[name]) for name in names if row[name] != UNKNOWN)
        for names in (("model", "precision"), ("runtime",), ("device", "target"))
    )
    where = f"{runtime} on {device}" if runtime else f"on {device}"
    return f"{model}, {where}, batch {row['batch_size']}{fed}{pace}"


def by_block(row: Row, name: str) -> dict[int, float]:
    """Block to value of column `name` in a `row`: counted runs that have a positive one, averaged in a block.

    >>> by_block({"run_blocks": [1, 2, 2], "run_counted": [True] * 3, "x_runs": [1.0, 2.0, 4.0]}, "x")
    {1: 1.0, 2: 3.0}
    """
    found: dict[int, list[float]] = {}
    runs = zip(row["run_blocks"], row["run_counted"], row[f"{name}_runs"], strict=True)
    for block, is_counted, value in runs:
        if is_counted and value is not None and 0 < value < math.inf:
            found.setdefault(block, []).append(float(value))
    return {block: sum(values) / len(values) for block, values in found.items()}


def samples(row: Row, names: Sequence[str]) -> np.ndarray:
    """(m, d) values of the counted runs of a `row` that have each of the d objectives `names`."""
    return sampled(row, names)[0]


def sampled(
    row: Row, names: Sequence[str], *, without: set[int] | None = None
) -> tuple[np.ndarray, list[int]]:
    """(m, d) values of the counted runs of a `row` that have all objectives `names`, and each run's block.

    `without` leaves out runs by position. Objectives that the model fixes repeat in every run.
    """
    columns = [
        _values(row, name) if OBJECTIVES[name].is_measured else [row[name]] * len(row["run_ids"])
        for name in names
    ]
    kept = [
        (values, block)
        for position, (values, is_counted, block) in enumerate(
            zip(zip(*columns, strict=True), row["run_counted"], row["run_blocks"], strict=True)
        )
        if is_counted and None not in values and position not in (without or ())
    ]
    values = np.array([values for values, _ in kept], dtype=float).reshape(len(kept), len(names))
    return values, [block for _, block in kept]


def start_order(row: Row, names: Sequence[str]) -> np.ndarray:
    """(m,) the runs of `sampled` of a `row` and `names` in order of start, as positions in its result; those
    without a time by their blocks.
    """
    columns = [_values(row, name) for name in names if OBJECTIVES[name].is_measured]
    starts = [
        (at if at is not None else math.inf, block)
        for *values, is_counted, at, block in zip(
            *columns, row["run_counted"], row["run_started_s"], row["run_blocks"], strict=True
        )
        if is_counted and None not in values
    ]
    return np.array(sorted(range(len(starts)), key=lambda k: starts[k]), dtype=np.int64)


def _values(row: Row, name: str) -> list[float | None]:
    """The counted runs' values of a measured objective; None for the others."""
    pairs = zip(row[f"{name}_runs"], row["run_counted"], strict=True)
    return [value if is_counted else None for value, is_counted in pairs]


def place(row: Row) -> tuple[str, str]:
    """The device and sweep of a `row`: rows of one such place share their blocks, whatever the runtime."""
    return str(row["device"]), str(row["sweep"])


def measured_again(rows: Sequence[Row]) -> dict[int, int]:
    """By number of a row in `rows` that of the next of the same configuration in the same environment.

    They are in the order of the start of their last runs. Rows whose runs have no times follow each other as
    they come; one that shares a run with another is no measurement of its own.

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
