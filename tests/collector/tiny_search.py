"""A tiny search: networks of a few kilobytes, and a training that is a formula, so that all is repeatable."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

PYTHON = sys.executable
MODULE = """
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper


def build(member, path, seed):
    random = np.random.default_rng(seed)
    width, kernel = member["width"], member["kernel"]
    nodes, weights, channels, last = [], [], 3, "image"
    for layer in range(member["depth"]):
        shape = (width, channels, kernel, kernel)
        name = f"w{layer}"
        weights.append(numpy_helper.from_array(random.normal(size=shape).astype(np.float32), name))
        pads = [kernel // 2] * 4
        nodes.append(helper.make_node("Conv", [last, name], [f"c{layer}"], pads=pads))
        nodes.append(helper.make_node("Relu", [f"c{layer}"], [f"r{layer}"]))
        channels, last = width, f"r{layer}"
    nodes.append(helper.make_node("GlobalAveragePool", [last], ["y"]))
    x = helper.make_tensor_value_info("image", TensorProto.FLOAT, ["batch", 3, 16, 16])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, ["batch", width, 1, 1])
    graph = helper.make_graph(nodes, "member", [x], [y], weights)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)]), path)
"""
#: Says that it began; takes PAUSE_S, and longer while it is held; and fails for the networks of depth 3.
TRAINER = """
import hashlib, json, os, sys, time
from pathlib import Path
from typing import Any

member = json.loads(Path("member.json").read_text())
key = json.dumps(member, sort_keys=True)
with open(sys.argv[1], "a") as log:
    log.write(key + "\\n")
time.sleep(float(sys.argv[2]))
while Path(sys.argv[1] + ".hold").exists():
    time.sleep(0.05)
if member["depth"] == 3:
    sys.exit("out of ideas")
luck = int(hashlib.sha256(key.encode()).hexdigest(), 16) % 1000 / 1000
top1 = 60 + 8 * member["depth"] + member["width"] / 2 + luck
# trained otherwise by each seed, as far as a file shows: another comment at its end
seed = os.environ["PARETOFLEET_SEED"].encode()
Path("model.onnx").write_bytes(Path("built.onnx").read_bytes() + bytes([0x32, len(seed)]) + seed)
split = os.environ["PARETOFLEET_SPLIT"]
Path("result.json").write_text(json.dumps({"top1": top1, "top1_n": 4000, "split": split}))
"""
SPACE = """
space:
  module: ./space.py
  parameters: {{width: {widths}, depth: [1, 2, 3], kernel: [1, 3], twin: [0, 1]}}
train: {{command: [{python}, train.py, {begun}, "{pause_s}"], seeds: 1, timeout: 60s}}
measure:
  devices: {devices}
  runtimes: [onnxruntime]
  batch_sizes: [1]
  protocol: quick
  repeats: {{min: 2, max: 2}}
  anchor: ./anchor.onnx
  wait_s: {wait_s}
objectives: [top1, batch_latency_p90_s, energy_j_per_item]
limits: {{top1: 65}}
start: 4
seeds: [{{width: 4, depth: 1, kernel: 1, twin: 0}}]
control: 0.25
"""


def write_search(
    folder: Path,
    devices: list[str],
    *,
    pause_s: float = 0.0,
    wait_s: float = 600.0,
    widths: Sequence[int] = (4, 8, 12, 16, 24),
) -> tuple[Path, Path]:
    """The specification of the tiny search on these devices, and where its trainer says that it began."""
    from networks import convolution  # of the system tests

    folder.mkdir(parents=True, exist_ok=True)
    (folder / "space.py").write_text(MODULE)
    (folder / "train.py").write_text(TRAINER)
    convolution(folder / "anchor.onnx", channels=4, side=16)
    begun = folder.parent / "begun.txt"
    text = SPACE.format(
        python=PYTHON,
        begun=begun,
        pause_s=pause_s,
        devices=f"[{', '.join(devices)}]",
        wait_s=wait_s,
        widths=list(widths),
    )
    (folder / "space.yaml").write_text(text)
    return folder / "space.yaml", begun


def hold(log: Path) -> Path:
    """Lets no training of this `log` end before the file that it returns is deleted."""
    held = log.with_name(log.name + ".hold")
    held.touch()
    return held


def begun(log: Path) -> list[dict[str, Any]]:
    """The members whose training began, by what the trainer wrote into its `log`."""
    return [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []
