"""Items by the clock: how late the runner wakes, whether its times are an inner timer's, what it spins.

The runner's loop drives one network at each rate. `late`: from when an item was due to its start. `p50
apart`: the latency less that lateness, against a timer that stands inside the step. `spin`: the share of a
core that a loop with nothing to do takes while it waits for due times; its bound is stated beside it.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import parts
from harness import Inner
from machine import Watch, judged
from paretofleet_agent.device import probe
from paretofleet_agent.device.device import DeviceUnderTest
from paretofleet_agent.measure.requests import runner_request
from paretofleet_agent.runner import loop, process
from paretofleet_agent.runner.pace import Pace
from paretofleet_agent.runner.runtimes.onnxruntime_runtime import OnnxRuntime
from paretofleet_agent.standalone.paced_times import due_times_ns

NETWORKS = ("squeezenet1_1",)
RATES = (5.0, 30.0, 100.0)
LATE_P99_S_MAX, AGREEMENT_MAX = 0.001, 0.003
ENDLESS = 10**9


@dataclass(frozen=True)
class PacedTimes:
    """Of each item, in ns: how late it began, what the loop says that it took, and what the inner timer."""

    late_ns: np.ndarray
    loop_ns: np.ndarray
    inner_ns: np.ndarray


def measure(model: Path, rate: float, seconds: float) -> PacedTimes:
    """A network at a rate, after a second of warm-up at the same pace."""
    lease = parts.lease(model, 2)
    lease = replace(lease, configuration={**lease.configuration, "mode": "paced", "items_s": rate})
    with pinned() as (device, cpus):
        run = OnnxRuntime(runner_request(lease, model, device, cpus, 1), process.clock())
        run.ready()
        process.freeze_gc()
        run.block(1.0, ENDLESS)
        run.pace.taken()
        inner = Inner(run.step)
        run.step = inner.call
        starts, durations = run.block(seconds, ENDLESS)
        due = due_times_ns({"period_ns": run.pace.period_ns, "due": run.pace.taken()})
        stamps = inner.take()
    return PacedTimes(np.array(starts) - np.array(due), np.array(durations), stamps[:, 1] - stamps[:, 0])


def spin_share(rate: float, seconds: float) -> float:
    """CPU time of a loop that does nothing at its due times, as a share of a core."""
    with pinned():
        pace = Pace(rate, 1, time.perf_counter_ns)
        begin_s, begin_cpu_s = time.perf_counter(), time.thread_time()
        loop.paced(
            lambda _feed: None,
            itertools.cycle([None]),
            time.perf_counter_ns,
            None,
            pace,
            seconds=seconds,
            max_iterations=ENDLESS,
        )
        return (time.thread_time() - begin_cpu_s) / (time.perf_counter() - begin_s)


@contextlib.contextmanager
def pinned() -> Iterator[tuple[DeviceUnderTest, Sequence[int]]]:
    """This device, with this process on the one CPU of a runner."""
    device = probe.probe_device(Path("/"), None, {})
    allowed, cpus = os.sched_getaffinity(0), device.runner_cpus[:1]
    process.pin_to_cpus(cpus)
    try:
        yield device, cpus
    finally:
        os.sched_setaffinity(0, allowed)


def main() -> int:
    """Prints the table."""
    parser = parts.arguments(__doc__ or "", networks=NETWORKS)
    parser.add_argument("--seconds", type=float, default=60.0, help="of each rate (default: 60)")
    options = parser.parse_args()
    seconds = min(options.seconds, 8.0) if options.short else options.seconds
    print(parts.conditions())
    print(
        f"{'network':15}{'items/s':>8}{'items':>7}{'late p50 ms':>12}{'p99 ms':>8}{'most ms':>9}"
        f"{'on time':>9}{'p50 ms':>8}{'p50 apart':>11}{'spin':>8}{'bound':>7}"
    )
    for name, rate in itertools.product(options.networks, RATES):
        with parts.host():
            watch = Watch()
            found = measure(parts.network(name), rate, seconds)
            idle = watch.had(2)
            share = spin_share(rate, min(seconds, 10.0))
        late_ms = np.quantile(found.late_ns, (0.5, 0.99, 1.0)) / 1e6
        apart = np.median(found.loop_ns) / np.median(found.inner_ns) - 1
        pace = Pace(rate, 1, time.perf_counter_ns)
        kept = late_ms[1] <= LATE_P99_S_MAX * 1e3 and abs(apart) <= AGREEMENT_MAX
        print(
            f"{name:15}{rate:>8g}{len(found.late_ns):>7}{late_ms[0]:>12.4f}{late_ms[1]:>8.3f}{late_ms[2]:>9.3f}"
            f"{np.mean(found.late_ns <= LATE_P99_S_MAX * 1e9):>9.2%}{np.median(found.loop_ns) / 1e6:>8.3f}"
            f"{apart:>11.4%}{share:>8.2%}{pace.spin_ns / pace.period_ns:>7.1%}"
            f"  {judged(kept=kept, idle=idle)}",
            flush=True,
        )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
