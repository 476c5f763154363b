"""A sweep that is paused: what runs is finished, nothing further begins until somebody resumes it."""

from __future__ import annotations

import pytest
from paretofleet_collector.errors import Refused
from paretofleet_collector.lifecycle import absence
from paretofleet_collector.service import devices, queues, sweeps, watching
from paretofleet_collector.service.overview import Overview


def pause(rig, name: str = "first", person: str = ""):
    return rig.do(sweeps.pause(rig.context, name, person))


def resume(rig, name: str = "first"):
    return rig.do(sweeps.resume(rig.context, name))


def test_a_run_under_way_is_finished_and_no_other_begins_until_it_goes_on(rig):
    session = rig.joined()
    rig.submit(name="first", batch_sizes=(1, 2))
    running = rig.lease(session)
    assert pause(rig).state == "paused"
    rig.upload(session, running)
    rig.seal()
    assert rig.lease(session) is None
    assert rig.sweep("first").runs_by_state == {"sealed": 1, "pending": 1}
    assert resume(rig).state == "running"
    rig.upload(session, rig.lease(session))
    rig.seal()
    assert rig.sweep("first").state == "finished"


def test_devices_go_on_with_other_sweeps_and_come_back(rig):
    session = rig.joined()
    for name in ("first", "second"):
        rig.submit(name=name, batch_sizes=(1, 2))
    rig.upload(session, rig.lease(session))
    pause(rig)
    assert rig.do(devices.list_devices(rig.context))[0].queue == ("second",)
    assert rig.lease(session).sweep_name == "second"


def test_a_sweep_of_which_nothing_began_is_planned_again(rig):
    rig.joined()
    rig.submit(name="first")
    pause(rig)
    resumed = resume(rig)
    assert (resumed.state, resumed.paused_unix_s, resumed.paused_by) == ("planned", None, "")


def test_it_says_since_when_and_by_whom_and_how_it_goes_on(rig):
    rig.joined()
    rig.submit(name="first")
    rig.clock[0] = 90_000.0
    pause(rig, person="ana")
    shown = rig.sweep("first")
    assert (shown.paused_unix_s, shown.paused_by) == (90_000.0, "ana")
    why = "paused since 1970-01-02 01:00 UTC by ana; `paretofleet sweep resume first` ends that"
    assert shown.notes == (why,)
    (seen,) = rig.do(Overview(rig.context).look()).devices
    assert seen.waits == f"first is {why}"
    (listed,) = rig.do(sweeps.list_sweeps(rig.context, ("paused",)))
    assert (listed.name, listed.paused_by) == ("first", "ana")


def test_nobody_says_how_long_a_paused_sweep_takes(rig):
    session = rig.joined()
    rig.submit(name="first", batch_sizes=(1, 2))
    rig.upload(session, rig.lease(session))
    rig.seal()
    assert rig.do(watching.now(rig.context, "first", {})).left is not None
    pause(rig)
    assert rig.do(watching.now(rig.context, "first", {})).left is None
    assert rig.do(Overview(rig.context).look()).sweeps[0].left is None


def test_what_cannot_be_paused_or_resumed_is_refused_in_a_sentence(rig):
    session = rig.joined()
    rig.submit(name="first")
    with pytest.raises(Refused, match="'first' is planned, not paused; it goes on by itself"):
        resume(rig)
    pause(rig, person="ana")
    with pytest.raises(Refused, match=r"'first' is paused since .* UTC by ana already"):
        pause(rig)
    with pytest.raises(Refused, match=r"'first' is paused and in no queue.*sweep resume first"):
        rig.do(queues.prioritise(rig.context, ["first"]))
    with pytest.raises(Refused, match="'first' is still paused; cancel it first"):
        rig.do(sweeps.delete(rig.context, "first"))
    cancelled = rig.do(sweeps.cancel(rig.context, "first"))
    assert (cancelled.state, cancelled.paused_unix_s) == ("cancelled", None)
    with pytest.raises(Refused, match="'first' is cancelled; there is nothing to pause"):
        pause(rig)
    with pytest.raises(Refused, match="'first' is cancelled, not paused; there is nothing to resume"):
        resume(rig)
    rig.submit(name="second")
    rig.upload(session, rig.lease(session))
    rig.seal()
    with pytest.raises(Refused, match="'second' is finished; there is nothing to pause"):
        pause(rig, "second")


def test_its_last_run_ends_it_and_what_failed_waits_with_it(rig):
    session = rig.joined()
    rig.submit(name="first", batch_sizes=(1, 2))
    rig.fail(session, rig.lease(session), "wrong_output")
    pause(rig)
    assert rig.do(sweeps.retry(rig.context, "first")).state == "paused"
    assert rig.lease(session) is None
    resume(rig)
    rig.upload(session, rig.lease(session))
    last = rig.lease(session)
    pause(rig)
    rig.upload(session, last)
    rig.seal()
    ended = rig.sweep("first")
    assert (ended.state, ended.paused_unix_s) == ("finished", None)


def test_it_waits_for_no_device_that_is_away(rig):
    rig.joined()
    rig.submit(name="first", wait_s=60)
    rig.clock[0] += 3600

    def away():
        return rig.do(
            rig.context.store.read(
                lambda connection: absence.absent_parts(
                    connection, rig.context.now(), rig.context.offline_after_s
                )
            )
        )

    assert len(away()) == 1
    pause(rig)
    assert away() == []
    resume(rig)
    assert len(away()) == 1
