"""NVIDIA GPUs through NVML: the board's energy counter, instant and average power, buffered samples.

Only the library knows these figures, so they are read for the running machine and never from a copied tree.
On a Jetson NVML answers but has no power: the board decides before the library is asked. GPUs are known by
their UUID. GetPowerUsage has two meanings: a 1 s average from Ampere on (but not on GA100), instant before;
it is read where a driver does not know the fields that say which.
"""

from __future__ import annotations

import functools
import time
from pathlib import Path
from typing import Any, Callable, Sequence, Tuple

from paretofleet_agent.hardware.nvml import Gpu, gpus, load
from paretofleet_agent.model import Unavailable
from paretofleet_agent.sensors._nvml_priors import GA100, Prior, prior_of
from paretofleet_agent.sensors.protocol import (
    BOXCAR,
    COUNTER,
    NO_SETTINGS,
    FindResult,
    Rail,
    Readings,
    Sensor,
    Settings,
)

#: A rail and what reads it.
RailReader = Tuple[Rail, Callable[[], Readings]]
#: The counter by its function, or by its field where a driver lacks the function; then two fields.
ENERGY = ("nvmlDeviceGetTotalEnergyConsumption", 83)
AVERAGE_FIELD, INSTANT_FIELD = 185, 186
#: The rail of what the driver buffers, with times of its own.
SAMPLES = "samples"
FALL_BACK = {
    "energy": "the power readings are integrated instead",
    "instant": "a driver from R530 on; GetPowerUsage is read instead",
    "usage": None,
    "average": None,
    SAMPLES: None,
}
AVERAGE_S = 1.0
#: Both units are thousandths; how often a value really changes is measured.
QUANTUM = 1e-3
#: Cards were seen 5 to 10 % off against meters, each by its own factor.
GAIN_UNCERTAINTY = 0.05
MIG_FIX = "disable MIG to measure energy"


class NvmlSensor:
    """One GPU."""

    def __init__(self, readers: Sequence[RailReader], close: Callable[[], None]) -> None:
        self._readers, self._close = list(readers), close

    def rails(self) -> Sequence[Rail]:
        """Its rails, in the order of `read`."""
        return [rail for rail, _ in self._readers]

    def read(self) -> Sequence[Readings]:
        """What is new of each rail, in microjoules or microwatts; None where the library refuses."""
        return [read() for _, read in self._readers]

    def close(self) -> None:
        """Lets the library go."""
        self._close()


def find(sysroot: Path, _settings: Settings = NO_SETTINGS, library: Any = None) -> FindResult:
    """The GPUs of this machine, or why there are none; also where `sysroot` is a copied tree.

    No key of `_settings` is for them. `library` stands in for the module pynvml.
    """
    library = load(sysroot, library)
    if isinstance(library, Unavailable):
        return [], [library]
    sensors: list[Sensor] = []
    absent: list[Unavailable] = []
    for gpu in gpus(library):
        readers, missing = rail_readers(gpu)
        absent += missing
        if readers:
            library.nvmlInit()  # once for each sensor: the last to close lets the library go
            sensors.append(NvmlSensor(readers, library.nvmlShutdown))
    library.nvmlShutdown()
    if not sensors and not absent:
        absent.append(Unavailable("nvml", "there is an NVIDIA driver, and it shows no GPU"))
    return sensors, absent


def rail_readers(gpu: Gpu) -> tuple[list[RailReader], list[Unavailable]]:
    """The rails that `gpu` gives, the best of them primary, and what its driver refuses."""
    capability = gpu.ask("nvmlDeviceGetCudaComputeCapability")
    prior = prior_of(capability)
    average = prior._replace(kind=BOXCAR, window_s=AVERAGE_S)
    averages = capability is not None and capability > GA100
    offers: list[tuple[str, Prior, Sequence[str | int]]] = [
        ("energy", prior._replace(kind=COUNTER, window_s=None), ENERGY),
        ("instant", prior, (INSTANT_FIELD,)),
        ("usage", average if averages else prior, ("nvmlDeviceGetPowerUsage",)),
        ("average", average, (AVERAGE_FIELD,)),
    ]
    readers: list[RailReader] = []
    absent: list[Unavailable] = []
    for name, facts, questions in offers:
        if name == "usage" and any(rail.rail.endswith("-instant") for rail, _ in readers):
            continue  # the same figure under a name that says less
        read = next((read for read in map(gpu.reader, questions) if read), None)
        if read is None:
            absent.append(_refused(gpu, name, questions[0]))
        else:
            readers.append((_rail(gpu, name, facts, primary=not readers), functools.partial(_timed, read)))
    if gpu.has_samples():
        readers.append((_rail(gpu, SAMPLES, prior, primary=not readers), gpu.new_samples))
    else:
        absent.append(_refused(gpu, SAMPLES, "nvmlDeviceGetSamples"))
    if (gpu.ask("nvmlDeviceGetMigMode") or [0])[0]:
        why = "MIG is on: the power of the board is not that of one of its slices"
        return [], [Unavailable(f"nvml/{gpu.uuid}", why, MIG_FIX)]
    return readers, absent


def _rail(gpu: Gpu, name: str, facts: Prior, *, primary: bool) -> Rail:
    is_counter = facts.kind == COUNTER
    return Rail(
        source="nvml",
        rail=f"{gpu.uuid}-{name}",
        scope="gpu-board",
        kind=facts.kind,
        primary=primary,
        period_s=facts.period_s,
        lag_s=facts.lag_s,
        window_s=facts.window_s,
        quantum_w=None if is_counter else QUANTUM,
        quantum_j=QUANTUM if is_counter else None,
        gain_relative_uncertainty=GAIN_UNCERTAINTY,
        target_id=gpu.uuid,
        is_self_timed=name == SAMPLES,
    )


def _timed(read: Callable[[], int | None]) -> Readings:
    """A reading in thousandths, timed at the middle of the call."""
    before = time.perf_counter_ns()
    value = read()
    return None if value is None else [((before + time.perf_counter_ns()) // 2, value * 1000)]


def _refused(gpu: Gpu, name: str, question: str | int) -> Unavailable:
    quantity = f"field {question}" if isinstance(question, int) else question
    reason = gpu.refusals.get(str(question), "it is always 0")
    why = f"{gpu.name} does not give {quantity}: {reason}"
    return Unavailable(f"nvml/{gpu.uuid}-{name}", why, FALL_BACK[name])
