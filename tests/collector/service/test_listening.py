"""Idle agents are told of work: they listen, and beat now and then, together with others."""

from __future__ import annotations

import asyncio
import json

import pytest
from paretofleet_collector.errors import SessionRefused
from paretofleet_collector.model.messages import Heartbeat
from paretofleet_collector.service import agents, devices, leases, submission, sweeps
from paretofleet_collector.service.sealing import READ_TRIES, Sealer
from paretofleet_collector.store import runs
from rig import Rig


def heard(rig: Rig, session, change) -> int:
    """How many notices an agent hears that listens while `change` is made, but for the one at its opening."""
    notices = []

    async def listen(opened: asyncio.Event) -> None:
        async for _ in leases.listen(rig.context, session):
            notices.append(len(notices))
            opened.set()

    async def both() -> None:
        opened = asyncio.Event()
        listener = asyncio.create_task(listen(opened))
        await opened.wait()
        await change()
        await asyncio.sleep(0.05)
        rig.context.notices.close()
        await listener

    rig.do(both())
    return len(notices) - 1


async def submit(rig: Rig, name: str, **spec: object) -> None:
    text = {"models": ["tiny"], "protocol": "quick", "name": name, "repeats": 1, **spec}
    await submission.submit(rig.context, f"request of {name}", json.dumps(text))


def test_an_idle_agent_that_listens_asks_once_a_minute_and_another_every_second(rig):
    session = rig.joined()
    listening = rig.do(leases.lease(rig.context, session, listens=True))
    polling = rig.do(leases.lease(rig.context, session))
    assert (listening.grant, listening.ask_again_s, polling.ask_again_s) == (None, 60.0, 1.0)


def test_who_listens_hears_of_a_sweep_on_its_device_alone(rig):
    session, other = rig.joined(), rig.joined("other")
    assert heard(rig, session, lambda: submit(rig, "mine", devices={"name": ["box"]})) == 1
    assert heard(rig, other, lambda: submit(rig, "again", devices={"name": ["box"]})) == 0


def test_who_listens_hears_that_its_device_may_work_again(rig):
    session = rig.joined()
    assert heard(rig, session, lambda: devices.change_device(rig.context, "box", "resume", {})) == 1


def test_who_waits_for_a_sweep_hears_that_it_was_cancelled(rig):
    session = rig.joined()
    rig.do(submit(rig, "first"))
    assert heard(rig, session, lambda: sweeps.cancel(rig.context, "first")) == 1
    assert heard(rig, session, lambda: sweeps.retry(rig.context, "first")) == 1


def test_a_device_whose_earlier_agent_holds_a_lease_asks_again_soon(rig):
    session = rig.joined()
    rig.do(submit(rig, "first"))
    assert rig.lease(session) is not None
    later = rig.joined(instance=2)
    again = rig.do(leases.lease(rig.context, later, listens=True))
    assert again.grant is not None or again.ask_again_s < 2.0


def test_a_newer_stream_of_a_device_ends_the_older(rig):
    session = rig.joined()

    async def listen() -> None:
        async for _ in leases.listen(rig.context, session):
            pass

    async def twice() -> None:
        older = asyncio.create_task(listen())
        async with asyncio.timeout(60):
            while not len(rig.context.notices):  # noqa: ASYNC110 - of its opening nobody tells
                await asyncio.sleep(0.01)
        newer = asyncio.create_task(listen())
        await asyncio.wait_for(older, 60)
        assert len(rig.context.notices) == 1
        rig.context.notices.close()
        await newer

    rig.do(twice())


def test_idle_heartbeats_share_a_write_and_a_replaced_one_is_refused_alone(rig, monkeypatch):
    sessions = [rig.joined(f"box-{number}") for number in range(20)]
    rig.joined("box-3", instance=2)
    rig.clock[0] += 100
    writes, write = [], rig.context.store.write
    monkeypatch.setattr(rig.context.store, "write", lambda work: writes.append(work) or write(work))

    async def beat() -> list[object]:
        beats = [Heartbeat(session, (), None, "", 0) for session in sessions]
        return await asyncio.gather(
            *(agents.progress(rig.context, beat) for beat in beats), return_exceptions=True
        )

    answers = rig.do(beat())
    assert [number for number, answer in enumerate(answers) if isinstance(answer, SessionRefused)] == [3]
    assert len(writes) == 1
    states = {device.name: device.state for device in rig.do(devices.list_devices(rig.context))}
    assert (states["box-0"], states["box-3"]) == ("online", "offline")


def test_a_heartbeat_of_a_session_that_never_was_is_refused(rig):
    session = rig.joined()
    stranger = type(session)("nobody", 1, "x")
    with pytest.raises(SessionRefused, match="has not joined"):
        rig.do(agents.progress(rig.context, Heartbeat(stranger, (), None, "", 0)))


def test_who_waits_hears_that_a_run_is_to_be_measured_again(rig):
    """The disk damaged what was acknowledged: the run is pending, and its device waits for its seal."""
    session = rig.joined()
    rig.submit()
    rig.upload(session, rig.lease(session))
    flip = "UPDATE chunks SET crc32 = crc32 + 1 WHERE stream = 'marks'"
    rig.do(rig.context.store.write(lambda connection: connection.exec_driver_sql(flip) and None))

    async def seal() -> None:
        sealer = Sealer(rig.context, rig.context.worker)
        for _ in range(READ_TRIES):
            for run in await rig.context.store.read(lambda connection: runs.in_state(connection, "uploaded")):
                await sealer._seal_or_wait(run)

    assert heard(rig, session, seal) == 1
    assert rig.lease(session).key.attempt == 2
