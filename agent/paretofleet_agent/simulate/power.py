"""The sensors of simulated devices, read on the virtual clock; which device has which is in the package."""

from __future__ import annotations

import math
import random
from array import array
from dataclasses import dataclass, replace
from typing import Any, List, Mapping, Protocol, Sequence, Tuple

from paretofleet_agent.sensors.protocol import INSTANT, Rail
from paretofleet_agent.simulate.sensor_models import MODELS, Curve

#: The virtual sampler reads so often; VDD_IN converts when it is read, in the time of its own period.
PERIOD_S = 0.05
CONVERSION_S = 0.84e-3
NOISE = 0.03
QUANTUM_W = 0.152
RAIL = Rail(
    source="sim",
    rail="VDD_IN",
    scope="module",
    kind=INSTANT,
    primary=True,
    period_s=CONVERSION_S,
    lag_s=0.0,
    quantum_w=QUANTUM_W,
    gain_relative_uncertainty=0.02,
)


#: Sensors by the model that they follow: name and scope of their rail, and a model of their own where a rail
#: is finer: one step of the same monitor is 8 mA, which is 40 mW at 5 V and 152 mW at 19 V.
MODELLED = {"ina3221-continuous": ("POM_5V_IN", "module"), "rapl": ("package-0", "package")}
MODELLED_AS = dict(MODELS, **{"ina3221-continuous": replace(MODELS["ina3221-continuous"], quantum=0.04)})
MODELLED_NOISE = 0.01
Columns = List[Tuple["array[int]", "array[int]"]]


class Simulated(Protocol):
    """A sensor on the virtual clock, as the sampler's recorder."""

    def rails(self) -> Sequence[Rail]:
        """Its rails."""

    def facts(self) -> Sequence[Mapping[str, Any]]:
        """The facts of its rails and how they are read."""

    def wait_s(self) -> float | None:
        """None: nothing happens without a frame."""

    def tick(self) -> None:
        """Never due."""

    def take(self, request: Mapping[str, Any]) -> Columns:
        """The samples up to `until_ns` under the named activity: idle, load or busy."""


def rail_of(sensor: str) -> Rail:
    """The rail of the `sensor` of a device class."""
    if sensor not in MODELLED:
        return RAIL
    rail = MODELLED_AS[sensor].rail("sim", *MODELLED[sensor])
    return replace(rail, gain_relative_uncertainty=RAIL.gain_relative_uncertainty)


def recorder_of(parameters: Mapping[str, Any]) -> Simulated:
    """The sensor of a simulated run, by the `parameters` of the sampler's request."""
    modelled = parameters.get("sensor") in MODELLED
    return SimulatedModel(parameters) if modelled else SimulatedPower(parameters)


class SimulatedModel:
    """A sensor that follows a model, read every 50 ms."""

    def __init__(self, parameters: Mapping[str, Any]) -> None:
        self._wave = Wave.of(parameters)
        noise_w = 0.0 if parameters["sensor"] == "rapl" else MODELLED_NOISE * parameters["busy_w"]
        model = MODELLED_AS[parameters["sensor"]]
        self._model = replace(model, gain=parameters["gain"], noise_w=noise_w, seed=parameters["seed"])
        self._rail = rail_of(parameters["sensor"])
        self._curve = Curve([(-1e6, parameters["idle_w"]), (0.0, parameters["idle_w"])])
        self._zero_ns = self._until_ns = self._due_ns = parameters["start_ns"]

    def rails(self) -> Sequence[Rail]:
        """The one rail."""
        return [self._rail]

    def facts(self) -> Sequence[Mapping[str, Any]]:
        """Its facts: read on a strict grid."""
        return [dict(self._rail.facts(), read_s=PERIOD_S, read_spread=False)]

    def wait_s(self) -> float | None:
        """Nothing happens without a frame."""
        return None

    def tick(self) -> None:
        """Never due."""

    def take(self, request: Mapping[str, Any]) -> Columns:
        """The samples up to `until_ns` under the named activity: idle, load or busy."""
        times, values = array("q"), array("q")
        until_ns = max(self._until_ns, request["until_ns"])
        bounds_s = [(t_ns - self._zero_ns) / 1e9 for t_ns in (self._until_ns, until_ns)]
        for start_s, watts in self._wave.steps(request["activity"], *bounds_s):
            self._curve.add(start_s, watts)
        self._until_ns = until_ns
        while self._due_ns <= self._until_ns:
            value = self._model.read(self._curve, (self._due_ns - self._zero_ns) / 1e9)
            if value is not None:
                times.append(self._due_ns)
                values.append(value)
            self._due_ns += int(PERIOD_S * 1e9)
        return [(times, values)]


