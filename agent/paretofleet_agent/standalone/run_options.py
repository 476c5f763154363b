"""How a bench runs a model, in the words of a sweep, and whether this device can."""

from __future__ import annotations

import importlib
import json
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Mapping, Sequence

import paretofleet_graph

from paretofleet_agent.device.device import DeviceUnderTest
from paretofleet_agent.errors import ConfigError, PfError
from paretofleet_agent.runner.failure import RunFailed
from paretofleet_agent.runner.loop import MODES
from paretofleet_agent.runner.run import COMMON, resolve_options
from paretofleet_agent.runner.serve import RUNTIMES
from paretofleet_agent.suggest import did_you_mean

#: Items a second of mode `paced`, as a sweep allows them.
ITEMS_S_MIN, ITEMS_S_MAX = 0.01, 10_000.0


#: The least window of a bench that was not asked for a number of iterations, as that of a sweep.
WINDOW_FLOOR_S = 0.5


@dataclass(frozen=True)
class RunOptions:
    """How a model is run, in the words of a sweep: `target` is an alias (`cpu`, `cuda:0`).

    `items_s`: in mode `paced` the items that come a second. `sizes`: of free axes by their names.
    `inputs`: by name what is fed, {"values": law or number} or {"file": path}.
    """

    runtime: str = "onnxruntime"
    target: str = "cpu"
    precision: str = "native"
    mode: str = "latency"
    options: Mapping[str, Any] = field(default_factory=dict)
    items_s: float | None = None
    sizes: Mapping[str, int] = field(default_factory=dict)
    inputs: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


@dataclass(frozen=True)
class BenchRequest:
    """What each run of a bench does: so many iterations, or with `window_min_s` as many more as that takes.

    `threads`: None for all but the housekeeping CPU's. `window_floor_s` passes whatever the iterations are.
    A run that has not ended after `timeout_s` has failed.
    """

    batch_size: int = 1
    threads: int | None = None
    iterations: int = 30
    warm_up_s: float = 0.3
    window_min_s: float = 0.0
    window_floor_s: float = 0.0
    timeout_s: float = 3600.0
    options: RunOptions = field(default_factory=RunOptions)


def mode_of(text: str) -> tuple[str, float | None]:
    """The mode in a `text` like latency or paced=5, and the items a second of `paced`. Raises ConfigError.

    >>> mode_of("paced=5"), mode_of("latency")
    (('paced', 5.0), ('latency', None))
    """
    mode, equals, rate = text.partition("=")
    if mode not in MODES:
        raise ConfigError(f"--mode {text}: choose from latency, throughput and paced=5, five items a second")
    if mode != "paced":
        if equals:
            raise ConfigError(f"--mode {text}: only paced has a rate, as in paced=5")
        return mode, None
    try:
        items_s = float(rate)
    except ValueError:
        items_s = math.nan
    if not ITEMS_S_MIN <= items_s <= ITEMS_S_MAX:
        raise ConfigError(
            f"--mode {text}: write paced=RATE, with {ITEMS_S_MIN:g} to {ITEMS_S_MAX:g} items a second"
        )
    return mode, items_s


def options_of(texts: Sequence[str]) -> dict[str, Any]:
    """Options from `texts` like KEY=VALUE, where true, false and numbers are what they look like.

    Raises ConfigError for any other.

    >>> options_of(["compile=true", "provider=openvino"])
    {'compile': True, 'provider': 'openvino'}
    """
    options: dict[str, Any] = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not key or not equals or not value:
            raise ConfigError(f"--option {text}: write KEY=VALUE, as in allow_spinning=false")
        try:
            options[key] = json.loads(value)
        except ValueError:
            options[key] = value
    return options


