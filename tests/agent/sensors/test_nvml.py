"""NVML: the real nvidia-ml-py on a library of ours, built here and driven by a script."""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
import time
import types
from pathlib import Path

import pytest
import trees
from paretofleet_agent import sensors
from paretofleet_agent.hardware import gpu_state
from paretofleet_agent.sensors import nvml
from paretofleet_agent.sensors._nvml_priors import prior_of

UUID = "GPU-00000000-0000-0000-0000-000000000001"
READ = """
import json, sys, time
from pathlib import Path
from paretofleet_agent.hardware import gpu_state
from paretofleet_agent.sensors import nvml
seconds, rhythm = float(sys.argv[1]), float(sys.argv[2])
found, absent = nvml.find(Path("/"))
rails = [rail.facts() for sensor in found for rail in sensor.rails()]
readings = [[] for _ in rails]
failures = [0 for _ in rails]
before = gpu_state.state(Path("/"))
end = time.perf_counter() + seconds
while True:
    news = [new for sensor in found for new in sensor.read()]
    for i, new in enumerate(news):
        readings[i] += new or ()
        failures[i] += new is None
    if time.perf_counter() >= end:
        break
    time.sleep(rhythm)
after = gpu_state.state(Path("/"))
for sensor in found:
    sensor.close()
print(json.dumps({"rails": rails, "readings": readings, "failures": failures, "state": after,
    "flags": sorted(gpu_state.flags(before, after)), "absent": [[a.name, a.why, a.fix] for a in absent]}))
"""

pytestmark = pytest.mark.skipif(shutil.which("gcc") is None, reason="the stub is built with gcc")


@pytest.fixture(scope="session")
def build(tmp_path_factory):
    """Builds the stub, with symbols left out by -D options."""
    built = {}

    def build(*without):
        if without not in built:
            folder = tmp_path_factory.mktemp("nvml")
            options = [f"-D{each}" for each in without]
            source = trees.FIXTURES / "nvml_stub" / "nvml_stub.c"
            shared = ["gcc", "-shared", "-fPIC", "-O1", "-Wl,-soname,libnvidia-ml.so.1"]
            command = [*shared, *options, "-o", str(folder / "libnvidia-ml.so.1"), str(source)]
            subprocess.run(command, check=True, timeout=280)
            built[without] = folder
        return built[without]

    return build


@pytest.fixture
def ask(build, tmp_path):
    """Reads the stub under a script for some seconds, in a process of its own."""

    def ask(*lines, without=(), seconds=0.0, rhythm=0.02, age_s=30):
        script = tmp_path / "script"
        start_ns = time.perf_counter_ns() - age_s * 10**9
        script.write_text("\n".join([f"start_ns {start_ns}", *lines]) + "\n")
        variables = dict(os.environ, LD_LIBRARY_PATH=str(build(*without)), NVML_STUB=str(script))
        command = [sys.executable, "-c", READ, str(seconds), str(rhythm)]
        done = subprocess.run(
            command, env=variables, stdout=subprocess.PIPE, check=True, text=True, timeout=280
        )
        told = json.loads(done.stdout)
        told["of"] = {
            rail["rail"].replace(f"{UUID}-", ""): (rail, new)
            for rail, new in zip(told["rails"], told["readings"])
        }
        return told

    return ask


STEADY = "power -60 70000"


def test_a_gpu_offers_its_counter_first_and_its_readings_beside(ask):
    told = ask(STEADY)
    assert list(told["of"]) == ["energy", "instant", "average", "samples"]
    primary = [rail["rail"] for rail in told["rails"] if rail["primary"]]
    assert primary == [f"{UUID}-energy"]
    assert {(rail["scope"], rail["target_id"]) for rail in told["rails"]} == {("gpu-board", UUID)}
    energy, _ = told["of"]["energy"]
    assert (energy["kind"], energy["schema"], energy["quantum_j"]) == ("counter", "energy/1", 0.001)
    for name in ("instant", "average"):
        rail, readings = told["of"][name]
        assert (rail["kind"], rail["schema"]) == ("boxcar", "power/1")
        assert readings[0][1] == 70_000_000
    assert told["absent"] == []


