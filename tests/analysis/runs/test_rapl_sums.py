"""Energies of processors by RAPL that come out right or not at all, in real runs beside counted files."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from paretofleet_agent.device import probe
from sensor_runs import CountedFiles, run

sys.path.insert(0, str(Path(__file__).parents[2] / "system"))
sys.path.insert(0, str(Path(__file__).parents[2] / "agent"))

import trees
from networks import convolution

ZONES = "sys/class/powercap"
FIRST, SECOND = f"{ZONES}/intel-rapl:0/energy_uj", f"{ZONES}/intel-rapl:1/energy_uj"


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return convolution(tmp_path_factory.mktemp("model") / "net.onnx")


def measured(root, model, spoil=None):
    """Facts and summary of a run on the device whose files are below `root`."""
    return run(probe.probe_device(root, None, {}), model, spoil)


def watts(summary):
    return {entry["rail"]: entry["power_w"] for entry in summary["energy"] if entry["scope"] == "package"}


def test_the_dies_of_an_amd_package_are_one_counter(tmp_path, model):
    root = trees.unpack("rapl_amd_dies", tmp_path)
    CountedFiles(root, {FIRST: 68.0, SECOND: 68.0})
    _, summary = measured(root, model)
    assert summary["power_w"] == pytest.approx(68.0, rel=0.05)
    assert list(watts(summary)) == ["package-0-die-0"]


def test_the_dies_of_an_intel_package_add_up(tmp_path, model):
    root = trees.unpack("rapl_amd_dies", tmp_path)
    cpuinfo = root / "proc/cpuinfo"
    cpuinfo.write_text(cpuinfo.read_text().replace("AuthenticAMD", "GenuineIntel"))
    CountedFiles(root, {FIRST: 68.0, SECOND: 52.0})
    _, summary = measured(root, model)
    assert summary["power_w"] == pytest.approx(120.0, rel=0.05)


def test_two_counters_that_move_as_one_are_no_sum_whatever_their_names(tmp_path, model):
    root = trees.unpack("rapl_amd_dies", tmp_path)
    (root / "proc/cpuinfo").unlink()
    (root / ZONES / "intel-rapl:1/name").write_text("package-1\n")
    CountedFiles(root, {FIRST: 68.0, SECOND: 68.0})
    _, summary = measured(root, model)
    assert summary["power_w"] is None
    assert "counters_alike" in summary["flags"]
    assert [entry["flags"] for entry in summary["energy"]] == [["counters_alike"]] * 2


@pytest.mark.parametrize("name", ["rapl_package_gone", "rapl_odd_values", "rapl_package_denied"])
def test_a_sum_of_which_a_part_cannot_be_read_is_null_and_names_it(tmp_path, model, name):
    if name == "rapl_package_denied" and os.geteuid() == 0:
        pytest.skip("root may read everything; test_rapl.py drops root for the same refusal")
    root = trees.unpack(name, tmp_path)
    CountedFiles(root, {FIRST: 90.0})
    facts, summary = measured(root, model)
    assert (summary["power_w"], summary["energy_j_per_item"]) == (None, None)
    assert summary["batch_latency_mean_s"] > 0
    assert "sensor_missing" in summary["flags"]
    lost = [sensor["rail"] for sensor in facts["sensors"] if sensor.get("missing")]
    by_rail = {entry["rail"]: entry for entry in summary["energy"] if entry["scope"] == "package"}
    first = next(rail for rail in by_rail if rail not in lost)
    assert by_rail[first]["power_w"] == pytest.approx(90.0, rel=0.05), "the part that is there has its own"
    assert lost
    assert all(by_rail[rail]["flags"] == ["sensor_missing"] for rail in lost)
    assert {f"rapl/{rail}" for rail in lost} == {entry["what"] for entry in facts["sensors_refused"]}


@pytest.mark.parametrize("text", ["0\n", "\n", None, "unknown\n", "-1\n"])
def test_a_range_that_nobody_knows_is_no_reason_for_null(tmp_path, model, text):
    root = trees.unpack("rapl_range_zero", tmp_path)
    path = root / ZONES / "intel-rapl:0/max_energy_range_uj"
    path.unlink() if text is None else path.write_text(text)
    CountedFiles(root, {FIRST: 30.0}, start_uj=52_649_883_221)
    _, summary = measured(root, model)
    assert summary["power_w"] == pytest.approx(30.0, rel=0.05)


def test_a_counter_that_starts_anew_in_a_run_has_not_wrapped(tmp_path, model):
    root = trees.unpack("rapl_restart", tmp_path)
    counters = CountedFiles(root, {FIRST: 50.0}, start_uj=162 * 10**9)
    _, summary = measured(root, model, counters.restart)
    assert summary["power_w"] is None
    assert "counter_reset" in summary["flags"]


def test_a_counter_that_wraps_in_a_run_has(tmp_path, model):
    root = trees.unpack("rapl_restart", tmp_path)
    wrap_uj = 262_143_328_850
    CountedFiles(root, {FIRST: 50.0}, start_uj=wrap_uj - 50 * 10**6, wrap_uj=wrap_uj)
    _, summary = measured(root, model)
    assert summary["power_w"] == pytest.approx(50.0, rel=0.05)


def test_a_counter_that_stands_still_is_named(tmp_path, model):
    _, summary = measured(trees.unpack("rapl_restart", tmp_path), model)
    assert summary["power_w"] is None
    assert "sensor_frozen" in summary["flags"]
