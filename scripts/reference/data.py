"""The pages of data: flags, the columns of a report, the samples of a run, what a lake holds."""

from __future__ import annotations

import pyarrow as pa
from paretofleet_analysis.report.column import INT, REAL, TEXT, YES_NO, Column
from paretofleet_analysis.report.flags import FLAGS, Flag
from paretofleet_analysis.report.rail_schema import ENERGY_TYPE, RAIL_COLUMNS
from paretofleet_analysis.report.schema import COLUMNS, MEASURES, VERSION, Measure
from paretofleet_analysis.runs.sample_schemas import PHASE_MEANINGS, SAMPLE_SCHEMAS
from paretofleet_collector.lake.manifest import COLUMNS as MANIFEST_COLUMNS

from reference.markdown import origin, page, paragraph, table

_TYPES = {TEXT: "text", INT: "integer", REAL: "number", YES_NO: "yes or no", ENERGY_TYPE: "list of rails"}
_EFFECTS = {"time": "times", "energy": "energies", "both": "times and energies", "none": "-"}
_BETTER = {"minimize": "less", "maximize": "more", "": "-"}
_UNITS = {"ns": "ns", "uw": "µW", "uj": "µJ", "bytes": "bytes"}


def flags() -> str:
    """The page of every flag that a run, a rail or a row can have."""
    rows = [(f"`{name}`", *_flag_cells(flag)) for name, flag in FLAGS.items()]
    return f"""# Flags

A flag qualifies a run, a sensor's energy or a row of a report. It never deletes a value. A row has
the flags of its counted runs, and those of its own. A flag of a sensor is the run's where that
sensor speaks for the target; any other's stands in the column `energy`.

{origin("analysis/paretofleet_analysis/report/flags.py")}

{table(("flag", "meaning", "set by", "read with care", "null", "the run counts"), rows)}
"""


def _flag_cells(flag: Flag) -> tuple[str, ...]:
    counts = "no" if flag.sets_aside else "yes"
    return flag.meaning, ", ".join(flag.set_by), _EFFECTS[flag.effect], flag.nulls or "-", counts


def report() -> str:
    """The page of the columns of a report."""
    of_measures = {f"{measure.name}{end}" for measure in MEASURES for end in ("", "_lo", "_hi", "_runs")}
    plain = [_column_cells(column) for column in COLUMNS if column.name not in of_measures]
    measures = [_measure_cells(measure) for measure in MEASURES]
    rails = [_rail_cells(column) for column in RAIL_COLUMNS]
    return f"""# Report

A report is a Parquet file of version {VERSION} with a row for each configuration in each environment.
Null is absent, never 0 or -1. All lists of a row that begin with `run_` or end in `_runs` have one
order: by block, by start, by run id. Runs that were set aside stay in them; `run_counted` tells.

{origin("analysis/paretofleet_analysis/report/schema.py")}

## Measures

Each measure is four columns. `NAME` is the mean over the counted runs of the run's own value.
`NAME_lo` and `NAME_hi` are the ends of its 95 % interval, null below 3 runs. `NAME_runs` is the
value of every run.

{table(("measure", "unit", "better", "meaning", "since"), measures)}

## Other columns

{table(("column", "type", "unit", "better", "meaning", "since"), plain)}

## Rails

The column `energy` has an entry for every power rail that was measured. A unit of `fraction` is
relative to the energy. What the terms are: [energy](../methods/energy-uncertainty.md).

{table(("field", "type", "unit", "meaning"), rails)}
"""


def _column_cells(column: Column) -> tuple[str, ...]:
    name, kind, unit, meaning = _rail_cells(column)
    return name, kind, unit, _BETTER[column.direction], meaning, str(column.since)


def _rail_cells(column: Column) -> tuple[str, ...]:
    return f"`{column.name}`", _type(column.type), column.unit or "-", column.description


def _measure_cells(measure: Measure) -> tuple[str, ...]:
    name, better = f"`{measure.name}`", _BETTER[measure.direction]
    return name, measure.unit, better, measure.description, str(measure.since)


def _type(kind: pa.DataType) -> str:
    if kind in _TYPES:
        return _TYPES[kind]
    return f"list of {_plural(_type(kind.value_type))}"


def _plural(text: str) -> str:
    return text if text in ("text", "yes or no") or text.startswith("list") else f"{text}s"


def samples() -> str:
    """The page of the samples that a run consists of."""
    schemas = [
        (f"`{name}`", f"`{schema.streams}`", f"`{column}`", _unit(column), meaning)
        for name, schema in SAMPLE_SCHEMAS.items()
        for column, meaning in schema.columns.items()
    ]
    phases = [(str(k), f"`{name}`", meaning) for k, (name, meaning) in enumerate(PHASE_MEANINGS.items())]
    return f"""# Samples

A run is streams of samples. A sample is two 64-bit integers, and the stream's schema says what they
are. Times are of the device's monotonic clock, which starts anew with each boot.
[Read a report](../how-to/read-a-report.md#reading-the-samples) shows how to get them as files.

{origin("analysis/paretofleet_analysis/runs/sample_schemas.py")}

{table(("schema", "streams", "column", "unit", "meaning"), schemas)}

## Phases

A mark begins a phase, which lasts until the next mark.

{table(("number", "phase", "meaning"), phases)}
"""


def lake() -> str:
    """The page of what a lake holds, and of the columns of its manifest."""
    columns = [(f"`{name}`", f"`{kind}`", meaning) for name, (kind, meaning) in MANIFEST_COLUMNS.items()]
    return page(
        "# Lake",
        paragraph(
            "A lake is a folder, or a prefix in a bucket, with what the collector sealed. Files never "
            "change once they are there, but for the manifests, which are replaced whole."
        ),
        origin("collector/paretofleet_collector/lake/manifest.py"),
        table(
            ("path", "what"),
            [
                ("`samples/SWEEP_ID/RUN_ID-ATTEMPT.parquet`", "the samples of one run"),
                ("`samples/SWEEP_ID/merged-*.parquet`", "those of several runs, one after the other"),
                (
                    "`models/SHA256.onnx`, `models/SHA256.npz`",
                    "models, also .tflite, and inputs by their SHA-256",
                ),
                ("`manifest/SWEEP_ID.parquet`", "which rows of which file are whose, a row a run"),
                ("`orphans/`", "files that nothing listed, at their old paths"),
                ("`tmp/` (of a folder), `probe/` (of a bucket)", "what is being written, and signs of life"),
            ],
        ),
        "## Manifest",
        paragraph(
            "Read files by the manifest, not by their names: one that was merged into another lies there "
            "for a minute more, and its rows would count twice. A running collector writes a sweep's "
            "manifest within ten minutes of a change. What a file of samples holds: [samples](samples.md)."
        ),
        table(("column", "type", "meaning"), columns),
    )


def _unit(column: str) -> str:
    return _UNITS.get(column.rpartition("_")[2], "-")
