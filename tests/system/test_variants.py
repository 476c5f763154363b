"""A network and its variants, made by the command or by the sweep, measured by a real agent."""

from __future__ import annotations

import json

import pandas as pd
import pytest
from farm import Farm
from networks import convolution

pytestmark = pytest.mark.system
MADE = ("int8-dynamic", "pruned-50", "clustered-16")


def test_a_network_is_swept_beside_its_variants(farm: Farm) -> None:
    farm.start_agent("here")
    farm.command("models", "add", convolution(farm.root / "net.onnx"), "--top1", "70", "--top1-n", "100")
    planned = farm.run("sweep", "plan", "--model", "net", "--precision", "fp32,int8", "--protocol", "quick")
    sentence = next(line for line in planned.stderr.splitlines() if "will be made" in line)
    assert "static quantisation to int8 (QDQ), per channel" in sentence
    static = sentence.split()[0].removeprefix("net@")  # 7 bits where this processor has no VNNI
    made = (static, *MADE)
    farm.command("models", "quantize", "net", "--dynamic")
    farm.command("models", "prune", "net")
    farm.command("models", "cluster", "net")
    farm.command(
        "sweep", "submit", "--name", "first", "--model", "net", "--precision", "fp32,int8",
        "--protocol", "quick", "--repeats", "1", "--watch",
    )  # fmt: skip
    variants = ",".join(f"net@{name}" for name in made)
    farm.command(
        "sweep", "submit", "--name", "all", "--model", f"net,{variants}",
        "--protocol", "quick", "--repeats", "1", "--watch",
    )  # fmt: skip
    farm.command("report", "pull", "all", "-o", farm.root / "all.parquet")
    frame = pd.read_parquet(farm.root / "all.parquet").set_index("variant")
    assert set(frame.index) == {"file", *made}
    assert set(frame["status"]) == {"ok"}
    assert frame.loc["file", "top1"] == 70
    assert frame.loc[list(made), "top1"].isna().all(), "a variant has no accuracy of its parent"
    assert frame.loc[static, "effective_precision"] == "int8"
    listed = {each["variant"]: each for each in json.loads(farm.command("models", "list", "-o", "json"))
              if each["model"] == "net"}  # fmt: skip
    for name in ("pruned-50", "clustered-16"):
        assert (
            frame.loc[name, "size_bytes"]
            == listed[name]["compressed_bytes"]
            < frame.loc["file", "size_bytes"]
        )
    shown = farm.command("models", "show", f"net@{static}")
    assert "net@file" in shown
    assert "onnxruntime " in shown
