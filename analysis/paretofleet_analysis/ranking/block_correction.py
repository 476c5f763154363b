"""Runs of a report's rows without what each block did to all configurations of a device.

The fit itself is `pareto.remove_block_effects`, which knows arrays only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeGuard

import numpy as np
import pyarrow as pa

from paretofleet_analysis.errors import RankError
from paretofleet_analysis.objectives import OBJECTIVES, objective
from paretofleet_analysis.pareto import BlockCorrection, remove_block_effects
from paretofleet_analysis.ranking.device_blocks import DeviceRows, device_effects
from paretofleet_analysis.ranking.row_table import column_of
from paretofleet_analysis.report.access import Row, sampled
from paretofleet_analysis.report.files import conform
from paretofleet_analysis.statistics.flat_runs import FlatRuns, flat


@dataclass(frozen=True)
class BlockEffects:
    """`runs`: N corrected arrays (m_i, d). `components`: N names of what drifted together: the device, or
    those blocks of it that share configurations. `drifts`: by corrected component the (blocks, d) log
    effects. `unidentified_drift`: by component (d,) log standard deviations of its drift from its device's
    largest component, so wide that no row of one is judged by a row of the other.

    `details`: per device what was found, JSON-ready: `corrected`, by objective `share_of_variance` (how much
    of the variance of repeats the blocks explain), `largest` (relative), `blocks_left` (those with too few
    configurations, whose runs keep what drift they have) and `apart` (the blocks of each component, where
    there are several), or `note` where nothing was done.
    """

    runs: Sequence[np.ndarray]
    components: list[str]
    drifts: Mapping[str, np.ndarray]
    unidentified_drift: Mapping[str, np.ndarray]
    details: list[dict[str, Any]]


def device_sweeps(rows: Sequence[Row]) -> list[str]:
    """Of each of the `rows` the device, and its sweep where it has several: a block is one sweep's.

    >>> rows = [("tx2", "a"), ("tx2", "b"), ("nano", "a")]
    >>> device_sweeps([{"device": device, "sweep": sweep} for device, sweep in rows])
    ['tx2 in a', 'tx2 in b', 'nano']
    """
    sweeps: dict[str, set[str]] = {}
    places = list(zip(column_of(rows, "device"), column_of(rows, "sweep"), strict=True))
    for device, sweep in dict.fromkeys(places):
        sweeps.setdefault(device, set()).add(sweep)
    return [f"{device} in {sweep}" if len(sweeps[device]) > 1 else device for device, sweep in places]


def report_block_effects(report: pa.Table, *, objectives: Sequence[str]) -> tuple[list[int], BlockCorrection]:
    """`remove_block_effects` of a `report` (`files.read`): rows counted from 0, and what it found of them.

    Rows whose counted runs lack one of the measured `objectives` are left out. Devices are numbered in the
    order of `device_sweeps`' names, so a device that several sweeps measured counts as several. Raises
    RankError for an objective that is not known or not measured, and where no row is left.
    """
    names = [objective(name).name for name in objectives]
    fixed = [name for name in names if not OBJECTIVES[name].is_measured]
    if fixed or not names:
        unfit = f"not of {' and '.join(fixed)}" if fixed else "and none is given"
        raise RankError(f"block effects are those of measured objectives, {unfit}")
    columns = ["device", "sweep", "run_ids", "run_blocks", "run_counted", *(f"{name}_runs" for name in names)]
    rows = conform(report, name="the report").select(columns).to_pylist()
    runs = [sampled(row, names) for row in rows]
    kept = [i for i, (values, _) in enumerate(runs) if len(values)]
    if not kept:
        raise RankError(f"no row of the report has {' and '.join(names)} in a counted run")
    _, devices = np.unique(device_sweeps([rows[i] for i in kept]), return_inverse=True)
    given = [runs[i] for i in kept]
    return kept, remove_block_effects(
        [values for values, _ in given], blocks=[block for _, block in given], devices=devices
    )


def correct_block_effects(
    runs: Sequence[np.ndarray],
    *,
    blocks: Sequence[Sequence[int]] | FlatRuns,
    devices: Sequence[str],
    is_measured: Mapping[str, bool],
    environments: Sequence[str | None] | None = None,
) -> BlockEffects:
    """Correct (m_i, d) `runs` of N configurations of `devices` (or `device_sweeps`) for their runs' `blocks`.

    Only measured objectives are touched; `is_measured` has one entry a column, in their order. Fewer than 3
    configurations in a block: no correction. Blocks that share no configuration are components like devices
    apart; where the environment did not change between them either (all have one if `environments` is
    None), their drift is unidentified.
    """
    whole, of_runs = flat(runs), flat([np.asarray(b) for b in blocks] if not _is_flat(blocks) else blocks)
    corrected = whole.values.copy()
    components = list(devices)
    drifts: dict[str, np.ndarray] = {}
    unidentified: dict[str, np.ndarray] = {}
    details: list[dict[str, Any]] = []
    if not any(is_measured.values()):
        return BlockEffects(_as_given(corrected, runs), components, drifts, unidentified, details)
    members_of: dict[str, list[int]] = {}
    for i, device in enumerate(devices):
        members_of.setdefault(device, []).append(i)
    for device, members in sorted(members_of.items()):
        chosen = np.array(members)
        effects = device_effects(
            DeviceRows(
                device,
                whole.take(chosen),
                of_runs.take(chosen),
                [None if environments is None else environments[i] for i in members],
                is_measured,
            )
        )
        corrected[whole.lines(chosen)] = effects.runs.values
        for i, component in zip(members, effects.components, strict=True):
            components[i] = component
        drifts |= effects.drifts
        unidentified |= effects.unidentified_drift
        details.append(effects.details)
    return BlockEffects(_as_given(corrected, runs), components, drifts, unidentified, details)


def _is_flat(each: object) -> TypeGuard[FlatRuns]:
    return isinstance(each, FlatRuns)


def _as_given(values: np.ndarray, runs: Sequence[np.ndarray]) -> Sequence[np.ndarray]:
    """The `values` (n, d) in N arrays as the `runs` have them."""
    of_rows = FlatRuns(values, flat(runs).starts)
    return of_rows if _is_flat(runs) else list(of_rows)
