"""NVML from the driver's call to the energy of a window: the real nvidia-ml-py on a library of ours."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from paretofleet_analysis.runs.energy_integral import energy_j
from paretofleet_analysis.runs.power_curve import SensorFacts, power_curve
from run_streams import ITERATIONS, S, iterations, marks, summarize

STUB = Path(__file__).parent.parent.parent / "fixtures" / "nvml_stub" / "nvml_stub.c"
READ = """
import json, sys, time
from pathlib import Path
from paretofleet_agent.power.sampler import SensorRecorder
from paretofleet_agent.sensors import nvml
found, absent = nvml.find(Path("/"))
recorder = SensorRecorder(found, 0.05)
end = time.perf_counter() + float(sys.argv[1])
while time.perf_counter() < end:
    time.sleep(recorder.wait_s())
    recorder.tick()
columns = [[list(column) for column in pair] for pair in recorder.take({})]
print(json.dumps({"rails": recorder.facts(), "columns": columns, "absent": [one.why for one in absent]}))
"""

pytestmark = pytest.mark.skipif(shutil.which("gcc") is None, reason="the stub is built with gcc")


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    folder = tmp_path_factory.mktemp("nvml")
    target = folder / "libnvidia-ml.so.1"
    shared = ["gcc", "-shared", "-fPIC", "-O1", "-Wl,-soname,libnvidia-ml.so.1", "-o", str(target)]
    subprocess.run([*shared, str(STUB)], check=True, timeout=120)
    return folder


def readings(library, folder, *lines, seconds=1.5):
    """(facts, (times, values)) of each rail of a scripted GPU that is read for some seconds."""
    script = folder / "script"
    script.write_text("\n".join([f"start_ns {time.perf_counter_ns() - 30 * 10**9}", *lines]) + "\n")
    variables = dict(os.environ, LD_LIBRARY_PATH=str(library), NVML_STUB=str(script))
    done = subprocess.run(
        [sys.executable, "-c", READ, str(seconds)], env=variables, capture_output=True, check=True, timeout=60
    )
    answer = json.loads(done.stdout)
    return list(zip(answer["rails"], answer["columns"], strict=True))


def joules(library, folder, *lines, seconds=1.5):
    """The energy of half a second of a scripted GPU that is read for some seconds, by rail."""
    found = {}
    for rail, (t_ns, value) in readings(library, folder, *lines, seconds=seconds):
        sensor = SensorFacts(
            is_counter=rail["kind"] == "counter",
            period_s=0.002 if rail["kind"] == "counter" else 0.1,
            max_range_u=rail["max_range_uj"],
            read_s=rail["read_s"],
        )
        curve = power_curve(np.array(t_ns), np.array(value), sensor)
        name = rail["rail"].rpartition("-")[2]
        found[name] = None if curve is None else energy_j(curve, 0.6, 1.1)
    return found


def test_70_watts_for_half_a_second_are_35_joules_by_the_counter_and_by_the_integral(library, tmp_path):
    found = joules(library, tmp_path, "power -60 70000", "counter_ms 2")
    assert found["energy"] == pytest.approx(35.0, rel=0.005)
    assert found["instant"] == pytest.approx(35.0, rel=0.005)


def test_a_counter_that_restarts_is_discarded_and_the_power_beside_it_is_not(library, tmp_path):
    found = joules(library, tmp_path, "power -60 70000", "counter_ms 2", "reset_s 33.5", seconds=4.0)
    assert found["energy"] is None
    assert found["instant"] == pytest.approx(35.0, rel=0.005)


def summary(library, folder, *lines):
    """The summary of a second of work on a scripted GPU that is read for three."""
    rails = readings(library, folder, *lines, seconds=3.0)
    begin_s = min(t_ns[0] for _, (t_ns, _) in rails if t_ns) / S
    streams = {
        "marks": marks(warm_up=begin_s, measure=begin_s + 1.2, guard_after=begin_s + 2.2, end=begin_s + 3.0),
        "iterations": iterations(begin_s + 1.2, ITERATIONS, 1.0 / ITERATIONS),
    }
    for rail, (t_ns, value) in rails:
        column = "counter_uj" if rail["kind"] == "counter" else "value_uw"
        streams[rail["stream"]] = {"t_ns": np.array(t_ns), column: np.array(value)}
    return summarize(streams, {"sensors": [rail for rail, _ in rails]}, target_kind="cuda")


def test_a_power_above_the_enforced_limit_is_no_energy(library, tmp_path):
    bogus = (
        "power -60 593000",
        "return GetTotalEnergyConsumption 3",
        "return field83 3",
        "return GetSamples 3",
    )
    run = summary(library, tmp_path, "capability 8 9", *bogus)
    assert run["energy_j_per_item"] is None
    assert "implausible_power" in run["flags"]
    run = summary(library, tmp_path, "capability 8 9", "limit_mw 600000", *bogus)
    assert run["power_w"] == pytest.approx(593.0, rel=0.01)
    assert "implausible_power" not in run["flags"]


def test_a_superchip_tells_the_power_of_its_module_as_that(library, tmp_path):
    run = summary(
        library,
        tmp_path,
        "name NVIDIA GH200 480GB",
        "power -60 450000",
        "return field186 3",
        "return field185 3",
    )
    assert (run["power_scope"], run["power_source"]) == ("module", "nvml")
    assert run["power_w"] == pytest.approx(450.0, rel=0.01)
    assert {rail["scope"] for rail in run["energy"]} == {"module"}


def test_the_power_speaks_where_the_counter_stands_still(library, tmp_path):
    run = summary(library, tmp_path, "power -60 247000", "counter_ms 1000000000")
    assert run["power_w"] == pytest.approx(247.0, rel=0.01)
    assert run["power_scope"] == "gpu-board"
