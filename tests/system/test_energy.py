"""Energy from the sensor to the report through the real processes: three devices, three kinds of sensors."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from farm import Farm
from networks import convolution

pytestmark = pytest.mark.system

#: Device, its class, and the kind of its sensor.
DEVICES = (
    ("board", "jetson-tx2", "instant"),
    ("slow-board", "jetson-nano", "boxcar"),
    ("server", "cpu-server", "counter"),
)
KINDS = {name: kind for name, _, kind in DEVICES}
REPEATS = 4
PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "read-a-report.md"


@pytest.fixture(scope="module")
def swept(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Farm]:
    farm = Farm(tmp_path_factory.mktemp("energy"))
    farm.start_collector()
    try:
        for name, device_class, _ in DEVICES:
            farm.start_agent(name, "--simulate", device_class, "--seed", "5")
        farm.command("models", "add", convolution(farm.root / "net.onnx", channels=64, side=64))
        farm.command(
            "sweep", "submit", "--name", "energy", "--model", "net", "--batch-size", "1,8",
            "--protocol", "standard", "--repeats", str(REPEATS), "--watch",
        )  # fmt: skip
        farm.command("report", "pull", "energy", "-o", farm.root / "report.parquet")
        yield farm
    finally:
        farm.close()


def truths(farm: Farm) -> dict[str, dict[str, Any]]:
    """What only the simulation knows, by run."""
    lines = [line for name, _, _ in DEVICES for line in (farm.root / name / "truth.jsonl").open()]
    return {truth["run_id"]: truth for truth in map(json.loads, lines)}


def test_three_kinds_of_sensors_give_the_true_energy_within_their_stated_uncertainty(swept: Farm) -> None:
    frame = pd.read_parquet(swept.root / "report.parquet")
    truth = truths(swept)
    assert len(frame) == 2 * len(DEVICES)
    assert set(frame["status"]) == {"ok"}
    within = []
    for row in frame.itertuples():
        (rail,) = row.energy
        assert (rail["kind"], rail["primary"]) == (KINDS[row.device], True)
        assert rail["idle_kind"] == "armed_idle"
        uncertainty = row.energy_relative_uncertainty
        assert 0 < uncertainty <= 0.04
        assert rail["error_bound"] > 0
        shown = 0
        for run_id, power_w, energy_j in zip(
            row.run_ids, row.power_w_runs, row.energy_j_per_item_runs, strict=True
        ):
            true = truth[run_id]
            seen_w = true["run_power_w"] * true["sensor_gain"]  # the gain is apart, and known here only
            within.append(abs(power_w / seen_w - 1) <= uncertainty)
            assert abs(power_w / seen_w - 1) <= 1.5 * uncertainty
            assert energy_j == pytest.approx(true["run_energy_j_per_item"] * true["sensor_gain"], rel=0.04)
            shown += 1
        assert shown == REPEATS
        true_j = np.mean([truth[run_id]["run_energy_j_per_item"] for run_id in row.run_ids])
        allowed = math.hypot(uncertainty, 2 * row.energy_gain_uncertainty, 0.01)
        assert abs(row.energy_j_per_item / true_j - 1) <= allowed
        idle_w = truth[row.run_ids[0]]["idle_power_w"] * truth[row.run_ids[0]]["sensor_gain"]
        assert row.idle_power_w == pytest.approx(idle_w, rel=0.05)
    assert np.mean(within) >= 0.9


def test_power_samples_travel_with_the_phases_of_their_run(swept: Farm) -> None:
    """What `report samples` gives is enough to compute an energy by hand."""
    swept.command("report", "samples", "energy", "-o", swept.root / "samples")
    files = sorted((swept.root / "samples").rglob("*.parquet"))
    assert len(files) == 2 * len(DEVICES) * REPEATS
    frame = pd.read_parquet(swept.root / "report.parquet")
    powers = {
        run_id: power_w
        for row in frame.itertuples()
        for run_id, power_w in zip(row.run_ids, row.power_w_runs, strict=True)
    }
    section = PAGE.read_text(encoding="utf-8").partition("## Reading the samples")[2].partition("\n## ")[0]
    documented = {
        name
        for row in re.findall(r"^\| (`.*?) \|", section, re.MULTILINE)
        for name in re.findall("`(.*?)`", row)
    }
    schemas = set()
    for path in files:
        table = pq.read_table(path).to_pandas()
        assert set(table.columns) == documented
        (run_id,) = table["run_id"].unique()
        sensor = table[table["stream"].str.startswith("power:")].sort_values("t_ns")
        schemas |= set(sensor["schema"])
        phases = list(dict.fromkeys(sensor["phase"].dropna()))
        assert [phase for phase in phases if phase in {"measure", "guard_before", "guard_after"}] == [
            "guard_before",
            "measure",
            "guard_after",
        ]
        assert {"idle_before", "idle_after"} <= set(phases)
        inside = sensor[sensor["phase"] == "measure"]
        if (inside["schema"] == "energy/1").all():
            counted = np.diff(inside["value"].to_numpy())
            joules = counted[counted >= 0].sum() / 1e6  # a wrap costs one step
            by_hand = joules / (counted >= 0).sum() / 0.05
        else:
            by_hand = inside["value"].mean() / 1e6
        assert by_hand == pytest.approx(powers[run_id], rel=0.01)
        iterations = table[(table["stream"] == "iterations") & (table["phase"] == "measure")]
        assert inside["t_ns"].min() >= iterations["t_ns"].min()
    assert schemas == {"power/1", "energy/1"}
