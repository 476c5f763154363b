"""Simulated devices: a documented model of time, power and memory, deterministic from a seed.

Only the runtime and the sensor are simulated. Runner, sampler, pipes, spool and upload are the real
ones, on a virtual clock that runs as fast as the numbers can be drawn. No number here was measured on
the board whose name the class carries: the shapes are plausible, the values are no facts. The truth is
known and goes to a file.

With S the artifact's size in MB, B the batch size, n the threads, and u1, u2, u3 in [0, 1) drawn from
the class and the artifact's SHA-256 (so that models differ in an order of their own):

    time of a batch     T = (a (0.5 + u1) + B b S^0.7 (0.6 + 0.8 u2) p) / n^0.85
    busy power          P = P_idle + P_span (0.5 + 0.4 u3) sqrt(B / (B + 1)) sqrt(n / cores)
    energy of an item   E = P T / B
    memory              M = M_base + 3 S + B (8 MB + S / 2);   M > M_limit ends the run with `oom`

a, b, P_idle, P_span, M_base, M_limit and cores belong to the class, p to the precision (1, fp16 0.6,
int8 0.45). A run of block k has a mean and a power of its own, with e ~ N(0, 1) independent and m(s, e)
= exp(s e - s^2 / 2), whose mean is 1:

    T_run = T m(0.006, e[device, k]) m(0.010, e[configuration, k])   drift of the block, noise between runs
    P_run = P m(0.008, e'[configuration, k])
    iteration i lasts T_run m(0.02, z_i) (1 + 0.5 exp(-i / 5)),   z an AR(1) series, rho 0.3, variance 1

In mode `training` a step goes forward once and backward through activations and weights, as much each: T and
what M holds beside M_base are three times as much.

Between items that come by the clock (mode `paced`: a batch every B / rate seconds) the clock falls: after an
idle time g an iteration takes 1 + 0.35 (1 - exp(-g / 0.06 s)) times as long, at the same power P. With g the
rest of the period, that is what T_run becomes; an item then costs P_run while it is worked on and P_idle
between.

A configuration may say what is true instead: `simulated` has the seconds of an item, T for B = 1, and perhaps
its joules E, so that P = E / T. Drift, noise, sensors and memory stay those of the class.

The sensor of a Jetson TX2 or TX1 is the rail VDD_IN: module scope, instantaneous, read once at random in
every 50 ms, with a gain that is one unknown factor of the device m(0.02, e[device]), noise of 3 % and steps
of 152 mW. A Nano's rail POM_5V_IN averages over its refresh of 0.42 s in steps of 40 mW, and cpu-server
counts the energy of package-0 every millisecond, near its wrap at the start (see sensor_models), both with
the same gain. Loading draws the mean of idle and busy power.

The hottest thermal zone is at 30 C while the device rests. A run finds it warmer by 12 C u[configuration, k],
left by what ran before, of which half goes every 20 s; it slows nothing down.

Everything follows from (seed, class, configuration without its device_id, block): the same four give the
same samples, attempt after attempt. Block k is day k of the virtual clock, and a configuration starts at
its own time of day.
"""

from __future__ import annotations

import hashlib
import json
import math
import random
from dataclasses import dataclass
from typing import Any, Mapping

from paretofleet_agent.errors import ConfigError
from paretofleet_agent.model import Lease

PREFIX = "sim:"
VERSION = PREFIX + "1"
DAY_NS = 86_400 * 10**9
#: Wall time of the virtual clock's zero: 2020-01-01. A label, like every wall time.
EPOCH_UNIX_S = 1_577_836_800.0
SIGMA_BLOCK, SIGMA_RUN, SIGMA_POWER, SIGMA_ITERATION, RHO = 0.006, 0.010, 0.008, 0.02, 0.3
SIGMA_GAIN = 0.02
#: What a step of training takes in the unit of an inference.
STEP = 3
PRECISION_FACTORS: Mapping[str, float] = {"native": 1.0, "fp32": 1.0, "fp16": 0.6, "int8": 0.45}
MB = 10**6
#: How much longer an iteration takes once the clock has fallen, as a share, and how long that takes.
FALL, FALL_S = 0.35, 0.06
#: Degrees Celsius of a device at rest, the most that a run finds on top, and how long half of it stays.
REST_C, EXCESS_C, HALF_S = 30.0, 12.0, 20.0


@dataclass(frozen=True)
class DeviceClass:
    """The constants of a simulated class; see the equations above."""

    name: str
    description: str
    cores: int
    memory_bytes: int
    overhead_s: float
    item_s: float
    idle_w: float
    span_w: float
    memory_base_bytes: int
    memory_limit_bytes: int
    sensor: str = "vdd-in"


