"""Empties the spool into the collector: all chunks of an attempt, then its end, in windows.

A chunk is forgotten only when the collector says that it is committed. Whatever else it says, what remains in
the spool, in its order, is what has to be sent next; so a round that ends with something left is simply
followed by another.
"""

from __future__ import annotations

import logging
from collections import deque
from typing import Callable, Iterable, Mapping, NamedTuple, Protocol, Sequence, Tuple

from paretofleet_agent.errors import Unreachable
from paretofleet_agent.model import AttemptEnd, AttemptKey, Chunk
from paretofleet_agent.uplink.chunks import is_intact
from paretofleet_agent.uplink.replies import AttemptState, AttemptStatus, UploadReply, UploadVerdict
from paretofleet_agent.uplink.spool import Spool

log = logging.getLogger(__name__)

#: (stream, seq) of a chunk of the attempt at hand.
ChunkRef = Tuple[str, int]

#: Bytes of samples of one request, unless one chunk alone is larger; and of requests that are not answered.
BATCH_BYTES = 256 << 10
UNANSWERED_BYTES = 1 << 20
#: Chunks that were committed leave the spool in groups: each group is a sync.
FORGET_AT = 256


class UploadWindow(NamedTuple):
    """How many requests may be unanswered, and how many chunks one may carry."""

    requests: int
    batch: int


class Stream(Protocol):
    """What an upload needs of the wire; answers come in the order of what was sent."""

    def send_chunks(self, chunks: Sequence[Chunk]) -> None: ...
    def send_end(self, end: AttemptEnd) -> None: ...
    def receive(self) -> UploadReply: ...
    def close(self) -> None: ...


def apply_attempt_status(spool: Spool, key: AttemptKey, status: AttemptStatus) -> None:
    """Brings the attempt `key` in `spool` up to date with the collector's `status` of it.

    Forgets the chunks that the collector has; keeps the attempt aside while it is not known there.
    """
    is_aside = key not in spool.attempts()
    if status.state is AttemptState.UNKNOWN:
        if not is_aside:
            spool.keep_aside(key, "The collector does not know it.")
        return
    if is_aside:
        spool.bring_back(key)
    spool.forget_below(key, status.next_seqs)


def knows_none(attempts: Mapping[AttemptKey, AttemptStatus]) -> bool:
    """Whether there are `attempts`, by the collector's status of each, and it knows none of them."""
    return {status.state for status in attempts.values()} == {AttemptState.UNKNOWN}


