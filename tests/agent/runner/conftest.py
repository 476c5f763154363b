"""A small network of torchvision, where a Python with torch was named."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import paretofleet_agent
import pytest

TORCH_PYTHON = os.environ.get("PARETOFLEET_TEST_TORCH_PYTHON")
EXPORT = """
import sys
sys.path.insert(0, {agent!r})
from paretofleet_agent.runner.runtimes.torch_architecture import import_models
import torch
torch.manual_seed(1)
net = getattr(import_models(), {name!r})().eval()
for weight in net.parameters():  # the exporter merges equal ones
    weight.data.uniform_(-0.1, 0.1)
torch.onnx.export(net, torch.rand(2, 3, 64, 64), {path!r}, dynamo=False, opset_version=17,
    export_params=True, do_constant_folding=False, training=torch.onnx.TrainingMode.PRESERVE,
    input_names=["input"], output_names=["logits"],
    dynamic_axes={{"input": {{0: "N"}}, "logits": {{0: "N"}}}})
"""


@pytest.fixture(scope="session")
def squeezenet(tmp_path_factory):
    """A small network of torchvision as its own exporter writes it, under the name of its builder."""
    onnx = pytest.importorskip("onnx")
    path = tmp_path_factory.mktemp("torch") / "squeezenet1_1.onnx"
    agent = str(Path(paretofleet_agent.__file__).parent.parent)
    source = EXPORT.format(agent=agent, name="squeezenet1_1", path=str(path))
    subprocess.run([TORCH_PYTHON, "-c", source], check=True, capture_output=True)
    model = onnx.load(str(path))
    model.graph.name = "squeezenet1_1"
    onnx.save(model, str(path))
    return path
