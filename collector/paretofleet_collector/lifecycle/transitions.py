"""Applies the schedule to the store. Everything here runs in the writer, inside one transaction."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from paretofleet_collector.model.entities import AttemptKey, Repeats, Run
from paretofleet_collector.model.messages import Session
from paretofleet_collector.planning import schedule
from paretofleet_collector.planning.expansion import Missing
from paretofleet_collector.store import choices, chunks, devices, reboots, runs, sweeps
from paretofleet_collector.store.runs import ATTEMPTS, OPEN, RUNS, UNDER_WAY
from paretofleet_collector.store.sealed import SUMMARIES
from paretofleet_collector.store.sweeps import PLANNED

_log = logging.getLogger(__name__)


def submit_blocks(
    connection: sa.Connection, sweep_id: str, repeats: Repeats, missing: Sequence[Missing], now: float
) -> None:
    """Adds the first blocks of a new sweep: every configuration once in each.

    What lacks its runtime has one run, which failed; tried again, it gets what it lacks of the others.
    """
    why = {one.planned.configuration_id: one.why for one in missing}
    planned = sweeps.planned(connection, sweep_id)
    pairs = [(item.configuration_id, item.configuration.device_id) for item in planned]
    runs.append(connection, sweep_id, 1, pairs)
    query = sa.select(RUNS.c.run_id, RUNS.c.configuration_id).where(RUNS.c.sweep_id == sweep_id)
    for row in connection.execute(query).all() if why else ():
        if row.configuration_id in why:
            values = {"reason": "runtime_missing", "message": why[row.configuration_id], "ended_unix_s": now}
            runs.move(connection, row.run_id, "failed", come_from=("pending",), values=values)
    able = [pair for pair in pairs if pair[0] not in why]
    for block in range(2, repeats.runs_min + 1):
        runs.append(connection, sweep_id, block, able)


@dataclass(frozen=True)
class Offer:
    """A run that was granted; without one, whether there may be one `soon`, why the device shall `reboot`
    first, and what is to be chosen first in which sweep.
    """

    run: Run | None = None
    soon: bool = False
    reboot: str = ""
    sweep_id: str = ""
    choose: schedule.ChooseBlock | None = None


def next_grant(connection: sa.Connection, session: Session, now: float, lease_s: float) -> Offer:
    """Grants the device's next run, if there is one.

    Sweeps are served first come first served. A grant whose reply may have been lost is repeated as it was.
    """
    repeated = runs.granted_but_silent(connection, session)
    if repeated is not None:
        runs.renew(connection, AttemptKey(repeated.run_id, repeated.attempt), now + lease_s)
        return Offer(repeated)
    if runs.under_way(connection, session.device_id, now):
        return Offer(soon=True)
    for sweep_id in sweeps.unfinished_of(connection, session.device_id):
        step = settle(connection, sweep_id, session.device_id, now)
        if isinstance(step, schedule.Wait | schedule.ChooseBlock):
            choose = step if isinstance(step, schedule.ChooseBlock) else None
            return Offer(soon=True, sweep_id=sweep_id, choose=choose)
        if isinstance(step, schedule.Reboot):
            return Offer(reboot=_ask_to_reboot(connection, sweep_id, session.device_id, step, now))
        if isinstance(step, schedule.GrantRun):
            return _give(connection, step, session, now, lease_s)
    return Offer()


def _give(
    connection: sa.Connection, step: schedule.GrantRun, session: Session, now: float, lease_s: float
) -> Offer:
    run = runs.get(connection, step.run_id)
    boot_id, _ = devices.boot(connection, session.device_id)
    if run is None or not runs.grant(connection, run, session, now, lease_s, boot_id=boot_id):
        return Offer(soon=True)
    sweeps.set_state(connection, run.sweep_id, "running", now)
    return Offer(runs.get(connection, step.run_id))


def _ask_to_reboot(
    connection: sa.Connection, sweep_id: str, device_id: str, step: schedule.Reboot, now: float
) -> str:
    """Keeps that the device was asked, from which on its time runs; the sentence that it is told."""
    boot_id, _ = devices.boot(connection, device_id)
    reboots.note(connection, sweep_id, device_id, boot_id, now)
    name = sweeps.name_of(connection, sweep_id)
    return f"sweep {name} spreads its blocks over boots: {done_within_boot(step)}"


def done_within_boot(step: schedule.Reboot) -> str:
    """How far a device is that waits for a reboot."""
    return f"{step.done} of {step.blocks} blocks are done within this boot"


def settle(connection: sa.Connection, sweep_id: str, device_id: str, now: float) -> schedule.Step:
    """Applies what follows from the history of a device in a sweep; returns the step that is left.

    Ends the sweep when that was the last of it.
    """
    repeats = sweeps.repeats(connection, sweep_id)
    while True:
        step = next_step(connection, sweep_id, device_id, repeats, now)
        if isinstance(step, schedule.SkipRuns):
            for run_id in step.run_ids:
                runs.move(
                    connection,
                    run_id,
                    "skipped",
                    come_from=("pending",),
                    values={"reason": step.reason, "message": step.because, "ended_unix_s": now},
                )
                chunks.drop(connection, run_id)
        elif isinstance(step, schedule.FailRun):
            fail_lost(connection, step.run_id, now)
        elif isinstance(step, schedule.AddBlock | schedule.ChooseBlock) and _gets_no_more(
            connection, sweep_id, device_id
        ):
            finish(connection, sweep_id, now)
            return schedule.Done()
        elif isinstance(step, schedule.AddBlock):
            pairs = [(configuration_id, device_id) for configuration_id in step.configuration_ids]
            runs.append(connection, sweep_id, step.block, pairs)
        else:
            if isinstance(step, schedule.Done):
                finish(connection, sweep_id, now)
            return step


def _gets_no_more(connection: sa.Connection, sweep_id: str, device_id: str) -> bool:
    """Whether no block may follow: the sweep is over, or the device was removed while its last was sealed."""
    return sweeps.is_over(connection, sweep_id) or devices.is_removed(connection, device_id)


def next_step(
    connection: sa.Connection, sweep_id: str, device_id: str, repeats: Repeats, now: float
) -> schedule.Step:
    """The schedule's answer to what is stored; nothing is applied."""
    choice = None
    if repeats.adaptive is not None:
        newest = choices.newest(connection, sweep_id, device_id)
        choice = None if newest is None else schedule.BlockChoice(newest[1], newest[0], newest[2])
    boot = None
    if repeats.boots > 1:
        boot_id, may_reboot = devices.boot(connection, device_id)
        asked = reboots.asked_unix_s(connection, sweep_id, device_id, boot_id)
        boot = schedule.Boot(boot_id, may_reboot, asked)
    return schedule.next_run(history(connection, sweep_id, device_id), repeats, now, choice, boot)


