"""The daemon's loop against a real server; `measure` is a stand-in, the real one has tests of its own."""
# ruff: noqa: ARG001  stand-ins take what the real one takes

from __future__ import annotations

import contextlib
import dataclasses
import shutil
import sqlite3
import threading
import time
from pathlib import Path

import grpc
import pytest
from daemon_parts import INVENTORY, OK, WHO, columns, config, fill, key
from fake_collector import FakeCollector
from paretofleet_agent.daemon import loop, outcome, process
from paretofleet_agent.daemon.loop import Daemon
from paretofleet_agent.device.device import DeviceUnderTest, Simulation
from paretofleet_agent.device.host_lock import host_lock
from paretofleet_agent.errors import AttemptFailed, Refused, Stopped
from paretofleet_agent.model import Outcome, Unavailable
from paretofleet_agent.uplink.client import CollectorClient
from paretofleet_agent.uplink.spool import Spool

DEVICE = DeviceUnderTest(INVENTORY, sysroot=Path(__file__).parent, housekeeping_cpu=1, runner_cpus=(0,))


def well(lease, path, sink, watch, device):
    assert path.read_bytes() == b"model"
    assert device is DEVICE
    watch.phase("measure", 7)
    sink.put("iterations", "iterations/1", 10, columns(10))
    time.sleep(0.3)
    return OK


def until_stopped(lease, path, sink, watch, device):
    sink.put("iterations", "iterations/1", 10, columns(10))
    until = time.monotonic() + 60
    while not watch.stopped():
        assert time.monotonic() < until, "nobody stopped the attempt"
        time.sleep(0.01)
    raise Stopped("told to end")


class Agent:
    """A daemon in a thread."""

    def __init__(self, tmp_path, address, **changes):
        settings = config(tmp_path, address, **changes)
        self.environment = {}
        self.client = CollectorClient(settings, WHO, INVENTORY, lambda: dict(self.environment))
        self.tmp_path, self.settings = tmp_path, settings
        self.error = self.result = None
        self.ready = threading.Event()
        self.thread = threading.Thread(target=self._work, daemon=True)

    def _work(self):
        with contextlib.closing(Spool.open(self.tmp_path)) as spool:
            self.daemon = Daemon(self.settings, DEVICE, spool, self.client)
            self.ready.set()
            try:
                self.result = self.daemon.serve(once=self.once)
            except BaseException as error:  # noqa: BLE001 handed to the test
                self.error = error
            finally:
                self.daemon.heartbeat.stop()
                self.client.close()

    def start(self, *, once=False):
        self.once = once
        self.thread.start()
        assert self.ready.wait(60)
        return self

    def join(self):
        self.thread.join(60)
        assert not self.thread.is_alive()
        if self.error:
            raise self.error
        return self.result


def wait_for(condition):
    until = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < until, "it did not come to pass"
        time.sleep(0.01)


@pytest.fixture
def collector():
    with FakeCollector().running() as collector:
        yield collector


def test_a_device_that_the_fleet_calls_otherwise_says_so_and_how_to_change_it(collector, tmp_path, caplog):
    caplog.set_level("INFO")
    collector.calls_it = "rack3-left"
    Agent(tmp_path, collector.address).start(once=True).join()
    assert f"serving the collector at {collector.address} as rack3-left" in caplog.text
    mine = config(tmp_path, collector.address).name
    assert f"calls this device rack3-left, not {mine}" in caplog.text
    assert f"`paretofleet devices rename rack3-left {mine}` changes that" in caplog.text


def test_an_idle_agent_whose_environment_changes_says_hello_again(collector, tmp_path):
    agent = Agent(tmp_path, collector.address).start()
    wait_for(lambda: collector.hellos)
    agent.environment["power_mode"] = "1 5W"
    wait_for(lambda: collector.hellos[-1].inventory.environment_json == '{"power_mode": "1 5W"}')
    agent.daemon.stop()
    agent.join()
    told = [hello.inventory.environment_json for hello in collector.hellos]
    assert len(told) > 1
    assert told[0] != told[-1] == '{"power_mode": "1 5W"}'


