"""Sealed runs to the report's rows: what a mean is over, and what a row's status is."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa

from paretofleet_analysis.errors import ReportError
from paretofleet_analysis.report.schema import MEASURES, schema
from paretofleet_analysis.statistics.intervals import mean_interval
from paretofleet_analysis.statistics.stopping import is_precise


@dataclass(frozen=True)
class RunInput:
    """One run as the collector knows it.

    `state` is pending, leased, running, uploaded, sealed, failed, skipped or cancelled. Only sealed runs
    carry a `summary` (the dictionary of `summary.summarize_run`). `facts` are the attempt's facts; what was
    effective is read from there. `environment_id` is None when no attempt got as far as one.
    """

    run_id: str
    block: int
    state: str
    reason: str | None = None
    environment_id: str | None = None
    boot_id: str | None = None
    started_s: float | None = None
    flags: Sequence[str] = ()
    counted: bool = True
    summary: Mapping[str, Any] | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class ReportInput:
    """One configuration of a sweep with all its runs, sealed or not. `build` splits it by environment.

    `options` is the configuration's mapping, `target` the alias, `device` the name. `top1` is in percent.
    `flags` are the collector's own about the configuration, such as `not_converged`.
    """

    sweep: str
    configuration_id: str
    model: str
    variant: str
    variant_sha256: str
    weights_precision: str | None
    device: str
    device_class: str
    target: str
    runtime: str
    options: Mapping[str, Any]
    precision: str
    batch_size: int
    threads: int | None
    mode: str
    timing_scope: str
    protocol: str
    simulated: bool
    runs: Sequence[RunInput]
    parameters: int | None = None
    macs: int | None = None
    size_bytes: int | None = None
    top1: float | None = None
    top1_n: int | None = None
    top1_source: str | None = None
    accuracy_group: str | None = None
    flags: Sequence[str] = ()


#: What a run that never sealed makes of a row without sealed runs, most telling first.
_UNSEALED = (
    ("pending", {"pending", "leased", "running", "uploaded"}),
    ("failed", {"failed"}),
    ("cancelled", {"cancelled"}),
    ("skipped", {"skipped"}),
)
#: Everything of a configuration but its batch size: rows alike in these tell which batch is the largest.
_BATCH_FREE = (
    *("sweep", "variant_sha256", "device", "target", "runtime", "options", "precision", "threads"),
    *("mode", "timing_scope", "protocol"),
)

#: Fields of `ReportInput` that are columns as they stand.
_COPIED = (
    *("sweep", "configuration_id", "model", "variant", "variant_sha256", "weights_precision", "device"),
    *("device_class", "target", "runtime", "precision", "batch_size", "threads", "mode", "timing_scope"),
    *("protocol", "parameters", "macs", "size_bytes", "top1", "top1_n", "top1_source", "accuracy_group"),
)

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


def build(rows: Iterable[ReportInput]) -> pa.Table:
    """The report: one row per (configuration_id, environment_id), in the given order.

    A measure is the mean over counted runs of the run's own value, with a t interval on the log scale. Runs
    without an environment (they never got that far) belong to every row of their configuration. Raises
    `ReportError` when a value does not fit the schema.
    """
    built = [row for given in rows for row in _rows_of(given)]
    _add_largest_batch(built)
    try:
        return pa.Table.from_pylist(built, schema=schema())
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise ReportError(f"a run's value does not fit the report's schema: {error}") from error


def _rows_of(given: ReportInput) -> list[dict[str, Any]]:
    """One row per environment that the configuration's runs saw; one without where none saw any."""
    environments: list[str | None] = list(
        dict.fromkeys(run.environment_id for run in given.runs if run.environment_id)
    )
    rows = []
    for environment in environments or [None]:
        runs = [run for run in given.runs if run.environment_id in (environment, None)]
        rows.append(_row(given, environment, runs))
    return rows


