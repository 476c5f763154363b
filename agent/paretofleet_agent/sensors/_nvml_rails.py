"""The rails of one NVIDIA GPU: what its driver gives, of which scope, and what it refuses."""

from __future__ import annotations

import functools
import time
from dataclasses import dataclass
from typing import Callable, Mapping, Sequence, Tuple

from paretofleet_agent.hardware.nvml import GPU_SCOPE, MODULE_SCOPE, Gpu, stands_still
from paretofleet_agent.model import Unavailable
from paretofleet_agent.sensors._nvml_modules import (
    AVERAGE_FIELD,
    INSTANT_FIELD,
    LIMIT_FIELD,
    is_of_gpu,
)
from paretofleet_agent.sensors._nvml_priors import GA100, Prior, prior_of
from paretofleet_agent.sensors.protocol import BOXCAR, COUNTER, Rail, Readings

#: A rail and what reads it.
RailReader = Tuple[Rail, Callable[[], Readings]]
ENERGY, INSTANT, USAGE, AVERAGE, SAMPLES = "energy", "instant", "usage", "average", "samples"
#: What is asked for each: the first that answers. The counter is a function, and a field where that lacks.
QUESTIONS: Mapping[str, Sequence[str | int]] = {
    ENERGY: ("nvmlDeviceGetTotalEnergyConsumption", 83),
    INSTANT: (INSTANT_FIELD,),
    USAGE: ("nvmlDeviceGetPowerUsage",),
    AVERAGE: (AVERAGE_FIELD,),
    SAMPLES: ("nvmlDeviceGetSamples",),
}
FALL_BACK = {
    ENERGY: "the power readings are integrated instead",
    INSTANT: "a driver from R530 on; GetPowerUsage is read instead",
}
SCOPES = {GPU_SCOPE: "gpu-board", MODULE_SCOPE: "module"}
AVERAGE_S = 1.0
#: Both units are thousandths; how often a value really changes is measured.
QUANTUM = 1e-3
#: Cards were seen 5 to 10 % off against meters, each by its own factor.
GAIN_UNCERTAINTY = 0.05
MIG_FIX = "disable MIG to measure energy"


@dataclass(frozen=True)
class Offer:
    """A rail that a driver may give, and what is known of its kind.

    `name`: the quantity; `scope`: whether of the GPU or of its module; `label`: the end of the rail's name.
    """

    name: str
    prior: Prior
    scope: int
    label: str


def rail_readers(
    gpu: Gpu, *, is_superchip: bool, module_target_id: str | None = None
) -> tuple[list[RailReader], list[Unavailable]]:
    """The rails that `gpu` gives, the best of each scope primary, and what its driver refuses.

    Where it `is_superchip`, figures without a scope are the module's; `module_target_id` is the target whose
    rails those are, None for every target of the machine.
    """
    if (gpu.ask("nvmlDeviceGetMigMode") or [0])[0]:
        why = "MIG is on: the power of the board is not that of one of its slices"
        return [], [Unavailable(f"nvml/{gpu.uuid}", why, MIG_FIX)]
    opened: list[tuple[Offer, Callable[[], Readings]]] = []
    absent: list[Unavailable] = []
    for offer in offers(gpu, is_superchip=is_superchip):
        if offer.name == USAGE and any(other.name == INSTANT for other, _ in opened):
            continue  # the same figure under a name that says less
        read, why = _open(gpu, offer)
        if read is None:
            absent.append(Unavailable(f"nvml/{gpu.uuid}-{offer.label}", why, FALL_BACK.get(offer.name)))
        else:
            opened.append((offer, read))
    targets = {GPU_SCOPE: gpu.uuid, MODULE_SCOPE: module_target_id}
    limits = {scope: power_limit_w(gpu, scope) for scope in SCOPES}
    first = {offer.scope: offer for offer, _ in reversed(opened)}
    readers = [
        (
            Rail(
                source="nvml",
                rail=f"{gpu.uuid}-{offer.label}",
                scope=SCOPES[offer.scope],
                kind=offer.prior.kind,
                primary=offer is first[offer.scope],
                period_s=offer.prior.period_s,
                lag_s=offer.prior.lag_s,
                window_s=offer.prior.window_s,
                quantum_w=None if offer.prior.kind == COUNTER else QUANTUM,
                quantum_j=QUANTUM if offer.prior.kind == COUNTER else None,
                gain_relative_uncertainty=GAIN_UNCERTAINTY,
                target_id=targets[offer.scope],
                is_self_timed=offer.name == SAMPLES,
                max_power_w=limits[offer.scope],
            ),
            read,
        )
        for offer, read in opened
    ]
    return readers, absent


