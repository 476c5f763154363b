"""The whole fleet, looked at every second while somebody watches: what is over is counted once."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

import sqlalchemy as sa

from paretofleet_collector.lifecycle.notes import waits
from paretofleet_collector.model.entities import SWEEP_FINAL
from paretofleet_collector.model.messages import LiveReading
from paretofleet_collector.model.page_views import (
    Fleet,
    FleetDevice,
    FleetSweep,
    LastFailure,
    LastReading,
    SweepMark,
)
from paretofleet_collector.model.run_time import Span
from paretofleet_collector.model.views import DeviceView, RunningNow, SweepView
from paretofleet_collector.service import devices
from paretofleet_collector.service.context import Context
from paretofleet_collector.service.watching import Earlier, left_of
from paretofleet_collector.store import overview, progress, sweeps

#: The time left of a sweep is worked out at most so often; so long after a run its seal is awaited.
LEFT_S = 15.0
#: Once a look has worked out times left for so many seconds, the next look goes on with it.
LEFT_SPENT_S = 0.05
READING_S = 5.0


class Overview:
    """Looks at the fleet of a collector again and again, and keeps what does not change in between."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._one_at_a_time = asyncio.Lock()
        self._sweeps: dict[str, tuple[SweepMark, FleetSweep]] = {}
        self._left: dict[str, tuple[float, Span | None]] = {}
        #: Those that moved since their time left was worked out.
        self._moved: set[str] = set()
        #: By device: the run that it was at, and what it read last with the time until when that counts.
        self._readings: dict[str, tuple[str, float, LastReading | None]] = {}
        self._earlier: Earlier = {}

    async def look(self) -> Fleet:
        """The fleet as it is now."""
        async with self._one_at_a_time:
            listed = await devices.list_devices(self._context)
            return await self._context.store.read(lambda connection: self._look(connection, listed))

    def _look(self, connection: sa.Connection, listed: list[DeviceView]) -> Fleet:
        now = self._context.now()
        running = progress.running_now(connection)
        failures = overview.last_failures(connection)
        before = {sweep_id: mark for sweep_id, (mark, _) in self._sweeps.items()}
        marks = overview.sweep_marks(connection, before)
        by_id = self._sweeps_now(connection, marks, now)
        why = self._waits(connection, listed, running, by_id)
        seen = tuple(self._device(connection, each, running, failures, why) for each in listed)
        return Fleet(seen, tuple(by_id.values()))

    def _sweeps_now(
        self, connection: sa.Connection, marks: Sequence[SweepMark], now: float
    ) -> dict[str, FleetSweep]:
        """The sweeps by their ids, in the order of `marks`: what did not move since is as it was."""
        before = self._sweeps
        moved = [mark for mark in marks if mark.sweep_id not in before or before[mark.sweep_id][0] != mark]
        ids = [mark.sweep_id for mark in moved]
        unlike = [each for each in moved if not self._has_state(each)]
        views = {
            sweep.sweep_id: SweepView.of(sweep)
            for sweep in sweeps.by_ids(connection, [mark.sweep_id for mark in unlike])
        }
        why = overview.reasons(connection, ids)
        for mark in moved:
            view = views.get(mark.sweep_id) or _recounted(before[mark.sweep_id][1].view, mark)
            left = self._left.get(mark.sweep_id, (0.0, None))[1]
            before[mark.sweep_id] = mark, FleetSweep(view, left, why.get(mark.sweep_id, {}))
        self._moved |= set(ids)
        self._forget({mark.sweep_id for mark in marks})
        self._work_out_left(connection, now)
        return {mark.sweep_id: before[mark.sweep_id][1] for mark in marks}

    def _has_state(self, mark: SweepMark) -> bool:
        """Whether the sweep of `mark` was seen in the state that it is in."""
        before = self._sweeps.get(mark.sweep_id)
        return before is not None and before[0].state == mark.state

    def _forget(self, there: Collection[str]) -> None:
        for sweep_id in set(self._sweeps) - set(there):
            del self._sweeps[sweep_id]
            self._moved.discard(sweep_id)
            self._left.pop(sweep_id, None)
            self._earlier.pop(sweep_id, None)

    def _work_out_left(self, connection: sa.Connection, now: float) -> None:
        """The time left of sweeps that moved: not of each too often, nor of more than a look has time for."""
        due = sorted((self._left.get(each, (0.0, None))[0], each) for each in self._moved)
        begun = time.monotonic()
        for until, sweep_id in due:
            mark, shown = self._sweeps[sweep_id]
            is_over = mark.state in SWEEP_FINAL
            if until > now and not is_over:
                continue
            left = left_of(connection, sweep_id, mark.state, self._earlier, now)
            self._left[sweep_id] = now + LEFT_S, left
            self._sweeps[sweep_id] = mark, replace(shown, left=left)
            self._moved.discard(sweep_id)
            if not is_over and time.monotonic() - begun > LEFT_SPENT_S:
                break

    def _waits(
        self,
        connection: sa.Connection,
        listed: list[DeviceView],
        running: Mapping[str, RunningNow],
        by_id: Mapping[str, FleetSweep],
    ) -> dict[str, str]:
        """By name why devices do not go on with the first of their queue, or with a sweep that is paused."""
        idle = {each.name: each.queue for each in listed if each.device_id not in running}
        heads = {queue[0] for queue in idle.values() if queue}
        why: dict[str, str] = {}
        for sweep in by_id.values():
            is_paused = sweep.view.state == sweeps.PAUSED
            if not (is_paused or (sweep.view.name in heads and sweep.view.state not in SWEEP_FINAL)):
                continue
            stored = sweeps.find(connection, sweep.view.sweep_id)
            context = self._context
            for name, sentence in waits(connection, stored, context.now(), context.offline_after_s):
                if not (is_paused and idle.get(name)):
                    why.setdefault(name, sentence)
        return why

    def _device(
        self,
        connection: sa.Connection,
        view: DeviceView,
        running: Mapping[str, RunningNow],
        failures: Mapping[str, LastFailure],
        why: Mapping[str, str],
    ) -> FleetDevice:
        now = running.get(view.device_id)
        reading = self._reading(connection, view.device_id, "" if now is None else now.run_id)
        reason = "" if now is not None else why.get(view.name) or _idle_reason(view)
        live = live_reading(self._context, view)
        return FleetDevice(view, now, reason, failures.get(view.device_id), reading, live)

    def _reading(self, connection: sa.Connection, device_id: str, run_id: str) -> LastReading | None:
        """What the device read last; after it went on to another run, that is asked until it is sealed."""
        now = self._context.now()
        if device_id not in self._readings:
            self._readings[device_id] = run_id, now, overview.last_reading(connection, device_id)
        at_run, until, reading = self._readings[device_id]
        if at_run != run_id:
            until = now + READING_S
        if now < until:
            reading = overview.last_reading(connection, device_id)
        self._readings[device_id] = run_id, until, reading
        return reading


def live_reading(context: Context, device: DeviceView) -> LiveReading:
    """What the agent of a `device` in `context` read last; empty where it is silent."""
    return context.live_readings.of(device.device_id, context.now() - context.offline_after_s)


def _recounted(view: SweepView, mark: SweepMark) -> SweepView:
    counts = dict(mark.counts)
    return replace(view, runs=sum(counts.values()), runs_by_state=counts)


def _idle_reason(device: DeviceView) -> str:
    """Why a device does nothing that no sweep waits for, or whose sweep says nothing of it."""
    reasons = {
        "offline": "offline: its agent is silent",
        "paused": f"paused; `paretofleet devices resume {device.name}` ends that",
        "removed": "removed",
        "waiting": f"waits to be let in; `paretofleet devices approve {device.name}` does that",
    }
    return reasons.get(device.state) or ("" if device.queue else "nothing to do")
