"""The runner of an attempt, seen from the daemon: it loads a model, then works block by block."""

from __future__ import annotations

from typing import Any

from paretofleet_agent.device.clock import Clock
from paretofleet_agent.errors import AttemptFailed, Stopped
from paretofleet_agent.measure.child import Child, Frame, Meanwhile
from paretofleet_agent.measure.power_session import PowerSession
from paretofleet_agent.measure.run_record import RunRecord
from paretofleet_agent.measure.series import Block, Series
from paretofleet_agent.runner import frames, time_limit

#: After a block of these the runner idles.
LAST_PHASES = ("guard_after",)


class RunnerSession:
    """A runner that is asked one thing at a time until `deadline_s` (time.monotonic), and ended if it fails.

    `block_is_a_process`: its runtime starts anew with every block. `pause_ns` passes after each iteration.
    `keeps_pace`: items come by the clock, also between two blocks.
    """

    def __init__(self, child: Child, deadline_s: float, clock: Clock, record: RunRecord) -> None:
        self._child, self._clock, self._record = child, clock, record
        self.deadline_s = deadline_s
        self.block_is_a_process = False
        self.pause_ns = 0
        self.keeps_pace = False

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._child.pid

    def load(self, request: dict[str, Any]) -> dict[str, Any]:
        """Loads a model as `requests.runner_request` asks. Raises AttemptFailed and Stopped."""
        self.ask(dict(request, says_loaded=True), "loaded")
        ready = self._ready(request["time_limit"]["timeout_s"])
        self._clock.reached(ready.get("now_ns", 0))
        self.block_is_a_process = bool(ready.get("block_is_a_process"))
        return ready

    def _ready(self, timeout_s: float) -> dict[str, Any]:
        """What the runner says once it has inferred and checked, which the next try would not do faster."""
        try:
            ready, _ = self._child.answer("prepare", "ready", self.deadline_s)
        except (AttemptFailed, Stopped) as error:
            self._child.kill()
            if isinstance(error, AttemptFailed) and error.reason == "timeout" and not error.facts:
                raise AttemptFailed(
                    "timeout",
                    "the model was loaded, but its first inferences and their checks had not ended within "
                    f"the time limit of the run, {timeout_s:g} s; give it more with --timeout (`timeout_s` "
                    "in a specification)",
                    time_limit.facts(None, timeout_s),
                ) from error
            raise
        return ready

    def block(
        self, series: Series, block: Block, phase: str, power: PowerSession, meanwhile: Meanwhile = None
    ) -> Series:
        """`series` and one more block; its samples and the sensors' are handed on before the next.

        `meanwhile` is called once while it works. Raises AttemptFailed and Stopped.
        """
        request = {"kind": "block", "seconds": block.seconds, "max_iterations": block.max_iterations}
        if self.block_is_a_process:
            request["min_iterations"] = block.min_iterations
        if self.pause_ns:
            request["pause_ns"] = self.pause_ns
        if self.keeps_pace and phase not in LAST_PHASES:
            request["keeps_pace"] = True
        header, columns = self.ask(request, "block", meanwhile)
        starts_ns, durations_ns = frames.unpack_columns(columns, header["n"])
        self._clock.reached(starts_ns[-1] + durations_ns[-1])
        self._record.put_iterations(header["n"], columns)
        self._record.put_due(header.get("due", ()))
        power.collect(self._clock.now_ns(), "busy")
        self._record.show_phase(phase)
        return series.extended(starts_ns, durations_ns)

    def ask(self, request: dict[str, Any], expect: str, meanwhile: Meanwhile = None) -> Frame:
        """The answer of the kind `expect`. Raises AttemptFailed and Stopped, which end the runner."""
        try:
            return self._child.ask(request, expect, self.deadline_s, meanwhile)
        except (AttemptFailed, Stopped):
            self._child.kill()
            raise

    def close(self) -> None:
        """Ends the runner."""
        self._child.close()
