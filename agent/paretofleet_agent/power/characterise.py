"""Measures every power source once per boot and driver, under a load that it makes itself, and remembers it.

For each source: some seconds of reads in quick succession under a load that comes and goes (refresh, cost),
some of steady load (noise, quantum, counter against integral), some of slow steps (lag, noise while idle).
About 20 s in all. The load is one of the CPUs: a sensor that does not see it, such as that of a graphics
card, keeps the lag that is assumed of it.
"""

from __future__ import annotations

import json
import logging
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Dict, Mapping, Sequence

from paretofleet_agent.files import write_atomically
from paretofleet_agent.hardware import environment
from paretofleet_agent.hardware.sysfs import text
from paretofleet_agent.power import estimators
from paretofleet_agent.sensors import Sensor, within
from paretofleet_agent.sensors.protocol import BOXCAR, COUNTER, Rail, Reading, Readings

log = logging.getLogger(__name__)

FILE = "sensors.json"
#: Changes with what is measured or how; an older file is measured again.
VERSION = 3
BUSY_S, IDLE_S = 0.07, 0.03
LOADS_MAX = 4
#: Measuring takes so many times as long as planned at most; a source that takes longer is hung.
PATIENCE = 2.0
#: Works while the last byte that it read is b, and waits while it is i; ends with its input.
LOAD = """
import os, select
last = b"i"
while last:
    if select.select([0], [], [], 0 if last == b"b" else None)[0]:
        last = os.read(0, 65536)[-1:]
    elif last == b"b":
        sum(range(5000))
"""
Facts = Dict[str, Dict[str, Any]]


@dataclass(frozen=True)
class Plan:
    """Seconds of each part, the number of steps, and how often a source is read while steps are watched.

    `settle_s` passes under load before the steady part, longer than any average that a source shows. A step
    is no multiple of a usual refresh period, so that steps meet refreshes at every phase.
    """

    refresh_s: float = 3.0
    settle_s: float = 1.5
    steady_s: float = 5.0
    step_s: float = 2.0618
    steps: int = 6
    step_read_s: float = 0.005


class Load:
    """Processes that keep some CPUs busy, or not, as told."""

    def __init__(self, count: int) -> None:
        command = [sys.executable, "-S", "-c", LOAD]
        self._processes = [
            subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) for _ in range(count)
        ]

    def set(self, *, busy: bool) -> None:
        """Starts or stops the work."""
        for process in self._processes:
            if process.stdin is not None:
                process.stdin.write(b"b" if busy else b"i")
                process.stdin.flush()

    def close(self) -> None:
        """Ends the processes."""
        for process in self._processes:
            if process.stdin is not None:
                process.stdin.close()
            process.wait()


def of_device(home: Path, sysroot: Path, sensors: Sequence[Sensor], cpus: int) -> Facts:
    """The facts of every stream of `sensors` on the device at `sysroot`, measured unless `home` has them.

    The load is on some of `cpus` CPUs. What is measured is kept in `home`, which is made if need be.
    """
    kept = remembered(home, sysroot, sensors)
    if kept is not None:
        return kept
    facts = _measure_all(by_source(sensors), cpus) if sensors else {}
    home.mkdir(parents=True, exist_ok=True)
    content = {"version": VERSION, "key": _key(sysroot), "streams": facts}
    write_atomically(home / FILE, json.dumps(content, indent=2, sort_keys=True) + "\n")
    return facts


def is_of_this_boot(home: Path, sysroot: Path) -> bool:
    """Whether `home` has facts of the boot and the drivers of the device at `sysroot`, be it of no stream."""
    return _load(home, _key(sysroot)) is not None


def remembered(home: Path, sysroot: Path, sensors: Sequence[Sensor]) -> Facts | None:
    """The facts that `home` has of this boot and the drivers of the device at `sysroot`.

    None where a stream of `sensors` was not measured yet.
    """
    kept = _load(home, _key(sysroot))
    streams = {rail.stream for sensor in sensors for rail in sensor.rails()}
    return kept if kept is not None and streams <= set(kept) else None


