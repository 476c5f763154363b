"""What the collector has not yet, kept in one SQLite file until it says that it has.

An attempt is written twice: a line when it begins, and all its chunks with its end in one transaction when
it is over. So a chunk never stands in the spool without the end that counts it, and an attempt that has a
beginning only was cut off by a crash. A chunk leaves after the collector's commit, not before.
"""

# ruff: noqa: S608  the queries are put together from the constants below, never from values
from __future__ import annotations

import contextlib
import json
import logging
import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Iterable, Iterator, Mapping

from paretofleet_agent.model import AttemptEnd, AttemptKey, Chunk, Outcome
from paretofleet_agent.uplink import aside
from paretofleet_agent.uplink.ends import end_crc32, read_end, sendable
from paretofleet_agent.uplink.spool_file import (
    FILE,
    UNKNOWN,
    as_home_error,
    bring_back,
    open_database,
    put_aside,
    quarantine,
    remove_empty,
    shrink,
    spools_aside,
)

log = logging.getLogger(__name__)

CUT_OFF = Outcome(
    ok=False, reason="lost", message="The agent was stopped in the middle of this attempt.", interrupted=True
)
OF_ATTEMPT = "run_id = ? AND attempt = ?"
OF_CHUNK = f"{OF_ATTEMPT} AND stream = ? AND seq = ?"


@dataclass(frozen=True)
class Contents:
    """How much waits in the spool, and how many chunks the collector would not take."""

    attempts: int
    chunks: int
    bytes: int
    set_aside: int


NOTHING = Contents(0, 0, 0, 0)


