"""What the blocks of one device did to its rows: fitted, taken out, and named where blocks stand apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from paretofleet_analysis.pareto import BlockCorrection, remove_block_effects
from paretofleet_analysis.pareto.equal_runs import ordered_runs
from paretofleet_analysis.ranking.block_components import block_spans, with_unfitted_blocks
from paretofleet_analysis.statistics.flat_runs import FlatRuns, flat, mapped
from paretofleet_analysis.statistics.moments import moments

#: Effects that are rounding only; values are then left as they came, so that ties stay ties.
_ROUNDING = 1e-9
#: Standard deviation of an unknown drift, in whole ranges of a device: either of two rows may then be ahead.
_WIDE = 3.0


@dataclass(frozen=True)
class DeviceRows:
    """The rows of one device. `runs`: (m_i, d) values; `blocks`: (m_i,) of each run; `environments`: of
    each row. `is_measured`: by objective, in the order of the d columns.
    """

    device: str
    runs: FlatRuns
    blocks: FlatRuns
    environments: Sequence[str | None]
    is_measured: Mapping[str, bool]

    @property
    def measured(self) -> np.ndarray:
        """(d,): which columns are of measured objectives, in which alone blocks have effects."""
        return np.array(list(self.is_measured.values()), dtype=bool)


@dataclass(frozen=True)
class DeviceEffects:
    """Of n rows the corrected `runs` and the name of the `components` (n,) in which each drifted.

    `drifts`, `unidentified_drift` and `details` as in `BlockEffects`, for this device.
    """

    runs: FlatRuns
    components: list[str]
    drifts: dict[str, np.ndarray]
    unidentified_drift: dict[str, np.ndarray]
    details: dict[str, Any]


@dataclass(frozen=True)
class _Fit:
    """The corrected runs of a device and what was fitted: (blocks, d) log effects of ascending `blocks`, and
    the lists of them that share configurations. Empty where nothing could be fitted.
    """

    runs: FlatRuns
    blocks: list[int]
    effects: np.ndarray
    connected: list[list[int]]
    details: dict[str, Any]


def device_effects(rows: DeviceRows) -> DeviceEffects:
    """The effects of the blocks on the `rows` of one device."""
    fit = _fit(rows)
    # Where nothing can be fitted nothing is claimed either: rows stand as they came, and a note says so.
    parts = with_unfitted_blocks(fit.connected, rows.blocks) if fit.connected else []
    if len(parts) < 2:
        drifts = {rows.device: fit.effects} if fit.connected else {}
        return DeviceEffects(fit.runs, [rows.device] * len(fit.runs), drifts, {}, fit.details)
    blocks_of = {f"{rows.device}, blocks {block_spans(part)}": part for part in parts}
    components = [_component(block, blocks_of) for block in rows.blocks]
    is_in = {name: np.isin(fit.blocks, part) for name, part in blocks_of.items()}
    drifts = {name: fit.effects[chosen] for name, chosen in is_in.items() if chosen.any()}
    unidentified = _unidentified_drift(rows, fit.runs, components, list(blocks_of))
    return DeviceEffects(fit.runs, components, drifts, unidentified, fit.details | {"apart": parts})


def _component(blocks: np.ndarray, blocks_of: Mapping[str, list[int]]) -> str:
    """The last component in which a row has runs; what has none in any stands with the largest, the first,
    to which something connects it.
    """
    names = [name for name, part in blocks_of.items() if np.isin(blocks, part).any()]
    return names[-1] if names else next(iter(blocks_of))


def _unidentified_drift(
    rows: DeviceRows, runs: FlatRuns, components: Sequence[str], names: Sequence[str]
) -> dict[str, np.ndarray]:
    """By component the (d,) log deviations of its drift from the largest, the first; none where what the
    environment did tells them apart anyway.
    """
    of_component: dict[str, set[str | None]] = {name: set() for name in names}
    for component, environment in zip(components, rows.environments, strict=True):
        of_component[component].add(environment)
    spread = np.ptp(moments(mapped(np.log, runs)).means, axis=0)
    wide = np.where(rows.measured, _WIDE * spread, 0.0)
    return {
        name: wide
        for name in names[1:]
        if any(of_component[name] & others for other, others in of_component.items() if other != name)
    }


def _fit(rows: DeviceRows) -> _Fit:
    """The two-way fit of the measured columns of a device.

    Twins enter the fit once, and in an order of their values: neither a copy nor the order of the rows then
    moves anybody else.
    """
    columns = np.flatnonzero(rows.measured)
    with_blocks = np.column_stack([rows.runs.values[:, columns], rows.blocks.values])
    distinct = ordered_runs(FlatRuns(with_blocks, rows.runs.starts))
    fit = remove_block_effects(
        distinct.runs.columns(0, -1),
        blocks=FlatRuns(distinct.runs.values[:, -1].astype(int), distinct.runs.starts),
    )
    details: dict[str, Any] = {"device": rows.device, "corrected": bool(fit.corrected.any())}
    if not details["corrected"]:
        note = fit.notes[-1].partition(": ")[2]
        return _Fit(rows.runs, [], np.empty((0, len(rows.measured))), [], details | {"note": note})
    in_fit = sorted(fit.effects[0])
    effects = np.array([fit.effects[0][block] for block in in_fit])
    is_real = np.abs(effects).max(axis=0) > _ROUNDING
    corrected = rows.runs.values.copy()
    corrected[np.ix_(distinct.lines, columns[is_real])] = flat(fit.samples).values[distinct.at][:, is_real]
    runs = FlatRuns(corrected, rows.runs.starts)
    drift = np.zeros((len(effects), len(rows.measured)))
    drift[:, columns] = effects * is_real
    details |= _fit_details(rows, fit, effects, in_fit)
    return _Fit(runs, in_fit, drift, fit.components[0], details)


def _fit_details(
    rows: DeviceRows, fit: BlockCorrection, effects: np.ndarray, in_fit: Sequence[int]
) -> dict[str, Any]:
    """By objective the share of the variance of repeats and the largest relative effect, JSON-ready."""
    objectives = [name for name, is_measured in rows.is_measured.items() if is_measured]
    largest = np.expm1(np.abs(effects).max(axis=0))
    return {
        "share_of_variance": dict(zip(objectives, fit.block_share[0].tolist(), strict=True)),
        "largest": dict(zip(objectives, largest.tolist(), strict=True)),
        "blocks_left": sorted(set(np.unique(rows.blocks.values).tolist()) - set(in_fit)),
        "apart": [],
    }
