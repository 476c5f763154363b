"""A report as MLflow has runs: a parent for each sweep, a child for each row; with nothing of MLflow's code.

A measure is three metrics: its mean over the counted runs and the ends of its 95 % interval, `_lo`, `_hi`.
What is absent in the report is absent here. Names and values keep the limits of mlflow/utils/validation.py of
MLflow 3.17: 250 letters of a name, 6,000 of a param's value, 8,000 of a tag's, 100 params at once.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from paretofleet_analysis.objectives import OBJECTIVES
from paretofleet_analysis.report.access import Row, label
from paretofleet_analysis.report.files import conform
from paretofleet_analysis.report.schema import MEASURES

#: Letters of a value that MLflow keeps.
_LETTERS_MAX = 5_000
#: What was measured, as far as people asked for it or the model fixes it.
_PARAMS = (
    "model",
    "variant",
    "weights_precision",
    "device",
    "device_class",
    "target",
    "runtime",
    "runtime_version",
    "options",
    "precision",
    "batch_size",
    "threads",
    "mode",
    "timing_scope",
    "protocol",
    "items_s",
    "inputs",
    "parameters",
    "macs",
    "size_bytes",
    "power_scope",
    "power_source",
    "top1_source",
)
#: What qualifies it.
_TAGS = (
    "configuration_id",
    "environment_id",
    "variant_sha256",
    "status",
    "reason",
    "flags",
    "simulated",
    "rule_version",
)
_COUNTS = ("runs", "iterations")


@dataclass(frozen=True)
class MlflowRun:
    """A run of MLflow: its `name`, texts by name (`params`, `tags`), numbers by name (`metrics`), when it
    began, in seconds since 1970 (None where nobody knows).
    """

    name: str
    params: Mapping[str, str]
    tags: Mapping[str, str]
    metrics: Mapping[str, float]
    started_s: float | None


@dataclass(frozen=True)
class MlflowParent:
    """The run of a sweep, with those of its rows, its `children`."""

    run: MlflowRun
    children: tuple[MlflowRun, ...]


def mlflow_runs(report: pa.Table) -> tuple[MlflowParent, ...]:
    """The runs of a `report`: a parent for each sweep in it, in the report's order. Raises ReportError."""
    sweeps: dict[str, list[Row]] = {}
    for row in conform(report, name="the report").to_pylist():
        sweeps.setdefault(str(row["sweep"]), []).append(row)
    return tuple(_parent(sweep, rows) for sweep, rows in sweeps.items())


def _parent(sweep: str, rows: list[Row]) -> MlflowParent:
    children = tuple(_child(row) for row in rows)
    starts = [each.started_s for each in children if each.started_s is not None]
    names = ("device", "model", "runtime")
    params = {f"{name}s": ", ".join(sorted({str(row[name]) for row in rows})) for name in names}
    simulated = sum(bool(row["simulated"]) for row in rows)
    run = MlflowRun(
        name=sweep,
        params={name: _short(text) for name, text in params.items()},
        tags={"paretofleet.sweep": sweep, "paretofleet.simulated_rows": str(simulated)},
        metrics={"rows": float(len(rows)), "runs": float(sum(row["runs"] or 0 for row in rows))},
        started_s=min(starts, default=None),
    )
    return MlflowParent(run, children)


def _child(row: Row) -> MlflowRun:
    starts = [start for start in row["run_started_s"] or () if start is not None]
    tags = {f"paretofleet.{name}": _short(_text(row[name])) for name in _TAGS if _is_there(row[name])}
    return MlflowRun(
        name=label(row),
        params={name: _short(_text(row[name])) for name in _PARAMS if _is_there(row[name])},
        tags=tags,
        metrics=dict(_metrics(row)),
        started_s=min(starts, default=None),
    )


def _metrics(row: Row) -> Iterator[tuple[str, float]]:
    """The numbers of a row that are there: measures and what can be ranked by, with the ends of intervals."""
    for name in dict.fromkeys((*OBJECTIVES, *(measure.name for measure in MEASURES))):
        for column in (name, f"{name}_lo", f"{name}_hi"):
            if row.get(column) is not None:
                yield column, float(row[column])
    for name in _COUNTS:
        if row[name] is not None:
            yield name, float(row[name])


def _is_there(value: Any) -> bool:
    return value not in (None, "", [])


def _text(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return value if isinstance(value, str) else json.dumps(value)


def _short(text: str) -> str:
    return text if len(text) <= _LETTERS_MAX else text[: _LETTERS_MAX - 3] + "..."
