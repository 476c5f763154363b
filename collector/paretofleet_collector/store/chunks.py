"""Staged chunks, each stored once, and how far each stream is."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from paretofleet_collector.errors import CollectorError
from paretofleet_collector.model.entities import AttemptKey, Chunk
from paretofleet_collector.store.base import METADATA, changed

CHUNKS = sa.Table(
    "chunks",
    METADATA,
    sa.Column("run_id", sa.String(16), primary_key=True),
    sa.Column("attempt", sa.Integer, primary_key=True),
    sa.Column("stream", sa.String(128), primary_key=True),
    sa.Column("seq", sa.BigInteger, primary_key=True),
    sa.Column("schema", sa.String(32), nullable=False),
    sa.Column("n", sa.BigInteger, nullable=False),
    sa.Column("crc32", sa.BigInteger, nullable=False),
    sa.Column("columns", sa.LargeBinary, nullable=False),
    sa.ForeignKeyConstraint(
        ["run_id", "attempt"], ["attempts.run_id", "attempts.attempt"], ondelete="CASCADE"
    ),
)
#: High-water marks; they outlive the chunks, so that a late repetition is recognised.
STREAMS = sa.Table(
    "streams",
    METADATA,
    sa.Column("run_id", sa.String(16), primary_key=True),
    sa.Column("attempt", sa.Integer, primary_key=True),
    sa.Column("stream", sa.String(128), primary_key=True),
    sa.Column("schema", sa.String(32), nullable=False),
    sa.Column("next_seq", sa.BigInteger, nullable=False),
    sa.Column("samples", sa.BigInteger, nullable=False),
    sa.ForeignKeyConstraint(
        ["run_id", "attempt"], ["attempts.run_id", "attempts.attempt"], ondelete="CASCADE"
    ),
)


@dataclass(frozen=True)
class StreamMark:
    """How far a stream is: the seq that it expects next, its schema, and its samples so far."""

    next_seq: int
    schema: str
    samples: int


#: Built once: putting a statement together costs more than executing it.
_INSERT_CHUNK = CHUNKS.insert()
_INSERT_STREAM = STREAMS.insert()
_MOVE_STREAM = (
    STREAMS.update()
    .where(
        STREAMS.c.run_id == sa.bindparam("of_run"),
        STREAMS.c.attempt == sa.bindparam("of_attempt"),
        STREAMS.c.stream == sa.bindparam("of_stream"),
        STREAMS.c.next_seq == sa.bindparam("from_seq"),
    )
    .values(next_seq=sa.bindparam("to_seq"), samples=sa.bindparam("to_samples"))
)
_MARKS = sa.select(
    STREAMS.c.run_id,
    STREAMS.c.attempt,
    STREAMS.c.stream,
    STREAMS.c.next_seq,
    STREAMS.c.schema,
    STREAMS.c.samples,
).where(sa.tuple_(STREAMS.c.run_id, STREAMS.c.attempt).in_(sa.bindparam("keys", expanding=True)))


def marks_of(
    connection: sa.Connection, keys: Iterable[AttemptKey]
) -> dict[AttemptKey, dict[str, StreamMark]]:
    """For each of the attempts `keys` how far its streams are, by name, as `connection` sees them."""
    pairs = [(key.run_id, key.attempt) for key in keys]
    marks: dict[AttemptKey, dict[str, StreamMark]] = {}
    for run_id, attempt, stream, *mark in connection.execute(_MARKS, {"keys": pairs}) if pairs else ():
        marks.setdefault(AttemptKey(run_id, attempt), {})[stream] = StreamMark(*mark)
    return marks


def stored(connection: sa.Connection, chunk: Chunk) -> Chunk | None:
    """What `connection` shows under the number of `chunk`, or None."""
    row = connection.execute(
        CHUNKS.select().where(*_is(CHUNKS, chunk.key, chunk.stream), CHUNKS.c.seq == chunk.seq)
    ).first()
    if row is None:
        return None
    return Chunk(chunk.key, row.stream, row.seq, row.schema, row.n, row.columns, row.crc32)


def insert_all(
    connection: sa.Connection,
    added: Sequence[Chunk],
    moved: Mapping[tuple[AttemptKey, str], tuple[StreamMark | None, StreamMark]],
) -> None:
    """Stores through `connection` the `added` chunks, each the next of its stream, and moves the marks.

    `moved`: attempt and stream to its mark before and after. Raises CollectorError, and the caller undoes
    all, where a mark is not what it was.
    """
    fresh, old = [], []
    for (key, stream), (before, after) in moved.items():
        if before is None:
            values = {"next_seq": after.next_seq, "schema": after.schema, "samples": after.samples}
            fresh.append({"run_id": key.run_id, "attempt": key.attempt, "stream": stream, **values})
        else:
            place = {"of_run": key.run_id, "of_attempt": key.attempt, "of_stream": stream}
            to = {"to_seq": after.next_seq, "to_samples": after.samples}
            old.append({**place, "from_seq": before.next_seq, **to})
    if fresh:
        connection.execute(_INSERT_STREAM, fresh)
    if old and connection.execute(_MOVE_STREAM, old).rowcount != len(old):
        raise CollectorError("Another writer has moved a stream meanwhile; the chunks are to be sent again.")
    connection.execute(
        _INSERT_CHUNK,
        [
            {
                "run_id": chunk.key.run_id,
                "attempt": chunk.key.attempt,
                "stream": chunk.stream,
                "seq": chunk.seq,
                "schema": chunk.schema,
                "n": chunk.n,
                "crc32": chunk.crc32,
                "columns": chunk.columns,
            }
            for chunk in added
        ],
    )


def marks(connection: sa.Connection, key: AttemptKey) -> dict[str, int]:
    """For each stream of the attempt `key` that `connection` sees the seq that is expected next."""
    query = sa.select(STREAMS.c.stream, STREAMS.c.next_seq).where(
        STREAMS.c.run_id == key.run_id, STREAMS.c.attempt == key.attempt
    )
    return {row.stream: row.next_seq for row in connection.execute(query)}


def staged(connection: sa.Connection, key: AttemptKey) -> Iterator[Chunk]:
    """The staged chunks of the attempt `key` that `connection` sees, stream by stream in their order."""
    query = (
        CHUNKS.select()
        .where(CHUNKS.c.run_id == key.run_id, CHUNKS.c.attempt == key.attempt)
        .order_by(CHUNKS.c.stream, CHUNKS.c.seq)
    )
    for row in connection.execute(query):
        yield Chunk(key, row.stream, row.seq, row.schema, row.n, row.columns, row.crc32)


def attempts_staged(connection: sa.Connection) -> list[AttemptKey]:
    """The attempts of which `connection` shows staged chunks."""
    query = sa.select(CHUNKS.c.run_id, CHUNKS.c.attempt).distinct().order_by(CHUNKS.c.run_id)
    return [AttemptKey(row.run_id, row.attempt) for row in connection.execute(query)]


def drop(connection: sa.Connection, key: AttemptKey) -> int:
    """Deletes through `connection` the staged chunks of the attempt `key`; returns how many there were.

    Call it only where a listed and verified file holds them.
    """
    return changed(
        connection, CHUNKS.delete().where(CHUNKS.c.run_id == key.run_id, CHUNKS.c.attempt == key.attempt)
    )


def discard(connection: sa.Connection, run_ids: Collection[str]) -> int:
    """Deletes through `connection` every staged chunk of the runs `run_ids`, which an operator cancelled.

    Returns how many there were.
    """
    return changed(connection, CHUNKS.delete().where(CHUNKS.c.run_id.in_(run_ids)))


def counts(connection: sa.Connection, key: AttemptKey) -> Mapping[str, int]:
    """For each stream of the attempt `key` the number of samples that `connection` shows committed."""
    query = sa.select(STREAMS.c.stream, STREAMS.c.samples).where(
        STREAMS.c.run_id == key.run_id, STREAMS.c.attempt == key.attempt
    )
    return {row.stream: row.samples for row in connection.execute(query)}


def _is(table: sa.Table, key: AttemptKey, stream: str) -> tuple[sa.ColumnElement[bool], ...]:
    return (table.c.run_id == key.run_id, table.c.attempt == key.attempt, table.c.stream == stream)
