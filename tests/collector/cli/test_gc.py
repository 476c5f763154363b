"""`paretofleet gc`: what nobody needs is said, then freed, and the rest stays."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest
from command_harness import Command
from paretofleet_collector.lake.address import open_lake
from paretofleet_collector.lake.files import model_file
from paretofleet_collector.model.entities import Variant
from paretofleet_collector.service import home as home_lock
from paretofleet_collector.store import Store, models

FILES = {"needed": b"n" * 2000, "spare": b"s" * 3000}


def sha256(name: str) -> str:
    return hashlib.sha256(FILES[name]).hexdigest()


def collector_in(folder: Path) -> None:
    """A home in which two models are stored and no sweep was submitted."""
    lake = open_lake(str(folder / "lake"))
    store = Store.at(folder)
    for name, data in FILES.items():
        variant = Variant(name, "file", sha256(name), len(data))
        store.submit(lambda connection, variant=variant: models.add(connection, variant)).result()
        lake.put(model_file(variant.sha256), lambda path, data=data: path.write_bytes(data))
    store.close()


@pytest.fixture
def fleet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of an `up` that has ended; of one model the agent has a hard link, of the other a copy."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "fleet"
    collector_in(folder / "collector")
    copies = folder / "agent" / "models"
    copies.mkdir(parents=True)
    os.link(folder / "collector" / "lake" / model_file(sha256("spare")), copies / sha256("spare"))
    (copies / sha256("needed")).write_bytes(FILES["needed"])
    return folder


def stored(folder: Path) -> set[str]:
    return {path.name.partition(".")[0] for path in (folder / "collector" / "lake" / "models").iterdir()}


def test_it_is_said_first_and_freed_on_demand(fleet: Path, paretofleet: Command) -> None:
    said = paretofleet("gc", "--home", fleet, "--keep", "needed")
    assert said.out.splitlines() == [
        "model of no sweep: spare (file), 3 kB",
        f"the agent's copy of such a model: {fleet / 'agent' / 'models' / sha256('spare')}, 0 B",
    ]
    assert said.err == "3 kB can be freed; say --yes to remove 2 things\n"
    assert stored(fleet) == {sha256("needed"), sha256("spare")}
    assert "removed 2 things, 3 kB" in paretofleet("gc", "--home", fleet, "--keep", "needed", "--yes").err
    assert stored(fleet) == {sha256("needed")}
    assert [path.name for path in (fleet / "agent" / "models").iterdir()] == [sha256("needed")]
    assert "nothing to free" in paretofleet("gc", "--home", fleet, "--keep", "needed", "--yes").err


def test_what_demos_left_goes_only_when_it_is_asked_for_and_nobody_works_there(
    fleet: Path, paretofleet: Command, tmp_path: Path
) -> None:
    ended, working = (tmp_path / "demo" / f"20260101-12000{at}-abcd" for at in (1, 2))
    for folder in (ended, working):
        collector_in(folder / "collector")
    (tmp_path / "demo" / "20260101-120003-mine").mkdir()
    assert "left by a demo" not in paretofleet("gc", "--home", fleet).out
    with home_lock.hold_home(working / "collector"):
        said = paretofleet("gc", "--home", fleet, "--demos", "--yes").out
    assert [
        line for line in said.splitlines() if line.startswith("left by a demo: demo/20260101-120001-abcd")
    ]
    assert sorted(path.name for path in (tmp_path / "demo").iterdir()) == [
        "20260101-120002-abcd",
        "20260101-120003-mine",
    ]


def test_under_a_running_collector_nothing_is_freed(fleet: Path, paretofleet: Command) -> None:
    with home_lock.hold_home(fleet / "collector"):
        assert "end it there" in paretofleet("gc", "--home", fleet, "--yes", code=1).err
    assert stored(fleet) == {sha256("needed"), sha256("spare")}
