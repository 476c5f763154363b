"""`paretofleet train` up to the edge of the process that has torch, for which a program stands in."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from command_harness import Command
from small_networks import small_network

#: Right of as many items of forty as it is told, of networks that all have one ONNX file.
LEARNS = """
import json, shutil, sys
request = json.load(sys.stdin)
print(json.dumps({"torch": "9.9"}), flush=True)
for each in request["trainings"]:
    open(each["weights"], "w").write("weights")
    shutil.copy(NETWORK, each["onnx"])
    came_to = {"top1": RIGHT * 2.5, "right": RIGHT, "parameters": 5, "energy_j": None, "images_s": 40.0}
    cost = {"s": float(each["seed"]), "cpu_s": 1.5}
    print(json.dumps({"key": each["key"], **came_to, **cost}), flush=True)
"""


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """A set of two classes, forty items to learn from and forty to test on."""
    images = np.random.default_rng(1).normal(size=(40, 8, 8))
    labels = np.arange(40) % 2
    np.savez(tmp_path / "own.npz", x_train=images, y_train=labels, x_test=images, y_test=labels)
    return tmp_path / "own.npz"


@pytest.fixture
def python(tmp_path: Path):
    """python(right): an interpreter whose networks are right of so many of forty items."""

    def program(right: int = 38) -> str:
        code = tmp_path / f"learns{right}.py"
        network = tmp_path / "net.onnx"
        network.write_bytes(small_network().SerializeToString() + b"ONNX")  # as the fake control wants it
        code.write_text(LEARNS.replace("RIGHT", str(right)).replace("NETWORK", repr(str(network))))
        path = tmp_path / f"python{right}"
        path.write_text(f"#!/bin/sh\nexec {sys.executable} {code}\n")
        path.chmod(0o755)
        return str(path)

    return program


def test_a_trained_network_is_a_model_with_what_its_trainings_cost(
    paretofleet: Command, own: Path, python, tmp_path: Path
) -> None:
    words = ("train", own, "--network", "mlp16", "--seeds", "3", "--folder", tmp_path / "kept")
    done = paretofleet(*words, "--python", python(), "-o", "json")
    (row,) = done.json
    assert (row["model"], row["seeds"], row["top1"], row["training_s_seeds"]) == (
        "own-mlp16",
        3,
        95.0,
        [1.0, 2.0, 3.0],
    )
    assert (row["training_s"], row["training_s_sd"], row["training_energy_j"]) == (2.0, 1.0, None)
    assert "[3/3] mlp16, seed 3: 95.0 %, 3.00 s" in done.err
    again = paretofleet(*words, "--python", "/none", "-o", "json")
    assert again.json == [row]
    assert "3 of 3 trainings are kept in" in again.err


def test_a_training_at_chance_is_named_with_what_may_be_wrong(
    paretofleet: Command, own: Path, python, tmp_path: Path
) -> None:
    said = paretofleet("train", own, "--seeds", "1", "--folder", tmp_path, "--python", python(22)).err
    assert "lenet16, seed 1 is right no more often than by chance: 55.0 % of 40 items, and saying" in said
    assert "labels are probably wrong" in said


def test_without_torch_nothing_is_added_and_the_sentence_says_what_to_install(
    paretofleet: Command, own: Path, tmp_path: Path
) -> None:
    bare = tmp_path / "bare"
    bare.write_text(f'#!/bin/sh\nexec {sys.executable} -S -E "$@"\n')
    bare.chmod(0o755)
    said = paretofleet("train", own, "--folder", tmp_path, "--python", bare, code=1).err
    assert "pip install 'paretofleet-collector[train]'" in said


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("nowhere.npz",), "nowhere.npz is no set to learn from"),
        (("OWN", "--transfer", "frozen"), "--transfer and --donor belong together"),
        (("OWN", "--export-seed", "6"), "--export-seed 6 is not trained"),
        (("OWN", "--network", "lenet5"), "did you mean lenet"),
        (("OWN", "--rank", "--techniques"), "ask one"),
        (("OWN:0-1", "--transfer", "layers:9", "--donor", "OWN:0-1"), "of which the head is its own"),
        (("OWN:1-2",), "the set has the classes 0 to 1"),
    ],
)
def test_misuse_is_a_sentence_before_anything_is_trained(
    paretofleet: Command, own: Path, words, sentence
) -> None:
    done = paretofleet("train", *(word.replace("OWN", str(own)) for word in words), code=2)
    assert sentence in done.err
