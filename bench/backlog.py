"""A backlog drains while live agents go on: samples a second, what others wait, whether seals keep up.

    python bench/backlog.py [--short] [--samples 100000000] [--devices 48]

While the collector was away, so to say, devices have measured: each has an attempt in its spool, written by
the product's own code. They come back at once, some processes with several devices each, and send. Meanwhile
a live agent beats and has chunks acknowledged, in turn, before and beside it. The runs end well, so that the
collector seals them as it does any. Exit code 1 when a goal is missed on an idle machine.
"""

from __future__ import annotations

import argparse
import json
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import ingest_agent
import machine
import numpy as np
import parts

sys.path.insert(0, str(parts.ROOT / "tests" / "system"))
sys.path.insert(0, str(parts.ROOT / "tests" / "collector"))

import grpc
from farm import Farm
from live_collector import LiveCollector
from paretofleet_agent.model import AttemptKey, Chunk, Outcome
from paretofleet_agent.uplink.chunks import SAMPLES_MAX, make_chunk
from paretofleet_collector.store.engine import FILE_NAME
from rude_clients import Answers, GoodClient

SAMPLES_S_MIN, P99_S_MAX = 2e6, 1.0
PROCESSES = 8
#: Length of an iteration, in ns, and its standard deviation.
MEAN_NS, SPREAD_NS = 1_000_000, 20_000
FACTS = {"boot_id": "boot", "started_unix_s": 1.0, "environment": {"kernel": "6"}}
SPEC = {"models": ["zoo:mobilenet_v2"], "protocol": "quick", "repeats": 1, "name": "backlog"}
SEALED = "SELECT count(*) FROM runs JOIN sweeps USING (sweep_id) WHERE name = ? AND runs.state = 'sealed'"
PATIENCE_S = 900.0


def attempt(key: AttemptKey, samples: int) -> Iterator[Chunk]:
    """The chunks of an attempt with so many iterations, between two marks."""
    durations = np.random.default_rng(1).normal(MEAN_NS, SPREAD_NS, SAMPLES_MAX).astype("<i8")
    starts = np.concatenate([[0], np.cumsum(durations)]).astype("<i8")
    length = int(starts[-1])
    for seq, first in enumerate(range(0, samples, SAMPLES_MAX)):
        n = min(SAMPLES_MAX, samples - first)
        columns = (starts[:n] + seq * length).tobytes() + durations[:n].tobytes()
        yield make_chunk(key, "iterations", seq, schema="iterations/1", n=n, columns=columns)
    end_ns = -(-samples // SAMPLES_MAX) * length
    marks = np.array([0, end_ns, 4, 5], "<i8").tobytes()
    yield make_chunk(key, "marks", 0, schema="marks/1", n=2, columns=marks)


def devices(address: str, folder: Path, names: list[str], samples: int) -> None:
    """Some devices in a process of their own: they join, fill their spools, and send when told so."""
    for name in names:
        ingest_agent.connect(address, folder / name).close()
    print("joined", flush=True)
    sys.stdin.readline()
    for name in names:
        agent = ingest_agent.connect(address, folder / name)
        key = agent.lease().key
        agent.spool.begin(key)
        agent.spool.end(key, attempt(key, samples), Outcome(ok=True, facts=FACTS))
        agent.close()
    print("full", flush=True)
    sys.stdin.readline()
    for name in names:
        agent = ingest_agent.connect(address, folder / name)
        agent.drain()
        agent.close()
    print("sent", flush=True)


@dataclass
class Backlog:
    """The processes with the devices, each told what to do next by a line."""

    processes: list[subprocess.Popen[str]] = field(default_factory=list)

    def start(self, farm: Farm, names: list[str], samples: int) -> None:
        """Has the devices join, and fill their spools with runs of a sweep."""
        shared = [names[first::PROCESSES] for first in range(PROCESSES)]
        for some in filter(None, shared):
            command = [sys.executable, __file__, "--devices-of", farm.address, str(farm.root), str(samples)]
            self.processes.append(
                subprocess.Popen([*command, *some], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            )
        self.wait_for("joined")
        spec = farm.root / "spec.json"
        spec.write_text(json.dumps({**SPEC, "devices": {"name": names}}))
        farm.command("sweep", "submit", spec)
        self.go_on()
        self.wait_for("full")

    def go_on(self) -> None:
        """Says the line that they wait for."""
        for process in self.processes:
            process.stdin.write("go\n")
            process.stdin.flush()

    def wait_for(self, word: str) -> None:
        """Until each has said `word`."""
        for process in self.processes:
            line = process.stdout.readline().strip()
            if line != word:
                raise RuntimeError(f"a device said {line!r} instead of {word!r}")

    def is_sending(self) -> bool:
        """Whether any is still at work on its last order."""
        return any(process.poll() is None for process in self.processes)

    def close(self) -> None:
        """Ends what still runs."""
        for process in self.processes:
            process.kill()
            process.wait()


def in_store(farm: Farm) -> tuple[int, int]:
    """Runs of the sweep that are sealed, and bytes that are staged."""
    path = farm.collector_home / FILE_NAME
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=30)) as database:
        (sealed,) = database.execute(SEALED, (SPEC["name"],)).fetchone()
        (staged,) = database.execute("SELECT coalesce(sum(length(columns)), 0) FROM chunks").fetchone()
    return sealed, staged


