"""What a collector does about the others of its fleet, in the background."""

from __future__ import annotations

import asyncio
import logging

from paretofleet_collector.errors import CollectorError
from paretofleet_collector.service.context import Context
from paretofleet_collector.service.neighbours import BEAT_S

_log = logging.getLogger(__name__)


async def run(context: Context) -> None:
    """Lives in `context` with the other collectors until cancelled; without others it does nothing."""
    if not context.neighbours.are_possible:
        await asyncio.Event().wait()
    await asyncio.gather(_watch(context), _hear(context))


async def _watch(context: Context) -> None:
    """Says that this collector lives, and takes over what others left."""
    while True:
        try:
            has_left, have_certificates_changed = await context.neighbours.beat()
        except CollectorError as error:  # the store says so itself, and the next try comes
            _log.debug("this collector could not say that it lives: %s", error)
        else:
            if have_certificates_changed:
                context.certificates_changed.set()
            if has_left:
                context.wake_sealer()
                context.wake_unfinished()
        await asyncio.sleep(BEAT_S)


async def _hear(context: Context) -> None:
    """Wakes the devices that listen here for work that another collector announces."""
    async for device_ids in context.neighbours.heard():
        context.notices.wake(device_ids or context.notices.listening())