def test_35_joules_over_half_a_second_at_70_watts_come_out_within_half_a_percent(ask):
    told = ask(STEADY, "counter_ms 2", seconds=1.2, rhythm=0.01)
    _, readings = told["of"]["energy"]
    found_j = []
    for first in readings:
        last = min(readings, key=lambda reading: abs(reading[0] - first[0] - 0.5e9))
        joules, seconds = (last[1] - first[1]) / 1e6, (last[0] - first[0]) / 1e9
        if seconds > 0.4:
            found_j.append(joules * 0.5 / seconds)
    # Of a single reading a busy machine may come late by more than that.
    assert statistics.median(found_j) == pytest.approx(35.0, rel=0.005)


def test_a_counter_that_restarts_goes_down_and_has_no_range(ask):
    told = ask(STEADY, "counter_ms 5", "reset_s 30.6", seconds=1.2)
    rail, readings = told["of"]["energy"]
    values = [value for _, value in readings]
    assert any(after < before for before, after in zip(values, values[1:]))
    assert rail["max_range_uj"] is None, "so that the analysis calls it a reset and never a wrap"


def test_the_reading_follows_a_step_after_its_refresh(ask):
    told = ask("power -60 40000", "power 32.5 200000", "period_ms 50", "window_ms 50", seconds=3.0)
    values = {round(value / 1e6) for _, value in told["of"]["instant"][1]}
    assert {40, 200} <= values


def test_buffered_samples_carry_the_times_of_the_sensor(ask):
    told = ask(STEADY, "period_ms 20", "window_ms 10", seconds=0.5, rhythm=0.1)
    rail, readings = told["of"]["samples"]
    times = [t_ns for t_ns, _ in readings]
    gaps = [round((after - before) / 1e6) for before, after in zip(times, times[1:])]
    assert (rail["kind"], rail["is_self_timed"]) == ("boxcar", True)
    assert not told["of"]["instant"][0]["is_self_timed"]
    assert len(readings) >= 20, "more refreshes than reads"
    assert set(gaps) <= {19, 20, 21}
    assert {value for _, value in readings} == {70_000_000}
    assert abs(times[-1] / 1e9 - time.perf_counter()) < 30


def test_a_driver_without_the_counter_falls_back_and_says_so(ask):
    told = ask(STEADY, without=("NO_ENERGY", "NO_FIELDS"))
    assert list(told["of"]) == ["usage", "samples"]
    assert [rail["primary"] for rail in told["rails"]] == [True, False]
    said = {what.replace(f"nvml/{UUID}-", ""): (why, fix) for what, why, fix in told["absent"]}
    assert "Function Not Found" in said["energy"][0]
    assert said["energy"][1] == "the power readings are integrated instead"
    assert "field 186" in said["instant"][0]
    assert "GetPowerUsage" in said["instant"][1]


def test_the_counter_is_read_as_a_field_where_only_its_function_is_missing(ask):
    told = ask(STEADY, without=("NO_ENERGY",))
    rail, readings = told["of"]["energy"]
    assert rail["kind"] == "counter"
    assert readings[0][1] > 0


def test_not_supported_is_not_a_reading(ask):
    told = ask(STEADY, "return GetTotalEnergyConsumption 3", "return field83 3", "return field83.1 3")
    assert list(told["of"]) == ["instant", "average", "samples"]
    assert [rail["primary"] for rail in told["rails"]] == [True, False, False]
    assert "Not Supported" in told["absent"][0][1]


def test_a_superchip_that_refuses_the_scope_of_the_gpu_is_asked_for_its_module(ask):
    told = ask(STEADY, "return field186 3")
    assert told["of"]["instant"][1][0][1] == 70_000_000


GH200 = "name NVIDIA GH200 480GB"


def scopes(answer):
    """(scope, whether primary, target) by the end of the rail's name."""
    return {
        name: (rail["scope"], rail["primary"], rail["target_id"]) for name, (rail, _) in answer["of"].items()
    }


def test_what_a_superchip_tells_of_no_scope_is_its_modules(ask):
    answer = ask(GH200, "capability 9 0", "power -60 450000", "return field186 3", "return field185 3")
    assert scopes(answer) == {
        "energy": ("module", True, None),
        "instant": ("module", False, None),
        "average": ("module", False, None),
        "samples": ("module", False, None),
    }
    assert answer["of"]["instant"][1][0][1] == 450_000_000
    assert {rail["max_power_w"] for rail in answer["rails"]} == {None}, "the limit in force is the GPU's"


