"""The zoo's networks do work: nothing of them may be called `no_work`. One small network of each kind."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import pytest
from paretofleet_agent.runner.runtimes import onnxruntime_runtime
from paretofleet_collector.models import zoo

pytestmark = pytest.mark.system


@pytest.mark.parametrize("name", ["squeezenet1_1", "mobilenet_v2", "resnet18"])
def test_the_outputs_of_every_network_change_with_its_input(tmp_path: Path, name: str) -> None:
    pytest.importorskip("onnxruntime")
    built = zoo.build(name, tmp_path / "m.onnx")
    request = {
        "artifact": str(built.path),
        "reference_python": sys.executable,
        "runtime": "onnxruntime",
        "target_id": "cpu",
        "mode": "latency",
        "timing_scope": "copy+compute",
        "precision": "native",
        "batch_size": 1,
        "threads": 1,
        "seed": 7,
        "options": {},
    }
    ready = onnxruntime_runtime.OnnxRuntime(request, time.perf_counter_ns).ready()
    assert ready["effective"]["depends_on_input"] is True
    assert ready["flags"] == []
