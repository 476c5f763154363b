"""Runs of a report's rows without what each block did to all configurations of a device.

The fit itself is `stochastic.remove_block_effects`, which knows arrays only.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa

from paretofleet_analysis.errors import RankError
from paretofleet_analysis.objectives import OBJECTIVES, objective
from paretofleet_analysis.pareto import BlockCorrection, remove_block_effects
from paretofleet_analysis.report.access import sampled
from paretofleet_analysis.report.files import conform

#: Effects that are rounding only; values are then left as they came, so that ties stay ties.
_ROUNDING = 1e-9
#: Standard deviation of an unknown drift, in whole ranges of a device: either of two rows may then be ahead.
_WIDE = 3.0


@dataclass(frozen=True)
class BlockEffects:
    """`runs`: N corrected arrays (m_i, d). `parts`: N names of what drifted together: the device, or those
    blocks of it that share configurations. `drifts`: by corrected part the (blocks, d) log effects.
    `unknown`: by part (d,) log standard deviations of its drift from its device's largest part, so wide that
    no row of one is judged by a row of the other.

    `told`: per device what was found, JSON-ready: `corrected`, by objective `share_of_variance` (how much of
    the variance of repeats the blocks explain), `largest` (relative), `blocks_left` (those with too few
    configurations, whose runs keep what drift they have) and `apart` (the blocks of each part, where there
    are several), or `note` where nothing was done.
    """

    runs: list[np.ndarray]
    parts: list[str] = field(default_factory=list)
    drifts: dict[str, np.ndarray] = field(default_factory=dict)
    unknown: dict[str, np.ndarray] = field(default_factory=dict)
    told: list[dict[str, Any]] = field(default_factory=list)

    def notes(self) -> list[str]:
        """A sentence for each device whose rows are in parts between which drift is not known."""
        return [
            f"Blocks {' and '.join(map(spans, one['apart']))} of {one['device']} share no configuration: "
            "drift between them cannot be told from a difference, so no row of one is judged by a row of the "
            "other."
            for one in self.told
            if any(part.startswith(f"{one['device']}, blocks ") for part in self.unknown)
        ]


def stretches(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Of each row the device, and its sweep where the device has several: a block is a block of one sweep.

    >>> rows = [("tx2", "a"), ("tx2", "b"), ("nano", "a")]
    >>> stretches([{"device": device, "sweep": sweep} for device, sweep in rows])
    ['tx2 in a', 'tx2 in b', 'nano']
    """
    sweeps: dict[str, set[str]] = {}
    for row in rows:
        sweeps.setdefault(row["device"], set()).add(row["sweep"])
    return [
        f"{row['device']} in {row['sweep']}" if len(sweeps[row["device"]]) > 1 else row["device"]
        for row in rows
    ]


def of_report(report: pa.Table, *, objectives: Sequence[str]) -> tuple[list[int], BlockCorrection]:
    """`remove_block_effects` of a report (`files.read`): rows counted from 0, and what it found of them.

    Rows whose counted runs lack one of the measured `objectives` are left out. Devices are numbered in the
    order of `stretches`' names, so a device that several sweeps measured counts as several. Raises
    `RankError` for an objective that is not known or not measured, and where no row is left.
    """
    names = [objective(name).name for name in objectives]
    fixed = [name for name in names if not OBJECTIVES[name].is_measured]
    if fixed or not names:
        unfit = f"not of {' and '.join(fixed)}" if fixed else "and none is given"
        raise RankError(f"block effects are those of measured objectives, {unfit}")
    wanted = ["device", "sweep", "run_ids", "run_blocks", "run_counted", *(f"{name}_runs" for name in names)]
    rows = conform(report, name="the report").select(wanted).to_pylist()
    runs = [sampled(row, names) for row in rows]
    kept = [i for i, (values, _) in enumerate(runs) if len(values)]
    if not kept:
        raise RankError(f"no row of the report has {' and '.join(names)} in a counted run")
    _, devices = np.unique(stretches([rows[i] for i in kept]), return_inverse=True)
    given = [runs[i] for i in kept]
    return kept, remove_block_effects(
        [values for values, _ in given], blocks=[block for _, block in given], devices=devices
    )


def without_block_effects(
    runs: Sequence[np.ndarray],
    *,
    blocks: Sequence[Sequence[int]],
    devices: Sequence[str],
    names: Sequence[str],
    is_measured: Sequence[bool],
    environments: Sequence[str | None] | None = None,
) -> BlockEffects:
    """Correct (m_i, d) runs of N configurations of `devices` (or `stretches`) for their runs' `blocks`.

    Only measured objectives are touched. Fewer than 3 configurations in a block: no correction. Blocks that
    share no configuration are parts like devices apart; where the environment did not change between them
    either (all have one if `environments` is None), their drift is `unknown`.
    """
    measured = np.asarray(is_measured, dtype=bool)
    result = BlockEffects([np.array(values) for values in runs], list(devices))
    settings = [None] * len(result.runs) if environments is None else environments
    if not measured.any():
        return result
    for device in sorted(set(devices)):
        mine = [i for i, name in enumerate(devices) if name == device]
        own = [np.asarray(blocks[i]) for i in mine]
        told, fitted = _correct(result, device, mine, own, measured=dict(zip(names, measured, strict=True)))
        result.told.append(told)
        # Where nothing can be fitted nothing is claimed either: rows stand as they came, and a note says so.
        parts = connected(fitted, own) if fitted else []
        if len(parts) > 1:
            told["apart"] = parts
            apart = {f"{device}, blocks {spans(part)}": part for part in parts}
            _set_apart(result, device, apart, mine, own, fitted=fitted, environments=settings)
    result.unknown.update({part: np.where(measured, one, 0.0) for part, one in result.unknown.items()})
    return result


