"""Large changes are made in slices: others write in between, and a crash leaves nothing half done."""

from __future__ import annotations

import asyncio
import json

import pytest
from paretofleet_collector.errors import NotFound
from paretofleet_collector.model.messages import Heartbeat
from paretofleet_collector.service import agents, devices, idle_beats, leases, submission, sweeps, unfinished
from paretofleet_collector.store import Store, runs
from rig import Rig

BATCH_SIZES = tuple(range(1, 41))
SPEC = {"models": ["tiny"], "protocol": "quick", "batch_sizes": BATCH_SIZES, "repeats": {"min": 2, "max": 2}}


@pytest.fixture(autouse=True)
def _small_slices(monkeypatch):
    monkeypatch.setattr(runs, "SLICE_RUNS", 7)


class Killed(BaseException):
    """The process ends here."""


def kill_after(rig: Rig, monkeypatch, writes: int) -> None:
    """The next writes are committed; the one after them never is."""
    left, write = [writes], rig.context.store.write

    async def counted(work):
        left[0] -= 1
        if left[0] < 0:
            raise Killed
        return await write(work)

    monkeypatch.setattr(rig.context.store, "write", counted)


def start_again(rig: Rig) -> None:
    rig.context.store.close()
    rig.context.store = Store.at(rig.home, rig.context.changes.bump)
    rig.context.submitting.clear()
    rig.do(unfinished.finish_all(rig.context))


def submit(rig: Rig, request_id: str = "request"):
    return rig.do(submission.submit(rig.context, request_id, json.dumps({**SPEC, "name": "big"})))[0]


@pytest.mark.parametrize("change", ["cancel", "remove", "delete"])
def test_a_heartbeat_is_answered_between_two_slices(rig, change, monkeypatch):
    monkeypatch.setattr(idle_beats, "GATHER_S", 0.0)
    session = rig.joined()
    rig.joined("other")
    sweep = submit(rig)
    if change == "delete":
        rig.do(sweeps.cancel(rig.context, sweep.name))
    calls = {
        "cancel": lambda: sweeps.cancel(rig.context, sweep.name),
        "remove": lambda: devices.change_device(rig.context, "other", "remove", {}),
        "delete": lambda: sweeps.delete(rig.context, sweep.name),
    }
    order: list[str] = []

    async def note(name: str, call) -> None:
        await call
        order.append(name)

    async def both() -> None:
        beat = Heartbeat(session, (), None, "", 0)
        large = asyncio.create_task(note("large", calls[change]()))
        await asyncio.sleep(0)
        await note("beat", agents.progress(rig.context, beat))
        await large

    rig.do(both())
    assert order == ["beat", "large"]


def test_a_submission_that_is_killed_half_way_was_never_there(rig, monkeypatch):
    session = rig.joined()
    with monkeypatch.context() as patched:
        kill_after(rig, patched, 10)
        with pytest.raises(Killed):
            submit(rig)
    assert rig.do(sweeps.list_sweeps(rig.context)) == []
    assert rig.lease(session) is None
    start_again(rig)
    assert rig.context.store.read_now(lambda connection: runs.in_state(connection, "pending")) == []
    again = submit(rig)
    assert (again.name, again.runs, again.runs_by_state) == ("big", 80, {"pending": 80})
    assert submit(rig).sweep_id == again.sweep_id, "the request is known again"


def test_a_cancellation_that_is_killed_half_way_goes_on(rig, monkeypatch):
    session = rig.joined()
    sweep = submit(rig)
    with monkeypatch.context() as patched:
        kill_after(rig, patched, 3)
        with pytest.raises(Killed):
            rig.do(sweeps.cancel(rig.context, sweep.name))
    assert rig.sweep(sweep.name).state == "cancelled"
    assert rig.lease(session) is None, "nothing of it is granted meanwhile"
    start_again(rig)
    assert rig.sweep(sweep.name).runs_by_state == {"cancelled": 80}


