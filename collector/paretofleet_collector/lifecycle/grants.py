"""What a device gets that asks for work: a run, a reboot first, or the word to ask again."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

from paretofleet_collector.lifecycle import transitions
from paretofleet_collector.model.entities import AttemptKey, Run
from paretofleet_collector.model.messages import Session
from paretofleet_collector.planning import schedule
from paretofleet_collector.store import assignments, devices, leases, reboots, runs, sweeps


@dataclass(frozen=True)
class GrantDecision:
    """A run that was granted; without it, whether there may be one `soon`, why the device shall `reboot`
    first, and what is to be chosen, or worked out from a long history, first in which sweep.
    """

    run: Run | None = None
    soon: bool = False
    reboot: str = ""
    sweep_id: str = ""
    due: schedule.ChooseBlock | schedule.BlockDue | None = None


def next_grant(connection: sa.Connection, session: Session, now: float, lease_s: float) -> GrantDecision:
    """Grants through `connection` the next run of the device of `session`, if there is one.

    Sweeps are served in the order of the device's queue: first come first, unless an operator put others
    first. A grant whose reply may have been lost is repeated as it was.
    `now` is in seconds since 1970; the lease lasts `lease_s` seconds.
    """
    repeated = leases.unconfirmed_grant(connection, session)
    if repeated is not None:
        leases.renew(connection, AttemptKey(repeated.run_id, repeated.attempt), now + lease_s)
        return GrantDecision(repeated)
    if leases.has_live_lease(connection, session.device_id, now):
        return GrantDecision(soon=True)
    for sweep_id in assignments.queue(connection, session.device_id):
        step = transitions.apply_schedule(connection, sweep_id, session.device_id, now)
        if isinstance(step, schedule.Wait | schedule.ChooseBlock | schedule.BlockDue):
            due = None if isinstance(step, schedule.Wait) else step
            return GrantDecision(soon=True, sweep_id=sweep_id, due=due)
        if isinstance(step, schedule.Reboot):
            return GrantDecision(reboot=_ask_to_reboot(connection, sweep_id, session.device_id, step, now))
        if isinstance(step, schedule.GrantRun):
            return _grant(connection, step, session, now, lease_s)
    return GrantDecision()


def _grant(
    connection: sa.Connection, step: schedule.GrantRun, session: Session, now: float, lease_s: float
) -> GrantDecision:
    run = runs.get(connection, step.run_id)
    boot_id, _ = devices.boot(connection, session.device_id)
    if run is None or not leases.grant(connection, run, session, now, lease_s, boot_id=boot_id):
        return GrantDecision(soon=True)
    sweeps.set_state(connection, run.sweep_id, "running", now)
    return GrantDecision(runs.get(connection, step.run_id))


def _ask_to_reboot(
    connection: sa.Connection, sweep_id: str, device_id: str, step: schedule.Reboot, now: float
) -> str:
    """Keeps that the device was asked, from which on its time runs; the sentence that it is told."""
    boot_id, _ = devices.boot(connection, device_id)
    reboots.note(connection, sweep_id, device_id, boot_id, now)
    name = sweeps.name_of(connection, sweep_id)
    return f"sweep {name} spreads its blocks over boots: {done_within_boot(step)}"


def done_within_boot(step: schedule.Reboot) -> str:
    """How far a device is for which `step` is a reboot."""
    return f"{step.done} of {step.blocks} blocks are done within this boot"
