"""Files on their way out, piece by piece (`downloads` is the other end)."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from pathlib import Path

from paretofleet_collector.model.views import FilePart

PART_BYTES = 512 * 1024
#: Larger ones cost the event loop less for each byte, and more memory for each agent that fetches.
MODEL_PART_BYTES = 1 << 20


async def read_pieces(path: Path, offset: int = 0, size: int = PART_BYTES) -> AsyncIterator[bytes]:
    """The bytes of the file `path` from `offset` on, in pieces of `size` bytes; raises OSError."""
    with path.open("rb", buffering=0) as file:
        file.seek(offset)
        while data := await asyncio.to_thread(file.read, size):
            yield data


async def file_parts(name: str, path: Path) -> AsyncIterator[FilePart]:
    """The file `path` as parts: `name` in the first, the SHA-256 of the whole in a last one without data."""
    digest = hashlib.sha256()
    async for data in read_pieces(path):
        digest.update(data)
        yield FilePart(name, data, is_last=False, sha256="")
        name = ""
    yield FilePart(name, b"", is_last=True, sha256=digest.hexdigest())