def fail_lost(connection: sa.Connection, run_id: str, now: float) -> None:
    """Fails a run whose attempts all ended in silence."""
    message = "The agent fell silent in every attempt; look at its log and at the device's power."
    values = {"reason": "lost", "message": message, "ended_unix_s": now, "lease_until_unix_s": None}
    if runs.move(connection, run_id, "failed", come_from=UNDER_WAY, values=values):
        runs.supersede(connection, run_id)
        chunks.drop(connection, run_id)


def give_up(connection: sa.Connection, device_id: str, message: str, now: float) -> None:
    """Cancels every run of a device that was not uploaded yet, so that its sweeps can end without it."""
    come_from = ("pending", *UNDER_WAY)
    values = {"reason": "cancelled", "message": message, "ended_unix_s": now, "lease_until_unix_s": None}
    for sweep_id in sweeps.unfinished_of(connection, device_id):
        for run_id in runs.ids(connection, sweep_id, come_from, device_id):
            runs.move(connection, run_id, "cancelled", come_from=come_from, values=values)
            runs.supersede(connection, run_id)
            chunks.drop(connection, run_id)
        settle(connection, sweep_id, device_id, now)
        finish(connection, sweep_id, now)


def finish(connection: sa.Connection, sweep_id: str, now: float) -> None:
    """Ends a sweep that has no open run; it finished with failures if any run failed or was skipped."""
    states = set(
        connection.execute(sa.select(RUNS.c.state).where(RUNS.c.sweep_id == sweep_id).distinct()).scalars()
    )
    if states & set(OPEN) or _is_choosing(connection, sweep_id, now):
        return
    state = "finished_with_failures" if states & {"failed", "skipped", "cancelled"} else "finished"
    if sweeps.set_state(connection, sweep_id, state, now):
        _log.info("sweep %s: %s", sweep_id, state)


def _is_choosing(connection: sa.Connection, sweep_id: str, now: float) -> bool:
    """True while the next block of a device that is still there is to be chosen."""
    repeats = sweeps.repeats(connection, sweep_id)
    if repeats.adaptive is None:
        return False
    return any(
        isinstance(next_step(connection, sweep_id, device_id, repeats, now), schedule.ChooseBlock)
        for device_id, _ in sweeps.devices_of(connection, sweep_id)
        if not devices.is_removed(connection, device_id)
    )


def history(connection: sa.Connection, sweep_id: str, device_id: str) -> list[schedule.PastRun]:
    """All runs of a device in a sweep, as the schedule wants them."""
    query = (
        sa.select(
            RUNS,
            PLANNED.c.family,
            PLANNED.c.batch_size,
            SUMMARIES.c.counted,
            SUMMARIES.c.environment_id,
            SUMMARIES.c.batch_latency_mean_s,
            sa.case((SUMMARIES.c.batch_latency_mean_s.is_(None), SUMMARIES.c.summary_json)).label(
                "without_latency"
            ),
            ATTEMPTS.c.boot_id,
        )
        .join(
            PLANNED,
            sa.and_(
                PLANNED.c.sweep_id == RUNS.c.sweep_id, PLANNED.c.configuration_id == RUNS.c.configuration_id
            ),
        )
        .outerjoin(
            ATTEMPTS, sa.and_(ATTEMPTS.c.run_id == RUNS.c.run_id, ATTEMPTS.c.attempt == RUNS.c.attempt)
        )
        .outerjoin(SUMMARIES, SUMMARIES.c.run_id == RUNS.c.run_id)
        .where(RUNS.c.sweep_id == sweep_id, RUNS.c.device_id == device_id)
        .order_by(PLANNED.c.position, RUNS.c.block)
    )
    return [
        schedule.PastRun(
            run_id=row.run_id,
            configuration_id=row.configuration_id,
            family=row.family,
            batch_size=row.batch_size,
            block=row.block,
            state=row.state,
            tries=row.tries,
            attempt=row.attempt,
            reason=row.reason,
            lease_until_unix_s=row.lease_until_unix_s,
            counted=row.counted,
            value_s=_value_s(row),
            boot_id=row.boot_id,
            environment_id=row.environment_id,
        )
        for row in connection.execute(query)
    ]


def _value_s(row: sa.Row[Any]) -> float | None:
    """What decides how many runs there are: the mean latency, or the time of an item where a run has none."""
    if row.without_latency is None:
        return None if row.batch_latency_mean_s is None else float(row.batch_latency_mean_s)
    item_s = json.loads(row.without_latency).get("time_per_item_s")
    return None if item_s is None else float(item_s)