def test_a_run_from_lease_to_committed_end(collector, tmp_path, monkeypatch):
    def until_heard(*arguments):
        outcome = well(*arguments)
        wait_for(lambda: ("measure", 7) in {(beat.phase, beat.iterations) for beat in collector.beats})
        return outcome

    monkeypatch.setattr(outcome, "measure", until_heard)
    collector.grant("run-1")
    collector.grant("run-2")
    assert Agent(tmp_path, collector.address).start(once=True).join() == 0
    assert {k[0] for k in collector.stored} == {"run-1", "run-2"}
    assert set(collector.stores.values()) == {1}
    assert all(end.ok for end in collector.ends.values())
    assert '"simulated": false' in collector.ends["run-1", 1].facts_json
    assert collector.fetches == [0], "the model is fetched once"
    with contextlib.closing(Spool.open(tmp_path)) as spool:
        assert spool.attempts() == ()


def test_a_heartbeat_carries_the_power_of_the_run_and_the_temperature_of_the_machine(
    collector, tmp_path, monkeypatch
):
    def with_power(lease, path, sink, watch, device):
        watch.power(6.25, "module")
        wait_for(lambda: any(beat.HasField("power_w") for beat in collector.beats))
        return well(lease, path, sink, watch, device)

    monkeypatch.setattr(outcome, "measure", with_power)
    monkeypatch.setattr(loop.Thermometer, "newest_c", lambda _: 61.5)
    agent = Agent(tmp_path, collector.address).start()
    wait_for(lambda: any(not beat.HasField("running") for beat in collector.beats))
    collector.grant("run-1")
    wait_for(lambda: any(beat.HasField("running") for beat in collector.beats))
    agent.daemon.stop()
    agent.join()
    measuring = next(beat for beat in collector.beats if beat.HasField("power_w"))
    assert measuring.HasField("running")
    assert (measuring.power_w, measuring.power_scope, measuring.temperature_c) == (6.25, "module", 61.5)
    idle = next(beat for beat in collector.beats if not beat.HasField("running"))
    assert not idle.HasField("power_w"), "nothing reads it between runs"
    assert idle.temperature_c == 61.5


def test_nothing_is_uploaded_while_a_run_measures(collector, tmp_path, monkeypatch):
    uploads = []

    def watched(*arguments):
        uploads.append(collector.uploads)
        outcome = well(*arguments)
        uploads.append(collector.uploads)
        return outcome

    monkeypatch.setattr(outcome, "measure", watched)
    collector.grant("run-1")
    Agent(tmp_path, collector.address).start(once=True).join()
    assert uploads == [0, 0]
    assert collector.uploads == 2


@pytest.mark.parametrize(
    ("fails", "reason"),
    [
        (AttemptFailed("oom", "no room for batch 64"), "oom"),
        (RuntimeError("broken"), "crashed"),
        (Outcome(ok=False, reason="unsupported", message="no int8"), "unsupported"),
        (Outcome(ok=True, facts={"load_ns": float("nan")}), "crashed"),
    ],
)
def test_a_failed_attempt_is_reported_and_the_next_is_measured(
    collector, tmp_path, monkeypatch, fails, reason
):
    def measure(lease, *rest):
        if lease.key.run_id == "run-2":
            return well(lease, *rest)
        if isinstance(fails, Outcome):
            return fails
        raise fails

    monkeypatch.setattr(outcome, "measure", measure)
    collector.grant("run-1")
    collector.grant("run-2")
    Agent(tmp_path, collector.address).start(once=True).join()
    assert (collector.ends["run-1", 1].ok, collector.ends["run-1", 1].reason) == (False, reason)
    assert collector.ends["run-1", 1].message
    assert collector.ends["run-2", 1].ok


def test_a_model_that_is_gone_fails_the_attempt(collector, tmp_path):
    sha256 = collector.grant("run-1")
    del collector.models[sha256]
    Agent(tmp_path, collector.address).start(once=True).join()
    assert collector.ends["run-1", 1].reason == "model_unavailable"


