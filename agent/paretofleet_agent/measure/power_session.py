"""The sampler of an attempt, seen from the daemon: its readings are kept, and decide how long to measure."""

from __future__ import annotations

import json
import logging
import time
from typing import Any, Mapping, Sequence

from paretofleet_agent.errors import AttemptFailed
from paretofleet_agent.measure.child import Child
from paretofleet_agent.measure.run_record import RunRecord
from paretofleet_agent.model import SensorInfo
from paretofleet_agent.power import rail_facts, stopping
from paretofleet_agent.power.estimators import POLLING_S, with_measured
from paretofleet_agent.power.missing_rails import missing_rails
from paretofleet_agent.power.polling import MISSED_SHARE_MAX, Measured, failing, slowest_share
from paretofleet_agent.power.stopping import WindowVerdict
from paretofleet_agent.runner import frames

log = logging.getLogger(__name__)

#: A sampler opens its sensors within this, and hands over its readings at once: longer is a hang.
TIMEOUT_S, COLLECT_LIMIT_S = 60.0, 5.0
#: Flags of a run: a sensor is read less often than is said, its reads fail, or the sampler died.
SLOW, FAILING, SAMPLER_LOST = "sampler_slow", "sensor_failing", "sampler_lost"


class PowerSession:
    """The sampler process, or that there is none. `lost`: it died or hangs, and the run goes on without."""

    def __init__(self, child: Child | None, record: RunRecord) -> None:
        self._child, self._record = child, record
        self._rails: Sequence[rail_facts.RailFacts] = ()
        self._samples: dict[str, tuple[list[int], list[int]]] = {}
        self._begin_ns = 0
        self.lost = False
        self.report: dict[str, Any] = {}
        #: What the sampler looked for and did not find, as `model.Unavailable` has it.
        self.absent: Sequence[Mapping[str, Any]] = ()

    @property
    def is_there(self) -> bool:
        """Whether a sampler was started."""
        return self._child is not None

    @property
    def pid(self) -> int | None:
        """Its process id."""
        return None if self._child is None else self._child.pid

    def prepare(
        self, request: Mapping[str, Any], expected: Sequence[SensorInfo], measured: Measured
    ) -> list[dict[str, Any]]:
        """Starts the reading and returns the rails' facts, improved by what was `measured` of their streams.

        Rails that are `expected` and not there come too, each with the reason under "missing": their energy
        is null, and no other rail's may take its place; so do all where the sampler fails. Raises Stopped.
        """
        if self._child is None:
            return []
        try:
            header, _ = self._child.ask(dict(request, kind="prepare"), "ready", time.monotonic() + TIMEOUT_S)
        except AttemptFailed as error:
            why = self._lose(self._child, error)
            lost = [{"what": f"{info.source}/{info.rail}", "why": why} for info in expected]
            return missing_rails(expected, (), lost)
        rails = [with_measured(rail, measured.get(rail["stream"])) for rail in header["rails"]]
        self.absent = header.get("absent", ())
        return rails + missing_rails(expected, rails, self.absent)

    def choose_rails(self, rails: Sequence[Mapping[str, Any]], target_id: str) -> None:
        """Says which rails the run's energy is taken from: the primary ones of its target."""
        self._rails = rail_facts.primary_rails(rails, target_id, POLLING_S)

    def collect(self, now_ns: int, activity: str) -> None:
        """Takes what the sampler has up to `now_ns`, and hands it on; `activity`: idle, load or busy."""
        if self._child is None or self.lost:
            return
        request = {"kind": "collect", "until_ns": now_ns, "activity": activity}
        try:
            header, columns = self._child.ask(request, "samples", time.monotonic() + COLLECT_LIMIT_S)
        except AttemptFailed as error:
            log.warning("this run has no energy: %s", self._lose(self._child, error))
            return
        at = 0
        for stream in header["streams"]:
            size = 2 * frames.ITEM_BYTES * stream["n"]
            if stream["n"]:
                part = columns[at : at + size]
                self._record.put(stream["stream"], stream["schema"], stream["n"], part)
                self._keep(stream["stream"], part, stream["n"])
            at += size
        if header.get("report"):
            self._keep_report(now_ns, header["report"])
        scope = "+".join(sorted({rail.scope for rail in self._rails}))
        self._record.show_power(stopping.power_now_w(self._rails, self._samples, now_ns), scope)

    def close(self) -> None:
        """Ends the sampler."""
        if self._child is not None:
            self._child.close()

    def flags(self) -> list[str]:
        """What the sampler's last report says against its readings; failing sensors in a sentence each."""
        if not self.report:
            return []
        failures = failing(self.report)
        for stream, (failed, reads) in failures.items():
            log.warning(
                "the power sensor %s gave nothing at %d of %d reads of this run; where the window is not "
                "covered its energy is null: look at its connection with paretofleet-agent probe",
                stream.partition(":")[2],
                failed,
                reads,
            )
        flags = [SLOW] if slowest_share(self.report) > MISSED_SHARE_MAX else []
        return [*flags, FAILING] if failures else flags

    # What the readings decide

    @property
    def decides(self) -> bool:
        """Whether there is a sensor whose energy the window must be long enough for."""
        return bool(self._rails) and not self.lost

    def guard_s(self, *, is_short: bool) -> float:
        """How long the load runs before and after the window."""
        return stopping.guard_s(self._rails, is_short=is_short)

    def block_s(self) -> float:
        """How long a block lasts that is there for the energy."""
        return stopping.block_s(self._rails)

    def least_s(self) -> float:
        """The shortest window that makes sense for every sensor."""
        return max([0.0] + [stopping.least_s(rail) for rail in self._rails])

    def begin(self, now_ns: int) -> None:
        """The guard before the window begins: readings count from here on."""
        self._begin_ns = now_ns
        self._samples = {rail.stream: ([], []) for rail in self._rails}

    def judge(self, start_ns: int, now_ns: int) -> WindowVerdict:
        """Whether the window from `start_ns` to `now_ns` is long enough."""
        return stopping.judge(
            self._rails, self._samples, begin_ns=self._begin_ns, start_ns=start_ns, now_ns=now_ns
        )

    def pause_s(self, iteration_s: float) -> float:
        """The idle after each iteration that a part-time sensor needs; 0 where none is needed."""
        pauses = [
            stopping.spread_pause_s(iteration_s, period_s=rail.own_period_s, window_s=rail.window_s)
            for rail in self._rails
            if rail.is_part_time
        ]
        return max([0.0] + [pause for pause in pauses if pause is not None])

    def _lose(self, child: Child, error: AttemptFailed) -> str:
        """Goes on without the sampler, which costs the run its energy; returns why, which is a fact of it."""
        path = child.blocked_file() if error.reason == "timeout" else None
        why = f"the sampler of the power sensors failed: {error}"
        if path is not None:
            why = f"a read of {path} does not return: look at its driver, or leave the sensor out"
        elif error.reason == "timeout":
            why = "the sampler of the power sensors does not answer"
        child.kill()
        self.lost = True
        self._record.add_flag(SAMPLER_LOST)
        self._record.facts[SAMPLER_LOST] = why
        return why

    def _keep(self, stream: str, columns: bytes, n: int) -> None:
        if stream in self._samples:
            times, values = frames.unpack_columns(columns, n)
            self._samples[stream][0].extend(times)
            self._samples[stream][1].extend(values)

    def _keep_report(self, now_ns: int, report: Mapping[str, Any]) -> None:
        """What the sampler says of itself is a sample too, and the last one a fact."""
        self.report = dict(report)
        text = json.dumps({"sampler": report}, sort_keys=True).encode()
        self._record.put("state", "state/1", 1, frames.pack_columns(([now_ns], [len(text)])) + text)
