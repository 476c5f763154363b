"""`paretofleet watch`: what it says of devices that it cannot look at, and of what it cannot take."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from command_harness import Command
from fake_control import FakeControl
from paretofleet_collector.cli import watch


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
    assert "does not exist" in paretofleet("watch", tmp_path / "gone.yaml", "--once", code=2).err
    assert "write a time" in paretofleet("watch", "canary", "--every", "soon", code=2).err
    assert control.sweeps == {}


def test_it_looks_again_and_a_look_that_fails_ends_nothing(
    paretofleet: Command, control: FakeControl, canary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    control.devices = control.devices[:1]
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) > 3:
            raise KeyboardInterrupt
        if len(slept) == 2:  # a new kernel, and then another, and reports that cannot be read
            environment = replace(control.devices[0].inventory, environment_json='{"kernel": "6.2"}')
            control.devices = [replace(control.devices[0], inventory=environment)]
        if len(slept) == 3:
            for sweep in control.sweeps.values():
                sweep.state, sweep.ended_unix_s = "finished", 9.0
            environment = replace(control.devices[0].inventory, environment_json='{"kernel": "6.3"}')
            control.devices = [replace(control.devices[0], inventory=environment)]

    monkeypatch.setattr(watch.time, "sleep", sleep)
    said = paretofleet("watch", canary, "--every", "5min", code=130).err
    assert slept == [300.0] * 4
    assert list(control.sweeps) == ["canary-pc", "canary-pc-2"]
    assert said.count("too old to tell") == 1, "said once, not at every look"


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--measure", "top1"), "is no measure of runs"),
        (("--margin", "0.1"), "a share like 2%"),
        (("--boot-spread", "much"), "much"),
    ],
)
def test_what_could_not_be_compared_is_refused_before_anything_is_measured(
    paretofleet: Command, control: FakeControl, canary: Path, words: tuple[str, ...], sentence: str
) -> None:
    assert sentence in paretofleet("watch", canary, "--once", *words, code=2).err
    assert control.sweeps == {}


def test_a_device_is_shown_with_what_it_told_of_its_environment(
    paretofleet: Command, control: FakeControl
) -> None:
    pc = control.devices[0]
    told = '{"kernel": "6.1", "governor": ["performance"]}'
    control.devices = [replace(pc, inventory=replace(pc.inventory, environment_json=told))]
    shown = [line.split() for line in paretofleet("devices", "show", "pc").out.splitlines()]
    assert ["environment:", "kernel", "6.1"] in shown
    assert ["environment:", "governor", "performance"] in shown
    assert paretofleet("devices", "show", "pc", "-o", "json").json["environment_json"] == told
    control.devices = [replace(pc, inventory=replace(pc.inventory, environment_json="[" * 9_000))]
    assert "environment" not in paretofleet("devices", "show", "pc").out
