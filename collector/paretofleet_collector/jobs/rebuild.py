"""Summaries computed again from sealed files, each file for itself: a bad one costs its runs a sentence."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import sqlalchemy as sa
from paretofleet_analysis.errors import ReportError
from paretofleet_analysis.report.distributed import Part, local_results, spark_results

from paretofleet_collector.errors import CollectorError, NotFound, StorageUnavailable
from paretofleet_collector.jobs import report
from paretofleet_collector.jobs.seal import summary_of
from paretofleet_collector.lake import samples
from paretofleet_collector.lake.address import existing_lake
from paretofleet_collector.lake.files import Lake
from paretofleet_collector.model.canonical import environment_id_of
from paretofleet_collector.model.entities import (
    AttemptKey,
    Configuration,
    Device,
    Inventory,
    PlannedConfiguration,
)
from paretofleet_collector.store import attempts, configurations, devices, runs, sealed
from paretofleet_collector.store.engine import reading
from paretofleet_collector.store.sealed import SealedFile

#: Under which names people know what was planned.
_NAMES = ("device", "model", "variant", "target")


@dataclass(frozen=True)
class RunWork:
    """All that a summary needs of a run beside its samples: where those are, facts, and what was planned."""

    file: SealedFile
    facts_json: str
    place: report.RunPlace


def summarize_again(
    database: str, lake: str, run_ids: list[str], spark: str = ""
) -> dict[str, dict[str, Any]]:
    """The summaries of the sealed runs `run_ids`, computed again from their files: by run id.

    Each is what `seal` gives: `summary` (None where there can be none), `why_not`, `environment_id` and
    `attempt`; for a run whose samples cannot be read `unreadable` says why. `database` and `lake` are the
    paths of the file and of the folder. `spark` is the master of the Spark that computes, empty for this
    process. Raises NotFound where there is no lake, StorageUnavailable where it is out of reach, and
    CollectorError where Spark gave up.
    """
    existing_lake(lake)
    result: dict[str, dict[str, Any]] = {}
    by_file: dict[tuple[str, str], list[RunWork]] = defaultdict(list)
    with reading(database) as connection:
        device_of = devices.by_id(connection)
        for run_id in run_ids:
            try:
                run = _work_of(connection, run_id, device_of)
            except CollectorError as error:
                result[run_id] = {"unreadable": str(error)}
            else:
                by_file[run.file.path, run.file.sha256].append(run)
    parts = [Part("/".join(file), _work(lake, listed)) for file, listed in by_file.items()]
    try:
        made = spark_results(summarize_file, parts, spark) if spark else local_results(summarize_file, parts)
    except ReportError as error:
        raise CollectorError(str(error)) from error
    for text in made.values():
        result |= json.loads(text)
    return result


def summarize_file(work: bytes) -> bytes:
    """The summaries of the runs of one sealed file, as JSON by run id; Spark calls it in its processes.

    `work` is JSON: the address of the lake, and what `RunWork` has of each run. Raises NotFound where the
    lake is not there, and StorageUnavailable where it is out of reach: no run is to blame for that.
    """
    given = json.loads(work)
    listed = [_run_of(fields) for fields in given["runs"]]
    root = existing_lake(given["lake"])
    file = listed[0].file
    try:
        path = root.verified(file.path, file.sha256)
    except StorageUnavailable:
        raise
    except CollectorError as error:
        return json.dumps({run.file.run_id: {"unreadable": str(error)} for run in listed}).encode()
    return json.dumps({run.file.run_id: _summary(run, path, root) for run in listed}).encode()


def _work(lake: str, listed: Iterable[RunWork]) -> bytes:
    """What `summarize_file` takes."""
    runs_json = [
        {
            "file": asdict(run.file),
            "facts_json": run.facts_json,
            "configuration": run.place.planned.configuration.canonical_json,
            "names": {name: getattr(run.place.planned, name) for name in _NAMES},
            "device_class": run.place.device.device_class,
            "simulated": run.place.device.simulated,
            "block": run.place.block,
        }
        for run in listed
    ]
    return json.dumps({"lake": lake, "runs": runs_json}).encode()


def _run_of(fields: Mapping[str, Any]) -> RunWork:
    """A run of the work; of its device that which a report says."""
    planned = PlannedConfiguration(Configuration.from_json(fields["configuration"]), **fields["names"])
    device = Device(
        device_id=planned.configuration.device_id,
        name=planned.device,
        device_class=fields["device_class"],
        inventory=Inventory(simulated=fields["simulated"]),
    )
    place = report.RunPlace(planned, device, fields["block"])
    return RunWork(SealedFile(**fields["file"]), fields["facts_json"], place)


def _summary(run: RunWork, path: Path, root: Lake) -> dict[str, Any]:
    try:
        streams = samples.read_parquet(path, run.file.first_row, run.file.samples)
    except (OSError, pa.ArrowException) as error:  # as where it was merged and removed meanwhile
        return {"unreadable": f"{run.file.path} cannot be read ({error})."}
    facts = report.facts_of(run.facts_json)
    summary, why_not = summary_of(streams, facts, run.place, root)
    return {
        "summary": summary,
        "why_not": why_not,
        "environment_id": environment_id_of(facts),
        "attempt": run.file.attempt,
    }


def _work_of(connection: sa.Connection, run_id: str, device_of: Mapping[str, Device]) -> RunWork:
    run = runs.get(connection, run_id)
    files = sealed.files_of_run(connection, run_id)
    if run is None or not files:
        raise NotFound(f"Run {run_id} is gone.")
    row = attempts.row_of(connection, AttemptKey(run_id, files[0].attempt))
    planned = configurations.get(connection, run.sweep_id, run.configuration_id)
    place = report.RunPlace(planned, device_of[run.device_id], run.block)
    return RunWork(files[0], row.facts_json if row is not None else "", place)