def test_a_superseded_attempt_is_stopped_by_the_heartbeat(collector, tmp_path, monkeypatch):
    monkeypatch.setattr(outcome, "measure", until_stopped)
    collector.grant("run-1")
    collector.word = {"run-1": 2}
    Agent(tmp_path, collector.address).start(once=True).join()
    assert collector.ends["run-1", 1].reason == "cancelled"
    assert collector.stored == {}


def test_told_to_end_it_abandons_the_run_says_so_and_leaves_nothing(collector, tmp_path, monkeypatch):
    monkeypatch.setattr(outcome, "measure", until_stopped)
    collector.grant("run-1")
    agent = Agent(tmp_path, collector.address).start()
    wait_for(lambda: any(beat.HasField("running") for beat in collector.beats))
    agent.daemon.stop()
    assert agent.join() == 0
    assert collector.ends["run-1", 1].reason == "lost"


def test_what_a_crash_left_is_sent_at_the_next_start(collector, tmp_path):
    with contextlib.closing(Spool.open(tmp_path)) as spool:
        fill(spool, key("whole"))
        spool.begin(key("cut"))
    Agent(tmp_path, collector.address).start(once=True).join()
    assert {(ref.run_id) for ref in collector.hellos[0].held} == {"whole", "cut"}
    assert collector.ends["whole", 1].ok
    assert collector.ends["cut", 1].reason == "lost"


def test_a_collector_that_comes_and_goes_costs_nothing_but_time(tmp_path, monkeypatch, caplog):
    caplog.set_level("INFO")
    monkeypatch.setattr(outcome, "measure", well)
    collector = FakeCollector()
    collector.start()
    collector.stop()
    for run in range(4):
        collector.grant(f"run-{run}")
    agent = Agent(tmp_path, collector.address).start()
    wait_for(lambda: "Trying again" in caplog.text)
    collector.start()
    for run in range(2):
        wait_for(lambda run=run: (f"run-{run}", 1) in collector.ends)
        collector.stop()
        time.sleep(0.4)
        collector.start()
    wait_for(lambda: len(collector.ends) == 4)
    agent.daemon.stop()
    agent.join()
    collector.stop()
    assert all(end.ok for end in collector.ends.values())
    assert set(collector.stores.values()) == {1}
    assert caplog.text.count("Trying again") <= 4
    assert "the collector answers again" in caplog.text


def test_a_run_goes_on_while_the_collector_is_away(tmp_path, monkeypatch):
    def slow(lease, path, sink, watch, device):
        collector.stop()
        time.sleep(0.5)
        assert not watch.stopped()
        collector.start()
        return well(lease, path, sink, watch, device)

    monkeypatch.setattr(outcome, "measure", slow)
    collector = FakeCollector()
    collector.start()
    collector.grant("run-1")
    agent = Agent(tmp_path, collector.address).start()
    wait_for(lambda: ("run-1", 1) in collector.ends)
    agent.daemon.stop()
    agent.join()
    collector.stop()
    assert collector.ends["run-1", 1].ok


def test_a_copied_identity_is_refused_at_start_and_later(collector, tmp_path, monkeypatch):
    sentence = "Another agent uses this identity: give this one a home of its own."
    collector.refuse = (grpc.StatusCode.FAILED_PRECONDITION, sentence)
    with pytest.raises(Refused, match=sentence):
        Agent(tmp_path, collector.address).start().join()

    collector.refuse = None
    monkeypatch.setattr(outcome, "measure", until_stopped)
    collector.grant("run-1")
    (tmp_path / "later").mkdir()
    agent = Agent(tmp_path / "later", collector.address).start()
    wait_for(lambda: any(beat.HasField("running") for beat in collector.beats))
    collector.refuse = (grpc.StatusCode.FAILED_PRECONDITION, sentence)
    with pytest.raises(Refused, match=sentence):
        agent.join()