def measure(farm: Farm, count: int, samples: int, seconds: float) -> dict[str, float]:
    """The figures of so many devices with so many samples each."""
    backlog = Backlog()
    live = LiveCollector(farm.collector_home, farm.address)
    live.channel = grpc.insecure_channel(farm.address)
    try:
        began_s = time.perf_counter()
        backlog.start(farm, [f"device-{number}" for number in range(count)], samples)
        figures = {"filled_s": time.perf_counter() - began_s}
        good = GoodClient(live)
        alone, beside = good.work(seconds), Answers()
        began_s = time.perf_counter()
        backlog.go_on()
        while backlog.is_sending():
            answers = good.work(1.0)
            beside.waited_s += answers.waited_s
            beside.failures += answers.failures
        backlog.wait_for("sent")
        figures["sent_s"] = time.perf_counter() - began_s
        figures["sealed_when_sent"], figures["staged_bytes_when_sent"] = in_store(farm)
        until = time.perf_counter() + PATIENCE_S
        while in_store(farm)[0] < count and time.perf_counter() < until:
            time.sleep(0.2)
        figures["sealed_s"] = time.perf_counter() - began_s
        figures["sealed"], figures["staged_bytes"] = in_store(farm)
        figures["alone_p99_s"], figures["beside_p99_s"] = alone.quantile_s(0.99), beside.quantile_s(0.99)
        figures["answers"], figures["failed"] = len(beside.waited_s), len(beside.failures)
        good.close()
        return figures
    finally:
        live.channel.close()
        backlog.close()


def report(figures: dict[str, float], count: int, total: int, *, idle: bool) -> bool:
    """Prints the figures; whether a goal was missed on an idle machine."""
    rate, whole = total / figures["sent_s"], total / figures["sealed_s"]
    print(f"{total:,} samples in {count} spools, filled in {figures['filled_s']:.0f} s")
    drained = f"drained: {rate:,.0f} samples/s (goal {SAMPLES_S_MIN:,.0f})"
    live = (
        f"a live agent's p99: {figures['beside_p99_s'] * 1e3:.1f} ms beside it, "
        f"{figures['alone_p99_s'] * 1e3:.1f} ms alone (goal {P99_S_MAX:g} s; {figures['answers']:.0f} "
        f"answers, {figures['failed']:.0f} failed)"
    )
    seals = (
        f"seals: {figures['sealed_when_sent']:.0f} of {count} runs when the last was sent, with "
        f"{figures['staged_bytes_when_sent'] / 1e6:,.0f} MB staged; {figures['sealed']:.0f} in the end, "
        f"{whole:,.0f} samples/s from the first byte to the last seal, {figures['staged_bytes']:,.0f} "
        "bytes left"
    )
    goals = [
        (drained, rate >= SAMPLES_S_MIN),
        (live, figures["beside_p99_s"] < P99_S_MAX and not figures["failed"]),
        (seals, figures["sealed"] == count and whole >= SAMPLES_S_MIN),
    ]
    words = [machine.judged(kept=kept, idle=idle) for _, kept in goals]
    for (line, _), word in zip(goals, words, strict=True):
        print(f"{line} {word}".rstrip())
    return "MISSED" in words


def main() -> int:
    """Measures and prints; 1 when a goal is missed on an idle machine."""
    if sys.argv[1:2] == ["--devices-of"]:
        address, folder, samples, *names = sys.argv[2:]
        devices(address, Path(folder), names, int(samples))
        return 0
    parser = parts.arguments(__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--samples", type=int, default=100_000_000)
    parser.add_argument("--devices", type=int, default=48)
    options = parser.parse_args()
    total, count = (4_000_000, 8) if options.short else (options.samples, options.devices)
    idle = machine.is_idle(1)
    with tempfile.TemporaryDirectory() as folder:
        farm = Farm(Path(folder))
        farm.start_collector()
        try:
            figures = measure(farm, count, total // count, 2.0 if options.short else 10.0)
        finally:
            farm.close()
    return int(report(figures, count, total // count * count, idle=idle))


if __name__ == "__main__":
    sys.exit(main())
