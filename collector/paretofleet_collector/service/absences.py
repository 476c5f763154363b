"""Ends, in the background, the parts of sweeps whose devices stay away for longer than the sweep waits."""

from __future__ import annotations

import asyncio
import logging

from paretofleet_collector.errors import CollectorError
from paretofleet_collector.lifecycle import absence
from paretofleet_collector.lifecycle.absence import AbsentPart
from paretofleet_collector.service.context import Context

LOOK_S = 15.0
_log = logging.getLogger(__name__)


class Absences:
    """Watches in `context` which devices are away.

    A wait counts from when this collector first saw the device away with an open part: neither its own
    absence nor what was before a sweep, or before it was tried again, counts against a device.
    """

    def __init__(self, context: Context) -> None:
        self._context = context
        self._since: dict[AbsentPart, float] = {}

    async def run(self) -> None:
        """Works until cancelled."""
        while True:
            try:
                await self.look()
            except CollectorError as error:
                _log.warning("devices that are away are looked for again later: %s", error)
            await asyncio.sleep(LOOK_S)

    async def look(self) -> None:
        """Notes who is away, and ends the parts for which their sweeps have waited long enough."""
        context, now = self._context, self._context.now()
        parts = await context.store.read(
            lambda connection: absence.absent_parts(connection, now, context.offline_after_s)
        )
        self._since = {part: self._since.get(part, now) for part in parts}
        for part, since in self._since.items():
            if now - since >= part.wait_s:
                await self._end(part)

    async def _end(self, part: AbsentPart) -> None:
        context = self._context
        await context.store.write_slices(
            lambda connection: absence.skip_some(connection, part, context.now(), context.offline_after_s)
        )
        _log.info("sweep %s: the part of device %s has ended, offline", part.sweep_id, part.device_id)
