"""The zoo: the same real networks, to the bit, on every machine, with the published facts."""

import csv
import errno
import hashlib
import math
import os
import struct
from pathlib import Path

import numpy as np
import onnx
import pytest
from paretofleet_collector import errors
from paretofleet_collector.models import onnxfile, zoo
from paretofleet_collector.models.onnxfile import counting
from paretofleet_collector.models.zoo import catalogue, fill, rules

COUNTED = Path(__file__).parents[2] / "fixtures/zoo/counted.csv"
SHARED = Path(__file__).parents[4] / "shared/data"
#: Networks of every kind that are small enough to be read and run as often as a test likes.
SMALL = ("squeezenet1_1", "mobilenet_v2", "resnet18")
GOLDEN_FIRST = ["0x1.30378e0000000p-1", "-0x1.bcaf260000000p-1", "0x1.2119680000000p-3"]


def counted() -> dict[str, dict[str, str]]:
    """What torch counted of each network, from the table that the export script writes."""
    with COUNTED.open(encoding="utf-8", newline="") as file:
        return {row["name"]: row for row in csv.DictReader(file)}


def structure(name: str) -> onnx.ModelProto:
    """The graph of a network with the shapes for one image."""
    model = onnx.parser.parse_model(zoo.structure_text(name))
    model.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 1
    model.graph.output[0].type.tensor_type.ClearField("shape")
    return onnx.shape_inference.infer_shapes(model, strict_mode=True, data_prop=True)


def test_the_zoo_holds_the_networks_of_the_papers_and_those_of_today():
    assert {"alexnet", "bn_alexnet", "bn_nin", "enet", "googlenet", "vgg16", "vgg19"} <= set(zoo.NAMES)
    assert {f"resnet{depth}" for depth in (18, 34, 50, 101, 152)} <= set(zoo.NAMES)
    assert {"inception_v3", "inception_v4"} <= set(zoo.NAMES)


@pytest.mark.parametrize("name", zoo.NAMES)
def test_a_network_has_the_parameters_and_macs_that_torch_counts(name):
    facts, by_torch = zoo.facts(name), counted()[name]
    assert facts.parameters == int(by_torch["parameters"])
    assert facts.macs == pytest.approx(int(by_torch["macs"]), rel=1e-3)
    assert facts.flops == 2 * facts.macs
    assert facts.input_shape == (3, int(by_torch["side"]), int(by_torch["side"]))


@pytest.mark.parametrize("name", zoo.NAMES)
def test_the_graph_has_what_the_catalogue_says(name):
    model = structure(name)
    statistics = {
        n for node in model.graph.node if node.op_type == "BatchNormalization" for n in node.input[3:]
    }
    sizes = {
        v.name: math.prod(d.dim_value for d in v.type.tensor_type.shape.dim) for v in model.graph.input[1:]
    }
    assert sum(size for n, size in sizes.items() if n not in statistics) == zoo.facts(name).parameters
    assert counting.macs(model) == pytest.approx(int(counted()[name]["macs"]), rel=1e-3)
    assert model.opset_import[0].version <= 17, "ONNX Runtime 1.19 and older must load it"
    assert model.ir_version <= 8


@pytest.mark.parametrize("name", zoo.NAMES)
def test_what_is_published_names_its_source_and_licence(name):
    facts = zoo.facts(name)
    known = [facts.top1 is not None, facts.top1_n == 50_000, facts.accuracy_group is not None]
    assert len(set(known)) == 1
    assert facts.top1_source == ("published-same-architecture" if facts.top1 else None)
    assert facts.licence in {"BSD-3-Clause", "Apache-2.0"}
    assert facts.origin.split()[0] in {"torchvision", "timm", "own"}
    assert (
        facts.top1 is None or sum(zoo.facts(n).accuracy_group == facts.accuracy_group for n in zoo.NAMES) == 1
    )


@pytest.mark.skipif(not SHARED.is_dir(), reason="the published tables are not beside this checkout")
def test_published_accuracies_are_those_of_the_published_tables():
    tables = {
        "torchvision": ("torchvision/torchvision_weights.csv", "acc1", "acc5"),
        "timm": ("timm/results-imagenet.csv", "top1", "top5"),
    }
    for source, (path, top1, top5) in tables.items():
        with (SHARED / path).open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        for facts in map(zoo.facts, zoo.NAMES):
            if (facts.accuracy_group or "").split(" ")[0] == source:
                label = facts.accuracy_group.split(" ")[1]
                same = [row for row in rows if label in (row["model"], _torchvision(row))]
                assert (facts.top1, facts.top5) in {(float(r[top1]), float(r[top5])) for r in same}, (
                    facts.name
                )


def _torchvision(row: dict[str, str]) -> str:
    return f"{row['model']}_Weights.{row.get('weights')}"


@pytest.mark.parametrize("name", SMALL)
def test_a_network_has_the_same_bytes_everywhere(name, built):
    file = built(name)
    data = file.path.read_bytes()
    assert hashlib.sha256(data).hexdigest() == file.sha256 == zoo.facts(name).sha256
    assert len(data) == file.size_bytes == zoo.facts(name).size_bytes


