"""Models, sets and recipes that cannot be: one sentence through the real command, and nothing registered."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
import pandas as pd
import pytest
from farm import Farm
from networks import linear
from onnx import TensorProto, helper

pytestmark = pytest.mark.system
CLASSES, VALUES = 7, 12


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Farm]:
    """A collector with a small network, `mine`, and one that has no weights, `plain`."""
    farm = Farm(tmp_path_factory.mktemp("bad"))
    farm.start_collector()
    try:
        weights = np.random.default_rng(5).normal(size=(VALUES, CLASSES)).astype(np.float32)
        farm.command("models", "add", linear(farm.root / "mine.onnx", weights))
        farm.command(
            "models", "add", saved(farm.root / "plain.onnx", [helper.make_node("Relu", ["x"], ["y"])])
        )
        farm.start_agent("here")
        yield farm
    finally:
        farm.close()


def saved(path: Path, nodes: list[onnx.NodeProto], **more: object) -> Path:
    """A graph of `nodes` from x to y, of four values an item."""
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", 4]) for name in "xy"]
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("com.acme", 1)]
    graph = helper.make_graph(nodes, "g", values[:1], values[1:], **more)
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=8), path)
    return path


def sparse(path: Path, size: int) -> Path:
    """A file of `size` bytes that takes none of the disk."""
    with path.open("wb") as file:
        file.truncate(size)
    return path


def bomb(path: Path) -> Path:
    """An .npz of some MB whose array x is 3 GB of zeros, which take long to pack: once."""
    packed = path.with_name("packed")
    if not packed.exists():
        _pack(packed)
    path.unlink(missing_ok=True)
    path.hardlink_to(packed)
    return path


def _pack(path: Path) -> None:
    piece = bytes(16 << 20)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        with archive.open("x.npy", "w", force_zip64=True) as file:
            header = {"descr": "<f4", "fortran_order": False, "shape": (64_000_000, VALUES)}
            np.lib.format.write_array_header_1_0(file, header)
            for _ in range(3_072_000_000 // len(piece)):
                file.write(piece)
            file.write(bytes(3_072_000_000 % len(piece)))
        with archive.open("y.npy", "w") as file:
            np.lib.format.write_array(file, np.zeros(8, np.int64))


def registered(farm: Farm) -> list[object]:
    """What the collector lists: models, sweeps, and files of samples in its lake."""
    inputs = sorted(path.name for path in (farm.collector_home / "lake").rglob("*.npz"))
    with farm.client() as client:
        return [client.list_models(), [each.name for each in client.list_sweeps()], inputs]


def refused(farm: Farm, *words: str | Path) -> str:
    """The one sentence with which `paretofleet WORDS..` refuses, after which nothing more is registered."""
    before = registered(farm)
    done = farm.run(*words)
    assert (done.returncode, done.stdout) == (1, ""), done
    assert "Traceback" not in done.stderr
    assert done.stderr.count("\n") == 1, done.stderr
    assert registered(farm) == before
    return done.stderr


def external(path: Path) -> Path:
    """A model whose weights are said to be in a file that is not there."""
    weight = onnx.numpy_helper.from_array(np.eye(4, dtype=np.float32), "w")
    node = helper.make_node("MatMul", ["x", "w"], ["y"])
    onnx.external_data_helper.set_external_data(weight, "gone.bin")
    weight.ClearField("raw_data")
    weight.data_location = TensorProto.EXTERNAL
    return saved(path, [node], initializer=[weight])


WORDS = np.random.default_rng(6).normal(size=(40, VALUES)).astype(np.float32)
MADE = {
    "external.onnx": external,
    "custom.onnx": lambda path: saved(path, [helper.make_node("Magic", ["x"], ["y"], domain="com.acme")]),
    "huge.onnx": lambda path: sparse(path, 3 << 30),
    "huge.tflite": lambda path: sparse(path, 3 << 30),
    "bomb.zip.onnx": bomb,
}


@pytest.mark.parametrize(
    ("file", "words"),
    [
        ("external.onnx", "keeps weights in another file, which cannot be read"),
        ("custom.onnx", "has the operator com.acme::Magic, which no runtime has by itself"),
        ("huge.onnx", "huge.onnx is larger than 2 GiB"),
        ("huge.tflite", "huge.tflite is larger than 2 GiB"),
        ("bomb.zip.onnx", "is not an ONNX file"),
    ],
)
def test_a_file_that_is_no_model_of_its_own(fleet: Farm, file: str, words: str) -> None:
    assert words in refused(fleet, "models", "add", MADE[file](fleet.root / file))


@pytest.mark.parametrize("noun", ["evaluate", "quantize"])
@pytest.mark.parametrize(
    ("make", "words"),
    [(bomb, "has 3,072,000,320 bytes of arrays"), (lambda path: sparse(path, 3 << 30), "huge.npz")],
)
def test_samples_that_unpack_to_more_than_2_gib(fleet: Farm, noun: str, make, words: str) -> None:
    file = make(fleet.root / ("bomb.npz" if make is bomb else "huge.npz"))
    flags = ["--static"] if noun == "quantize" else []
    assert words in refused(fleet, "models", noun, "mine", *flags, "--data", file)


@pytest.mark.parametrize(
    ("items", "shift", "words"),
    [
        (WORDS, 9, "the labels go up to 15, and mine has 7 classes: the labels are of another task"),
        (np.ones((40, 3, 10, 10), np.float32), 0, "an item is 3 x 10 x 10, and the model takes 12"),
    ],
)
def test_a_labelled_set_of_another_task(fleet: Farm, items: np.ndarray, shift: int, words: str) -> None:
    np.savez(fleet.root / "set.npz", x=items, y=np.arange(40) % CLASSES + shift)
    assert words in refused(fleet, "models", "evaluate", "mine", "--data", fleet.root / "set.npz")


@pytest.mark.parametrize(
    ("samples", "words"),
    [
        (WORDS[:2], "few.npz has 2 samples, too few to calibrate: give 8 or more"),
        (np.ones((40, 3, 10, 10), np.float32), "a sample has 3 axes, and one item of input x has 1 (12)"),
    ],
)
def test_a_calibration_set_that_does_not_do(fleet: Farm, samples: np.ndarray, words: str) -> None:
    np.savez(fleet.root / "few.npz", x=samples)
    said = refused(fleet, "models", "quantize", "mine", "--static", "--data", fleet.root / "few.npz")
    assert words in said


@pytest.mark.parametrize(
    "recipe",
    [
        ["quantize", "--static"], ["quantize", "--dynamic"], ["quantize", "--int4"], ["quantize", "--bf16"],
        ["prune"], ["cluster"],
    ],
)  # fmt: skip
def test_a_recipe_on_a_model_that_it_cannot_change(fleet: Farm, recipe: list[str]) -> None:
    said = refused(fleet, "models", recipe[0], "plain", *recipe[1:])
    assert re.match(r"paretofleet: plain@file (cannot be changed by that recipe|has no )", said)


def test_an_evaluation_at_chance_is_named_and_no_other_report_takes_it(fleet: Farm) -> None:
    labels = np.random.default_rng(3).integers(0, CLASSES, 200)
    np.savez(fleet.root / "odd.npz", x=np.repeat(WORDS, 5, axis=0), y=labels)
    done = fleet.run("models", "evaluate", "mine", "--data", fleet.root / "odd.npz")
    assert done.stderr.count("labels or pre-processing are probably wrong") == 1, done
    fleet.command(
        "sweep", "submit", "--name", "timed", "--model", "mine", "--protocol", "quick", "--repeats", "1",
        "--watch",
    )  # fmt: skip
    fleet.command("report", "pull", "timed", "-o", fleet.root / "timed.parquet")
    assert pd.read_parquet(fleet.root / "timed.parquet")["top1"].isna().all()
    fleet.command("report", "pull", "evaluate-mine", "-o", fleet.root / "own.parquet")
    (own,) = pd.read_parquet(fleet.root / "own.parquet").itertuples()
    assert own.top1_n == 200, "its own report says what was measured"
    assert "accuracy_at_chance" in own.flags
