"""The zoo: the same real networks, to the bit, on every machine, with the published facts."""

import errno
import hashlib
import math
import os
import struct

import numpy as np
import onnx
import pytest
from paretofleet_collector import errors
from paretofleet_collector.models import onnxfile, zoo
from paretofleet_collector.models.zoo import catalogue, fill

# torchvision's table for its IMAGENET1K_V1 weights: parameters, 10**9 MACs, top-1 in percent.
PUBLISHED = {
    "alexnet": (61_100_840, 0.714, 56.522),
    "squeezenet1_1": (1_235_496, 0.349, 58.178),
    "googlenet": (6_624_904, 1.498, 69.778),
    "resnet18": (11_689_512, 1.814, 69.758),
    "mobilenet_v2": (3_504_872, 0.301, 71.878),
    "resnet50": (25_557_032, 4.089, 76.130),
}
GOLDEN_FIRST = ["0x1.30378e0000000p-1", "-0x1.bcaf260000000p-1", "0x1.2119680000000p-3"]
# FlopCounterMode of torch 2.13 on torchvision's networks, halved.
COUNTED_BY_TORCH = {
    "alexnet": 714_188_480,
    "squeezenet1_1": 349_151_936,
    "googlenet": 1_498_376_192,
    "resnet18": 1_814_073_344,
    "mobilenet_v2": 300_774_272,
    "resnet50": 4_089_184_256,
}


def test_the_zoo_holds_the_six_networks():
    assert set(zoo.NAMES) == set(PUBLISHED)


@pytest.mark.parametrize("name", zoo.NAMES)
def test_a_network_has_its_published_facts(name):
    parameters, gmacs, top1 = PUBLISHED[name]
    facts = zoo.facts(name)
    assert facts.parameters == parameters
    assert round(facts.macs / 1e9, 3) == gmacs
    assert facts.macs == COUNTED_BY_TORCH[name]
    assert facts.top1 == top1
    assert (facts.top1_n, facts.top1_source) == (50_000, "published-same-architecture")
    assert sum(zoo.facts(n).accuracy_group == facts.accuracy_group for n in zoo.NAMES) == 1


@pytest.mark.parametrize("name", zoo.NAMES)
def test_a_network_has_the_same_bytes_everywhere(name, built):
    file = built(name)
    data = file.path.read_bytes()
    assert hashlib.sha256(data).hexdigest() == file.sha256 == zoo.facts(name).sha256
    assert len(data) == file.size_bytes == zoo.facts(name).size_bytes


@pytest.mark.parametrize("name", zoo.NAMES)
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
        assert len(text) < 60_000
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


@pytest.mark.parametrize("spread", [fill.he_uniform((64, 3, 7, 7)), fill.BIAS, fill.BN_SCALE])
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
    spread = fill.he_uniform(shape)
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
