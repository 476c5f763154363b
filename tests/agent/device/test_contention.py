"""Whose work it was that kept the runner's CPUs busy during the window."""

from __future__ import annotations

import dataclasses
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from paretofleet_agent.device.contention import ContentionMeter
from paretofleet_agent.measure.attempt import measure
from paretofleet_agent.measure.run_record import CONTAMINATED

TICK_S = 1 / os.sysconf("SC_CLK_TCK")
SPUN_S = 0.4


def busy_for(sysroot, ticks):
    """The kernel's count of CPU 0, `ticks` after its first."""
    (sysroot / "proc").mkdir(exist_ok=True)
    (sysroot / "proc" / "stat").write_text(f"cpu0 {1000 + ticks} 0 0 5000 0 0 0 0 0 0\n")


@pytest.fixture
def spin(tmp_path):
    """Lets trtexec's stand-in spin for SPUN_S of CPU time as a child that ends; the ticks of it."""
    program = shutil.copy(str(Path(__file__).parents[1] / "fake_trtexec.py"), str(tmp_path / "fake.py"))

    def child():
        variables = dict(os.environ, FAKE_TRTEXEC=f"spin:{SPUN_S}")
        subprocess.run([sys.executable, program, "--help"], env=variables, check=True, capture_output=True)
        return round(SPUN_S / TICK_S)

    return child


def test_the_work_of_an_ended_child_of_ours_is_our_own(tmp_path, spin):
    busy_for(tmp_path, 0)
    load = ContentionMeter(tmp_path, [0], [os.getpid()])
    busy_for(tmp_path, spin())
    assert not load.contaminates()


def test_what_nobody_of_ours_did_contaminates(tmp_path, spin):
    busy_for(tmp_path, 0)
    load = ContentionMeter(tmp_path, [0], [os.getpid()])
    busy_for(tmp_path, 100 + 3 * spin())
    assert load.contaminates()


def test_load_beside_a_very_fast_model_is_seen_within_the_floor_of_its_window(kit, here, model):
    """Thirty iterations of a few microseconds were over before the kernel counted a tick."""
    pytest.importorskip("onnxruntime")
    limits = dataclasses.replace(kit.QUICK, window_min_s=0.0, window_floor_s=0.5)
    cpus = here.cpus_for(1)
    spin = "import os, sys; os.sched_setaffinity(0, eval(sys.argv[1]));\nwhile True: pass"
    spinners = [subprocess.Popen([sys.executable, "-c", spin, str([cpu])]) for cpu in cpus]
    try:
        lease = kit.lease_of(model, limits=limits, options={"check_reference": False})
        samples = kit.Samples()
        outcome = measure(lease, model, samples, kit.Watch(), here)
    finally:
        for spinner in spinners:
            spinner.kill()
            spinner.wait()
    assert outcome.ok, outcome.message
    assert CONTAMINATED in outcome.facts["flags"]
    assert len(samples.columns("iterations")[0]) > limits.iterations_max
