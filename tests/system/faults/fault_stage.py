"""A fleet on which a fault is played: collector and agents of one template, each way through a proxy."""

from __future__ import annotations

import contextlib
import shutil
import signal
import sqlite3
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from farm import BIN, PATIENCE_S, Farm, wait_until
from fault_proxy import Proxy
from fault_wire import Wire
from networks import convolution

#: Leases and heartbeats so short that a fault of seconds is a long one.
SETTINGS = {"lease_s": 20.0, "heartbeat_s": 1.0}
SWEEP = "s"
FINAL = "'sealed', 'failed', 'skipped', 'cancelled'"


@dataclass
class Stage(Farm):
    """A farm whose agents reach the collector through a proxy each; `environments`: further variables."""

    proxies: dict[str, Proxy] = field(default_factory=dict)
    agents: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    collector: subprocess.Popen[bytes] | None = None
    environments: dict[str, dict[str, str]] = field(default_factory=dict)
    #: The cables of agents that have one; the others are beside the collector.
    wires: dict[str, Wire] = field(default_factory=dict)
    #: What is done when all processes have ended, such as unmounting.
    at_close: list[Callable[[], object]] = field(default_factory=list)
    _collectors: dict[str, str] = field(default_factory=dict)

    @property
    def store(self) -> Path:
        return self.collector_home / "collector.sqlite3"

    def query(self, sql: str) -> list[Any]:
        """What the store holds, read beside the collector; empty while it cannot be read."""
        try:
            database = sqlite3.connect(f"file:{self.store}?mode=ro", uri=True, timeout=5)
        except sqlite3.Error:
            return []
        try:
            return database.execute(sql).fetchall()
        except sqlite3.Error:
            return []
        finally:
            database.close()

    def serve(self, **settings: float) -> None:
        """Starts the collector, at its old address if it had one, and leads every proxy to it."""
        self._collectors = self.environments.get("collector", {})
        try:
            self.start_collector(**{**SETTINGS, **settings})
        finally:
            self._collectors = {}
        self.collector = self.processes[-1]
        for proxy in self.proxies.values():
            proxy.target = self.address

    def agent(self, name: str, *options: str) -> None:
        """Starts the agent `name`, a simulated device whose seed is its number, behind its proxy."""
        wire = self.wires.get(name)
        proxy = self.proxies.setdefault(name, Proxy(host=wire.gateway if wire else "127.0.0.1"))
        proxy.target = self.address
        simulated = ("--simulate", "jetson-tx2", "--seed", name.lstrip("d"))
        home = ("--name", name, "--home", self.root / name)
        command = (
            BIN / "paretofleet-agent",
            "run",
            "--collector",
            proxy.address,
            *home,
            *simulated,
            *options,
        )
        far_end = wire.prefix if wire else ()
        self.agents[name] = self.start(*far_end, *self._with(name), *command, log=f"{name}.log")

    def kill(self, name: str, number: int = signal.SIGKILL) -> None:
        """Sends a signal to the collector or to an agent and, unless it only stops, waits for its end."""
        process = self.collector if name == "collector" else self.agents[name]
        assert process is not None
        process.send_signal(number)
        if number not in (signal.SIGSTOP, signal.SIGCONT):
            process.wait(PATIENCE_S)

    def leave_waiting(self, name: str = "d1") -> Path:
        """Kills the collector while the agent `name` measures, so that samples wait; its spool."""
        spool = self.root / name / "spool.db"
        while True:
            wait_until(lambda: _count(spool, "attempts WHERE ended = 0"), "a run under way")
            self.kill("collector")
            deadline = time.monotonic() + 8
            while time.monotonic() < deadline:
                if _count(spool, "chunks"):
                    return spool
                time.sleep(0.05)
            # It died between the last answer and the next run.
            self.serve()

    def sealed(self, name: str = "") -> int:
        """How many runs are sealed, of the device `name` or of all."""
        of_device = f" AND device_id IN (SELECT device_id FROM devices WHERE name = '{name}')" if name else ""
        rows = self.query(f"SELECT count(*) FROM runs WHERE state = 'sealed'{of_device}")
        return int(rows[0][0]) if rows else 0

    def wait_sealed(self, number: int, name: str = "") -> None:
        wait_until(lambda: self.sealed(name) >= number, f"{number} sealed runs {name}".strip())

    def has_finished(self) -> bool:
        """Whether every run of the devices on the stage is sealed, or will never be."""
        names = ", ".join(f"'{name}'" for name in self.agents)
        query = (
            "SELECT count(*) FROM runs JOIN devices ON devices.device_id = runs.device_id "
            f"WHERE devices.name IN ({names}) AND runs.state NOT IN ({FINAL})"
        )
        return self.query(query) == [(0,)]

    def wait_finished(self, patience_s: float = 2 * PATIENCE_S) -> float:
        """Waits until every run has ended; the seconds that it took."""
        begin_s = time.monotonic()
        wait_until(self.has_finished, "the end of the sweep", patience_s)
        return time.monotonic() - begin_s

    def states(self) -> dict[str, int]:
        return dict(self.query("SELECT state, count(*) FROM runs GROUP BY state"))

    def close(self) -> None:
        super().close()
        for undo in self.at_close:
            undo()
        for proxy in self.proxies.values():
            proxy.close()

    def _with(self, name: str) -> tuple[str, ...]:
        """What goes before the command of `name`: `env` becomes the program, so signals reach that."""
        variables = self.environments.get(name, {})
        return ("env", *(f"{key}={value}" for key, value in variables.items())) if variables else ()

    def environment(self) -> dict[str, str]:
        # What `start_collector` starts is the collector and nothing else.
        return {**super().environment(), **self._collectors}


def _count(database: Path, rows: str) -> int:
    """How many `rows` a database of an agent holds, read beside it."""
    with contextlib.closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=5)) as connection:
        return int(connection.execute(f"SELECT count(*) FROM {rows}").fetchone()[0])


def make_template(root: Path, devices: int, batch_sizes: str = "1,2") -> Path:
    """A farm's folder with a collector that knows `devices` devices and has a sweep for them, all ended.

    The sweep has five runs on each device for each of `batch_sizes`.
    """
    root.mkdir(parents=True)
    stage = Stage(root)
    names = [f"d{number}" for number in range(1, devices + 1)]
    try:
        stage.serve()
        for name in names:
            stage.agent(name)
        heard = "SELECT count(*) FROM devices WHERE last_seen_unix_s IS NOT NULL"
        wait_until(lambda: stage.query(heard) == [(devices,)], "all agents")
        for name in names:
            stage.kill(name, signal.SIGTERM)
        stage.command("models", "add", convolution(root / "net.onnx"))
        stage.command(
            "sweep",
            "submit",
            "--name",
            SWEEP,
            "--model",
            "net",
            "--protocol",
            "quick",
            "--batch-size",
            batch_sizes,
        )
        stage.kill("collector", signal.SIGTERM)
        # Copies of these homes are no clones of devices that are still there.
        with sqlite3.connect(stage.store) as database:
            database.execute("UPDATE devices SET session_id = '', last_seen_unix_s = NULL")
    finally:
        stage.close()
    return root


def copy_of(template: Path, root: Path) -> Stage:
    """A stage of its own, as the template stood."""
    shutil.copytree(template, root)
    for log in root.glob("*.log"):
        log.unlink()
    return Stage(root)
