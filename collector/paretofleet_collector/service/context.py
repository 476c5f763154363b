"""What every part of the service works with."""

from __future__ import annotations

import asyncio
import shutil
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from paretofleet_collector.config import Config
from paretofleet_collector.errors import StorageUnavailable
from paretofleet_collector.identity.authority import Authority
from paretofleet_collector.identity.page_sessions import PageDoor
from paretofleet_collector.jobs.worker import Worker
from paretofleet_collector.lake.files import Lake
from paretofleet_collector.planning import schedule
from paretofleet_collector.service.admission import Admission
from paretofleet_collector.service.counters import Counters
from paretofleet_collector.service.idle_beats import IdleBeats
from paretofleet_collector.service.in_flight import OpenUploads
from paretofleet_collector.service.latest_time import LatestTime
from paretofleet_collector.service.live_readings import LiveReadings
from paretofleet_collector.service.neighbours import Neighbours
from paretofleet_collector.service.work_notices import WorkNotices
from paretofleet_collector.store import Store

#: Free space is looked up at most this often.
_ROOM_S = 0.5


class Changes:
    """Wakes those who watch. `bump` may come from any thread; a bump is never missed, several may be one."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._lock = threading.Lock()
        self._scheduled = False
        self._waiting: set[asyncio.Event] = set()

    def bump(self) -> None:
        """Says that something was committed."""
        with self._lock:
            if self._scheduled or self._loop.is_closed():
                return
            self._scheduled = True
        with suppress(RuntimeError):  # the loop closed in between: nobody watches any more
            self._loop.call_soon_threadsafe(self._wake)

    def _wake(self) -> None:
        with self._lock:
            self._scheduled = False
        for event in self._waiting:
            event.set()

    def subscribe(self) -> asyncio.Event:
        """An event that is set after every change; clear it before looking at the state."""
        event = asyncio.Event()
        self._waiting.add(event)
        return event

    def unsubscribe(self, event: asyncio.Event) -> None:
        """Ends a subscription."""
        self._waiting.discard(event)


@dataclass
class Context:
    """The parts of a running collector. `now` is wall time in seconds since 1970.

    `worker` computes for the command (models, reports, choices).
    """

    config: Config
    store: Store
    lake: Lake
    worker: Worker
    changes: Changes
    collector_id: str
    now: Callable[[], float] = time.time
    wake_sealer: Callable[[], None] = lambda: None
    #: The oldest first; empty where the collector has no identity.
    authorities: tuple[Authority, ...] = ()
    #: Set where a certificate was revoked, or who signs them has changed.
    certificates_changed: asyncio.Event = field(default_factory=asyncio.Event)
    #: The ports at which certificates and join tokens are accepted; 0 where none is open.
    port: int = 0
    join_port: int = 0
    admission: Admission = field(default_factory=Admission)
    uploads: OpenUploads = field(default_factory=OpenUploads)
    counters: Counters = field(default_factory=Counters)
    wake_unfinished: Callable[[], None] = lambda: None
    notices: WorkNotices = field(init=False)
    idle_beats: IdleBeats = field(default_factory=IdleBeats)
    live_readings: LiveReadings = field(default_factory=LiveReadings)
    #: The live page's, None where none is served.
    page_door: PageDoor | None = None
    #: Blocks that are being chosen, by sweep and device; only so that none is chosen twice at once.
    choosing: dict[tuple[str, str], asyncio.Task[None]] = field(default_factory=dict)
    #: Blocks that are being worked out, by sweep and device, and sweeps that a call submits; likewise.
    settling: dict[tuple[str, str], asyncio.Task[schedule.Step | None]] = field(default_factory=dict)
    submitting: set[str] = field(default_factory=set)
    #: Held while a variant is made, so that two who ask for the same one get one.
    making: asyncio.Lock = field(default_factory=asyncio.Lock)
    #: Held while Spark computes, so that two who rebuild do not share the machine's memory.
    spreading: asyncio.Lock = field(default_factory=asyncio.Lock)
    #: For what expires; everything else goes by `now`.
    latest: LatestTime = field(init=False)
    #: The other collectors of the fleet.
    neighbours: Neighbours = field(init=False)
    #: Why the lake could not be written the last time, empty once it could.
    lake_fault: str = ""
    #: When it was looked up how much is free, and what is wrong with it.
    _room: tuple[float, str] = field(default=(float("-inf"), ""), init=False)

    def __post_init__(self) -> None:
        authorities = [each.sha256 for each in self.authorities]
        self.neighbours = Neighbours(self.store, self.lake.shown, authorities)
        if self.neighbours.are_possible and self.now is time.time:
            self.now = self.neighbours.now
        self.latest = LatestTime(self.store, self.now)
        self.notices = WorkNotices(self.neighbours.announce)

    @property
    def offline_after_s(self) -> float:
        """A device that was silent for so long is shown as offline."""
        return max(3 * self.config.heartbeat_s, 10.0)

    def write_fault(self) -> str:
        """Why nothing can be stored now, in one sentence; empty while it can."""
        if self.lake_fault:
            return self.lake_fault
        if fault := self._room_fault():  # which also keeps the store from writing, and has a fix
            return fault
        return "" if self.store.is_writable else "The store cannot be written."

    async def check_lake(self) -> None:
        """Tries to write in the lake, and keeps what came of it."""
        try:
            await asyncio.to_thread(self.lake.probe)
            self.lake_fault = ""
        except StorageUnavailable as error:
            self.lake_fault = str(error)

    def _room_fault(self) -> str:
        """What is wrong when less is free under the home than the configuration asks for, and the fix.

        The same sentence as long as it lasts.
        """
        checked_s, fault = self._room
        if time.monotonic() - checked_s > _ROOM_S:
            home, least = self.config.home, self.config.disk_low_bytes
            free = shutil.disk_usage(home).free
            fault = "" if free >= least else fault or _little_room(home, free, least)
            self._room = (time.monotonic(), fault)
        return fault

    def check_room(self) -> None:
        """Raises StorageUnavailable when the disk is nearly full."""
        if fault := self._room_fault():
            raise StorageUnavailable(f"{fault} Nothing was stored.")


def _little_room(home: Path, free: int, least: int) -> str:
    """Which disk has only so many bytes `free` of the `least` that have to stay so, and what frees more."""
    disk = next(path for path in (home.absolute(), *home.absolute().parents) if path.is_mount())
    return (
        f"The collector's disk {disk} is nearly full: {free / 1e6:.0f} MB are free, and {least / 1e6:.0f} MB "
        f"have to stay so. Free some (`paretofleet gc` says what may go of {home}), or lower disk_low_bytes."
    )