CLASSES: Mapping[str, DeviceClass] = {
    device.name: device
    for device in (
        DeviceClass(
            name="jetson-tx2",
            description="simulated module with 6 cores and 8 GB",
            cores=6,
            memory_bytes=8_000 * MB,
            overhead_s=0.004,
            item_s=0.012,
            idle_w=2.6,
            span_w=9.0,
            memory_base_bytes=900 * MB,
            memory_limit_bytes=6_800 * MB,
        ),
        DeviceClass(
            name="jetson-tx1",
            description="simulated module with 4 cores and 4 GB",
            cores=4,
            memory_bytes=4_000 * MB,
            overhead_s=0.006,
            item_s=0.020,
            idle_w=2.1,
            span_w=7.5,
            memory_base_bytes=900 * MB,
            memory_limit_bytes=3_300 * MB,
        ),
        DeviceClass(
            name="jetson-nano",
            description="simulated module with 4 cores and 4 GB, whose power monitor averages",
            cores=4,
            memory_bytes=4_000 * MB,
            overhead_s=0.006,
            item_s=0.018,
            idle_w=1.3,
            span_w=6.0,
            memory_base_bytes=900 * MB,
            memory_limit_bytes=3_300 * MB,
            sensor="ina3221-continuous",
        ),
        DeviceClass(
            name="cpu-server",
            description="simulated processor with 16 cores and 64 GB, whose package counts energy",
            cores=16,
            memory_bytes=64_000 * MB,
            overhead_s=0.0006,
            item_s=0.003,
            idle_w=45.0,
            span_w=140.0,
            memory_base_bytes=1_500 * MB,
            memory_limit_bytes=60_000 * MB,
            sensor="rapl",
        ),
    )
}


@dataclass(frozen=True)
class DrawnRun:
    """One run, drawn beforehand: what runner and sampler are given, and the truth that only tests see."""

    runner: Mapping[str, Any]
    sampler: Mapping[str, Any]
    start_ns: int
    excess_c: float
    truth: Mapping[str, Any]

    def temperature_c(self, now_ns: int) -> float:
        """The hottest zone while nothing runs yet."""
        return REST_C + self.excess_c * math.pow(2.0, -(now_ns - self.start_ns) / 1e9 / HALF_S)


def device_class(name: str) -> DeviceClass:
    """The class of that `name`. Raises ConfigError with the known names."""
    if name not in CLASSES:
        raise ConfigError(f"no simulated class {name!r}; the known ones are {', '.join(CLASSES)}")
    return CLASSES[name]


def environment(name: str) -> dict[str, Any]:
    """The stable environment of a device of the class `name`: nothing of the machine that simulates it."""
    device = device_class(name)
    return {"device": PREFIX + name, "cores": device.cores, "memory_bytes": device.memory_bytes, "model": 2}


def boot_id(name: str, seed: int) -> str:
    """One boot for ever of the class `name` with its `seed`: the virtual clock never restarts."""
    digest = hashlib.sha256(f"{name}/{seed}".encode()).hexdigest()
    return PREFIX + digest[:32]


def simulate(name: str, seed: int, lease: Lease, threads: int) -> DrawnRun:
    """The run of `lease` on a device of the class `name` with its `seed`, in so many `threads`.

    Raises ConfigError for an unknown class.
    """
    device, configuration = device_class(name), lease.configuration
    identity = json.dumps({k: v for k, v in configuration.items() if k != "device_id"}, sort_keys=True)
    batch_size, block = int(configuration["batch_size"]), lease.block
    mean_s, busy_w = expected(device, configuration, lease.artifact.size_bytes, threads)
    drift = _factor(SIGMA_BLOCK, seed, name, "block", block)
    run_s = mean_s * drift * _factor(SIGMA_RUN, seed, name, "run", identity, block)
    run_w = busy_w * _factor(SIGMA_POWER, seed, name, "power", identity, block)
    size = lease.artifact.size_bytes
    held = _steps(configuration) * (3 * size + batch_size * (8 * MB + size / 2))
    peak = int(device.memory_base_bytes + held)
    start_ns = block * DAY_NS + _number("time of day", identity) % DAY_NS
    runner = {
        "seed": _number(seed, name, "iterations", identity, block),
        "start_ns": start_ns,
        "load_ns": int(1e9 * (0.2 + 0.004 * size / MB)),
        "mean_ns": run_s * 1e9,
        "sigma": SIGMA_ITERATION,
        "rho": RHO,
        "fall": FALL,
        "fall_ns": FALL_S * 1e9,
        "cold": 0.5,
        "cold_iterations": 5.0,
        "memory_peak_bytes": peak,
        "memory_limit_bytes": device.memory_limit_bytes,
        "effective": {
            "precision": "fp32" if configuration["precision"] == "native" else configuration["precision"],
            "provider": PREFIX + name,
            "threads": threads,
            "batch_size": batch_size,
            "runtime_version": VERSION,
        },
    }
    sampler = {
        "seed": _number(seed, name, "sensor", identity, block),
        "idle_w": device.idle_w,
        "busy_w": run_w,
        "gain": _factor(SIGMA_GAIN, seed, name, "gain"),
        "sensor": device.sensor,
    }
    period_s = period_of(configuration)
    if period_s is not None:
        sampler["wave"] = {"period_s": period_s, "busy_s": min(paced_s(run_s, period_s), period_s)}
    of_run = _values(run_s, run_w, device.idle_w, configuration)
    truth = {
        "run_id": lease.key.run_id,
        "attempt": lease.key.attempt,
        "configuration_id": lease.configuration_id,
        "block": block,
        **_values(mean_s, busy_w, device.idle_w, configuration),
        "idle_power_w": device.idle_w,
        **{f"run_{name}": value for name, value in of_run.items()},
        "block_factor": drift,
        "sensor_gain": sampler["gain"],
    }
    excess_c = EXCESS_C * _number(seed, name, "excess", identity, block) / 2**60
    return DrawnRun(runner=runner, sampler=sampler, start_ns=start_ns, excess_c=excess_c, truth=truth)