def drain(
    spool: Spool,
    open_stream: Callable[[], Stream],
    window: int,
    stopped: Callable[[], bool] = lambda: False,
    *,
    batch: int = 1,
) -> None:
    """Sends every attempt of `spool` that has ended; returns when none is left, or early when `stopped()`.

    `open_stream` opens an upload, on which at most `window` requests are unanswered at any time, each of at
    most `batch` chunks. Raises
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
            _send_attempt(spool, stream, key, UploadWindow(window, batch))
    finally:
        stream.close()
    spool.shrink()


def _send_attempt(spool: Spool, stream: Stream, key: AttemptKey, window: UploadWindow) -> None:
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
    if reply.verdict is UploadVerdict.COMMITTED:
        spool.drop(end.key)
    elif reply.verdict is UploadVerdict.UNKNOWN_ATTEMPT:
        spool.keep_aside(end.key, _not_taken(reply))
    elif reply.verdict is UploadVerdict.DAMAGED or not end.outcome.ok:
        raise Unreachable(f"The collector did not take the end of run {end.key.run_id}: {reply.message}")
    else:
        _give_up_end(spool, stream, end, reply)


def _give_up_end(spool: Spool, stream: Stream, end: AttemptEnd, reply: UploadReply) -> None:
    """Ends an attempt as lost whose good end the collector will never take: its run is measured again.

    A gap behind the last chunk is one of chunks that it had taken before: its store is older since.
    """
    is_gap = reply.verdict is UploadVerdict.GAP
    why = f"The collector refused the end ({reply.verdict.value}): {reply.message}"
    if is_gap:
        why = f"The collector misses chunks that it had taken before: {reply.message}."
    spool.set_aside(end.key, why, interrupted=is_gap)
    lost = spool.end_of(end.key)
    if lost is not None:
        _send_end(spool, stream, lost)


def _not_taken(reply: UploadReply) -> str:
    return f"The collector does not take it ({reply.message or 'it says no more'})."


class _Round:
    """The pending chunks of one attempt, sent once."""

    def __init__(self, spool: Spool, stream: Stream, key: AttemptKey, pending: Iterable[ChunkRef]) -> None:
        self._spool = spool
        self._stream = stream
        self._key = key
        self._to_send = deque(pending)
        #: Requests that are not answered yet, with their bytes.
        self._in_flight: deque[tuple[list[ChunkRef], int]] = deque()
        self._bytes = 0
        #: Read from the spool already, for the next request.
        self._next: Chunk | None = None
        self._committed: list[ChunkRef] = []
        self._unknown = ""
        self._trouble = ""
        # The trouble is none that the run could help.
        self._interrupted = False
        # The lowest seq left of each stream: nothing below it can be sent again.
        self._lowest: dict[str, int] = {}
        for name, seq in self._to_send:
            self._lowest.setdefault(name, seq)

    def run(self, window: UploadWindow) -> None:
        """Sends, reads the answers, and brings the spool up to date with them."""
        while True:
            while self._has_more() and self._fits(window):
                self._send(window.batch)
            if not self._in_flight:
                break
            refs, size = self._in_flight.popleft()
            self._bytes -= size
            self._take(self._stream.receive(), refs)
            if len(self._committed) >= FORGET_AT:
                self._forget()
        self._forget()
        if self._unknown:
            self._spool.keep_aside(self._key, self._unknown)
        elif self._trouble:
            self._spool.set_aside(self._key, self._trouble, interrupted=self._interrupted)

    def _has_more(self) -> bool:
        return bool(self._to_send or self._next)

    def _fits(self, window: UploadWindow) -> bool:
        return len(self._in_flight) < window.requests and self._bytes < UNANSWERED_BYTES

    def _send(self, most: int) -> None:
        """Sends the next request: as many chunks as it may have, or fewer where they are large."""
        chunks: list[Chunk] = []
        size = 0
        while len(chunks) < most:
            chunk = self._read()
            if chunk is None:
                break
            if chunks and size + len(chunk.columns) > BATCH_BYTES:
                self._next = chunk
                break
            chunks.append(chunk)
            size += len(chunk.columns)
        if chunks:
            self._stream.send_chunks(chunks)
            self._in_flight.append(([(chunk.stream, chunk.seq) for chunk in chunks], size))
            self._bytes += size

    def _read(self) -> Chunk | None:
        """The next chunk to send; None where none is left, or the next is damaged."""
        chunk, self._next = self._next, None
        if chunk is not None or not self._to_send:
            return chunk
        name, seq = self._to_send.popleft()
        chunk = self._spool.chunk(self._key, name, seq)
        if is_intact(chunk):
            return chunk
        self._interrupted = True
        self._give_up(f"Chunk {seq} of {name} was damaged in the spool.")
        return None

    def _take(self, reply: UploadReply, sent: list[ChunkRef]) -> None:
        """Takes the answer to a request: what is committed of it, and what the first is that is not."""
        is_committed = reply.verdict is UploadVerdict.COMMITTED
        # Collectors without batches do not count.
        committed = max(reply.committed, 1) if is_committed else reply.committed
        answered = committed - 1 if is_committed else committed
        if not 0 <= answered < len(sent) or (is_committed and committed != len(sent)):
            raise Unreachable(f"The collector answered for {committed} of {len(sent)} chunks.")
        name, seq = sent[answered]
        if (reply.key, reply.stream, reply.seq) != (self._key, name, seq):
            raise Unreachable(f"The collector answered for {reply.stream} {reply.seq}, not for {name} {seq}.")
        self._committed += sent[:committed]
        if reply.verdict is UploadVerdict.UNKNOWN_ATTEMPT:
            self._unknown = _not_taken(reply)
            self._to_send.clear()
            self._next = None
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
        self._next = None

    def _forget(self) -> None:
        self._spool.forget_chunks(self._key, self._committed)
        self._committed.clear()
