"""Which configurations can be trained: mode `training`, whose iterations are steps of an optimiser. Pure."""

from __future__ import annotations

from paretofleet_collector.model.entities import Refusal
from paretofleet_collector.planning.placements import Placement
from paretofleet_collector.planning.precisions import ExecutedVariant
from paretofleet_collector.planning.specification import Mode

TRAINING = "training"
#: The protocol of agents that know the mode; a simulated device of an older one would draw inferences.
TRAINING_WIRE_VERSION = 4
#: Runtimes that have gradients, and the precisions in which they train.
RUNTIMES = ("torch",)
PRECISIONS = ("fp32", "tf32")


def training_refusal(mode: Mode, placement: Placement, executed: ExecutedVariant) -> Refusal | None:
    """Why what is `executed` at a `placement` cannot be trained, if `mode` asks for that and it cannot.

    A simulated device draws steps, too, whatever its runtime is called. Whether a runtime has the network of
    a file is known on the device.
    """
    if mode.name != TRAINING:
        return None
    device, runtime, variant = placement.device, placement.runtime.name, executed.variant
    combination = f"{mode} of {variant.model} with {runtime} on {device.name}"
    if device.inventory.wire_version < TRAINING_WIRE_VERSION:
        return Refusal(combination, f"the agent of {device.name} is too old for mode training; upgrade it.")
    if runtime not in RUNTIMES and not device.simulated:
        able = " or ".join(RUNTIMES)
        return Refusal(combination, f"{runtime} runs networks and trains none: use `--runtime {able}`.")
    native = executed.precision == "native"
    precision = variant.weights_precision if native else executed.precision
    if precision not in PRECISIONS:
        able = " and ".join(PRECISIONS)
        return Refusal(
            combination,
            f"{variant.model} would be trained in {precision}, and mode training knows {able}: add its fp32 "
            "file, or ask for fp32.",
        )
    return None