def expected(
    device: DeviceClass, configuration: Mapping[str, Any], size_bytes: int, threads: int
) -> tuple[float, float]:
    """(seconds of a batch, watts while busy) of a `configuration` on a `device`, before drift and noise.

    The artifact has `size_bytes`; so many `threads` work.
    """
    u1, u2, u3 = (
        _number(device.name, configuration["variant_sha256"], part) / 2**60
        for part in ("time", "item", "power")
    )
    batch_size = configuration["batch_size"]
    precision = PRECISION_FACTORS.get(configuration["precision"], 1.0)
    item_s = device.item_s * (size_bytes / MB) ** 0.7 * (0.6 + 0.8 * u2) * precision
    seconds = (device.overhead_s * (0.5 + u1) + batch_size * item_s) / threads**0.85 * _steps(configuration)
    given = configuration.get("simulated") or {}
    seconds = given.get("item_s", seconds)
    if "item_j" in given:
        return seconds, given["item_j"] / seconds
    share = math.sqrt(batch_size / (batch_size + 1)) * math.sqrt(threads / device.cores)
    return seconds, device.idle_w + device.span_w * (0.5 + 0.4 * u3) * share


def _steps(configuration: Mapping[str, Any]) -> int:
    """How many inferences an iteration of a `configuration` is worth."""
    return STEP if configuration.get("mode") == "training" else 1


def period_of(configuration: Mapping[str, Any]) -> float | None:
    """Seconds from one batch of a `configuration` to the next, where items come by the clock; else None."""
    if configuration["mode"] != "paced":
        return None
    return float(configuration["batch_size"] / configuration["items_s"])


def paced_s(seconds: float, period_s: float) -> float:
    """Seconds of a batch that comes every `period_s` seconds; without a break it takes `seconds`."""
    paced = seconds
    for _ in range(50):
        paced = seconds * (1.0 - FALL * math.expm1(-max(period_s - paced, 0.0) / FALL_S))
    return paced


def _values(
    seconds: float, watts: float, idle_w: float, configuration: Mapping[str, Any]
) -> dict[str, float]:
    """What is true of batches that take `seconds` without a break and draw `watts` meanwhile."""
    batch_size, period_s = configuration["batch_size"], period_of(configuration)
    if period_s is None:
        energy_j = seconds * watts
        return {"batch_latency_mean_s": seconds, "power_w": watts, "energy_j_per_item": energy_j / batch_size}
    paced = paced_s(seconds, period_s)
    energy_j = paced * watts + (period_s - paced) * idle_w
    return {
        "batch_latency_mean_s": paced + (batch_size - 1) / configuration["items_s"],
        "power_w": energy_j / period_s,
        "energy_j_per_item": energy_j / batch_size,
    }


def _number(*parts: object) -> int:
    """60 bits that follow from `parts` on every machine."""
    text = json.dumps([str(part) for part in parts])
    return int(hashlib.sha256(text.encode()).hexdigest()[:15], 16)


def _factor(sigma: float, *parts: object) -> float:
    e = random.Random(_number(*parts)).gauss(0.0, 1.0)
    return math.exp(sigma * e - sigma * sigma / 2.0)
