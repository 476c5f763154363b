"""Collector and agent of simulated devices are killed; every sample is still there exactly once."""

from __future__ import annotations

import pytest
from farm import Farm, wait_until
from networks import convolution
from test_faults import check_every_sample_is_there_once, check_spool_is_empty, ended_runs, submit

pytestmark = pytest.mark.system


def test_the_collector_is_killed_in_the_middle_of_a_sweep(farm: Farm) -> None:
    farm.start_agent("sim", "--simulate", "jetson-tx2", "--seed", "3")
    farm.command("models", "add", convolution(farm.root / "net.onnx"))
    submit(farm, "--batch-size", "1,2,4,8")
    for sealed in (2, 7, 12):
        wait_until(lambda wanted=sealed: ended_runs(farm, "s") >= wanted, f"{sealed} sealed runs")
        collector = next(p for p in reversed(farm.processes) if "serve" in [str(a) for a in p.args])  # type: ignore[union-attr]
        collector.kill()
        collector.wait()
        farm.start_collector()
    wait_until(lambda: farm.has_ended("s"), "the end of the sweep")
    assert farm.sweep("s")["state"] == "finished"
    check_every_sample_is_there_once(farm, 20)
    check_spool_is_empty(farm, "sim")


def test_both_sides_restart_while_a_sweep_runs(farm: Farm) -> None:
    agent = farm.start_agent("sim", "--simulate", "jetson-tx2", "--seed", "5")
    farm.command("models", "add", convolution(farm.root / "net.onnx"))
    submit(farm, "--batch-size", "1,2")
    wait_until(lambda: ended_runs(farm, "s") >= 2, "two sealed runs")
    collector = farm.processes[0]
    agent.kill()
    collector.kill()
    agent.wait()
    collector.wait()
    farm.start_collector()
    farm.start_agent("sim", "--simulate", "jetson-tx2", "--seed", "5")
    wait_until(lambda: farm.has_ended("s"), "the end of the sweep")
    assert farm.sweep("s")["state"] == "finished"
    check_every_sample_is_there_once(farm, 10)
