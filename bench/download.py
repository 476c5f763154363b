"""How fast a model of 100 MB reaches an agent over loopback, and what processor time and memory that takes.

    .venv/bin/python bench/download.py [--short] [--write docs/benchmarks.md]

A collector in a process of its own sends resnet50 of the zoo (102 MB) to the agent's client in another:
the bytes alone, and as the agent keeps them: written, synced, checked by SHA-256. By turns with them go the
same bytes without our code: over a bare socket, and as plain gRPC messages. Memory is the growth of each
process's peak over what it had before, the agent's in its first download, the collector's in all. The table
has medians and ranges.
"""

from __future__ import annotations

import contextlib
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import download_controls as controls
import grpc
import ingest_agent
import machine
import parts
import psutil
from benchmark_tables import Table
from paretofleet_agent.model import Artifact
from paretofleet_agent.uplink.model_cache import ModelCache
from paretofleet_collector.models import zoo

NETWORK = "resnet50"
COMMAND = str(Path(sys.executable).with_name("paretofleet"))
RATE_MIN, MEMORY_MAX = 200.0, 32.0  # MB/s; MB
HEADING = "Download of a model"
COLUMNS = ("way", "MB/s", "agent, CPU s for 100 MB", "collector, the same")
KEPT = "as the agent keeps them"
START_S = 60.0


def peak_mb(pid: int) -> float:
    """The largest resident memory of a process since it began, in MB."""
    status = Path(f"/proc/{pid}/status").read_text()
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    return int(found[1]) / 1000 if found else 0.0


def forget_peak(pid: int) -> None:
    """Lets the peak of a process begin anew at what it has now."""
    with contextlib.suppress(OSError):
        Path(f"/proc/{pid}/clear_refs").write_text("5")


@dataclass
class Way:
    """A way of fetching: the call that does it once, the process of its other end, and what it took."""

    name: str
    fetch: Callable[[], int]
    server: int
    seconds: list[float] = field(default_factory=list)
    agent_s: float = 0.0
    server_s: float = 0.0

    def turn(self, size: int) -> None:
        """Fetches once; ends the program where other than `size` bytes come."""
        cpu, server, started = time.process_time(), cpu_s(self.server), time.perf_counter()
        came = self.fetch()
        self.seconds.append(time.perf_counter() - started)
        self.agent_s += time.process_time() - cpu
        self.server_s += cpu_s(self.server) - server
        if came != size:
            sys.exit(f"{came} bytes came of {size}")

    def cells(self, mb: float) -> tuple[str, ...]:
        """The row of the table; `mb` came at each turn."""
        rates = sorted(mb / seconds for seconds in self.seconds)
        hundreds = mb / 100 * len(rates)
        return (
            self.name,
            f"{statistics.median(rates):.0f} ({rates[0]:.0f} to {rates[-1]:.0f})",
            f"{self.agent_s / hundreds:.2f}",
            f"{self.server_s / hundreds:.2f}",
        )


def cpu_s(pid: int) -> float:
    """Seconds of processor time of a process since it began."""
    times = psutil.Process(pid).cpu_times()
    return float(times.user + times.system)


@contextlib.contextmanager
def collector(home: Path) -> Iterator[tuple[str, int]]:
    """A collector with the network: its address and its process."""
    words = [COMMAND, "collector", "serve", "--home", str(home), "--listen", "127.0.0.1:0"]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        address = wait_for_address(home, process)
        environment = {**os.environ, "PARETOFLEET_COLLECTOR_ADDRESS": address}
        subprocess.run([COMMAND, "models", "add", f"zoo:{NETWORK}"], check=True, env=environment)
        yield address, process.pid
    finally:
        process.terminate()
        process.wait()


def wait_for_address(home: Path, process: subprocess.Popen[str]) -> str:
    """Where the collector of `home` listens, once it does."""
    endpoint, deadline = home / "endpoint", time.monotonic() + START_S
    while time.monotonic() < deadline and process.poll() is None:
        if endpoint.exists() and endpoint.read_text().strip():
            return endpoint.read_text().strip()
        time.sleep(0.1)
    sys.exit("the collector did not start")


def download(address: str, server: int, file: Path, folder: Path, repeats: int) -> tuple[list[Way], float]:
    """Each way with what it took in `repeats` turns, and by how many MB this process grew.

    `file` is the collector's own; the process `server` is the collector.
    """
    facts = zoo.facts(NETWORK)
    artifact = Artifact(facts.sha256, facts.size_bytes, NETWORK)
    agent = ingest_agent.connect(address, folder / "agent")

    def alone() -> int:
        return sum(len(data) for data in agent.client.fetch_model(facts.sha256, 0))

    def kept() -> int:
        path = ModelCache(folder / "agent", agent.client.fetch_model).get(artifact, lambda: False)
        return path.stat().st_size

    for _ in agent.client.fetch_model(facts.sha256, facts.size_bytes - 1):
        pass  # the connection is up, what is imported late is imported
    for pid in (os.getpid(), server):
        forget_peak(pid)
    before = psutil.Process().memory_info().rss / 1e6
    kept()
    grown = peak_mb(os.getpid()) - before
    (folder / "agent" / "models" / facts.sha256).unlink()
    with (
        controls.served(controls.serve_socket, file) as (port, by_socket),
        controls.served(controls.serve_grpc, file) as (grpc_port, by_grpc),
        grpc.insecure_channel(f"127.0.0.1:{grpc_port}") as channel,
    ):
        ways = [
            Way("a bare socket", lambda: controls.fetch_socket(port), by_socket),
            Way("plain gRPC messages of 1 MiB", lambda: controls.fetch_grpc(channel), by_grpc),
            Way("the bytes alone", alone, server),
            Way(KEPT, kept, server),
        ]
        controls.fetch_grpc(channel)
        for _ in range(repeats):
            for way in ways:
                way.turn(facts.size_bytes)
            (folder / "agent" / "models" / facts.sha256).unlink()
    agent.close()
    return ways, grown


def main() -> int:
    """Measures and prints the table."""
    parser = parts.arguments(__doc__ or "")
    parser.add_argument("--write", type=Path, metavar="PAGE", help="put the rows into this page's table")
    asked = parser.parse_args()
    size = zoo.facts(NETWORK).size_bytes / 1e6
    table = Table(HEADING, COLUMNS)
    with tempfile.TemporaryDirectory() as folder, parts.host():
        home = Path(folder) / "home"
        with collector(home) as (address, pid):
            idle = machine.is_idle(os.cpu_count() or 1)
            (file,) = (home / "lake" / "models").iterdir()
            before = psutil.Process(pid).memory_info().rss / 1e6
            ways, grown = download(address, pid, file, Path(folder), 3 if asked.short else 10)
            sizes = {"the agent": grown, "the collector": peak_mb(pid) - before}
    table.head()
    for way in ways:
        table.row(*way.cells(size))
    if asked.write:
        table.write(asked.write)
    rates = {way.name: statistics.median(size / seconds for seconds in way.seconds) for way in ways}
    said = machine.judged(kept=rates[KEPT] >= RATE_MIN, idle=idle)
    print(f"{parts.conditions()}; {said or 'reached'}: {RATE_MIN:g} MB/s kept, {rates[KEPT]:.0f}")
    for who, mb in sizes.items():
        parts.verdict(holds=mb <= MEMORY_MAX, what=f"{who} grows by at most {MEMORY_MAX:g} MB: {mb:.1f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