def _correct(
    result: BlockEffects,
    device: str,
    mine: list[int],
    blocks: list[np.ndarray],
    *,
    measured: dict[str, bool],
) -> tuple[dict[str, Any], list[list[int]]]:
    """Put the corrected runs of one device in their place; what was found, and the parts that were fitted.

    Twins enter the fit once, and in an order of their values: neither a copy nor the order of the rows then
    moves anybody else.
    """
    columns = np.flatnonzero(list(measured.values()))
    objectives = [name for name, is_one in measured.items() if is_one]
    orders = [np.lexsort((*result.runs[i].T, block)) for i, block in zip(mine, blocks, strict=True)]
    sorted_blocks = [block[order] for block, order in zip(blocks, orders, strict=True)]
    values = [
        np.ascontiguousarray(result.runs[i][order][:, columns]) for i, order in zip(mine, orders, strict=True)
    ]
    keys = [(x.tobytes(), block.tobytes()) for x, block in zip(values, sorted_blocks, strict=True)]
    places = {key: place for place, key in enumerate(sorted(set(keys)))}
    stand = {places[key]: k for k, key in enumerate(keys)}
    chosen = [stand[place] for place in range(len(places))]
    found = remove_block_effects([values[k] for k in chosen], blocks=[sorted_blocks[k] for k in chosen])
    told: dict[str, Any] = {"device": device, "corrected": bool(found.corrected.any())}
    if not told["corrected"]:
        return told | {"note": found.notes[-1].partition(": ")[2]}, []
    known = sorted(found.effects[0])
    effects = np.array([found.effects[0][block] for block in known])
    real = np.abs(effects).max(axis=0) > _ROUNDING
    told["share_of_variance"] = dict(zip(objectives, found.block_share[0].tolist(), strict=True))
    told["largest"] = dict(zip(objectives, np.expm1(np.abs(effects).max(axis=0)).tolist(), strict=True))
    told["blocks_left"] = sorted({int(b) for block in blocks for b in block} - set(known))
    told["apart"] = []
    drift = np.zeros((len(effects), len(measured)))
    drift[:, columns] = effects * real
    result.drifts[device] = drift
    for k, i in enumerate(mine):
        corrected = found.samples[places[keys[k]]]
        result.runs[i][np.ix_(orders[k], columns[real])] = corrected[:, real]
    return told, found.parts[0]


def connected(fitted: Sequence[list[int]], blocks: Iterable[Iterable[int]]) -> list[list[int]]:
    """The `fitted` parts, and after them the other blocks, together where a row has runs in both.

    `blocks`: of each row those of its runs. What a row connects to a fitted part is left out.

    >>> connected([[1, 2]], [[1, 2], [2, 3], [7, 8], [8, 9], [5]])
    [[1, 2], [7, 8, 9], [5]]
    """
    groups: list[tuple[int, set[int]]] = []
    for row in blocks:
        own = {int(block) for block in row}
        joined = [one for one in groups if one[1] & own]
        groups = [one for one in groups if not one[1] & own]
        groups.append((1 + sum(rows for rows, _ in joined), own.union(*(others for _, others in joined))))
    known = {block for part in fitted for block in part}
    left = sorted((-rows, sorted(own)) for rows, own in groups if not own & known)
    return [*map(list, fitted), *(own for _, own in left)]


def _set_apart(
    result: BlockEffects,
    device: str,
    apart: Mapping[str, list[int]],
    mine: Sequence[int],
    blocks: Sequence[np.ndarray],
    *,
    fitted: Sequence[list[int]],
    environments: Sequence[str | None],
) -> None:
    """Name the parts of a device, the largest first, and what is not known between them."""
    drift = result.drifts.pop(device, None)
    known = sorted(block for part in fitted for block in part)
    largest, *others = apart
    for name, part in apart.items():
        if drift is not None and np.isin(known, part).any():
            result.drifts[name] = drift[np.isin(known, part)]
        for i, block in zip(mine, blocks, strict=True):
            # What has no run in any part stands with the largest one, to which something connects it.
            if name == largest or np.isin(block, part).any():
                result.parts[i] = name
    seen = {name: {environments[i] for i in mine if result.parts[i] == name} for name in apart}
    spread = np.ptp([np.log(result.runs[i]).mean(axis=0) for i in mine], axis=0)
    for name in others:
        if any(seen[name] & environment for other, environment in seen.items() if other != name):
            result.unknown[name] = _WIDE * spread


def spans(numbers: Sequence[int]) -> str:
    """Ascending whole numbers as a sentence holds them.

    >>> spans([1, 2, 3, 5, 7, 8])
    '1-3, 5, 7-8'
    """
    starts = [k for k, n in enumerate(numbers) if k == 0 or n != numbers[k - 1] + 1]
    ends = [*(k - 1 for k in starts[1:]), len(numbers) - 1]
    pairs = [(numbers[a], numbers[b]) for a, b in zip(starts, ends, strict=True)]
    return ", ".join(f"{a}-{b}" if a < b else f"{a}" for a, b in pairs)
