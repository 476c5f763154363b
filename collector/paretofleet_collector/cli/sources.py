"""Reports as commands name them: files, bundles, or sweeps that are pulled from the collector for now."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from paretofleet_collector.cli.progress import working
from paretofleet_collector.cli.session import collector_client
from paretofleet_collector.cli.units import counted
from paretofleet_collector.errors import misused

if TYPE_CHECKING:
    import pyarrow as pa
    from paretofleet_analysis.report.bundle import Bundle

    from paretofleet_collector.model.views import SweepView


@dataclass(frozen=True)
class Reported:
    """The rows of all sources as one `table`, the SHA-256 of each report's file, and `notes` on sweeps that
    still run. `contents`: each report's file as it is; `bundles` that were among the sources, and `sweeps`
    that were pulled.
    """

    table: pa.Table
    sha256: tuple[str, ...]
    notes: tuple[str, ...]
    contents: tuple[bytes, ...] = ()
    bundles: tuple[Bundle, ...] = ()
    sweeps: tuple[str, ...] = ()

    def with_more(self, other: Reported) -> Reported:
        """What this and then the `other` reported, as if they had been read at once."""
        from paretofleet_analysis.report import files

        return Reported(
            files.concatenate([self.table, other.table]),
            self.sha256 + other.sha256,
            self.notes + other.notes,
            self.contents + other.contents,
            self.bundles + other.bundles,
            self.sweeps + other.sweeps,
        )


@dataclass
class Pulled:
    """What stands in a folder for now: `paths` of reports, and what `Reported` says of them."""

    folder: Path
    paths: list[Path] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    bundles: list[Bundle] = field(default_factory=list)
    sweeps: list[str] = field(default_factory=list)


def read_sources(context: typer.Context, sources: Sequence[str]) -> Reported:
    """What the `sources` report: each the file of that name, the reports in that bundle, or the sweep, pulled
    with the `context`. Raises Refused for a file that does not exist, ReportError for one that is none.
    """
    from paretofleet_analysis.ranking.rank import ROWS_READ_MAX
    from paretofleet_analysis.report import files

    with source_files(context, sources) as pulled:
        table = files.concatenate([files.read(path, rows_max=ROWS_READ_MAX) for path in pulled.paths])
        contents = tuple(path.read_bytes() for path in pulled.paths)
    return Reported(
        table,
        tuple(hashlib.sha256(content).hexdigest() for content in contents),
        tuple(pulled.notes),
        contents,
        tuple(pulled.bundles),
        tuple(pulled.sweeps),
    )


@contextmanager
def source_files(context: typer.Context, sources: Sequence[str]) -> Iterator[Pulled]:
    """The report files of the `sources`, those that did not exist before in a folder that goes away; pulled
    with the `context`. Raises Refused as `read_sources` does.
    """
    with tempfile.TemporaryDirectory(prefix="paretofleet-") as folder:
        pulled = Pulled(Path(folder))
        for at, source in enumerate(dict.fromkeys(sources)):
            path, room = Path(source), pulled.folder / str(at)
            if path.exists():
                _add_file(path, room, pulled)
            elif path.suffix in (".parquet", ".zip") or len(path.parts) > 1:
                raise misused(
                    f"{source} does not exist; pull it with `paretofleet report pull SWEEP -o {source}`."
                )
            else:
                _pull(context, source, room, pulled)
        yield pulled


def _add_file(path: Path, room: Path, pulled: Pulled) -> None:
    """Adds a report's file, those of a folder of reports, or of a bundle in the new folder `room`."""
    from paretofleet_analysis.report.bundle import is_bundle, read_bundle
    from paretofleet_analysis.report.dataset import files_below

    if path.is_dir():
        pulled.paths += files_below(path)
        return
    if not is_bundle(path):
        pulled.paths.append(path)
        return
    room.mkdir()
    bundle = read_bundle(path, room)
    pulled.bundles.append(bundle)
    pulled.paths += [each for each in bundle.reports if isinstance(each, Path)]


def _pull(context: typer.Context, sweep: str, room: Path, pulled: Pulled) -> None:
    """Adds the report of a `sweep`, pulled into the new folder `room`."""
    room.mkdir()
    with collector_client(context) as client, working(f"pulling the report of {sweep}"):
        pulled.paths.append(client.pull_report(sweep, room / "report.parquet"))
        pulled.notes += _still_running(client.list_sweeps(), sweep)
    pulled.sweeps.append(sweep)


def _still_running(sweeps: Sequence[SweepView], source: str) -> list[str]:
    """That the sweep which the `source` names has not ended, and how far it is; empty where it has."""
    return [
        f"{sweep.name} has not ended ({sweep.ended_runs} of {counted(sweep.runs, 'run')}, {sweep.state}): "
        "this is what its runs show so far."
        for sweep in sweeps
        if source in (sweep.name, sweep.sweep_id) and sweep.ended_unix_s is None
    ]
