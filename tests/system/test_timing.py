"""What a user sees of timing, through the real processes: cooling down, drift, and what to repeat."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pandas as pd
import pytest
from farm import Farm
from networks import convolution

pytestmark = pytest.mark.system

REPEATS = 6


@pytest.fixture(scope="module")
def swept(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Farm]:
    farm = Farm(tmp_path_factory.mktemp("timing"))
    farm.start_collector()
    try:
        farm.start_agent("board", "--simulate", "jetson-tx2", "--seed", "5")
        for name, channels in (("narrow", 16), ("wide", 48)):
            farm.command("models", "add", convolution(farm.root / f"{name}.onnx", channels=channels, side=32))
        farm.command(
            "sweep", "submit", "--name", "timing", "--model", "narrow", "--model", "wide",
            "--batch-size", "1,8", "--protocol", "standard", "--repeats", str(REPEATS), "--watch",
        )  # fmt: skip
        farm.command("report", "pull", "timing", "-o", farm.root / "report.parquet")
        yield farm
    finally:
        farm.close()


def test_a_sweep_shows_how_its_device_drifted_and_that_more_runs_help(swept: Farm) -> None:
    told = json.loads(swept.command("sweep", "show", "timing", "--timing", "-o", "json"))["timing"]
    (drift,) = told["drift"]
    assert (drift["device"], drift["blocks"]) == ("board", REPEATS)
    assert abs(drift["measures"]["time_per_item_s"]["per_block"]) < 0.02, "0.6 % a block, at random"
    (levels,) = told["levels"]
    assert levels["configurations"] == 4
    assert levels["between"] > 0.5, "the model's runs differ by 1.2 %, their means by what 2 % noise leaves"
    text = " ".join(swept.command("sweep", "show", "timing", "--timing").split())
    assert "drift of board by its canary" in text
    assert "what would help: more runs in" in text


def test_a_ranking_has_the_drift_in_its_evidence_and_explains_a_row_within_blocks(swept: Farm) -> None:
    report = swept.root / "report.parquet"
    ranking = json.loads(swept.command("rank", report, "--objective", "batch_latency_mean_s", "-o", "json"))
    (drift,) = ranking["evidence"]["canary_drift"]
    assert set(drift["measures"]) == {"batch_latency_mean_s"}
    last = ranking["rows"][-1]["number"]
    why = swept.command("rank", report, "--objective", "batch_latency_mean_s", "--why", str(last))
    text = " ".join(why.split())
    assert f"in the {REPEATS} blocks that hold both: mean" in text
    assert ", told apart" in text
    assert "is between runs" in text


def test_runs_carry_their_own_error_and_cost_and_none_started_warm(swept: Farm) -> None:
    frame = pd.read_parquet(swept.root / "report.parquet")
    assert set(frame["status"]) == {"ok"}
    assert not any("started_warm" in flags for flags in frame["flags"]), "within 60 s every excess is gone"
    assert all(len(errors) == REPEATS and min(errors) > 0 for errors in frame["run_mean_error_s"])
    assert all(min(seconds) > 5 for seconds in frame["run_overhead_s"]), "idle twice, warm-up and guards"
