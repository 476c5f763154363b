"""What probe says, per target: which rail will speak for its energy, and why the others do not."""

from __future__ import annotations

import dataclasses
import json

import pytest
from paretofleet_agent.device import description, probe
from paretofleet_agent.device.device import Simulation
from paretofleet_agent.device.energy_sources import energy_sources
from paretofleet_agent.model import Target, Unavailable
from paretofleet_agent.power.estimators import with_measured
from paretofleet_agent.sensors import Rail


def of_tree(tree, name, **settings):
    return probe.probe_device(tree(name), None, {}, sensor_settings=settings)


def lines(device):
    return [line.partition("  ")[2].strip() for line in description.describe(device).splitlines()]


def of_rails(device, *rails, absent=()):
    """The device with a GPU beside its CPU, and with these rails."""
    gpu = Target("GPU-1", "cuda:0", "")
    inventory = dataclasses.replace(device.inventory, targets=(device.inventory.targets[0], gpu))
    return dataclasses.replace(device, inventory=inventory, rails=rails, absent=absent)


def test_both_packages_speak_for_a_processor_of_two(tree):
    (cpu,) = energy_sources(of_tree(tree, "rapl_intel"))
    assert [rail["rail"] for rail in cpu["rails"]] == ["package-0", "package-1"]
    assert (cpu["target"], cpu["scope"], cpu["source"], cpu["why_none"]) == ("cpu", "package", "rapl", None)
    assert {"rail": "rapl/psys", "why": "scope platform does not stand for cpu"} in cpu["silent"]


def test_a_board_s_total_speaks_and_its_parts_do_not(tree):
    device = of_tree(tree, "ina3221_tx2_l4t32")
    (cpu,) = energy_sources(device)
    assert [rail["stream"] for rail in cpu["rails"]] == ["power:ina3221/VDD_IN"]
    why = {silent["rail"]: silent["why"] for silent in cpu["silent"]}
    assert why["ina3221/VDD_SYS_CPU"] == "part of another rail"
    assert why["ina3221/VDD_IN+VDD_MUX"].startswith("scope module+carrier stands for cpu only where module")
    shown = lines(device)
    assert any(
        line == "cpu: ina3221/VDD_IN  module, instant, refreshed every 0.84 ms, gain uncertainty 3 %"
        for line in shown
    )
    assert sum(line.endswith(": part of another rail") for line in shown) == 1, "one line a reason"


def test_each_target_has_its_own_and_never_another_s(here):
    rails = (
        Rail("rapl", "package-0", "package", "counter", True).facts(),
        Rail("nvml", "GPU-1-energy", "gpu-board", "counter", True, target_id="GPU-1").facts(),
        Rail("nvml", "GPU-1-instant", "gpu-board", "boxcar", target_id="GPU-1").facts(),
    )
    cpu, gpu = energy_sources(of_rails(here, *rails))
    assert [rail["source"] for rail in cpu["rails"]] == ["rapl"]
    assert {silent["why"] for silent in cpu["silent"]} == {"of cuda:0"}
    assert [rail["rail"] for rail in gpu["rails"]] == ["GPU-1-energy"]
    assert [silent["why"] for silent in gpu["silent"]] == [
        "scope package does not stand for cuda:0",
        "nvml/GPU-1-energy is the total of its scope",
    ]


def test_noise_is_there_where_it_was_measured(here):
    rail = Rail("a", "x", "package", "boxcar", True, gain_relative_uncertainty=0.01)
    measured = with_measured(rail.facts(), {"period_s": 0.1, "noise_w": 0.123, "flags": []})
    cpu, _ = energy_sources(of_rails(here, measured))
    assert (cpu["rails"][0]["noise_w"], cpu["rails"][0]["period_s"]) == (0.123, 0.1)
    assert "noise 0.12 W" in description.describe(of_rails(here, measured))
    assert "noise" not in description.describe(of_rails(here, rail.facts()))


def test_two_boards_of_one_gpu_are_ambiguous(here):
    rails = [Rail("nvml", name, "gpu-board", "counter", True).facts() for name in "ab"]
    _, gpu = energy_sources(of_rails(here, *rails))
    assert gpu["rails"] == []
    assert gpu["why_none"] == "several rails have the scope gpu-board, and none is the total"


def test_what_is_refused_is_the_reason_where_nothing_speaks(here):
    refused = Unavailable("rapl/package-0", "permission denied", "chmod", refused=True)
    cpu, _ = energy_sources(of_rails(here, absent=(refused, Unavailable("nvml", "there is none"))))
    assert cpu["why_none"] == "rapl/package-0 is refused: permission denied"
    assert cpu["silent"] == [{"rail": "rapl/package-0", "why": "permission denied"}]
    none = energy_sources(of_rails(here))[0]
    assert (none["why_none"], none["silent"]) == ("there is no power sensor", [])


def test_a_dispute_is_told_beside_the_rails_that_are_left(tree):
    cpu = energy_sources(of_tree(tree, "ina3221_nano", meter="module@tcp://127.0.0.1:1"))[0]
    assert cpu["rails"] == []
    (why,) = [silent["why"] for silent in cpu["silent"] if silent["rail"] == "ina3221/POM_5V_IN"]
    assert why.startswith("the settings name a meter for the scope module")
    assert cpu["why_none"].startswith("meter is refused: tcp://127.0.0.1:1")


@pytest.mark.parametrize("device_class", ["jetson-tx2", "cpu-server"])
def test_a_simulated_device_says_it_too_and_json_has_it_all(tmp_path, device_class):
    device = probe.probe_device(tmp_path, Simulation(device_class), {})
    shown = json.loads(json.dumps(description.as_json(device)))
    (cpu,) = shown["energy"]
    assert cpu["rails"][0]["source"] == "sim"
    assert cpu["rails"][0]["gain_relative_uncertainty"] == 0.02
    assert set(shown) == {
        *("inventory", "absent", "housekeeping_cpu", "runner_cpus", "simulate", "sensor_facts"),
        *("energy", "environment"),
    }