def test_one_run_at_a_time_per_host(collector, tmp_path, monkeypatch):
    monkeypatch.setattr(outcome, "measure", well)
    collector.grant("run-1")
    with host_lock(tmp_path) as mine:
        assert mine
        agent = Agent(tmp_path, collector.address).start(once=True)
        time.sleep(0.5)
        assert len(collector.grants) == 1, "nothing is leased while another agent measures"
    agent.join()
    assert collector.ends["run-1", 1].ok


def test_an_agent_that_is_refused_does_not_wait_for_the_host(collector, tmp_path):
    with host_lock(tmp_path):
        agent = Agent(tmp_path, collector.address).start()
        wait_for(lambda: collector.beats)
        collector.refuse = (grpc.StatusCode.PERMISSION_DENIED, "The device was removed.")
        with pytest.raises(Refused, match="removed"):
            agent.join()


def test_a_power_source_that_is_refused_is_one_line_of_the_log(tmp_path, monkeypatch, caplog):
    absent = (
        Unavailable("rapl/package-0", "permission denied: energy_uj", "as root: chmod a+r", refused=True),
        Unavailable("battery", "no battery under /sys/class/power_supply"),
    )
    device = dataclasses.replace(DEVICE, absent=absent, simulation=Simulation("jetson-tx2"))
    monkeypatch.setattr(process.probe, "probe_device", lambda *_, **__: device)
    monkeypatch.setattr(process, "_serve", lambda *_, **__: False)
    process.run(config(tmp_path, "127.0.0.1:1"), once=True)
    (line,) = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert line.startswith("the power source rapl/package-0 cannot be used")
    assert line.endswith("permission denied: energy_uj; as root: chmod a+r")


