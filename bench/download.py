"""How fast a model of 100 MB reaches an agent over loopback, and what memory that takes at both ends.

    .venv/bin/python bench/download.py [--short]

A collector in a process of its own sends resnet50 of the zoo (102 MB) to the agent's client in another:
the bytes alone, and as the agent keeps them: written, synced, checked by SHA-256. Memory is the growth of
each process's peak over what it had before its first download. The table has medians and ranges.
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
from collections.abc import Iterator
from pathlib import Path

import ingest_agent
import parts
import psutil
from paretofleet_agent.model import Artifact
from paretofleet_agent.uplink.model_cache import ModelCache
from paretofleet_collector.models import zoo

NETWORK = "resnet50"
COMMAND = str(Path(sys.executable).with_name("paretofleet"))
RATE_MIN, MEMORY_MAX = 200.0, 32.0  # MB/s; MB
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


def download(address: str, repeats: int, folder: Path) -> dict[str, list[float]]:
    """Seconds of each download, of the bytes alone and as the agent keeps them; its growth in MB."""
    facts = zoo.facts(NETWORK)
    artifact = Artifact(facts.sha256, facts.size_bytes, NETWORK)
    agent = ingest_agent.connect(address, folder / "agent")
    for _ in agent.client.fetch_model(facts.sha256, facts.size_bytes - 1):
        pass  # the connection is up, what is imported late is imported
    forget_peak(os.getpid())
    before = psutil.Process().memory_info().rss / 1e6
    times: dict[str, list[float]] = {"bytes": [], "kept": []}
    for _ in range(repeats):
        started = time.perf_counter()
        size = sum(len(data) for data in agent.client.fetch_model(facts.sha256, 0))
        times["bytes"].append(time.perf_counter() - started)
        if size != facts.size_bytes:
            sys.exit(f"{size} bytes came of {facts.size_bytes}")
        cache = ModelCache(folder / "agent", agent.client.fetch_model)
        started = time.perf_counter()
        path = cache.get(artifact, lambda: False)
        times["kept"].append(time.perf_counter() - started)
        path.unlink()
    agent.close()
    return {**times, "grown": [peak_mb(os.getpid()) - before]}


def main() -> int:
    """Measures and prints the table."""
    repeats = 3 if parts.arguments(__doc__ or "").parse_args().short else 10
    with tempfile.TemporaryDirectory() as folder, parts.host():
        print(parts.conditions())
        with collector(Path(folder) / "home") as (address, pid):
            forget_peak(pid)
            before = psutil.Process(pid).memory_info().rss / 1e6
            answer = download(address, repeats, Path(folder))
            grown = {"the agent": answer["grown"][0], "the collector": peak_mb(pid) - before}
    size = zoo.facts(NETWORK).size_bytes / 1e6
    for what in ("bytes", "kept"):
        rates = sorted(size / seconds for seconds in answer[what])
        print(
            f"{what:6} {statistics.median(rates):6.0f} MB/s ({rates[0]:.0f} to {rates[-1]:.0f}), n={repeats}"
        )
    middle = statistics.median(size / seconds for seconds in answer["kept"])
    parts.verdict(holds=middle >= RATE_MIN, what=f"{RATE_MIN:g} MB/s as it is kept: {middle:.0f}")
    for who, mb in grown.items():
        parts.verdict(holds=mb <= MEMORY_MAX, what=f"{who} grows by at most {MEMORY_MAX:g} MB: {mb:.1f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
