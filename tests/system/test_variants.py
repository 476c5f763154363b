"""A network and its variants, made by the command or by the sweep, measured by a real agent."""

from __future__ import annotations

import json

import numpy as np
import onnxruntime
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
    farm.command(
        "sweep", "submit", "--name", "first", "--model", "net", "--precision", "fp32,int8",
        "--protocol", "quick", "--repeats", "1", "--watch",
    )  # fmt: skip
    farm.command("models", "quantize", "net", "--dynamic")
    farm.command("models", "prune", "net")
    farm.command("models", "cluster", "net")
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
    again = evaluated(farm, ["file", *made])
    assert again.loc["file", "top1"] == pytest.approx(90.0)
    assert set(again["top1_source"]) == {"measured"}
    assert again.loc[["clustered-16", "pruned-50"], "top1"].min() < 90.0, "what a file has right is its own"
    for name in again.index:
        (each,) = farm.listing("models", "show", f"net@{name}")
        assert each["evaluations"][0]["top1"] == pytest.approx(again.loc[name, "top1"])
    farm.command("analyze", farm.root / "again.parquet", "-o", farm.root / "page.html")
    assert "clustered-16" in (farm.root / "page.html").read_text(encoding="utf-8")


def evaluated(farm: Farm, variants: list[str]) -> pd.DataFrame:
    """The report of `all` by variant, once all `variants` were evaluated: the network has 9 in 10 right."""
    random = np.random.default_rng(3)
    tones = random.normal(0, 2.0, (120, 3, 1, 1))  # images of one tone each: their classes are many
    x = (tones + random.normal(0, 0.5, (120, 3, 32, 32))).astype(np.float32)
    session = onnxruntime.InferenceSession(farm.root / "net.onnx", providers=["CPUExecutionProvider"])
    y = session.run(None, {"image": x})[0].argmax(axis=1)
    np.savez(farm.root / "set.npz", x=x, y=np.where(np.arange(len(y)) % 10 == 0, (y + 1) % 10, y))
    farm.command("models", "evaluate", *(f"net@{name}" for name in variants), "--data", "set.npz")
    farm.command("report", "pull", "all", "-o", farm.root / "again.parquet")
    return pd.read_parquet(farm.root / "again.parquet").set_index("variant")
