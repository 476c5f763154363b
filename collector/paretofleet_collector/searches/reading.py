"""What is known of a search: its record, and the reports of its batches that are on this machine."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from paretofleet_collector.errors import NotFound
from paretofleet_collector.model.entities import SWEEP_FINAL
from paretofleet_collector.searches.costs import CostTable, cost_table
from paretofleet_collector.searches.measured import TrialMeasurement, report_measurements

if TYPE_CHECKING:
    from paretofleet_collector.model.searches import SearchDetail
    from paretofleet_collector.rpc.client import Client
    from paretofleet_collector.searches.specification import SearchSpecification


def report_path(folder: Path, batch: int) -> Path:
    """Where the report of the batch of that number lies, in the `folder` of its search."""
    return folder / "reports" / f"{batch}.parquet"


def pull_reports(client: Client, detail: SearchDetail, folder: Path) -> list[str]:
    """Pulls by `client` what reports of a search, by its `detail`, its `folder` lacks.

    Returns the sweeps that are not over, or are gone.
    """
    absent = []
    for batch in detail.batches:
        path = report_path(folder, batch.number)
        if path.is_file():
            continue
        try:
            if client.show_sweep(batch.sweep).sweep.state not in SWEEP_FINAL:
                absent.append(batch.sweep)
                continue
        except NotFound:
            absent.append(batch.sweep)
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        client.pull_report(batch.sweep, path)
    return absent


def read_table(
    specification: SearchSpecification,
    devices: Sequence[str],
    detail: SearchDetail,
    folder: Path,
    read: dict[int, list[TrialMeasurement]],
    *,
    is_lenient: bool = False,
) -> CostTable:
    """The table of a search on `devices` by its `specification`, `detail` and the reports in a `folder`.

    `read` holds by batch what was read before, and gets the rest. Raises Refused where an anchor failed,
    unless `is_lenient`: who looks at a search sees what there is.
    """
    for batch in detail.batches:
        path = report_path(folder, batch.number)
        if batch.number not in read and path.is_file():
            read[batch.number] = report_measurements(
                path, batch, detail.trials, specification, is_lenient=is_lenient
            )
    measured = [each for number in sorted(read) for each in read[number]]
    return cost_table(specification, devices, detail.trials, measured, detail.trainings)
