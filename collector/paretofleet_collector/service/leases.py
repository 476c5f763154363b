"""What an agent gets that asks for work."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from dataclasses import replace

import sqlalchemy as sa

from paretofleet_collector.lifecycle import grants
from paretofleet_collector.model.entities import AttemptKey, Grant, Run
from paretofleet_collector.model.messages import LeaseReply, Session
from paretofleet_collector.planning import schedule
from paretofleet_collector.planning.protocols import protocol_of
from paretofleet_collector.service import adaptive, blocks
from paretofleet_collector.service.context import Context
from paretofleet_collector.store import assignments, configurations, input_files, models, sessions, sweeps

_log = logging.getLogger(__name__)
#: An idle agent asks again after this long; while its last run is sealed, sooner.
ASK_AGAIN_S = 1.0
ASK_SOON_S = 0.2
#: One that listens asks by itself only in case a notice was lost.
ASK_LISTENING_S = 60.0


async def listen(context: Context, session: Session) -> AsyncIterator[None]:
    """Yields whenever there may be a run for the device of `session` in `context`; raises SessionRefused."""
    await context.store.read(lambda connection: sessions.check_session(connection, session))
    async for _ in context.notices.listen(session.device_id):
        yield


async def lease(context: Context, session: Session, *, listens: bool = False) -> LeaseReply:
    """Grants the next run of the device of `session` in `context`, or says when to ask again.

    An agent that `listens` for work is told when there may be some. Raises SessionRefused.
    """
    reply, is_unnoticed = await _lease(context, session)
    if listens and reply.grant is None and not is_unnoticed:
        return replace(reply, ask_again_s=ASK_LISTENING_S)
    return reply


async def _lease(context: Context, session: Session) -> tuple[LeaseReply, bool]:
    """The reply, and whether what the device waits for comes without notice: a lease's end, room."""

    def idle(connection: sa.Connection) -> bool:
        row = sessions.check_session(connection, session)
        was_seen = row.last_seen_unix_s is not None
        is_fresh = was_seen and abs(context.now() - row.last_seen_unix_s) < context.config.heartbeat_s / 2
        return bool(is_fresh and (row.paused or not assignments.queue(connection, session.device_id)))

    def work(connection: sa.Connection) -> tuple[Grant | None, grants.GrantDecision]:
        now = context.now()
        row = sessions.check_session(connection, session)
        sessions.touch(connection, row, now, context.config.heartbeat_s / 2)
        if row.paused:
            return None, grants.GrantDecision()
        decision = grants.next_grant(connection, session, now, context.config.lease_s)
        run = decision.run
        return (None if run is None else _grant(connection, run, context.config.lease_s)), decision

    if bool(context.write_fault()) or await context.store.read(idle):
        return LeaseReply(None, ASK_AGAIN_S), bool(context.write_fault())
    grant, decision = await context.store.write(work)
    due: schedule.Step | None = decision.due
    if isinstance(due, schedule.BlockDue):
        due = await blocks.settle(context, decision.sweep_id, session.device_id)
        grant, decision = await context.store.write(work)
    if isinstance(due, schedule.ChooseBlock):
        adaptive.start(context, adaptive.BlockRequest(decision.sweep_id, session.device_id, due))
    if grant is not None:
        planned, block = grant.planned, grant.block
        _log.info(
            "%s (%s) gets %s batch %d, block %d of sweep %s: run %s",
            *(planned.device, session.device_id, planned.model, planned.configuration.batch_size),
            *(block, grant.sweep_name, grant.key.run_id),
        )
    reply = LeaseReply(grant, ASK_SOON_S if decision.soon else ASK_AGAIN_S, decision.reboot)
    return reply, decision.soon and not decision.sweep_id


def _grant(connection: sa.Connection, run: Run, lease_s: float) -> Grant:
    _, name, repeats = sweeps.heading(connection, run.sweep_id)
    planned = configurations.get(connection, run.sweep_id, run.configuration_id)
    timeout_s = sweeps.timeout_s(connection, run.sweep_id)
    return Grant(
        key=AttemptKey(run.run_id, run.attempt),
        sweep_id=run.sweep_id,
        sweep_name=name,
        planned=planned,
        block=run.block,
        limits=protocol_of(planned.configuration.protocol, timeout_s).limits,
        artifact=models.get(connection, planned.configuration.variant_sha256),
        seed=repeats.seed,
        lease_s=lease_s,
        inputs=tuple(input_files.get(connection, sha256) for sha256 in planned.configuration.input_files),
    )
