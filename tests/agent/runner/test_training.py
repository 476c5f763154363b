"""Mode training: what an iteration is, that weights really change, and who cannot."""

from __future__ import annotations

import dataclasses
import os
import types

import pytest
from paretofleet_agent.measure.attempt import measure
from paretofleet_agent.runner import training
from paretofleet_agent.runner.failure import RunFailed
from paretofleet_agent.runner.runtimes.torch_training import Trainer

PYTHON = os.environ.get("PARETOFLEET_TEST_TORCH_PYTHON")
with_torch = pytest.mark.skipif(
    not PYTHON, reason="NOT TRIED: PARETOFLEET_TEST_TORCH_PYTHON names no Python with torch and torchvision"
)


def train(kit, here, path, **wanted):
    limits = dataclasses.replace(kit.QUICK, iterations_max=10, timeout_s=300.0)
    device = dataclasses.replace(here, interpreters={"torch": PYTHON})
    wanted = {"runtime": "torch", "mode": "training", **wanted}
    samples = kit.Samples()
    return measure(kit.lease_of(path, limits=limits, **wanted), path, samples, kit.Watch(), device), samples


@with_torch
def test_steps_are_timed_and_change_the_weights_of_the_file(kit, here, squeezenet):
    outcome, samples = train(kit, here, squeezenet)
    assert outcome.ok, outcome.message
    effective, result = outcome.facts["effective"], outcome.facts["training"]
    assert effective["mode"] == "training"
    assert effective["training"] == {
        "optimiser": "SGD",
        "learning_rate": 0.001,
        "momentum": 0.9,
        "loss": "cross-entropy",
        "classes": 1000,
    }
    assert effective["reference"]["relative_error"] < 1e-5, "before it is trained it is the file's network"
    iterations = len(samples.columns("iterations")[0])
    assert result["steps"] == iterations + 2, "the two cold ones, warm-up and window"
    assert result["weights_changed"] == result["weights"] == 52
    assert result["loss_first"] == pytest.approx(6.9, abs=1.0), "the logarithm of 1000 classes"
    assert result["loss_last"] != result["loss_first"]


@with_torch
def test_a_step_takes_longer_than_an_inference_and_holds_more(kit, here, squeezenet):
    trained, _ = train(kit, here, squeezenet, batch_size=8)
    inferred, _ = train(kit, here, squeezenet, batch_size=8, mode="latency")
    assert trained.ok, trained.message
    assert trained.facts["memory_peak_bytes"] > inferred.facts["memory_peak_bytes"] + 2 * 1_235_496 * 4


@with_torch
@pytest.mark.parametrize(
    ("wanted", "says"),
    [
        ({"precision": "int8"}, "mode training computes in fp32 or tf32, not in int8"),
        ({"precision": "bf16"}, "not in bf16"),
        ({"options": {"compile": True}}, "compile is for inference"),
        ({"runtime": "onnxruntime"}, "onnxruntime runs a network and does not train it"),
    ],
)
def test_what_cannot_be_trained_is_unsupported_with_a_sentence(kit, here, squeezenet, wanted, says):
    outcome, _ = train(kit, here, squeezenet, **wanted)
    assert outcome.reason == "unsupported", outcome.message
    assert says in outcome.message


@pytest.mark.parametrize("runtime", ["onnxruntime", "openvino", "litert", "trtexec"])
def test_a_runtime_without_gradients_says_so_and_names_one_that_has(runtime):
    with pytest.raises(RunFailed, match=f"{runtime} runs a network .* needs the runtime torch") as caught:
        training.refuse({"runtime": runtime, "precision": "native"})
    assert caught.value.reason == "unsupported"


def test_labels_follow_from_the_seed_and_are_classes():
    assert training.labels(7, 5, 10) == training.labels(7, 5, 10) != training.labels(8, 5, 10)
    assert set(training.labels(7, 4000, 10)) == set(range(10))


class Loss(float):
    """A loss as a tensor gives it."""


def trainer(before, after, loss):
    made = Trainer(None, None, "x", kind="cpu", layout=None, seed=1)
    made._before, made._loss, made.steps = before, Loss(loss), 3
    made._checksums = lambda: after
    return made


@pytest.mark.parametrize(
    ("after", "loss", "says"),
    [
        ([1, 2], 0.5, "3 training steps changed none of the 2 weights"),
        ([3, 4], float("nan"), "the loss of training step 3 is nan"),
        ([3, 4], float("inf"), "the loss of training step 3 is inf"),
    ],
)
def test_steps_that_train_nothing_fail_with_a_reason(after, loss, says):
    with pytest.raises(RunFailed, match=says) as caught:
        trainer([1, 2], after, loss).result()
    assert caught.value.reason == "wrong_output"


def test_a_result_counts_the_weights_that_changed():
    result = trainer([1, 2], [1, 4], 0.5).result()
    assert (result["weights_changed"], result["weights"], result["loss_last"]) == (1, 2, 0.5)


def test_outputs_that_are_no_scores_of_classes_cannot_be_trained():
    image = types.SimpleNamespace(shape=(2, 3, 8, 8))
    with pytest.raises(RunFailed, match=r"with a score for each class of an item, not \[\[2, 3, 8, 8\]"):
        trainer([], [], 0.0).begin([image])
