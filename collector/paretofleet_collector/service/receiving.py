"""A file that a user sends, on its way into the lake."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from paretofleet_collector.errors import ModelRefused
from paretofleet_collector.service.context import Context


@dataclass(frozen=True)
class Announced:
    """What was said of a file before its first byte came."""

    name: str
    size_bytes: int
    sha256: str


async def receive(context: Context, announced: Announced, data: AsyncIterator[bytes], path: Path) -> None:
    """Writes `data` to `path` while `context` has room, and holds it to what was `announced`.

    Raises ModelRefused and StorageUnavailable.
    """
    digest, size = hashlib.sha256(), 0
    with path.open("wb") as file:
        async for part in data:
            size += len(part)
            if size > announced.size_bytes:
                raise ModelRefused(
                    f"{announced.name}: more than the announced {announced.size_bytes} bytes came; send it "
                    "again."
                )
            context.check_room()
            digest.update(part)
            file.write(part)
    if size != announced.size_bytes or digest.hexdigest() != announced.sha256:
        raise ModelRefused(
            f"{announced.name} was damaged on the way, or changed meanwhile ({size} of "
            f"{announced.size_bytes} bytes came); send it again."
        )