def test_the_removal_of_a_device_that_is_killed_half_way_goes_on(rig, monkeypatch):
    rig.joined()
    sweep = submit(rig)
    with monkeypatch.context() as patched:
        kill_after(rig, patched, 3)
        with pytest.raises(Killed):
            rig.do(devices.change_device(rig.context, "box", "remove", {}))
    start_again(rig)
    ended = rig.sweep(sweep.name)
    assert (ended.state, ended.runs_by_state) == ("finished_with_failures", {"cancelled": 80})


def test_a_deletion_that_is_killed_half_way_goes_on_and_frees_name_and_request_at_once(rig, monkeypatch):
    rig.joined()
    first = submit(rig)
    rig.do(sweeps.cancel(rig.context, first.name))
    with monkeypatch.context() as patched:
        kill_after(rig, patched, 3)
        with pytest.raises(Killed):
            rig.do(sweeps.delete(rig.context, first.name))
    with pytest.raises(NotFound):
        rig.sweep(first.name)
    second = submit(rig)
    assert (second.name, second.sweep_id != first.sweep_id) == ("big", True)
    start_again(rig)
    left = rig.context.store.read_now(lambda connection: runs.in_state(connection, "cancelled"))
    assert left == []
    assert rig.sweep("big").runs_by_state == {"pending": 80}


def test_a_call_that_is_given_up_is_finished_in_the_background(rig):
    rig.joined()
    sweep = submit(rig)
    woken: list[bool] = []
    rig.context.wake_unfinished = lambda: woken.append(True)

    async def given_up() -> None:
        call = asyncio.create_task(sweeps.cancel(rig.context, sweep.name))
        for _ in range(3):  # the intent, and some slices
            await asyncio.sleep(0)
            await rig.context.store.write(lambda _: None)
        call.cancel()
        await asyncio.gather(call, return_exceptions=True)

    rig.do(given_up())
    assert woken == [True]
    rig.do(unfinished.finish_all(rig.context))
    assert rig.sweep(sweep.name).runs_by_state == {"cancelled": 80}


def test_a_block_of_a_long_history_is_added_in_slices_and_granted_when_it_is_whole(rig, monkeypatch):
    monkeypatch.setattr("paretofleet_collector.lifecycle.transitions.HISTORY_MAX", 5)
    session = rig.joined()
    sweep = rig.submit(batch_sizes=BATCH_SIZES[:9], runs_min=1, runs_max=2, half_width=0.000001)
    for _ in range(9):
        rig.upload(session, rig.lease(session))
    rig.seal()
    rig.do(unfinished.finish_all(rig.context))
    assert rig.sweep(sweep.name).runs == 18
    rig.context.store.submit(lambda connection: _halve(connection, sweep.sweep_id)).result()
    start_again(rig)
    assert rig.sweep(sweep.name).runs_by_state == {"sealed": 9, "pending": 9}
    assert rig.lease(session).block == 2


def _halve(connection, sweep_id: str) -> None:
    """As a crash between the slices of block 2 leaves it."""
    from paretofleet_collector.store import assignments

    pending = runs.some_ids(connection, sweep_id, ("pending",))
    runs.delete(connection, pending[:4])
    assignments.add_block(connection, sweep_id, "id-box", 1)


@pytest.mark.parametrize("repeats", [2, 40])
def test_a_lease_costs_the_same_however_long_the_sweep_is(rig, repeats):
    """Instructions of the database, which do not depend on how busy the machine is."""
    session = rig.joined()
    rig.submit(batch_sizes=BATCH_SIZES, runs_min=repeats, runs_max=repeats)
    steps = [0]

    def count() -> int:
        steps[0] += 1
        return 0

    def watch(connection) -> None:
        connection.connection.driver_connection.set_progress_handler(count, 10)

    rig.context.store.submit(watch).result()
    grant = rig.lease(session)
    assert grant.block == 1
    assert 0 < steps[0] < 150, "1,500 instructions; with the whole history it was 25 for each of its runs"
    assert leases.ASK_AGAIN_S > 0
