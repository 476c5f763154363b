"""Samples from spools into a collector, durable on both ends, beside what others send them with.

    python bench/ingest.py [--short] [--seconds 8] [--agents 8]

Real parts: each agent is a process with the product's spool (a sync for each attempt, before anything is
sent), its upload and its channel; the collector is the command `collector serve`, which answers after its
commit. A chunk counts when the answer for it is there. Attempts end as cancelled, so that nothing is sealed
meanwhile and the same run is granted again. Exit code 1 when a goal is missed on an idle machine.
"""

from __future__ import annotations

import json
import random
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import ingest_agent
import machine
import parts
from ingest_peers import BATCH, PEERS

sys.path.insert(0, str(parts.ROOT / "tests" / "system"))

from farm import Farm

CHUNKS_S_MIN, SAMPLES_S_MIN = 5_000.0, 6e6
#: Chunks of an attempt, by the samples of a chunk.
CHUNKS = {256: 2048, 16_384: 64}
SPEC = {"models": ["zoo:mobilenet_v2"], "protocol": "quick", "repeats": 100}


def send(address: str, home: Path, n: int, seconds: float) -> None:
    """One agent, in a process of its own: prints chunks and seconds when its time is over."""
    from paretofleet_agent.model import Outcome
    from paretofleet_agent.uplink.chunks import make_chunk

    agent = ingest_agent.connect(address, home)
    print("ready", flush=True)
    sys.stdin.readline()
    lease = agent.lease()
    times = struct.pack(f"<{2 * n}q", *range(2 * n))
    sent, begin_s = 0, time.perf_counter()
    while time.perf_counter() - begin_s < seconds:
        key = lease.key
        chunks = (
            make_chunk(key, "iterations", seq, schema="iterations/1", n=n, columns=times)
            for seq in range(CHUNKS[n])
        )
        agent.spool.begin(key)
        agent.spool.end(key, chunks, Outcome(ok=False, reason="cancelled", message="the bench goes on"))
        agent.drain()
        sent += CHUNKS[n]
        lease = agent.client.lease().lease or lease
    print(json.dumps([sent, time.perf_counter() - begin_s]), flush=True)
    agent.close()


def ours(
    farm: Farm, agents: int, n: int, seconds: float, addresses: Sequence[str] = ()
) -> tuple[float, float, int]:
    """Chunks a second of so many agents with chunks of `n` samples, the collectors' CPU us a chunk, how many.

    The agents speak to the collectors at `addresses` by turns, by default to the one of `farm`.
    """
    tag = f"{random.randrange(1 << 30):x}"
    processes = []
    for number in range(agents):
        home = farm.root / f"{tag}-{number}"
        address = addresses[number % len(addresses)] if addresses else farm.address
        command = [sys.executable, __file__, "--agent", address, str(home), str(n), str(seconds)]
        processes.append(subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True))
    for process in processes:
        process.stdout.readline()
    spec = farm.root / f"{tag}.json"
    spec.write_text(
        json.dumps({**SPEC, "name": tag, "devices": {"name": [f"{tag}-{i}" for i in range(agents)]}})
    )
    farm.command("sweep", "submit", spec)
    before_s = collector_cpu_s(farm)
    for process in processes:
        process.stdin.write("go\n")
        process.stdin.flush()
    results = [json.loads(process.stdout.readline()) for process in processes]
    for process in processes:
        process.wait()
    total = sum(sent for sent, _ in results)
    cpu_us = (collector_cpu_s(farm) - before_s) / total * 1e6
    farm.command("sweep", "cancel", tag)
    return sum(sent / took_s for sent, took_s in results), cpu_us, total


def collector_cpu_s(farm: Farm) -> float:
    """CPU seconds of the collectors so far: `farm` has started nothing else."""
    import psutil

    times = [psutil.Process(process.pid).cpu_times() for process in farm.processes]
    return float(sum(each.user + each.system for each in times))


def peers(seconds: float) -> Iterator[tuple[str, float | None, float]]:
    """For each peer its samples a second, None where it is not installed, and how much slower it shall be."""
    for name, (peer, factor) in PEERS.items():
        try:
            with peer() as send:
                send(BATCH)
                sent, begin_s = 0, time.perf_counter()
                while time.perf_counter() - begin_s < seconds:
                    send(BATCH)
                    sent += BATCH
                yield name, sent / (time.perf_counter() - begin_s), factor
        except ImportError:
            yield name, None, factor


def main() -> int:
    """Measures and prints; 1 when a goal is missed."""
    if sys.argv[1:2] == ["--agent"]:
        address, home, n, seconds = sys.argv[2:]
        send(address, Path(home), int(n), float(seconds))
        return 0
    parser = parts.arguments(__doc__)
    parser.add_argument("--seconds", type=float, default=8.0)
    parser.add_argument("--agents", type=int, default=8)
    options = parser.parse_args()
    seconds = 3.0 if options.short else options.seconds
    idle, missed = machine.is_idle(1), False
    with tempfile.TemporaryDirectory() as folder:
        farm = Farm(Path(folder))
        farm.start_collector()
        try:
            small, small_us, _ = ours(farm, options.agents, 256, seconds)
            large, large_us, _ = ours(farm, options.agents, 16_384, seconds)
        finally:
            farm.close()
    rows = [
        ("chunks/s of 256 samples", small, CHUNKS_S_MIN, f"collector {small_us:.0f} us a chunk"),
        (
            "samples/s in chunks of 16,384",
            large * 16_384,
            SAMPLES_S_MIN,
            f"collector {large_us:.0f} us a chunk",
        ),
    ]
    for name, value, least, note in rows:
        kept = value >= least
        missed |= machine.judged(kept=kept, idle=idle) == "MISSED"
        print(f"{name}: {value:,.0f} (goal {least:,.0f}; {note}) {machine.judged(kept=kept, idle=idle)}")
    for name, rate, factor in peers(seconds / 2):
        if rate is None:
            print(f"{name}: not installed")
            continue
        ratio = large * 16_384 / rate
        word = "" if ratio >= factor else "MISSED"
        missed |= ratio < factor
        print(f"{name}: {rate:,.0f} samples/s, we {ratio:.1f} times (goal {factor:g}) {word}")
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
