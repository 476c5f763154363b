"""A tflite file from the command to the report, through a real collector, a real agent and LiteRT."""

from __future__ import annotations

import json
import os

import pandas as pd
import pytest
import tflite_files
from farm import Farm

PYTHON = os.environ.get("PARETOFLEET_TEST_LITERT_PYTHON")
pytestmark = [
    pytest.mark.system,
    pytest.mark.skipif(
        not PYTHON, reason="NOT TRIED: PARETOFLEET_TEST_LITERT_PYTHON names no Python with ai-edge-litert"
    ),
]


def test_a_tflite_file_is_swept_beside_an_onnx_one(tmp_path) -> None:
    farm = Farm(tmp_path)
    farm.start_collector()
    try:
        (tmp_path / "here").mkdir()
        (tmp_path / "here" / "agent.ini").write_text(f"[runtimes]\nlitert = {PYTHON}\n")
        farm.start_agent("here")
        farm.command("models", "add", tflite_files.layer(tmp_path / "layer.tflite", "free"))
        shown = farm.command("models", "show", "layer")
        assert "tflite" in shown
        farm.command(
            "sweep", "submit", "--name", "small", "--model", "layer", "--runtime", "litert",
            "--batch-size", "1,4", "--protocol", "quick", "--repeats", "1", "--watch",
        )  # fmt: skip
        farm.command("report", "pull", "small", "-o", tmp_path / "small.parquet")
        frame = pd.read_parquet(tmp_path / "small.parquet")
        assert list(frame["status"]) == ["ok", "ok"]
        assert set(frame["runtime"]) == {"litert"}
        assert sorted(frame["batch_size"]) == [1, 4]
        refused = farm.run("sweep", "plan", "--model", "layer")
        assert refused.returncode == 1
        assert "layer has only tflite files: run it with litert" in refused.stderr
        assert json.loads(farm.command("models", "list", "-o", "json"))[0]["graph"]["format"] == "tflite"
    finally:
        farm.close()
