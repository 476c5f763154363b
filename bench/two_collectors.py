"""What a second collector costs and brings: the same agents over one collector, and over two of one fleet.

    python bench/two_collectors.py [--short] [--seconds 8] [--agents 4]

Real parts: PostgreSQL and SeaweedFS of the tests, the command `collector serve`, agents of `bench/ingest.py`.
Printed is what a chunk costs each process in CPU time, by which a busy machine shows little less than a quiet
one; chunks a second are the machine's. Exit code 1 when a chunk costs the collectors more than 1.2 times what
it costs one.
"""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import ingest
import parts
import psutil

sys.path.insert(0, str(parts.ROOT / "tests" / "system"))
sys.path.insert(0, str(parts.ROOT / "tests"))

from farm import BIN, Farm, wait_until
from postgres_server import started
from seaweed import ObjectStore, make_bucket

COST_MAX = 1.2
ROUNDS = 3
#: So long idle collectors are watched.
IDLE_S = 10.0


@dataclass
class Fleet(Farm):
    """A farm with several collectors over one store and one lake."""

    collectors: list[subprocess.Popen[bytes]] = field(default_factory=list)
    addresses: list[str] = field(default_factory=list)

    def add_collector(self, store: str, lake: str) -> None:
        home = self.root / f"c{len(self.collectors)}"
        endpoint = home / "endpoint"
        command = (BIN / "paretofleet", "collector", "serve", "--home", home, "--listen", "127.0.0.1:0")
        process = self.start(*command, "--store", store, "--lake", lake, log=f"{home.name}.log")
        wait_until(endpoint.exists, f"the start of {home.name}")
        self.collectors.append(process)
        self.addresses.append(endpoint.read_text().strip())
        self.address = self.addresses[0]


def cpu_s(*processes: psutil.Process) -> float:
    """CPU seconds so far of processes and their children, ended ones too."""
    total = 0.0
    for each in processes:
        for one in (each, *each.children(recursive=True)):
            times = one.cpu_times()
            total += times.user + times.system
        times = each.cpu_times()
        total += times.children_user + times.children_system
    return total


def measured(
    fleet: Fleet, agents: int, seconds: float, database: psutil.Process
) -> tuple[float, float, float]:
    """Chunks a second, and CPU us a chunk of the collectors and of the database."""
    before_s = cpu_s(database)
    rate, collectors_us, chunks = ingest.ours(fleet, agents, 256, seconds, fleet.addresses)
    return rate, collectors_us, (cpu_s(database) - before_s) / chunks * 1e6


def main() -> int:
    """Measures and prints; 1 when a second collector costs too much."""
    parser = parts.arguments(__doc__)
    parser.add_argument("--seconds", type=float, default=8.0)
    parser.add_argument("--agents", type=int, default=4)
    options = parser.parse_args()
    seconds = 3.0 if options.short else options.seconds
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_EC2_METADATA_DISABLED"):
        os.environ[name] = "true"  # the server takes any
    server = started()
    root = Path(tempfile.mkdtemp())
    (root / "objects").mkdir()
    objects = ObjectStore(root / "objects")
    objects.start()
    fleets = []
    try:
        make_bucket(objects)
        for count in (1, 2):
            (root / str(count)).mkdir()
            fleets.append(Fleet(root / str(count)))
            store = server.new_database()
            for _ in range(count):
                fleets[-1].add_collector(store, objects.lake.replace("/team", f"/fleet-{count}"))
        database = psutil.Process(server.process.pid)
        before_s = [ingest.collector_cpu_s(fleet) for fleet in fleets]
        time.sleep(IDLE_S)
        idle = [
            (ingest.collector_cpu_s(fleet) - then) / IDLE_S
            for fleet, then in zip(fleets, before_s, strict=True)
        ]
        rounds = [
            [measured(fleet, options.agents, seconds, database) for fleet in fleets] for _ in range(ROUNDS)
        ]
    finally:
        for fleet in fleets:
            fleet.close()
        objects.close()
        server.remove()
        shutil.rmtree(root, ignore_errors=True)
    for count in (1, 2):
        rate, ours_us, database_us = (
            statistics.median(one[count - 1][at] for one in rounds) for at in range(3)
        )
        print(
            f"{count} collectors: {rate:,.0f} chunks/s of 256 samples; CPU a chunk: collectors {ours_us:.0f} "
            f"us, database {database_us:.0f} us; idle they take {idle[count - 1] * 1e3:.1f} ms a second, "
            f"{idle[count - 1] / rate * 1e6:.0f} us a chunk at this rate"
        )
    ratios = [two[1] / one[1] for one, two in rounds]
    ratio = statistics.median(ratios)
    print(
        f"two cost {ratio:.2f} times one ({min(ratios):.2f} to {max(ratios):.2f} of {ROUNDS} rounds; goal "
        f"{COST_MAX:g})"
    )
    return int(ratio > COST_MAX)


if __name__ == "__main__":
    sys.exit(main())
