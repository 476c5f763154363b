"""What the collector counts since its start, for whoever watches it."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass

from paretofleet_collector.model.entities import Chunk
from paretofleet_collector.model.messages import UploadReply, UploadVerdict


@dataclass
class Counters:
    """Each only grows. One thread counts, the store's writer; whoever reads may be one behind."""

    chunks: int = 0
    samples: int = 0
    chunk_bytes: int = 0
    chunks_refused: int = 0
    chunks_failed: int = 0

    def count(self, chunks: Sequence[Chunk], done: Future[UploadReply]) -> None:
        """Counts what became of the `chunks` of a request by the reply, which is `done`."""
        if done.cancelled() or done.exception() is not None:
            self.chunks_failed += len(chunks)
            return
        reply = done.result()
        committed = chunks[: reply.committed]
        self.chunks_refused += reply.verdict is not UploadVerdict.COMMITTED
        self.chunks += len(committed)
        self.samples += sum(chunk.n for chunk in committed)
        self.chunk_bytes += sum(len(chunk.columns) for chunk in committed)