def check_options(runtime: str, options: Mapping[str, Any]) -> None:
    """Raises ConfigError where a `runtime` does not take these `options`: no process has to start for that.

    >>> check_options("torch", {"compil": True})
    Traceback (most recent call last):
      ...
    paretofleet_agent.errors.ConfigError: --option compil: torch has no such option, did you mean compile?
    """
    module = importlib.import_module(f"paretofleet_agent.runner.{RUNTIMES[runtime][0]}")
    offered = {**COMMON, **module.OPTIONS}
    for key in options:
        if key not in offered:
            near = did_you_mean(key, offered, f"it has {', '.join(sorted(offered))}")
            raise ConfigError(f"--option {key}: {runtime} has no such option, {near}")
    try:
        resolve_options(options, module.OPTIONS)
    except RunFailed as error:
        raise ConfigError(f"--option: {error}") from error


def sizes_of(texts: Sequence[str]) -> dict[str, int]:
    """Sizes of axes from `texts` like NAME=N. Raises ConfigError for any other.

    >>> sizes_of(["height=640", "past=0"])
    {'height': 640, 'past': 0}
    """
    sizes: dict[str, int] = {}
    for text in texts:
        name, _, number = text.rpartition("=")
        if not name or not number.isdecimal():
            raise ConfigError(f"--size {text}: write AXIS=N, as in --size sequence=128")
        sizes[name] = int(number)
    return sizes


def inputs_of(texts: Sequence[str]) -> dict[str, dict[str, Any]]:
    """What is fed, from `texts` like NAME=LAW, NAME=NUMBER, NAME=FILE, or FILE for all inputs in it.

    Raises ConfigError for any other.

    >>> inputs_of(["ids=uniform", "steps=50", "use_cache=true"])
    {'ids': {'values': 'uniform'}, 'steps': {'values': 50}, 'use_cache': {'values': 1}}
    """
    inputs: dict[str, dict[str, Any]] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals and Path(text).exists():
            inputs[""] = {"file": str(Path(text).resolve())}
            continue
        if not name or not equals or not value:
            raise ConfigError(
                f"--input {text}: write NAME=LAW, NAME=NUMBER or NAME=FILE, as in --input ids=uniform"
            )
        number = {"true": 1, "false": 0}.get(value.lower(), _number(value))
        if value in paretofleet_graph.LAWS:
            inputs[name] = {"values": value}
        elif number is not None:
            inputs[name] = {"values": number}
        elif Path(value).exists():
            inputs[name] = {"file": str(Path(value).resolve())}
        else:
            laws = ", ".join(paretofleet_graph.LAWS)
            raise ConfigError(f"--input {text}: {value} is no file, no number and none of {laws}")
    return inputs


def _number(text: str) -> float | None:
    """The number in a text; whole ones without a fraction. None where it is none."""
    try:
        number = float(text)
    except ValueError:
        return None
    if not math.isfinite(number):
        return None
    return int(number) if number == int(number) else number


def target_id_of(device: DeviceUnderTest, options: RunOptions) -> str:
    """The id of the target of `options`, which has to be on `device`, as its runtime. Raises PfError."""
    target_ids = {target.alias: target.target_id for target in device.inventory.targets}
    if options.target not in target_ids:
        raise PfError(f"this device has no target {options.target}: it has {', '.join(target_ids)}")
    target_id = target_ids[options.target]
    if device.simulation is not None:
        return target_id
    runtimes = {runtime.name: runtime for runtime in device.inventory.runtimes}
    if options.runtime not in runtimes:
        absent = next((absent for absent in device.absent if absent.name == options.runtime), None)
        why = "this agent does not know it" if absent is None else absent.why
        fix = "" if absent is None or absent.fix is None else f": {absent.fix}"
        raise PfError(f"the runtime {options.runtime} cannot be used here, {why}{fix}")
    usable = runtimes[options.runtime].target_ids
    if target_id not in usable:
        aliases = [alias for alias, each in target_ids.items() if each in usable]
        raise PfError(f"{options.runtime} cannot use {options.target} here: it can use {', '.join(aliases)}")
    return target_id
