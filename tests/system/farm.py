"""Real processes for the system tests: collector, agents, command; on loopback, in a temporary folder."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import psutil
from held_ports import hold_port, port_of
from paretofleet_collector.config import socket_path
from paretofleet_collector.errors import Unreachable
from paretofleet_collector.rpc.access_client import AccessClient

BIN = Path(sys.executable).parent
PATIENCE_S = 300.0
#: Seconds between two looks, the first and the longest: a look costs milliseconds here and in the collector.
LOOK_S, LOOK_MAX_S = 0.05, 0.25


def wait_until(happened: Callable[[], Any], what: str, patience_s: float = PATIENCE_S) -> Any:
    """Polls ever less often until `happened` returns something true, and returns it; fails naming `what`.

    A collector that is too busy to answer says that nothing has happened yet.
    """
    deadline = time.monotonic() + patience_s
    pause_s = LOOK_S
    while time.monotonic() < deadline:
        with suppress(Unreachable):
            result = happened()
            if result:
                return result
        time.sleep(pause_s)
        pause_s = min(LOOK_MAX_S, 1.1 * pause_s)
    raise AssertionError(f"{what} did not happen within {patience_s:.0f} s")


@dataclass
class Farm:
    """One collector and its agents; everything it starts is ended by `close`.

    What is asked again and again is asked in this process: starting the command costs most of a second.
    """

    root: Path
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)
    address: str = ""
    _held: list[socket.socket] = field(default_factory=list)

    @property
    def collector_home(self) -> Path:
        return self.root / "collector"

    def own_address(self) -> str:
        """An address of loopback whose port nobody else gets until `close`, so that it can be served anew."""
        self._held.append(hold_port())
        return f"127.0.0.1:{port_of(self._held[-1])}"

    @cached_property
    def _listen(self) -> str:
        return self.own_address()

    def environment(self) -> dict[str, str]:
        kept = {k: v for k, v in os.environ.items() if not k.startswith("PARETOFLEET_")}
        own = {"XDG_STATE_HOME": str(self.root / "state"), "PARETOFLEET_HOST_LOCK_DIR": str(self.root)}
        return {**kept, **own, "COLUMNS": "160", "TERM": "dumb"}

    def start(self, *command: str | Path, log: str) -> subprocess.Popen[bytes]:
        with (self.root / log).open("ab") as sink:
            process = subprocess.Popen(
                [str(part) for part in command],
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=sink,
                env=self.environment(),
                cwd=self.root,
            )
        self.processes.append(process)
        return process

    def start_collector(self, *, listen: str = "", **settings: float | str) -> subprocess.Popen[bytes]:
        """Starts the collector, each time at the same address unless another is given."""
        endpoint = self.collector_home / "endpoint"
        endpoint.unlink(missing_ok=True)
        process = self.start(
            "env",
            *(f"PARETOFLEET_COLLECTOR_{key.upper()}={value}" for key, value in settings.items()),
            BIN / "paretofleet",
            "collector",
            "serve",
            "--home",
            self.collector_home,
            "--listen",
            listen or self._listen,
            log="collector.log",
        )
        wait_until(
            lambda: (endpoint.exists() and endpoint.read_text().strip()) or process.poll() is not None,
            "the collector's start",
        )
        assert process.poll() is None, (self.root / "collector.log").read_text()
        self.address = endpoint.read_text().strip()
        return process

    def start_agent(self, name: str, *options: str, python: Path = BIN) -> subprocess.Popen[bytes]:
        process = self.start_agent_raw(name, name, *options, python=python)
        wait_until(lambda: self.is_online(name), f"agent {name} online")
        return process

    def start_agent_raw(
        self, home: str, name: str, *options: str, python: Path = BIN
    ) -> subprocess.Popen[bytes]:
        """Starts an agent without waiting for the collector to see it."""
        return self.start(
            python / "paretofleet-agent",
            "run",
            "--collector",
            self.address,
            "--name",
            name,
            "--home",
            self.root / home,
            *options,
            log=f"{home}.log",
        )

    def command(self, *words: str | Path, code: int | None = 0, input_text: str | None = None) -> str:
        """Runs `paretofleet ...` and returns its standard output; `code=None` accepts any exit code."""
        done = self.run(*words, input_text=input_text)
        assert "Traceback" not in done.stderr, done.stderr
        if code is not None:
            assert done.returncode == code, f"{words}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def run(self, *words: str | Path, input_text: str | None = None) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(BIN / "paretofleet"), *(str(word) for word in words)],
            capture_output=True,
            text=True,
            input=input_text or "",
            env={**self.environment(), "PARETOFLEET_COLLECTOR_ADDRESS": self.address},
            cwd=self.root,
            timeout=PATIENCE_S * 2,
            check=False,
        )

    def listing(self, *words: str) -> Any:
        return json.loads(self.command(*words, "-o", "json"))

    def client(self) -> AccessClient:
        return AccessClient(self.address)

    def is_online(self, name: str) -> bool:
        with self.client() as client:
            return any(each.name == name and each.state == "online" for each in client.list_devices())

    def measures_power(self, name: str) -> bool:
        """Whether a device has a power sensor, which of this machine no test knows."""
        with self.client() as client:
            (device,) = [each for each in client.list_devices() if each.name == name]
        return bool(device.sensors)

    def sweep(self, name: str) -> dict[str, Any]:
        with self.client() as client:
            (found,) = [each for each in client.list_sweeps() if each.name == name]
        return asdict(found)

    def runs_on(self, sweep: str, device: str) -> Counter[str]:
        """How many runs of a device are in each state."""
        with self.client() as client:
            states = client.show_sweep(sweep).configurations
        runs: Counter[str] = Counter()
        for state in states:
            if state.configuration.device == device:
                runs.update(state.runs_by_state)
        return runs

    def has_ended(self, name: str) -> bool:
        return self.sweep(name)["state"] in {"finished", "finished_with_failures", "cancelled"}

    def log(self, name: str) -> str:
        return (self.root / f"{name}.log").read_text()

    def close(self) -> None:
        for process in reversed(self.processes):
            if process.poll() is None:
                process.send_signal(signal.SIGCONT)
                process.terminate()
        for process in self.processes:
            try:
                process.wait(60)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        for held in self._held:
            held.close()
        # A collector that was killed leaves the socket that its home's path was too long for.
        elsewhere = socket_path(self.collector_home).parent
        if self.root not in elsewhere.parents:
            shutil.rmtree(elsewhere, ignore_errors=True)


def descendants(pid: int) -> list[psutil.Process]:
    try:
        return psutil.Process(pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def is_runner(process: psutil.Process) -> bool:
    try:
        return any("runner" in word for word in process.cmdline())
    except psutil.Error:
        return False


def alive(processes: list[psutil.Process]) -> Iterator[psutil.Process]:
    for process in processes:
        try:
            if process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
                yield process
        except psutil.NoSuchProcess:
            continue
