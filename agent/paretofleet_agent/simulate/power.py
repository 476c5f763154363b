"""The sensor of a simulated device, read on the virtual clock; its model is in the package's docstring."""

from __future__ import annotations

import random
from array import array
from typing import Any, Mapping, Sequence

from paretofleet_agent.sensors._protocol import INSTANT, Rail

PERIOD_S = 0.05
NOISE = 0.03
QUANTUM_W = 0.152
RAIL = Rail(
    source="sim",
    rail="VDD_IN",
    scope="module",
    kind=INSTANT,
    primary=True,
    period_s=PERIOD_S,
    lag_s=0.0,
    quantum_w=QUANTUM_W,
    gain_relative_uncertainty=0.02,
)


class SimulatedPower:
    """Draws the samples up to the virtual time that each `collect` names."""

    def __init__(self, parameters: Mapping[str, Any]) -> None:
        self._watts = {
            "idle": parameters["idle_w"],
            "load": (parameters["idle_w"] + parameters["busy_w"]) / 2.0,
            "busy": parameters["busy_w"],
        }
        self._gain = parameters["gain"]
        self._random = random.Random(parameters["seed"])
        self._due_ns = parameters["start_ns"]

    def rails(self) -> Sequence[Rail]:
        """The one rail."""
        return [RAIL]

    def wait_s(self) -> float | None:
        """Nothing happens without a frame."""
        return None

    def tick(self) -> None:
        """Never due."""

    def take(self, request: Mapping[str, Any]) -> list[tuple[array[int], array[int]]]:
        """The samples up to `until_ns` under the named activity: idle, load or busy."""
        times, values = array("q"), array("q")
        true_w = self._watts[request["activity"]]
        while self._due_ns <= request["until_ns"]:
            seen_w = true_w * self._gain * (1.0 + NOISE * self._random.gauss(0.0, 1.0))
            times.append(self._due_ns)
            values.append(round(round(seen_w / QUANTUM_W) * QUANTUM_W * 1e6))
            self._due_ns += int(PERIOD_S * 1e9)
        return [(times, values)]
