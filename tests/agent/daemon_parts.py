"""Things that several tests of the daemon need."""

from __future__ import annotations

import struct
from pathlib import Path

from paretofleet_agent.config import Config
from paretofleet_agent.model import AttemptKey, Inventory, Outcome, RuntimeInfo, SensorInfo, Target
from paretofleet_agent.uplink.chunks import ChunkBuilder
from paretofleet_agent.uplink.identity import Identity

WHO = Identity("d" * 32, 1, "s" * 32, "boot")
INVENTORY = Inventory(
    targets=(Target("cpu", "cpu", "a CPU"),),
    runtimes=(RuntimeInfo("onnxruntime", "1.19.2", ("cpu",)),),
    sensors=(SensorInfo("rapl", "package-0", "package", "counter"),),
    memory_bytes=1 << 30,
    cpus=(0, 1),
    architecture="x86_64",
    isa=("avx2", "avx512_vnni"),
    simulated=False,
)
OK = Outcome(ok=True, facts={"boot_id": "boot", "simulated": False})


def config(home: Path, address: str, **changes) -> Config:
    values = {
        "home": home,
        "collector": address,
        "name": "dev-1",
        "device_class": "cpu",
        "labels": {"room": "b12"},
        "interpreters": {},
        "simulate": None,
        "seed": 1,
        "sysroot": Path("/"),
        "lock_dir": home,
    }
    return Config(**{**values, **changes})


def key(run: str = "run-1", attempt: int = 1) -> AttemptKey:
    return AttemptKey(run, attempt)


def columns(n: int, first: int = 0) -> bytes:
    """Two columns of n values each, all different."""
    return struct.pack(f"<{2 * n}q", *range(first, first + 2 * n))


def fill(spool, attempt_key, chunks=3, outcome=OK):
    """Begins and ends an attempt with so many streams of one chunk."""
    sink = ChunkBuilder()
    for stream in range(chunks):
        sink.put(f"stream-{stream}", "marks/1", 10, columns(10, stream))
    spool.begin(attempt_key)
    spool.end(attempt_key, sink.chunks(attempt_key), outcome)
