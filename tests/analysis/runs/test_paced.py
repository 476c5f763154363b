"""A camera's frames through the real runner and sampler: the rule for a rate, from a run without a break."""

from __future__ import annotations

import contextlib
import dataclasses
import math
import os
import time
from pathlib import Path

import psutil
import pytest
from paretofleet_agent.measure.attempt import measure
from paretofleet_agent.measure.power_session import PowerSession
from paretofleet_agent.measure.requests import RUNNER
from paretofleet_agent.standalone import bench
from paretofleet_agent.standalone.run_options import BenchRequest, RunOptions
from paretofleet_analysis.ranking.energy_rate import energy_j_per_item_at_rate
from paretofleet_analysis.runs.summary import summarize_run
from sensor_runs import Samples, Watch
from test_bad_sensors import Counter, convolution, look

IDLE_W, WORK_W, RATE_HZ = 12.0, 20.0, 8.0
LATENCY = RunOptions()
#: What a wake-up may cost of the work's energy: cold caches, and no part of the rule.
WAKE_UP_SHARE = 0.5


class Processor(Counter):
    """A package that draws `IDLE_W`, and `WORK_W` more for as long as the runner is on a CPU."""

    def _count(self):
        schedule, worked_s, before_s = None, 0.0, 0.0
        while not self._over.wait(0.002 if schedule else 0.05):
            schedule = schedule or schedule_of_runner()
            if schedule is not None:
                try:
                    worked_s = before_s + int(schedule.read_text().split()[0]) / 1e9
                except (OSError, IndexError):
                    schedule, before_s = None, worked_s
            drawn_j = IDLE_W * (time.perf_counter() - self._begin_s) + WORK_W * worked_s
            os.pwrite(self._file, b"%015d\n" % (self.offset_uj + int(1e6 * drawn_j)), 0)

    def close(self):
        self._over.set()


def schedule_of_runner():
    """The file that begins with the nanoseconds that the runner has been on a CPU; None without a runner."""
    for process in psutil.Process().children():
        with contextlib.suppress(psutil.Error):
            if str(RUNNER) in process.cmdline():
                return Path(f"/proc/{process.pid}/schedstat")
    return None


@pytest.fixture
def device(tmp_path):
    with contextlib.closing(Processor(tmp_path / "root")):
        yield look(tmp_path / "root")


def run(device, model, number, options=LATENCY):
    """The facts and the samples of a run whose window lasts 3 s, with idle before and after it."""
    lease = bench.lease_of(
        bench.artifact_of(model),
        number,
        BenchRequest(threads=1, iterations=5, window_min_s=3.0, options=options),
    )
    limits = dataclasses.replace(lease.limits, is_short=False, idle_s=1.0, warm_up_max_s=1.0)
    samples = Samples()
    outcome = measure(dataclasses.replace(lease, limits=limits), model, samples, Watch(), device)
    assert outcome.ok, outcome.message
    return outcome.facts, samples.streams


def test_a_paced_run_costs_what_the_rule_says_of_the_run_without_a_break(device, tmp_path, monkeypatch):
    model = convolution(tmp_path / "net.onnx", channels=64, side=448)
    facts, streams = run(device, model, 2)
    unbroken = summarize_run(streams, facts, batch_size=1, mode="latency", target_kind="cpu")
    monkeypatch.setattr(PowerSession, "pause_s", lambda _self, iteration_s: 1 / RATE_HZ - iteration_s)
    facts, streams = run(device, model, 3)
    del facts["phase_spread"]  # the pauses are the camera's, and stay in the energy
    paced = summarize_run(streams, facts, batch_size=1, mode="latency", target_kind="cpu")

    (entry,), (paced_entry,) = unbroken["energy"], paced["energy"]
    assert entry["armed_idle_power_w"] == pytest.approx(IDLE_W, rel=0.1)
    assert paced["iterations"] < 1.1 * RATE_HZ * paced_entry["window_s"]
    expected_j = energy_j_per_item_at_rate(
        paced["iterations"] / paced_entry["window_s"],
        energy_j_per_item=unbroken["energy_j_per_item"],
        time_per_item_s=unbroken["time_per_item_s"],
        armed_idle_power_w=entry["armed_idle_power_w"],
    )
    work_j = unbroken["energy_j_per_item"] - IDLE_W * unbroken["time_per_item_s"]
    uncertain_j = math.hypot(
        unbroken["energy_j_per_item"] * unbroken["energy_relative_uncertainty"],
        paced["energy_j_per_item"] * paced["energy_relative_uncertainty"],
        WAKE_UP_SHARE * work_j,
    )
    assert paced["energy_j_per_item"] == pytest.approx(expected_j, abs=uncertain_j)
    assert expected_j > 1.5 * unbroken["energy_j_per_item"], "most of a period is idle"


def test_a_run_by_the_clock_has_the_energy_of_whole_periods(device, tmp_path):
    """Every period holds one item, and the rest of it is drawn for it, too."""
    model = convolution(tmp_path / "net.onnx", channels=64, side=448)
    facts, streams = run(device, model, 2, RunOptions(mode="paced", items_s=RATE_HZ))
    paced = summarize_run(streams, facts, batch_size=1, mode="paced", target_kind="cpu")
    (entry,) = paced["energy"]
    assert sum(n for _, n in facts["paced"]["due"]) == len(streams["iterations"]["start_ns"])
    assert entry["window_s"] == pytest.approx(paced["iterations"] / RATE_HZ, rel=1e-6)
    assert paced["throughput_items_s"] == pytest.approx(RATE_HZ, rel=1e-6)
    assert paced["energy_j_per_item"] == pytest.approx(paced["power_w"] / RATE_HZ, rel=1e-6)
    busy_j = WORK_W * paced["time_per_item_s"]
    uncertain_j = math.hypot(paced["energy_j_per_item"] * 0.1, WAKE_UP_SHARE * busy_j)
    assert paced["energy_j_per_item"] == pytest.approx(IDLE_W / RATE_HZ + busy_j, abs=uncertain_j)
    assert "phase_spread" not in paced["flags"]
