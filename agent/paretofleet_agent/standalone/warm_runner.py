"""A runner kept warm, and processes that are let run or stopped beside it: what do they cost it?"""

from __future__ import annotations

import contextlib
import math
import os
import random
import signal
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Callable, Iterator, Mapping, Sequence

from paretofleet_agent.device.device import DeviceUnderTest
from paretofleet_agent.errors import AttemptFailed
from paretofleet_agent.measure.child import Child
from paretofleet_agent.measure.requests import (
    runner_command,
    runner_request,
    sampler_command,
    sampler_request,
)
from paretofleet_agent.model import Lease
from paretofleet_agent.runner import frames
from paretofleet_agent.standalone import paired

#: One half of a pair, and what passes before it unmeasured, so that what was let run has caught up.
HALF_S, SETTLE_S = 0.4, 0.1
WARM_UP_S = 1.0
ITERATIONS_MAX = 100_000
HANG_S = 120.0
#: Where no collector answers, so that a daemon beside the runner goes on looking for one.
NO_COLLECTOR = "127.0.0.1:9"
START_DAEMON = (
    "from paretofleet_agent.runner.process import die_with_parent; die_with_parent();"
    "from paretofleet_agent.main import main; raise SystemExit(main())"
)


class WarmRunner:
    """A runner that is asked for blocks as long as one likes; close it by `contextlib.closing`."""

    def __init__(self, lease: Lease, model: Path, device: DeviceUnderTest) -> None:
        threads = lease.configuration["threads"] or device.default_threads(device.cpu_quota)
        cpus = device.cpus_for(threads)
        python = device.interpreter_of(lease.configuration["runtime"])
        self._child = _start("runner", runner_command(python), device, device.variables.all)
        self._ask(runner_request(lease, model, device, cpus, threads), "ready")
        self.median_s(WARM_UP_S)

    def median_s(self, seconds: float) -> float:
        """The median duration of the iterations of one block of `seconds`."""
        request = {"kind": "block", "seconds": seconds, "max_iterations": ITERATIONS_MAX}
        header, columns = self._ask(request, "block")
        return statistics.median(frames.unpack_columns(columns, header["n"])[1]) / 1e9

    def close(self) -> None:
        """Ends the runner."""
        self._child.close()

    def _ask(self, request: dict[str, object], expect: str) -> frames.Frame:
        return self._child.ask(request, expect, time.monotonic() + HANG_S)


class WarmSampler:
    """A sampler of the device's sensors that keeps what it reads until `collect` takes it."""

    def __init__(self, device: DeviceUnderTest, lease: Lease) -> None:
        self._child = _start("sampler", sampler_command(), device)
        shares = device.housekeeping_cpu in device.cpus_for(lease.configuration["threads"])
        self._ask(sampler_request(device, shares=shares), "ready")
        self.samples = 0

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._child.pid

    def collect(self) -> None:
        """Takes the samples so far."""
        request = {"kind": "collect", "until_ns": 0, "activity": "busy"}
        header, _ = self._ask(request, "samples")
        self.samples += sum(stream["n"] for stream in header["streams"])

    def close(self) -> None:
        """Ends the sampler."""
        self._child.close()

    def _ask(self, request: dict[str, object], expect: str) -> frames.Frame:
        return self._child.ask(request, expect, time.monotonic() + HANG_S)


class IdleDaemon:
    """An agent's daemon, of a simulated device in a `home` of its own, that looks for a collector."""

    def __init__(self, device: DeviceUnderTest, home: Path) -> None:
        flags = ("--collector", NO_COLLECTOR, "--name", "selftest", "--simulate", "jetson-tx2")
        self._process = subprocess.Popen(
            [sys.executable, "-c", START_DAEMON, "run", *flags, "--home", str(home)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        with contextlib.suppress(OSError):
            os.sched_setaffinity(self._process.pid, {device.housekeeping_cpu})
        until_s = time.monotonic() + HANG_S
        while not (home / "daemon.json").exists():
            if self._process.poll() is not None or time.monotonic() > until_s:
                self.close()
                raise AttemptFailed("crashed", "the daemon for the comparison did not start; run it again")
            time.sleep(SETTLE_S)

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def close(self) -> None:
        """Ends the daemon."""
        self._process.kill()
        self._process.wait()


def compare(
    runner: WarmRunner,
    process_ids: Sequence[int],
    *,
    between: Callable[[], None],
    until_s: float,
    seed: int = 1,
    half_s: float = HALF_S,
) -> list[float]:
    """log(with / without) of the median of the `runner` for each pair of halves of `half_s` seconds.

    "Without" means that `process_ids` are stopped by SIGSTOP: nothing else differs. The order within a pair
    is random by `seed`. `between` is called after each half with them, as an attempt collects samples between
    blocks. Ends when `paired.is_enough`, or after the pair in which `until_s` (time.monotonic) passes.
    """
    chance = random.Random(seed)
    logs: list[float] = []
    with _let_run_at_the_end(process_ids):
        while not paired.is_enough(logs) and (not logs or time.monotonic() < until_s):
            medians = {}
            for is_with in chance.sample([True, False], 2):
                _signal(process_ids, signal.SIGCONT if is_with else signal.SIGSTOP)
                runner.median_s(SETTLE_S)
                medians[is_with] = runner.median_s(half_s)
                if is_with:
                    between()
            logs.append(math.log(medians[True] / medians[False]))
    return logs


def _start(
    name: str, argv: Sequence[str], device: DeviceUnderTest, variables: Mapping[str, str] | None = None
) -> Child:
    return Child(name, argv, sysroot=device.sysroot, stopped=lambda: False, variables=variables)


def _signal(process_ids: Sequence[int], number: int) -> None:
    for process_id in process_ids:
        os.kill(process_id, number)


@contextlib.contextmanager
def _let_run_at_the_end(process_ids: Sequence[int]) -> Iterator[None]:
    try:
        yield
    finally:
        with contextlib.suppress(ProcessLookupError):
            _signal(process_ids, signal.SIGCONT)
