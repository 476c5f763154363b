"""The parts of a running collector, put together: store, lake, workers, context, sealer."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from paretofleet_collector.config import Config
from paretofleet_collector.jobs.worker import Worker
from paretofleet_collector.lake.files import FOLDER, Lake
from paretofleet_collector.service.context import Changes, Context
from paretofleet_collector.service.home import collector_id
from paretofleet_collector.service.sealing import Sealer
from paretofleet_collector.service.unfinished import Unfinished
from paretofleet_collector.store import Store, models, sealed


@dataclass(frozen=True)
class Collector:
    """What the servers of one collector share; `close` it in the end."""

    context: Context
    sealer: Sealer
    sealing_worker: Worker
    unfinished: Unfinished

    async def clean_lake(self) -> None:
        """Deletes from the lake what the store does not list: a start before this one may have broken off."""
        store = self.context.store
        files, variants = await store.read(sealed.files), await store.read(models.listing)
        self.context.lake.clean({file.path for file in files}, {variant.sha256 for variant in variants})

    async def close(self) -> None:
        """Ends the workers and closes the store."""
        await asyncio.gather(self.context.worker.close(), self.sealing_worker.close())
        self.context.store.close()


def assemble(config: Config) -> Collector:
    """Opens the home that `config` names, inside a running event loop; raises Refused or StorageUnavailable.

    Sealing has a worker of its own, so that no report or model holds it up.
    """
    changes = Changes(asyncio.get_running_loop())
    lake = Lake(config.home / FOLDER)
    store = Store.at(config.home, changes.bump, config.store)
    context = Context(config, store, lake, Worker(), changes, collector_id(config.home))
    sealing_worker = Worker()
    sealer = Sealer(context, sealing_worker)
    context.wake_sealer = sealer.wake
    unfinished = Unfinished(context)
    context.wake_unfinished = unfinished.wake
    return Collector(context, sealer, sealing_worker, unfinished)