def _measure_all(groups: Sequence[Group], cpus: int) -> Facts:
    log.info("measuring the power sensors for about %d s, once after a boot", _seconds(Plan()) * len(groups))
    load = Load(min(cpus, LOADS_MAX))
    try:
        return {stream: facts for group in groups for stream, facts in _measured(group, load).items()}
    finally:
        load.close()


def _measured(group: Group, load: Load) -> Facts:
    """What the sources of a `group` are like; nothing of those that stop answering meanwhile."""
    facts = within(lambda: measure(group, load), PATIENCE * _seconds(Plan()))
    if facts is not None:
        return facts
    source = group.rails()[0].source
    log.warning("%s stopped answering while it was measured: look at `dmesg` for its bus", source)
    return {rail.stream: estimators.Character().facts() for rail in group.rails()}


class Group:
    """Sensors of one source, read together, so that eight GPUs take no longer to measure than one."""

    def __init__(self, sensors: Sequence[Sensor]) -> None:
        self._sensors = sensors

    def rails(self) -> Sequence[Rail]:
        """The rails of all."""
        return [rail for sensor in self._sensors for rail in sensor.rails()]

    def read(self) -> Sequence[Readings]:
        """What is new of each rail."""
        return [new for sensor in self._sensors for new in sensor.read()]

    def close(self) -> None:
        """Closes all."""
        for sensor in self._sensors:
            sensor.close()


def by_source(sensors: Sequence[Sensor]) -> list[Group]:
    """The `sensors` in groups of one source each."""
    groups: dict[str, list[Sensor]] = {}
    for sensor in sensors:
        groups.setdefault(sensor.rails()[0].source, []).append(sensor)
    return [Group(group) for group in groups.values()]


def measure(sensor: Sensor, load: Load, plan: Plan = Plan()) -> Facts:
    """What the source of a `sensor` is really like under a `load`, by stream; takes what the `plan` says."""
    quick, costs = _watch(sensor, load, plan.refresh_s, busy_s=BUSY_S, idle_s=IDLE_S, rhythm_s=0.0)
    _watch(sensor, load, plan.settle_s, busy_s=plan.settle_s, idle_s=0.0, rhythm_s=0.001)
    steady, _ = _watch(sensor, load, plan.steady_s, busy_s=plan.steady_s, idle_s=0.0, rhythm_s=0.001)
    begin_ns = time.perf_counter_ns()
    seconds = plan.steps * plan.step_s
    slow, _ = _watch(sensor, load, seconds, busy_s=plan.step_s, idle_s=plan.step_s, rhythm_s=plan.step_read_s)
    load.set(busy=False)
    steps_ns = [begin_ns + int(number * plan.step_s * 1e9) for number in range(1, plan.steps)]
    rails = sensor.rails()
    facts = {}
    for rail, *series in zip(rails, quick, steady, slow):
        character = character_of(rail, series, costs, steps_ns, plan.step_s)
        idle = [_later_half(series[-1], fall_ns, plan.step_s) for fall_ns in steps_ns[::2]]
        character = replace(character, idle_noise_w=estimators.noise_w(idle, rail.kind))
        if rail.kind == COUNTER and _disagrees(rail, rails, steady):
            character = replace(character, flags=[*character.flags, estimators.MISMATCH])
        facts[rail.stream] = character.facts()
    return facts


def _disagrees(counter: Rail, rails: Sequence[Rail], steady: Sequence[Sequence[Reading]]) -> bool:
    """Whether a counter's energy is not that of the first power reading of the same scope and target."""
    counted = next(readings for rail, readings in zip(rails, steady) if rail is counter)
    for rail, readings in zip(rails, steady):
        if rail.kind != COUNTER and (rail.scope, rail.target_id) == (counter.scope, counter.target_id):
            apart = estimators.integral_disagreement(counted, readings)
            return apart is not None and apart > estimators.MISMATCH_MAX
    return False


