"""Whether the runs of each device resemble the ones before them, and what that takes from their means."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from paretofleet_analysis.pareto.equal_runs import first_of_equal_runs
from paretofleet_analysis.ranking.row_table import column_of, rows_at
from paretofleet_analysis.report.access import Row, start_order
from paretofleet_analysis.statistics.flat_runs import FlatRuns, flat
from paretofleet_analysis.statistics.resemblance import ROWS_MAX, Resemblance, resemblance

#: Rows of a device below which nothing is claimed: a few rows rise together by chance, or by a ramp.
ROWS_MIN = 4


def device_resemblances(
    rows: Sequence[Row], runs: Sequence[np.ndarray], names: Sequence[str], column: int
) -> dict[str, Resemblance]:
    """By device that of its `rows`, in the objective number `column` of their (m, d) `runs`, which are those
    of `sampled` by `names` without what blocks did. The p-values allow for the number of devices.
    """
    devices: dict[str, list[int]] = {}
    distinct = np.unique(first_of_equal_runs(flat(runs)))
    names_of = column_of(rows, "device")
    for i in distinct.tolist():
        devices.setdefault(str(names_of[i]), []).append(i)
    seen: dict[str, Resemblance] = {}
    for device, every in devices.items():
        members = every[:: -(-len(every) // ROWS_MAX)]
        asked = zip(members, rows_at(rows, members), strict=True)
        ordered = [np.log(runs[i][start_order(row, names), column]) for i, row in asked]
        of_device = resemblance(ordered)
        if of_device is not None and of_device.rows >= ROWS_MIN:
            seen[device] = of_device
    return {
        device: replace(each, p_value=min(1.0, each.p_value * len(seen))) for device, each in seen.items()
    }


def widened(
    rows: Sequence[Row],
    runs: Sequence[np.ndarray],
    resemblances: Mapping[str, Resemblance],
    is_measured: Sequence[bool],
) -> Sequence[np.ndarray]:
    """The (m, d) `runs` of `rows`, spread around their means as far as resembling runs leave these unknown.

    `resemblances` by device. Only the columns that are `is_measured` (d,) are touched; means stay.
    """
    if not any(each.is_found for each in resemblances.values()):
        return runs
    out = []
    for device, values in zip(column_of(rows, "device"), runs, strict=True):
        of_device = resemblances.get(str(device))
        factor = 1.0 if of_device is None else of_device.widening(len(values))
        if factor == 1.0:
            out.append(values)
            continue
        logs = np.log(values)
        spread = np.exp(logs.mean(axis=0) + factor * (logs - logs.mean(axis=0)))
        spread *= values.mean(axis=0) / spread.mean(axis=0)
        out.append(np.where(np.asarray(is_measured), spread, values))
    return flat(out) if isinstance(runs, FlatRuns) else out


def resemblance_notes(resemblances: Mapping[str, Resemblance]) -> list[str]:
    """A sentence for each device whose runs resemble the ones before them, by its `resemblances`."""
    return [
        f"Runs on {device} resemble the ones before them (correlation {each.correlation:.1f}, over "
        f"{each.rows} rows): they say less than as many independent runs, and means are taken as that much "
        "less sure."
        for device, each in resemblances.items()
        if each.is_found
    ]
