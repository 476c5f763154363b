"""The energy of a bench: its interval, or the reason why there is none, beside the latency."""

from __future__ import annotations

import dataclasses
import json

import pytest
from paretofleet_agent.device import probe
from paretofleet_agent.device.device import Simulation
from paretofleet_agent.model import Unavailable
from paretofleet_agent.standalone import bench, bench_energy
from paretofleet_agent.standalone.run_options import BenchRequest


@pytest.fixture
def file(tmp_path):
    """A model file that only simulation needs: its size and its hash decide."""
    path = tmp_path / "net.onnx"
    path.write_bytes(b"0" * 10**6)
    return path


def simulated(root, device_class="jetson-tx2"):
    return probe.probe_device(root, Simulation(device_class), {})


def benched(capsys, file, device, *, runs=1, output="json", **request):
    assert bench.run(file, device, BenchRequest(**request), runs=runs, output=output) == 0
    out = capsys.readouterr().out
    return json.loads(out) if output == "json" else out


def test_one_run_has_the_interval_of_its_own_measurement(capsys, file, tmp_path):
    shown = benched(capsys, file, simulated(tmp_path), window_min_s=5.0)
    (run,), total = shown["runs"], shown["total"]
    low, high = total["energy_j_per_item_interval"]
    half = run["energy_j_per_item"] * run["energy_relative_uncertainty"]
    assert (low, high) == pytest.approx((run["energy_j_per_item"] - half, run["energy_j_per_item"] + half))
    assert (total["power_scope"], total["power_source"]) == ("module", "sim")
    assert total["energy_gain_uncertainty"] == 0.02
    assert total["energy_why"] is None
    assert run["power_w"] == pytest.approx(run["energy_j_per_item"] * run["iterations"] / run["window_s"])


def test_several_runs_have_the_interval_of_their_mean(capsys, file, tmp_path):
    shown = benched(capsys, file, simulated(tmp_path), window_min_s=5.0, runs=3)
    energies = [run["energy_j_per_item"] for run in shown["runs"]]
    low, high = shown["total"]["energy_j_per_item_interval"]
    assert low < min(energies) < max(energies) < high
    assert shown["total"]["energy_j_per_item"] == pytest.approx(sum(energies) / 3)


def test_an_energy_that_may_be_off_by_itself_has_no_interval():
    run = dict(dict.fromkeys(bench_energy.KEYS), energy_j_per_item=0.1, energy_relative_uncertainty=1.2)
    total = bench_energy.total([run])
    assert total["energy_j_per_item_interval"] is None
    assert "may be off by as much as it is" in total["energy_why"]


def test_two_runs_have_a_mean_and_no_interval(capsys, file, tmp_path):
    total = benched(capsys, file, simulated(tmp_path), window_min_s=5.0, runs=2)["total"]
    assert total["energy_j_per_item"] > 0
    assert total["energy_j_per_item_interval"] is None
    assert total["energy_why"] == "an interval over runs needs 3 of them"


def test_the_table_has_it_beside_the_latency(capsys, file, tmp_path):
    out = benched(capsys, file, simulated(tmp_path), window_min_s=5.0, output="table")
    assert "mJ/item" in out
    (line,) = [line for line in out.splitlines() if line.startswith(" energy")]
    assert "mJ   95 %: " in line
    assert line.endswith("an item; module, by sim, whose gain is uncertain by 2 %")


@pytest.mark.parametrize("device_class", ["jetson-tx2", "jetson-nano", "cpu-server"])
def test_a_window_that_is_too_short_says_how_long_would_do(capsys, file, tmp_path, device_class):
    out = benched(capsys, file, simulated(tmp_path, device_class), output="table")
    (line,) = [line for line in out.splitlines() if line.startswith(" energy")]
    assert " refreshes " in line
    seconds = float(line.rpartition("--window-s ")[2])
    total = benched(capsys, file, simulated(tmp_path, device_class), window_min_s=seconds)["total"]
    assert total["energy_j_per_item_interval"] is not None


def test_a_device_without_a_sensor_says_so(here, model, capsys):
    device = dataclasses.replace(
        here, absent=(), rails=(), inventory=dataclasses.replace(here.inventory, sensors=())
    )
    total = benched(capsys, model, device, iterations=10, warm_up_s=0.02)["total"]
    assert (total["energy_j_per_item"], total["energy_why"]) == (None, "there is no power sensor")
    refused = Unavailable("rapl/package-0", "permission denied", "run as root", refused=True)
    device = dataclasses.replace(device, absent=(refused,))
    total = benched(capsys, model, device, iterations=10, warm_up_s=0.02)["total"]
    assert total["energy_why"] == "rapl/package-0 is refused: permission denied"


def values(energy_j, why=None, relative=0.01):
    return {
        **dict.fromkeys(bench_energy.KEYS),
        "energy_j_per_item": energy_j,
        "energy_relative_uncertainty": relative,
        "energy_why": why,
    }


def test_a_mean_over_runs_of_which_one_has_none_is_none():
    total = bench_energy.total([values(1.0), values(None, "the sampler died"), values(1.1)])
    assert (total["energy_j_per_item"], total["energy_why"]) == (None, "the sampler died")


def test_the_spread_between_runs_is_no_interval_where_a_run_may_be_off_by_an_unknown_amount():
    runs = [values(1.0), values(1.01, "looks only a part of the time", None), values(0.99)]
    total = bench_energy.total(runs)
    assert total["energy_j_per_item"] == pytest.approx(1.0)
    assert total["energy_j_per_item_interval"] is None
    assert "no interval: looks only a part of the time" in bench_energy.texts_of(total)[1]


def test_an_unknown_gain_is_told():
    assert bench_energy.texts_of(bench_energy.total([values(0.001)]))[1].endswith("whose gain is unknown")
