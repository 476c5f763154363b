"""The very samples that each (device, configuration, block) must hold, and what differs from them.

Simulated devices are deterministic: the same four of seed, class, configuration and block give the same
samples, attempt after attempt. So an undisturbed sweep tells what any other must have stored.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

import pyarrow.parquet as pq
from fault_stage import Stage

#: (name of the device, configuration_id, block).
Place = tuple[str, str, int]
COLUMNS = ("stream", "schema", "t_ns", "value", "phase", "text")
LISTED = """
SELECT devices.name, runs.configuration_id, runs.block, manifest.run_id, manifest.path, runs.state
FROM manifest JOIN runs ON runs.run_id = manifest.run_id JOIN devices ON devices.device_id = runs.device_id
"""


@dataclass(frozen=True)
class Difference:
    """Samples that are not there, there once more, and other ones than they should be."""

    lost: int = 0
    doubled: int = 0
    changed: int = 0

    def __add__(self, other: Difference) -> Difference:
        return Difference(self.lost + other.lost, self.doubled + other.doubled, self.changed + other.changed)

    def __bool__(self) -> bool:
        return bool(self.lost or self.doubled or self.changed)


def stored_samples(stage: Stage) -> dict[Place, list[Counter[Any]]]:
    """The samples of every listed run: a counter of rows for each time that the run is listed."""
    stored: dict[Place, list[Counter[Any]]] = {}
    for device, configuration_id, block, run_id, path, _ in stage.query(LISTED):
        table = pq.read_table(stage.collector_home / "lake" / path).to_pylist()
        rows = Counter(tuple(row[column] for column in COLUMNS) for row in table if row["run_id"] == run_id)
        stored.setdefault((device, configuration_id, block), []).append(rows)
    return stored


def difference(
    expected: dict[Place, list[Counter[Any]]], stored: dict[Place, list[Counter[Any]]]
) -> Difference:
    """What `stored` has otherwise than `expected`, in samples."""
    total = Difference()
    for place in {*expected, *stored}:
        (right,) = expected.get(place, [Counter()])
        runs = stored.get(place, [Counter()])
        total += Difference(doubled=sum(rows.total() for rows in runs[1:]))
        if runs[0] != right:
            total += _of_run(right, runs[0])
    return total


def _of_run(right: Counter[Any], rows: Counter[Any]) -> Difference:
    missing, extra = right - rows, rows - right
    doubled = sum(number for row, number in extra.items() if row in right)
    changed = min(extra.total() - doubled, missing.total())
    return Difference(missing.total() - changed, doubled + extra.total() - doubled - changed, changed)
