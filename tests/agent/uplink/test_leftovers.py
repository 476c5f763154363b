"""What lies aside in a home: it is listed, with its size, and goes only by its name."""

from __future__ import annotations

import json

import pytest
from daemon_parts import fill, key
from paretofleet_agent import main
from paretofleet_agent.uplink import identity
from paretofleet_agent.uplink.leftovers import leftovers
from paretofleet_agent.uplink.spool import Spool

OTHER, NOW = "a" * 16, "b" * 16


@pytest.fixture
def home(tmp_path):
    """A home with a spool for another collector, a damaged one, and two attempts that were refused."""
    identity.start(tmp_path, "boot")
    spool = Spool.open(tmp_path)
    spool.change_collector(OTHER)
    fill(spool, key("for-another"))
    spool.change_collector(NOW)
    for run in ("refused", "unknown", "to-send"):
        fill(spool, key(run))
    spool.set_aside(key("refused"), "The collector refused it.")
    spool.keep_aside(key("unknown"), "The collector does not know it.")
    spool.close()
    (tmp_path / "spool.db.damaged-1").write_bytes(b"x" * 1000)
    return tmp_path


def named(home, capsys):
    assert main.main(["aside", "--home", str(home), "-o", "json"]) == 0
    return {each["name"]: each for each in json.loads(capsys.readouterr().out)}


def test_all_that_lies_aside_is_listed_with_its_size_and_why(home, capsys):
    listed = named(home, capsys)
    assert list(listed) == ["refused/1", "unknown/1", f"spool-for-{OTHER}", "spool.db.damaged-1"]
    assert (listed["refused/1"]["bytes"], listed["spool.db.damaged-1"]["bytes"]) == (480, 1000)
    assert "The collector refused it." in listed["refused/1"]["why"]
    assert OTHER in listed[f"spool-for-{OTHER}"]["why"]
    assert main.main(["status", "--home", str(home)]) == 0
    total = sum(each["bytes"] for each in listed.values())
    assert f"{total} bytes in all: `paretofleet-agent aside` lists them" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["refused/1", "unknown/1", f"spool-for-{OTHER}", "spool.db.damaged-1"])
def test_what_is_deleted_by_its_name_goes_alone(home, capsys, name):
    before = leftovers(home)
    assert main.main(["aside", "--home", str(home), "--delete", name]) == 0
    assert f"deleted {name} (" in capsys.readouterr().err
    assert leftovers(home) == tuple(each for each in before if each.name != name)
    spool = Spool.open(home)
    assert spool.collector_id == NOW
    assert key("to-send") in spool.attempts()
    assert len(spool.pending_chunks(key("to-send"))) == 3
    assert (key("unknown") in spool.unknown_attempts()) is (name != "unknown/1")
    spool.close()


@pytest.mark.parametrize("name", ["spool.db", "to-send/1", "identity.json", "..", "../x", ""])
def test_what_does_not_lie_aside_is_not_deleted(home, capsys, name):
    files = {path.relative_to(home) for path in home.rglob("*")}
    assert main.main(["aside", "--home", str(home), "--delete", name]) == 1
    assert f"is called {name}; there is refused/1, unknown/1, " in capsys.readouterr().err
    assert {path.relative_to(home) for path in home.rglob("*")} >= files


def test_nothing_is_deleted_beside_a_running_agent(home, capsys):
    with identity.home_lock(home):
        assert main.main(["aside", "--home", str(home), "--delete", "refused/1"]) == 1
    assert "stop it" in capsys.readouterr().err
    assert "refused/1" in named(home, capsys)
