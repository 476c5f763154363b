"""Which configurations can get their items by the clock, or from us at all."""

from __future__ import annotations

from paretofleet_collector.model.entities import Refusal
from paretofleet_collector.planning.data import ACCURACY
from paretofleet_collector.planning.protocols import Protocol
from paretofleet_collector.planning.specification import Mode

#: Runtimes that take their items by themselves.
UNPACED = ("trtexec",)


def pace_refusal(mode: Mode, batch_size: int, runtime: str, protocol: Protocol) -> Refusal | None:
    """Why a `runtime` cannot get batches of `batch_size` items in a `mode` within the `protocol`, if so."""
    if mode.name == ACCURACY and runtime in UNPACED:
        return Refusal(
            f"{mode} with {runtime}",
            f"{runtime} runs by itself and predicts nothing; for TensorRT use onnxruntime with `options: "
            "{onnxruntime: {provider: tensorrt}}`.",
        )
    if mode.items_s is None:
        return None
    if runtime in UNPACED:
        return Refusal(
            f"{mode} with {runtime}",
            f"{runtime} runs by itself and takes no item by the clock; for TensorRT use onnxruntime with "
            "`options: {onnxruntime: {provider: tensorrt}}`.",
        )
    limits = protocol.limits
    batches = limits.warm_up_min_iterations + limits.iterations_min
    if batches * batch_size / mode.items_s <= limits.timeout_s:
        return None
    least = batches * batch_size / limits.timeout_s
    return Refusal(
        f"{mode} at batch size {batch_size}",
        f"{batches} batches, the fewest of protocol {protocol.name}, take longer than its "
        f"{limits.timeout_s:g} s; ask for {least:.2g} items a second or more.",
    )