def _later_half(readings: Sequence[Reading], step_ns: int, step_s: float) -> list[Reading]:
    """The readings between half a step and a whole one after a change of the load."""
    begin_ns, end_ns = step_ns + int(0.5e9 * step_s), step_ns + int(1e9 * step_s)
    return [reading for reading in readings if begin_ns <= reading[0] < end_ns]


def character_of(
    rail: Rail,
    series: Sequence[Sequence[Reading]],
    costs: Sequence[float],
    steps_ns: Sequence[int],
    step_s: float,
) -> estimators.Character:
    """What three `series` of readings of a `rail` tell: in quick succession, under steady load, over steps.

    `costs`: seconds of each quick read. `steps_ns`: when the load changed, each time for `step_s`.
    """
    quick, held, slow = series
    # Fewer readings than reads: each comes once, whatever the rail says of itself.
    self_timed = rail.is_self_timed or len(quick) < len(costs) / 2
    refresh, steady = estimators.refresh(quick, self_timed=self_timed), estimators.steady(held, rail.kind)
    half_s, rise_s = estimators.step_response(slow, rail.kind, steps_ns, step_s)
    lag_s, window_s = None, None
    if rail.kind == BOXCAR and rail.window_s is not None:
        window_s = estimators.averaging_window_s(rail.window_s, rail.period_s, refresh.period_s)
    if half_s is not None:
        lag_s = estimators.own_lag_s(half_s, period_s=refresh.period_s, window_s=window_s)
    cost_s = statistics.median(costs)
    return estimators.Character(
        period_s=refresh.period_s,
        period_p10_s=refresh.p10_s,
        period_p90_s=refresh.p90_s,
        lag_s=lag_s,
        rise_s=rise_s,
        noise_w=steady.sd_w,
        rho=steady.rho,
        quantum_u=estimators.quantum_u(series if rail.kind == COUNTER else [held], rail.kind),
        read_cost_s=cost_s,
        read_cost_p99_s=estimators.quantile(sorted(costs), 0.99),
        polling_s=estimators.polling_s(rail.kind, refresh.period_s, cost_s),
        flags=list(refresh.flags),
    )


def _watch(
    sensor: Sensor, load: Load, seconds: float, *, busy_s: float, idle_s: float, rhythm_s: float
) -> tuple[list[list[Reading]], list[float]]:
    """The readings of every rail and the seconds that each read took, while the load comes and goes."""
    series: list[list[Reading]] = [[] for _ in sensor.rails()]
    costs: list[float] = []
    begin_s, busy = time.perf_counter(), None
    while True:
        now_s = time.perf_counter()
        if now_s - begin_s >= seconds:
            return series, costs
        is_due = (now_s - begin_s) % (busy_s + idle_s) < busy_s
        if is_due != busy:
            load.set(busy=is_due)
            busy = is_due
        for readings, new in zip(series, sensor.read()):
            readings.extend(new or ())
        costs.append(time.perf_counter() - now_s)
        if rhythm_s:
            time.sleep(rhythm_s)


def _seconds(plan: Plan) -> float:
    return plan.refresh_s + plan.settle_s + plan.steady_s + plan.steps * plan.step_s


def _key(sysroot: Path) -> str:
    """This boot and the drivers whose sensors may change with them."""
    drivers = ("proc/sys/kernel/osrelease", "sys/module/nvidia/version", "etc/nv_tegra_release")
    return " ".join([environment.boot_id(sysroot), *(text(sysroot / name) for name in drivers)])


def _load(home: Path, key: str) -> Facts | None:
    """The facts in `home`; None where none are kept under the key of this boot."""
    try:
        content: Mapping[str, Any] = json.loads((home / FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    if content.get("version") != VERSION or content.get("key") != key:
        return None
    return dict(content["streams"])