def _row(given: ReportInput, environment: str | None, runs: Sequence[RunInput]) -> dict[str, Any]:
    sealed = sorted(
        (run for run in runs if run.state == "sealed" and run.summary is not None),
        key=lambda run: (run.block, run.started_s or 0.0, run.run_id),
    )
    summaries = [_summary(run) for run in sealed]
    counted = _counted(sealed)
    used = [run for run, is_used in zip(sealed, counted, strict=True) if is_used]
    flags = {*given.flags, *(flag for run in used for flag in _run_flags(run))}
    row: dict[str, Any] = {
        **_identity(given, environment),
        **_effective(sealed, flags),
        **_status(runs, sealed),
        "runs": sum(counted),
        "iterations": sum(s.get("iterations") or 0 for s, c in zip(summaries, counted, strict=True) if c),
        "simulated": given.simulated,
        "rule_version": max((str(s["rule_version"]) for s in summaries if "rule_version" in s), default=None),
        "run_ids": [run.run_id for run in sealed],
        "run_blocks": [run.block for run in sealed],
        "run_boots": [run.boot_id for run in sealed],
        "run_started_s": [run.started_s for run in sealed],
        "run_flags": [_run_flags(run) for run in sealed],
        "run_counted": counted,
        "run_mean_error_s": [s.get("mean_error_s") for s in summaries],
        "run_overhead_s": [s.get("overhead_s") for s in summaries],
    }
    row |= _power(summaries, counted, flags)
    for measure in MEASURES:
        row |= _measure(measure.name, [s.get(measure.name) for s in summaries], counted)
    if "mixed_power_scope" in flags:
        for name in ("power_w", "energy_j_per_item", "idle_power_w"):
            row |= {name: None, f"{name}_lo": None, f"{name}_hi": None}
    row["flags"] = sorted(flags)
    return row


def _summary(run: RunInput) -> Mapping[str, Any]:
    return run.summary or {}


def _counted(sealed: Sequence[RunInput]) -> list[bool]:
    """Which runs the row's means are over.

    Where foreign load set every run aside, its replacements too, they are what there is: flagged numbers
    say more than none. A run that its agent set aside (the device slept) never counts.
    """
    counted = [run.counted and bool(_summary(run).get("counted", True)) for run in sealed]
    if any(counted):
        return counted
    return ["contaminated" in _run_flags(run) and run.facts.get("counted") is True for run in sealed]


def _run_flags(run: RunInput) -> list[str]:
    return sorted({*run.flags, *(_summary(run).get("flags") or ())})


def _measure(name: str, values: Sequence[float | None], counted: Sequence[bool]) -> dict[str, Any]:
    used = [value for value, is_used in zip(values, counted, strict=True) if is_used]
    estimate = mean_interval(used)
    return {
        name: estimate.mean,
        f"{name}_lo": estimate.lo,
        f"{name}_hi": estimate.hi,
        f"{name}_runs": [None if value is None else float(value) for value in values],
    }


def _identity(given: ReportInput, environment: str | None) -> dict[str, Any]:
    row = {name: getattr(given, name) for name in _COPIED}
    if given.top1 is not None and not 0 <= given.top1 <= 100:
        raise ReportError(f"top1 of {given.model} is {given.top1}: give it in percent, from 0 to 100")
    return {**row, "environment_id": environment, "options": _json(given.options)}


def _json(value: Any) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def _effective(sealed: Sequence[RunInput], flags: set[str]) -> dict[str, Any]:
    """What was in force in the sealed runs; a value that they disagree about is null, with a flag."""
    seen = [run.facts["effective"] for run in sealed if run.facts.get("effective")]
    row: dict[str, Any] = {"runtime_version": None}
    names = ("precision", "provider", "threads", "batch_size", "options", "cpus")
    for name in (*names, "runtime_version"):
        values = {_json(effective.get(name)) for effective in seen}
        if len(values) > 1:
            flags.add("effective_differs")
        value = json.loads(values.pop()) if len(values) == 1 else None
        if name == "options" and value is not None:
            value = _json(value)
        row[name if name == "runtime_version" else f"effective_{name}"] = value
    return row


