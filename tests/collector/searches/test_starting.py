"""What stands before a search: one driver, the same specification, devices that can be compared."""

from __future__ import annotations

import fcntl
import os
import signal
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from paretofleet_collector.errors import Refused
from paretofleet_collector.model.entities import DevicePlan, Refusal, SensorInfo
from paretofleet_collector.model.searches import SearchDetail, SearchView
from paretofleet_collector.model.views import DeviceView, PlanView
from paretofleet_collector.planning.parsing import parse_json
from paretofleet_collector.searches import process
from paretofleet_collector.searches.batches import next_batch, request_id, sweep_json
from paretofleet_collector.searches.kept import GOES_ON, WAITS
from paretofleet_collector.searches.specification import TrainCommand
from paretofleet_collector.searches.starting import check_here, devices_of
from paretofleet_collector.searches.stored import stored_json, stored_specification
from search_examples import SPECIFICATION, TRIALS

METER = (SensorInfo("ina3221", "VDD_IN", "module", "instant"),)
VIEW = SearchView("s1", "edge1", "running", "", "{}", "d", 7, 0.0, 0, 0.0, 0.0, 0.0, None)


def device(name: str, *, simulated: bool = False, sensors: tuple[SensorInfo, ...] = METER) -> DeviceView:
    return DeviceView(
        name, name, "cpu", "online", {}, ("cpu",), ("onnxruntime 1",), sensors, simulated, "0", None, ""
    )


def plan(*names: str) -> PlanView:
    devices = tuple(DevicePlan(name, 1, 3, 3, 20.0, 20.0) for name in names)
    return PlanView((), devices, (Refusal("anchor on box", "it lacks the runtime"),))


def chosen(*fleet: DeviceView, budget_s: float = 0.0, **changed: object) -> tuple[str, ...]:
    specification = replace(SPECIFICATION, **changed)
    return devices_of(specification, plan(*(each.name for each in fleet)), fleet, budget_s)


def test_the_devices_of_a_search_are_those_that_can_measure_its_anchor() -> None:
    assert chosen(device("box"), device("tx2"), budget_s=40.0) == ("box", "tx2")


@pytest.mark.parametrize(
    ("fleet", "budget_s", "sentence"),
    [
        ((), 0.0, "No device of `measure.devices` can measure the anchor: it lacks the runtime"),
        ((device("box"), device("sim", simulated=True)), 0.0, "sim is simulated and box is not"),
        ((device("box", sensors=()),), 0.0, "box has no power sensor, so there is no energy_j_per_item"),
        ((device("box"),), 39.0, "A budget of 39 s is less than one trial"),
    ],
)
def test_what_allows_no_search_is_a_sentence(
    fleet: tuple[DeviceView, ...], budget_s: float, sentence: str
) -> None:
    with pytest.raises(Refused, match=sentence.replace("(", "\\(")):
        chosen(*fleet, budget_s=budget_s)


def test_simulated_and_real_devices_are_searched_together_where_each_is_named() -> None:
    fleet = (device("box"), device("sim", simulated=True))
    named = replace(SPECIFICATION.measure, devices={"name": ("box", "sim")})
    assert chosen(*fleet, measure=named) == ("box", "sim")
    by_class = replace(SPECIFICATION.measure, devices={"class": ("cpu",)})
    with pytest.raises(Refused, match=r"name there each device, as in \[box, sim\]"):
        chosen(*fleet, measure=by_class)


def test_a_search_without_energy_needs_no_sensor() -> None:
    assert chosen(device("box", sensors=()), objectives=("top1", "batch_latency_p90_s")) == ("box",)


def test_one_run_tells_nothing_of_its_error() -> None:
    once = replace(SPECIFICATION.measure, repeats=replace(SPECIFICATION.measure.repeats, runs_min=1))
    with pytest.raises(Refused, match="single run"):
        chosen(device("box"), measure=once)


