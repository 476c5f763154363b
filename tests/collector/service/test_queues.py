"""In which order a device works on its sweeps, and what becomes of a part that it shall leave."""

from __future__ import annotations

import pytest
from paretofleet_collector.errors import NotFound, Refused
from paretofleet_collector.lifecycle import cancelling
from paretofleet_collector.model.messages import AttemptState, Heartbeat
from paretofleet_collector.service import agents, devices, queues, sweeps, unfinished
from paretofleet_collector.store import assignments
from rig import Rig


def next_sweep(rig: Rig, session, *, is_sent: bool = False) -> str:
    """The sweep of the run that the device gets, which fails there, or is sent."""
    grant = rig.lease(session)
    if is_sent:
        rig.upload(session, grant)
    else:
        rig.fail(session, grant, "wrong_output")
    return grant.sweep_name


def test_sweeps_come_in_the_order_that_was_asked_for(rig):
    session = rig.joined()
    for name in ("first", "second", "third"):
        rig.submit(name=name)
    (changed,) = rig.do(queues.prioritise(rig.context, ["third", "second"]))
    assert (changed.device, changed.sweeps) == ("box", ("third", "second", "first"))
    assert rig.do(devices.list_devices(rig.context))[0].queue == changed.sweeps
    assert [next_sweep(rig, session) for _ in range(3)] == ["third", "second", "first"]
    assert rig.lease(session) is None


def test_a_sweep_can_be_put_last(rig):
    session = rig.joined()
    for name in ("first", "second", "third"):
        rig.submit(name=name)
    rig.do(queues.prioritise(rig.context, ["first"], last=True))
    assert [next_sweep(rig, session) for _ in range(3)] == ["second", "third", "first"]


def test_the_block_that_is_under_way_is_finished_first(rig):
    session = rig.joined()
    rig.submit(name="first", batch_sizes=(1, 2), runs_min=2, runs_max=2)
    assert next_sweep(rig, session, is_sent=True) == "first"
    rig.submit(name="urgent")
    rig.do(queues.prioritise(rig.context, ["urgent"]))
    assert next_sweep(rig, session, is_sent=True) == "first"
    assert [next_sweep(rig, session) for _ in range(2)] == ["urgent", "first"]


def test_only_one_device_s_queue_changes_where_it_is_named(rig):
    here, there = rig.joined("here"), rig.joined("there")
    for name in ("first", "second"):
        rig.submit(name=name)
    (changed,) = rig.do(queues.prioritise(rig.context, ["second"], "there"))
    assert changed.device == "there"
    assert (next_sweep(rig, here), next_sweep(rig, there)) == ("first", "second")


def test_what_is_in_no_queue_is_refused_by_name(rig):
    session = rig.joined()
    rig.joined("idle")
    rig.submit(name="first", devices=["box"])
    with pytest.raises(Refused, match="first: nothing is left to run on idle"):
        rig.do(queues.prioritise(rig.context, ["first"], "idle"))
    with pytest.raises(NotFound):
        rig.do(queues.prioritise(rig.context, ["nothing"]))
    next_sweep(rig, session)
    with pytest.raises(Refused, match="first: nothing is left to run on any device"):
        rig.do(queues.prioritise(rig.context, ["first"]))


def test_a_skipped_part_ends_with_its_reason_and_is_taken_up_again(rig):
    here, there = rig.joined("here"), rig.joined("there")
    sweep = rig.submit(name="first", runs_min=2, runs_max=2)
    next_sweep(rig, there, is_sent=True)
    running = rig.lease(there)
    skipped = rig.do(sweeps.skip(rig.context, "first", "there"))
    assert dict(skipped.runs_by_state) == {"uploaded": 1, "skipped": 1, "pending": 2}
    said = Heartbeat(there, (running.key,), running.key, "measure", 1)
    assert rig.do(agents.progress(rig.context, said))[0].state is AttemptState.SUPERSEDED
    assert rig.lease(there) is None
    for _ in range(2):
        next_sweep(rig, here, is_sent=True)
    rig.seal()
    assert rig.lease(here) is None
    shown = rig.do(sweeps.show(rig.context, "first"))
    assert shown.sweep.state == "finished_with_failures"
    (reason,) = [(one.reason, one.message) for one in shown.configurations if one.reason]
    assert reason == ("skipped_by_hand", "Skipped on there; `sweep retry` takes it up again.")
    with pytest.raises(Refused, match="there has nothing left in sweep 'first'"):
        rig.do(sweeps.skip(rig.context, "first", "there"))

    rig.do(sweeps.retry(rig.context, "first"))
    assert next_sweep(rig, there, is_sent=True) == "first"
    rig.seal()
    assert rig.sweep(sweep.sweep_id).state == "finished"


def test_the_next_sweep_comes_after_a_skipped_one(rig):
    session = rig.joined()
    rig.submit(name="first")
    rig.submit(name="second")
    rig.do(sweeps.skip(rig.context, "first", "box"))
    assert rig.sweep("first").state == "finished_with_failures"
    assert next_sweep(rig, session) == "second"


def test_a_skip_that_broke_off_is_finished_and_nothing_of_it_is_granted_meanwhile(rig):
    session = rig.joined()
    sweep_id = rig.submit(name="first", batch_sizes=(1, 2)).sweep_id
    rig.do(
        rig.context.store.write(lambda connection: assignments.skip(connection, sweep_id, session.device_id))
    )
    assert rig.lease(session) is None
    rig.do(unfinished.finish_all(rig.context))
    assert dict(rig.sweep(sweep_id).runs_by_state) == {"skipped": 2}
    assert rig.sweep(sweep_id).state == "finished_with_failures"
    assert not rig.do(
        rig.context.store.write(
            lambda connection: cancelling.skip_part_runs(connection, sweep_id, session.device_id, 1.0)
        )
    )