def _status(runs: Sequence[RunInput], sealed: Sequence[RunInput]) -> dict[str, Any]:
    """A row is ok when every run of it sealed, partial when some did; else what its runs mostly came to."""
    unsealed = [run for run in runs if run.state != "sealed"]
    reasons = Counter(run.reason for run in unsealed if run.reason)
    reason = min(reasons, key=lambda text: (-reasons[text], text)) if reasons else None
    if sealed:
        return {"status": "partial" if unsealed else "ok", "reason": reason}
    states = {run.state for run in runs}
    status = next((name for name, members in _UNSEALED if states & members), "pending")
    return {"status": status, "reason": reason}


def _power(
    summaries: Sequence[Mapping[str, Any]], counted: Sequence[bool], flags: set[str]
) -> dict[str, Any]:
    """The row's power: scope and source, uncertainties, and a struct for every (scope, source, rail)."""
    used = [s for s, is_used in zip(summaries, counted, strict=True) if is_used]
    scopes = {(s.get("power_scope"), s.get("power_source")) for s in used if s.get("power_scope")}
    row: dict[str, Any] = dict.fromkeys(("power_scope", "power_source"))
    if len(scopes) == 1:
        row["power_scope"], row["power_source"] = scopes.pop()
    elif scopes:
        flags.add("mixed_power_scope")
    for name in ("energy_relative_uncertainty", "energy_gain_uncertainty"):
        values: list[Any] = [s.get(name) for s in used if s.get("energy_j_per_item") is not None]
        row[name] = None if not values or None in values else max(values)
    energies = [s.get("energy_j_per_item") for s in used]
    if varies_between_runs(energies, row["energy_relative_uncertainty"]):
        flags.add("process_variance")
    keys = dict.fromkeys(_rail(entry) for s in summaries for entry in s.get("energy") or ())
    row["energy"] = [_rail_struct(key, summaries, counted) for key in keys] or None
    return row


def varies_between_runs(energies_j: Sequence[float | None], relative: float | None) -> bool:
    """Whether processes differ in their energy by more than each one's own error, and leave it wide open.

    That is, from 5 runs on: the 95 % interval of the mean is wider than 2 % on either side, and the runs'
    standard deviation is larger than half of `relative`, their own uncertainty at 95 %.

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
    return (entry.get("scope"), entry.get("source"), entry.get("rail"), entry.get("kind"))


def _rail_struct(
    key: tuple[Any, ...], summaries: Sequence[Mapping[str, Any]], counted: Sequence[bool]
) -> dict[str, Any]:
    """One measured rail over all runs: means over counted ones, values of all, null where a run has none."""
    per_run: list[Mapping[str, Any]] = [
        next((e for e in s.get("energy") or () if _rail(e) == key), {}) for s in summaries
    ]
    used = [entry for entry, is_used in zip(per_run, counted, strict=True) if is_used]
    struct: dict[str, Any] = dict(zip(("scope", "source", "rail", "kind"), key, strict=True))
    struct["primary"] = any(entry.get("primary") for entry in used)
    for name in _RAIL_MEANS:
        struct[name] = mean_interval([entry.get(name) for entry in used]).mean
    for name in _RAIL_LARGEST:
        struct[name] = max((e[name] for e in used if e.get(name) is not None), default=None)
    for name in ("power_w", "energy_j_per_item"):
        struct[f"{name}_runs"] = [entry.get(name) for entry in per_run]
    kinds = {entry["idle_kind"] for entry in used if entry.get("idle_kind")}
    struct["idle_kind"] = kinds.pop() if len(kinds) == 1 else None
    struct["flags"] = sorted({flag for entry in used for flag in entry.get("flags") or ()})
    return struct


def _add_largest_batch(rows: Sequence[dict[str, Any]]) -> None:
    """Where a batch ran out of memory, the largest that ran, in every row that differs in batch size only."""
    families: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    for row in rows:
        families.setdefault(tuple(row[name] for name in _BATCH_FREE), []).append(row)
    for family in families.values():
        fits = [row["batch_size"] for row in family if row["status"] in ("ok", "partial")]
        is_limited = any(row["reason"] == "oom" for row in family)
        for row in family:
            row["largest_batch_that_fits"] = max(fits) if fits and is_limited else None
