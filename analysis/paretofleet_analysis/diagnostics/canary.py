"""How a device drifted through a sweep, by its canary: the configuration that ran in the most blocks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from paretofleet_analysis.report.access import Row, by_block, label, place
from paretofleet_analysis.special_functions import stdtrit
from paretofleet_analysis.statistics.intervals import CONFIDENCE, RUNS_MIN

#: A drift of more than this in a block is one that block effects must be fitted for.
DRIFT_MAX = 0.02


@dataclass(frozen=True)
class Drift:
    """What the canary did: relative change of its value from block to block, with its 95 % interval.

    `largest_step`: the largest relative change from one of its blocks to the next, up or down.
    """

    canary: str
    blocks: int
    per_block: float
    lo: float
    hi: float
    largest_step: float

    @property
    def is_large(self) -> bool:
        """Whether the trend is above what can be left alone, beyond chance."""
        return abs(self.per_block) > DRIFT_MAX and not self.lo <= 0 <= self.hi


def canary_drift(runs: Mapping[str, Mapping[int, float]]) -> Drift | None:
    """The drift of one device; None where no configuration ran in three blocks.

    `runs`: configuration to block to value (positive). Least squares of the logarithms on the block's number.

    >>> drift = canary_drift({"a": {1: 1.0, 2: 1.01, 3: 1.0201, 4: 1.030301}, "b": {1: 5.0, 2: 4.0, 3: 5.0}})
    >>> drift.canary, drift.blocks, round(drift.per_block, 6), round(drift.largest_step, 6), drift.is_large
    ('a', 4, 0.01, 0.01, False)
    """
    if not runs:
        return None
    canary = max(runs, key=lambda name: len(runs[name]))
    blocks = np.array(sorted(runs[canary]), dtype=float)
    if blocks.size < RUNS_MIN:
        return None
    logs = np.log([runs[canary][int(block)] for block in blocks])
    centred = blocks - blocks.mean()
    square = float((centred**2).sum())
    slope = float(centred @ logs) / square
    left = logs - logs.mean() - slope * centred
    error = np.sqrt(float(left @ left) / (blocks.size - 2) / square)
    reach = float(stdtrit(blocks.size - 2, (1 + CONFIDENCE) / 2)) * error
    per_block, lo, hi = (float(np.expm1(slope + side * reach)) for side in (0, -1, 1))
    steps = np.expm1(np.diff(logs))
    return Drift(canary, int(blocks.size), per_block, lo, hi, float(steps[np.abs(steps).argmax()]))


def device_drifts(rows: Sequence[Row], names: Sequence[str]) -> list[dict[str, Any]]:
    """What devices did through their sweeps, in the measures `names`; JSON-ready, one entry for each.

    `rows`: all rows of a report, in its order (the collector's canary is the first of those that ran most).
    An entry has `device`, `sweep`, `canary` (what a table calls it), `blocks` and `measures`: by name
    `per_block`, `lo`, `hi`, `largest_step`, `is_large`; or `note` where no configuration ran in three blocks.
    """
    canaries: dict[tuple[str, str], Row] = {}
    for row in rows:
        if not any(row["run_counted"] or ()):
            continue
        best = canaries.get(place(row))
        if best is None or sum(row["run_counted"]) > sum(best["run_counted"]):
            canaries[place(row)] = row
    entries = []
    for (device, sweep), row in canaries.items():
        drifts = {name: canary_drift({label(row): by_block(row, name)}) for name in names}
        measured = {name: drift for name, drift in drifts.items() if drift is not None}
        entry: dict[str, Any] = {"device": device, "sweep": sweep}
        if not measured:
            entries.append(entry | {"note": f"no configuration ran in {RUNS_MIN} blocks"})
            continue
        entry |= {"canary": label(row), "blocks": max(drift.blocks for drift in measured.values())}
        entries.append(entry | {"measures": {name: _numbers(drift) for name, drift in measured.items()}})
    return entries


def _numbers(drift: Drift) -> dict[str, Any]:
    numbers = asdict(drift)
    del numbers["canary"], numbers["blocks"]
    return numbers | {"is_large": drift.is_large}