@pytest.mark.parametrize("sign", [GH200, "c2c 1"])
def test_a_superchip_that_tells_scopes_apart_has_a_rail_of_each(ask, sign):
    answer = ask(sign, "power -60 400000", "module_mw 90000", "module_limit_mw 1000000")
    assert scopes(answer) == {
        "instant": ("gpu-board", True, UUID),
        "average": ("gpu-board", False, UUID),
        "energy": ("module", True, None),
        "module-instant": ("module", False, None),
        "module-average": ("module", False, None),
        "samples": ("module", False, None),
    }
    (gpu, of_gpu), (module, of_module) = (answer["of"][name] for name in ("instant", "module-instant"))
    assert (of_gpu[0][1], of_module[0][1]) == (400_000_000, 490_000_000)
    assert (gpu["max_power_w"], module["max_power_w"]) == (300.0, 1000.0)


def test_a_driver_that_gives_one_figure_for_both_scopes_gives_the_modules(ask):
    assert {scope for scope, _, _ in scopes(ask(GH200, "power -60 450000")).values()} == {"module"}


def test_a_linked_gpu_without_a_modules_power_is_a_board(ask):
    answer = ask("name NVIDIA GB10", "c2c 1", STEADY, "return field186.1 3", "return field185.1 3")
    assert {scope for scope, _, _ in scopes(answer).values()} == {"gpu-board"}


def test_two_gpus_of_one_module_do_not_both_tell_its_power(ask):
    answer = ask("name NVIDIA GB200", "count 2", "cpus 0 ff", "cpus 1 ff", STEADY, "module_mw 50000")
    assert {(rail["scope"], rail["target_id"]) for rail in answer["rails"]} == {
        ("gpu-board", UUID),
        ("gpu-board", f"{UUID}-2"),
    }
    reasons = {name: why for name, why, _ in answer["absent"]}
    assert (
        reasons[f"nvml/{UUID}-module"]
        == f"{UUID} shares its module with {UUID}-2, and both would tell its power"
    )


def test_of_modules_that_may_be_one_none_is_told(ask):
    answer = ask(GH200, "count 2", STEADY)
    assert answer["rails"] == []
    assert any(
        why == f"whether {UUID} and {UUID}-2 share a module is not told" for _, why, _ in answer["absent"]
    )


def test_a_module_of_its_own_is_the_power_of_that_gpu_only(ask):
    answer = ask(GH200, "count 2", "cpus 0 ff", "cpus 1 ff00", STEADY)
    assert {(rail["scope"], rail["target_id"]) for rail in answer["rails"]} == {
        ("module", UUID),
        ("module", f"{UUID}-2"),
    }


def test_a_counter_that_stands_still_leaves_the_word_to_the_power_beside_it(ask):
    answer = ask("power -60 247000", "counter_ms 1000000000")
    assert scopes(answer)["instant"] == ("gpu-board", True, UUID)
    assert "energy" not in answer["of"]
    ((_, why, fix),) = answer["absent"]
    assert why == "the energy counter of Stub GPU stands still while it draws 247 W"
    assert fix == "the power readings are integrated instead"


def test_a_counter_that_stands_still_is_known_by_an_average_alone(ask):
    refused = ("return field186 3", "return field186.1 3", "return GetPowerUsage 3")
    answer = ask("power -60 247000", "counter_ms 1000000000", *refused)
    assert scopes(answer)["average"] == ("gpu-board", True, UUID)
    assert "energy" not in answer["of"]


def test_a_counter_of_a_gpu_that_draws_nothing_is_not_called_dead(ask):
    assert "energy" in ask("power -60 0", "counter_ms 1000000000")["of"]


@pytest.mark.parametrize(
    ("name", "limit_w"), [("NVIDIA L4", 72.0), ("NVIDIA GeForce RTX 4090 Laptop GPU", 175.0)]
)
def test_the_limit_in_force_is_a_fact_of_each_rail(ask, name, limit_w):
    answer = ask(f"name {name}", STEADY, "limit_mw 72000", "max_limit_mw 175000")
    assert {rail["max_power_w"] for rail in answer["rails"]} == {limit_w}


@pytest.mark.parametrize(
    ("capability", "window_s"), [("9 0", 1.0), ("8 6", 1.0), ("8 0", 0.025), ("7 0", 0.01)]
)
def test_the_meaning_of_power_usage_follows_the_architecture(ask, capability, window_s):
    told = ask(STEADY, f"capability {capability}", without=("NO_FIELDS", "NO_ENERGY", "NO_SAMPLES"))
    rail, _ = told["of"]["usage"]
    assert (rail["kind"], rail["window_s"]) == ("boxcar", window_s)


