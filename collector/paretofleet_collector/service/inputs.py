"""Files of samples: received, looked into, kept by their SHA-256, and dropped where nothing came of them."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Iterable
from functools import partial
from typing import Any

from paretofleet_collector.errors import CollectorError, Refused, StorageUnavailable
from paretofleet_collector.lake.files import inputs_file
from paretofleet_collector.model.inputs import InputArray, InputFile, NewInputs
from paretofleet_collector.plain_text import printable
from paretofleet_collector.service.context import Context
from paretofleet_collector.service.receiving import Announced, receive
from paretofleet_collector.store import input_files


async def add_inputs(context: Context, new: NewInputs, data: AsyncIterator[bytes]) -> InputFile:
    """Receives the `data` of `new` samples, looks into them and stores them in `context`.

    What is there already is returned without its data. Nothing is left when anything fails. Raises Refused or
    StorageUnavailable.
    """
    name = printable(new.name) or "samples"
    if not re.fullmatch(r"[0-9a-f]{64}", new.sha256):
        raise Refused(f"{name}: the SHA-256 that came with the file is not one; upgrade the command.")
    relative = inputs_file(new.sha256)
    stored = await context.store.read(lambda connection: input_files.find(connection, new.sha256))
    path = await asyncio.to_thread(context.lake.local_path, relative)
    if stored is not None and path.exists():
        return stored
    if new.size_bytes > context.config.model_max_bytes:
        most = context.config.model_max_bytes / 2**30
        raise Refused(f"{name} has {new.size_bytes} bytes; at most {most:g} GiB are accepted.")
    context.check_room()
    path = context.lake.temporary(".npz")
    try:
        await receive(context, Announced(name, new.size_bytes, new.sha256), data, path)
        arrays = await context.worker.run("inspect_samples", path=str(path), called=name)
        file = InputFile(new.sha256, new.size_bytes, name, tuple(map(_array, arrays)))
        await asyncio.to_thread(context.lake.commit, path, relative)
        try:
            return await context.store.write(lambda connection: input_files.add(connection, file))
        except StorageUnavailable:
            raise  # nobody knows whether the row was stored
        except CollectorError:
            await asyncio.to_thread(context.lake.remove, relative)
            raise
    finally:
        path.unlink(missing_ok=True)


async def drop_unused(context: Context, hashes: Iterable[str]) -> None:
    """Removes from `context` those files of samples with these `hashes` (SHA-256) that nothing needs."""
    for sha256 in set(hashes):
        if await context.store.write(partial(input_files.drop_unused, sha256=sha256)):
            await asyncio.to_thread(context.lake.remove, inputs_file(sha256))


def _array(about: dict[str, Any]) -> InputArray:
    return InputArray(**{**about, "shape": tuple(about["shape"])})
