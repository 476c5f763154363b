"""`paretofleet-agent push`: uploads a spool that was carried by hand from a device without a network.

It speaks as the device, beside whatever session that has: it opens none, asks for no work and ends no
attempt. The collector stores each chunk once, whoever sends it, so a push can be broken off and repeated, and
the device may come online with the same spool later.
"""

from __future__ import annotations

import contextlib
import logging
import os
import random
import shutil
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Iterator

from paretofleet_agent.config import Config
from paretofleet_agent.errors import HomeError, Refused, Unreachable
from paretofleet_agent.model import Inventory
from paretofleet_agent.uplink import backoff, identity, upload
from paretofleet_agent.uplink.client import CollectorClient
from paretofleet_agent.uplink.replies import AttemptState
from paretofleet_agent.uplink.spool import Spool
from paretofleet_agent.uplink.spool_file import FILE, UNKNOWN, spools_aside

log = logging.getLogger(__name__)

#: Without a chunk that goes through for so long, a push is given up; it can be repeated.
PATIENCE_S = 60.0
NOTHING = Inventory((), (), (), 0, (), "", simulated=False)


@dataclass(frozen=True)
class Pushed:
    """What a push brought to the collector.

    `left`: attempts that had not ended when they were copied. `unknown`: those that it does not know, kept.
    """

    attempts: int
    chunks: int
    left: int
    unknown: int = 0


def push(config: Config, source: Path) -> Pushed:
    """Uploads what waits in `source`, the copied home of an agent, to the collector of `config`.

    Raises HomeError where `source` is no agent's home or is in use, Refused where the collector will not have
    it or is another one than the spool's, Unreachable where it does not answer.
    """
    with _writable(source) as home, identity.home_lock(home):
        stored = identity.read(home)
        if stored is None:
            raise HomeError(
                f"{source} has no identity.json: name the whole folder of an agent, as `status` prints it."
            )
        carried = identity.carried(str(stored["device_id"]))
        client = CollectorClient(config, carried, NOTHING)
        try:
            return _push_spool(client, home, config.collector)
        finally:
            client.close()


def _push_spool(client: CollectorClient, home: Path, address: str) -> Pushed:
    """Finds the spool of the collector that answers, and empties it."""
    collector_id = client.hello((), "").collector_id
    folders = {_owner(home): home, **spools_aside(home)}
    folder = folders.get(collector_id) or folders.get("") or folders.get(UNKNOWN)
    if folder is None:
        raise Refused(
            f"What waits here is for collector {', '.join(sorted(filter(None, folders)))}, "
            f"and {collector_id} answers at {address}: give the first one's address with --collector."
        )
    with contextlib.closing(Spool.open(folder)) as spool:
        attempts, chunks = _waiting(spool)
        _empty(client, spool, collector_id)
        attempts_left, chunks_left = _waiting(spool)
        unknown = len(spool.unknown_attempts())
    return Pushed(attempts - attempts_left, chunks - chunks_left, attempts_left - unknown, unknown)


def _waiting(spool: Spool) -> tuple[int, int]:
    """How many attempts and chunks the spool holds, those that are aside too."""
    contents = spool.contents()
    return len(spool.held()), contents.chunks + contents.set_aside


def _owner(home: Path) -> str:
    """The collector of the spool in `home`; empty where none has answered it yet."""
    if not (home / FILE).exists():
        return "none"
    with contextlib.closing(Spool.open(home)) as spool:
        return spool.collector_id


def _empty(client: CollectorClient, spool: Spool, collector_id: str) -> None:
    """Sends all that has ended, with pauses where the way fails, as long as something goes through."""
    waits, waiting = backoff.waits(random.Random()), spool.contents()
    until = time.monotonic() + PATIENCE_S
    while not _went_through(client, spool, collector_id, until):
        if spool.contents() != waiting:
            waiting, until = spool.contents(), time.monotonic() + PATIENCE_S
        time.sleep(next(waits))


def _went_through(client: CollectorClient, spool: Spool, collector_id: str, until: float) -> bool:
    """Tries once; raises Unreachable only after `until`, by time.monotonic."""
    try:
        _send(client, spool, collector_id)
    except Unreachable as error:
        if time.monotonic() > until:
            raise
        log.info("%s Trying again.", error)
        return False
    return True


def _send(client: CollectorClient, spool: Spool, collector_id: str) -> None:
    welcome = client.hello(spool.held(), spool.collector_id or collector_id)
    if welcome.collector_id != collector_id:
        raise Unreachable("Another collector answers now.")
    for key, status in welcome.attempts.items():
        if status.state is AttemptState.UNKNOWN and not spool.collector_id:
            raise Refused(
                f"The collector does not know run {key.run_id}: give the address of the one that it was for."
            )
        upload.apply_attempt_status(spool, key, status)
    upload.drain(spool, client.upload, welcome.window_chunks)


@contextlib.contextmanager
def _writable(source: Path) -> Iterator[Path]:
    """`source`, or a copy of it where it cannot be written, such as a stick that is read-only."""
    if not source.is_dir():
        raise HomeError(f"There is no folder {source}: name the copied folder of an agent.")
    if os.access(str(source), os.W_OK):
        yield source
        return
    with tempfile.TemporaryDirectory(prefix="paretofleet-push-") as folder:
        copy = Path(folder) / "home"
        try:
            shutil.copytree(str(source), str(copy))
        except OSError as error:
            raise HomeError(
                f"{source} can be neither written nor copied ({error}): copy it yourself."
            ) from error
        yield copy
