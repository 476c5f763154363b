"""Runs of a report's rows without what each block did to all configurations of a device."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from paretofleet_analysis.stochastic import remove_block_effects

#: Effects that are rounding only; values are then left as they came, so that ties stay ties.
_ROUNDING = 1e-9


@dataclass(frozen=True)
class BlockEffects:
    """`runs`: N corrected arrays (m_i, d). `drifts`: by corrected device the (blocks, d) log effects.

    `told`: per device what was found, JSON-ready: `corrected`, by objective `share_of_variance` (how much of
    the variance of repeats the blocks explain), `largest` (relative) and `blocks_left` (those with too few
    configurations, whose runs keep what drift they have), or `note` where nothing was done.
    """

    runs: list[np.ndarray]
    drifts: dict[str, np.ndarray] = field(default_factory=dict)
    told: list[dict[str, Any]] = field(default_factory=list)


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


def without_block_effects(
    runs: Sequence[np.ndarray],
    *,
    blocks: Sequence[Sequence[int]],
    devices: Sequence[str],
    names: Sequence[str],
    is_measured: Sequence[bool],
) -> BlockEffects:
    """Correct (m_i, d) runs of N configurations of `devices` (or `stretches`) for their runs' `blocks`.

    Only measured objectives are touched. Fewer than 3 configurations in a block: no correction.
    """
    measured = np.asarray(is_measured, dtype=bool)
    result = BlockEffects([np.array(values) for values in runs])
    if not measured.any():
        return result
    for device in sorted(set(devices)):
        mine = [i for i, name in enumerate(devices) if name == device]
        own = [np.asarray(blocks[i]) for i in mine]
        result.told.append(
            _correct(result, device, mine, own, measured=dict(zip(names, measured, strict=True)))
        )
    return result


def _correct(
    result: BlockEffects,
    device: str,
    mine: list[int],
    blocks: list[np.ndarray],
    *,
    measured: dict[str, bool],
) -> dict[str, Any]:
    """Put the corrected runs of one device in their place, and tell what was found.

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
        return told | {"note": found.notes[-1].partition(": ")[2]}
    effects = np.array([found.effects[0][block] for block in sorted(found.effects[0])])
    real = np.abs(effects).max(axis=0) > _ROUNDING
    told["share_of_variance"] = dict(zip(objectives, found.block_share[0].tolist(), strict=True))
    told["largest"] = dict(zip(objectives, np.expm1(np.abs(effects).max(axis=0)).tolist(), strict=True))
    told["blocks_left"] = sorted({int(b) for block in blocks for b in block} - set(found.effects[0]))
    drift = np.zeros((len(effects), len(measured)))
    drift[:, columns] = effects * real
    result.drifts[device] = drift
    for k, i in enumerate(mine):
        corrected = found.samples[places[keys[k]]]
        result.runs[i][np.ix_(orders[k], columns[real])] = corrected[:, real]
    return told
