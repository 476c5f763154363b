"""What the power readings of a real NVIDIA GPU are worth: four experiments under a load of torch's own.

    python bench/gpu.py [--short] [--only NAME]

`character`: refresh, lag, noise and read cost of every rail, measured with the GPU as the load, beside what
is assumed of its kind. `counter`: the energy counter against the integral of each power reading, for steady
and for pulsed work. `guards`: the mean power of windows of two seconds by when they begin after the load,
against the steady power. `inputs`: time, power and energy of one operation on zeros and on random numbers.
Skipped, with a sentence, where there is no GPU that torch can use or no power sensor of one.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import parts
from paretofleet_agent.power import characterise, estimators
from paretofleet_agent.sensors import nvml
from paretofleet_agent.sensors.protocol import COUNTER, NO_SETTINGS, Rail, Reading, Sensor

#: Works while the last byte that it read is b, and waits while it is i; ends with its input. Each product of
#: matrices takes some hundred microseconds, and one is waited for at a time, so that it stops at once.
LOAD = """
import os, select, torch
a = torch.randn(4096, 4096, device="cuda", dtype=torch.float16)
(a @ a).sum().item()
print("ready", flush=True)
last = b"i"
while last:
    if select.select([0], [], [], 0 if last == b"b" else None)[0]:
        last = os.read(0, 65536)[-1:]
    elif last == b"b":
        a @ a
        torch.cuda.synchronize()
"""
#: One operation on three kinds of numbers; prints lines of JSON: a name, when it began and ended, how often,
#: the median nanoseconds.
INPUTS = """
import json, sys, time, torch
seconds = float(sys.argv[1])
def fill(kind, *shape, dtype):
    if kind == "zeros":
        return torch.zeros(*shape, device="cuda", dtype=dtype)
    if kind == "ones":
        return torch.ones(*shape, device="cuda", dtype=dtype)
    return torch.randn(*shape, device="cuda", dtype=dtype)
def product(kind, dtype):
    a, b = fill(kind, 8192, 8192, dtype=dtype), fill("random", 8192, 8192, dtype=dtype)
    return lambda: a @ b
def network(kind, dtype):
    from torchvision.models import resnet50
    torch.manual_seed(1)
    model = resnet50().eval().cuda().to(dtype)
    x = fill(kind, 64, 3, 224, 224, dtype=dtype)
    def step():
        with torch.inference_mode():
            return model(x)
    return step
