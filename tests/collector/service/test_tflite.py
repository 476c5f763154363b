"""A tflite file from `add_model` to the grant: planned for the runtime that reads it, or refused."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
import tflite_files
from paretofleet_collector.errors import ModelRefused, Refused
from paretofleet_collector.model.entities import Inventory, RuntimeInfo, Target, Variant
from paretofleet_collector.model.messages import NewModel, Session
from paretofleet_collector.service import catalogue, leases, submission
from rig import Rig

INVENTORY = Inventory(
    targets=(Target("cpu", "cpu"),),
    runtimes=tuple(RuntimeInfo(name, "1", ("cpu",)) for name in ("onnxruntime", "litert")),
    cpus=(0, 1),
    wire_version=2,
)


def add(rig: Rig, data: bytes, name: str = "net", **more: Any) -> Variant:
    async def pieces():
        yield data

    new = NewModel(name, size_bytes=len(data), sha256=hashlib.sha256(data).hexdigest(), **more)
    return rig.do(catalogue.add_model(rig.context, new, pieces()))


def plan(rig: Rig, **spec: Any) -> Any:
    text = json.dumps({"models": ["net"], "protocol": "quick", "repeats": 1, **spec})
    return rig.do(submission.plan_sweep(rig.context, text))


def layer(tmp_path: Path, *kinds: str) -> bytes:
    return tflite_files.layer(tmp_path / "made", *kinds).read_bytes()


@pytest.fixture(autouse=True)
def session(rig: Rig) -> Session:
    session = rig.joined()
    rig.hello(session, inventory=INVENTORY)
    return session


def test_a_file_is_described_and_granted_to_litert(rig: Rig, session, tmp_path):
    added = add(rig, layer(tmp_path, "int8", "free"))
    assert (added.format, added.weights_precision, added.parameters, added.macs) == (
        "tflite",
        "int8",
        64 * 256 + 64,
        64 * 256,
    )
    assert added.fixed_batch_size is None
    assert added.recipe == "file (these tests)"
    text = {"models": ["net"], "runtimes": ["litert"], "precisions": ["int8"], "batch_sizes": [4]}
    rig.do(submission.submit(rig.context, "r", json.dumps({**text, "protocol": "quick", "repeats": 1})))
    grant = rig.do(leases.lease(rig.context, session)).grant
    with pytest.raises(ModelRefused, match="cut is damaged or cut short"):
        add(rig, layer(tmp_path)[:400], "cut")
    assert "cut" not in {each.model for each in rig.do(catalogue.list_models(rig.context))}
    assert (grant.artifact.sha256, grant.planned.configuration.runtime) == (added.sha256, "litert")


def test_each_runtime_gets_the_file_that_it_reads_or_is_refused_at_plan(rig: Rig, tmp_path):
    add(rig, layer(tmp_path))
    with pytest.raises(Refused, match="onnxruntime reads onnx files, and net has only tflite files: run it"):
        plan(rig)
    both = plan(rig, runtimes=["onnxruntime", "litert"])
    assert [each.runtime for each in both.configurations] == ["litert"]
    with pytest.raises(Refused, match="batch axis fixed at 1"):
        plan(rig, runtimes=["litert"], batch_sizes=[2])
    with pytest.raises(Refused, match=r"litert reads tflite files.*FILE\.tflite --variant-of tiny"):
        plan(rig, models=["tiny"], runtimes=["litert"])
    add(rig, layer(tmp_path, "whole", "free"), "small", variant_of="tiny")
    with pytest.raises(Refused, match="input n decides the work"):
        plan(rig, models=["tiny"], runtimes=["litert"])
    both = plan(rig, models=["tiny"], runtimes=["onnxruntime", "litert"], inputs={"n": 7})
    variants = {each.runtime: each.variant for each in both.configurations}
    assert variants["litert"] == "small"
    assert variants["onnxruntime"] != "small"
