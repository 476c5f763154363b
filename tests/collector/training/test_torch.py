"""The ten networks learn, the same from the same seed, and their files say what torch says.

PARETOFLEET_TEST_LIBRARIES_PYTHON names a Python that has torch and onnx; else this one, where it has torch.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from paretofleet_collector.errors import Refused
from paretofleet_collector.training.learner import Keeping, train
from paretofleet_collector.training.lesson import Lesson, taught
from paretofleet_collector.training.plan import NETWORKS, LearningPlan, Technique, Training
from paretofleet_collector.training.sets import TrainingSet, of_classes

PYTHON = os.environ.get("PARETOFLEET_TEST_LIBRARIES_PYTHON") or (
    sys.executable if importlib.util.find_spec("torch") else ""
)
pytestmark = pytest.mark.skipif(
    not PYTHON,
    reason="NOT TRIED: no torch is here, and PARETOFLEET_TEST_LIBRARIES_PYTHON names no Python with it",
)
#: Of images of 8 x 8 and ten classes.
PARAMETERS = {
    "mlp16": 1210,
    "mlp128": 9610,
    "lenet4": 4794,
    "lenet16": 71754,
    "nin16": 2922,
    "nin48": 24106,
    "mobile8": 1410,
    "mobile16": 4090,
    "res16x2": 9706,
    "res32x4": 74954,
}
PLAN = LearningPlan(epochs=3)


def blobs(classes: int = 10) -> TrainingSet:
    """Images with a bright pixel whose place is their class, in noise, that a small network can learn."""
    random = np.random.default_rng(5)

    def part(count: int) -> tuple[np.ndarray, np.ndarray]:
        labels = np.arange(count) % classes
        images = random.normal(100.0, 20.0, (count, 1, 8, 8)).astype(np.float32)
        images[np.arange(count), 0, labels % 8, labels // 8 + 3] += 200.0
        return images, labels

    (x_train, y_train), (x_test, y_test) = part(400), part(100)
    return TrainingSet("blobs", x_train, y_train, x_test, y_test, "drawn", (8, 8))


def weights(path: Path) -> list[np.ndarray]:
    """The values that an ONNX file keeps for its layers, in the order of its layers."""
    return [onnx.numpy_helper.to_array(each) for each in onnx.load(path).graph.initializer]


def test_every_network_has_its_parameters_and_its_file_runs_at_any_batch(tmp_path):
    trainings = [Training(name, 1) for name in NETWORKS]
    kept = train(blobs(), trainings, replace(PLAN, epochs=1), Keeping(tmp_path), python=PYTHON)
    assert {each.training.network: each.values["parameters"] for each in kept} == PARAMETERS
    for each in kept:
        session = ort.InferenceSession(str(each.onnx), providers=["CPUExecutionProvider"])
        for batch in (1, 7):
            (scores,) = session.run(None, {"input": blobs().x_test[:batch]})
            assert scores.shape == (batch, 10), each.training.network
            assert np.isfinite(scores).all(), each.training.network
        model = onnx.load(each.onnx)
        assert (model.ir_version, model.opset_import[0].version) == (8, 17)


def test_the_same_seed_is_the_same_network_and_another_is_not(tmp_path):
    seeds = [Training("lenet4", seed) for seed in (1, 2)]
    first = train(blobs(), seeds, PLAN, Keeping(tmp_path / "first"), python=PYTHON)
    again = train(blobs(), seeds[::-1], PLAN, Keeping(tmp_path / "again"), python=PYTHON)[::-1]
    assert [each.values["top1"] for each in first] == [each.values["top1"] for each in again]
    assert [each.onnx.read_bytes() for each in first] == [each.onnx.read_bytes() for each in again]
    assert first[0].onnx.read_bytes() != first[1].onnx.read_bytes()


def test_a_file_is_right_as_often_as_the_network_that_was_trained(tmp_path):
    given = blobs()
    (kept,) = train(given, [Training("mobile8", 1)], PLAN, Keeping(tmp_path), python=PYTHON)
    session = ort.InferenceSession(str(kept.onnx), providers=["CPUExecutionProvider"])
    (scores,) = session.run(None, {"input": given.x_test})
    assert int((scores.argmax(axis=1) == given.y_test).sum()) == kept.values["right"]


def test_training_is_learning_and_has_a_cost(tmp_path):
    plan = replace(PLAN, epochs=10)
    (kept,) = train(blobs(), [Training("mlp128", 1)], plan, Keeping(tmp_path), python=PYTHON)
    assert kept.values["top1"] > 60.0
    assert kept.values["s"] > 0
    assert kept.values["cpu_s"] > 0
    assert kept.values["images_s"] == pytest.approx(10 * 400 / kept.values["s"])


def test_a_frozen_base_stays_the_donors_and_copied_layers_learn_on(tmp_path):
    whole = blobs()
    base, given = of_classes(whole, 0, 4), of_classes(whole, 5, 9)
    keeping = Keeping(tmp_path)
    lesson = Lesson(given, ["res16x2"], 1, PLAN, Technique("frozen", -1, is_frozen=True), base)
    (frozen,) = taught(lesson, keeping, python=PYTHON)["res16x2"]
    (copied,) = taught(replace(lesson, technique=Technique("layers-2", 2)), keeping, python=PYTHON)["res16x2"]
    (donor,) = train(base, lesson.donors, PLAN, keeping, python=PYTHON)
    *kept, _, _ = zip(weights(donor.onnx), weights(frozen.onnx), strict=True)
    heads = list(zip(weights(donor.onnx), weights(frozen.onnx), strict=True))[-2:]
    assert len(kept) > 10
    assert all((before == after).all() for before, after in kept)
    assert any((before != after).any() for before, after in heads)
    assert any(
        (before != after).any()
        for before, after in zip(weights(donor.onnx)[:2], weights(copied.onnx)[:2], strict=True)
    )


def test_a_loss_that_grows_beyond_all_bounds_is_an_error(tmp_path):
    plan = replace(PLAN, learning_rate=1e30)
    with pytest.raises(Refused, match="mlp16, seed 1: the loss is no finite number any more in epoch"):
        train(blobs(), [Training("mlp16", 1)], plan, Keeping(tmp_path), python=PYTHON)
