"""A small space on the disk, with whatever module, training and specification a test needs."""

from __future__ import annotations

from pathlib import Path

from paretofleet_collector.searches.building import BuiltMember, build
from paretofleet_collector.searches.parsing import parse_search
from paretofleet_collector.searches.specification import SearchSpecification

#: Writes networks of one convolution; `depth` changes nothing, so that members share graphs.
MODULE = """
import numpy as np
import onnx
from onnx import helper, numpy_helper

def build(member, path, seed, batch="N", side=8, spoilt=False):
    random = np.random.default_rng(seed)
    width = member["width"]
    weights = {"kernel": random.normal(0, 0.3, (width, 1, 3, 3)), "head": random.normal(0, 0.3, (width, 10))}
    if spoilt:
        weights["kernel"][0, 0, 0, 0] = np.nan
    nodes = [
        helper.make_node("Conv", ["image", "kernel"], ["c"], pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["c"], ["r"]),
        helper.make_node("GlobalAveragePool", ["r"], ["p"]),
        helper.make_node("Flatten", ["p"], ["f"]),
        helper.make_node("MatMul", ["f", "head"], ["scores"]),
    ]
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        nodes, "member", [value("image", 1, [batch, 1, side, side])], [value("scores", 1, [batch, 10])],
        [numpy_helper.from_array(each.astype(np.float32), name) for name, each in weights.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, path)
"""
TRAINING = """
import json, shutil
shutil.copy("built.onnx", "model.onnx")
json.dump({"top1": 71.5, "top1_n": 4000, "split": "validation"}, open("result.json", "w"))
"""
SPECIFICATION = """
name: edge1
space: {module: ./space.py, parameters: {width: [4, 8, 12], depth: [1, 2]}}
train: {command: [python, train.py], timeout: 5m, memory: 1GiB, disk: 50MB}
measure: {devices: {class: [cpu]}, anchor: zoo:squeezenet1_1}
objectives: [top1, batch_latency_p90_s]
"""
MEMBER = {"width": 4, "depth": 1}


def written(
    folder: Path, module: str = MODULE, training: str = TRAINING, text: str = SPECIFICATION
) -> SearchSpecification:
    """The specification of these three texts, which lie in `folder`."""
    (folder / "space.py").write_text(module)
    (folder / "train.py").write_text(training)
    return parse_search(text, folder)


def built_in(folder: Path, specification: SearchSpecification) -> BuiltMember:
    """The first member of the space, built."""
    built = build(specification, MEMBER, folder / "built", lock_folder=folder)
    assert isinstance(built, BuiltMember), built
    return built
