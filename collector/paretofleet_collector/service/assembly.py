"""The parts of a running collector, put together: store, lake, workers, context, sealer."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from paretofleet_collector.config import LOCAL, Config
from paretofleet_collector.errors import Refused
from paretofleet_collector.identity import authority
from paretofleet_collector.jobs.worker import Worker
from paretofleet_collector.lake.address import address_of, open_lake
from paretofleet_collector.service import neighbourhood
from paretofleet_collector.service.absences import Absences
from paretofleet_collector.service.context import Changes, Context
from paretofleet_collector.service.home import check_restored, collector_id, note_id, noted_id
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
from paretofleet_collector.store import Store, devices, neighbours
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

    async def enter(self) -> int:
        """Takes its place among the collectors of its fleet; the only one tidies the lake.

        Returns how many files were set aside. Raises Refused where it and the others differ, or the store is
        empty or older than its lake, and StorageUnavailable.
        """
        is_alone = await self.context.neighbours.enter()
        await asyncio.to_thread(self.context.lake.probe)
        set_aside = await self._tidy_lake() if is_alone else 0
        await asyncio.to_thread(self.context.lake.empty_temporary)
        self.context.store.end_start()
        return set_aside

    async def _tidy_lake(self) -> int:
        """Sets aside what the store does not list: a start before this one may have broken off."""
        store, lake = self.context.store, self.context.lake
        unlisted = await store.read(lambda connection: unlisted_files(connection, lake))
        expected = await store.read(being_sealed)
        expected |= await store.read(lambda connection: left_by_merging(connection, lake, unlisted))
        expected |= await store.read(lambda connection: being_deleted(connection, unlisted))
        check_age(shown(store.address), lake, unlisted, expected)
        await asyncio.to_thread(lake.set_aside, unlisted)
        return len(unlisted)

    def works(self) -> tuple[Coroutine[Any, Any, None], ...]:
        """What it does beside its calls, each until cancelled."""
        return (
            self.sealer.run(),
            self.unfinished.run(),
            self.merger.run(),
            self.manifests.run(),
            self.absences.run(),
            neighbourhood.run(self.context),
        )

    async def close(self) -> None:
        """Ends the workers and closes the store."""
        await asyncio.gather(self.context.worker.close(), self.sealing_worker.close())
        await self.context.neighbours.leave()
        self.context.store.close()


def assemble(config: Config) -> Collector:
    """Opens the home that `config` names, inside a running event loop; raises Refused or StorageUnavailable.

    Sealing has a worker of its own, so that no report or model holds it up.
    """
    check_restored(config.home)
    check_not_lost(config)
    changes = Changes(asyncio.get_running_loop())
    lake = open_lake(address_of(config.home, config.lake))
    if config.lake != LOCAL:
        # Before the store, whose schema is changed for good: with this lake it may come to no start.
        lake.probe()
    store = Store.at(config.home, changes.bump, config.store, shared=config.is_shared)
    try:
        own_id = _fleet_id(config.home, store) if store.is_shared else collector_id(config.home)
    except BaseException:
        store.close()
        raise
    authorities = authority.load(config.home)
    context = Context(config, store, lake, Worker(), changes, own_id, authorities=authorities)
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


def _fleet_id(home: Path, store: Store) -> str:
    """The id of the collectors over the shared `store`, of which this is the one whose folder is `home`.

    Raises Refused where the folder is another fleet's, or the store that of a folder that is not this one.
    """
    of_home, of_store = noted_id(home), store.read_now(neighbours.fleet_id)
    if of_store and of_home and of_store != of_home:
        raise Refused(
            f"{home} belongs to the fleet {of_home}, and the store {shown(store.address)} to the fleet "
            f"{of_store}: name a new folder with --home, or that fleet's store with --store."
        )
    if of_store:
        note_id(home, of_store)
        return of_store
    if not of_home and store.read_now(devices.are_there):
        raise Refused(
            f"{shown(store.address)} has served a collector whose folder is not {home}: start that one with "
            "the lake s3://.. first, then others may join it."
        )
    made = collector_id(home)
    store.submit(lambda connection: neighbours.set_fleet_id(connection, made)).result()
    return made
