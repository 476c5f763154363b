"""What simulated devices are to show: the true time and energy of an item, by model and device."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from paretofleet_collector.errors import Refused
from paretofleet_collector.model.entities import Device, Refusal
from paretofleet_collector.plain_text import shown
from paretofleet_collector.planning.values import LIST_MAX

if TYPE_CHECKING:
    from paretofleet_collector.model.entities import Variant
    from paretofleet_collector.planning.specification import Mode

#: Agents of this version and later show what they are given.
SIMULATED_WIRE_VERSION = 5
_EXAMPLE = "{net@file: {tx2-1: {item_s: 0.012, item_j: 0.05}}}"
#: Seconds and joules of an item, between what no clock tells apart and what no run outlives.
_SPANS = {"item_s": (1e-6, 100.0), "item_j": (1e-9, 1e6)}
Truth = Mapping[str, float]
Truths = Mapping[str, Mapping[str, Truth]]


def checked_simulated(
    value: object, batch_sizes: Sequence[int], modes: Sequence[Mode]
) -> dict[str, dict[str, dict[str, float]]]:
    """The `value` of the key, by model and device, for a sweep of these `batch_sizes` and `modes`.

    Raises Refused.
    """
    models = _mapping("`simulated`", value)
    if models and ([*batch_sizes] != [1] or [mode.name for mode in modes] != ["latency"]):
        raise Refused(
            "`simulated` has the time of one item: leave `batch_sizes` at [1] and `mode` at latency."
        )
    result: dict[str, dict[str, dict[str, float]]] = {}
    for model, devices in models.items():
        of_devices = _mapping(f"`simulated.{model}`", devices)
        result[model] = {name: _truth(f"simulated.{model}.{name}", each) for name, each in of_devices.items()}
    return result


def _mapping(key: str, value: object) -> dict[str, Any]:
    is_named = isinstance(value, dict) and all(isinstance(name, str) and name.isprintable() for name in value)
    if not isinstance(value, dict) or not is_named or len(value) > LIST_MAX:
        raise Refused(f"{key} is {shown(value)}: write a mapping of names such as {_EXAMPLE}.")
    return value


def _truth(key: str, value: object) -> dict[str, float]:
    given = _mapping(f"`{key}`", value)
    if "item_s" not in given or not set(given) <= set(_SPANS):
        raise Refused(f"`{key}` is {shown(value)}: it has item_s and perhaps item_j, as in {_EXAMPLE}.")
    for name, number in given.items():
        low, high = _SPANS[name]
        is_number = isinstance(number, int | float) and not isinstance(number, bool)
        if not is_number or not math.isfinite(number) or not low <= number <= high:
            raise Refused(f"`{key}.{name}`: {shown(number)} is no number from {low:g} to {high:,.0f}.")
    return {name: float(number) for name, number in given.items()}


def truth_of(truths: Truths, variant: Variant, device: Device) -> Truth | Refusal:
    """What the `device` is to show of a `variant`, by the `truths` of a specification; empty for nothing.

    A refusal where it is no simulated device, or too old to.
    """
    by_device = truths.get(f"{variant.model}@{variant.variant}") or truths.get(variant.model) or {}
    truth = by_device.get(device.name, {})
    if truth and not device.simulated:
        return Refusal(
            f"{variant.model} on {device.name}",
            f"{device.name} is no simulated device, so it shows what it measures: drop it from `simulated`.",
        )
    if truth and device.inventory.wire_version < SIMULATED_WIRE_VERSION:
        return Refusal(
            f"{variant.model} on {device.name}",
            f"the agent of {device.name} is too old for `simulated`; upgrade it.",
        )
    return truth
