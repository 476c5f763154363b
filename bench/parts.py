"""What the programs of this folder share: networks, a lease, intervals, the time limit of the short form."""

from __future__ import annotations

import argparse
import contextlib
import logging
import os
import platform
import signal
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from paretofleet_agent.device.device import DeviceUnderTest
from paretofleet_agent.device.host_lock import host_lock
from paretofleet_agent.hardware.environment import cpu_model
from paretofleet_agent.model import Lease
from paretofleet_agent.standalone import bench
from paretofleet_agent.standalone.run_options import BenchRequest
from paretofleet_collector.models import zoo

ROOT = Path(__file__).parent.parent
#: The networks are built once and kept here; the folder is not in the repository.
MODELS = ROOT / "build" / "bench"
FIXTURES = ROOT / "tests" / "fixtures"


def arguments(text: str, *, networks: Sequence[str] = ()) -> argparse.ArgumentParser:
    """A parser with `--short` and, where there are any, `--networks`. SIGTERM ends it in good order."""
    signal.signal(signal.SIGTERM, lambda number, _frame: sys.exit(128 + number))
    parser = argparse.ArgumentParser(description=text, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--short", action="store_true", help="what `make bench` runs: less of everything")
    if networks:
        parser.add_argument(
            "--networks", nargs="+", default=list(networks), choices=zoo.NAMES, metavar="NAME"
        )
    return parser


def network(name: str) -> Path:
    """The ONNX file of a network of the zoo."""
    path = MODELS / f"{name}.onnx"
    if not path.exists():
        MODELS.mkdir(parents=True, exist_ok=True)
        zoo.build(name, path)
    return path


def lease(
    model: Path, number: int, *, threads: int = 1, warm_up_s: float = 0.3, window_s: float = 1.0
) -> Lease:
    """A run of a network, batch 1; numbers from 2 on leave out the check against the reference."""
    return bench.lease_of(
        bench.artifact_of(model),
        number,
        BenchRequest(threads=threads, iterations=10, warm_up_s=warm_up_s, window_min_s=window_s),
    )


def rapl_tree(root: Path) -> Path:
    """A device tree with the power counters of a desktop, as files that a sampler can read."""
    for line in (FIXTURES / "rapl_intel" / "tree.txt").read_text().splitlines():
        if line and not line.startswith("#"):
            path, _, content = line.partition(" = ")
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_text(content + "\n")
    return root


def conditions(device: DeviceUnderTest | None = None) -> str:
    """Where and under which load this runs, in one line."""
    cpus = sorted(os.sched_getaffinity(0)) if device is None else device.inventory.cpus
    load = ", ".join(f"{value:.2f}" for value in os.getloadavg())
    return (
        f"{cpu_model(Path('/'))}, CPUs {', '.join(map(str, cpus))}, Linux {platform.release()}, "
        f"Python {platform.python_version()}, load {load}"
    )


@contextlib.contextmanager
def host() -> Iterator[None]:
    """This host for one measurement: agents that measure here wait meanwhile, and this waits for them."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    with host_lock():
        yield


class Silent:
    """A watch that never stops a run and says nothing."""

    def stopped(self) -> bool:
        """Nothing stops it."""
        return False

    def phase(self, phase: str, iterations: int) -> None:
        """Says nothing."""
        del phase, iterations


def skip(why: str) -> int:
    """Says why nothing is measured; the exit code of a bench that was skipped."""
    print(f"skipped: {why}")
    return 0


def verdict(*, holds: bool, what: str) -> None:
    """One line of the table's end: speed is told, never asserted."""
    print(f"{'holds' if holds else 'DOES NOT HOLD'}: {what}", flush=True)
