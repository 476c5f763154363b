"""How long until a mean latency is known within 2 % over processes? Ours against five fresh processes.

Theirs is optimum-benchmark's rule: 10 warm-ups, then iterations until there are 10 and 10 s are over, in each
of five fresh processes that import ONNX Runtime, load the model and do nothing else. Ours are the product's
protocols and stopping rule (at least 5 runs, at most 20), each run the way of any run: runner, warm-up,
window, checks; `quick`, which a sweep ends after five runs, goes on here until it knows. Runs take turns, so
that all meet the same machine. All seconds of the processes count.
"""

from __future__ import annotations

import json
import math
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import parts
from paretofleet_agent.device import probe
from paretofleet_agent.device.device import DeviceUnderTest
from paretofleet_agent.measure.attempt import measure
from paretofleet_agent.model import Limits
from paretofleet_agent.standalone import bench
from paretofleet_analysis.statistics.intervals import mean_interval
from paretofleet_analysis.statistics.stopping import is_precise
from paretofleet_collector.planning.protocols import PROTOCOLS

NETWORKS = ("squeezenet1_1", "mobilenet_v2", "resnet18")
HALF_WIDTH, RUNS_MIN, RUNS_MAX = 0.02, 5, 20
SHARE_MAX = 0.5
THEIR_PROCESSES = 5
OURS = ("quick", "standard")
THEIRS = """
import json, sys, time
import numpy, onnxruntime
settings = onnxruntime.SessionOptions()
settings.intra_op_num_threads = settings.inter_op_num_threads = 1
session = onnxruntime.InferenceSession(sys.argv[1], settings, providers=["CPUExecutionProvider"])
entry = session.get_inputs()[0]
shape = [size if isinstance(size, int) else 1 for size in entry.shape]
feed = {entry.name: numpy.random.default_rng(1).random(shape, dtype=numpy.float32)}
for _ in range(10):
    session.run(None, feed)
durations, begin = [], time.perf_counter()
while len(durations) < 10 or time.perf_counter() - begin < 10:
    start = time.perf_counter()
    session.run(None, feed)
    durations.append(time.perf_counter() - start)
print(json.dumps(sum(durations) / len(durations)))
"""


@dataclass
class Series:
    """Means of the runs so far, and the seconds that they took."""

    runs_min: int
    runs_max: int
    means_s: list[float] = field(default_factory=list)
    took_s: float = 0.0

    @property
    def is_done(self) -> bool:
        """Whether the rule asks for no further run."""
        count = len(self.means_s)
        if count < self.runs_min:
            return False
        return count >= self.runs_max or is_precise(self.means_s, HALF_WIDTH)

    @property
    def half_width(self) -> float:
        """Half of the report's 95 % interval, relative to the mean."""
        found = mean_interval(self.means_s)
        if found.mean is None or found.half_width is None:
            return math.inf
        return found.half_width / found.mean


def ours(model: Path, device: DeviceUnderTest, limits: Limits, number: int) -> float:
    """The mean latency of one run of the product in seconds."""
    samples = bench.RunSamples()
    lease = replace(parts.lease(model, number), limits=limits)
    outcome = measure(lease, model, samples, parts.Silent(), device)
    if not outcome.ok:
        raise SystemExit(f"{model.name}: {outcome.reason}: {outcome.message}")
    return statistics.mean(samples.window_s())


def theirs(model: Path, device: DeviceUnderTest) -> float:
    """The mean latency of one fresh process under the other rule, on the same CPU."""
    command = [sys.executable, "-c", THEIRS, str(model)]
    cpus = ",".join(map(str, device.runner_cpus[:1]))
    done = subprocess.run(["taskset", "-c", cpus, *command], capture_output=True, text=True, check=True)
    return float(json.loads(done.stdout))


def race(model: Path, device: DeviceUnderTest, protocols: Sequence[str]) -> dict[str, Series]:
    """All series of a network, their runs by turns."""
    every = {name: Series(RUNS_MIN, RUNS_MAX) for name in protocols}
    every["theirs"] = Series(THEIR_PROCESSES, THEIR_PROCESSES)
    while not all(series.is_done for series in every.values()):
        for name, series in every.items():
            if series.is_done:
                continue
            begin_s = time.perf_counter()
            if name == "theirs":
                mean_s = theirs(model, device)
            else:
                limits = Limits(**vars(PROTOCOLS[name].limits))
                mean_s = ours(model, device, limits, len(series.means_s) + 1)
            series.took_s += time.perf_counter() - begin_s
            series.means_s.append(mean_s)
    return every


def main() -> int:
    """Prints the table."""
    options = parts.arguments(__doc__ or "", networks=NETWORKS).parse_args()
    networks = options.networks[:1] if options.short else options.networks
    device = probe.probe_device(Path("/"), None, {})
    device = replace(device, runner_cpus=device.runner_cpus[:1])
    os.sched_setaffinity(0, {device.housekeeping_cpu})
    print(parts.conditions(device))
    print(f"{'network':15}{'rule':>10}{'runs':>6}{'mean ms':>10}{'half-width':>12}{'seconds':>9}{'share':>8}")
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in OURS}
    for network in networks:
        with parts.host():
            every = race(parts.network(network), device, OURS)
        for name, series in every.items():
            share, mean_s = series.took_s / every["theirs"].took_s, statistics.mean(series.means_s)
            if name in found:
                found[name].append((share, series.half_width))
            print(
                f"{network:15}{name:>10}{len(series.means_s):>6}{mean_s * 1e3:>10.3f}"
                f"{series.half_width:>12.2%}{series.took_s:>9.1f}{share:>8.0%}",
                flush=True,
            )
    for name, results in found.items():
        if max(half_width for _, half_width in results) > HALF_WIDTH:
            why = f"did not reach {HALF_WIDTH:.0%} in {RUNS_MAX} runs: this machine is unsteady"
            print(f"undecided: {name} {why}")
            continue
        what = f"{name} takes at most {SHARE_MAX:.0%} of five processes under optimum-benchmark's rule"
        parts.verdict(holds=max(share for share, _ in results) <= SHARE_MAX, what=what)
    return 0


if __name__ == "__main__":
    sys.exit(main())