def test_what_is_known_of_an_architecture():
    assert prior_of((9, 0))[:3] == ("boxcar", 0.1, 0.025)
    assert prior_of((8, 9))[:3] == ("boxcar", 0.1, 0.1)
    assert prior_of((6, 1))[:3] == ("boxcar", 0.02, 0.01)
    assert prior_of((5, 2)).kind == "filtered"
    assert prior_of((12, 0)).period_s is None, "not covered: to be measured"
    assert prior_of(None).period_s is None


def test_two_gpus_are_told_apart_by_their_uuids(ask):
    told = ask(STEADY, "count 2")
    assert {rail["target_id"] for rail in told["rails"]} == {UUID, f"{UUID}-2"}
    assert sum(rail["primary"] for rail in told["rails"]) == 2


def test_a_sliced_gpu_has_no_energy(ask):
    told = ask(STEADY, "mig 1")
    assert told["rails"] == []
    assert "MIG" in told["absent"][0][1]


def test_the_state_tells_what_limits_the_clocks(ask):
    told = ask(STEADY, "reasons 0x24", "thermal_ns 5")
    state = told["state"][UUID]
    assert state["limited_by"] == ["power_cap", "software_thermal"]
    assert (state["sm_clock_mhz"], state["memory_clock_mhz"]) == (1410, 5001)
    assert (state["temperature_c"], state["power_limit_w"]) == (55, 300.0)
    assert state["performance_state"] is None, "the stub does not know it"
    assert told["flags"] == ["power_capped", "thermally_limited"]


def test_time_spent_throttled_between_two_states_is_a_flag():
    calm = {"g": {"clock_reasons": 0, "limited_times": {"thermal": 5, "power_cap": 1}}}
    hot = {"g": {"clock_reasons": 0, "limited_times": {"thermal": 9, "power_cap": 1}}}
    assert set(gpu_state.flags(calm, hot)) == {"thermally_limited"}
    assert set(gpu_state.flags(calm, calm)) == set()


def test_a_driver_that_does_not_start_says_why(ask):
    assert "not loaded" in ask("return Init 9")["absent"][0][1]
    assert "different versions" in ask("return Init 18")["absent"][0][1]


def test_a_driver_without_a_gpu_says_so(ask):
    assert "shows no GPU" in ask("count 0")["absent"][0][1]


def test_a_machine_without_a_driver_says_so():
    found, (absent,) = nvml.find(Path("/"))
    assert found == []
    assert "no NVIDIA driver" in absent.why


def test_the_wrong_distribution_is_detected(tmp_path):
    found, (absent,) = nvml.find(tmp_path, {}, types.SimpleNamespace(nvmlInit=None))
    assert found == []
    assert "another distribution" in absent.why
    assert "pip install" in absent.fix


def test_a_jetson_is_decided_before_the_library_is_asked(tree):
    found, (absent,) = nvml.find(tree("ina3221_orin_nx"), {}, object())
    assert found == []
    assert "Jetson" in absent.why
    assert sensors.states(tree("ina3221_orin_nx")).keys() <= {"ina3221"}


def test_a_copied_tree_is_not_this_machine(tmp_path):
    assert "copied tree" in nvml.find(tmp_path)[1][0].why


def old_library():
    """A version that gives bytes and lacks functions."""
    return types.SimpleNamespace(
        NVMLError=type("NVMLError", (Exception,), {}),
        _nvmlGetFunctionPointer=None,
        nvmlInit=lambda: None,
        nvmlShutdown=lambda: None,
        nvmlDeviceGetCount=lambda: 1,
        nvmlDeviceGetHandleByIndex=lambda index: index,
        nvmlDeviceGetUUID=lambda _handle: b"GPU-bytes",
        nvmlDeviceGetName=lambda _handle: b"Old GPU",
        nvmlDeviceGetPowerUsage=lambda _handle: 25_000,
    )


def test_bytes_and_missing_functions_of_old_versions_are_taken(tmp_path):
    (sensor,), absent = nvml.find(tmp_path, {}, old_library())
    (rail,) = sensor.rails()
    assert (rail.rail, rail.primary, rail.target_id) == ("GPU-bytes-usage", True, "GPU-bytes")
    assert sensor.read()[0][0][1] == 25_000_000
    sensor.close()
    assert any("too old" in each.why for each in absent)