for make, name in ((product, "8192x8192 product"), (network, "resnet50, batch 64")):
    for dtype in (torch.float32, torch.float16):
        for kind in ("zeros", "ones", "random"):
            try:
                step = make(kind, dtype)
            except ImportError:
                continue
            end = time.perf_counter() + 0.7
            while time.perf_counter() < end:
                step()
                torch.cuda.synchronize()
            times, begin = [], time.perf_counter_ns()
            while time.perf_counter_ns() - begin < seconds * 1e9:
                before = time.perf_counter_ns()
                step()
                torch.cuda.synchronize()
                times.append(time.perf_counter_ns() - before)
            end = time.perf_counter_ns()
            times.sort()
            label = f"{name}, {str(dtype)[6:]}, {kind}"
            print(json.dumps([label, begin, end, len(times), times[len(times) // 2]]), flush=True)
"""
WINDOW_S, GUARDS_S = 2.0, (0.0, 0.05, 0.1, 0.2, 0.5, 1.0)
READ_S = 0.005
ENERGY = "energy"


class GpuLoad(characterise.Load):
    """The GPU kept busy, or not, by a process of torch."""

    def __init__(self) -> None:
        process = subprocess.Popen(
            [sys.executable, "-c", LOAD], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        self._processes = [process]
        if process.stdout is None or process.stdout.readline() != b"ready\n":
            raise SystemExit("SKIPPED: torch cannot use a GPU here")


def read_for(
    sensor: Sensor, seconds: float, until: Callable[[], bool] = lambda: False
) -> list[list[Reading]]:
    """The readings of every rail over so many seconds, or until something has happened."""
    series: list[list[Reading]] = [[] for _ in sensor.rails()]
    end = time.perf_counter() + seconds
    while time.perf_counter() < end and not until():
        for readings, new in zip(series, sensor.read(), strict=True):
            readings.extend(new or ())
        time.sleep(READ_S)
    return series


def name_of(rail: Rail) -> str:
    """The quantity that a rail of NVML shows, such as `energy`."""
    return rail.rail.rsplit("-", 1)[-1]


def energy_j(rail: Rail, readings: Sequence[Reading], from_ns: int, to_ns: int) -> float | None:
    """Joules of a rail between two times: the counter's difference, or the readings' integral."""
    if rail.kind != COUNTER:
        return estimators.integral(estimators.distinct(readings), from_ns, to_ns)
    shown = estimators.distinct(readings)
    before = [reading for reading in shown if reading[0] <= from_ns]
    within = [reading for reading in shown if from_ns < reading[0] <= to_ns]
    if not before or not within:
        return None
    # From refresh to refresh, scaled to the whole window.
    (first_ns, first), (last_ns, last) = before[-1], within[-1]
    return (last - first) / 1e6 * (to_ns - from_ns) / (last_ns - first_ns)


def character(sensor: Sensor, load: GpuLoad, seconds: float) -> None:
    """Prints what each rail is assumed to be, and below it what it is like."""
    measured = characterise.measure(sensor, load, characterise.Plan(steady_s=min(5.0, seconds)))
    for rail in sensor.rails():
        print(
            f"{name_of(rail):8} {rail.kind}, assumed: refresh {rail.period_s} s, "
            f"window {rail.window_s} s, lag {rail.lag_s} s"
        )
        facts = measured[rail.stream]
        rounded = {
            key: round(value, 4) if isinstance(value, float) else value for key, value in facts.items()
        }
        print(
            "         measured: " + ", ".join(f"{key} {value}" for key, value in rounded.items()), flush=True
        )


def pulsed(
    sensor: Sensor, load: GpuLoad, busy_s: float, idle_s: float, seconds: float
) -> list[list[Reading]]:
    """The readings of every rail while the load comes and goes; without work where `busy_s` is 0."""
    series: list[list[Reading]] = [[] for _ in sensor.rails()]
    begin, busy = time.perf_counter(), None
    while (at := time.perf_counter() - begin) < seconds:
        due = at % (busy_s + idle_s) < busy_s
        if due != busy:
            load.set(busy=due)
            busy = due
        for readings, new in zip(series, sensor.read(), strict=True):
            readings.extend(new or ())
        time.sleep(READ_S / 2)
    load.set(busy=False)
    return series


def counter(sensor: Sensor, load: GpuLoad, seconds: float) -> None:
    """Prints the energy of each rail beside the counter's, for idle, steady and pulsed work."""
    for busy_s, idle_s in ((0.0, 1.0), (1.0, 0.0), (0.02, 0.08), (0.05, 0.05), (0.13, 0.07), (0.7, 0.3)):
        load.set(busy=busy_s > 0)
        time.sleep(1.5)
        begin_ns = time.perf_counter_ns()
        series = pulsed(sensor, load, busy_s, idle_s, seconds + 1.0)
        from_ns = begin_ns + int(0.5e9)
        energies = {
            name_of(rail): energy_j(rail, readings, from_ns, from_ns + int(seconds * 1e9))
            for rail, readings in zip(sensor.rails(), series, strict=True)
        }
        reference = energies.get(ENERGY)
        row = f"{busy_s * 1000:4.0f} ms of work, {idle_s * 1000:4.0f} ms of rest"
        for rail, value in energies.items():
            apart = f" ({value / reference - 1:+.2%})" if value and reference and rail != ENERGY else ""
            row += f"  {rail} " + ("none" if value is None else f"{value:.1f} J{apart}")
        print(row, flush=True)


def guards(sensor: Sensor, load: GpuLoad, seconds: float) -> None:
    """Prints how far a window's mean power is from the steady one, by when it begins after the load."""
    errors: dict[tuple[str, float], list[float]] = {}
    for _ in range(3):
        load.set(busy=False)
        time.sleep(2.0)
        begin_ns = time.perf_counter_ns()
        load.set(busy=True)
        series = read_for(sensor, seconds + WINDOW_S + max(GUARDS_S))
        steady_ns = (begin_ns + int(2e9), begin_ns + int((seconds + WINDOW_S) * 1e9))
        for rail, readings in zip(sensor.rails(), series, strict=True):
            if len(readings) < 2:
                continue
            steady_j = energy_j(rail, readings, *steady_ns)
            for guard_s in GUARDS_S:
                from_ns = begin_ns + int(guard_s * 1e9)
                window_j = energy_j(rail, readings, from_ns, from_ns + int(WINDOW_S * 1e9))
                if window_j is None or not steady_j:
                    continue
                ratio = window_j / WINDOW_S / (steady_j * 1e9 / (steady_ns[1] - steady_ns[0]))
                errors.setdefault((name_of(rail), guard_s), []).append(ratio - 1)
    load.set(busy=False)
    for rail in dict.fromkeys(name for name, _ in errors):
        row = (
            f"{guard_s:g} s {statistics.median(errors[rail, guard_s]):+.2%}"
            for guard_s in GUARDS_S
            if (rail, guard_s) in errors
        )
        print(f"{rail:10} begins after the load by  " + "   ".join(row), flush=True)


def inputs(sensor: Sensor, load: GpuLoad, seconds: float) -> None:
    """Prints time, power and energy of an operation by what it is fed."""
    load.set(busy=False)
    program = subprocess.Popen([sys.executable, "-c", INPUTS, str(min(seconds, 2.0))], stdout=subprocess.PIPE)
    series = read_for(sensor, 300.0, until=lambda: program.poll() is not None)
    lines = program.stdout.read().decode().splitlines() if program.stdout else []
    for name, begin_ns, end_ns, times, median_ns in map(json.loads, lines):
        powers = {}
        for rail, readings in zip(sensor.rails(), series, strict=True):
            value = energy_j(rail, readings, begin_ns + int(0.3e9), end_ns) if len(readings) > 1 else None
            if value is not None:
                powers[name_of(rail)] = value / ((end_ns - begin_ns) / 1e9 - 0.3)
        per_item = {rail: watts * (end_ns - begin_ns) / 1e9 / times for rail, watts in powers.items()}
        print(
            f"{name:45} {median_ns / 1e6:8.3f} ms  "
            + "  ".join(f"{rail} {watts:.0f} W {per_item[rail]:.4f} J" for rail, watts in powers.items()),
            flush=True,
        )


EXPERIMENTS: Mapping[str, Callable[[Sensor, GpuLoad, float], None]] = {
    "character": character,
    "counter": counter,
    "guards": guards,
    "inputs": inputs,
}


def main() -> int:
    """Runs the experiments."""
    parser = parts.arguments(__doc__ or "")
    parser.add_argument("--only", choices=tuple(EXPERIMENTS))
    options = parser.parse_args()
    sensors, absent = nvml.find(Path("/"), NO_SETTINGS)
    if not sensors:
        print("SKIPPED: " + "; ".join(f"{each.name}: {each.why}" for each in absent))
        return 0
    for each in absent:
        print(f"absent {each.name}: {each.why}")
    load = GpuLoad()
    try:
        for name, experiment in EXPERIMENTS.items():
            if options.only in (None, name):
                print(f"== {name}", flush=True)
                experiment(sensors[0], load, 3.0 if options.short else 5.0)
    finally:
        load.close()
        for sensor in sensors:
            sensor.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
