"""Reports as commands name them: files, or sweeps that are pulled from the collector for now."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from paretofleet_collector.cli.progress import ended, working
from paretofleet_collector.cli.session import collector_client
from paretofleet_collector.cli.units import counted
from paretofleet_collector.errors import Refused

if TYPE_CHECKING:
    import pyarrow as pa

    from paretofleet_collector.model.views import SweepView


@dataclass(frozen=True)
class Reported:
    """The rows of all sources as one `table`, the SHA-256 of each report's file, and `notes` on sweeps that
    still run.
    """

    table: pa.Table
    sha256: tuple[str, ...]
    notes: tuple[str, ...]


def read_sources(context: typer.Context, sources: Sequence[str]) -> Reported:
    """What the `sources` report: each the file of that name, or the sweep, pulled with the `context`."""
    from paretofleet_analysis.ranking.rank import ROWS_MAX
    from paretofleet_analysis.report import files

    with _files(context, sources) as (paths, notes):
        table = files.concatenate([files.read(path, rows_max=ROWS_MAX) for path in paths])
        checksums = tuple(hashlib.sha256(path.read_bytes()).hexdigest() for path in paths)
    return Reported(table, checksums, tuple(notes))


@contextmanager
def _files(context: typer.Context, sources: Sequence[str]) -> Iterator[tuple[list[Path], list[str]]]:
    """The report file of each source: itself where it is one, else pulled from the collector for now.

    With sentences about the sweeps that still run.
    """
    with tempfile.TemporaryDirectory(prefix="paretofleet-") as folder:
        paths, notes = [], []
        for at, source in enumerate(dict.fromkeys(sources)):
            path = Path(source)
            if not path.exists():
                if path.suffix == ".parquet" or len(path.parts) > 1:
                    raise Refused(
                        f"{source} does not exist; pull it with `paretofleet report pull SWEEP -o {source}`."
                    )
                path = Path(folder) / f"{at}.parquet"
                with collector_client(context) as client, working(f"pulling the report of {source}"):
                    client.pull_report(source, path)
                    notes += _still_running(client.list_sweeps(), source)
            paths.append(path)
        yield paths, notes


def _still_running(sweeps: Sequence[SweepView], source: str) -> list[str]:
    """That the sweep which the `source` names has not ended, and how far it is; empty where it has."""
    return [
        f"{sweep.name} has not ended ({ended(sweep)} of {counted(sweep.runs, 'run')}, {sweep.state}): "
        "this is what its runs show so far."
        for sweep in sweeps
        if source in (sweep.name, sweep.sweep_id) and sweep.ended_unix_s is None
    ]
