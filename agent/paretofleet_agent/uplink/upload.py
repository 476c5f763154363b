"""Empties the spool into the collector: all chunks of an attempt, then its end, in windows.

A chunk is forgotten only when the collector says that it is committed. Whatever else it says, what remains in
the spool, in its order, is what has to be sent next; so a round that ends with something left is simply
followed by another.
"""

from __future__ import annotations

import logging
from collections import deque
from typing import Callable, Iterable, Protocol, Tuple

from paretofleet_agent.errors import Unreachable
from paretofleet_agent.model import AttemptEnd, AttemptKey, Chunk
from paretofleet_agent.uplink.chunks import is_intact
from paretofleet_agent.uplink.replies import AttemptState, AttemptStatus, UploadReply, UploadVerdict
from paretofleet_agent.uplink.spool import Spool

log = logging.getLogger(__name__)

#: (stream, seq) of a chunk of the attempt at hand.
ChunkRef = Tuple[str, int]


class Stream(Protocol):
    """What an upload needs of the wire; answers come in the order of what was sent."""

    def send_chunk(self, chunk: Chunk) -> None: ...
    def send_end(self, end: AttemptEnd) -> None: ...
    def receive(self) -> UploadReply: ...
    def close(self) -> None: ...


def apply_attempt_status(spool: Spool, key: AttemptKey, status: AttemptStatus) -> None:
    """Brings the attempt `key` in `spool` up to date with the collector's `status` of it.

    Forgets the chunks that the collector has; drops the attempt when its run is not known there.
    """
    if status.state is AttemptState.UNKNOWN:
        log.warning("the collector does not know run %s; its samples are dropped", key.run_id)
        spool.drop(key)
    else:
        spool.forget_below(key, status.next_seqs)


def drain(
    spool: Spool, open_stream: Callable[[], Stream], window: int, stopped: Callable[[], bool] = lambda: False
) -> None:
    """Sends every attempt of `spool` that has ended; returns when none is left, or early when `stopped()`.

    `open_stream` opens an upload, on which at most `window` chunks are unanswered at any time. Raises
    Unreachable or Refused with the rest still in the spool.
    """
    keys = [key for key in spool.attempts() if spool.end_of(key) is not None]
    if not keys:
        return
    stream = open_stream()
    try:
        for key in keys:
            if stopped():
                return
            _send_attempt(spool, stream, key, window)
    finally:
        stream.close()
    spool.shrink()


def _send_attempt(spool: Spool, stream: Stream, key: AttemptKey, window: int) -> None:
    while True:
        pending = spool.pending_chunks(key)
        if not pending:
            break
        _Round(spool, stream, key, pending).run(window)
        if spool.pending_chunks(key) == pending:
            raise Unreachable(f"The collector took none of {len(pending)} chunks of run {key.run_id}.")
    end = spool.end_of(key)
    if end is not None:
        _send_end(spool, stream, end)


def _send_end(spool: Spool, stream: Stream, end: AttemptEnd) -> None:
    stream.send_end(end)
    reply = stream.receive()
    if (reply.key, reply.stream) != (end.key, ""):
        raise Unreachable(f"The collector answered for {reply.key} {reply.stream!r} instead of an end.")
    if reply.verdict in (UploadVerdict.COMMITTED, UploadVerdict.UNKNOWN_ATTEMPT):
        spool.drop(end.key)
    elif reply.verdict in (UploadVerdict.GAP, UploadVerdict.DAMAGED) or not end.outcome.ok:
        raise Unreachable(f"The collector did not take the end of run {end.key.run_id}: {reply.message}")
    else:
        spool.set_aside(end.key, f"The collector refused the end ({reply.verdict.value}): {reply.message}")


class _Round:
    """The pending chunks of one attempt, sent once."""

    def __init__(self, spool: Spool, stream: Stream, key: AttemptKey, pending: Iterable[ChunkRef]) -> None:
        self._spool = spool
        self._stream = stream
        self._key = key
        self._to_send = deque(pending)
        self._in_flight: deque[ChunkRef] = deque()
        self._committed: list[ChunkRef] = []
        self._unknown = False
        self._trouble = ""
        # The trouble is none that the run could help.
        self._interrupted = False
        # The lowest seq left of each stream: nothing below it can be sent again.
        self._lowest: dict[str, int] = {}
        for name, seq in self._to_send:
            self._lowest.setdefault(name, seq)

    def run(self, window: int) -> None:
        """Sends, reads the answers, and brings the spool up to date with them."""
        while True:
            while self._to_send and len(self._in_flight) < window:
                self._send(*self._to_send.popleft())
            if not self._in_flight:
                break
            self._take(self._stream.receive(), self._in_flight.popleft())
            if len(self._committed) >= window:
                self._forget()
        self._forget()
        if self._unknown:
            self._spool.drop(self._key)
        elif self._trouble:
            self._spool.set_aside(self._key, self._trouble, interrupted=self._interrupted)

    def _send(self, name: str, seq: int) -> None:
        chunk = self._spool.chunk(self._key, name, seq)
        if is_intact(chunk):
            self._stream.send_chunk(chunk)
            self._in_flight.append((name, seq))
        else:
            self._interrupted = True
            self._give_up(f"Chunk {seq} of {name} was damaged in the spool.")

    def _take(self, reply: UploadReply, sent: ChunkRef) -> None:
        name, seq = sent
        if (reply.key, reply.stream, reply.seq) != (self._key, name, seq):
            raise Unreachable(f"The collector answered for {reply.stream} {reply.seq}, not for {name} {seq}.")
        if reply.verdict is UploadVerdict.COMMITTED:
            self._committed.append(sent)
        elif reply.verdict is UploadVerdict.UNKNOWN_ATTEMPT:
            self._unknown = True
            self._to_send.clear()
        elif reply.verdict in (UploadVerdict.CONFLICT, UploadVerdict.MALFORMED):
            self._give_up(
                f"The collector refused chunk {seq} of {name} as {reply.verdict.value}: {reply.message}"
            )
        elif reply.verdict is UploadVerdict.GAP and reply.next_seq < self._lowest[name]:
            self._interrupted = True
            self._give_up(
                f"The collector misses chunk {reply.next_seq} of {name}, which it had taken before."
            )

    def _give_up(self, why: str) -> None:
        self._trouble = self._trouble or why
        self._to_send.clear()

    def _forget(self) -> None:
        self._spool.forget_chunks(self._key, self._committed)
        self._committed.clear()