def test_nothing_is_leased_when_the_disk_is_nearly_full(collector, tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(loop, "free_bytes", lambda _: 1000)
    collector.grant("run-1")
    agent = Agent(tmp_path, collector.address).start()
    wait_for(lambda: "0 MB left, a run may need 34 MB" in caplog.text)
    agent.daemon.stop()
    agent.join()
    assert len(collector.grants) == 1


@pytest.mark.parametrize(("allowed", "ends"), [(True, True), (False, False)])
def test_a_reboot_that_is_asked_for_ends_the_work_where_it_is_allowed(collector, tmp_path, allowed, ends):
    collector.reboot = "2 of 4 blocks are done within this boot"
    agent = Agent(tmp_path, collector.address, allow_reboot=allowed).start()
    wait_for(lambda: collector.hellos)
    assert collector.hellos[0].may_reboot == allowed
    if not ends:
        time.sleep(0.5)
        agent.daemon.stop()
    assert agent.join() == 0
    assert agent.daemon.wants_reboot == ends


def test_what_waits_for_one_collector_is_not_given_to_another(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(outcome, "measure", well)
    first, other = FakeCollector(), FakeCollector()
    other.collector_id, other.word = "other", {"run-1": 3}
    first.start()
    other.port = first.port
    first.stop()
    with contextlib.closing(Spool.open(tmp_path)) as spool:
        spool.change_collector(first.collector_id)
        fill(spool, key("run-1"))
    with other.running():
        other.grant("run-2")
        Agent(tmp_path, other.address).start(once=True).join()
    assert set(other.ends) == {("run-2", 1)}
    assert all(not hello.held for hello in other.hellos[1:])
    (line,) = [record.getMessage() for record in caplog.records if "another collector" in record.message]
    assert str(tmp_path / "spool-for-fake") in line
    with first.running():
        Agent(tmp_path, first.address).start(once=True).join()
    assert first.ends["run-1", 1].ok
    assert len(first.stored) == 3


def test_a_spool_that_names_no_collector_is_not_given_to_the_first_that_answers(tmp_path, caplog):
    """As agents wrote it before a spool belonged to a collector."""
    with contextlib.closing(Spool.open(tmp_path)) as spool:
        fill(spool, key())
    other, right = FakeCollector(), FakeCollector()
    other.collector_id, other.word = "other", {"run-1": 3}
    with other.running():
        Agent(tmp_path, other.address).start(once=True).join()
    assert "other knows nothing of what waits here" in caplog.text
    with contextlib.closing(Spool.open(tmp_path / "spool-for-unknown")) as spool:
        assert spool.attempts() == (key(),)
    with contextlib.closing(Spool.open(tmp_path)) as spool:
        assert (spool.collector_id, spool.held()) == ("other", ())
    home = tmp_path / "old"
    home.mkdir()
    shutil.copy(tmp_path / "spool-for-unknown" / "spool.db", home)
    with right.running():
        Agent(home, right.address).start(once=True).join()
    assert right.ends["run-1", 1].ok


def test_a_run_goes_on_while_another_collector_answers(tmp_path, monkeypatch):
    first, other = FakeCollector(), FakeCollector()
    other.collector_id, other.word = "other", {"run-1": 3}
    other.checks_sessions = True

    def through_a_change(lease, path, sink, watch, device):
        first.stop()
        other.port = first.port
        other.start()
        wait_for(lambda: other.hellos)
        time.sleep(0.3)
        assert not watch.stopped()
        return well(lease, path, sink, watch, device)

    monkeypatch.setattr(outcome, "measure", through_a_change)
    first.start()
    first.grant("run-1")
    agent = Agent(tmp_path, first.address).start()
    wait_for((tmp_path / "spool-for-fake" / "spool.db").exists)
    other.stop()
    first.start()
    wait_for(lambda: ("run-1", 1) in first.ends)
    agent.daemon.stop()
    agent.join()
    first.stop()
    assert first.ends["run-1", 1].ok
    assert other.stored == {}


def test_what_a_full_disk_does_not_take_waits_in_memory(collector, tmp_path, monkeypatch, caplog):
    def on_a_full_disk(lease, path, sink, watch, device):
        (pages,) = agent.daemon._spool._database.execute("PRAGMA page_count").fetchone()
        agent.daemon._spool._database.execute(f"PRAGMA max_page_count = {pages}")
        sink.put("power", "power/1", 50_000, columns(50_000))
        return OK

    monkeypatch.setattr(outcome, "measure", on_a_full_disk)
    collector.grant("run-1")
    agent = Agent(tmp_path, collector.address)
    assert agent.start(once=True).join() == 0
    assert "samples of run run-1 wait in memory" in caplog.text
    assert collector.ends["run-1", 1].ok
    assert set(collector.stores.values()) == {1}


def test_a_spool_that_fails_is_a_sentence_and_work_goes_on_when_it_is_mended(
    collector, tmp_path, monkeypatch, caplog
):
    begin = Spool.begin

    def begin_on_a_disk_that_is_mended_later(spool, attempt_key):
        if not spool_failed:
            spool_failed.append(attempt_key)
            spool._database.execute("PRAGMA query_only = 1")
        begin(spool, attempt_key)

    spool_failed = []
    monkeypatch.setattr(outcome, "measure", well)
    monkeypatch.setattr(Spool, "begin", begin_on_a_disk_that_is_mended_later)
    collector.grant("run-1")
    collector.grant("run-2")
    assert Agent(tmp_path, collector.address).start(once=True).join() == 0
    assert "cannot be written" in caplog.text
    assert "nothing is measured meanwhile" in caplog.text
    assert collector.ends["run-2", 1].ok


def test_another_program_that_reads_the_spool_does_not_keep_it_from_being_set_aside(tmp_path):
    with contextlib.closing(Spool.open(tmp_path)) as spool:
        spool.change_collector("a")
        fill(spool, key())
        with contextlib.closing(sqlite3.connect(tmp_path / "spool.db")) as reader:
            reader.execute("SELECT * FROM chunks").fetchall()
            assert spool.change_collector("b") == tmp_path / "spool-for-a"
        fill(spool, key("run-2"))
        spool.change_collector("a")
        assert spool.attempts() == (key(),)
