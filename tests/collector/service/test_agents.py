"""Agents and the collector: sessions, leases, fencing, models."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from paretofleet_collector.errors import NotFound, Refused, SessionRefused, StorageUnavailable, Taken
from paretofleet_collector.model.entities import AttemptKey
from paretofleet_collector.model.messages import AttemptState, Heartbeat, Hello, Join, Session
from paretofleet_collector.service import agents, devices, sweeps
from paretofleet_collector.store import sessions
from rig import INVENTORY, TINY, Rig, end_of, samples_of


def progress(rig: Rig, session: Session, *held: AttemptKey, running: AttemptKey | None = None):
    return rig.do(agents.progress(rig.context, Heartbeat(session, held, running, "measure", 7)))


class TestSessions:
    def test_joining_again_changes_nothing_and_another_device_cannot_take_the_name(self, rig):
        rig.joined("box")
        assert rig.do(agents.join(rig.context, Join("id-box", "other", "cpu", {}))).name == "box"
        with pytest.raises(Taken, match="'box' belongs to another device"):
            rig.do(agents.join(rig.context, Join("id-2", "box", "cpu", {})))

    def test_a_device_that_has_not_said_hello_speaks_for_nothing(self, rig):
        rig.do(agents.join(rig.context, Join("id-box", "box", "cpu", {})))
        silent = Session("id-box", 0, "")
        for call in (rig.lease, lambda who: progress(rig, who)):
            with pytest.raises(SessionRefused, match="say hello"):
                call(silent)

    def test_a_higher_instance_replaces_and_the_old_session_is_told(self, rig):
        old = rig.joined("box", instance=1)
        new = Session(old.device_id, 2, "new")
        rig.hello(new)
        with pytest.raises(SessionRefused, match="replaced") as caught:
            rig.lease(old)
        assert caught.value.why == "replaced"
        with pytest.raises(SessionRefused, match="copy of its identity") as caught:
            rig.hello(old)
        assert caught.value.why == "copied"

    def test_the_same_process_may_say_hello_again_but_not_another_with_its_number(self, rig):
        session = rig.joined()
        rig.hello(session)
        with pytest.raises(SessionRefused, match="'box'"):
            rig.hello(replace(session, session_id="elsewhere"))

    def test_an_agent_of_another_collector_learns_who_this_is_and_nothing_happens(self, rig):
        session = rig.joined()
        newer = replace(session, instance=2, session_id="newer")
        held = AttemptKey("a-run-of-another", 1)
        hello = Hello(newer, "boot", "0.1.0", 1, INVENTORY, (held,), {}, "cpu", collector_id="another")
        welcome = rig.do(agents.hello(rig.context, hello))
        assert (welcome.collector_id, welcome.held) == (rig.context.collector_id, ())
        assert rig.lease(session) is None, "the session that was there still speaks"
        rig.do(agents.hello(rig.context, replace(hello, collector_id=welcome.collector_id)))
        with pytest.raises(SessionRefused, match="replaced"):
            rig.lease(session)

    def test_a_spool_that_was_carried_here_uploads_beside_the_session_and_does_nothing_else(self, rig):
        session = rig.joined()
        rig.submit()
        grant = rig.lease(session)
        carried = replace(session, instance=0, session_id="stick", uploads_only=True)
        assert rig.hello(carried, grant.key).held[0].state is AttemptState.CURRENT
        rig.upload(carried, grant)
        assert rig.state(grant.key) == "uploaded"
        for call in (rig.lease, lambda who: progress(rig, who)):
            with pytest.raises(SessionRefused, match="may only upload"):
                call(carried)
        assert rig.lease(session) is None
        with pytest.raises(SessionRefused, match="has not joined"):
            rig.hello(replace(carried, device_id="nobody"))

    def test_an_old_agent_learns_how_to_upgrade(self, rig):
        session = rig.joined()
        old = Hello(session, "boot", "0.0.1", 0, INVENTORY, (), {}, "cpu")
        with pytest.raises(SessionRefused, match="pip install --upgrade"):
            rig.do(agents.hello(rig.context, old))

    def test_a_removed_device_is_refused_and_its_name_is_free(self, rig):
        session = rig.joined()
        rig.do(devices.change_device(rig.context, "box", "remove", {}))
        with pytest.raises(SessionRefused, match="removed"):
            rig.hello(session)
        rig.do(agents.join(rig.context, Join("id-2", "box", "cpu", {})))
        with pytest.raises(Taken):
            rig.do(devices.change_device(rig.context, "id-box", "resume", {}))

    def test_only_a_device_that_is_away_is_removed_unless_that_is_forced(self, rig):
        rig.joined("box")
        remove = devices.change_device
        with pytest.raises(
            Refused, match="'box' is online: stop its agent first, or shut it out with --force"
        ):
            rig.do(remove(rig.context, "box", "remove", {}, is_forced=False))
        rig.clock[0] += rig.context.offline_after_s + 1
        assert rig.do(remove(rig.context, "box", "remove", {}, is_forced=False)).state == "removed"

    def test_a_renamed_device_keeps_its_id_and_its_agent_hears_the_name(self, rig):
        session = rig.joined("box")
        rig.joined("other")
        renamed = rig.do(devices.change_device(rig.context, "box", "rename", {}, "rack3-left"))
        assert (renamed.device_id, renamed.name) == (session.device_id, "rack3-left")
        assert rig.do(agents.join(rig.context, Join("id-box", "box", "cpu", {}))).name == "rack3-left"
        rig.joined("box", instance=2)
        with pytest.raises(Taken, match="'other' belongs to another device"):
            rig.do(devices.change_device(rig.context, "rack3-left", "rename", {}, "other"))
        for name in ("", "a b"):
            with pytest.raises(Refused, match="not a device's name"):
                rig.do(devices.change_device(rig.context, "other", "rename", {}, name))

    def test_names_are_checked(self, rig):
        with pytest.raises(Refused, match="not a device's name"):
            rig.do(agents.join(rig.context, Join("id", "a b", "cpu", {})))


class TestCopies:
    """A copied folder starts with a higher instance; it replaces nobody that lives."""

    def original(self, rig: Rig) -> Session:
        session = rig.joined("box", instance=5)
        rig.hello(session, machine="here")
        return session

    def test_a_copy_is_refused_while_the_original_lives_which_goes_on(self, rig):
        original = self.original(rig)
        rig.submit()
        copy = Session(original.device_id, 6, "copy")
        with pytest.raises(SessionRefused, match="copy of its identity") as caught:
            rig.hello(copy, machine="elsewhere")
        assert caught.value.why == "copied"
        assert "delete" not in str(caught.value)
        assert "paretofleet devices reset box" in str(caught.value)
        assert rig.lease(original) is not None
        rig.clock[0] += rig.context.offline_after_s - 1
        progress(rig, original)
        rig.clock[0] += rig.context.offline_after_s - 1
        with pytest.raises(SessionRefused, match="copy of its identity"):
            rig.hello(copy, machine="elsewhere")

    def test_the_same_machine_takes_over_at_once_whatever_its_boot(self, rig):
        original = self.original(rig)
        again = Session(original.device_id, 6, "again")
        rig.hello(again, machine="here")
        with pytest.raises(SessionRefused, match="replaced"):
            rig.lease(original)

    def test_another_machine_takes_over_once_the_old_session_has_ended(self, rig):
        original = self.original(rig)
        rig.clock[0] += rig.context.offline_after_s + 1
        rig.hello(Session(original.device_id, 6, "new"), machine="elsewhere")
        with pytest.raises(SessionRefused, match="replaced"):
            rig.lease(original)

    def test_an_older_state_of_a_folder_speaks_after_a_reset_only(self, rig):
        original = self.original(rig)
        rig.clock[0] += 1000
        restored = Session(original.device_id, 3, "restored")
        with pytest.raises(SessionRefused, match="older state of its folder"):
            rig.hello(restored, machine="here")
        rig.do(devices.change_device(rig.context, "box", "reset", {}))
        rig.hello(restored, machine="here")
        with pytest.raises(SessionRefused, match="replaced"):
            rig.lease(original)

    def test_a_reimaged_board_is_the_same_device_after_a_reset(self, rig):
        original = self.original(rig)
        new = Join("id-new", "box", "cpu", {})
        with pytest.raises(Taken, match="devices reset box"):
            rig.do(agents.join(rig.context, new))
        rig.do(devices.change_device(rig.context, "box", "reset", {}))
        assert rig.do(agents.join(rig.context, new)).device_id == original.device_id
        rig.hello(Session(original.device_id, 1, "new"), machine="new disk")
        with pytest.raises(Taken):
            rig.do(agents.join(rig.context, new))


class TestLeases:
    def test_a_device_gets_one_run_at_a_time(self, rig):
        session = rig.joined()
        rig.submit(batch_sizes=(1, 2))
        first = rig.lease(session)
        assert first.planned.configuration.device_id == session.device_id
        progress(rig, session, running=first.key)
        assert rig.lease(session) is None
        rig.upload(session, first)
        second = rig.lease(session)
        assert second.key.run_id != first.key.run_id

    def test_a_grant_whose_reply_was_lost_is_repeated(self, rig):
        session = rig.joined()
        rig.submit()
        assert rig.lease(session).key == rig.lease(session).key

    def test_an_expired_lease_is_granted_again_and_supersedes(self, rig):
        session = rig.joined()
        rig.submit()
        first = rig.lease(session)
        progress(rig, session, running=first.key)
        rig.clock[0] += 61
        second = rig.lease(session)
        assert second.key == AttemptKey(first.key.run_id, 2)
        (held,) = progress(rig, session, first.key)
        assert held.state is AttemptState.SUPERSEDED

    def test_expiry_alone_voids_nothing(self, rig):
        session = rig.joined()
        rig.submit()
        grant = rig.lease(session)
        rig.clock[0] += 10_000
        assert rig.hello(session, grant.key).held[0].state is AttemptState.CURRENT
        assert rig.lease(session) is None or rig.lease(session).key == grant.key
        rig.upload(session, grant)
        assert rig.state(grant.key) == "uploaded"

    def test_after_three_silent_attempts_a_run_is_lost(self, rig):
        session = rig.joined()
        sweep = rig.submit()
        for number in (1, 2, 3):
            grant = rig.lease(session)
            assert grant.key.attempt == number
            progress(rig, session, running=grant.key)
            rig.clock[0] += 61
        assert rig.lease(session) is None
        assert rig.state(grant.key) == "failed"
        assert rig.sweep(sweep.name).state == "finished_with_failures"

    def test_a_run_that_was_never_begun_is_not_tried(self, rig):
        session = rig.joined()
        rig.submit()
        for number in range(1, 6):
            grant = rig.lease(session)
            assert grant.key.attempt == number
            session = replace(session, instance=number + 1, session_id=f"start-{number}")
            rig.hello(session)

    def test_interruptions_are_no_tries_until_the_tenth_attempt(self, rig):
        session = rig.joined()
        rig.submit()
        for number in range(1, 13):
            grant = rig.lease(session)
            assert grant.key.attempt == number
            rig.end(session, replace(end_of(grant.key, [], "lost"), interrupted=True))
        assert rig.state(grant.key) == "failed"

    def test_a_restarted_agent_gives_up_what_it_no_longer_holds_at_once(self, rig):
        session = rig.joined()
        rig.submit()
        grant = rig.lease(session)
        progress(rig, session, running=grant.key)
        again = Session(session.device_id, 2, "again")
        rig.hello(again)
        assert rig.lease(again).key == AttemptKey(grant.key.run_id, 2)

    def test_hello_renews_what_is_held_before_anything_is_granted(self, rig):
        session = rig.joined()
        rig.submit()
        grant = rig.lease(session)
        for one in samples_of(grant.key)[:2]:
            rig.send(session, one)
        rig.clock[0] += 1000
        again = Session(session.device_id, 2, "again")
        welcome = rig.hello(again, grant.key, AttemptKey("unknown", 1))
        assert [held.state for held in welcome.held] == [AttemptState.CURRENT, AttemptState.UNKNOWN]
        assert welcome.held[0].marks == {"marks": 1, "iterations": 1}
        assert rig.lease(again) is None

    @pytest.mark.parametrize("reason", ["crashed", "timeout", "lost"])
    def test_what_may_pass_is_tried_three_times(self, rig, reason):
        session = rig.joined()
        sweep = rig.submit()
        for number in (1, 2, 3):
            grant = rig.lease(session)
            assert grant.key.attempt == number
            rig.fail(session, grant, reason)
        assert rig.lease(session) is None
        (state,) = rig.do(sweeps.show(rig.context, sweep.name)).configurations
        assert (dict(state.runs_by_state), state.reason, state.message) == (
            {"failed": 1},
            reason,
            f"it was {reason}",
        )

    def test_out_of_memory_is_final_and_skips_larger_batches(self, rig):
        session = rig.joined()
        sweep = rig.submit(batch_sizes=(1, 2, 4, 8), runs_min=2, runs_max=2)
        while (grant := rig.lease(session)) is not None:
            if grant.planned.configuration.batch_size >= 4:
                rig.fail(session, grant, "oom")
            else:
                rig.upload(session, grant)
                rig.seal()
        detail = rig.do(sweeps.show(rig.context, sweep.name))
        shown, states = detail.sweep, detail.configurations
        assert shown.state == "finished_with_failures"
        by_size = {state.configuration.batch_size: dict(state.runs_by_state) for state in states}
        assert by_size[1] == by_size[2] == {"sealed": 2}
        assert "sealed" not in {**by_size[4], **by_size[8]}
        assert {state.reason for state in states[2:]} == {"oom"}
        told = {
            state.configuration.batch_size: state.message
            for state in states
            if "failed" in state.runs_by_state
        }
        assert set(told.values()) == {"it was oom"}, "what failed says more than that the rest was skipped"

    def test_sweeps_of_a_device_come_one_after_the_other(self, rig):
        session = rig.joined()
        first = rig.submit(batch_sizes=(1, 2))
        second = rig.submit(batch_sizes=(4,))
        order = []
        for _ in range(20):
            grant = rig.lease(session)
            if grant is None and rig.sweep(second.name).state != "planned":
                break
            if grant is None:
                rig.seal()
                continue
            order.append(grant.sweep_id)
            rig.upload(session, grant)
        assert order == [first.sweep_id, first.sweep_id, second.sweep_id]

    def test_a_paused_device_gets_nothing_until_it_is_resumed(self, rig):
        session = rig.joined()
        rig.submit()
        rig.do(devices.change_device(rig.context, "box", "pause", {}))
        assert rig.lease(session) is None
        rig.do(devices.change_device(rig.context, "box", "resume", {}))
        assert rig.lease(session) is not None


class TestModels:
    def test_a_fetched_model_is_known_and_lies_there(self, rig):
        session = rig.joined()
        path = rig.do(agents.model_path(rig.context, session, TINY.sha256, 0))
        assert path.read_bytes() == b"onnx"
        with pytest.raises(NotFound):
            rig.do(agents.model_path(rig.context, session, "cd" * 32, 0))
        with pytest.raises(NotFound, match="none at 5"):
            rig.do(agents.model_path(rig.context, session, TINY.sha256, 5))


def test_configurations_are_known_by_the_hash_of_their_canonical_json(rig):
    import hashlib

    session = rig.joined()
    rig.submit(batch_sizes=(4,))
    configuration = rig.lease(session).planned.configuration
    text = json.dumps(
        json.loads(configuration.canonical_json), sort_keys=True, separators=(",", ":"), ensure_ascii=False
    )
    assert configuration.configuration_id == hashlib.sha256(text.encode()).hexdigest()[:16]
    assert set(json.loads(text)) == {
        "batch_size", "device_id", "mode", "options", "precision", "protocol", "runtime", "target_id",
        "threads", "timing_scope", "variant_sha256",
    }  # fmt: skip


def test_devices_and_labels_are_counted(rig, monkeypatch):
    monkeypatch.setattr(sessions, "DEVICES_MAX", 2)
    rig.joined("a")
    rig.joined("b")
    with pytest.raises(StorageUnavailable, match="knows 2 devices, removed ones too; at most 2"):
        rig.joined("c")
    rig.joined("a", instance=2)
    rig.do(devices.change_device(rig.context, "a", "label", {f"k{at}": "v" for at in range(64)}))
    with pytest.raises(Refused, match="65 labels of operators, hidden ones too; at most 64"):
        rig.do(devices.change_device(rig.context, "a", "label", {"k64": "v"}))
