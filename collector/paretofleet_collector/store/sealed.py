"""What was sealed: the manifest, through which alone files are found, and the summary of each run."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from paretofleet_collector.store.base import METADATA, changed
from paretofleet_collector.store.runs import RUNS

MANIFEST = sa.Table(
    "manifest",
    METADATA,
    sa.Column("path", sa.String(256), primary_key=True),
    sa.Column("run_id", sa.ForeignKey("runs.run_id", ondelete="CASCADE"), nullable=False, index=True),
    sa.Column("attempt", sa.Integer, nullable=False),
    sa.Column("sha256", sa.String(64), nullable=False),
    sa.Column("size_bytes", sa.BigInteger, nullable=False),
    sa.Column("samples", sa.BigInteger, nullable=False),
    sa.Column("sealed_unix_s", sa.Float, nullable=False),
)
SUMMARIES = sa.Table(
    "summaries",
    METADATA,
    sa.Column("run_id", sa.ForeignKey("runs.run_id", ondelete="CASCADE"), primary_key=True),
    sa.Column("attempt", sa.Integer, nullable=False),
    sa.Column("environment_id", sa.String(16)),
    sa.Column("rule_version", sa.String(16), nullable=False),
    sa.Column("counted", sa.Boolean, nullable=False),
    sa.Column("batch_latency_mean_s", sa.Float),
    sa.Column("summary_json", sa.Text, nullable=False),
)


@dataclass(frozen=True)
class SealedFile:
    """A file of the lake with the run whose samples it holds."""

    path: str
    run_id: str
    attempt: int
    sha256: str
    size_bytes: int
    samples: int


def insert(
    connection: sa.Connection,
    file: SealedFile,
    summary: Mapping[str, Any] | None,
    environment_id: str | None,
    now: float,
) -> None:
    """Lists through `connection` a sealed `file` with the `summary` of its run, `now` (seconds since 1970).

    `summary` is None where none could be made, `environment_id` where the run told of no environment.
    """
    connection.execute(
        MANIFEST.insert().values(
            path=file.path,
            run_id=file.run_id,
            attempt=file.attempt,
            sha256=file.sha256,
            size_bytes=file.size_bytes,
            samples=file.samples,
            sealed_unix_s=now,
        )
    )
    if summary is not None:
        insert_summary(connection, file.run_id, file.attempt, summary, environment_id)


def insert_summary(
    connection: sa.Connection,
    run_id: str,
    attempt: int,
    summary: Mapping[str, Any],
    environment_id: str | None,
) -> None:
    """Stores through `connection` the first `summary` of the run `run_id`, of its attempt number `attempt`.

    `environment_id` is None where the run told nothing of its environment.
    """
    connection.execute(
        SUMMARIES.insert().values(
            run_id=run_id, attempt=attempt, environment_id=environment_id, **_values(summary)
        )
    )


def replace_summary(connection: sa.Connection, run_id: str, summary: Mapping[str, Any]) -> bool | None:
    """Stores a new `summary` of the run `run_id` through `connection`; returns whether it differs.

    None, and nothing done, where the run has none.
    """
    old = connection.execute(sa.select(SUMMARIES.c.summary_json).where(SUMMARIES.c.run_id == run_id)).scalar()
    if old is None:
        return None
    changed(connection, SUMMARIES.update().where(SUMMARIES.c.run_id == run_id).values(**_values(summary)))
    return bool(json.loads(old) != json.loads(json.dumps(summary)))


def files(connection: sa.Connection, sweep_id: str | None = None) -> list[SealedFile]:
    """The listed files that `connection` sees by path: those of the sweep `sweep_id`, or for None all."""
    query = sa.select(MANIFEST).order_by(MANIFEST.c.path)
    if sweep_id is not None:
        query = query.join(RUNS, RUNS.c.run_id == MANIFEST.c.run_id).where(RUNS.c.sweep_id == sweep_id)
    return [_file(row) for row in connection.execute(query)]


def paths_of(connection: sa.Connection, run_ids: Iterable[str]) -> list[str]:
    """The paths of the listed files of the runs `run_ids` that `connection` sees."""
    query = sa.select(MANIFEST.c.path).where(MANIFEST.c.run_id.in_(list(run_ids)))
    return list(connection.execute(query).scalars())


def files_of_run(connection: sa.Connection, run_id: str) -> list[SealedFile]:
    """The listed files of the run `run_id` that `connection` sees."""
    return [_file(row) for row in connection.execute(sa.select(MANIFEST).where(MANIFEST.c.run_id == run_id))]


def _file(row: sa.Row[Any]) -> SealedFile:
    return SealedFile(row.path, row.run_id, row.attempt, row.sha256, row.size_bytes, row.samples)


def _values(summary: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "rule_version": summary["rule_version"],
        "counted": summary["counted"],
        "batch_latency_mean_s": summary["batch_latency_mean_s"],
        "summary_json": json.dumps(summary),
    }
