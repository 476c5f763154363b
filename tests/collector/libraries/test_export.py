"""Networks of torchvision and timm become files with their own weights, without a download.

PARETOFLEET_TEST_LIBRARIES_PYTHON names a Python that has torch, torchvision, timm and onnx.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnxruntime as ort
import pytest
from paretofleet_collector import libraries
from paretofleet_collector.errors import ModelRefused, NotFound, Refused
from paretofleet_collector.models import onnxfile, zoo

PYTHON = os.environ.get("PARETOFLEET_TEST_LIBRARIES_PYTHON", "")
real = pytest.mark.skipif(
    not PYTHON,
    reason="NOT TRIED: PARETOFLEET_TEST_LIBRARIES_PYTHON names no Python with torchvision and timm",
)
MAKE_WEIGHTS = """
import sys; sys.path.insert(0, sys.argv[1])
import export, torch
torch.manual_seed(7)
net = export.import_torchvision().models.squeezenet1_1(weights=None).eval()
torch.save(net.state_dict(), sys.argv[2])
image = torch.arange(3 * 224 * 224, dtype=torch.float32).reshape(1, 3, 224, 224) % 17 / 17
import numpy; numpy.save(sys.argv[3], net(image).detach().numpy())
"""


def logits(path: Path) -> np.ndarray:
    image = (np.arange(3 * 224 * 224, dtype=np.float32).reshape(1, 3, 224, 224) % 17) / 17
    session = ort.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return session.run(None, {"input": image})[0]


@pytest.fixture
def without_libraries(tmp_path: Path) -> str:
    """An interpreter of this kind in which torch cannot be imported, whatever is installed."""
    program = tmp_path / "python"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -S -E "$@"\n')
    program.chmod(0o755)
    return str(program)


def test_a_missing_library_is_a_sentence_with_what_to_type(tmp_path, without_libraries):
    with pytest.raises(Refused, match=r"cannot import torch, which timm:resnet50 needs: install it with `.*"):
        libraries.export("timm:resnet50", tmp_path / "m.onnx", python=without_libraries)
    with pytest.raises(Refused, match="pip install torch torchvision onnx`, or name a Python"):
        libraries.export("torchvision:resnet50", tmp_path / "m.onnx", python=without_libraries)


def test_what_is_no_python_and_no_file_is_said(tmp_path):
    with pytest.raises(Refused, match=r"cannot be started .* --python"):
        libraries.export("timm:resnet50", tmp_path / "m.onnx", python=str(tmp_path / "none"))
    with pytest.raises(Refused, match=r"is not a file"):
        libraries.export("timm:resnet50", tmp_path / "m.onnx", weights=tmp_path / "none.pth")


@real
def test_a_network_is_that_of_the_zoo_and_says_that_its_weights_are_seeded(tmp_path):
    made = libraries.export("torchvision:squeezenet1_1", tmp_path / "m.onnx", python=PYTHON)
    assert (made.name, made.licence, made.is_trained) == ("squeezenet1_1", "BSD-3-Clause", False)
    assert (made.top1, made.top1_source) == (None, "")
    facts, known = onnxfile.inspect(tmp_path / "m.onnx"), zoo.facts("squeezenet1_1")
    assert (facts.parameters, facts.macs) == (known.parameters, known.macs)
    assert facts.fixed_batch_size is None


@real
def test_the_users_weights_are_what_torch_computes_with_and_have_no_published_accuracy(tmp_path):
    weights, expected = tmp_path / "w.pth", tmp_path / "logits.npy"
    folder = str(Path(libraries.__file__).parent)
    subprocess.run([PYTHON, "-c", MAKE_WEIGHTS, folder, str(weights), str(expected)], check=True)
    name = "torchvision:squeezenet1_1"
    made = libraries.export(name, tmp_path / "m.onnx", weights=weights, python=PYTHON)
    assert made.is_trained
    assert (made.top1, made.licence) == (None, "")
    assert np.allclose(logits(tmp_path / "m.onnx"), np.load(expected), rtol=1e-4, atol=1e-5)
    with pytest.raises(ModelRefused, match=r"does not hold its weights .* of the same network"):
        libraries.export("torchvision:alexnet", tmp_path / "a.onnx", weights=weights, python=PYTHON)


@real
def test_a_misspelt_name_has_its_neighbours(tmp_path):
    with pytest.raises(NotFound, match=r"torchvision has no network 'resnet5O': did you mean resnet50"):
        libraries.export("torchvision:resnet5O", tmp_path / "m.onnx", python=PYTHON)
    with pytest.raises(NotFound, match=r"did you mean resnet50\.IMAGENET1K_V2"):
        libraries.export("torchvision:resnet50.IMAGENET1K_V3", tmp_path / "m.onnx", python=PYTHON)
    with pytest.raises(NotFound, match=r"timm has no network .* did you mean .*efficientnet_lite0"):
        libraries.export("timm:eficientnet_lite0", tmp_path / "m.onnx", python=PYTHON)


@real
def test_a_checkpoint_in_the_hubs_cache_has_the_accuracy_that_was_published_of_it(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    kept = tmp_path / "hub/models--timm--mobilenetv3_small_050.lamb_in1k"
    (kept / "refs").mkdir(parents=True)
    (kept / "refs/main").write_text("abc")
    (kept / "snapshots/abc").mkdir(parents=True)
    program = (
        "import sys; sys.path.insert(0, sys.argv[1]); import export; export.import_torchvision()\n"
        "import timm; from safetensors.torch import save_file\n"
        "save_file(timm.create_model('mobilenetv3_small_050').state_dict(), sys.argv[2])\n"
    )
    file = kept / "snapshots/abc/model.safetensors"
    folder = str(Path(libraries.__file__).parent)
    subprocess.run([PYTHON, "-c", program, folder, str(file)], check=True)
    made = libraries.export("timm:mobilenetv3_small_050", tmp_path / "m.onnx", python=PYTHON)
    assert made.weights_source == "timm mobilenetv3_small_050.lamb_in1k"
    assert (made.top1_n, made.top1_source, made.is_trained) == (50_000, "published-same-weights", True)
    assert (made.top1, made.top5) == (57.918, 80.144)
    assert made.licence == "apache-2.0", "as timm writes it"
