"""Trainings happen once each, in a process of their own, for which a program that speaks so stands in."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from paretofleet_collector.errors import CollectorError, NotFound, Refused
from paretofleet_collector.training.learner import Keeping, train
from paretofleet_collector.training.lesson import Lesson, due, taught
from paretofleet_collector.training.outcome import chance, processor, training_record
from paretofleet_collector.training.plan import LearningPlan, Technique, Training
from paretofleet_collector.training.sets import TrainingSet

#: Says of each training that it is right by its seed, and writes down what it was asked.
LEARNS = """
import json, sys
request = json.load(sys.stdin)
open(LOG, "a").write(json.dumps(request["trainings"]) + "\\n")
print(json.dumps({"torch": "9.9"}), flush=True)
for each in request["trainings"]:
    open(each["weights"], "w").write("weights"); open(each["onnx"], "w").write("onnx")
    print(json.dumps({"key": each["key"], "epoch": 1, "loss": 0.5}), flush=True)
    print(json.dumps({"key": each["key"], "top1": 90.0 + each["seed"], "right": 9, "parameters": 5, "s": 2.0,
                      "cpu_s": 1.5, "energy_j": None, "images_s": 40.0}), flush=True)
    STOP
"""
SEEDS = [Training("mlp16", seed) for seed in (1, 2)]
PLAN = LearningPlan()


def small(name: str = "own", offset: float = 0.0) -> TrainingSet:
    images = np.arange(4 * 4, dtype=np.float32).reshape(4, 1, 2, 2) + offset
    labels = np.array([0, 1, 0, 1])
    return TrainingSet(name, images, labels, images, labels, "as it is", (2, 2))


@pytest.fixture
def learns(tmp_path: Path):
    """learns(stop): an interpreter that runs the program above instead of what it is told."""

    def program(stop: str = "", source: str = LEARNS) -> str:
        code = tmp_path / "learns.py"
        code.write_text(source.replace("LOG", repr(str(tmp_path / "asked"))).replace("STOP", stop))
        python = tmp_path / "python"
        python.write_text(f"#!/bin/sh\nexec {sys.executable} {code}\n")
        python.chmod(0o755)
        return str(python)

    return program


def asked(tmp_path: Path) -> list[list[int]]:
    """The seeds that each start of the process was asked for."""
    lines = (tmp_path / "asked").read_text().splitlines()
    return [[each["seed"] for each in json.loads(line)] for line in lines]


def test_what_was_trained_is_not_trained_again(tmp_path, learns):
    keeping = Keeping(tmp_path / "kept")
    first = train(small(), SEEDS[:1], PLAN, keeping, python=learns())
    both = train(small(), SEEDS, PLAN, keeping, python=learns())
    again = train(small(), SEEDS, PLAN, keeping, python="/none")
    assert asked(tmp_path) == [[1], [2]]
    assert [each.values["top1"] for each in both] == [91.0, 92.0]
    assert both == again
    assert first[0] == both[0]
    assert both[0].onnx.read_text() == "onnx"


def test_a_training_whose_file_is_gone_is_made_again(tmp_path, learns):
    keeping = Keeping(tmp_path / "kept")
    (kept,) = train(small(), SEEDS[:1], PLAN, keeping, python=learns())
    kept.onnx.unlink()
    train(small(), SEEDS[:1], PLAN, keeping, python=learns())
    assert asked(tmp_path) == [[1], [1]]


def test_who_asks_hears_of_epochs_and_ends(tmp_path, learns):
    heard = []
    train(
        small(),
        SEEDS,
        PLAN,
        Keeping(tmp_path / "kept"),
        python=learns(),
        on_event=lambda training, event: heard.append((training.seed, "top1" in event)),
    )
    assert heard == [(1, False), (1, True), (2, False), (2, True)]


def test_what_was_trained_before_the_process_died_is_kept(tmp_path, learns):
    keeping = Keeping(tmp_path / "kept")
    with pytest.raises(CollectorError, match=r"ended early \(code 1\): MemoryError: no room"):
        train(small(), SEEDS, PLAN, keeping, python=learns("raise MemoryError('no room')"))
    train(small(), SEEDS, PLAN, keeping, python=learns())
    assert asked(tmp_path) == [[1, 2], [2]]


def test_a_loss_that_is_no_number_names_the_training_and_what_to_change(tmp_path, learns):
    failing = LEARNS.partition("for each")[0] + (
        "key = request['trainings'][1]['key']\n"
        "print(json.dumps({'key': key, 'failed': 'the loss is no finite number any more in epoch 3'}))\n"
    )
    with pytest.raises(
        Refused,
        match="mlp16, seed 2: the loss is no finite number any more in epoch 3: lower --learning-rate",
    ):
        train(small(), SEEDS, PLAN, Keeping(tmp_path / "kept"), python=learns(source=failing))


def test_without_torch_it_says_what_to_install(tmp_path):
    """An interpreter without site-packages has none of what the program imports."""
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\nexec {sys.executable} -S -E "$@"\n')
    python.chmod(0o755)
    with pytest.raises(Refused, match=r"cannot import numpy.* pip install 'paretofleet-collector\[train\]'"):
        train(small(), SEEDS, PLAN, Keeping(tmp_path / "kept"), python=str(python))
    with pytest.raises(Refused, match="cannot be started"):
        train(small(), SEEDS, PLAN, Keeping(tmp_path / "kept"), python=str(tmp_path / "none"))


def test_donors_learn_first_and_only_what_is_due(tmp_path, learns):
    keeping = Keeping(tmp_path / "kept")
    frozen = Technique("frozen", -1, is_frozen=True)
    lesson = Lesson(small(), ["mlp16"], 2, technique=frozen, base=small("base", 5.0))
    assert due(lesson, keeping) == 4
    found = taught(lesson, keeping, python=learns())
    assert due(lesson, keeping) == 0
    donors, learners = [json.loads(line) for line in (tmp_path / "asked").read_text().splitlines()]
    assert [each["donor"] for each in donors] == ["", ""]
    assert [each["donor"] for each in learners] == [each["weights"] for each in donors]
    assert {(each["layers"], each["is_frozen"]) for each in learners} == {(-1, True)}
    assert [each.training.seed for each in found["mlp16"]] == [1, 2]


def test_a_donor_that_is_gone_is_named(tmp_path, learns):
    lesson = Training("mlp16", 1, Technique("layers-1", 1), "f" * 32)
    with pytest.raises(NotFound, match="The donor of mlp16, seed 1, is not kept any more"):
        train(small(), [lesson], PLAN, Keeping(tmp_path / "kept"), python=learns())


def test_a_model_keeps_what_its_trainings_came_to_and_how(tmp_path, learns):
    kept = train(small(), SEEDS, PLAN, Keeping(tmp_path / "kept"), python=learns())
    record = training_record(kept, small(), PLAN)
    assert (record["seeds"], record["top1"], record["s"]) == ([1, 2], [91.0, 92.0], [2.0, 2.0])
    assert (record["energy_j"], record["epochs"], record["samples"]) == ([None, None], 20, 4)
    assert record["source"].startswith("measured: trained here, torch 9.9, 1 thread, ")
    assert record["split"] == "as it is"
    assert record["recipe"].startswith("AdamW, one cycle of the learning rate to 0.01, batches of ")
    assert record["set"] == f"own, SHA-256 {small().sha256}"


def test_a_processor_has_its_name_or_its_architecture(tmp_path):
    (tmp_path / "cpuinfo").write_text("processor : 0\nmodel name\t: Fast 9000\n")
    assert processor(tmp_path / "cpuinfo") == "Fast 9000"
    assert processor(tmp_path / "none")


def test_chance_is_the_share_of_the_largest_class():
    assert chance(np.array([0, 1, 1, 1])) == 75.0
