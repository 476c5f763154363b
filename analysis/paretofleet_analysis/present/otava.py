"""The runs of a comparison as series for Apache Otava, which looks for change points: a CSV file for each
configuration and `otava.yaml` with a test for each, as its pages on CSV describe them.

A file has a line for each run in order of time: `time` (UTC), `sweep`, `boot` and `environment` as
attributes, then the measures. Source: Apache Otava, docs/CSV.md and its CSV importer, read 2026-11-26.
"""

from __future__ import annotations

import csv
import datetime as dt
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from paretofleet_analysis.errors import ReportError
from paretofleet_analysis.objectives import OBJECTIVES
from paretofleet_analysis.ranking.before_after import BeforeAfter, Change

_ATTRIBUTES = ("sweep", "boot", "environment")


def write_series(result: BeforeAfter, folder: Path) -> Path:
    """Writes the runs behind a `result` into the new or empty `folder`; returns the path of its otava.yaml.

    A run without a time or without one of its configuration's measures is left out. Raises ReportError where
    the folder is not empty or cannot be written.
    """
    by_configuration: dict[str, list[Change]] = {}
    for change in result.changes:
        by_configuration.setdefault(str(change.before["configuration_id"]), []).append(change)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise ReportError(f"{folder} is not empty: name a new folder for the series")
        tests = {}
        for changes in by_configuration.values():
            name = _test_name(changes[0].before)
            measures = [change.measure for change in changes]
            runs = [run for side in (changes[0].before, changes[0].after) for run in _runs(side, measures)]
            _write_csv(folder / f"{name}.csv", measures, sorted(runs))
            tests[name] = _test(f"{name}.csv", measures)
        path = folder / "otava.yaml"
        path.write_text(json.dumps({"tests": tests}, indent=2) + "\n")  # JSON is YAML
    except OSError as error:
        raise ReportError(
            f"cannot write series to {folder}: {error.strerror}; choose another folder"
        ) from error
    return path


def _test(file: str, measures: Sequence[str]) -> dict[str, Any]:
    directions = {name: 1 if OBJECTIVES[name].maximize else -1 for name in measures}
    return {
        "type": "csv",
        "file": file,
        "time_column": "time",
        "attributes": list(_ATTRIBUTES),
        "metrics": {name: {"direction": direction} for name, direction in directions.items()},
        "csv_options": {"delimiter": ",", "quote_char": '"'},
    }


def _test_name(row: Mapping[str, Any]) -> str:
    """What a test is called: letters that are safe in a file's name, and the configuration's id."""
    words = (row["model"], row["device"], row["runtime"], row["precision"], f"b{row['batch_size']}")
    readable = re.sub(r"[^A-Za-z0-9_-]+", "-", "-".join(map(str, words)))[:80].strip("-")
    identity = re.sub(r"[^A-Za-z0-9]+", "", str(row["configuration_id"]))[:16]
    return f"{readable}-{identity}"


def _runs(row: Mapping[str, Any], measures: Sequence[str]) -> Iterator[tuple[float, list[str]]]:
    """The counted runs of a `row` with their start, as the cells of a line."""
    columns = [row["run_started_s"], row["run_counted"], row["run_boots"]]
    columns += [row[f"{name}_runs"] for name in measures]
    for start_s, is_counted, boot, *values in zip(*columns, strict=True):
        if is_counted and start_s is not None and None not in values:
            at = dt.datetime.fromtimestamp(start_s, dt.UTC).strftime("%Y-%m-%d %H:%M:%S +0000")
            names = [_safe(row["sweep"]), _safe(boot), _safe(row["environment_id"])]
            yield start_s, [at, *names, *(repr(float(value)) for value in values)]


def _safe(text: object) -> str:
    """A text of strangers in one line that no spreadsheet computes."""
    line = " ".join(str("" if text is None else text).split())
    return f"'{line}" if line.startswith(("=", "+", "-", "@")) else line


def _write_csv(path: Path, measures: Sequence[str], runs: Sequence[tuple[float, list[str]]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(["time", *_ATTRIBUTES, *measures])
        writer.writerows(cells for _, cells in runs)
