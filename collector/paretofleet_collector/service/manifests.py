"""Keeps the manifests in the lake, for those who read it without the collector, as new as the store."""

from __future__ import annotations

import asyncio
import logging

from paretofleet_collector.errors import CollectorError
from paretofleet_collector.jobs.worker import Worker
from paretofleet_collector.lake.files import manifest_file
from paretofleet_collector.service.context import Context
from paretofleet_collector.store import sealed_runs

#: What is sealed now is in the manifest so much later at most, but for how long writing takes.
LOOK_S = 600.0
_log = logging.getLogger(__name__)


class Manifests:
    """Writes the manifests of the sweeps in `context` by the `worker` that also seals."""

    def __init__(self, context: Context, worker: Worker) -> None:
        self._context = context
        self._worker = worker
        #: What the lake has, None until that was looked up.
        self._written: dict[str, str] | None = None

    async def run(self) -> None:
        """Works until cancelled."""
        while True:
            await asyncio.sleep(LOOK_S)
            try:
                await self.write_due()
            except Exception as error:  # noqa: BLE001 - others read it, and it must not end the collector
                _log.warning("manifests wait: %s", error, exc_info=not isinstance(error, CollectorError))

    async def write_due(self) -> int:
        """Writes what has changed, and removes manifests of sweeps that are gone; returns how many.

        Raises StorageUnavailable.
        """
        async with self._context.neighbours.claimed("manifests") as is_own:
            return await self._write_due() if is_own else 0

    async def _write_due(self) -> int:
        context = self._context
        if self._written is None or context.neighbours.are_possible:  # others write, too
            self._written = dict(await self._worker.run("manifest_versions", lake=context.lake.address))
        versions = await context.store.read(sealed_runs.versions)
        due = sorted(name for name, version in versions.items() if version != self._written.get(name))
        for sweep_id in due:
            await self._worker.run(
                "write_manifest",
                database=context.store.address,
                lake=context.lake.address,
                sweep_id=sweep_id,
                version=versions[sweep_id],
            )
            self._written[sweep_id] = versions[sweep_id]
        gone = sorted(self._written.keys() - versions.keys())
        for sweep_id in gone:
            await asyncio.to_thread(context.lake.remove, manifest_file(sweep_id))
            del self._written[sweep_id]
        return len(due) + len(gone)
