from __future__ import annotations

import contextlib
import json
import shutil

import pytest
from daemon_parts import config, fill, key
from fake_collector import FakeCollector
from paretofleet_agent.errors import HomeError, Refused
from paretofleet_agent.main import main
from paretofleet_agent.uplink import identity
from paretofleet_agent.uplink.push import push
from paretofleet_agent.uplink.spool import Spool


@pytest.fixture
def stick(tmp_path):
    """The copied home of an agent: two attempts that have ended, one that runs."""
    home = tmp_path / "board"
    home.mkdir()
    identity.start(home, "boot")
    with contextlib.closing(Spool.open(home)) as spool:
        spool.change_collector("fake")
        fill(spool, key("a"))
        fill(spool, key("b"), chunks=20)
        spool.begin(key("runs"))
    shutil.copytree(home, tmp_path / "stick")
    return tmp_path / "stick"


def device_id(home):
    return json.loads((home / "identity.json").read_text())["device_id"]


def test_what_has_ended_is_uploaded_once_as_the_device_and_nothing_is_ended(stick, tmp_path):
    with FakeCollector().running() as collector:
        pushed = push(config(tmp_path, collector.address), stick)
        again = push(config(tmp_path, collector.address), stick)
        pushed_by_the_board = push(config(tmp_path, collector.address), tmp_path / "board")
    assert (pushed.attempts, pushed.chunks, pushed.left) == (2, 23, 1)
    assert (again.attempts, again.left) == (0, 1)
    assert pushed_by_the_board.left == 1
    assert set(collector.ends) == {("a", 1), ("b", 1)}
    assert set(collector.stores.values()) == {1}
    assert collector.joins == []
    sessions = {(hello.session.device_id, hello.session.uploads_only) for hello in collector.hellos}
    assert sessions == {(device_id(stick), True)}


def test_a_push_that_breaks_goes_on_where_it_was(stick, tmp_path):
    faults = {3: "cut_after", 7: "cut_before", 12: "cut_after"}
    with FakeCollector(script=faults.get).running() as collector:
        pushed = push(config(tmp_path, collector.address), stick)
    assert pushed.chunks == 23
    assert set(collector.stores.values()) == {1}
    assert collector.ends["b", 1].ok


def test_another_collector_gets_nothing(stick, tmp_path):
    collector = FakeCollector()
    collector.collector_id = "other"
    with collector.running(), pytest.raises(Refused, match="for collector fake, and other answers"):
        push(config(tmp_path, collector.address), stick)
    assert collector.stored == {}
    with contextlib.closing(Spool.open(stick)) as spool:
        assert len(spool.attempts()) == 3


def test_a_spool_that_was_set_aside_is_pushed_to_its_collector(stick, tmp_path):
    with contextlib.closing(Spool.open(stick)) as spool:
        spool.change_collector("other")
    with FakeCollector().running() as collector:
        assert push(config(tmp_path, collector.address), stick).attempts == 2
    assert set(collector.ends) == {("a", 1), ("b", 1)}


def test_what_nobody_wrote_down_whose_it_is_is_pushed_to_the_collector_that_knows_it(stick, tmp_path):
    with contextlib.closing(Spool.open(stick)) as spool:
        spool._database.execute("DELETE FROM belongs_to")
        spool.leave_to_another()
        spool.change_collector("other")
    with FakeCollector().running() as collector:
        assert push(config(tmp_path, collector.address), stick).attempts == 2
    assert set(collector.ends) == {("a", 1), ("b", 1)}


def test_what_the_collector_does_not_know_is_not_said_to_be_sent_and_stays(stick, capsys):
    collector = FakeCollector()
    collector.word = {"b": 3}
    with collector.running():
        assert main(["push", str(stick), "--collector", collector.address]) == 0
    assert ": attempts 1, chunks 3;" in capsys.readouterr().out
    assert set(collector.ends) == {("a", 1)}
    with contextlib.closing(Spool.open(stick)) as spool:
        assert spool.unknown_attempts() == (key("b"),)


def test_a_folder_that_is_none_of_an_agent_is_one_sentence(stick, tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    for folder, sentence in (("empty", "has no identity.json"), ("nowhere", "There is no folder")):
        with pytest.raises(HomeError, match=sentence):
            push(config(tmp_path, "127.0.0.1:1"), tmp_path / folder)
    with FakeCollector().running() as collector:
        assert main(["push", str(stick), "--collector", collector.address]) == 0
    assert ": attempts 2, chunks 23" in capsys.readouterr().out


def test_a_home_whose_agent_runs_is_left_alone(stick, tmp_path):
    with identity.home_lock(stick), pytest.raises(HomeError, match="uses"):
        push(config(tmp_path, "127.0.0.1:1"), stick)
