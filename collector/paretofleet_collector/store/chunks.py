"""Staged chunks, each stored once, and how far each stream is."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

import sqlalchemy as sa

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


def mark(connection: sa.Connection, key: AttemptKey, stream: str) -> tuple[int, str | None]:
    """The seq that a `stream` of the attempt `key` expects next, and its schema if it has begun.

    As `connection` sees it.
    """
    row = connection.execute(
        sa.select(STREAMS.c.next_seq, STREAMS.c.schema).where(*_is(STREAMS, key, stream))
    ).first()
    return (0, None) if row is None else (row.next_seq, row.schema)


def marks(connection: sa.Connection, key: AttemptKey) -> dict[str, int]:
    """For each stream of the attempt `key` that `connection` sees the seq that is expected next."""
    query = sa.select(STREAMS.c.stream, STREAMS.c.next_seq).where(
        STREAMS.c.run_id == key.run_id, STREAMS.c.attempt == key.attempt
    )
    return {row.stream: row.next_seq for row in connection.execute(query)}


def stored_twin(connection: sa.Connection, chunk: Chunk) -> bool | None:
    """Whether what `connection` shows under the number of `chunk` is the same; None for nothing."""
    row = connection.execute(
        CHUNKS.select().where(*_is(CHUNKS, chunk.key, chunk.stream), CHUNKS.c.seq == chunk.seq)
    ).first()
    if row is None:
        return None
    return (row.schema, row.n, row.columns) == (chunk.schema, chunk.n, chunk.columns)


def insert(connection: sa.Connection, chunk: Chunk) -> bool:
    """Stores through `connection` the next `chunk` of a stream and moves its mark.

    False, and nothing done, when the mark is elsewhere.
    """
    key = chunk.key
    if chunk.seq == 0:
        connection.execute(
            STREAMS.insert().values(
                run_id=key.run_id,
                attempt=key.attempt,
                stream=chunk.stream,
                schema=chunk.schema,
                next_seq=1,
                samples=chunk.n,
            )
        )
    elif not changed(
        connection,
        STREAMS.update()
        .where(*_is(STREAMS, key, chunk.stream), STREAMS.c.next_seq == chunk.seq)
        .values(next_seq=chunk.seq + 1, samples=STREAMS.c.samples + chunk.n),
    ):
        return False
    connection.execute(
        CHUNKS.insert().values(
            run_id=key.run_id,
            attempt=key.attempt,
            stream=chunk.stream,
            seq=chunk.seq,
            schema=chunk.schema,
            n=chunk.n,
            crc32=chunk.crc32,
            columns=chunk.columns,
        )
    )
    return True


def staged(connection: sa.Connection, key: AttemptKey) -> Iterator[Chunk]:
    """The staged chunks of the attempt `key` that `connection` sees, stream by stream in their order."""
    query = (
        CHUNKS.select()
        .where(CHUNKS.c.run_id == key.run_id, CHUNKS.c.attempt == key.attempt)
        .order_by(CHUNKS.c.stream, CHUNKS.c.seq)
    )
    for row in connection.execute(query):
        yield Chunk(key, row.stream, row.seq, row.schema, row.n, row.columns, row.crc32)


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
