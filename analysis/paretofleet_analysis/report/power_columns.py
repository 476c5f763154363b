"""The power columns of a report's row: scope and source, uncertainties, and every rail that was measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from paretofleet_analysis.statistics.intervals import mean_interval
from paretofleet_analysis.statistics.stopping import is_precise

MIXED_SCOPE, PROCESS_VARIANCE = "mixed_power_scope", "process_variance"

#: What tells rails apart.
_RAIL = ("scope", "source", "rail", "kind")
#: Of a rail: what is averaged over the counted runs, and what is the largest of them.
_RAIL_MEANS = (
    *("power_w", "energy_j_per_item", "idle_power_w", "dynamic_j_per_item", "cold_idle_power_w"),
    "armed_idle_power_w",
)
_RAIL_LARGEST = (
    *("relative_uncertainty", "gain_uncertainty", "edge_uncertainty", "sampling_uncertainty"),
    *("quantum_uncertainty", "time_uncertainty", "error_bound", "dynamic_relative_uncertainty"),
)
#: From so many processes on their energies' interval is looked at, and it is wide beyond this half-width.
PROCESSES_MIN, PROCESS_HALF_WIDTH_MAX = 5, 0.02


def power_columns(
    summaries: Sequence[Mapping[str, Any]], counted: Sequence[bool]
) -> tuple[dict[str, Any], set[str]]:
    """The power columns of one row, and the flags that they bring.

    `summaries`: those of its sealed runs; `counted`: whether each run is used in means.
    """
    used = [summary for summary, is_used in zip(summaries, counted, strict=True) if is_used]
    columns: dict[str, Any] = dict.fromkeys(("power_scope", "power_source"))
    flags = set()
    scopes = {(run.get("power_scope"), run.get("power_source")) for run in used if run.get("power_scope")}
    if len(scopes) == 1:
        columns["power_scope"], columns["power_source"] = scopes.pop()
    elif scopes:
        flags.add(MIXED_SCOPE)
    for name in ("energy_relative_uncertainty", "energy_gain_uncertainty"):
        values: list[Any] = [run.get(name) for run in used if run.get("energy_j_per_item") is not None]
        columns[name] = None if not values or None in values else max(values)
    energies = [run.get("energy_j_per_item") for run in used]
    if varies_between_runs(energies, columns["energy_relative_uncertainty"]):
        flags.add(PROCESS_VARIANCE)
    rails = dict.fromkeys(_rail(entry) for run in summaries for entry in run.get("energy") or ())
    columns["energy"] = [_rail_struct(rail, summaries, counted) for rail in rails] or None
    return columns, flags


def varies_between_runs(energies_j: Sequence[float | None], relative: float | None) -> bool:
    """Whether processes differ in their energy by more than each one's own error, and leave it wide open.

    `energies_j`: energy of an item in each counted run, joules; `relative`: their own uncertainty at 95 %.
    That is, from 5 runs on: the 95 % interval of the mean is wider than 2 % on either side, and the runs'
    standard deviation is larger than half of `relative`.

    >>> varies_between_runs([1.0, 1.1, 0.9, 1.08, 0.93], 0.02)
    True
    >>> varies_between_runs([1.0, 1.1, 0.9, 1.08, 0.93], 0.3), varies_between_runs([1.0, 1.1, 0.9], 0.02)
    (False, False)
    """
    known = [value for value in energies_j if value is not None]
    if len(known) < PROCESSES_MIN or relative is None or is_precise(known, PROCESS_HALF_WIDTH_MAX):
        return False
    return float(np.std(known, ddof=1)) > relative / 2 * abs(float(np.mean(known)))


def _rail(entry: Mapping[str, Any]) -> tuple[Any, ...]:
    return tuple(entry.get(name) for name in _RAIL)


def _rail_struct(
    rail: tuple[Any, ...], summaries: Sequence[Mapping[str, Any]], counted: Sequence[bool]
) -> dict[str, Any]:
    """One measured rail over all runs: means over counted ones, values of all, null where a run has none."""
    entries: list[Mapping[str, Any]] = [
        next((entry for entry in run.get("energy") or () if _rail(entry) == rail), {}) for run in summaries
    ]
    used = [entry for entry, is_used in zip(entries, counted, strict=True) if is_used]
    struct: dict[str, Any] = dict(zip(_RAIL, rail, strict=True))
    struct["primary"] = any(entry.get("primary") for entry in used)
    for name in _RAIL_MEANS:
        struct[name] = mean_interval([entry.get(name) for entry in used]).mean
    for name in _RAIL_LARGEST:
        struct[name] = max((entry[name] for entry in used if entry.get(name) is not None), default=None)
    for name in ("power_w", "energy_j_per_item"):
        struct[f"{name}_runs"] = [entry.get(name) for entry in entries]
    kinds = {entry["idle_kind"] for entry in used if entry.get("idle_kind")}
    struct["idle_kind"] = kinds.pop() if len(kinds) == 1 else None
    struct["flags"] = sorted({flag for entry in used for flag in entry.get("flags") or ()})
    return struct