def test_a_stored_specification_comes_back_in_the_order_of_its_codes() -> None:
    specification = replace(
        SPECIFICATION,
        parameters={"z": [2, 1], "a": {"values": ["x", "y"], "if": {"z": 1}}},
        hand_made=({"z": 2},),
        files={"specification": "ab"},
    )
    again, devices = stored_specification(stored_json(specification, ("box",)))
    assert again == specification
    assert devices == ("box",)
    assert again.space().names == ("z", "a")


def test_a_batch_is_a_sweep_of_its_own_with_the_anchor_first() -> None:
    detail = SearchDetail(VIEW, TRIALS)
    batch = next_batch(detail, (2, 3), ("box",))
    spec = parse_json(sweep_json(SPECIFICATION, detail, batch))
    assert spec.models == ("zoo:anchor", "edge-2@file", "edge-3@file")
    assert spec.devices == {"name": ("box",)}
    assert (spec.name, spec.wait_s, spec.repeats.seed) == ("edge1-b000", 600.0, 7)
    ids = {request_id(search, number) for search in ("s1", "s2") for number in range(3)}
    assert len(ids) == 6
    assert all(len(each) <= 64 for each in ids)


def test_a_search_has_one_driver_at_a_time(tmp_path: Path) -> None:
    assert not process.is_driven(tmp_path)
    with process.driving(tmp_path):
        assert process.is_driven(tmp_path)
        with pytest.raises(Refused, match="driven already"), process.driving(tmp_path):
            pass
    assert not process.is_driven(tmp_path)


def test_whoever_looks_at_that_moment_keeps_no_driver_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looking = os.open(tmp_path / "driver.lock", os.O_RDWR | os.O_CREAT)
    fcntl.flock(looking, fcntl.LOCK_EX)
    monkeypatch.setattr(time, "sleep", lambda _: fcntl.flock(looking, fcntl.LOCK_UN))
    with process.driving(tmp_path):
        assert process.is_driven(tmp_path)
    os.close(looking)


def test_a_folder_knows_where_its_search_came_from(tmp_path: Path) -> None:
    assert process.origin(tmp_path) is None
    process.keep_origin(tmp_path, tmp_path / "space.yaml")
    assert process.origin(tmp_path) == tmp_path / "space.yaml"


def test_a_search_is_driven_from_when_its_process_is_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = tmp_path / "python"  # a driver that does not get to its first line
    slow.write_text("#!/bin/sh\nexec sleep 600\n")
    slow.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(slow))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    pid = process.start("127.0.0.1:1", "s1")
    try:
        assert process.is_driven(process.search_folder("s1"))
        with pytest.raises(Refused, match="driven already"):
            process.start("127.0.0.1:1", "s1")
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    assert not process.is_driven(process.search_folder("s1"))


def test_a_driver_takes_over_the_hold_of_who_started_it(tmp_path: Path) -> None:
    with process.driving(tmp_path) as held, process.driving(tmp_path, os.dup(held)):
        assert process.is_driven(tmp_path)
    assert not process.is_driven(tmp_path)


def test_a_search_says_that_it_waits_until_it_goes_on(tmp_path: Path) -> None:
    assert process.waits(tmp_path) == ""
    (tmp_path / process.LOG).write_text(f"2026-01-01 12:00:00,000 {WAITS}\n")
    assert process.waits(tmp_path) == WAITS
    (tmp_path / process.LOG).write_text(f"{WAITS}\n2026-01-01 12:00:00,000 {GOES_ON}\n")
    assert process.waits(tmp_path) == ""


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"train": TrainCommand(("nosuchprogram",))}, "nosuchprogram is no program here"),
        ({"train": TrainCommand(("python",)), "method": "tpe"}, "`method`: tpe cannot be used: .*Optuna"),
    ],
)
def test_what_is_missing_on_this_machine_is_refused_before_a_search_begins(
    changed: dict[str, Any], why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(Refused, match=why):
        check_here(replace(SPECIFICATION, **changed))
    check_here(replace(SPECIFICATION, train=TrainCommand(("python",))))
