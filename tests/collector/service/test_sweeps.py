"""Sweeps as the command sees them: submitted once, watched, cancelled, tried again."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable

import pytest
from paretofleet_analysis.report import files
from paretofleet_analysis.report.rows import build_report
from paretofleet_collector.errors import NotFound, Refused, SessionRefused, Taken
from paretofleet_collector.identity.peers import Peer
from paretofleet_collector.jobs import report
from paretofleet_collector.model.messages import AttemptState, Heartbeat, UploadVerdict
from paretofleet_collector.service import devices, submission, sweeps, watching
from rig import Rig, chunk

SPEC = json.dumps({"models": ["tiny"], "protocol": "quick", "name": "edge"})


def test_a_misspelt_name_is_answered_by_the_one_that_is_near(rig):
    rig.joined("gate")
    rig.do(submission.submit(rig.context, "request-1", SPEC))
    with pytest.raises(
        NotFound, match=r"no sweep 'egde'; did you mean edge\? `paretofleet sweep list` shows"
    ):
        rig.do(sweeps.show(rig.context, "egde"))
    with pytest.raises(NotFound, match=r"no sweep 'other'; `paretofleet sweep list` shows"):
        rig.do(sweeps.show(rig.context, "other"))
    with pytest.raises(NotFound, match=r"no device 'gaet'; did you mean gate\? `paretofleet devices list`"):
        rig.do(devices.change_device(rig.context, "gaet", "pause", {}))


def test_the_same_request_makes_one_sweep(rig):
    rig.joined()
    first, _ = rig.do(submission.submit(rig.context, "request-1", SPEC))
    again, _ = rig.do(submission.submit(rig.context, "request-1", SPEC))
    other, _ = rig.do(submission.submit(rig.context, "request-2", SPEC))
    assert first.sweep_id == again.sweep_id
    assert [sweep.name for sweep in rig.do(sweeps.list_sweeps(rig.context))] == ["edge", "edge-2"]
    assert other.name == "edge-2"
    assert (first.configurations, first.runs, first.devices) == (1, 5, ("box",))


def test_a_name_that_a_user_chose_is_kept_or_the_sweep_is_refused(rig):
    rig.joined()
    first, _ = rig.do(submission.submit(rig.context, "request-1", SPEC, keep_name=True))
    with pytest.raises(Taken, match="sweep 'edge' already: give another name, such as --name edge-2"):
        rig.do(submission.submit(rig.context, "request-2", SPEC, keep_name=True))
    again, _ = rig.do(submission.submit(rig.context, "request-1", SPEC, keep_name=True))
    assert again.sweep_id == first.sweep_id, "a retry of the same request is the same sweep"
    assert [sweep.name for sweep in rig.do(sweeps.list_sweeps(rig.context))] == ["edge"]


def test_sweeps_are_found_by_state_and_label_and_the_last_ones(rig):
    session = rig.joined()
    for number, labels in enumerate((["gate"], ["gate", "night"], [], ["gate"])):
        rig.submit(name=f"s{number}", labels=labels, note=f"number {number}")
    rig.upload(session, rig.lease(session))
    rig.seal()

    def found(*chosen):
        return [sweep.name for sweep in rig.do(sweeps.list_sweeps(rig.context, *chosen))]

    assert found() == ["s0", "s1", "s2", "s3"]
    assert found(("finished",)) == ["s0"]
    assert found(("planned", "finished"), ("gate",)) == ["s0", "s1", "s3"]
    assert found((), ("gate", "night")) == ["s1"]
    assert found((), ("gate",), 2) == ["s1", "s3"]
    assert found(("planned",), (), 9) == ["s1", "s2", "s3"]
    view = rig.sweep("s1")
    assert (view.note, view.labels) == ("number 1", ("gate", "night"))
    with pytest.raises(Refused, match="'runing' is no state of a sweep; did you mean running"):
        found(("runing",))


def test_a_report_says_of_each_row_what_its_sweep_was_for(rig, tmp_path):
    rig.joined()
    rig.submit(name="gate", labels=["night", "rack-3"], note="before the driver")
    rig.submit(name="bare")
    tables = []
    for name in ("gate", "bare"):
        sweep_id = rig.sweep(name).sweep_id
        inputs = rig.context.store.read_now(
            lambda connection, at=sweep_id: report.report_inputs(connection, at)
        )
        path = tmp_path / f"{name}.parquet"
        files.write(build_report(inputs), path)
        tables.append(files.read(path))
    (row,), (bare,) = (table.to_pylist() for table in tables)
    assert (row["sweep_note"], row["sweep_labels"]) == ("before the driver", ["night", "rack-3"])
    assert (bare["sweep_note"], bare["sweep_labels"]) == (None, None)


def test_what_cannot_be_planned_is_not_stored(rig):
    for spec in ("{", "{}", '{"models": ["nothing"]}'):
        with pytest.raises(Refused):
            rig.do(submission.submit(rig.context, "request", spec))
    rig.joined()
    with pytest.raises(NotFound, match="Unknown model 'nothing'"):
        rig.do(submission.submit(rig.context, "request", '{"models": ["nothing"]}'))
    assert rig.do(sweeps.list_sweeps(rig.context)) == []


def test_a_runtime_that_a_device_lacks_is_a_failed_configuration_and_the_sweep_goes_on(rig):
    session = rig.joined()
    spec = {"runtimes": ["onnxruntime", "torch"], "batch_sizes": [1, 2], "repeats": {"min": 2, "max": 2}}
    text = json.dumps({"models": ["tiny"], "protocol": "quick", **spec})
    planned = rig.do(submission.plan_sweep(rig.context, text))
    assert (len(planned.configurations), planned.missing) == (2, 2)
    sweep, refusals = rig.do(submission.submit(rig.context, "request", text))
    assert [one.combination for one in refusals] == ["box cpu torch"]
    assert sweep.configurations == len(planned.configurations) + planned.missing
    assert dict(rig.sweep(sweep.name).runs_by_state) == {"pending": 4, "failed": 2}
    while (grant := rig.lease(session)) is not None:
        assert grant.planned.configuration.runtime == "onnxruntime"
        rig.upload(session, grant)
        rig.seal()
    assert rig.sweep(sweep.name).state == "finished_with_failures"
    states = rig.do(sweeps.show(rig.context, sweep.name)).configurations
    assert [one.reason for one in states] == ["", "", "runtime_missing", "runtime_missing"]
    assert "box has no runtime torch (it has onnxruntime); install it there" in states[-1].message
    inputs = rig.context.store.read_now(lambda connection: report.report_inputs(connection, sweep.sweep_id))
    rows = build_report(inputs).to_pylist()
    assert [(row["runtime"], row["status"], row["reason"]) for row in rows] == [
        *[("onnxruntime", "ok", None)] * 2,
        *[("torch", "failed", "runtime_missing")] * 2,
    ]


def test_once_the_runtime_is_there_a_retry_measures_what_lacked_it(rig):
    session = rig.joined()
    text = json.dumps({"models": ["tiny"], "runtimes": ["onnxruntime", "torch"], "protocol": "quick"})
    sweep, _ = rig.do(submission.submit(rig.context, "request", text))
    rig.do(sweeps.retry(rig.context, sweep.name))
    while (grant := rig.lease(session)) is not None:
        rig.upload(session, grant)
        rig.seal()
    assert dict(rig.sweep(sweep.name).runs_by_state) == {"sealed": 10}


def test_where_no_runtime_is_there_nothing_is_stored(rig):
    rig.joined()
    with pytest.raises(Refused, match="Nothing is left to run: box has no runtime torch"):
        rig.do(submission.submit(rig.context, "request", '{"models": ["tiny"], "runtimes": ["torch"]}'))
    assert rig.do(sweeps.list_sweeps(rig.context)) == []


def test_cancelling_tells_the_agent_and_keeps_what_was_sealed(rig):
    session = rig.joined()
    sweep = rig.submit(batch_sizes=(1, 2, 4))
    rig.upload(session, rig.lease(session))
    rig.seal()
    grant = rig.lease(session)
    cancelled = rig.do(sweeps.cancel(rig.context, sweep.name))
    assert cancelled.state == "cancelled"
    assert dict(cancelled.runs_by_state) == {"sealed": 1, "cancelled": 2}
    from paretofleet_collector.service import agents

    said = Heartbeat(session, (grant.key,), grant.key, "measure", 1)
    (held,) = rig.do(agents.progress(rig.context, said))
    assert held.state is AttemptState.SUPERSEDED
    assert (
        rig.send(session, chunk(grant.key, "iterations", 0, [1], [1])).verdict
        is UploadVerdict.UNKNOWN_ATTEMPT
    )
    assert rig.fail(session, grant, "cancelled").verdict is UploadVerdict.COMMITTED
    assert rig.lease(session) is None
    assert rig.do(sweeps.cancel(rig.context, sweep.name)).state == "cancelled"


def test_retry_runs_again_what_failed_and_nothing_else(rig):
    session = rig.joined()
    sweep = rig.submit(batch_sizes=(1, 2))
    for _ in range(2):
        grant = rig.lease(session)
        if grant.planned.configuration.batch_size == 1:
            rig.fail(session, grant, "wrong_output")
        else:
            rig.upload(session, grant)
    rig.seal()
    assert rig.sweep(sweep.name).state == "finished_with_failures"
    assert rig.do(sweeps.retry(rig.context, sweep.name)).state == "running"
    grant = rig.lease(session)
    assert (grant.planned.configuration.batch_size, grant.key.attempt) == (1, 2)
    rig.upload(session, grant)
    rig.seal()
    assert rig.sweep(sweep.name).state == "finished"
    with pytest.raises(Refused, match="no failed"):
        rig.do(sweeps.retry(rig.context, sweep.name))


def test_watching_shows_the_state_at_once_each_end_and_the_end(rig):
    session = rig.joined()
    sweep = rig.submit(batch_sizes=(1, 2))
    seen = []

    async def watch() -> None:
        async for message in watching.watch(rig.context, sweep.name):
            seen.append(message)  # noqa: PERF401 - looked at while it grows

    def hear(what: Callable[[], object]) -> None:
        async def wait() -> None:
            while not what():  # noqa: ASYNC110 - the watcher has no event
                await asyncio.sleep(0.02)

        rig.do(asyncio.wait_for(wait(), 60))

    watcher = rig.loop.create_task(watch())
    hear(lambda: seen)
    assert [message.left for message in seen] == [None]
    for number in (1, 2):
        grant = rig.lease(session)
        hear(lambda: seen[-1].running)
        rig.clock[0] += 10
        rig.upload(session, grant)
        rig.seal()
        hear(lambda number=number: sum("sealed" in message.event for message in seen) == number)
    rig.do(asyncio.wait_for(watcher, 60))
    ends = [message.event for message in seen if "sealed" in message.event]
    assert sorted(ends) == [
        f"box: tiny native batch size {size}, onnxruntime on cpu, run 1: sealed" for size in (1, 2)
    ]
    assert seen[-1].sweep.state == "finished"
    assert any(message.left and message.left.seconds == pytest.approx(10, rel=0.2) for message in seen)
    assert any(message.running for message in seen)


def test_removing_a_device_lets_its_sweep_end_without_it(rig):
    here, gone = rig.joined("here"), rig.joined("gone")
    sweep = rig.submit()
    assert rig.lease(gone) is not None
    rig.do(devices.change_device(rig.context, "gone", "remove", {}))
    rig.upload(here, rig.lease(here))
    rig.seal()
    ended = rig.sweep(sweep.name)
    assert ended.state == "finished_with_failures"
    assert dict(ended.runs_by_state) == {"sealed": 1, "cancelled": 1}


@pytest.mark.parametrize("adaptive", [False, True])
def test_a_device_that_is_removed_while_its_last_run_is_sealed_gets_no_further_block(rig, adaptive):
    gone = rig.joined("gone")
    sweep = rig.submit(batch_sizes=(1, 2), runs_min=3, runs_max=9, half_width=0.0001, adaptive=adaptive)
    for number in range(6):
        rig.upload(gone, rig.lease(gone), seconds=0.01 + 0.001 * number)
        if number < 5:
            rig.seal()
    rig.do(devices.change_device(rig.context, "gone", "remove", {}))
    rig.seal()
    ended = rig.sweep(sweep.name)
    assert (ended.state, dict(ended.runs_by_state)) == ("finished", {"sealed": 6})


def test_what_a_removed_device_left_is_not_tried_again_because_nobody_would_fetch_it(rig):
    here, gone = rig.joined("here"), rig.joined("gone")
    sweep = rig.submit()
    rig.fail(here, rig.lease(here), "unsupported")
    rig.do(devices.change_device(rig.context, "gone", "remove", {}))
    rig.do(sweeps.retry(rig.context, sweep.name))
    rig.upload(here, rig.lease(here))
    rig.seal()
    ended = rig.sweep(sweep.name)
    assert (ended.state, dict(ended.runs_by_state)) == (
        "finished_with_failures",
        {"sealed": 1, "cancelled": 1},
    )
    with pytest.raises(Refused, match="on a device that was not removed"):
        rig.do(sweeps.retry(rig.context, sweep.name))
    rig.do(devices.change_device(rig.context, gone.device_id, "resume", {}))
    assert rig.do(sweeps.retry(rig.context, sweep.name)).runs_by_state["pending"] == 1


def test_an_unknown_sweep_or_device_is_named(rig):
    for call in (sweeps.show, sweeps.cancel, sweeps.retry, sweeps.delete):
        with pytest.raises(NotFound, match="'nope'"):
            rig.do(call(rig.context, "nope"))
    with pytest.raises(NotFound, match="'nope'"):
        rig.do(devices.change_device(rig.context, "nope", "pause", {}))


def test_labels_are_set_and_removed_on_top_of_the_agent_s(rig: Rig):
    rig.joined()
    labels = rig.do(devices.change_device(rig.context, "box", "label", {"rack": "3", "room": ""})).labels
    assert labels == {"rack": "3"}
    (device,) = rig.do(devices.list_devices(rig.context))
    assert (device.name, device.state, device.labels) == ("box", "online", {"rack": "3"})
    rig.clock[0] += 100
    assert rig.do(devices.list_devices(rig.context))[0].state == "offline"


def test_an_operator_changes_the_very_sweep_that_was_theirs(rig):
    rig.joined()

    def submit(name: str, person: str) -> str:
        text = json.dumps(
            {"models": ["tiny"], "protocol": "quick", "name": name, "repeats": {"min": 1, "max": 1}}
        )
        return rig.do(submission.submit(rig.context, f"{person} {name}", text, person))[0].sweep_id

    alices = submit("first", "alice")
    bobs = submit(alices, "bob")
    bob = Peer("operator", "bob")
    assert rig.sweep(alices).sweep_id == alices, "an id comes before a name"
    with pytest.raises(SessionRefused, match="submitted by alice"):
        rig.do(submission.check_submitter(rig.context, bob, alices))
    assert rig.do(submission.check_submitter(rig.context, bob, bobs)) == bobs


def test_a_plan_is_likely_to_take_what_its_runs_took_before(rig):
    session = rig.joined()
    spec = json.dumps({"models": ["tiny"], "protocol": "quick", "repeats": {"min": 1, "max": 1}})
    before = rig.do(submission.plan_sweep(rig.context, spec)).devices[0].likely
    rig.submit()
    grant = rig.lease(session)
    rig.clock[0] += 40
    rig.upload(session, grant)
    rig.seal()
    after = rig.do(submission.plan_sweep(rig.context, spec)).devices[0].likely
    assert before.seconds < 10
    assert after.seconds == pytest.approx(40, rel=0.05)
    assert after.most_s / after.least_s < before.most_s / before.least_s