def offers(gpu: Gpu, *, is_superchip: bool) -> list[Offer]:
    """What is asked of `gpu`, the best of each scope first.

    Where it `is_superchip`: fields in the scope of the GPU, if the driver tells that apart, and its module's.
    """
    capability = gpu.ask("nvmlDeviceGetCudaComputeCapability")
    prior = prior_of(capability)
    average = prior._replace(kind=BOXCAR, window_s=AVERAGE_S)
    priors = {
        ENERGY: prior._replace(kind=COUNTER, window_s=None),
        INSTANT: prior,
        USAGE: average if capability is not None and capability > GA100 else prior,
        AVERAGE: average,
        SAMPLES: prior,
    }
    if not is_superchip:
        return [Offer(name, facts, GPU_SCOPE, name) for name, facts in priors.items()]
    fields = {INSTANT: INSTANT_FIELD, AVERAGE: AVERAGE_FIELD}
    of_gpu = [
        Offer(name, priors[name], GPU_SCOPE, name) for name, field in fields.items() if is_of_gpu(gpu, field)
    ]
    taken = [offer.label for offer in of_gpu]
    return of_gpu + [
        Offer(name, facts, MODULE_SCOPE, f"module-{name}" if name in taken else name)
        for name, facts in priors.items()
    ]


def power_limit_w(gpu: Gpu, scope: int) -> float | None:
    """Watts that `gpu`, or its module, by the `scope`, may draw at most; None where no limit is told.

    A laptop's firmware moves the limit in force while it works, so there it is the highest that can be set.
    """
    if scope == MODULE_SCOPE:
        limit_mw = gpu.field(LIMIT_FIELD, MODULE_SCOPE)
    else:
        limit_mw = gpu.ask("nvmlDeviceGetEnforcedPowerLimit")
        if limit_mw and "Laptop" in gpu.name:
            _, highest_mw = gpu.ask("nvmlDeviceGetPowerManagementLimitConstraints") or (0, 0)
            limit_mw = max(limit_mw, highest_mw)
    return limit_mw / 1000 if limit_mw else None


def _open(gpu: Gpu, offer: Offer) -> tuple[Callable[[], Readings] | None, str]:
    """What reads the offer, or None and why."""
    questions = QUESTIONS[offer.name]
    if offer.name == SAMPLES:
        if gpu.has_samples(offer.scope):
            return functools.partial(gpu.new_samples, offer.scope), ""
        return None, _refusal(gpu, questions[0])
    scope = GPU_SCOPE if offer.name == ENERGY else offer.scope  # the counter takes none
    read = next((read for read in (gpu.reader(question, scope) for question in questions) if read), None)
    if read is None:
        return None, _refusal(gpu, questions[0])
    powers = (INSTANT_FIELD, "nvmlDeviceGetPowerUsage", AVERAGE_FIELD)
    power = next((power for power in (gpu.reader(each, offer.scope) for each in powers) if power), None)
    if offer.name == ENERGY and power is not None and stands_still(read, power):
        watts = (power() or 0) / 1000
        return None, f"the energy counter of {gpu.name} stands still while it draws {watts:.0f} W"
    return functools.partial(_timed, read), ""


def _timed(read: Callable[[], int | None]) -> Readings:
    """A reading in thousandths, timed at the middle of the call."""
    before = time.perf_counter_ns()
    value = read()
    return None if value is None else [((before + time.perf_counter_ns()) // 2, value * 1000)]


def _refusal(gpu: Gpu, question: str | int) -> str:
    quantity = f"field {question}" if isinstance(question, int) else question
    reason = gpu.refusals.get(str(question), "it is always 0")
    return f"{gpu.name} does not give {quantity}: {reason}"