@dataclass(frozen=True)
class Wave:
    """The true power of each activity, in watts, over seconds of the run.

    Where items come by the clock, only the first `busy_s` of every `period_s` are busy; 0: all of it.
    """

    watts: Mapping[str, float]
    period_s: float = 0.0
    busy_s: float = 0.0

    @classmethod
    def of(cls, parameters: Mapping[str, Any]) -> Wave:
        """That of a simulated run by its `parameters`."""
        idle_w, busy_w = parameters["idle_w"], parameters["busy_w"]
        watts = {"idle": idle_w, "load": (idle_w + busy_w) / 2.0, "busy": busy_w}
        return cls(watts, **parameters.get("wave", {}))

    def at(self, activity: str, t_s: float) -> float:
        """The power at a time."""
        rests = activity == "busy" and self.period_s > 0 and t_s % self.period_s >= self.busy_s
        return self.watts["idle" if rests else activity]

    def steps(self, activity: str, start_s: float, end_s: float) -> list[tuple[float, float]]:
        """The times from `start_s` to `end_s` from which a power is drawn, each with it."""
        steps = [(start_s, self.at(activity, start_s))]
        if activity != "busy" or not self.period_s:
            return steps
        first, last = math.floor(start_s / self.period_s), math.ceil(end_s / self.period_s)
        edges = [
            (number * self.period_s + offset_s, self.watts[state])
            for number in range(first, last + 1)
            for offset_s, state in ((0.0, "busy"), (self.busy_s, "idle"))
        ]
        return steps + [edge for edge in edges if start_s < edge[0] < end_s]


class SimulatedPower:
    """Draws the samples up to the virtual time that each `collect` names, one at random in every 50 ms."""

    def __init__(self, parameters: Mapping[str, Any]) -> None:
        self._wave = Wave.of(parameters)
        self._zero_ns = parameters["start_ns"]
        self._gain = parameters["gain"]
        self._random = random.Random(parameters["seed"])
        self._times = random.Random(f"{parameters['seed']} times")
        self._grid_ns = self._due_ns = parameters["start_ns"]

    def rails(self) -> Sequence[Rail]:
        """The one rail."""
        return [RAIL]

    def facts(self) -> Sequence[Mapping[str, Any]]:
        """Its facts: read at random."""
        return [dict(RAIL.facts(), read_s=PERIOD_S, read_spread=True)]

    def wait_s(self) -> float | None:
        """Nothing happens without a frame."""
        return None

    def tick(self) -> None:
        """Never due."""

    def take(self, request: Mapping[str, Any]) -> list[tuple[array[int], array[int]]]:
        """The samples up to `until_ns` under the named activity: idle, load or busy."""
        times, values = array("q"), array("q")
        while self._due_ns <= request["until_ns"]:
            true_w = self._wave.at(request["activity"], (self._due_ns - self._zero_ns) / 1e9)
            seen_w = true_w * self._gain * (1.0 + NOISE * self._random.gauss(0.0, 1.0))
            times.append(self._due_ns)
            values.append(round(round(seen_w / QUANTUM_W) * QUANTUM_W * 1e6))
            self._grid_ns += int(PERIOD_S * 1e9)
            self._due_ns = self._grid_ns + int(self._times.random() * PERIOD_S * 1e9)
        return [(times, values)]
