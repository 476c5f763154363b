"""What the runner's loop adds to an inner timer round the same calls, in microseconds an iteration.

The inner timer stands inside the step that the loop times: both time the same `session.run`. Calling it
costs time that the product does not spend, so a bare timer (clock, step, clock) takes turns with the loop,
round the same inner timer: what the loop shows more than the bare one is its own. All differences are taken
within an iteration, so that the speed of this machine cancels. `between`: from one call's end to the next
one's start, which is in no duration.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import parts
from paretofleet_agent.device import probe
from paretofleet_agent.measure.requests import runner_request
from paretofleet_agent.runner import process
from paretofleet_agent.runner.runtimes.onnxruntime_runtime import OnnxRuntime
from paretofleet_agent.standalone import paired

NETWORKS = ("squeezenet1_1", "mobilenet_v2")
ADDED_US_MAX, AGREEMENT_MAX = 1.0, 0.003
BLOCK_S = 0.5
ENDLESS = 10**9


class Inner:
    """The inner timer: keeps begin and end of every call of `step`, as tightly as Python allows."""

    def __init__(self, step: Callable[[Any], Any]) -> None:
        self._kept: list[tuple[int, Any, int]] = []
        keep, clock = self._kept.append, time.perf_counter_ns

        def call(feed: Any) -> None:
            keep((clock(), step(feed), clock()))

        self.call = call

    def take(self) -> np.ndarray:
        """Begins and ends (calls, 2) in ns since the last time."""
        found = np.array([(begin, end) for begin, _, end in self._kept])
        self._kept.clear()
        return found


@dataclass(frozen=True)
class Network:
    """Per turn: medians in us of what the loop and the bare timer show more than the inner timer."""

    loop_us: np.ndarray
    bare_us: np.ndarray
    between_us: np.ndarray
    outer_ns: np.ndarray
    inner_ns: np.ndarray

    @property
    def added_us(self) -> tuple[float, float, float]:
        """Median and 95 % interval of what the loop adds."""
        differences, rank = np.sort(self.loop_us - self.bare_us), paired.median_rank(len(self.loop_us))
        return float(np.median(differences)), float(differences[rank - 1]), float(differences[-rank])


def bare(step: Callable[[Any], Any], feeds: Any, seconds: float) -> list[int]:
    """Durations of a timer that does nothing else."""
    clock, durations = time.perf_counter_ns, []
    until = clock() + int(seconds * 1e9)
    end = 0
    while end < until:
        feed = next(feeds)
        begin = clock()
        step(feed)
        end = clock()
        durations.append(end - begin)
    return durations


def measure(model: Path, seconds: float) -> Network:
    """Loop and bare timer by turns, `seconds` in all."""
    device = probe.probe_device(Path("/"), None, {})
    cpus = device.runner_cpus[:1]
    allowed = os.sched_getaffinity(0)
    process.pin_to_cpus(cpus)
    try:
        run = OnnxRuntime(runner_request(parts.lease(model, 2), model, device, cpus, 1), process.clock())
        run.ready()
        process.freeze_gc()
        run.block(1.0, ENDLESS)
        inner = Inner(run.step)
        run.step = inner.call
        return _turns(run, inner, seconds)
    finally:
        os.sched_setaffinity(0, allowed)


def _turns(run: OnnxRuntime, inner: Inner, seconds: float) -> Network:
    loop, plain, between, outers, inners = [], [], [], [], []
    for _ in range(max(paired.MEDIAN_MIN, round(seconds / 2 / BLOCK_S))):
        outer = np.array(run.block(BLOCK_S, ENDLESS)[1])
        stamps = inner.take()
        inside = stamps[:, 1] - stamps[:, 0]
        loop.append(np.median(outer - inside) / 1e3)
        between.append(np.median(stamps[1:, 0] - stamps[:-1, 1]) / 1e3)
        outers.append(outer)
        inners.append(inside)
        alone = np.array(bare(inner.call, run.rotation, BLOCK_S))
        stamps = inner.take()
        plain.append(np.median(alone - (stamps[:, 1] - stamps[:, 0])) / 1e3)
    return Network(
        np.array(loop), np.array(plain), np.array(between), np.concatenate(outers), np.concatenate(inners)
    )


def main() -> int:
    """Prints the table."""
    parser = parts.arguments(__doc__ or "", networks=NETWORKS)
    parser.add_argument("--seconds", type=float, default=40.0, help="of each network (default: 40)")
    options = parser.parse_args()
    seconds = min(options.seconds, 12.0) if options.short else options.seconds
    print(parts.conditions())
    print(
        f"{'network':15}{'iterations':>11}{'loop us':>9}{'bare us':>9}{'added us (95 %)':>25}"
        f"{'between us':>12}{'p50 ms':>9}{'p50 apart':>11}{'p90 apart':>11}"
    )
    highest, apart = [], []
    for name in options.networks:
        with parts.host():
            found = measure(parts.network(name), seconds)
        middle, low, high = found.added_us
        inner, outer = (np.quantile(times, (0.5, 0.9)) for times in (found.inner_ns, found.outer_ns))
        highest.append(high)
        apart += list(outer / inner - 1)
        print(
            f"{name:15}{len(found.outer_ns):>11}{np.median(found.loop_us):>9.2f}{np.median(found.bare_us):>9.2f}"
            f"{f'{middle:+.2f} ({low:+.2f} to {high:+.2f})':>25}{np.median(found.between_us):>12.2f}"
            f"{inner[0] / 1e6:>9.3f}{apart[-2]:>11.4%}{apart[-1]:>11.4%}",
            flush=True,
        )
    parts.verdict(holds=max(highest) <= ADDED_US_MAX, what=f"the loop adds at most {ADDED_US_MAX:g} us")
    parts.verdict(
        holds=max(map(abs, apart)) <= AGREEMENT_MAX, what=f"p50 and p90 agree within {AGREEMENT_MAX:.1%}"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
