"""Attempts that the collector does not know: kept whole beside the others, until it knows them again.

That happens after an older backup was restored, or when their sweep was deleted. Every hello asks again; a
key that was granted anew since is another attempt, and the one that is aside is never sent in its place.
Each function works inside a transaction of the caller.
"""

# ruff: noqa: S608  the queries are put together from the constants below, never from values
from __future__ import annotations

import sqlite3

from paretofleet_agent.model import AttemptKey

TABLE = """
CREATE TABLE attempts_aside (
  run_id TEXT NOT NULL, attempt INTEGER NOT NULL, ended INTEGER, chunks_json TEXT, ok INTEGER, reason TEXT,
  message TEXT, facts_json TEXT, interrupted INTEGER, crc32 INTEGER, why TEXT NOT NULL,
  waits INTEGER NOT NULL
);
"""
ATTEMPT = "run_id, attempt, ended, chunks_json, ok, reason, message, facts_json, interrupted, crc32"
CHUNK = "run_id, attempt, stream, seq, schema, n, columns, crc32"
OF_ATTEMPT = "run_id = ? AND attempt = ?"
OVERTAKEN = " It was granted anew since, and measured again."


def keep(database: sqlite3.Connection, key: AttemptKey, why: str) -> None:
    """Moves the attempt `key` in `database` with its chunks out of the way; `why` is kept with them."""
    of = (key.run_id, key.attempt)
    database.execute(
        f"INSERT INTO attempts_aside SELECT {ATTEMPT}, ?, 1 FROM attempts WHERE {OF_ATTEMPT}", (why, *of)
    )
    database.execute(f"INSERT INTO aside SELECT {CHUNK}, ? FROM chunks WHERE {OF_ATTEMPT}", (why, *of))
    database.execute(f"DELETE FROM chunks WHERE {OF_ATTEMPT}", of)
    database.execute(f"DELETE FROM attempts WHERE {OF_ATTEMPT}", of)


def waiting(database: sqlite3.Connection) -> list[tuple[str, int]]:
    """Run and number of each attempt in `database` that is sent if the collector knows it, oldest first."""
    return database.execute(
        "SELECT run_id, attempt FROM attempts_aside WHERE waits = 1 ORDER BY rowid"
    ).fetchall()


def bring_back(database: sqlite3.Connection, key: AttemptKey) -> None:
    """Moves the attempt `key` that waits in `database`, with its chunks, to those that are sent."""
    of = (key.run_id, key.attempt)
    is_it = f"{OF_ATTEMPT} AND waits = 1"
    rows = database.execute(f"SELECT why FROM attempts_aside WHERE {is_it}", of).fetchall()
    database.execute(
        f"INSERT INTO attempts ({ATTEMPT}) SELECT {ATTEMPT} FROM attempts_aside WHERE {is_it}", of
    )
    for (why,) in rows:
        of_chunks = f"{OF_ATTEMPT} AND why = ?"
        database.execute(f"INSERT INTO chunks SELECT {CHUNK} FROM aside WHERE {of_chunks}", (*of, why))
        database.execute(f"DELETE FROM aside WHERE {of_chunks}", (*of, why))
    database.execute(f"DELETE FROM attempts_aside WHERE {is_it}", of)


def overtake(database: sqlite3.Connection, key: AttemptKey) -> None:
    """Notes in `database` that an attempt with the same `key` begins anew: what is aside stays there."""
    of = (OVERTAKEN, key.run_id, key.attempt)
    is_it = f"{OF_ATTEMPT} AND why IN (SELECT why FROM attempts_aside WHERE {OF_ATTEMPT} AND waits = 1)"
    database.execute(f"UPDATE aside SET why = why || ? WHERE {is_it}", (*of, *of[1:]))
    database.execute(
        f"UPDATE attempts_aside SET why = why || ?, waits = 0 WHERE {OF_ATTEMPT} AND waits = 1", of
    )
