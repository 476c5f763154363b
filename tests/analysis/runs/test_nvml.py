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


def joules(library, folder, *lines, seconds=1.5):
    """The energy of half a second of a scripted GPU that is read for some seconds, by rail."""
    script = folder / "script"
    script.write_text("\n".join([f"start_ns {time.perf_counter_ns() - 30 * 10**9}", *lines]) + "\n")
    variables = dict(os.environ, LD_LIBRARY_PATH=str(library), NVML_STUB=str(script))
    done = subprocess.run(
        [sys.executable, "-c", READ, str(seconds)], env=variables, capture_output=True, check=True, timeout=60
    )
    told, found = json.loads(done.stdout), {}
    for rail, (t_ns, value) in zip(told["rails"], told["columns"], strict=True):
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
