"""Accuracy from the command to the report: a labelled set through real agents and ONNX Runtime."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Iterator

import numpy as np
import pandas as pd
import psutil
import pytest
from farm import Farm, alive, descendants, is_runner, wait_until
from networks import linear
from paretofleet_analysis.statistics.paired_accuracy import compare_paired, unpacked

pytestmark = pytest.mark.system
CLASSES, VALUES, COUNT = 7, 12, 203


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Farm]:
    farm = Farm(tmp_path_factory.mktemp("evaluated"))
    farm.start_collector()
    try:
        farm.start_agent("here")
        yield farm
    finally:
        farm.close()


def weights(seed: int = 5) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(VALUES, CLASSES)).astype(np.float32)


def items(count: int = COUNT) -> tuple[np.ndarray, np.ndarray]:
    """Items, and labels that the classes of `weights` meet nine times in ten."""
    random = np.random.default_rng(6)
    x = random.normal(size=(count, VALUES)).astype(np.float32)
    y = (x @ weights()).argmax(axis=1)
    return x, np.where(random.random(count) < 0.9, y, random.integers(0, CLASSES, count))


def has_begun(agent: subprocess.Popen[bytes]) -> bool:
    """Whether the runner of an agent has worked longer than it takes to load this model."""
    runners = [each for each in alive(descendants(agent.pid)) if is_runner(each)]
    try:
        return any(each.cpu_times().user > 0.8 for each in runners)
    except psutil.Error:
        return False


def report(farm: Farm, sweep: str) -> pd.DataFrame:
    farm.command("report", "pull", sweep, "-o", farm.root / f"{sweep}.parquet")
    return pd.read_parquet(farm.root / f"{sweep}.parquet")


def test_a_model_and_its_variant_are_evaluated_and_compared_item_by_item(fleet: Farm) -> None:
    """A set of one's own says what numpy says, and timing rows of the same file have it, no others."""
    x, y = items()
    np.savez(fleet.root / "set.npz", x=x, y=y)
    rough = weights() + np.random.default_rng(8).normal(0, 0.5, weights().shape).astype(np.float32)
    right = [(x @ each).argmax(axis=1) == y for each in (weights(), rough)]
    fleet.command("models", "add", linear(fleet.root / "mine.onnx", weights()))
    fleet.command(
        "models", "add", linear(fleet.root / "rough.onnx", rough), "--variant-of", "mine", "--name", "rough"
    )
    spoken = fleet.command("models", "evaluate", "mine", "--data", "set.npz")
    top1 = 100 * right[0].mean()
    assert spoken.startswith(f"mine@file on here: top-1 {top1:.1f} % (")
    assert spoken.endswith(f"{COUNT} items, onnxruntime fp32\n")
    row = report(fleet, "evaluate-mine").iloc[0]
    assert (row["mode"], row.status, row.top1_source, row.top1_n) == ("accuracy", "ok", "measured", COUNT)
    assert row.top1 == pytest.approx(top1)
    five = np.argsort(-(x @ weights()), axis=1)[:, :5]
    assert row.top5 == pytest.approx(100 * (five == y[:, None]).any(axis=1).mean())
    assert np.array_equal(unpacked(row.correct_items, COUNT), right[0])
    assert pd.isna(row.batch_latency_mean_s)
    stated = json.loads(row.accuracy_data)
    assert (stated["name"], stated["n"], stated["classes"]) == ("set.npz", COUNT, CLASSES)
    assert stated["preprocessing"] == {"dtype": "float32", "from": [VALUES], "to": [VALUES]}
    fleet.command(
        "sweep", "submit", "--name", "timed", "--model", "mine@file", "--model", "mine@rough", "--protocol",
        "quick", "--repeats", "1", "--watch",
    )  # fmt: skip
    timed = report(fleet, "timed").set_index("variant")
    assert timed.loc["file", "top1"] == pytest.approx(top1)
    assert timed.loc["file", "top1_source"] == "measured"
    assert pd.isna(timed.loc["rough", "top1"]), "a variant never takes its parent's accuracy"
    spoken = fleet.command("models", "evaluate", "mine@rough", "--data", "set.npz")
    due = compare_paired(*right)
    sentence = (
        f"{abs(due.difference):.1f} points {'below' if due.difference < 0 else 'above'} mine@file on the"
    )
    assert f"mine@rough: {sentence} same items ({due.lo:.1f} to {due.hi:.1f}), McNemar p = " in spoken
    shown = " ".join(fleet.command("models", "show", "mine@rough").split())
    measured = f"measured top-1 {100 * right[1].mean():.1f} % ("
    assert measured in shown, "what was measured is shown, by which runtime and device"
    assert f"{COUNT} items of set.npz, onnxruntime fp32 on here; {sentence}" in shown
    (one,) = fleet.listing("models", "show", "mine@file")
    assert [(each["top1_n"], each["device"]) for each in one["evaluations"]] == [(COUNT, "here")]
    again = report(fleet, "timed").set_index("variant")
    assert again.loc["rough", "top1"] == pytest.approx(100 * right[1].mean())
    rebuilt = fleet.run("report", "rebuild", "evaluate-mine")
    assert rebuilt.returncode == 0, rebuilt.stderr
    pd.testing.assert_series_equal(report(fleet, "evaluate-mine").iloc[0], row)


def test_labels_of_another_order_are_named(fleet: Farm) -> None:
    x, y = items()
    np.savez(fleet.root / "shuffled.npz", x=x, y=np.random.default_rng(1).permutation(y))
    linear(fleet.root / "other.onnx", weights())
    fleet.command("models", "add", fleet.root / "other.onnx", "--name", "other")
    done = fleet.run("models", "evaluate", "other", "--data", "shuffled.npz")
    assert done.returncode == 0, done.stderr
    assert "labels or pre-processing are probably wrong" in done.stderr


def test_what_is_no_labelled_set_is_one_sentence_and_nothing_is_registered(fleet: Farm) -> None:
    np.savez(fleet.root / "bad.npz", x=np.ones((4, VALUES)))
    before = {sweep["name"] for sweep in fleet.listing("sweep", "list")}
    done = fleet.run("models", "evaluate", "other", "--data", "bad.npz")
    assert (done.returncode, done.stdout) == (1, "")
    assert "bad.npz has no array y, it has x" in done.stderr
    assert done.stderr.count("\n") == 1
    assert {sweep["name"] for sweep in fleet.listing("sweep", "list")} == before


def test_an_evaluation_that_is_cut_in_the_middle_is_made_again_as_a_whole(farm: Farm) -> None:
    """The agent is killed while it evaluates; another try tells of every item once."""
    x, y = items(200_000)
    np.savez(farm.root / "large.npz", x=x, y=y)
    agent = farm.start_agent("here")
    linear(farm.root / "mine.onnx", weights())
    farm.command("models", "add", farm.root / "mine.onnx")
    farm.command(
        "sweep", "submit", "--name", "cut", "--model", "mine", "--mode", "accuracy", "--data", "large.npz"
    )
    wait_until(lambda: has_begun(agent), "the evaluation's beginning")
    agent.send_signal(signal.SIGKILL)
    agent.wait()
    farm.start_agent("here")
    farm.command("sweep", "watch", "cut")
    (row,) = report(farm, "cut").itertuples()
    assert (row.status, row.top1_n, row.runs) == ("ok", 200_000, 1)
    assert row.top1 == pytest.approx(100 * ((x @ weights()).argmax(axis=1) == y).mean(), abs=0.01)
