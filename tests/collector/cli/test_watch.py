"""`paretofleet watch`: what it says of devices that it cannot look at, and of what it cannot take."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from command_harness import Command
from fake_control import FakeControl


@pytest.fixture
def canary(tmp_path: Path) -> Path:
    spec = tmp_path / "canary.yaml"
    spec.write_text("{models: [zoo:resnet50], repeats: 5}")
    return spec


def test_a_device_that_is_away_or_says_nothing_of_itself_is_told_of_and_not_measured(
    paretofleet: Command, control: FakeControl, canary: Path
) -> None:
    control.devices[1] = replace(control.devices[1], state="offline")
    said = paretofleet("watch", canary, "--once").err
    assert "pc has an agent too old to tell its environment: update it there" in said
    assert "tx2 is offline: it is looked at when it is back" in said
    assert control.sweeps == {}


def test_a_device_is_measured_once_and_what_has_not_ended_is_followed(
    paretofleet: Command, control: FakeControl, canary: Path
) -> None:
    pc = control.devices[0]
    told = replace(pc.inventory, environment_json='{"kernel": "6.1"}')
    control.devices = [replace(pc, inventory=told)]
    assert "pc: the canary set was never measured here" in paretofleet("watch", canary, "--once").err
    again = paretofleet("watch", canary, "--once").err
    assert list(control.sweeps) == ["canary-pc"]
    assert "canary-pc finished" in again
    assert "watch/canary" in control.sweeps["canary-pc"].labels


def test_what_is_no_canary_set_is_one_sentence(
    paretofleet: Command, control: FakeControl, tmp_path: Path
) -> None:
    assert "Unknown sweep 'canary'" in paretofleet("watch", "canary", "--once", code=1).err
    assert "does not exist" in paretofleet("watch", tmp_path / "gone.yaml", "--once", code=1).err
    assert "write a time" in paretofleet("watch", "canary", "--every", "soon", code=2).err
    assert control.sweeps == {}
