"""Items that come by the clock, from the specification to the report, through the real processes.

The clock of a simulated device falls between items, which runs without a break cannot see.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from typing import Any

import pandas as pd
import pytest
from farm import Farm
from networks import convolution

pytestmark = pytest.mark.system

DEVICES = (("board", "jetson-tx2"), ("server", "cpu-server"))
REPEATS, RATE = 5, 5.0
OBJECTIVES = (
    "--objective",
    "batch_latency_p90_s",
    "--objective",
    "energy_j_per_item",
    "--allow-mixed-scopes",
)
SPECIFICATION = """
name: paced
models: [net]
mode: [latency, {paced: {items_s: 5}}]
protocol: standard
repeats: 5
"""


@pytest.fixture(scope="module")
def swept(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Farm]:
    farm = Farm(tmp_path_factory.mktemp("paced"))
    farm.start_collector()
    try:
        for name, device_class in DEVICES:
            farm.start_agent(name, "--simulate", device_class, "--seed", "5")
        farm.command("models", "add", convolution(farm.root / "net.onnx", channels=64, side=64))
        (farm.root / "paced.yaml").write_text(SPECIFICATION)
        farm.command("sweep", "submit", farm.root / "paced.yaml", "--watch")
        farm.command("report", "pull", "paced", "-o", farm.root / "report.parquet")
        yield farm
    finally:
        farm.close()


@pytest.fixture(scope="module")
def truth(swept: Farm) -> dict[str, dict[str, Any]]:
    """What only the simulation knows, by run."""
    lines = [line for name, _ in DEVICES for line in (swept.root / name / "truth.jsonl").open()]
    return {each["run_id"]: each for each in map(json.loads, lines)}


def test_paced_rows_stand_beside_their_back_to_back_ones_and_show_the_truth(
    swept: Farm, truth: dict[str, dict[str, Any]]
) -> None:
    frame = pd.read_parquet(swept.root / "report.parquet")
    assert set(frame["status"]) == {"ok"}
    assert sorted(zip(frame["device"], frame["mode"], strict=True)) == [
        ("board", "latency"), ("board", "paced"), ("server", "latency"), ("server", "paced"),
    ]  # fmt: skip
    for row in frame.itertuples():
        true = [truth[run_id] for run_id in row.run_ids]
        mean_s = sum(each["run_batch_latency_mean_s"] for each in true) / REPEATS
        seen_j = sum(each["run_energy_j_per_item"] * each["sensor_gain"] for each in true) / REPEATS
        assert row.batch_latency_mean_s_lo <= mean_s * 1.01
        assert row.batch_latency_mean_s == pytest.approx(mean_s, rel=0.01)
        assert row.energy_relative_uncertainty <= 0.04
        assert row.energy_j_per_item == pytest.approx(seen_j, rel=row.energy_relative_uncertainty + 0.005)
        if row.mode == "paced":
            assert (row.items_s, row.late_share, row.lateness_p50_s) == (RATE, 0.0, 0.0)
            assert row.throughput_items_s == pytest.approx(RATE, rel=1e-6)
        else:
            assert math.isnan(row.items_s)
            assert math.isnan(row.late_share)


def test_a_clock_that_falls_between_items_shows_in_the_paced_rows_only(swept: Farm) -> None:
    frame = pd.read_parquet(swept.root / "report.parquet").set_index(["device", "mode"])
    for device, _ in DEVICES:
        slower = (
            frame.loc[(device, "paced"), "time_per_item_s"]
            / frame.loc[(device, "latency"), "time_per_item_s"]
        )
        assert 1.2 < slower < 1.36


def test_a_ranking_at_the_rate_shows_what_was_measured_and_the_extrapolation_beside_it(swept: Farm) -> None:
    report = pd.read_parquet(swept.root / "report.parquet").set_index(["device", "mode"])
    ranking = json.loads(
        swept.command("rank", swept.root / "report.parquet", *OBJECTIVES, "--rate", "5", "-o", "json")
    )
    assert [row["identity"]["mode"] for row in ranking["rows"]] == ["paced"] * 2
    for row in ranking["rows"]:
        measured = report.loc[(row["identity"]["device"], "paced")]
        assert row["estimates"]["energy_j_per_item"]["mean"] == pytest.approx(measured["energy_j_per_item"])
        assert row["estimates"]["extrapolated_j_per_item"]["mean"] < measured["energy_j_per_item"]
        assert "pace_matters" in row["flags"]
    assert "2 x its row of 5 items a second" in swept.command(
        "rank", swept.root / "report.parquet", *OBJECTIVES, "--rate", "5"
    ).replace("\n", " ")


def test_without_a_rate_paced_rows_are_not_ranked_beside_those_without_a_break(swept: Farm) -> None:
    ranking = json.loads(swept.command("rank", swept.root / "report.parquet", *OBJECTIVES, "-o", "json"))
    assert [row["identity"]["mode"] for row in ranking["rows"]] == ["latency"] * 2
    assert [each["reason"] for each in ranking["exclusions"]] == ["mode is not latency"]
