"""Training from the command to the ranking: steps on agents, the cost that they make, rows of inferences."""

from __future__ import annotations

import os

import pandas as pd
import pytest
from farm import Farm

pytestmark = pytest.mark.system
EPOCHS, SAMPLES = 3, 1000
TORCH_PYTHON = os.environ.get("PARETOFLEET_TEST_TORCH_PYTHON")


def swept(farm: Farm, name: str, *words: str) -> pd.DataFrame:
    """The report of a sweep of one batch size whose runs all ended well."""
    common = ("--name", name, "--protocol", "quick", "--repeats", "3", "--watch")
    farm.command("sweep", "submit", *common, *words)
    return pulled(farm, name)


def pulled(farm: Farm, name: str) -> pd.DataFrame:
    farm.command("report", "pull", name, "-o", farm.root / f"{name}.parquet")
    return pd.read_parquet(farm.root / f"{name}.parquet")


def test_simulated_steps_price_the_rows_of_inferences_of_the_same_device(farm: Farm) -> None:
    farm.start_agent("sim", "--simulate", "cpu-server")
    both = swept(
        farm, "both", "--model", "zoo:squeezenet1_1", "--batch-size", "4", "--mode", "latency,training"
    )
    by_mode = both.set_index("mode")
    steps, times = by_mode.loc["training"], by_mode.loc["latency"]
    assert pd.isna(steps.batch_latency_mean_s)
    assert pd.isna(times.step_s)
    assert steps.step_s == pytest.approx(3 * times.batch_latency_mean_s, rel=0.1)
    assert steps.step_s_lo < steps.step_s < steps.step_s_hi
    assert steps.energy_j_per_item > times.energy_j_per_item
    assert both.training_s.isna().all(), "nobody said how long a training is"
    said = ("--training-epochs", str(EPOCHS), "--training-samples", str(SAMPLES))
    farm.command("models", "set", "squeezenet1_1", *said)
    priced = pulled(farm, "both").set_index("mode").loc["latency"]
    assert priced.training_s == pytest.approx(EPOCHS * SAMPLES * steps.time_per_item_s)
    assert priced.training_s_lo < priced.training_s < priced.training_s_hi
    assert priced.training_energy_j == pytest.approx(EPOCHS * SAMPLES * steps.energy_j_per_item)
    assert (priced.training_device, priced.training_epochs) == ("sim", EPOCHS)
    ranked = farm.command("rank", "both", "--objective", "batch_latency_mean_s", "--objective", "training_s")
    assert "training" in ranked
    assert "mode is training, which is no inference" in ranked


@pytest.mark.skipif(
    not TORCH_PYTHON,
    reason="NOT TRIED: PARETOFLEET_TEST_TORCH_PYTHON names no Python with torch and torchvision",
)
def test_torch_trains_on_a_real_agent_and_prices_what_onnxruntime_times_there(farm: Farm) -> None:
    (farm.root / "desk").mkdir()
    (farm.root / "desk" / "agent.ini").write_text(f"[runtimes]\ntorch = {TORCH_PYTHON}\n")
    farm.start_agent("desk")
    farm.command("models", "add", "zoo:squeezenet1_1")
    said = ("--training-epochs", str(EPOCHS), "--training-samples", str(SAMPLES))
    farm.command("models", "set", "squeezenet1_1", *said)
    words = ("--model", "squeezenet1_1", "--mode", "latency,training", "--runtime", "onnxruntime,torch")
    both = swept(farm, "both", *words).set_index(["mode", "runtime"])
    steps, inferences = both.loc["training", "torch"], both.loc["latency", "torch"]
    assert steps.step_s > inferences.batch_latency_mean_s, "a way back is work, too"
    assert steps.step_s_lo < steps.step_s < steps.step_s_hi
    priced = both.loc["latency", "onnxruntime"]
    assert priced.training_s == pytest.approx(EPOCHS * SAMPLES * steps.time_per_item_s)
    assert priced.training_device == "desk"
