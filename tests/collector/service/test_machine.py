"""What the doctor finds around a collector: rights, clock, addresses."""

from __future__ import annotations

import socket
from dataclasses import replace
from pathlib import Path

import pytest
from paretofleet_collector import __version__
from paretofleet_collector.config import Config, socket_path
from paretofleet_collector.service import home, machine

NOW = 1_800_000_000.0


def findings(config: Config, latest: float = 0.0, now: float = NOW) -> dict[str, machine.Finding]:
    return {each.subject: each for each in machine.findings(config, latest, now)}


@pytest.fixture
def config(tmp_path: Path) -> Config:
    folder = tmp_path / "c"
    folder.mkdir(mode=0o700)
    return Config(home=folder)


def test_a_collector_that_does_not_run_and_could(config: Config) -> None:
    found = findings(config)
    assert all(each.is_well for each in found.values()), found
    assert __version__ in found["versions"].sentence
    assert found["addresses"].sentence == "no collector runs here"


def test_a_folder_that_others_can_look_into(config: Config) -> None:
    config.home.chmod(0o750)
    assert findings(config)["rights"].sentence.endswith(f"run `chmod 700 {config.home}`")


def test_a_clock_that_nobody_set_or_that_was_set_back(config: Config) -> None:
    assert "let it be set by NTP" in findings(config, now=0.0)["clock"].sentence
    back = findings(config, latest=NOW + 3_600.0)["clock"]
    assert "60 min behind" in back.sentence
    assert "--forget-clock" in back.sentence
    assert findings(config, latest=NOW + 10.0)["clock"].is_well


def test_an_address_that_another_program_has(config: Config) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        found = findings(replace(config, listen=f"127.0.0.1:{port}"))["addresses"]
    assert not found.is_well
    assert str(port) in found.sentence


def test_a_collector_that_holds_its_home_and_does_or_does_not_answer(config: Config) -> None:
    with home.hold_home(config.home):
        silent = findings(config)["addresses"]
        assert not silent.is_well
        assert "`paretofleet logs`" in silent.sentence
        path = socket_path(config.home)
        path.parent.mkdir(parents=True, exist_ok=True)
        with socket.socket(socket.AF_UNIX) as listening:
            listening.bind(str(path))
            listening.listen()
            assert "a collector answers" in findings(config)["addresses"].sentence
