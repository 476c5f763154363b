"""The parts of a running collector, put together: store, lake, workers, context, sealer."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from paretofleet_collector.config import Config
from paretofleet_collector.identity import authority
from paretofleet_collector.jobs.worker import Worker
from paretofleet_collector.lake.address import address_of, open_lake
from paretofleet_collector.service.absences import Absences
from paretofleet_collector.service.context import Changes, Context
from paretofleet_collector.service.home import check_restored, collector_id
from paretofleet_collector.service.lake_age import (
    being_deleted,
    being_sealed,
    check_age,
    check_not_lost,
    left_by_merging,
    unlisted_files,
)
from paretofleet_collector.service.manifests import Manifests
from paretofleet_collector.service.merging import Merger
from paretofleet_collector.service.sealing import Sealer
from paretofleet_collector.service.unfinished import Unfinished
from paretofleet_collector.store import Store
from paretofleet_collector.store.engine import shown


@dataclass(frozen=True)
class Collector:
    """What the servers of one collector share; `close` it in the end."""

    context: Context
    sealer: Sealer
    sealing_worker: Worker
    unfinished: Unfinished
    merger: Merger
    manifests: Manifests
    absences: Absences

    async def tidy_lake(self) -> int:
        """Sets aside what the store does not list: a start before this one may have broken off.

        Returns how many files. Raises Refused where the store is empty or older than its lake, and
        StorageUnavailable where that cannot be done.
        """
        store, lake = self.context.store, self.context.lake
        unlisted = await store.read(lambda connection: unlisted_files(connection, lake))
        expected = await store.read(being_sealed)
        expected |= await store.read(lambda connection: left_by_merging(connection, lake, unlisted))
        expected |= await store.read(lambda connection: being_deleted(connection, unlisted))
        check_age(shown(store.address), lake, unlisted, expected)
        await asyncio.to_thread(lake.empty_temporary)
        await asyncio.to_thread(lake.set_aside, unlisted)
        return len(unlisted)

    async def close(self) -> None:
        """Ends the workers and closes the store."""
        await asyncio.gather(self.context.worker.close(), self.sealing_worker.close())
        self.context.store.close()


def assemble(config: Config) -> Collector:
    """Opens the home that `config` names, inside a running event loop; raises Refused or StorageUnavailable.

    Sealing has a worker of its own, so that no report or model holds it up.
    """
    check_restored(config.home)
    check_not_lost(config)
    changes = Changes(asyncio.get_running_loop())
    lake = open_lake(address_of(config.home, config.lake))
    store = Store.at(config.home, changes.bump, config.store)
    context = Context(config, store, lake, Worker(), changes, collector_id(config.home))
    context.authorities = authority.load(config.home)
    sealing_worker = Worker()
    sealer = Sealer(context, sealing_worker)
    context.wake_sealer = sealer.wake
    unfinished = Unfinished(context)
    context.wake_unfinished = unfinished.wake
    return Collector(
        context,
        sealer,
        sealing_worker,
        unfinished,
        Merger(context, sealing_worker),
        Manifests(context, sealing_worker),
        Absences(context),
    )
