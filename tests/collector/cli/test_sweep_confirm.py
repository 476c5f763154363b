"""`sweep confirm`: what is not beaten is measured again, alone, in another order, under another name."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from command_harness import Command
from fake_control import FakeControl
from paretofleet_analysis.report import files
from paretofleet_analysis.report.rows import build_report
from paretofleet_collector.planning.parsing import parse_json
from test_rank import configuration


@pytest.fixture
def measured(paretofleet: Command, control: FakeControl, tmp_path: Path) -> Path:
    """The report of a sweep that the collector knows: alexnet is as fast as resnet50 and worse."""
    words = (
        "--model",
        "resnet50",
        "--model",
        "alexnet",
        "--device",
        "pc",
        "--name",
        "first",
        "--repeats",
        "6",
    )
    paretofleet("sweep", "submit", *words)
    spec = parse_json(control.specifications["first"])
    planned = control._plan(spec.to_json(), None).configurations
    identities = {each.model: each.configuration_id for each in planned}
    rows = [
        replace(configuration(model, latency_s, top1), configuration_id=identities[model])
        for model, latency_s, top1 in (("resnet50", 0.01, 80.0), ("alexnet", 0.02, 60.0))
    ]
    files.write(build_report(rows), tmp_path / "first.parquet")
    return tmp_path / "first.parquet"


def test_only_what_is_not_beaten_is_measured_again(
    paretofleet: Command, control: FakeControl, measured: Path
) -> None:
    done = paretofleet("sweep", "confirm", measured)
    assert done.out == "first-confirmed\n"
    assert "1 configuration of first is not beaten" in done.err
    first, again = (parse_json(control.specifications[name]) for name in ("first", "first-confirmed"))
    assert len(again.only) == 1
    assert again == replace(
        first,
        name="first-confirmed",
        only=again.only,
        repeats=replace(first.repeats, seed=first.repeats.seed + 1),
    )
    assert control.sweeps["first-confirmed"].configurations == 1


def test_it_is_measured_as_often_as_is_said(
    paretofleet: Command, control: FakeControl, measured: Path
) -> None:
    paretofleet("sweep", "confirm", measured, "--repeats", "12")
    repeats = parse_json(control.specifications["first-confirmed"]).repeats
    assert (repeats.runs_min, repeats.runs_max) == (12, 12)


def test_a_second_confirmation_gets_a_name_of_its_own(paretofleet: Command, measured: Path) -> None:
    names = [paretofleet("sweep", "confirm", measured).out for _ in range(2)]
    assert names == ["first-confirmed\n", "first-confirmed-2\n"]


def test_a_sweep_that_the_collector_does_not_know_is_one_sentence(
    paretofleet: Command, measured: Path, control: FakeControl
) -> None:
    del control.sweeps["first"]
    assert "Unknown sweep 'first'" in paretofleet("sweep", "confirm", measured, code=1).err


def test_one_row_is_no_choice(paretofleet: Command, tmp_path: Path) -> None:
    files.write(build_report([configuration("alone", 0.01, 70.0)]), tmp_path / "one.parquet")
    assert "no choice to confirm" in paretofleet("sweep", "confirm", tmp_path / "one.parquet", code=1).err
