"""What `make bench` runs whole, and when a figure by the clock counts."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import NamedTuple

import pytest

BENCH = Path(__file__).parents[1] / "bench"


def load(name: str):
    spec = importlib.util.spec_from_file_location(f"bench_{name}", BENCH / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_rows_that_the_ranking_promises_are_run_whole():
    bench = load("all")
    assert bench.arguments(BENCH / "pareto_speed.py") == []
    assert bench.arguments(BENCH / "pareto_allocation.py") == []
    assert bench.arguments(BENCH / "energy.py") == ["--windows", "1200"]
    assert {path.stem for path in bench.programs()} >= bench.WHOLE


@pytest.mark.parametrize(
    ("kept", "idle", "said"),
    [(True, True, ""), (True, False, ""), (False, True, "MISSED"), (False, False, "undecided: the machine")],
)
def test_a_limit_by_the_clock_is_missed_only_on_an_idle_machine(kept, idle, said):
    found = load("machine").judged(kept=kept, idle=idle)
    assert found.startswith(said)
    assert bool(found) == bool(said)


class Times(NamedTuple):
    user: float
    nice: float
    system: float
    idle: float
    iowait: float
    irq: float = 0.0
    softirq: float = 0.0
    steal: float = 0.0
    guest: float = 99.0


@pytest.mark.parametrize(("others_s", "idle"), [(0.0, 2.0), (5.0, 1.5), (20.0, 0.0)])
def test_idle_cores_are_those_that_others_leave(monkeypatch, others_s, idle):
    """Ten seconds on two cores, of which this process takes eight core seconds."""
    machine = load("machine")
    now = {"wall": 100.0, "own": 1.0, "others": 50.0}
    monkeypatch.setattr(machine.os, "cpu_count", lambda: 2)
    monkeypatch.setattr(machine.time, "perf_counter", lambda: now["wall"])
    monkeypatch.setattr(machine.time, "process_time", lambda: now["own"])
    monkeypatch.setattr(machine.psutil, "cpu_times", lambda: Times(now["own"], 0.0, now["others"], 7.0, 3.0))
    watch = machine.Watch()
    now = {"wall": 110.0, "own": 9.0, "others": 50.0 + others_s}
    assert watch.idle_cores() == pytest.approx(idle)
    assert watch.had(2) == (idle > 1.7)
