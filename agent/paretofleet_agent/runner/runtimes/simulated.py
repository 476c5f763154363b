"""A run on a simulated device: the numbers come from the daemon's model, the clock is virtual.

The equations and their parameters are documented in `paretofleet_agent.simulate`; here they are only drawn.
"""

import math
import random
from typing import Any, Callable, Dict, List, Mapping, Optional, Tuple

from ..failure import RunFailed
from ..pace import Pace


class SimulatedRuntime:
    """Draws the iterations of one run. `request["simulate"]` holds the parameters of the run."""

    def __init__(self, request: Mapping[str, Any], _clock: Callable[[], int]) -> None:
        self._request = request
        self._of = request["simulate"]
        self._random = random.Random(self._of["seed"])
        self._now_ns = self._of["start_ns"]
        self._state = self._random.gauss(0.0, 1.0)
        self._done = 0
        self._idle_since_ns: Optional[int] = None
        #: When items are due, where they come by the clock.
        self.pace: Optional[Pace] = None
        if request["mode"] == "accuracy":
            raise RunFailed("unsupported", "a simulated device predicts nothing: evaluate on a real one")
        if request["mode"] == "paced":
            items_s, batch_size = request["items_s"], request["batch_size"]
            self.pace = Pace(items_s, batch_size, lambda: self._now_ns, self._idle_until)
        if self._of["memory_peak_bytes"] > self._of["memory_limit_bytes"]:
            raise RunFailed(
                "oom",
                "batch size %d needs %d bytes of the %d that the simulated device has"
                % (request["batch_size"], self._of["memory_peak_bytes"], self._of["memory_limit_bytes"]),
            )

    def ready(self) -> Dict[str, Any]:
        """Spends the virtual time of loading and of two inferences."""
        self._now_ns += self._of["load_ns"]
        first, second = self._next(), self._next()
        return {
            "effective": dict(self._of["effective"], options=self._request["options"]),
            "load_ns": self._of["load_ns"],
            "first_inference_ns": first[1],
            "second_inference_ns": second[1],
            "now_ns": self._now_ns,
        }

    def block(self, seconds: float, max_iterations: int) -> Tuple[List[int], List[int]]:
        """Iterations back to back, or when they are due, on the virtual clock: (starts, durations)."""
        starts, durations = [], []
        end = self._now_ns + int(seconds * 1e9)
        for _ in range(max(1, max_iterations)):
            if self.pace is not None:
                self.pace.take()
            start, duration = self._next()
            starts.append(start)
            durations.append(duration)
            if max(self._now_ns, 0 if self.pace is None else self.pace.due_ns()) >= end:
                break
        return starts, durations

    def pause(self, pause_ns: int) -> None:
        """Idles on the virtual clock."""
        self._now_ns += pause_ns

    def finish(self) -> Dict[str, Any]:
        """The modelled peak memory."""
        return {"memory_peak_bytes": self._of["memory_peak_bytes"]}

    def _next(self) -> Tuple[int, int]:
        rho, sigma = self._of["rho"], self._of["sigma"]
        self._state = rho * self._state + math.sqrt(1.0 - rho * rho) * self._random.gauss(0.0, 1.0)
        noise = math.exp(sigma * self._state - sigma * sigma / 2.0)
        cold = 1.0 + self._of["cold"] * math.exp(-self._done / self._of["cold_iterations"])
        duration = max(1, round(self._of["mean_ns"] * noise * cold * self._fallen()))
        start, self._now_ns = self._now_ns, self._now_ns + duration
        self._done += 1
        return start, duration

    def _fallen(self) -> float:
        """How many times longer an iteration takes by the idle before it, in which the clock fell."""
        if self._idle_since_ns is None:
            return 1.0
        idle_ns, self._idle_since_ns = self._now_ns - self._idle_since_ns, None
        share = -math.expm1(-idle_ns / self._of["fall_ns"])
        return 1.0 + float(self._of["fall"]) * share

    def _idle_until(self, due_ns: int) -> None:
        """Idles on the virtual clock until an item is due."""
        self._idle_since_ns = self._now_ns
        self._now_ns = max(self._now_ns, due_ns)