@pytest.mark.parametrize("name", SMALL)
def test_what_the_file_says_is_what_the_catalogue_says(name, built):
    facts, known = onnxfile.inspect(built(name).path), zoo.facts(name)
    assert (facts.parameters, facts.macs) == (known.parameters, known.macs)
    assert (facts.weights_precision, facts.fixed_batch_size) == ("fp32", None)
    assert facts.inputs == (onnxfile.OnnxInput(known.input, "float", (None, *known.input_shape)),)
    assert facts.opset <= 17, "ONNX Runtime 1.19 and older must load it"
    assert facts.ir_version <= 8


def test_the_bytes_are_those_that_protobuf_writes(built):
    path = built("squeezenet1_1").path
    assert onnx.load(path).SerializeToString(deterministic=True) == path.read_bytes()


def test_structures_are_text_without_weights():
    for name in zoo.NAMES:
        text = zoo.structure_text(name)
        assert text.isascii()
        assert len(text) < 200_000
        assert not onnx.parser.parse_model(text).graph.initializer


def splitmix64(key: int, index: int) -> int:
    """The published algorithm (Steele, Lea, Flood 2014) in Python's own integers."""
    mask = 2**64 - 1
    z = (key + (index + 1) * 0x9E3779B97F4A7C15) & mask
    z = ((z ^ z >> 30) * 0xBF58476D1CE4E5B9) & mask
    z = ((z ^ z >> 27) * 0x94D049BB133111EB) & mask
    return z ^ z >> 31


def float32(x: float) -> float:
    return struct.unpack("<f", struct.pack("<f", x))[0]


@pytest.mark.parametrize("spread", [rules.he_uniform((64, 3, 7, 7)), rules.BIAS, rules.NORM_SCALE])
def test_weights_are_a_hash_of_their_index_and_name(spread):
    count = fill.BLOCK + 3
    filled = np.concatenate(list(fill.blocks("conv1_weight", count, spread)))
    key = int.from_bytes(hashlib.sha256(b"paretofleet fill 1 1 conv1_weight").digest()[:8], "big")
    for index in [*range(50), fill.BLOCK - 1, fill.BLOCK, count - 1]:
        unit = (2 * (splitmix64(key, index) >> 40) + 1 - 2**24) / 2**24
        expected = float32(float32(unit * float32(spread.half_width)) + float32(spread.centre))
        assert filled[index] == expected
    assert filled.dtype == np.float32
    assert len(filled) == count


def test_weights_follow_he_and_differ_by_name_and_seed():
    shape = (256, 128, 3, 3)
    spread = rules.he_uniform(shape)
    first, other = (np.concatenate(list(fill.blocks(n, 300_000, spread))) for n in ("a", "b"))
    assert first.std() == pytest.approx(math.sqrt(2 / (128 * 3 * 3)), rel=0.01)
    assert abs(first.mean()) < 0.01 * spread.half_width
    assert abs(np.corrcoef(first, other)[0, 1]) < 0.01
    assert abs(np.corrcoef(first[1:], first[:-1])[0, 1]) < 0.01
    assert not np.array_equal(first[:10], next(fill.blocks("a", 10, spread, seed=2)))


def test_the_first_weights_are_golden():
    assert [float(v).hex() for v in next(fill.blocks("w", 3, fill.Spread(0.0, 1.0)))] == GOLDEN_FIRST


def test_an_unknown_network_is_refused_by_name(tmp_path):
    for ask in (zoo.facts, zoo.structure_text, lambda n: zoo.build(n, tmp_path / "x.onnx")):
        with pytest.raises(errors.NotFound, match="no network 'resnet51': choose one of alexnet, "):
            ask("resnet51")


def test_other_bytes_are_refused_and_leave_nothing(tmp_path, monkeypatch):
    import dataclasses

    wrong = dataclasses.replace(zoo.facts("squeezenet1_1"), sha256="0" * 64)
    monkeypatch.setitem(catalogue.CATALOGUE, "squeezenet1_1", wrong)
    with pytest.raises(errors.ModelRefused, match="zoo:squeezenet1_1 came out with SHA-256"):
        zoo.build("squeezenet1_1", tmp_path / "x.onnx")
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_leaves_the_old_file_whole(tmp_path, monkeypatch):
    path = tmp_path / "x.onnx"
    path.write_bytes(b"old")

    def no_room(_descriptor):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", no_room)
    with pytest.raises(errors.StorageUnavailable, match="no room for zoo:squeezenet1_1"):
        zoo.build("squeezenet1_1", path)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_missing_folder_is_one_sentence(tmp_path):
    with pytest.raises(
        errors.Refused, match=r"cannot write zoo:squeezenet1_1 to .*: No such file or directory"
    ):
        zoo.build("squeezenet1_1", tmp_path / "nowhere" / "x.onnx")


def test_published_training_compute_has_a_source_and_the_accuracy_that_was_trained_for():
    published = {name: zoo.facts(name).training for name in zoo.NAMES if zoo.facts(name).training}
    assert {name: each["compute_tflops_days"] for name, each in published.items()} == {
        "alexnet": 3.1,
        "googlenet": 0.71,
        "mobilenet_v1": 0.28,
        "shufflenet_v2_x1_0": 0.12,
        "efficientnet_b0": 0.069,
        "resnet50": 17.0,
    }
    assert all("Hernandez and Brown 2020" in each["compute_source"] for each in published.values())
    assert published["alexnet"]["compute_source"].endswith("to 79.1 % top-5")
    assert published["resnet50"]["compute_source"].endswith("to 92.9 % top-5")
