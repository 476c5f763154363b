"""How a bench runs a model, in the words of a sweep, and whether this device can."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any, Mapping, Sequence

from paretofleet_agent.device.device import DeviceUnderTest
from paretofleet_agent.errors import PfError


@dataclass(frozen=True)
class Way:
    """How a model is run, in the words of a sweep: `target` is an alias (`cpu`, `cuda:0`)."""

    runtime: str = "onnxruntime"
    target: str = "cpu"
    precision: str = "native"
    mode: str = "latency"
    options: Mapping[str, Any] = field(default_factory=dict)


DEFAULT_WAY = Way()


def options_of(texts: Sequence[str]) -> dict[str, Any]:
    """Options from KEY=VALUE, where true, false and numbers are what they look like. Raises PfError.

    >>> options_of(["compile=true", "provider=openvino"])
    {'compile': True, 'provider': 'openvino'}
    """
    options: dict[str, Any] = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not key or not equals or not value:
            raise PfError(f"--option {text}: write KEY=VALUE, as in allow_spinning=false")
        try:
            options[key] = json.loads(value)
        except ValueError:
            options[key] = value
    return options


def target_id_of(device: DeviceUnderTest, way: Way) -> str:
    """The id of the target, after a look whether it and the runtime are here. Raises PfError."""
    found = {target.alias: target.target_id for target in device.inventory.targets}
    if way.target not in found:
        raise PfError(f"this device has no target {way.target}: it has {', '.join(found)}")
    if device.simulate is not None:
        return found[way.target]
    here = {runtime.name: runtime for runtime in device.inventory.runtimes}
    if way.runtime not in here:
        absent = next((one for one in device.absent if one.name == way.runtime), None)
        why = "this agent does not know it" if absent is None else absent.why
        fix = "" if absent is None or absent.fix is None else f": {absent.fix}"
        raise PfError(f"the runtime {way.runtime} cannot be used here, {why}{fix}")
    if found[way.target] not in here[way.runtime].target_ids:
        aliases = [alias for alias, one in found.items() if one in here[way.runtime].target_ids]
        raise PfError(f"{way.runtime} cannot use {way.target} here: it can use {', '.join(aliases)}")
    return found[way.target]
