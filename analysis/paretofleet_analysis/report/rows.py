"""Sealed runs to the report's rows: what a mean is over, and what a row's status is."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pyarrow as pa

from paretofleet_analysis.errors import ReportError
from paretofleet_analysis.report.configuration_columns import (
    effective_columns,
    environment_text,
    requested_columns,
)
from paretofleet_analysis.report.inputs import ReportInput, RunInput
from paretofleet_analysis.report.power_columns import MIXED_SCOPE, power_columns
from paretofleet_analysis.report.schema import MEASURES, schema
from paretofleet_analysis.report.work_bound import NO_WORK, is_faster_than_its_work
from paretofleet_analysis.statistics.intervals import mean_interval
from paretofleet_analysis.statistics.stopping import DEVICE_ROWS_MIN, device_prior
from paretofleet_analysis.statistics.variance_prior import VariancePrior

#: What a run without values (it may be sealed without a summary) makes of a row without any, most telling
#: first.
_UNSEALED = (
    ("pending", {"pending", "leased", "running", "uploaded"}),
    ("failed", {"failed", "sealed"}),
    ("cancelled", {"cancelled"}),
    ("skipped", {"skipped"}),
)
#: Everything of a configuration but its batch size: rows alike in these tell which batch is the largest.
_BATCH_FREE = (
    *("sweep", "variant_sha256", "device", "target", "runtime", "options", "precision", "threads"),
    *("mode", "items_s", "inputs", "timing_scope", "protocol"),
)


#: Columns of the primary scope, null where the runs do not agree on one.
_OF_SCOPE = ("power_w", "energy_j_per_item", "idle_power_w")
CONTAMINATED = "contaminated"


def build_report(rows: Iterable[ReportInput]) -> pa.Table:
    """The report of configurations, `rows`: one row per (configuration_id, environment_id), in their order.

    A measure is the mean over counted runs of the run's own value, with a t interval on the log scale. Runs
    without an environment (they never got that far) belong to every row of their configuration. Raises
    `ReportError` when a value does not fit the schema.
    """
    built = [row for configuration in rows for row in _rows_of(configuration)]
    _add_largest_batch(built)
    _share_variances(built)
    try:
        return pa.Table.from_pylist(built, schema=schema())
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise ReportError(f"a run's value does not fit the report's schema: {error}") from error


def _rows_of(configuration: ReportInput) -> list[dict[str, Any]]:
    """One row per environment that the configuration's runs saw; one without where none saw any."""
    environments: list[str | None] = list(
        dict.fromkeys(run.environment_id for run in configuration.runs if run.environment_id)
    )
    rows = []
    for environment in environments or [None]:
        runs = [run for run in configuration.runs if run.environment_id in (environment, None)]
        rows.append(_row(configuration, environment, runs))
    return rows


def _row(configuration: ReportInput, environment: str | None, runs: Sequence[RunInput]) -> dict[str, Any]:
    sealed = sorted(
        (run for run in runs if run.state == "sealed" and run.summary is not None),
        key=lambda run: (run.block, run.started_s or 0.0, run.run_id),
    )
    summaries = [_summary(run) for run in sealed]
    counted = _counted(sealed)
    used = [run for run, is_used in zip(sealed, counted, strict=True) if is_used]
    effective, effective_flags = effective_columns(sealed)
    power, power_flags = power_columns(summaries, counted)
    run_flags = {flag for run in used for flag in _run_flags(run)}
    # Only a first block looks, and it says the same of the model where that run does not count here.
    run_flags |= {flag for run in configuration.runs for flag in _run_flags(run) if flag == NO_WORK}
    row: dict[str, Any] = {
        **requested_columns(configuration),
        "environment_id": environment,
        "environment": environment_text(runs, environment),
        **effective,
        **_evaluated(summaries, counted),
        **_status(runs, sealed),
        "flags": sorted({*configuration.flags, *run_flags, *effective_flags, *power_flags}),
        "runs": len(used),
        "iterations": sum(_summary(run).get("iterations") or 0 for run in used),
        "simulated": configuration.simulated,
        "rule_version": ", ".join(sorted({str(s["rule_version"]) for s in summaries if "rule_version" in s}))
        or None,
        **power,
        "run_ids": [run.run_id for run in sealed],
        "run_blocks": [run.block for run in sealed],
        "run_boots": [run.boot_id for run in sealed],
        "run_started_s": [run.started_s for run in sealed],
        "run_flags": [_run_flags(run) for run in sealed],
        "run_counted": counted,
        "run_mean_error_s": [summary.get("mean_error_s") for summary in summaries],
        "run_overhead_s": [summary.get("overhead_s") for summary in summaries],
    }
    for measure in MEASURES:
        row |= _measure(measure.name, [summary.get(measure.name) for summary in summaries], counted)
        if measure.has_resolution:
            row[f"{measure.name}_resolution"] = _resolution(measure.name, summaries, counted)
        _set_interval(row, measure.name)
    if is_faster_than_its_work(row, [run.facts for run in used]):
        row["flags"] = sorted({*row["flags"], NO_WORK})
    if MIXED_SCOPE in row["flags"]:
        for name in _OF_SCOPE:
            row |= {name: None, f"{name}_lo": None, f"{name}_hi": None}
    return row


