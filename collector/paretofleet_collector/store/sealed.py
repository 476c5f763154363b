"""What was sealed: the manifest, through which alone files are found, and the summary of each run."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from paretofleet_collector.model.entities import AttemptKey
from paretofleet_collector.store.base import METADATA, changed
from paretofleet_collector.store.runs import RUNS

#: As a share: how far apart two processors put the same sum, and more.
ROUNDING = 1e-9

MANIFEST = sa.Table(
    "manifest",
    METADATA,
    sa.Column("run_id", sa.ForeignKey("runs.run_id", ondelete="CASCADE"), primary_key=True),
    sa.Column("attempt", sa.Integer, primary_key=True),
    sa.Column("path", sa.String(256), nullable=False, index=True),
    sa.Column("sha256", sa.String(64), nullable=False),
    sa.Column("size_bytes", sa.BigInteger, nullable=False),
    sa.Column("samples", sa.BigInteger, nullable=False),
    sa.Column("sealed_unix_s", sa.Float, nullable=False),
    #: Where its samples begin in a file that holds several runs.
    sa.Column("first_row", sa.BigInteger, nullable=False, server_default="0"),
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
    """A file of the lake with a run whose `samples` it holds, from `first_row` on; it may hold others."""

    path: str
    run_id: str
    attempt: int
    sha256: str
    size_bytes: int
    samples: int
    first_row: int = 0


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
            first_row=file.first_row,
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
    """Stores a new `summary` of the run `run_id` through `connection` where it differs; returns whether.

    A last digit makes no difference, for processors round in their own ways. None, and nothing done, where
    the run has none.
    """
    old = connection.execute(sa.select(SUMMARIES.c.summary_json).where(SUMMARIES.c.run_id == run_id)).scalar()
    if old is None:
        return None
    differs = not _alike(json.loads(old), json.loads(json.dumps(summary)))
    if differs:
        changed(connection, SUMMARIES.update().where(SUMMARIES.c.run_id == run_id).values(**_values(summary)))
    return differs


def _alike(old: Any, new: Any) -> bool:
    """Whether two JSON documents are the same but for how floats were rounded on the way."""
    if isinstance(old, float) and isinstance(new, float):
        return math.isclose(old, new, rel_tol=ROUNDING)
    if isinstance(old, dict) and isinstance(new, dict):
        return old.keys() == new.keys() and all(_alike(old[key], new[key]) for key in old)
    if isinstance(old, list) and isinstance(new, list):
        return len(old) == len(new) and all(map(_alike, old, new))
    return type(old) is type(new) and bool(old == new)


def files(connection: sa.Connection, sweep_id: str | None = None) -> list[SealedFile]:
    """The listed files that `connection` sees by path: those of the sweep `sweep_id`, or for None all.

    One that holds several runs is there once for each, in their order in it.
    """
    query = sa.select(MANIFEST).order_by(MANIFEST.c.path, MANIFEST.c.first_row)
    if sweep_id is not None:
        query = query.join(RUNS, RUNS.c.run_id == MANIFEST.c.run_id).where(RUNS.c.sweep_id == sweep_id)
    return [_file(row) for row in connection.execute(query)]


def has_summary(connection: sa.Connection, run_id: str) -> bool:
    """Whether `connection` shows a summary of the run `run_id`."""
    query = sa.select(SUMMARIES.c.run_id).where(SUMMARIES.c.run_id == run_id)
    return connection.execute(query).first() is not None


def unlist(connection: sa.Connection, key: AttemptKey) -> None:
    """Takes the attempt `key` off the manifest, through `connection`: its file is gone."""
    connection.execute(
        MANIFEST.delete().where(MANIFEST.c.run_id == key.run_id, MANIFEST.c.attempt == key.attempt)
    )


def small(connection: sa.Connection, samples_max: int) -> list[tuple[str, SealedFile]]:
    """The runs of files with less than `samples_max` samples, as `connection` lists them, with their sweeps.

    Files without any are left out: among others such a run has no rows that tell of it. Sweep by sweep;
    runs of one file stand together, in their order in it.
    """
    sums = (
        sa.select(MANIFEST.c.path, sa.func.sum(MANIFEST.c.samples).label("total"))
        .group_by(MANIFEST.c.path)
        .subquery()
    )
    query = (
        sa.select(MANIFEST, RUNS.c.sweep_id)
        .join(sums, sums.c.path == MANIFEST.c.path)
        .join(RUNS, RUNS.c.run_id == MANIFEST.c.run_id)
        .where(sums.c.total.between(1, samples_max - 1))
        .order_by(RUNS.c.sweep_id, MANIFEST.c.path, MANIFEST.c.first_row)
    )
    return [(row.sweep_id, _file(row)) for row in connection.execute(query)]


def move_file(connection: sa.Connection, old: SealedFile, new: SealedFile) -> int:
    """Lists through `connection` all runs of the file of `old` in that of `new`; returns how many.

    `old` and `new` are the first of them, there and here; the others follow as they did.
    """
    values = {
        "path": new.path,
        "sha256": new.sha256,
        "size_bytes": new.size_bytes,
        "first_row": MANIFEST.c.first_row + (new.first_row - old.first_row),
    }
    is_old = MANIFEST.c.path == old.path, MANIFEST.c.sha256 == old.sha256
    return changed(connection, MANIFEST.update().where(*is_old).values(**values))


def listed_paths(connection: sa.Connection, paths: Iterable[str]) -> set[str]:
    """Those of `paths` that `connection` still shows listed."""
    query = sa.select(MANIFEST.c.path).where(MANIFEST.c.path.in_(list(paths)))
    return set(connection.execute(query).scalars())


def paths_of(connection: sa.Connection, run_ids: Iterable[str]) -> list[str]:
    """The paths of the listed files of the runs `run_ids` that `connection` sees."""
    query = sa.select(MANIFEST.c.path).where(MANIFEST.c.run_id.in_(list(run_ids))).distinct()
    return list(connection.execute(query).scalars())


def files_of_run(connection: sa.Connection, run_id: str) -> list[SealedFile]:
    """The listed files of the run `run_id` that `connection` sees."""
    return [_file(row) for row in connection.execute(sa.select(MANIFEST).where(MANIFEST.c.run_id == run_id))]


def _file(row: sa.Row[Any]) -> SealedFile:
    return SealedFile(
        row.path, row.run_id, row.attempt, row.sha256, row.size_bytes, row.samples, row.first_row
    )


def _values(summary: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "rule_version": summary["rule_version"],
        "counted": summary["counted"],
        "batch_latency_mean_s": summary.get("batch_latency_mean_s"),
        "summary_json": json.dumps(summary),
    }
