"""Runs whose samples were removed for their age: which, when, and by which rule they are summarised."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import sqlalchemy as sa

from paretofleet_collector.store import discarded
from paretofleet_collector.store.base import METADATA, changed
from paretofleet_collector.store.runs import RUNS
from paretofleet_collector.store.sealed import MANIFEST, SUMMARIES
from paretofleet_collector.store.sweeps import SWEEPS

RETIRED = sa.Table(
    "retired",
    METADATA,
    sa.Column("run_id", sa.ForeignKey("runs.run_id", ondelete="CASCADE"), primary_key=True),
    sa.Column("attempt", sa.Integer, primary_key=True),
    sa.Column("samples", sa.BigInteger, nullable=False),
    sa.Column("sealed_unix_s", sa.Float, nullable=False),
    sa.Column("retired_unix_s", sa.Float, nullable=False),
    #: Of the summary that is left.
    sa.Column("rule_version", sa.String(16), nullable=False),
)


@dataclass(frozen=True)
class OldFile:
    """A sealed file all of whose runs are old: its sweep, path, size, and its runs.

    `unsummarised`: how many of the runs have no summary by the rule of today; their samples stay, and with
    them the file.
    """

    sweep: str
    path: str
    size_bytes: int
    runs: int
    unsummarised: int


@dataclass(frozen=True)
class Retirement:
    """What was removed of a sweep: of how many runs, when at last (seconds since 1970), summarised how."""

    runs: int
    last_unix_s: float
    rule_versions: tuple[str, ...]


def old_files(connection: sa.Connection, before_unix_s: float, rule_version: str) -> list[OldFile]:
    """The files that `connection` lists all of whose runs were sealed before `before_unix_s`, by sweep.

    Seconds since 1970. `rule_version` is that by which a summary must have been made to replace its samples.
    """
    return [
        OldFile(
            sweep=runs[0].sweep,
            path=path,
            size_bytes=runs[0].size_bytes,
            runs=len(runs),
            unsummarised=sum(run.rule_version != rule_version for run in runs),
        )
        for path, runs in _by_path(connection)
        if max(run.sealed_unix_s for run in runs) < before_unix_s
    ]


def retire(connection: sa.Connection, path: str, before_unix_s: float, rule_version: str, now: float) -> bool:
    """Takes the runs of the file `path` off the manifest through `connection`, and discards the file.

    Only where all of them were sealed before `before_unix_s` and are summarised by `rule_version`, as
    `old_files` asks for; returns whether. `now` is in seconds since 1970.
    """
    runs = [run for _, part in _by_path(connection, path) for run in part]
    if not runs or any(
        run.rule_version != rule_version or run.sealed_unix_s >= before_unix_s for run in runs
    ):
        return False
    columns = ("run_id", "attempt", "samples", "sealed_unix_s", "rule_version")
    connection.execute(
        RETIRED.insert(),
        [{**{name: getattr(run, name) for name in columns}, "retired_unix_s": now} for run in runs],
    )
    changed(connection, MANIFEST.delete().where(MANIFEST.c.path == path))
    discarded.add(connection, [path], now)
    return True


def of_sweep(connection: sa.Connection, sweep_id: str) -> Retirement | None:
    """What was removed of the sweep `sweep_id`, as `connection` shows it; None where nothing was."""
    query = (
        sa.select(RETIRED.c.rule_version, sa.func.count(), sa.func.max(RETIRED.c.retired_unix_s))
        .join(RUNS, RUNS.c.run_id == RETIRED.c.run_id)
        .where(RUNS.c.sweep_id == sweep_id)
        .group_by(RETIRED.c.rule_version)
        .order_by(RETIRED.c.rule_version)
    )
    rows = list(connection.execute(query))
    if not rows:
        return None
    return Retirement(sum(row[1] for row in rows), max(row[2] for row in rows), tuple(row[0] for row in rows))


def since(connection: sa.Connection, run_id: str) -> float | None:
    """When the samples of the run `run_id` were removed (seconds since 1970), as `connection` shows it.

    None where they were not.
    """
    query = sa.select(sa.func.max(RETIRED.c.retired_unix_s)).where(RETIRED.c.run_id == run_id)
    return connection.execute(query).scalar()


def _by_path(
    connection: sa.Connection, path: str | None = None
) -> Iterator[tuple[str, Sequence[sa.Row[Any]]]]:
    """The listed runs of each file, or of the file `path`, with the rules by which they are summarised."""
    is_summarised = sa.and_(
        SUMMARIES.c.run_id == MANIFEST.c.run_id, SUMMARIES.c.attempt == MANIFEST.c.attempt
    )
    query = (
        sa.select(MANIFEST, SUMMARIES.c.rule_version, SWEEPS.c.name.label("sweep"))
        .join(RUNS, RUNS.c.run_id == MANIFEST.c.run_id)
        .join(SWEEPS, SWEEPS.c.sweep_id == RUNS.c.sweep_id)
        .outerjoin(SUMMARIES, is_summarised)
        .order_by(SWEEPS.c.name, MANIFEST.c.path, MANIFEST.c.first_row)
    )
    if path is not None:
        query = query.where(MANIFEST.c.path == path)
    for name, rows in groupby(connection.execute(query), key=lambda row: row.path):
        yield str(name), list(rows)