def _evaluated(summaries: Sequence[Mapping[str, Any]], counted: Sequence[bool]) -> dict[str, Any]:
    """The accuracy of a row whose runs are evaluations: that of the last counted one; empty for others."""
    pairs = zip(summaries, counted, strict=True)
    evaluated = [summary for summary, is_used in pairs if is_used and summary.get("top1") is not None]
    if not evaluated:
        return {}
    found = {name: evaluated[-1].get(name) for name in ("top1", "top5", "top1_n", "correct_items")}
    return {**found, "top1_source": "measured"}


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
    return [CONTAMINATED in _run_flags(run) and run.facts.get("counted") is True for run in sealed]


def _run_flags(run: RunInput) -> list[str]:
    return sorted({*run.flags, *(_summary(run).get("flags") or ())})


def _measure(name: str, values: Sequence[float | None], counted: Sequence[bool]) -> dict[str, Any]:
    used = [value for value, is_used in zip(values, counted, strict=True) if is_used]
    present = [value for value in used if value is not None]
    # what is no number stays to be seen, and to be excluded by whoever ranks
    is_number = all(map(math.isfinite, present))
    return {
        name: mean_interval(present).mean if is_number else sum(present),
        f"{name}_lo": None,
        f"{name}_hi": None,
        f"{name}_runs": [None if value is None else float(value) for value in values],
    }


def _resolution(name: str, summaries: Sequence[Mapping[str, Any]], counted: Sequence[bool]) -> float | None:
    """The coarsest of the counted runs that have a value; None where one of them does not tell."""
    widths = [
        (summary.get("resolution") or {}).get(name)
        for summary, is_used in zip(summaries, counted, strict=True)
        if is_used and summary.get(name) is not None
    ]
    stated = [float(width) for width in widths if width is not None]
    return max(stated, default=None) if len(stated) == len(widths) else None


def _set_interval(row: dict[str, Any], name: str, prior: VariancePrior | None = None) -> None:
    """The interval of a row's mean, with what its device's rows lend one another."""
    used = _used(row, name)
    if all(map(math.isfinite, used)):
        estimate = mean_interval(used, prior=prior, resolution=row.get(f"{name}_resolution"))
        row |= {f"{name}_lo": estimate.lo, f"{name}_hi": estimate.hi}


def _share_variances(rows: Sequence[dict[str, Any]]) -> None:
    """The intervals of rows whose device has enough of them in a sweep, with what they lend one another."""
    places: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row in rows:
        places.setdefault((row["sweep"], row["device"]), []).append(row)
    for members in places.values():
        for measure in MEASURES if len(members) >= DEVICE_ROWS_MIN else ():
            name = measure.name
            values = [_used(row, name) for row in members]
            prior = device_prior(x for x in values if all(map(math.isfinite, x)))
            for row in members if prior is not None else ():
                if row[f"{name}_lo"] is not None:
                    _set_interval(row, name, prior)


def _used(row: Mapping[str, Any], name: str) -> list[float]:
    pairs = zip(row[f"{name}_runs"], row["run_counted"], strict=True)
    return [value for value, is_used in pairs if is_used and value is not None]


def _status(runs: Sequence[RunInput], sealed: Sequence[RunInput]) -> dict[str, Any]:
    """A row is ok when every run of it sealed, partial when some did; else what its runs mostly came to.

    A run that is sealed without a summary has a reason as a failed one has.
    """
    unsealed = [run for run in runs if run.state != "sealed" or run.summary is None]
    reasons = Counter(run.reason for run in unsealed if run.reason)
    reason = min(reasons, key=lambda text: (-reasons[text], text)) if reasons else None
    if sealed:
        return {"status": "partial" if unsealed else "ok", "reason": reason}
    states = {run.state for run in runs}
    status = next((name for name, members in _UNSEALED if states & members), "pending")
    return {"status": status, "reason": reason}


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
