"""Disks that are full, read-only or failing, locked and damaged databases, and clocks that jump."""

from __future__ import annotations

import contextlib
import errno
import os
import random
import signal
import sqlite3
import subprocess
import time
from pathlib import Path

from farm import PATIENCE_S
from fault_runs import Play, Scenario, begin
from fault_shim import Shim
from fault_stage import Stage

DAY_S = 86_400


def why_no_root() -> str:
    """Why no file system can be mounted here; empty where one can."""
    return "" if os.geteuid() == 0 else "it mounts file systems, which needs root"


def _shim(stage: Stage, name: str, folder: Path) -> Shim:
    """Loads the shim into the process `name` when it starts."""
    shim = Shim(folder, stage.root / f"{name}.control")
    stage.environments[name] = shim.variables
    return shim


def failing(name: str, below: str, *, writes: int = 0, syncs: int = 0, seconds: float = 3.0) -> Play:
    """A process whose disk fails below a folder for some seconds; what ends meanwhile is started again."""

    def play(stage: Stage, chance: random.Random) -> None:
        shim = _shim(stage, name, stage.root / below)
        begin(stage)
        stage.wait_sealed(1)
        time.sleep(chance.uniform(0.0, 1.0))
        shim.set(write_errno=writes, sync_errno=syncs)
        time.sleep(seconds)
        shim.set()
        _start_again(stage)

    return play


def slow(name: str, below: str, sync_s: float) -> Play:
    """A process whose syncs below a folder take so many seconds each, for some."""

    def play(stage: Stage, _chance: random.Random) -> None:
        shim = _shim(stage, name, stage.root / below)
        begin(stage)
        stage.wait_sealed(1)
        shim.set(sync_s=sync_s)
        time.sleep(6.0)
        shim.set()

    return play


def _start_again(stage: Stage) -> None:
    """What a service manager does: starts what has ended."""
    if stage.collector is not None and stage.collector.poll() is not None:
        stage.serve()
    for name, agent in stage.agents.items():
        if agent.poll() is not None:
            stage.agent(name)


def clocks_jump(stage: Stage, chance: random.Random) -> None:
    shims = [_shim(stage, "d1", stage.root / "d1"), _shim(stage, "collector", stage.collector_home)]
    begin(stage)
    stage.wait_sealed(1)
    for _ in range(3):
        chance.choice(shims).set(clock_s=chance.choice((-DAY_S, DAY_S)))
        time.sleep(chance.uniform(0.5, 1.5))
    for shim in shims:
        shim.set()


@contextlib.contextmanager
def small_disk(stage: Stage, folder: Path, megabytes: int):
    """A file system of its own under `folder`, with what was there."""
    aside = folder.with_name(f"{folder.name}.aside")
    folder.rename(aside)
    folder.mkdir(mode=0o700)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=700", "tmpfs", folder], check=True)
    stage.at_close.append(lambda: subprocess.run(["umount", "-l", folder], check=False))
    subprocess.run(["cp", "-a", f"{aside}/.", folder], check=True)
    yield


def full_disk_of_an_agent(stage: Stage, _chance: random.Random) -> None:
    with small_disk(stage, stage.root / "d1", 48):
        begin(stage)
        stage.wait_sealed(1)
        _fill(stage.root / "d1", 4.0)
    _start_again(stage)


def full_disk_of_the_collector(stage: Stage, _chance: random.Random) -> None:
    with small_disk(stage, stage.collector_home, 48):
        stage.serve(disk_low_bytes=1 << 20)
        stage.agent("d1")
        stage.wait_sealed(1)
        _fill(stage.collector_home, 4.0)
    _start_again(stage)


def _fill(folder: Path, seconds: float) -> None:
    """Takes all the room where `folder` lies for so many seconds."""
    filler = folder / "filler"
    with contextlib.suppress(OSError), filler.open("wb") as file:
        while True:
            file.write(bytes(1 << 16))
            file.flush()
    time.sleep(seconds)
    filler.unlink()


def a_lock_is_held(which: str) -> Play:
    """Another program holds a database for longer than its owner waits."""

    def play(stage: Stage, _chance: random.Random) -> None:
        begin(stage)
        stage.wait_sealed(1)
        path = stage.store if which == "store" else stage.root / "d1" / "spool.db"
        database = sqlite3.connect(path, timeout=20, isolation_level=None)
        database.execute("BEGIN IMMEDIATE")
        time.sleep(12.0 if which == "spool" else 6.0)
        database.execute("ROLLBACK")
        database.close()
        _start_again(stage)

    return play


def a_spool_is_damaged(stage: Stage, chance: random.Random) -> None:
    """While the collector is away and samples wait, the agent is killed and bytes of its spool change."""
    begin(stage)
    spool = stage.leave_waiting()
    stage.kill("d1")
    for path in (spool, Path(f"{spool}-wal")):
        if path.exists() and path.stat().st_size > 200:
            with path.open("r+b") as file:
                file.seek(chance.randrange(100, path.stat().st_size - 100))
                file.write(bytes(chance.randrange(256) for _ in range(64)))
    stage.serve()
    stage.agent("d1")


def agent_stops_while_its_disk_fails(stage: Stage, _chance: random.Random) -> None:
    shim = _shim(stage, "d1", stage.root / "d1")
    begin(stage)
    stage.wait_sealed(1)
    shim.set(write_errno=errno.EIO, sync_errno=errno.EIO)
    time.sleep(1.5)
    stage.agents["d1"].send_signal(signal.SIGTERM)
    stage.agents["d1"].wait(PATIENCE_S)
    shim.set()
    stage.agent("d1")


DISKS = (
    Scenario("an agent's fsync fails (EIO)", failing("d1", "d1", syncs=errno.EIO)),
    Scenario("an agent's disk fails (EIO)", failing("d1", "d1", writes=errno.EIO, syncs=errno.EIO)),
    Scenario("an agent's disk is read-only (EROFS)", failing("d1", "d1", writes=errno.EROFS)),
    Scenario("an agent's quota is used up (EDQUOT)", failing("d1", "d1", writes=errno.EDQUOT)),
    Scenario("an agent is stopped while its disk fails", agent_stops_while_its_disk_fails),
    Scenario("an agent's disk is full", full_disk_of_an_agent, unless=why_no_root),
    Scenario("an agent's spool is locked", a_lock_is_held("spool")),
    Scenario("an agent's spool is damaged", a_spool_is_damaged),
    Scenario("the collector's fsync fails (EIO)", failing("collector", "collector", syncs=errno.EIO)),
    Scenario("an agent's fsync takes a second", slow("d1", "d1", 1.0)),
    Scenario("the collector's fsync takes a second", slow("collector", "collector", 1.0)),
    Scenario("the lake is read-only (EROFS)", failing("collector", "collector/lake", writes=errno.EROFS)),
    Scenario(
        "the lake's quota is used up (EDQUOT)", failing("collector", "collector/lake", writes=errno.EDQUOT)
    ),
    Scenario("the lake's fsync fails (EIO)", failing("collector", "collector/lake", syncs=errno.EIO)),
    Scenario(
        "the collector's disk is read-only (EROFS)", failing("collector", "collector", writes=errno.EROFS)
    ),
    Scenario("the collector's disk is full", full_disk_of_the_collector, unless=why_no_root),
    Scenario("the store is locked", a_lock_is_held("store")),
    Scenario("clocks jump by a day", clocks_jump),
)
