"""Figures that others published as a report: one value each, of runs that nobody counted."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from paretofleet_analysis.errors import ReportError
from paretofleet_analysis.report.schema import COLUMNS, MEASURES, schema

#: A flag of rows that were imported.
PUBLISHED = "published_value"
UNKNOWN = "unknown"
#: What a table must say of each row; the rest of an identity may be unknown.
REQUIRED = ("model", "device", "batch_size")
TEXTS = (
    *("model", "variant", "device", "device_class", "target", "runtime", "runtime_version", "options"),
    *(
        "precision",
        "weights_precision",
        "mode",
        "timing_scope",
        "top1_source",
        "power_scope",
        "accuracy_group",
    ),
)
WHOLE = ("batch_size", "threads", "parameters", "macs", "size_bytes", "top1_n")
#: What may be given of a row: `TEXTS`, `WHOLE` numbers, and real ones.
GIVEN = (*TEXTS, *WHOLE, "top1", *(measure.name for measure in MEASURES))
_DEFAULTS = dict.fromkeys(
    ("device_class", "target", "runtime", "precision", "mode", "timing_scope", "protocol"), UNKNOWN
)
_IDENTITY = (
    *("sweep", "model", "variant", "device", "target", "runtime", "options", "precision", "batch_size"),
    *("threads", "mode", "timing_scope", "protocol"),
)


@dataclass(frozen=True)
class Imported:
    """A report of others' figures and what has to be known of it, such as what was left out, in `notes`."""

    report: pa.Table
    notes: tuple[str, ...]


def published_report(columns: Mapping[str, Sequence[Any]], *, source: str) -> pa.Table:
    """A report of the `columns` (a value for each row, None is absent), which all have one length.

    Their names are of `GIVEN`, in the report's units. `source` stands as the sweep. Each row has one run,
    in which its values stand once: nobody said of how many runs they are, so no interval is made of them.
    What the table does not say of an identity is "unknown", so that only like is ranked with like. Raises
    ReportError for no rows, names that are not of `GIVEN`, that are missing, and values of another kind.
    """
    unlike = [name for name in columns if name not in GIVEN]
    missing = [name for name in REQUIRED if name not in columns or None in columns[name]]
    if unlike:
        raise ReportError(f"{source}: no report has {', '.join(unlike)}; it takes {', '.join(GIVEN)}")
    if missing:
        needed = ", ".join(missing)
        raise ReportError(f"{source}: every row needs {needed}: give a column of it, or a value for all rows")
    count = len(columns["model"])
    if not count:
        raise ReportError(f"{source} has no rows")
    values: dict[str, Sequence[Any]] = {name: [text] * count for name, text in _DEFAULTS.items()}
    values |= {name: _filled(values.get(name), column) for name, column in columns.items()}
    values |= {
        "sweep": [source] * count,
        "status": ["ok"] * count,
        "simulated": [False] * count,
        "runs": [1] * count,
        "flags": [[PUBLISHED] for _ in range(count)],
        "run_flags": [[[PUBLISHED]]] * count,
        "run_blocks": [[1]] * count,
        "run_counted": [[True]] * count,
    }
    values["configuration_id"] = _ids(values)
    values["run_ids"] = [[f"published-{name}-{at}"] for at, name in enumerate(values["configuration_id"])]
    return pa.Table.from_arrays(
        [_array(column.name, column.type, values, count, source) for column in COLUMNS], schema=schema()
    )


def _filled(defaults: Sequence[Any] | None, column: Sequence[Any]) -> Sequence[Any]:
    if defaults is None:
        return column
    return [default if value is None else value for default, value in zip(defaults, column, strict=True)]


def _ids(values: Mapping[str, Sequence[Any]]) -> list[str]:
    """16 hex digits of the SHA-256 of what is known of each row's configuration."""
    known = [name for name in _IDENTITY if name in values]
    rows = zip(*(values[name] for name in known), strict=True)
    return [
        hashlib.sha256(json.dumps(dict(zip(known, row, strict=True)), sort_keys=True).encode()).hexdigest()[
            :16
        ]
        for row in rows
    ]


def _array(
    name: str, kind: pa.DataType, values: Mapping[str, Sequence[Any]], count: int, source: str
) -> pa.Array:
    try:
        if name in values:
            return pa.array(values[name], type=kind)
        if name.endswith("_runs") or name.startswith("run_"):
            each = values.get(name.removesuffix("_runs"), [None] * count)
            return pa.ListArray.from_arrays(
                np.arange(count + 1, dtype=np.int32), pa.array(each, type=kind.value_type)
            )
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise ReportError(f"{source}: {name} holds a value of another kind: {error}") from error
    return pa.nulls(count, kind)
