"""Clocks are read while a block works, and a warm-up does not end while they move."""

from __future__ import annotations

import dataclasses
import itertools

import pytest
from paretofleet_agent.device import frequencies
from paretofleet_agent.measure.attempt import measure
from paretofleet_agent.measure.phases import UNSTEADY

FREQUENCY = "sys/devices/system/cpu/cpu{}/cpufreq/scaling_cur_freq"


def tree(root, khz_by_cpu):
    for cpu, khz in khz_by_cpu.items():
        path = root / FREQUENCY.format(cpu)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{khz}\n")
    return root


def test_the_clock_of_a_run_is_that_of_its_fastest_cpu(tmp_path):
    root = tree(tmp_path, {0: 1_200_000, 1: 2_035_200, 2: 345_600, 5: 3_000_000})
    assert frequencies.reading_khz(root, (0, 1, 2), "cpu") == {"cpu": 2_035_200}
    assert frequencies.reading_khz(root, (7,), "cpu") == {}
    assert frequencies.reading_khz(tmp_path / "none", (0,), "GPU-1") == {}


def test_a_gpu_has_its_own_clock(tmp_path, monkeypatch):
    """No other sensor is asked for its state: that costs time while a block works."""
    states = {"GPU-1": {"sm_clock_mhz": 1410}, "GPU-2": {"sm_clock_mhz": None}}
    monkeypatch.setattr(frequencies.gpu_state, "state", lambda _: states)
    root = tree(tmp_path, {0: 1_200_000})
    assert frequencies.reading_khz(root, (0,), "GPU-1") == {"cpu": 1_200_000, "gpu": 1_410_000}
    assert frequencies.reading_khz(root, (0,), "GPU-2") == {"cpu": 1_200_000}


@pytest.fixture
def limits(kit):
    return dataclasses.replace(
        kit.QUICK,
        warm_up_min_s=2.0,
        warm_up_max_s=3.5,
        warm_up_max_iterations=10**9,
        block_s=1.0,
        is_short=False,
    )


@pytest.fixture
def onnxruntime():
    return pytest.importorskip("onnxruntime")


@pytest.mark.usefixtures("onnxruntime")
def test_a_warm_up_reads_the_clock_once_in_every_block_that_is_long_enough(
    kit, here, model, limits, tmp_path
):
    root = tree(tmp_path / "tree", dict.fromkeys(here.inventory.cpus, 2_000_000))
    device = dataclasses.replace(here, sysroot=root)
    outcome = measure(kit.lease_of(model, limits=limits), model, kit.Samples(), kit.Watch(), device)
    assert outcome.ok, outcome.message
    read = outcome.facts["warm_up_clocks_khz"]
    assert 1 <= len(read) <= 5
    assert all(one == {"cpu": 2_000_000} for one in read)
    assert "window_clocks_khz" not in outcome.facts, "a window of 0.2 s has no middle to read in"


@pytest.mark.usefixtures("onnxruntime")
def test_the_cpu_s_clock_is_read_in_the_window_too_but_not_under_a_short_protocol(
    kit, here, model, limits, tmp_path
):
    root = tree(tmp_path / "tree", dict.fromkeys(here.inventory.cpus, 2_000_000))
    device = dataclasses.replace(here, sysroot=root)
    longer = dataclasses.replace(limits, warm_up_min_s=0.1, window_min_s=2.0, iterations_max=10**9)
    outcome = measure(kit.lease_of(model, limits=longer), model, kit.Samples(), kit.Watch(), device)
    assert outcome.ok, outcome.message
    assert set(outcome.facts["window_clocks_khz"]) == {2_000_000}
    short = dataclasses.replace(longer, is_short=True)
    outcome = measure(kit.lease_of(model, limits=short), model, kit.Samples(), kit.Watch(), device)
    assert "window_clocks_khz" not in outcome.facts


@pytest.mark.usefixtures("onnxruntime")
def test_a_run_whose_clock_never_stands_is_capped_and_says_so(kit, here, model, limits, monkeypatch):
    moving = itertools.cycle(({"cpu": 1_000_000}, {"cpu": 2_000_000}))
    monkeypatch.setattr(frequencies, "reading_khz", lambda *_: next(moving))
    outcome = measure(kit.lease_of(model, limits=limits), model, kit.Samples(), kit.Watch(), here)
    assert outcome.ok, outcome.message
    assert len(outcome.facts["warm_up_clocks_khz"]) >= 2
    assert UNSTEADY in outcome.facts["flags"]


def test_a_simulated_device_has_no_clock_to_read(kit, tx2, limits):
    lease = kit.lease_of(size_bytes=5_000_000, limits=limits)
    assert "warm_up_clocks_khz" not in measure(lease, None, kit.Samples(), kit.Watch(), tx2).facts
