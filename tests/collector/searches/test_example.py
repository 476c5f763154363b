"""The example of a search: its space is as large as it says, its members are built, its training trains."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from paretofleet_analysis.search.members import members_at, values_of
from paretofleet_collector.models.onnxfile import reading
from paretofleet_collector.searches.building import BuiltMember, build
from paretofleet_collector.searches.parsing import parse_search

EXAMPLE = Path(__file__).parents[3] / "examples" / "search"
IMAGES = Path("/usr/share/datasets/fashion-mnist")
#: How many images the splits have that are not learnt from.
SIZES = {
    "fashion-mnist": {"validation": 4000, "test": 10_000},
    "digits": {"validation": 300, "test": 400},
}
TORCH = os.environ.get("PARETOFLEET_TEST_TORCH_PYTHON", "")


@pytest.fixture(scope="module")
def search():
    return parse_search((EXAMPLE / "space.yaml").read_text(), EXAMPLE)


@pytest.fixture(scope="module")
def module():
    spec = importlib.util.spec_from_file_location("example_space", EXAMPLE / "space.py")
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


def test_the_space_is_as_large_as_it_says(search) -> None:
    assert search.space().size == 373_248
    assert len(search.hand_made) == 5
    assert "373,248 members" in (EXAMPLE / "space.yaml").read_text()


def test_members_drawn_at_random_can_be_measured(search, module, tmp_path: Path) -> None:
    space = search.space()
    numbers = np.random.default_rng(1).integers(0, space.size, 20)
    for number, codes in zip(numbers, members_at(space, numbers), strict=True):
        path = tmp_path / f"{number}.onnx"
        module.build(values_of(space, codes), path, 1)
        facts = reading.read(path, "member")
        assert facts.fixed_batch_size is None
        assert facts.graph["batch"] == "N"
        assert facts.macs
        session = onnxruntime.InferenceSession(str(path))
        (scores,) = session.run(None, {"image": np.ones((3, 1, 14, 14), dtype=np.float32)})
        assert scores.shape == (3, 10)
        assert 0.01 < np.abs(scores).max() < 1e3, "seeded weights neither vanish nor explode"


def test_a_member_is_built_as_a_search_does(search, tmp_path: Path) -> None:
    built = build(search, search.hand_made[0], tmp_path, lock_folder=tmp_path)
    assert isinstance(built, BuiltMember), built
    assert built.inputs == (("image", "float", (None, 1, 14, 14)),)


@pytest.mark.skipif(not TORCH, reason="PARETOFLEET_TEST_TORCH_PYTHON names no Python with torch")
@pytest.mark.parametrize("split", ["validation", "test"])
@pytest.mark.parametrize("data", ["fashion-mnist", "digits"])
def test_the_training_trains_what_was_built(search, module, data: str, split: str, tmp_path: Path) -> None:
    if data == "fashion-mnist" and not IMAGES.is_dir():
        pytest.skip("Debian's dataset-fashion-mnist is not installed")
    member = dict(search.hand_made[0])
    module.build(member, tmp_path / "built.onnx", 1)
    (tmp_path / "member.json").write_text(json.dumps(member))
    folder = str(IMAGES if data == "fashion-mnist" else tmp_path / "none")
    given = {"PARETOFLEET_SEED": "1", "PARETOFLEET_SPLIT": split, "FASHION_MNIST": folder}
    done = subprocess.run(
        [TORCH, str(EXAMPLE / "train.py")],
        cwd=tmp_path,
        env=os.environ | given,
        check=True,
        capture_output=True,
        text=True,
    )
    result = json.loads((tmp_path / "result.json").read_text())
    assert done.stdout.startswith(f"{data}, {split}: ")
    assert (result["split"], result["data"]) == (split, data)
    assert result["top1_n"] == SIZES[data][split]
    assert 60 < result["top1"] < 99
    before, after = (onnx.load(tmp_path / name) for name in ("built.onnx", "model.onnx"))
    assert [each.name for each in before.graph.initializer] == [each.name for each in after.graph.initializer]
    assert before.graph.node == after.graph.node


def test_without_fashion_mnist_there_are_the_digits_and_no_image_is_in_two_splits(tmp_path: Path) -> None:
    pytest.importorskip("sklearn")
    read = images_without_fashion(tmp_path)
    seen: set[bytes] = set()
    count = 0
    for split in ("train", "validation", "test"):
        name, images, labels = read(split)
        assert (name, images.dtype, labels.dtype) == ("digits", np.float32, np.int64)
        assert images.shape == (len(labels), 1, 14, 14)
        assert set(labels) == set(range(10))
        assert abs(images.mean()) < 0.1
        seen |= {image.tobytes() for image in images}
        count += len(images)
        assert split == "train" or len(images) == SIZES["digits"][split]
    assert count == len(seen) == 1797


def test_without_either_it_says_what_to_install(tmp_path: Path, monkeypatch) -> None:
    read = images_without_fashion(tmp_path)
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    with pytest.raises(SystemExit, match="apt-get install dataset-fashion-mnist, or install scikit-learn"):
        read("train")


def images_without_fashion(folder: Path):
    """`read_images` of the example where Fashion-MNIST is not installed."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FASHION_MNIST", str(folder / "none"))
        patch.syspath_prepend(str(EXAMPLE))
        for name in ("space", "images"):
            patch.delitem(sys.modules, name, raising=False)
        images = importlib.import_module("images")
        for name in ("space", "images"):
            patch.delitem(sys.modules, name)
    return images.read_images


def test_without_torch_the_training_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "torch.py").write_text("raise ImportError('no torch')")
    env = {**os.environ, "PYTHONPATH": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, str(EXAMPLE / "train.py")], env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "has no torch: install it there, or name a Python that has it" in done.stderr