class Spool:
    """The open spool of one agent. Used by one thread."""

    def __init__(self, database: sqlite3.Connection, path: Path) -> None:
        self._database = database
        self._path = path

    @classmethod
    def open(cls, home: Path) -> Spool:
        """Opens or makes the spool of `home`; a damaged one is renamed and reported, and a new one begun.

        Raises HomeError when the file cannot be used at all.
        """
        path = home / FILE
        return cls(_open_or_begin_anew(path), path)

    def close(self) -> None:
        """Closes the file; what is in it stays."""
        self._database.close()

    @property
    def collector_id(self) -> str:
        """The collector that this spool belongs to; empty until the first one has answered."""
        rows = self._read("SELECT collector_id FROM belongs_to")
        return str(rows[0][0]) if rows else ""

    def change_collector(self, collector_id: str) -> Path | None:
        """Makes this the spool of `collector_id`: the one that was set aside for it, or a new one.

        What waits for another collector is set aside, whole, in the folder that is returned; None where
        nothing was in the way. Raises HomeError where the files cannot be moved.
        """
        old = self.collector_id
        if collector_id in ("", old):
            return None
        aside = None
        if old:
            with self._guard():
                self._database.executescript("PRAGMA wal_checkpoint(TRUNCATE);")
            self.close()
            aside = put_aside(self._path, old)
            bring_back(self._path, collector_id)
            self._database = _open_or_begin_anew(self._path)
        elif self.contents() == NOTHING and collector_id in spools_aside(self._path.parent):
            # A crash came when the one before was set aside and this one was not brought back yet.
            self.close()
            remove_empty(self._path)
            bring_back(self._path, collector_id)
            self._database = _open_or_begin_anew(self._path)
        if not self.collector_id:
            with self._transaction():
                self._database.execute("INSERT INTO belongs_to VALUES (?)", (collector_id,))
        return aside

    def leave_to_another(self) -> Path:
        """Sets the whole spool aside, whose collector is not known, and begins a new one.

        Returns the folder. Raises HomeError where the files cannot be moved.
        """
        with self._guard():
            self._database.executescript("PRAGMA wal_checkpoint(TRUNCATE);")
        self.close()
        folder = put_aside(self._path, UNKNOWN)
        self._database = _open_or_begin_anew(self._path)
        return folder

    def reopen(self) -> None:
        """Opens the file anew after an error: what was written and not synced is written again, or is gone.

        A damaged one is set aside as at the start. Raises HomeError when it still cannot be used.
        """
        self.close()
        self._database = _open_or_begin_anew(self._path)

    def begin(self, key: AttemptKey) -> None:
        """Notes durably that the attempt runs, before it does."""
        with self._transaction():
            aside.overtake(self._database, key)
            self._database.execute("INSERT INTO attempts (run_id, attempt) VALUES (?, ?)", _of(key))

    def end(self, key: AttemptKey, chunks: Iterable[Chunk], outcome: Outcome) -> None:
        """Stores an attempt's `chunks` and its `outcome`, all or nothing; again, it replaces what was there.

        Raises HomeError, and nothing is stored, when the disk takes no writes.
        """
        counts: dict[str, int] = {}
        with self._transaction():
            self._database.execute(f"DELETE FROM chunks WHERE {OF_ATTEMPT}", _of(key))
            rows = _counted(chunks, counts)
            self._database.executemany("INSERT INTO chunks VALUES (?, ?, ?, ?, ?, ?, ?, ?)", rows)
            self._write_end(key, counts, outcome)

    def recover(self) -> tuple[AttemptKey, ...]:
        """Ends as lost, so that they are soon tried again, the attempts that a crash cut off."""
        rows = self._read("SELECT run_id, attempt FROM attempts WHERE ended = 0")
        keys = tuple(AttemptKey(*row) for row in rows)
        for key in keys:
            self.end(key, (), CUT_OFF)
        return keys

    def attempts(self) -> tuple[AttemptKey, ...]:
        """The attempts that the collector has not wholly, oldest first."""
        return tuple(
            AttemptKey(*row) for row in self._read("SELECT run_id, attempt FROM attempts ORDER BY position")
        )

    def unknown_attempts(self) -> tuple[AttemptKey, ...]:
        """The attempts that the collector did not know and that are sent if it does, oldest first."""
        with self._guard():
            return tuple(AttemptKey(*row) for row in aside.waiting(self._database))

    def held(self) -> tuple[AttemptKey, ...]:
        """What a hello asks about: first the attempts that the collector did not know, then the others."""
        attempts = self.attempts()
        return (*(key for key in self.unknown_attempts() if key not in attempts), *attempts)

    def pending_chunks(self, key: AttemptKey) -> tuple[tuple[str, int], ...]:
        """(stream, seq) of the attempt's chunks, each stream in its order."""
        query = f"SELECT stream, seq FROM chunks WHERE {OF_ATTEMPT} ORDER BY stream, seq"
        return tuple((stream, seq) for stream, seq in self._read(query, *_of(key)))

    def chunk(self, key: AttemptKey, stream: str, seq: int) -> Chunk:
        """One chunk as it was stored."""
        query = f"SELECT schema, n, columns, crc32 FROM chunks WHERE {OF_CHUNK}"
        (schema, n, columns, crc32) = self._read(query, *_of(key), stream, seq)[0]
        return Chunk(key, stream, seq, schema, n, columns, crc32)

    def end_of(self, key: AttemptKey) -> AttemptEnd | None:
        """How the attempt ended; None while it runs."""
        query = (
            "SELECT chunks_json, ok, reason, message, facts_json, interrupted, crc32 FROM attempts "
            f"WHERE {OF_ATTEMPT} AND ended = 1"
        )
        rows = self._read(query, *_of(key))
        return read_end(key, rows[0]) if rows else None

    def forget_chunks(self, key: AttemptKey, chunks: Iterable[tuple[str, int]]) -> None:
        """Lets go of chunks that the collector has committed."""
        with self._transaction():
            places = ((*_of(key), stream, seq) for stream, seq in chunks)
            self._database.executemany(f"DELETE FROM chunks WHERE {OF_CHUNK}", places)

    def forget_below(self, key: AttemptKey, next_seqs: Mapping[str, int]) -> None:
        """Lets go of the chunks below `next_seqs`, the seq that the collector expects next by stream."""
        with self._transaction():
            for stream, next_seq in next_seqs.items():
                query = f"DELETE FROM chunks WHERE {OF_ATTEMPT} AND stream = ? AND seq < ?"
                self._database.execute(query, (*_of(key), stream, next_seq))

    def drop(self, key: AttemptKey) -> None:
        """Lets go of an attempt: the collector has its end, or there is nothing of it to keep."""
        with self._transaction():
            self._database.execute(f"DELETE FROM chunks WHERE {OF_ATTEMPT}", _of(key))
            self._database.execute(f"DELETE FROM attempts WHERE {OF_ATTEMPT}", _of(key))

    def set_aside(self, key: AttemptKey, why: str, *, interrupted: bool = False) -> None:
        """Keeps what is left of the attempt `key` out of the way and ends it as lost: it cannot be trusted.

        `why` is said of it; `interrupted`: its run is not to blame.
        """
        log.error("attempt %s/%d is set aside: %s", key.run_id, key.attempt, why)
        with self._transaction():
            query = f"INSERT INTO aside SELECT *, ? FROM chunks WHERE {OF_ATTEMPT}"
            self._database.execute(query, (why, *_of(key)))
            self._database.execute(f"DELETE FROM chunks WHERE {OF_ATTEMPT}", _of(key))
            self._write_end(key, {}, Outcome(ok=False, reason="lost", message=why, interrupted=interrupted))

    def keep_aside(self, key: AttemptKey, why: str) -> None:
        """Keeps the attempt `key`, which the collector does not take, whole and out of the way.

        One without samples is dropped. `why` is logged and kept.
        """
        if not self.pending_chunks(key):
            self.drop(key)
            return
        log.error(
            "attempt %s/%d: %s Its samples are kept aside in %s, and sent if the collector knows it again.",
            key.run_id,
            key.attempt,
            why,
            self._path,
        )
        with self._transaction():
            aside.keep(self._database, key, why)

    def bring_back(self, key: AttemptKey) -> None:
        """Makes the attempt `key` one that is sent again, which the collector did not know before."""
        log.warning("the collector knows attempt %s/%d again: it is sent", key.run_id, key.attempt)
        with self._transaction():
            aside.bring_back(self._database, key)

    def contents(self) -> Contents:
        """How much waits."""
        (attempts,) = self._read("SELECT count(*) FROM attempts")[0]
        (chunks, size) = self._read("SELECT count(*), coalesce(sum(length(columns)), 0) FROM chunks")[0]
        (aside,) = self._read("SELECT count(*) FROM aside")[0]
        return Contents(attempts, chunks, size, aside)

    def shrink(self) -> None:
        """Gives the room of what has left back to the disk."""
        with self._guard():
            shrink(self._database)

    def _write_end(self, key: AttemptKey, counts: Mapping[str, int], outcome: Outcome) -> None:
        self._database.execute("INSERT OR IGNORE INTO attempts (run_id, attempt) VALUES (?, ?)", _of(key))
        query = (
            "UPDATE attempts SET ended = 1, chunks_json = ?, ok = ?, reason = ?, message = ?, "
            f"facts_json = ?, interrupted = ?, crc32 = ? WHERE {OF_ATTEMPT}"
        )
        end = sendable(outcome)
        crc32 = end_crc32(AttemptEnd(key, counts, end))
        ending = (json.dumps(counts), end.ok, end.reason, end.message, json.dumps(end.facts))
        self._database.execute(query, (*ending, end.interrupted, crc32, *_of(key)))

    def _read(self, query: str, *values: Any) -> list[Any]:
        with self._guard():
            return self._database.execute(query, values).fetchall()

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        with self._guard():
            self._database.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                with contextlib.suppress(sqlite3.Error):
                    self._database.execute("ROLLBACK")
                raise
            self._database.execute("COMMIT")

    @contextlib.contextmanager
    def _guard(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise as_home_error(self._path, error) from error


def _open_or_begin_anew(path: Path) -> sqlite3.Connection:
    """The spool at `path`; a damaged one is set aside. Raises HomeError when it cannot be used at all."""
    try:
        return open_database(path)
    except sqlite3.OperationalError as error:
        raise as_home_error(path, error) from error
    except (sqlite3.DatabaseError, UnicodeDecodeError) as error:
        quarantine(path, error)
    try:
        return open_database(path)
    except sqlite3.Error as error:
        raise as_home_error(path, error) from error


def peek(home: Path) -> Contents | None:
    """What the spool of `home` holds, without changing it, daemon or not; None where there is none."""
    path = home / FILE
    if not path.exists():
        return None
    database = sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=5)
    with contextlib.closing(database):
        return Spool(database, path).contents()


def _of(key: AttemptKey) -> tuple[str, int]:
    return key.run_id, key.attempt


def _counted(chunks: Iterable[Chunk], counts: dict[str, int]) -> Iterator[tuple[Any, ...]]:
    """The rows of chunks, which are counted by stream on their way."""
    for chunk in chunks:
        counts[chunk.stream] = counts.get(chunk.stream, 0) + 1
        yield _row(chunk)


def _row(chunk: Chunk) -> tuple[Any, ...]:
    c = chunk
    return c.key.run_id, c.key.attempt, c.stream, c.seq, c.schema, c.n, c.columns, c.crc32
