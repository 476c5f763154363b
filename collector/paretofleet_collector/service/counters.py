"""What the collector counts since its start, for whoever watches it."""

from __future__ import annotations

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

    def count(self, chunk: Chunk, done: Future[UploadReply]) -> None:
        """Counts what became of a `chunk` by its reply, which is `done`."""
        if done.cancelled() or done.exception() is not None:
            self.chunks_failed += 1
        elif done.result().verdict is not UploadVerdict.COMMITTED:
            self.chunks_refused += 1
        else:
            self.chunks += 1
            self.samples += chunk.n
            self.chunk_bytes += len(chunk.columns)
